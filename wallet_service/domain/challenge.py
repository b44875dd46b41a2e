"""Challenges: which marks an event gives, and how far a member is with them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from wallet_service.domain.basis import matching, moment, touches
from wallet_service.domain.campaigns import open_to
from wallet_service.domain.limits import since
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import Campaign, GoalTable
from wallet_service.domain.purchase import Buyer, Deed, Purchase


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is: the round, from 1, and the different marks that count in it, oldest first."""

    round: int = 1
    marks: tuple[tuple[str, datetime], ...] = ()


def challenge_marks(program: Program, what: Purchase | Deed, buyer: Buyer) -> tuple[tuple[str, str], ...]:
    """Return the (campaign code, mark) pairs that the purchase or deed gives, sorted.

    A mark is what the goal counts once: a local date, a location, each SKU, or else the purchase or deed itself.
    """
    event = "order.paid" if isinstance(what, Purchase) else what.type
    return tuple(
        sorted(
            (each.code, mark)
            for each in program.campaign
            if each.kind == "challenge" and each.goal is not None and each.goal.event == event
            if open_to(each, moment(what), buyer, program.zone) and touches(what, each.match)
            for mark in _marks(each, each.goal, what, program.zone)
        )
    )


def advance(
    campaign: Campaign, progress: Progress | None, mark: str, at: datetime, zone: ZoneInfo
) -> tuple[Progress, bool]:
    """Return the progress with a mark of the time `at`, and whether the goal is reached; then a new round begins.

    Marks count within the goal's time up to the latest of them; what is older drops out, even the new one. A mark
    that is there already counts from its later time on, once.

    Raises `ValueError` if the campaign has no goal.
    """
    if campaign.goal is None:
        raise ValueError(f"The campaign {campaign.code} is no challenge.")
    before = progress or Progress()
    times = dict(before.marks)
    times[mark] = max(at, times.get(mark, at))
    first = since(campaign.goal.within, max(times.values()), zone)
    kept = sorted(((each, when) for each, when in times.items() if first is None or when >= first), key=_by_time)
    if len(kept) >= campaign.goal.times:
        return Progress(before.round + 1), True
    return Progress(before.round, tuple(kept)), False


def _by_time(mark: tuple[str, datetime]) -> tuple[datetime, str]:
    return mark[1], mark[0]


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
