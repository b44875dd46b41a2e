"""When a campaign applies, the bonus it gives, and which campaigns count beside each other."""

import calendar
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from zoneinfo import ZoneInfo

from msgspec import Struct

from wallet_service.domain.basis import NONE, moment, raw_points, touches
from wallet_service.domain.grounds import Reason, Refused
from wallet_service.domain.limits import Usage, reached
from wallet_service.domain.program import EarningRule, Program
from wallet_service.domain.program.earning_tables import ActiveTable, Campaign, WhenTable
from wallet_service.domain.purchase import Buyer, Deed, Purchase

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Budget(Struct, frozen=True):
    """What is left of a campaign's budget, in points and in claims; None: unlimited."""

    points: int | None
    claims: int | None


Budgets = Mapping[str, Budget]
UNTOUCHED: Budgets = MappingProxyType({})


class Counted(Struct, frozen=True):
    """An earning rule that counts: its `raw` points, and the `factor` of the member's tier."""

    rule: EarningRule
    raw: Fraction
    factor: Fraction


class Bonus(Struct, frozen=True):
    """What a campaign that applies gives on top, exactly; below 0 where its factor is below 1."""

    campaign: Campaign
    points: Fraction


def open_to(campaign: Campaign, at: datetime, buyer: Buyer, zone: ZoneInfo) -> bool:
    """Return whether the campaign runs at that moment, for such a member."""
    return (
        (not campaign.active or any(_runs(each, at, zone) for each in campaign.active))
        and (campaign.when is None or _holds(campaign.when, buyer, at.astimezone(zone).date()))
        and (campaign.segment is None or campaign.segment in buyer.segments)
    )


def bonuses_of(program: Program, what: Purchase | Deed, buyer: Buyer, counted: Iterable[Counted]) -> tuple[Bonus, ...]:
    """Return the bonuses of all campaigns that apply, by code, each as if it were alone and without limits.

    `add` multiplies what the rules give by themselves, `max` and `exclusive` what the tier makes of it.
    """
    counted = tuple(counted)
    found = (
        (each, _bonus(program, each, what, counted))
        for each in sorted(program.campaign, key=lambda campaign: campaign.code)
        if each.kind != "challenge" and open_to(each, moment(what), buyer, program.zone)
    )
    return tuple(Bonus(each, points) for each, points in found if points is not None)


def stacked(
    applying: Iterable[Bonus], what: Purchase | Deed, usage: Usage, budgets: Budgets
) -> tuple[tuple[Bonus, ...], tuple[Refused, ...]]:
    """Return the bonuses that count beside each other, and the campaigns that do not count.

    Limits and budgets decide first. Then the best exclusive one beats all others; without one, all of `add` count, and
    the best of `max`. Of equals the first by code is the best.
    """
    refused, able = [], []
    for each in applying:
        if reason := _refusal(each, what, usage, budgets):
            refused.append(Refused(each.campaign.code, reason))
        else:
            able.append(each)
    best = {kind: _best(each for each in able if each.campaign.stack == kind) for kind in ("exclusive", "max")}
    if best["exclusive"]:
        counting = [best["exclusive"]]
    else:
        counting = [each for each in able if each.campaign.stack == "add" or each is best["max"]]
    beaten = [Refused(each.campaign.code, "not_stackable") for each in able if each not in counting]
    return tuple(counting), (*refused, *beaten)


def affordable(campaign: Campaign, points: Fraction, budgets: Budgets) -> bool:
    """Return whether the budget holds so many points and one more claim; one that nobody looked up is untouched."""
    if campaign.budget is None:
        return True
    left = budgets.get(campaign.code, Budget(campaign.budget.points, campaign.budget.stock))
    return (left.points is None or points <= left.points) and (left.claims is None or left.claims >= 1)


def _bonus(
    program: Program, campaign: Campaign, what: Purchase | Deed, counted: tuple[Counted, ...]
) -> Fraction | None:
    """Return the bonus, or None where the campaign finds nothing that it is about."""
    if isinstance(what, Deed) and not campaign.rules:
        return None
    on_tier = campaign.stack != "add"
    base = sum(
        (
            raw_points(program, each.rule, what, campaign.match) * (each.factor if on_tier else 1)
            for each in counted
            if not campaign.rules or each.rule.code in campaign.rules
        ),
        NONE,
    )
    if campaign.kind == "addition":
        applies = base > 0 if campaign.rules else touches(what, campaign.match)
        return Fraction(campaign.points or 0) if applies else None
    return base * (campaign.factor - 1) if campaign.factor is not None and base > 0 else None


def _refusal(bonus: Bonus, what: Purchase | Deed, usage: Usage, budgets: Budgets) -> Reason | None:
    campaign = bonus.campaign
    if reached(campaign.code, campaign.limit, what, usage):
        return "limit_reached"
    return None if affordable(campaign, bonus.points, budgets) else "budget_spent"


def _best(several: Iterable[Bonus]) -> Bonus | None:
    return min(several, key=lambda each: (-each.points, each.campaign.code), default=None)


def _runs(window: ActiveTable, at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone)
    second = local.replace(tzinfo=None, microsecond=0)
    if (window.from_ and second < window.from_) or (window.to and second > window.to):
        return False
    return _in_hours(window, local)


def _in_hours(window: ActiveTable, local: datetime) -> bool:
    """Hours that end when they begin, or before, go on over midnight and belong to the weekday they began on."""
    clock, day = local.time(), local.date()
    start, end = window.start, window.end
    if start is not None and end is not None and end <= start:
        if start > clock >= end:
            return False
        day -= timedelta(days=clock < start)
    elif (start is not None and clock < start) or (end is not None and clock >= end):
        return False
    return not window.weekdays or WEEKDAYS[day.weekday()] in window.weekdays


def _holds(when: WhenTable, buyer: Buyer, day: date) -> bool:
    if buyer.birthday is None:
        return False
    if when.member == "birthday_month":
        return day.month == buyer.birthday[0]
    leap_day = buyer.birthday == (2, 29) and not calendar.isleap(day.year)
    return (day.month, day.day) == ((2, 28) if leap_day else buyer.birthday)
