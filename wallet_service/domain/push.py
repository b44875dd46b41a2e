"""What is asked of a wallet vendor, and the six ways in which it can end."""

import random
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=15)
REFUSED_WAIT = timedelta(hours=6)
ENOUGH_TO_SUSPECT = 20
# Google notifies a card's holder of so many changes, and of as many messages, in any 24 hours:
# https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications
MOST_NOTICES = 3
NOTICE_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Push:
    """One wallet that is behind: tell `target` that revision `revision` of its card is waiting.

    After `until` somebody else may be at it: what carries content must not be sent any more by then, or an older
    content could arrive after a newer one.
    """

    wallet_id: int
    target: str
    topic: str
    revision: int
    card_id: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The vendor took it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The target is dead and must be dropped, unless it registered again after `since`."""

    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: try again after a back-off, and never sooner than `wait`."""

    reason: str
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor refuses this very content: wait as long as `wait`, unless the card shows something else before."""

    reason: str
    wait: timedelta = REFUSED_WAIT


@dataclass(frozen=True, slots=True)
class ClassMissing:
    """The vendor does not hold the class that the card belongs to: put it first."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The fault is ours: every further push would fail alike, so stop and tell the operator."""

    reason: str


Outcome = Sent | Gone | Later | Refused | ClassMissing | Stop


@dataclass(frozen=True, slots=True)
class Heard:
    """A vendor's message that a card's holder saved or removed it; the same one may come again until it expires."""

    platform: str
    target: str
    saved: bool
    nonce: str
    expires_at: datetime


class Sender(Protocol):
    """A vendor's room as the delivery sees it."""

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Send all of them concurrently and yield each one's outcome as it becomes known; never raises for one.

        A push comes back with the revision that was sent, which may be newer than the one asked for. One that was
        not tried does not come back. Closing the generator gives up what is still under way.
        """
        ...


def back_off(attempts: int, chance: random.Random) -> timedelta:
    """Return how long to wait after the given number of failed attempts: doubling, capped, with full jitter.

    The jitter keeps a thousand wallets that failed together from coming back together.
    """
    ceiling = min(FIRST_WAIT * int(2 ** min(attempts, 16)), LONGEST_WAIT)
    return FIRST_WAIT / 2 + (ceiling - FIRST_WAIT / 2) * chance.random()


def suspicious(results: Sequence[tuple[Push, Outcome]]) -> Stop | None:
    """Return a stop where so many cards' targets are refused at once that we must be asking the wrong service.

    Phones that left say since when they are gone; a refusal without a date, of most targets together, is what a wrong
    environment, certificate or topic looks like. Believing it would drop every registration. Cards are counted, not
    wallets, because one card's holder can register any number of invented targets.
    """
    refused = {push.card_id: each.reason for push, each in results if isinstance(each, Gone) and each.since is None}
    asked = {push.card_id for push, _ in results}
    if len(refused) < ENOUGH_TO_SUSPECT or 2 * len(refused) <= len(asked):
        return None
    reason = next(iter(refused.values()))
    share = f"{len(refused)} of {len(asked)} cards"
    return Stop(f"the phones of {share} are refused together ({reason}); check the settings")
