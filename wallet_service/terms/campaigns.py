"""Campaigns: what they add, for whom, when, and how they go together."""

from collections.abc import Iterator
from datetime import datetime, time

from wallet_service.domain.program.earning_tables import ActiveTable, Campaign, GoalTable
from wallet_service.terms.section import Section
from wallet_service.terms.telling import Telling
from wallet_service.terms.tongue import line

DAY_BEGINS = time()
DAY_ENDS = time(23, 59, 59)  # `to` is inclusive to the second


def campaigns(telling: Telling) -> Section | None:
    """Tell every campaign."""
    return telling.section("campaign", _campaigns(telling))


def _campaigns(telling: Telling) -> Iterator[str]:
    tongue = telling.tongue
    for each in telling.program.campaign:
        yield line(*_campaign(telling, each))
    if any(each.active for each in telling.program.campaign):
        yield line(tongue.say("times_zone", place=tongue.place(telling.program.zone)))


def _campaign(telling: Telling, campaign: Campaign) -> Iterator[str | None]:
    tongue = telling.tongue
    own = telling.said("campaign", campaign.code)
    yield own
    yield _offer(telling, campaign)
    if campaign.kind == "challenge" and campaign.points:
        yield tongue.say("challenge_prize", amount=telling.amount(campaign.points))
    if campaign.when:
        yield tongue.one_of("member", campaign.when.member)
    yield from telling.matching(campaign.match)
    if campaign.segment:
        members = telling.members(campaign.segment)
        yield tongue.say("for_members", conditions=members) if members else tongue.say("for_selected")
    if windows := [told for each in campaign.active if (told := _window(telling, each))]:
        yield tongue.say("active", windows="; ".join(windows))
    if campaign.limit:
        yield telling.limit(campaign.limit)
    if campaign.kind != "challenge":
        yield from _stack(telling, campaign)
    if campaign.budget and campaign.budget.points:
        yield tongue.say("budget_points", amount=telling.amount(campaign.budget.points))
    if campaign.budget and campaign.budget.stock:
        yield tongue.say("budget_stock", number=tongue.number(campaign.budget.stock))


def _offer(telling: Telling, campaign: Campaign) -> str:
    tongue = telling.tongue
    if campaign.kind == "challenge":
        return tongue.say(
            "challenge", goal=_goal(telling, campaign.goal) if campaign.goal else _rules(telling, campaign)
        )
    if campaign.kind == "multiplier" and campaign.factor:
        return tongue.say("multiplier", factor=tongue.factor(campaign.factor), rules=_rules(telling, campaign))
    return tongue.say("addition", amount=telling.amount(campaign.points or 0), rules=_rules(telling, campaign))


def _rules(telling: Telling, campaign: Campaign) -> str:
    labels = dict.fromkeys(telling.rule(each) for each in campaign.rules)
    return ", ".join(labels) if labels else telling.tongue.say("everything")


def _goal(telling: Telling, goal: GoalTable) -> str:
    tongue = telling.tongue
    match goal.event:
        case "order.paid":
            done = tongue.count("orders", goal.times)
        case "visit.recorded":
            done = tongue.count("visits", goal.times)
        case _:
            done = tongue.say("because", text=telling.event(goal.event), more=tongue.count("times", goal.times))
    distinct = f" {tongue.one_of('distinct', goal.distinct)}" if goal.distinct else ""
    return tongue.say("challenge_within", goal=done + distinct, period=tongue.period(goal.within))


def _stack(telling: Telling, campaign: Campaign) -> Iterator[str]:
    tongue = telling.tongue
    if len(telling.program.campaign) > 1:
        yield tongue.one_of("stack", campaign.stack)
    rules = [each for each in telling.program.earning_rule if not campaign.rules or each.code in campaign.rules]
    if campaign.kind == "multiplier" and any(each.tier_multiplier for each in rules):
        yield tongue.say("stack_tier_add" if campaign.stack == "add" else "stack_tier_max")


def _window(telling: Telling, window: ActiveTable) -> str:
    tongue = telling.tongue
    parts = []
    begins = _moment(telling, window.from_, whole_day=DAY_BEGINS) if window.from_ else None
    ends = _moment(telling, window.to, whole_day=DAY_ENDS) if window.to else None
    if begins and ends:
        parts.append(begins if begins == ends else tongue.say("span", start=begins, end=ends))
    elif begins:
        parts.append(tongue.say("from", start=begins))
    elif ends:
        parts.append(tongue.say("until", end=ends))
    if window.weekdays:
        parts.append(tongue.say("weekdays", days=tongue.listed(tongue.weekday(each) for each in window.weekdays)))
    if window.start and window.end:
        parts.append(tongue.say("hours", start=tongue.clock(window.start), end=tongue.clock(window.end)))
    elif window.start:
        parts.append(tongue.say("hours_from", start=tongue.clock(window.start)))
    elif window.end:
        parts.append(tongue.say("hours_until", end=tongue.clock(window.end)))
    return ", ".join(parts)


def _moment(telling: Telling, moment: datetime, *, whole_day: time) -> str:
    """Return a moment of the programme's own time; only the day where it is that day's first or last."""
    tongue = telling.tongue
    day, clock = tongue.day(moment.date()), moment.time().replace(microsecond=0)
    return day if clock == whole_day else tongue.say("moment", day=day, time=tongue.clock(clock))
