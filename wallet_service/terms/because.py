"""Why points came or went: the rules, offers, occasions and rewards behind a line of a statement, in plain words."""

from collections.abc import Iterable
from fractions import Fraction

from wallet_service.domain.grounds import Reason
from wallet_service.domain.ledger import TransactionType
from wallet_service.terms.giving import occasion_of
from wallet_service.terms.telling import Telling, readable
from wallet_service.terms.tongue import lowered

JOINT = "+"  # between the codes of one award
REFERRAL = "referral"  # the code that the books name for both sides of a recommendation


# Of these the books name the reward.
SPENDING: tuple[TransactionType, ...] = ("hold", "redeem", "redeem_reversal", "hold_void", "hold_expire")


def because(
    telling: Telling, kind: str, rule: str | None, shares: Iterable[tuple[str, str, str]] = ()
) -> tuple[str, ...]:
    """Return the names of what gave or took points in a transaction of that kind, each once.

    `rule` is as the books name it, "purchase+double-day". Of several `shares` (code, kind, exact points "201/2") each
    name says how much it gave, unless the unit is money.
    """
    if kind in SPENDING:
        return (telling.reward(rule),) if rule else ()
    named: dict[str, Fraction] = {}
    say = telling.tongue.say
    for code, what, points in shares:
        name = _tier(telling, code) if what == "tier" else _named(telling, code)
        named[name] = named.get(name, Fraction(0)) + Fraction(points)
    money = telling.program.unit is not None and telling.program.unit.is_money
    if len(named) > 1 and not money:
        return tuple(say("because", text=name, more=_more(telling, each)) for name, each in named.items())
    return tuple(dict.fromkeys(_named(telling, code) for code in (rule or "").split(JOINT) if code)) or tuple(named)


def uncounted(telling: Telling, refused: Iterable[tuple[str, Reason]]) -> tuple[str, ...]:
    """Return what did not count of an order, or not in full, each with the reason; `refused` are codes and reasons."""
    return tuple(telling.tongue.one_of("uncounted", reason, text=_named(telling, code)) for code, reason in refused)


def _more(telling: Telling, points: Fraction) -> str:
    return f"+{telling.tongue.factor(points)}"


def _tier(telling: Telling, code: str) -> str:
    return telling.tongue.say("segment_tiers", tiers=telling.tier(code))


def _named(telling: Telling, code: str) -> str:
    """Return the name of the rule, campaign or trigger of that code, which may be gone from the programme."""
    program, tongue = telling.program, telling.tongue
    if any(each.code == code for each in program.earning_rule):
        return telling.rule(code)
    if any(each.code == code for each in program.campaign):
        return tongue.say("offer", name=telling.said("campaign", code) or tongue.quoted(readable(code)))
    trigger = next((each for each in program.trigger if each.code == code), None)
    if trigger is not None:
        return lowered(occasion_of(telling, trigger))
    return tongue.say("referred") if code == REFERRAL else tongue.quoted(readable(code))
