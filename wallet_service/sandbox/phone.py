"""A phone with Wallet on it: it holds cards, is woken by pushes and fetches what changed, as an iPhone does.

Source: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import requests

from wallet_service.sandbox.alerts import Notification
from wallet_service.sandbox.device import Device
from wallet_service.sandbox.timeline import Changes, Moment
from wallet_service.sandbox.updates import Updates
from wallet_service.sandbox.verify import PassNotInstallable
from wallet_service.sandbox.wallet import HeldCard, Key, NoSuchCard, Wallet

__all__ = ["HeldCard", "NoSuchCard", "Phone"]

RETRY_WAITS = (1.0, 4.0, 15.0)

Duty = tuple[Literal["register"], Key] | tuple[Literal["look"], str]


class Phone:
    """One simulated phone. Every method may be called from any thread.

    `http` is used by one thread at a time. `clock` returns aware datetimes; their zone is the phone's. `language`
    ("en", "de-DE") is the phone's own and decides how numbers and dates look. `retry_waits` are the seconds between
    tries after a 5xx. A phone with the `seed` of an earlier one is that phone again, after a restart.
    """

    def __init__(
        self,
        name: str,
        *,
        root_pem: bytes,
        http: requests.Session,
        clock: Callable[[], datetime],
        language: str = "en",
        retry_waits: Sequence[float] = RETRY_WAITS,
        changes: Changes | None = None,
        seed: str | None = None,
    ) -> None:
        seed = seed or secrets.token_hex(16)
        self.name = name
        self.language = language.replace("-", "_")
        self.push_token = hashlib.sha256(f"push token of {seed}".encode()).hexdigest()
        self.changes = changes or Changes()
        self._stopping = threading.Event()
        self._wallet = Wallet(clock, self.changes)
        self._updates = Updates(
            self._wallet,
            Device(hashlib.sha256(f"device of {seed}".encode()).hexdigest()[:32], self.push_token, http),
            root_pem=root_pem,
            language=self.language,
            retry_waits=retry_waits,
            stopping=self._stopping,
        )
        self._condition = threading.Condition()
        self._due: dict[Duty, None] = {}
        self._busy = False
        self._worker = threading.Thread(target=self._work, name=f"phone {name}", daemon=True)
        self._worker.start()

    def cards(self) -> tuple[HeldCard, ...]:
        """Return the cards as they stand, in the order in which they were added."""
        return self._wallet.cards()

    def timeline(self) -> tuple[Moment, ...]:
        """Return what the phone did lately, oldest first."""
        return self._wallet.timeline()

    def notification(self) -> Notification | None:
        """Return the latest notification."""
        return self._wallet.notification()

    def add(self, pkpass: bytes) -> HeldCard:
        """Verify a pass, keep it, and register for its updates (once now, again later if the service is down).

        Raises: PassNotInstallable.
        """
        try:
            opened = self._updates.open(pkpass)
        except PassNotInstallable as refusal:
            self._wallet.note("refused", f"Pass not added. {refusal}")
            raise
        card = HeldCard(opened, self._wallet.now())
        self._wallet.put(card)
        self._wallet.note("added", f"Card {opened.serial_number} added to Wallet")
        self._register(card)
        return self._wallet.by_serial(opened.serial_number)

    def wake(self, topic: str) -> None:
        """Take a push for a pass type: look for changes soon, once for all pushes that come until then."""
        if any(card.key[0] == topic and card.takes_updates for card in self.cards()):
            self._wallet.note("pushed", f"Push received for {topic}")
            self._owe(("look", topic))
        else:
            self._wallet.note("pushed", f"Push received for {topic}, but no card of that type takes updates")

    def refresh(self) -> None:
        """Fetch every card now, as pulling down on a card does; a change is shown without a notification."""
        for card in self.cards():
            if card.service:
                self._updates.fetch(card.key, aloud=False)

    def switch_automatic_updates(self, serial_number: str, *, on: bool) -> None:
        """Switch a card's automatic updates: off unregisters it, on registers it and fetches what was missed.

        Raises: NoSuchCard.
        """
        card = self._wallet.by_serial(serial_number)
        self._wallet.alter(card.key, automatic_updates=on)
        self._wallet.note("switched", f"Automatic updates of card {serial_number} switched {'on' if on else 'off'}")
        if not on:
            self._updates.unregister(card)
        elif card.service:
            self._register(card)
            self._updates.fetch(card.key, aloud=False)

    def remove(self, serial_number: str) -> None:
        """Remove a card and tell its web service; the card goes even if the service does not answer.

        Raises: NoSuchCard.
        """
        card = self._wallet.by_serial(serial_number)
        self._updates.unregister(card)
        self._wallet.drop(card)
        self._wallet.note("removed", f"Card {serial_number} removed from Wallet")

    def settle(self, timeout: float) -> bool:
        """Wait until nothing is left to do; return whether that came true within `timeout` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._due and not self._busy, timeout)

    def stop(self) -> None:
        """End the phone's thread; a request that is under way is waited for."""
        self._stopping.set()
        with self._condition:
            self._condition.notify_all()
        self._worker.join()

    def _register(self, card: HeldCard) -> None:
        if not card.service:
            self._wallet.note("registered", f"Card {card.key[1]} names no web service: it never updates")
        elif self._updates.register(card.key):
            self._owe(("register", card.key))

    def _owe(self, duty: Duty) -> None:
        with self._condition:
            self._due[duty] = None
            self._condition.notify_all()

    def _work(self) -> None:
        while (duty := self._next()) is not None:
            if duty[0] == "look":
                self._updates.look(duty[1])
            else:
                self._updates.register_late(duty[1])

    def _next(self) -> Duty | None:
        with self._condition:
            self._busy = False
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._due or self._stopping.is_set())
            if self._stopping.is_set():
                return None
            self._busy = True
            duty = next(iter(self._due))
            del self._due[duty]
            return duty
