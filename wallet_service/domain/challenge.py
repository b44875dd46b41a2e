"""Challenges: which marks an event gives, and how far a member is with them."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from wallet_service.domain.basis import matching, moment, touches
from wallet_service.domain.campaigns import open_to
from wallet_service.domain.limits import since
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import Campaign, GoalTable
from wallet_service.domain.purchase import ORDER_PAID, Buyer, Deed, Purchase


@dataclass(frozen=True, slots=True)
class Mark:
    """What counts once in a challenge, by its `name`, when it was given, and our row id of the order that gave it."""

    name: str
    at: datetime
    order_row: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is: the round, from 1, and the marks that were given in it, oldest first.

    Several orders may have given the same mark, and each may be taken back.
    """

    round: int = 1
    marks: tuple[Mark, ...] = ()

    @property
    def done(self) -> int:
        """How many different marks there are."""
        return len({each.name for each in self.marks})

    def joined(self, other: "Progress") -> "Progress":
        """Return the progress with the marks of another's round; where both reach the goal, the next mark says so."""
        return replace(self, marks=_each_once((*self.marks, *other.marks)))

    def without(self, order_row: int, names: Collection[str]) -> "Progress":
        """Return the progress without these marks of an order; what other orders gave stays."""
        kept = (each for each in self.marks if each.order_row != order_row or each.name not in names)
        return replace(self, marks=tuple(kept))


def challenge_marks(program: Program, what: Purchase | Deed, buyer: Buyer) -> tuple[tuple[str, str], ...]:
    """Return the (campaign code, mark) pairs that the purchase or deed gives, sorted.

    A mark is what the goal counts once: a local date, a location, each SKU, or else the purchase or deed itself.
    """
    event = ORDER_PAID if isinstance(what, Purchase) else what.type
    return tuple(
        sorted(
            (each.code, mark)
            for each in program.campaign
            if each.kind == "challenge" and each.goal is not None and each.goal.event == event
            if open_to(each, moment(what), buyer, program.zone) and touches(what, each.match)
            for mark in _marks(each, each.goal, what, program.zone)
        )
    )


def advance(campaign: Campaign, progress: Progress | None, mark: Mark, zone: ZoneInfo) -> tuple[Progress, bool]:
    """Return the progress with one more mark, and whether the goal is reached; then a new round begins.

    Marks count within the goal's time up to the latest of them; what is older drops out, even the new one. A mark
    that is there already counts from its later time on, once.

    Raises `ValueError` if the campaign has no goal.
    """
    if campaign.goal is None:
        raise ValueError(f"The campaign {campaign.code} is no challenge.")
    before = progress or Progress()
    given = _each_once((*before.marks, mark))
    first = since(campaign.goal.within, given[-1].at, zone)
    after = replace(before, marks=tuple(each for each in given if first is None or each.at >= first))
    return (Progress(before.round + 1), True) if after.done >= campaign.goal.times else (after, False)


def _each_once(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Return the marks, oldest first; what an order, or no order, has given several times counts at its latest."""
    latest = {(each.name, each.order_row): each for each in sorted(marks, key=_by_time)}
    return tuple(sorted(latest.values(), key=_by_time))


def _by_time(mark: Mark) -> tuple[datetime, str, int]:
    return mark.at, mark.name, mark.order_row or 0


def _marks(campaign: Campaign, goal: GoalTable, what: Purchase | Deed, zone: ZoneInfo) -> set[str]:
    match goal.distinct:
        case "local_date":
            return {local_day(moment(what), zone).isoformat()}
        case "location":
            return _named(what.location if isinstance(what, Purchase) else what.properties.get("location"))
        case "sku":
            if isinstance(what, Purchase):
                return {each.sku for each in matching(what, campaign.match)}
            return _named(what.properties.get("sku"))
        case _:
            return {what.order_id if isinstance(what, Purchase) else _own_mark(what)}


def _named(value: str | int | None) -> set[str]:
    return set() if value is None or value == "" else {str(value)}


def _own_mark(deed: Deed) -> str:
    """Return the same mark for the same deed: it has no id of its own."""
    told = repr((deed.type, deed.at.timestamp(), sorted((key, str(value)) for key, value in deed.properties.items())))
    return hashlib.sha256(told.encode()).hexdigest()[:32]
