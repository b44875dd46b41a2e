"""The phone's side of updating: registering cards, asking what changed, fetching and verifying it.

Source: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from wallet_service.sandbox.device import Device, Download, Listing, WebServiceFault
from wallet_service.sandbox.verify import OpenedPass, PassNotInstallable, PassUnusable, open_pass
from wallet_service.sandbox.wallet import HeldCard, Key, Wallet

Result = TypeVar("Result")


class Updates:
    """Keeps a wallet in step with the web services of its cards. One request is under way at a time.

    `retry_waits` are the seconds before each further try after a 5xx; `stopping` cuts them short.
    """

    def __init__(
        self,
        wallet: Wallet,
        device: Device,
        *,
        root_pem: bytes,
        language: str,
        retry_waits: Sequence[float],
        stopping: threading.Event,
    ) -> None:
        self._wallet = wallet
        self._device = device
        self._root_pem = root_pem
        self._language = language
        self._retry_waits = retry_waits
        self._stopping = stopping
        # Reentrant, because a device tells its log in the middle of an update.
        self._network = threading.RLock()

    def open(self, pkpass: bytes) -> OpenedPass:
        """Verify a pass as this phone does.

        Raises: PassNotInstallable.
        """
        opened = open_pass(pkpass, root_pem=self._root_pem, now=self._wallet.now())
        self._wallet.note("verified", f"Signature, certificates and {len(opened.files)} files verified")
        return opened

    def register(self, key: Key) -> bool:
        """Register a card once; return whether another try later could help."""
        try:
            self._register(key)
        except WebServiceFault as fault:
            self._report_register(key, fault)
            return fault.again
        return False

    def register_late(self, key: Key) -> None:
        """Register a card with patience, then fetch what may have changed since it was downloaded."""
        try:
            self._persist(lambda: self._register(key))
        except WebServiceFault as fault:
            self._report_register(key, fault)
        else:
            self.fetch(key, aloud=True)

    def unregister(self, card: HeldCard) -> None:
        """Ask for no more pushes about a card, once."""
        if not card.registered:
            return
        try:
            with self._network:
                self._device.unregister(card.opened)
        except WebServiceFault as fault:
            self._report(card.service, f"Unregister task (serial number {card.key[1]}) encountered error: {fault}")
        else:
            self._wallet.note("registered", f"Card {card.key[1]} unregistered (200)")
        self._wallet.alter(card.key, registered=False)

    def look(self, pass_type: str) -> None:
        """Ask each web service of a pass type what changed, and fetch that."""
        for service in {card.service: None for card in self._awaiting(pass_type)}:
            try:
                listing = self._persist(partial(self._list, service, pass_type))
            except WebServiceFault as fault:
                self._report(service, f"Get serial numbers task (pass type {pass_type}) encountered error: {fault}")
                continue
            self._mark(service, pass_type, listing)
            for card in self._awaiting(pass_type):
                if card.behind and card.service == service:
                    self.fetch(card.key, aloud=True)

    def fetch(self, key: Key, *, aloud: bool) -> None:
        """Fetch a card and put it in the place of the one held; `aloud` retries, and shows a notification."""
        try:
            if aloud:
                self._persist(lambda: self._fetch(key, aloud=True))
            else:
                self._fetch(key, aloud=False)
        except (WebServiceFault, PassNotInstallable) as failure:
            if (card := self._wallet.find(key)) is not None:
                self._report(card.service, f"Get pass task (serial number {key[1]}) encountered error: {failure}")

    def _awaiting(self, pass_type: str) -> list[HeldCard]:
        return [card for card in self._wallet.cards() if card.key[0] == pass_type and card.takes_updates]

    def _register(self, key: Key) -> None:
        with self._network:
            card = self._wallet.find(key)
            if card is None or not card.automatic_updates:
                return
            status = self._device.register(card.opened)
            self._wallet.alter(key, registered=True)
        self._wallet.note("registered", f"Card {key[1]} registered for updates ({status})")

    def _list(self, service: str, pass_type: str) -> Listing | None:
        with self._network:
            return self._device.changed(service, pass_type, self._wallet.tag(service, pass_type))

    def _mark(self, service: str, pass_type: str, listing: Listing | None) -> None:
        if listing is None:
            self._wallet.note("listed", "The web service lists nothing new (204)")
            return
        self._wallet.keep_tag(service, pass_type, listing.tag)
        for serial_number in listing.serial_numbers:
            self._wallet.alter((pass_type, serial_number), behind=True)
        count = len(listing.serial_numbers)
        self._wallet.note("listed", f"The web service lists {count} changed {'card' if count == 1 else 'cards'} (200)")

    def _fetch(self, key: Key, *, aloud: bool) -> None:
        with self._network:
            card = self._wallet.find(key)
            if card is None:
                return
            download = self._device.fetch(card.opened, card.last_modified)
            if download is None:
                self._keep(card)
            else:
                self._replace(card, download, aloud=aloud)

    def _keep(self, card: HeldCard) -> None:
        self._wallet.note("unchanged", f"Card {card.key[1]} is unchanged (304)")
        self._wallet.alter(card.key, behind=False)
        if card.behind:
            self._tell(
                card.service,
                f"Server requested update to serial number '{card.key[1]}', but the pass was unchanged.",
            )

    def _replace(self, card: HeldCard, download: Download, *, aloud: bool) -> None:
        stamp = download.last_modified
        self._wallet.note("fetched", f"Card {card.key[1]} fetched (200), Last-Modified {stamp or 'missing'}")
        if stamp is None:
            self._tell(card.service, f"Server returned pass data without a last-modified header for '{card.key[1]}'.")
        elif stamp == card.last_modified:
            self._tell(
                card.service,
                f"Server ignored the 'if-modified-since' header ({stamp}) and returned the full unchanged pass data.",
            )
        new = self.open(download.pkpass)
        _check_same_card(card.opened, new)
        self._wallet.put(replace(card, opened=new, updated_at=self._wallet.now(), last_modified=stamp, behind=False))
        if aloud:
            self._wallet.announce(card.opened, new, self._language)

    def _persist(self, attempt: Callable[[], Result]) -> Result:
        for wait in self._retry_waits:
            try:
                return attempt()
            except WebServiceFault as fault:
                if not fault.again:
                    raise
                self._wallet.note("retrying", f"{fault}; trying again in {wait:g} s")
                self._stopping.wait(wait)
        return attempt()

    def _report_register(self, key: Key, fault: WebServiceFault) -> None:
        if (card := self._wallet.find(key)) is not None:
            self._report(card.service, f"Register task (serial number {key[1]}) encountered error: {fault}")

    def _report(self, service: str, message: str) -> None:
        self._wallet.note("failed", message)
        self._tell(service, message)

    def _tell(self, service: str, message: str) -> None:
        # A service that is down cannot be told so; the timeline has it.
        with self._network, contextlib.suppress(WebServiceFault):
            self._device.log(service, message)


def _check_same_card(old: OpenedPass, new: OpenedPass) -> None:
    for key in ("passTypeIdentifier", "serialNumber", "authenticationToken"):
        if old.content.get(key) != new.content.get(key):
            raise PassUnusable(f"The new version has another {key}. That never changes once a phone holds the card.")
