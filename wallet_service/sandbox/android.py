"""An Android phone with Google Wallet on it: it shows the saved cards as Google holds them now.

Source: https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wallet_service.sandbox.android_fields import fields, said
from wallet_service.sandbox.google import Notice, SandboxGoogle
from wallet_service.sandbox.google_refusals import GoogleRefused
from wallet_service.sandbox.timeline import LONGEST, Changes, Kind, Moment
from wallet_service.sandbox.wallet import NoSuchCard

UPDATED, MESSAGE = "Your card was updated", "New message"


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card as Google holds it: the object, its class, and when the phone saw either of them change."""

    body: Mapping[str, Any]
    program: Mapping[str, Any]
    updated_at: datetime

    @property
    def object_id(self) -> str:
        """The id of the object at Google."""
        return str(self.body["id"])


@dataclass(frozen=True, slots=True)
class Alert:
    """A notification in Google's words; `number` counts them."""

    number: int
    at: datetime
    object_id: str
    programme: str
    body: str

    @property
    def text(self) -> str:
        """The words in one line."""
        return f"{self.programme}: {self.body[0].lower()}{self.body[1:]}"


class AndroidPhone:
    """One simulated phone that is signed in at the sandbox's Google. Every method may be called from any thread.

    `language` ("en", "de-DE") is the phone's own and decides which translations it shows and how numbers look.
    """

    def __init__(
        self,
        name: str,
        *,
        google: SandboxGoogle,
        clock: Callable[[], datetime],
        language: str = "en",
        changes: Changes | None = None,
    ) -> None:
        self.name = name
        self.language = language.replace("-", "_")
        self.changes = changes or Changes()
        self._google = google
        self._now = clock
        self._lock = threading.Lock()
        self._timeline: deque[Moment] = deque(maxlen=LONGEST)
        self._moments = 0
        self._alert: Alert | None = None
        self._cards: dict[str, SavedCard] = {}
        with self._lock:  # what changes from here on waits until the first look is done
            google.listen(self._look)
            self._told: Notice | None = next(reversed(google.notices()), None)
            for body in google.all("loyaltyObject"):
                if card := self._held(body["id"]):
                    self._cards[card.object_id] = card

    def cards(self) -> tuple[SavedCard, ...]:
        """Return the cards as they stand, in the order in which they were saved."""
        with self._lock:
            return tuple(self._cards.values())

    def timeline(self) -> tuple[Moment, ...]:
        """Return what the phone did lately, oldest first."""
        with self._lock:
            return tuple(self._timeline)

    def notification(self) -> Alert | None:
        """Return the latest notification."""
        with self._lock:
            return self._alert

    def save(self, jwt: str) -> tuple[SavedCard, ...]:
        """Save the cards of a save link, as its page would after a tap, and return them.

        Raises: LinkNotSaved.
        """
        saved = [each["id"] for each in self._google.save(jwt)]
        return tuple(each for each in self.cards() if each.object_id in saved)

    def remove(self, object_id: str) -> None:
        """Remove a card from the phone; Google keeps the object and calls the issuer back.

        Raises: NoSuchCard.
        """
        if object_id not in {each.object_id for each in self.cards()}:
            raise NoSuchCard(f"This phone does not hold card {object_id}. Add it first.")
        self._google.remove(object_id)

    def refused(self, why: str) -> None:
        """Write down that a card was not saved."""
        with self._lock:
            self._note("refused", f"Card not saved. {why}")
        self.changes.mark()

    def _look(self, resource_id: str) -> None:
        """Show what Google holds of a card, or of all cards of a class, and write down how that differs from before."""
        with self._lock:
            written = self._moments
            of_class = [each.object_id for each in self._cards.values() if each.body["classId"] == resource_id]
            for object_id in of_class or [resource_id]:
                self._look_at(object_id)
            self._alert_of_notices()
            news = self._moments > written
        if news:
            self.changes.mark()

    def _look_at(self, object_id: str) -> None:
        before, card = self._cards.get(object_id), self._held(object_id)
        if card is None:
            if self._cards.pop(object_id, None):
                self._note("removed", f"Card {object_id} removed from Google Wallet")
            return
        if before is None:
            self._note("saved", f"Card {object_id} saved to Google Wallet")
        elif (before.body, before.program) == (card.body, card.program):
            return
        else:
            self._note("changed", _difference(before, card, self.language))
        self._cards[object_id] = card

    def _held(self, object_id: str) -> SavedCard | None:
        """Return a card as Google holds it now, None if it is in nobody's wallet or no card at all."""
        try:
            body = self._google.get("loyaltyObject", object_id)
        except GoogleRefused:
            return None
        program = body.pop("classReference")
        return SavedCard(body, program, self._now()) if body["hasUsers"] else None

    def _alert_of_notices(self) -> None:
        for notice in self._fresh_notices():
            for card in self._cards.values():
                if notice.resource_id in (card.object_id, card.body["classId"]):
                    self._announce(card, UPDATED if notice.channel == "fields" else MESSAGE)

    def _fresh_notices(self) -> list[Notice]:
        """Return the notices since the last one seen; equal ones of the same moment are told apart by identity."""
        fresh: list[Notice] = []
        for notice in reversed(self._google.notices()):
            if notice is self._told:
                break
            fresh.insert(0, notice)
        self._told = fresh[-1] if fresh else self._told
        return fresh

    def _announce(self, card: SavedCard, words: str) -> None:
        number = self._alert.number + 1 if self._alert else 1
        programme = said(card.program, "programName", self.language)
        self._alert = Alert(number, self._now(), card.object_id, programme, words)
        self._note("notified", self._alert.text)

    def _note(self, kind: Kind, text: str) -> None:
        self._moments += 1
        self._timeline.append(Moment(self._moments, self._now(), kind, text))


def _difference(before: SavedCard, after: SavedCard, language: str) -> str:
    """Return in words what shows otherwise now; a class may change what nobody can put in words."""
    old = fields(before.body, before.program, language)
    new = fields(after.body, after.program, language)
    changed = [f"{each.label} {each.text}".strip() for path, each in new.items() if old.get(path) != each]
    changed += [f"the message “{each}”" for each in _headers(after, language) - _headers(before, language)]
    if before.body["state"] != after.body["state"]:
        changed.append(f"the card as {after.body['state'].lower()}")
    if changed:
        return f"Google shows {', '.join(changed)}"
    return "Google shows the card anew" if before.program == after.program else "Google shows the programme anew"


def _headers(card: SavedCard, language: str) -> set[str]:
    messages = (*(card.body.get("messages") or ()), *(card.program.get("messages") or ()))
    return {said(each, "header", language) for each in messages}
