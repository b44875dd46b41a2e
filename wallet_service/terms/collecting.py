"""What is collected, how it is earned, and within which limits."""

from collections.abc import Iterator
from fractions import Fraction

from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import EarningRule
from wallet_service.terms.section import Section
from wallet_service.terms.telling import Telling
from wallet_service.terms.tongue import line

WORTH = {"pay_with_points": "worth_paying", "donation": "worth_giving"}
COUNTED = {"quantity": ("each_piece", "each_pieces"), "visit": ("each_visit", "each_visits")}


def collects(telling: Telling) -> bool:
    """Whether members of the programme collect anything at all."""
    return telling.program.unit is not None or bool(telling.program.earning_rule)


def collected(telling: Telling) -> Section | None:
    """Tell the unit, and what it is worth."""
    return telling.section("collect", _collected(telling))


def earned(telling: Telling) -> Section | None:
    """Tell every earning rule: for what, how much, for which things, by tier, and how often."""
    return telling.section("earn", _earned(telling))


def capped(telling: Telling) -> Section | None:
    """Tell how much one order can earn, and how many orders do."""
    cap, tongue = telling.program.points.cap, telling.tongue
    lines = []
    if cap and cap.per_order:
        lines.append(line(tongue.say("cap_order", amount=telling.amount(cap.per_order))))
    if cap and cap.times and cap.per:
        lines.append(line(tongue.count("cap_times", cap.times, period=tongue.period(cap.per))))
    return telling.section("cap", lines)


def each_money(telling: Telling, minor: int) -> str:
    """Return "for every 1.00"."""
    return telling.tongue.say("each_money", money=telling.money(minor))


def _collected(telling: Telling) -> Iterator[str]:
    program, tongue = telling.program, telling.tongue
    if not collects(telling):
        return
    if program.unit is not None and program.unit.is_money:
        yield line(tongue.say("unit_money", currency=tongue.currency(program.program.currency)))
    elif name := _unit(telling):
        yield line(tongue.say("unit", unit=name))
    for reward in program.reward:
        if reward.rate and reward.kind in WORTH:
            amount, money = telling.amount(reward.rate.points), telling.money(reward.rate.value)
            if amount != money:
                yield line(tongue.say(WORTH[reward.kind], amount=amount, money=money))
    if any(each.cost for each in program.reward):
        yield line(tongue.say("worth_rewards"))


def _unit(telling: Telling) -> str | None:
    unit = telling.program.unit
    own = telling.own.unit.get("one")
    return own or (unit.one or unit.other if unit else None)


def _earned(telling: Telling) -> Iterator[str]:
    rules, tongue = telling.program.earning_rule, telling.tongue
    bases = dict.fromkeys(each.basis for each in rules if each.for_orders and each.basis not in (*COUNTED, None))
    one_basis = next(iter(bases)) if len(bases) == 1 else None
    rivals = sum(not each.stackable for each in rules) > 1
    for rule in rules:
        yield line(*_rule(telling, rule, tell_basis=one_basis is None, rivals=rivals))
    if one_basis:
        yield line(tongue.one_of("basis", one_basis))
    if _has_fractions(telling.program):
        money = telling.program.unit is not None and telling.program.unit.is_money
        yield line(tongue.say("round_money", money=telling.money(1)) if money else tongue.say("round_whole"))


def _has_fractions(program: Program) -> bool:
    """Whether an order can earn a part of a unit, before the total is rounded."""
    rules = [each for each in program.earning_rule if each.for_orders]
    broken = any(each.factor and each.factor.denominator > 1 for each in program.campaign)
    return any(each.basis not in COUNTED or each.per > 1 or each.tier_multiplier or broken for each in rules)


def _rule(telling: Telling, rule: EarningRule, *, tell_basis: bool, rivals: bool) -> Iterator[str | None]:
    tongue = telling.tongue
    yield _award(telling, rule)
    if tell_basis and rule.for_orders and rule.basis not in (*COUNTED, None):
        yield tongue.one_of("basis", str(rule.basis))
    yield from telling.matching(rule.match, rule.exclude)
    if rule.tier_multiplier:
        tiers = sorted(rule.tier_multiplier.items(), key=lambda each: telling.program.rank(each[0]))
        factors = [
            tongue.say("tier_factor", tier=telling.tier(code), factor=tongue.factor(factor)) for code, factor in tiers
        ]
        yield tongue.say("multiplied", tiers=", ".join(factors))
    for bonus in rule.bonus:
        yield tongue.say("bonus", when=telling.property(bonus.when), amount=telling.amount(bonus.points))
    if rule.limit:
        yield telling.limit(rule.limit)
    if rivals and not rule.stackable:
        yield tongue.say("alone")


def _award(telling: Telling, rule: EarningRule) -> str:
    """Return for what the rule gives how much."""
    tongue, what = telling.tongue, telling.rule(rule.code)
    if rule.rate:
        return tongue.say("earn_partner", what=what)
    amount = telling.amount(rule.points or 0)
    if not rule.for_orders or rule.basis is None:
        return tongue.say("earn_once", what=what, amount=amount) if rule.points else what
    if rule.basis in COUNTED:
        one, many = COUNTED[rule.basis]
        each = tongue.say(one) if rule.per == 1 else tongue.count(many, rule.per)
    else:
        each = each_money(telling, rule.per)
    award = tongue.say("earn_each", what=what, amount=amount, each=each)
    unit = telling.program.unit
    if unit is None or not unit.is_money or rule.basis in COUNTED:
        return award
    return tongue.say("worth", name=award, value=tongue.percent(Fraction(rule.points or 0, rule.per)))
