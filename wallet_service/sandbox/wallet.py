"""What a phone's Wallet holds: cards, update tags, the timeline and the latest notification."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.alerts import Notification, notify
from wallet_service.sandbox.timeline import LONGEST, Changes, Kind, Moment
from wallet_service.sandbox.verify import OpenedPass

Key = tuple[str, str]


class NoSuchCard(WalletError):
    """The phone does not hold a card with that serial number."""


@dataclass(frozen=True, slots=True)
class HeldCard:
    """A card on the phone; `behind` means that it was listed as changed and not fetched since."""

    opened: OpenedPass
    updated_at: datetime
    last_modified: str | None = None
    automatic_updates: bool = True
    registered: bool = False
    behind: bool = False

    @property
    def key(self) -> Key:
        """The card's identity: its pass type and serial number."""
        return self.opened.pass_type_identifier, self.opened.serial_number

    @property
    def service(self) -> str:
        """The card's webServiceURL without a slash at its end, "" if it has none."""
        return str(self.opened.content.get("webServiceURL", "")).rstrip("/")

    @property
    def takes_updates(self) -> bool:
        """Whether a push makes the phone look for a newer version."""
        return self.automatic_updates and self.service != ""


class Wallet:
    """The state of one phone; every method may be called from any thread and returns what cannot change later."""

    def __init__(self, clock: Callable[[], datetime], changes: Changes) -> None:
        self.now = clock
        self._changes = changes
        self._lock = threading.Lock()
        self._cards: dict[Key, HeldCard] = {}
        self._tags: dict[tuple[str, str], str] = {}
        self._timeline: deque[Moment] = deque(maxlen=LONGEST)
        self._moments = 0
        self._notification: Notification | None = None

    def cards(self) -> tuple[HeldCard, ...]:
        """Return the cards in the order in which they were added."""
        with self._lock:
            return tuple(self._cards.values())

    def find(self, key: Key) -> HeldCard | None:
        """Return the card as it stands, or None if it is not here any more."""
        with self._lock:
            return self._cards.get(key)

    def by_serial(self, serial_number: str) -> HeldCard:
        """Return the card with that serial number.

        Raises: NoSuchCard.
        """
        for card in self.cards():
            if card.opened.serial_number == serial_number:
                return card
        raise NoSuchCard(f"This phone does not hold card {serial_number}. Add it first.")

    def put(self, card: HeldCard) -> None:
        """Keep a card, in the place of one with the same identity."""
        with self._lock:
            self._cards[card.key] = card
        self._changes.mark()

    def alter(self, key: Key, **values: Any) -> None:
        """Change single facts about a card, if it is still here."""
        with self._lock:
            if key in self._cards:
                self._cards[key] = replace(self._cards[key], **values)
        self._changes.mark()

    def drop(self, card: HeldCard) -> None:
        """Forget a card; with the last one of its type goes the update tag."""
        with self._lock:
            self._cards.pop(card.key, None)
            if not any(other.key[0] == card.key[0] for other in self._cards.values()):
                self._tags.pop((card.service, card.key[0]), None)

    def tag(self, service: str, pass_type: str) -> str | None:
        """Return the update tag that the web service gave last for a pass type."""
        with self._lock:
            return self._tags.get((service, pass_type))

    def keep_tag(self, service: str, pass_type: str, tag: str) -> None:
        """Remember the update tag as it came."""
        with self._lock:
            self._tags[service, pass_type] = tag

    def note(self, kind: Kind, text: str) -> None:
        """Write a line in the timeline."""
        with self._lock:
            self._moments += 1
            self._timeline.append(Moment(self._moments, self.now(), kind, text))
        self._changes.mark()

    def timeline(self) -> tuple[Moment, ...]:
        """Return the latest lines, oldest first."""
        with self._lock:
            return tuple(self._timeline)

    def announce(self, old: OpenedPass, new: OpenedPass, language: str) -> None:
        """Show the notification for a change, if there is one to show."""
        with self._lock:
            number = self._notification.number + 1 if self._notification else 1
            notification = notify(old, new, number=number, language=language, now=self.now())
            self._notification = notification or self._notification
        if notification:
            self.note("notified", notification.text)

    def notification(self) -> Notification | None:
        """Return the latest notification."""
        with self._lock:
            return self._notification
