"""What a member is entitled to: tiers, benefits and the paid membership."""

from collections.abc import Iterator

from wallet_service.domain.period import Period
from wallet_service.domain.program.tier_tables import Benefit, Tier, TiersTable
from wallet_service.domain.qualifying import grace_days
from wallet_service.terms.section import Section
from wallet_service.terms.telling import Telling
from wallet_service.terms.tongue import line

AT_ONE_MOMENT = ("balance", "membership")  # measures that no window gathers
RETURNABLE = ("spend", "points_earned", "orders", "visits")
SEVERAL_OF_A_KIND = ("access", "gift", "service")


def tiers(telling: Telling) -> Section | None:
    """Tell what counts towards a tier, what each asks for, when it applies and how long it is kept."""
    table = telling.program.tiers
    return telling.section("tier", _tiers(telling, table) if table and telling.program.tier else ())


def benefits(telling: Telling) -> Section | None:
    """Tell every standing privilege that a tier has, and which do; also those that only a tier names."""
    program = telling.program
    held = dict.fromkeys(code for tier in program.tier for code in tier.benefits)
    codes = dict.fromkeys([*(each.code for each in program.benefit if each.code in held), *held])
    return telling.section("benefit", (_benefit(telling, code) for code in codes))


def membership(telling: Telling) -> Section | None:
    """Tell what a paid membership costs, how it goes on and how it ends."""
    return telling.section("membership", _membership(telling))


def _tiers(telling: Telling, table: TiersTable) -> Iterator[str]:
    tongue, program = telling.tongue, telling.program
    measure = tongue.one_of("measure", table.measure)
    if table.window == "none" or table.measure in AT_ONE_MOMENT:
        yield line(tongue.say("measured", measure=measure))
    else:
        window = tongue.one_of("window", table.window)
        yield line(tongue.say("measured_within", measure=measure, window=window))
    for tier in program.tier:
        yield line(_threshold(telling, table, tier))
    if len(program.tier) == 1:
        return
    if table.measure != "membership":
        # An order is counted by the tier before it, so that the next order is the first for both.
        yield line(tongue.one_of("start", "immediately" if table.start == "next_order" else table.start))
    yield line(*_kept(telling, table))
    if table.measure in RETURNABLE:
        yield line(tongue.one_of("on_refund", table.on_refund))


def _threshold(telling: Telling, table: TiersTable, tier: Tier) -> str:
    tongue, name = telling.tongue, telling.tier(tier.code)
    if table.measure == "membership":
        return tongue.say("tier_paid" if tier.threshold else "tier_unpaid", tier=name)
    if tier.threshold == 0:
        return tongue.say("tier_first", tier=name)
    match table.measure:
        case "spend":
            amount = telling.money(tier.threshold)
        case "orders" | "visits":
            amount = tongue.count(table.measure, tier.threshold)
        case "referrals":
            amount = tongue.count("friends", tier.threshold)
        case _:
            amount = telling.amount(tier.threshold)
    return tongue.say("tier_from", tier=name, amount=amount)


def _kept(telling: Telling, table: TiersTable) -> Iterator[str]:
    tongue = telling.tongue
    if table.downgrade == "none":
        yield tongue.one_of("valid", "forever")
        return
    if table.valid == "forever" and table.measure in AT_ONE_MOMENT:
        yield tongue.say("at_once")
        return
    if isinstance(table.valid, Period):
        yield tongue.say("valid_period", period=tongue.period(table.valid))
    else:
        yield tongue.one_of("valid", table.valid, day=telling.last_day_of_year())
    if table.valid == "forever":
        return
    if table.grace_days:
        yield tongue.say("tier_grace", period=tongue.period(Period(days=grace_days(telling.program, table))))
    if table.measure != "membership":
        yield tongue.one_of("downgrade", table.downgrade)


def _benefit(telling: Telling, code: str) -> str:
    tongue, program = telling.tongue, telling.program
    found = next((each for each in program.benefit if each.code == code), None)
    name = _benefit_name(telling, found) if found else telling.named("benefit", code, None)
    holders = [tier.code for tier in program.tier if code in tier.benefits]
    held = tongue.count("benefit_tiers", len(holders), tiers=telling.tiers(holders))
    if found is None:
        return line(name, held)
    lead = tongue.say("lead", period=tongue.period(found.lead)) if found.lead else None
    return line(name, held, lead, *telling.matching(found.match, found.exclude))


def _benefit_name(telling: Telling, benefit: Benefit) -> str:
    percent = benefit.value if benefit.kind == "percent_off" else None
    money = benefit.value if benefit.kind == "amount_off" else None
    name = telling.said("benefit", benefit.code) or benefit.name
    code = benefit.code if benefit.kind in SEVERAL_OF_A_KIND else None
    return telling.thing("benefit", benefit.kind, name, code, percent=percent, money=money)


def _membership(telling: Telling) -> Iterator[str]:
    table, tongue = telling.program.membership, telling.tongue
    if table is None:
        return
    yield line(tongue.say("price", money=telling.money(table.price), period=tongue.period(table.period)))
    yield line(tongue.say("renews") if table.renews else tongue.say("ends"))
    if table.grace_days:
        grace = "membership_grace" if table.renews else "ended_grace"
        tiers = telling.program.tiers
        days = table.grace_days
        if tiers and tiers.measure == "membership":
            days = grace_days(telling.program, tiers)
        yield line(tongue.say(grace, period=tongue.period(Period(days=days))))
    yield line(tongue.one_of("on_cancel", table.on_cancel))
