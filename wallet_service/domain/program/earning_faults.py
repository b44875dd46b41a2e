"""What is wrong in the tables that say what is earned: balance, rules, campaigns."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import get_args

from wallet_service.domain.file_model import did_you_mean
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import (
    FULFILLED,
    ActiveTable,
    Campaign,
    EarningRule,
    ExpiryTable,
    MatchTable,
    PendingTable,
    Weekday,
)
from wallet_service.domain.program.findings import (
    A_YEAR,
    Finding,
    all_unresolved,
    codes,
    exactly,
    given,
    longest,
    repeated,
    shared,
    shortest,
    unlimited,
    unresolved,
)
from wallet_service.domain.program.values import CURRENCIES, nearest_currency
from wallet_service.domain.purchase import ENROLLED, ORDER_PAID, OWN_DEEDS, PROFILE_COMPLETED, YEARLY

ACTIVITY = "activity."  # what senders write before the type that rules name
ONCE = (ENROLLED, PROFILE_COMPLETED)  # deeds that come once in a lifetime

# Keys of `expiry` by its mode: those it needs, those it can do nothing with.
_EXPIRY: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "none": ((), ("period", "round", "extend_on_activity", "date", "years")),
    "rolling": (("period",), ("date", "years")),
    "inactivity": (("period",), ("round", "extend_on_activity", "date", "years")),
    "calendar": (("date",), ("period", "round", "extend_on_activity")),
}
_OF_ORDERS = ("basis", "per", "rate", "match", "exclude")  # what only a rule for orders can use
_CAMPAIGN: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "multiplier": (("factor",), ("points", "goal")),
    "addition": (("points",), ("factor", "goal")),
    "challenge": (("goal", "points"), ("factor", "rules", "stack")),
}


def currency(program: Program) -> Iterator[Finding]:
    """Yield a currency that nobody pays with."""
    found = program.program.currency
    if found not in CURRENCIES:
        near = nearest_currency(found)
        meant = f"; did you mean {near!r}?" if near else ""
        yield "program.currency", f"should be a currency of ISO 4217 that people pay with (found {found!r}{meant})"


def unit(program: Program) -> Iterator[Finding]:
    """Yield that nothing says what is collected, though something is."""
    first = next(_collects(program), None)
    if program.unit is None and first is not None:
        yield "unit", f"is missing; {first} speaks of points"


def _collects(program: Program) -> Iterator[str]:
    """Yield what gives points, takes them or counts them."""
    yield from (f"earning_rule[{index}]" for index in range(len(program.earning_rule)))
    yield from (f"campaign[{index}]" for index in range(len(program.campaign)))
    yield from (f"reward[{index}]" for index, each in enumerate(program.reward) if each.cost or each.rate)
    yield from (f"trigger[{index}]" for index, each in enumerate(program.trigger) if each.points)
    if program.referral and (program.referral.referrer.points or program.referral.referee.points):
        yield "referral"
    if program.tiers and program.tiers.measure in ("points_earned", "balance"):
        yield "tiers.measure"


def balance(program: Program) -> Iterator[Finding]:
    """Yield what contradicts itself in how the balance behaves."""
    points = program.points
    if isinstance(points.pending, PendingTable):
        needs, no = ("days", "on") if points.pending.mode == "days" else ("on", "days")
        yield from exactly(
            "points.pending", points.pending, f"the mode {points.pending.mode!r}", needs=[needs], no=[no]
        )
        if points.pending.mode == "event" and points.pending.on:
            yield from _never_let_go("points.pending.on", points.pending.on)
    if isinstance(points.expiry, ExpiryTable):
        yield from expiry("points.expiry", points.expiry, program)
    if points.min_balance and points.refund.earned != "allow_negative":
        yield "points.min_balance", "is below 0, where only refund.earned = 'allow_negative' lets a balance go"
    cap = points.cap
    if cap and (cap.per is None) != (cap.times is None):
        lacking, other = ("per", "times") if cap.per is None else ("times", "per")
        yield f"points.cap.{lacking}", f"is missing; {other} means nothing without it"
    if cap and cap.per_order is None and cap.per is None and cap.times is None:
        yield "points.cap", "caps nothing; give it per_order, or per and times, or remove it"


def _never_let_go(where: str, on: str) -> Iterator[Finding]:
    """Yield an event that lets no points go that wait for it."""
    if on != FULFILLED:
        hint = did_you_mean(on, [FULFILLED]) or f"; write {FULFILLED!r}"
        yield where, f"is {on!r}, and points wait only for their order to be handed over or sent{hint}"


def expiry(where: str, table: ExpiryTable, program: Program) -> Iterator[Finding]:
    """Yield what a rule of expiry lacks or cannot use, and that points would die before they could be spent."""
    needs, no = _EXPIRY[table.mode]
    yield from exactly(where, table, f"the mode {table.mode!r}", needs=needs, no=no)
    pending = program.points.pending
    days = pending.days if isinstance(pending, PendingTable) and pending.days else 0
    if table.mode == "calendar" and table.years * 366 < days:
        yield f"{where}.years", f"is shorter than the {days} days for which points are pending"
    if table.mode in ("rolling", "inactivity") and table.period and shortest(table.period) < days * 24:
        yield f"{where}.period", f"is shorter than the {days} days for which points are pending"


def rules(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each earning rule."""
    yield from repeated("earning_rule", program.earning_rule)
    yield from shared("earning_rule", program.earning_rule, ())
    for index, rule in enumerate(program.earning_rule):
        where = f"earning_rule[{index}]"
        yield from event(f"{where}.on", rule.on)
        yield from _order_rule(where, rule, program) if rule.on.startswith("order.") else _activity_rule(where, rule)
        yield from matching(f"{where}.match", rule.match)
        yield from matching(f"{where}.exclude", rule.exclude)
        yield from all_excluded(f"{where}.exclude", rule.match, rule.exclude)
        yield from unlimited(f"{where}.limit", rule.limit, properties=not rule.for_orders)
        for tier in rule.tier_multiplier:
            yield from unresolved(f"{where}.tier_multiplier.{tier}", tier, codes(program.tier), "tier")


def _order_rule(where: str, rule: EarningRule, program: Program) -> Iterator[Finding]:
    yield from exactly(where, rule, "an order", needs=["basis"], no=["bonus"])
    if rule.rate is None:
        if rule.points is None:
            yield f"{where}.points", "is missing; give points, or the rate of the partners"
        return
    yield from exactly(where, rule, "a rate", no=["points", "per"])
    if rule.basis in ("quantity", "visit"):
        yield f"{where}.basis", f"is {rule.basis!r}, and the rate of a partner is for money"
    if not program.partner:
        yield f"{where}.rate", "is that of the partners, and there is no [[partner]]"


def _activity_rule(where: str, rule: EarningRule) -> Iterator[Finding]:
    of_orders = [key for key in _OF_ORDERS if given(rule, key)]
    meant = misspelt_order(rule.on)
    if of_orders and meant:
        yield f"{where}.on", f"is {rule.on!r}, and {of_orders[0]} is for orders{meant}"
        return
    yield from exactly(where, rule, "an activity", needs=["points"], no=_OF_ORDERS)
    whens = [each.when for each in rule.bonus]
    for index, when in enumerate(whens):
        if when in whens[:index]:
            yield f"{where}.bonus[{index}].when", f"{when!r} has a bonus already; remove one"


def event(where: str, on: str) -> Iterator[Finding]:
    """Yield an event by which nothing is ever earned."""
    if on.startswith("order.") and on != ORDER_PAID:
        hint = did_you_mean(on, [ORDER_PAID]) or f"; write {ORDER_PAID!r}"
        yield where, f"is {on!r}, and orders earn only when they are paid{hint}"
    if on.startswith(ACTIVITY):
        yield where, f"is {on!r}, and activities are named without {ACTIVITY!r}; write {on.removeprefix(ACTIVITY)!r}"
    if on.startswith("points."):
        yield where, f"is {on!r}, which the ledger enters itself; nothing is earned by it"


def all_excluded(where: str, match: MatchTable | None, exclude: MatchTable | None) -> Iterator[Finding]:
    """Yield that everything which is matched is excluded, too."""
    if match is None or exclude is None or not (match.skus or match.tags):
        return
    if set(match.skus) <= set(exclude.skus) and set(match.tags) <= set(exclude.tags):
        yield where, "takes out all that match lets in, so nothing is left; remove one of them"


def misspelt_order(on: str) -> str:
    """Return the question whether paid orders are meant by what is nearly that; "course.paid" is something else."""
    return "" if on == ORDER_PAID else did_you_mean(on, [ORDER_PAID], cutoff=0.8)


def matching(where: str, match: MatchTable | None) -> Iterator[Finding]:
    """Yield that a match names nothing."""
    if match and not match.skus and not match.tags:
        yield where, "names neither skus nor tags, and so matches nothing; name some, or remove it"


def campaigns(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each campaign."""
    yield from repeated("campaign", program.campaign)
    yield from shared("campaign", program.campaign, program.earning_rule)
    for index, each in enumerate(program.campaign):
        where = f"campaign[{index}]"
        needs, no = _CAMPAIGN[each.kind]
        yield from exactly(where, each, f"the kind {each.kind!r}", needs=needs, no=no)
        yield from all_unresolved(f"{where}.rules", each.rules, codes(program.earning_rule), "earning_rule")
        yield from unresolved(f"{where}.segment", each.segment, codes(program.segment), "segment")
        yield from matching(f"{where}.match", each.match)
        yield from _looks_at(where, each, program)
        yield from _goal(where, each)
        for at, window in enumerate(each.active):
            yield from _active(f"{where}.active[{at}]", window)
        if each.budget and not each.budget.points and not each.budget.stock:
            yield f"{where}.budget", "limits nothing; give it points or stock, or remove it"
        yield from unlimited(f"{where}.limit", each.limit, campaign=True, properties=_of_activities(each, program))


def _of_activities(campaign: Campaign, program: Program) -> bool:
    """Whether it looks at activities, which have properties."""
    if campaign.kind == "challenge":
        return campaign.goal is not None and campaign.goal.event != ORDER_PAID
    return any(each.code in campaign.rules and not each.for_orders for each in program.earning_rule)


def _looks_at(where: str, campaign: Campaign, program: Program) -> Iterator[Finding]:
    """Yield that none of the rules to which a campaign adds something is for orders, as it would need."""
    rules = [each for each in program.earning_rule if not campaign.rules or each.code in campaign.rules]
    if campaign.kind == "challenge" or any(each.for_orders for each in rules):
        return
    if campaign.rules and campaign.match and len(rules) == len(campaign.rules):
        yield f"{where}.match", "looks at the lines of orders, and none of its rules is for orders; remove it"
    if campaign.kind == "multiplier" and not campaign.rules:
        yield f"{where}.rules", "is missing; without it rules for orders are meant, and there is none"


def _goal(where: str, campaign: Campaign) -> Iterator[Finding]:
    goal = campaign.goal
    if goal is None:
        return
    yield from event(f"{where}.goal.event", goal.event)
    if goal.distinct == "local_date" and goal.times > longest(goal.within) // 24 + 1:
        yield f"{where}.goal.times", "is more days than there are within that time"
    elif goal.distinct == "local_date" and goal.times > _days_open(campaign.active, goal.times):
        yield f"{where}.goal.times", "is more days than `active` leaves"
    if goal.event in ONCE:
        yield f"{where}.goal.event", f"is {goal.event!r}, which comes once, so the goal is never reached"
    if goal.event in YEARLY and longest(goal.within) < (goal.times - 1) * A_YEAR:
        yield f"{where}.goal.within", f"is too short for {goal.times} times of what comes once a year"
    if goal.event in OWN_DEEDS and goal.distinct == "location":
        yield f"{where}.goal.distinct", f"is 'location', which {goal.event!r} does not have"
    of_orders = "match" if campaign.match is not None else "distinct = 'sku'" if goal.distinct == "sku" else None
    meant = misspelt_order(goal.event)
    if of_orders and meant and not goal.event.startswith("order."):
        yield f"{where}.goal.event", f"is {goal.event!r}, and {of_orders} is for orders{meant}"
        return
    if goal.event != ORDER_PAID and goal.distinct == "sku":
        yield f"{where}.goal.distinct", "is 'sku', which only orders have"
    if goal.event != ORDER_PAID and campaign.match is not None:
        yield f"{where}.match", "looks at the lines of orders, and the goal counts activities; remove it"


def _days_open(windows: Sequence[ActiveTable], enough: int) -> int:
    """Return on how many days any of the windows is open; `enough` if there are as many, or no end of them."""
    days: set[date] = set()
    for each in windows:
        if each.from_ is None or each.to is None:
            return enough
        days |= set(islice(_open_days(each, each.from_, each.to), enough))
    return min(len(days), enough) if windows else enough


def _open_days(window: ActiveTable, first: datetime, last: datetime) -> Iterator[date]:
    """Yield the days from `first` to `last` that have one of the window's weekdays, and some of its hours."""
    for number in range((last.date() - first.date()).days + 1):
        day = first.date() + timedelta(days=number)
        begins = max(first, datetime.combine(day, window.start or time.min))
        ends = min(last, datetime.combine(day, window.end or time.max))
        if begins <= ends and (not window.weekdays or get_args(Weekday)[day.weekday()] in window.weekdays):
            yield day


def _active(where: str, window: ActiveTable) -> Iterator[Finding]:
    if not window.model_fields_set:
        yield where, "says no time; give it one, or remove it"
    if window.from_ and window.to and window.to <= window.from_:
        yield f"{where}.to", "must be later than `from`"
    if window.start and window.end and window.end <= window.start:
        yield f"{where}.end", "must be later than `start`; for hours across midnight write two windows"
    elif (
        window.from_ and window.to and window.from_ < window.to and not any(_open_days(window, window.from_, window.to))
    ):
        yield where, "is never open: none of its weekdays and hours lies between `from` and `to`"
    for index, day in enumerate(window.weekdays):
        if day in window.weekdays[:index]:
            yield f"{where}.weekdays[{index}]", f"names {day!r} a second time; remove it"
