"""When what is collected can be used, when it expires, and what a returned purchase does to it."""

from collections.abc import Iterator

from wallet_service.domain.period import Period
from wallet_service.domain.program.earning_tables import ExpiryTable
from wallet_service.terms.collecting import collects
from wallet_service.terms.section import Section
from wallet_service.terms.telling import Telling
from wallet_service.terms.tongue import line, lowered


def kept(telling: Telling) -> Section | None:
    """Tell from when and until when points can be used; tiers with rules of their own follow."""
    return telling.section("keep", _kept(telling) if collects(telling) else ())


def refunded(telling: Telling) -> Section | None:
    """Tell what becomes of points that an order earned, or that were used for it, when it is returned."""
    return telling.section("refund", _refunded(telling) if collects(telling) else ())


def _kept(telling: Telling) -> Iterator[str]:
    points, tongue = telling.program.points, telling.tongue
    if points.pending == "none":
        yield line(tongue.say("available_now"))
    elif points.pending.mode == "days" and points.pending.days:
        yield line(tongue.say("available_after", period=tongue.period(Period(days=points.pending.days))))
    elif points.pending.on:
        own = tongue.say("available_event", event=telling.event(points.pending.on))
        yield line(own, tongue.say("available_otherwise"))
    expiry = None if points.expiry == "none" else points.expiry
    yield line(*_expiry(telling, expiry))
    exceptions = [(each.code, each.points_expiry) for each in telling.program.tier if each.points_expiry]
    for tier, table in exceptions:
        first, *rest = _expiry(telling, table)
        quoted = tongue.quoted(telling.tier(tier))
        yield line(tongue.say("tier_expiry", tier=quoted, rule=lowered(first)), *rest)
    tables = [expiry, *(table for _, table in exceptions)]
    if points.pending != "none" or any(each and each.mode != "none" for each in tables):
        yield line(tongue.say("days_zone", place=tongue.place(telling.program.zone)))


def _expiry(telling: Telling, table: ExpiryTable | None) -> Iterator[str]:
    tongue = telling.tongue
    match table:
        case ExpiryTable(mode="rolling", period=Period() as period):
            yield tongue.say("expiry_rolling", period=tongue.period(period))
        case ExpiryTable(mode="inactivity", period=Period() as period):
            yield tongue.say("expiry_inactivity", period=tongue.period(period))
        case ExpiryTable(mode="calendar", date=str(text), years=years):
            month, of_month = (int(part) for part in text.split("-"))
            day = tongue.day_of_year(month, of_month)
            if years == 1:
                yield tongue.say("expiry_calendar", day=day)
            else:
                later = tongue.period(Period(months=12 * (years - 1)))
                yield tongue.say("expiry_calendar_later", day=day, period=later)
        case _:
            yield tongue.say("expiry_none")
            return
    if table.round:
        yield tongue.one_of("round", table.round)
    if table.extend_on_activity and table.mode != "inactivity":
        yield tongue.say("extended", period=tongue.period(table.extend_on_activity))


def _refunded(telling: Telling) -> Iterator[str]:
    program, tongue = telling.program, telling.tongue
    points = program.points
    if any(each.for_orders for each in program.earning_rule):
        policy = points.refund.earned
        if policy == "allow_negative" and points.min_balance == 0:
            policy = "clamp_to_zero"  # nothing below zero is allowed, after all
        if policy == "allow_negative" and points.min_balance is not None:
            yield line(tongue.one_of("earned", policy, amount=telling.below_zero(-points.min_balance)))
        else:
            yield line(tongue.one_of("earned", "any_depth" if policy == "allow_negative" else policy))
    if any((each.cost or each.rate) and each.kind != "donation" for each in program.reward):
        restored = points.refund.spent == "restore"
        grace = Period(days=points.grace_days)
        returned = tongue.say("returned_grace", period=tongue.period(grace)) if restored and points.grace_days else None
        yield line(tongue.one_of("spent", points.refund.spent), returned)
