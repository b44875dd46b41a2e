"""Advice on rewards: whether somebody can get them, after how many orders, and how much they give back.

Files do not say what people buy. An order is taken as the shop's median, or as what is usual in the currency, of one
piece or visit that every rule likes. A rule with a limit, and every campaign, is left out: nobody can count on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from wallet_service.domain.program import Program, exponent
from wallet_service.domain.program.earning_tables import EarningRule
from wallet_service.domain.program.findings import Finding
from wallet_service.domain.program.reward_faults import granted
from wallet_service.domain.program.reward_tables import Reward
from wallet_service.domain.program.values import exact

MOST_ORDERS = 20  # to the cheapest reward
LEAST_BACK = Fraction(1, 200)  # of what was paid
MOST_BACK = Fraction(1, 4)
# What an everyday order comes to, in whole units of the currency: rough, and only for whom no median is known.
USUAL_ORDER = {
    "EUR": 40, "USD": 40, "GBP": 35, "CHF": 45, "CAD": 55, "AUD": 60, "JPY": 5000, "CNY": 250, "KWD": 12,
    "CZK": 800, "RON": 150, "RUB": 2000, "PLN": 150, "HUF": 12_000, "BGN": 70, "UAH": 1200, "MDL": 600, "RSD": 4000,
    "SEK": 400, "NOK": 400, "DKK": 280, "TRY": 1200, "KZT": 15_000,
}  # fmt: skip


@dataclass(frozen=True)
class _Order:
    """A median order, and the points that it brings somebody in the lowest and in the best tier, unrounded."""

    minor: int
    least: Fraction
    most: Fraction


def advice(program: Program, order_minor: int | None) -> Iterator[Finding]:
    """Yield rewards that nobody gets, that take too many orders, or that give back too little or too much."""
    yield from _out_of_reach(program)
    yield from _taken_before(program)
    usual = USUAL_ORDER.get(program.program.currency)
    minor = order_minor or (usual and usual * 10 ** exponent(program.program.currency))
    if minor:
        order = _order(program, minor)
        yield from _cheapest(program, order)
        yield from _given_back(program, order)


def _out_of_reach(program: Program) -> Iterator[Finding]:
    if not _gives_points(program):
        for index, reward in enumerate(program.reward):
            if (reward.cost or reward.rate) and reward.code not in granted(program):
                yield f"reward[{index}]", "takes points, and nothing in this programme gives any"
    for index, reward in enumerate(program.reward):
        if program.rank(reward.min_tier) > 0 and not _climbs(program):
            yield f"reward[{index}].min_tier", f"is {reward.min_tier!r}, and nothing brings anybody there"


def _gives_points(program: Program) -> bool:
    sides = (program.referral.referrer, program.referral.referee) if program.referral else ()
    given = [*(each.points for each in program.campaign), *(each.points for each in (*program.trigger, *sides))]
    return bool(program.earning_rule) or any(given)


def _climbs(program: Program) -> bool:
    """Whether anything counts towards the tiers."""
    by_points = program.tiers is not None and program.tiers.measure in ("points_earned", "balance")
    return not by_points or _gives_points(program)


def _taken_before(program: Program) -> Iterator[Finding]:
    """Yield what a reward that is issued by itself keeps out of reach."""
    auto = [(index, each) for index, each in enumerate(program.reward) if each.auto]
    if program.tiers and program.tiers.measure == "balance":
        for index, _ in auto:
            message = "takes points before tiers by balance are looked at, so those above its cost are hard to reach"
            yield f"reward[{index}].auto", message
    at_once = [each for _, each in auto if each.auto is True and program.rank(each.min_tier) <= 0]
    costs = [(each.cost, each.code) for each in at_once if each.cost]
    if costs:
        cost, code = min(costs)
        for index, reward in enumerate(program.reward):
            if not reward.auto and reward.cost and reward.cost > cost:
                yield f"reward[{index}].cost", f"is never saved up, for {code!r} is issued as soon as there are {cost}"


def _order(program: Program, minor: int) -> _Order:
    rules = [each for each in program.earning_rule if each.for_orders and each.limit is None]
    least, most = (_earned(program, rules, minor, best=best) for best in (False, True))
    return _Order(minor, least, most)


def _earned(program: Program, rules: list[EarningRule], minor: int, *, best: bool) -> Fraction:
    """Return the points of an order: all rules that stack, and the one that gives most of those that do not."""
    stacked, alone = Fraction(0), Fraction(0)
    for rule in rules:
        points = _by_rule(program, rule, minor) * _multiplier(program, rule, best=best)
        if rule.stackable:
            stacked += points
        else:
            alone = max(alone, points)
    cap = program.points.cap
    total = stacked + alone
    return min(total, Fraction(cap.per_order)) if cap and cap.per_order else total


def _by_rule(program: Program, rule: EarningRule, minor: int) -> Fraction:
    if rule.rate:
        return max(
            (Fraction(each.issue.points * minor, each.issue.per) for each in program.partner), default=Fraction(0)
        )
    amount = 1 if rule.basis in ("quantity", "visit") else minor
    return Fraction((rule.points or 0) * amount, rule.per)


def _multiplier(program: Program, rule: EarningRule, *, best: bool) -> Fraction:
    factors = [rule.tier_multiplier.get(tier.code, Fraction(1)) for tier in program.tier]
    return (max(factors) if best else factors[0]) if factors else Fraction(1)


def _cheapest(program: Program, order: _Order) -> Iterator[Finding]:
    open_to_all = [
        (least, index, key)
        for index, each in enumerate(program.reward)
        if program.rank(each.min_tier) <= 0 and (key := _least_key(each)) and (least := _least(each))
    ]
    if not open_to_all or not order.least:
        return
    points, index, key = min(open_to_all)
    orders = -(-points // order.least)  # unrounded, so that small orders are not counted as nothing
    if orders > MOST_ORDERS:
        message = (
            f"is the cheapest, and takes {orders} orders of {_money(program, order.minor)}; aim below {MOST_ORDERS}"
        )
        yield f"reward[{index}].{key}", message


def _least_key(reward: Reward) -> str | None:
    if reward.cost:
        return "cost"
    return ("min_points" if reward.min_points else "rate") if reward.rate else None


def _least(reward: Reward) -> int:
    """Return the fewest points that one can spend on it."""
    return reward.cost or reward.min_points or (reward.rate.points if reward.rate else 0)


def _given_back(program: Program, order: _Order) -> Iterator[Finding]:
    for index, reward in enumerate(program.reward):
        worth = _worth(reward, order)
        if worth is None or not order.most:
            continue
        least, most = worth * order.least / order.minor, worth * order.most / order.minor
        basis = f"of an order of {_money(program, order.minor)}"
        if most < LEAST_BACK:
            yield (
                f"reward[{index}]",
                f"gives back {exact(most * 100)} % {basis}; below {exact(LEAST_BACK * 100)} % few care",
            )
        elif least > MOST_BACK:
            yield (
                f"reward[{index}]",
                f"gives back {exact(least * 100)} % {basis}; above {exact(MOST_BACK * 100)} % few can afford it",
            )


def _worth(reward: Reward, order: _Order) -> Fraction | None:
    """Return what a point is worth in minor units; None where only the shop knows."""
    if reward.rate:
        return Fraction(reward.rate.value, reward.rate.points)
    if not reward.cost or not reward.value:
        return None
    value = Fraction(reward.value)
    if reward.kind == "percent_off":
        value = Fraction(reward.value * order.minor, 10_000)
    return value / reward.cost


def _money(program: Program, minor: int) -> str:
    places = exponent(program.program.currency)
    whole, rest = divmod(minor, 10**places)
    return f"{whole}.{rest:0{places}d} {program.program.currency}" if places else f"{whole} {program.program.currency}"
