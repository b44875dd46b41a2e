"""Which segments of a programme a member belongs to."""

from datetime import date, datetime

from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import Segment
from wallet_service.domain.tiering import Amounts


def segments_of(
    program: Program,
    *,
    tier: str | None,
    totals: Amounts,
    active_at: datetime | None,
    birthday: tuple[int, int] | None,
    today: date,
) -> frozenset[str]:
    """Return the codes of the segments of which every condition holds."""
    active_on = local_day(active_at, program.zone) if active_at else None
    return frozenset(
        each.code
        for each in program.segment
        if _ranked(each, tier)
        and _bought(each, totals)
        and _active(each, active_on, today)
        and (not each.birthday_month or (birthday is not None and birthday[0] == today.month))
    )


def _ranked(segment: Segment, tier: str | None) -> bool:
    return not segment.tiers or tier in segment.tiers


def _bought(segment: Segment, totals: Amounts) -> bool:
    return (
        totals.orders >= (segment.min_orders or 0)
        and (segment.max_orders is None or totals.orders <= segment.max_orders)
        and totals.spend >= (segment.min_spend or 0)
    )


def _active(segment: Segment, active_on: date | None, today: date) -> bool:
    """Whether the last earning or redemption lies where the segment wants it; who never did either is inactive."""
    if segment.inactive_for and active_on is not None and active_on > segment.inactive_for.before(today):
        return False
    return not segment.active_within or (active_on is not None and active_on > segment.active_within.before(today))
