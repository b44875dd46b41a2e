"""What a purchase or a deed earns: rules, then the tier, then campaigns, then caps, and one floor at the end."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Literal

from msgspec import Struct

from wallet_service.domain.basis import moment, raw_points, rules_for
from wallet_service.domain.campaigns import (
    UNTOUCHED,
    Bonus,
    Budget,
    Budgets,
    Counted,
    affordable,
    bonuses_of,
    stacked,
)
from wallet_service.domain.challenge import challenge_marks
from wallet_service.domain.grounds import Grounds, Refused
from wallet_service.domain.limits import UNUSED, Need, Usage, key_of, need, reached, since
from wallet_service.domain.program import EarningRule, Program
from wallet_service.domain.program.earning_tables import Campaign, CapTable
from wallet_service.domain.purchase import Buyer, Deed, Purchase

__all__ = ["Applicable", "Award", "Budget", "Need", "Part", "Refused", "Usage", "applicable", "prize"]

CAP = "cap"  # the code under which orders that earned are counted


class Part(Struct, frozen=True):
    """The share of one rule, tier or campaign, exact and before the cap; `factor` where it multiplies."""

    code: str
    kind: Literal["rule", "tier", "campaign"]
    points: Fraction
    factor: Fraction | None = None


class Award(Struct, frozen=True):
    """What is earned, and why.

    `uses`: the (code, key) pairs of all limits that this uses once, and ("cap", "") where orders are counted. `spent`:
    what it takes of the budgets of campaigns, in points; each is one claim as well. An award of nothing uses nothing.
    """

    points: int = 0
    parts: tuple[Part, ...] = ()
    uses: tuple[tuple[str, str], ...] = ()
    spent: tuple[tuple[str, int], ...] = ()
    refused: tuple[Refused, ...] = ()

    @property
    def rule(self) -> str:
        """The codes of the rules and campaigns that gave points, as the books name them: "purchase+double-day"."""
        giving = (each.code for each in self.parts if each.kind != "tier" and each.points > 0)
        return "+".join(giving) if self.points else ""

    @property
    def grounds(self) -> Grounds:
        """The same as the books keep it of an order, which keeps by itself what it has spent."""
        return Grounds(tuple((each.code, each.kind, str(each.points)) for each in self.parts), self.refused)


class Applicable(Struct, frozen=True):
    """All that could give something for a purchase or deed now, whatever limits and budgets say.

    `rules` by code, with the factor of the member's tier; `bonuses` of campaigns as if all those rules counted; `marks`
    the (campaign code, mark) pairs of challenges.
    """

    program: Program
    what: Purchase | Deed
    buyer: Buyer
    rules: tuple[Counted, ...]
    bonuses: tuple[Bonus, ...]
    marks: tuple[tuple[str, str], ...]

    def campaigns(self) -> tuple[Campaign, ...]:
        """Return all campaigns among it, challenges too."""
        marked = {code for code, _ in self.marks}
        return (
            *(each.campaign for each in self.bonuses),
            *(each for each in self.program.campaign if each.code in marked),
        )

    def needs(self) -> tuple[Need, ...]:
        """Return which uses have to be counted before the award, and before the prize of a challenge, by code."""
        what, zone = self.what, self.program.zone
        limits = [(each.rule.code, each.rule.limit) for each in self.rules]
        limits += [(each.code, each.limit) for each in self.campaigns()]
        found = [need(code, limit, what, zone) for code, limit in limits if limit is not None]
        cap = _cap(self.program, what)
        if cap and cap.times:
            found.append(Need(CAP, "", since(cap.per, moment(what), zone)))
        return tuple(sorted(found, key=lambda each: (each.code, each.key)))

    def budgeted(self) -> tuple[str, ...]:
        """Return the codes of all campaigns with a budget, challenges too, sorted."""
        return tuple(sorted(each.code for each in self.campaigns() if each.budget is not None))

    def award(self, usage: Usage = UNUSED, budgets: Budgets = UNTOUCHED) -> Award:
        """Return what the purchase or deed earns after so many uses and with such budgets; it changes nothing.

        The points of all stackable rules are summed, and of the others the one that gives most by itself, then the one
        with the highest priority, then the first by code, is added to them. Each rule's points are multiplied by its
        factor for the member's tier. The bonuses of campaigns come on top. An order's cap cuts what is more. Whatever
        is left of a point is dropped once, at the end.
        """
        what = self.what
        rules, lost = _counted(self.rules, what, usage)
        all_count = len(rules) == len(self.rules)
        bonuses = self.bonuses if all_count else bonuses_of(self.program, what, self.buyer, rules)
        extra, beaten = stacked(bonuses, what, usage, budgets)
        parts = _parts(rules, extra, self.buyer)
        refused = [*lost, *beaten]
        cap = _cap(self.program, what)
        per_order = cap.per_order if cap else None
        total = _whole(sum((each.points for each in parts), Fraction(0)), None)
        if total and cap and cap.times and usage.get((CAP, ""), 0) >= cap.times:
            return Award(refused=_sorted([*refused, Refused(CAP, "cap_reached")]))
        points = _whole(Fraction(total), per_order)
        if points < total:
            refused.append(Refused(CAP, "capped"))
        if not points:
            return Award(parts=parts, refused=_sorted(refused))
        uses = [_use(each.rule, what) for each in rules] + [_use(each.campaign, what) for each in extra]
        if cap and cap.times:
            uses.append((CAP, ""))
        return Award(
            points=points,
            parts=parts,
            uses=tuple(sorted(each for each in uses if each)),
            spent=_spent(parts, extra, per_order),
            refused=_sorted(refused),
        )


def applicable(program: Program, what: Purchase | Deed, buyer: Buyer) -> Applicable:
    """Return what of the programme could give something for the purchase or deed."""
    rules = _earning(program, what, buyer)
    found = bonuses_of(program, what, buyer, rules)
    return Applicable(program, what, buyer, rules, found, challenge_marks(program, what, buyer))


def prize(campaign: Campaign, what: Purchase | Deed, usage: Usage = UNUSED, budgets: Budgets = UNTOUCHED) -> Award:
    """Return what a challenge gives to whoever reached its goal by this purchase or deed; no cap touches it."""
    points = campaign.points or 0
    if reached(campaign.code, campaign.limit, what, usage):
        return Award(refused=(Refused(campaign.code, "limit_reached"),))
    if not affordable(campaign, Fraction(points), budgets):
        return Award(refused=(Refused(campaign.code, "budget_spent"),))
    use = _use(campaign, what)
    return Award(
        points=points,
        parts=(Part(campaign.code, "campaign", Fraction(points)),),
        uses=(use,) if use else (),
        spent=((campaign.code, points),) if campaign.budget else (),
    )


def _cap(program: Program, what: Purchase | Deed) -> CapTable | None:
    return program.points.cap if isinstance(what, Purchase) else None


def _earning(program: Program, what: Purchase | Deed, buyer: Buyer) -> tuple[Counted, ...]:
    """Return all rules that give anything, by code, with the factor of the member's tier."""
    found = (
        Counted(each, raw_points(program, each, what), each.tier_multiplier.get(buyer.tier or "", Fraction(1)))
        for each in sorted(rules_for(program, what), key=lambda rule: rule.code)
    )
    return tuple(each for each in found if each.raw > 0)


def _counted(
    earning: Iterable[Counted], what: Purchase | Deed, usage: Usage
) -> tuple[tuple[Counted, ...], list[Refused]]:
    """Return the rules that count, and those that do not: the limit decides first, then the most points."""
    able, refused = [], []
    for each in earning:
        if reached(each.rule.code, each.rule.limit, what, usage):
            refused.append(Refused(each.rule.code, "limit_reached"))
        else:
            able.append(each)
    alone = [each for each in able if not each.rule.stackable]
    top = min(alone, key=lambda each: (-each.raw, -each.rule.priority, each.rule.code), default=None)
    counting = tuple(each for each in able if each.rule.stackable or each is top)
    return counting, refused + [Refused(each.rule.code, "not_stackable") for each in alone if each is not top]


def _parts(rules: Iterable[Counted], extra: Iterable[Bonus], buyer: Buyer) -> tuple[Part, ...]:
    """Return the shares: rules, then what the tier adds by each factor, then campaigns, each by code."""
    rules = tuple(rules)
    by_factor: dict[Fraction, Fraction] = {}
    for each in rules:
        if each.factor != 1:
            by_factor[each.factor] = by_factor.get(each.factor, Fraction(0)) + each.raw * (each.factor - 1)
    return (
        *(Part(each.rule.code, "rule", each.raw) for each in rules),
        *(Part(buyer.tier or "", "tier", more, factor) for factor, more in sorted(by_factor.items())),
        *(Part(each.campaign.code, "campaign", each.points, each.campaign.factor) for each in extra),
    )


def _whole(points: Fraction, cap: int | None) -> int:
    floored = max(points.numerator // points.denominator, 0)
    return floored if cap is None else min(floored, cap)


def _spent(parts: tuple[Part, ...], extra: Iterable[Bonus], cap: int | None) -> tuple[tuple[str, int], ...]:
    """Return by how many whole points each campaign with a budget raised the award.

    Counted along the running total, the whole points of all parts sum to the award, and none is more than its bonus
    rounded up: what the budget was asked for.
    """
    running = [_whole(each, cap) for each in accumulate((each.points for each in parts), initial=Fraction(0))]
    with_budget = {each.campaign.code for each in extra if each.campaign.budget is not None}
    return tuple(
        (each.code, max(after - before, 0))
        for each, (before, after) in zip(parts, pairwise(running), strict=True)
        if each.kind == "campaign" and each.code in with_budget
    )


def _use(which: EarningRule | Campaign, what: Purchase | Deed) -> tuple[str, str] | None:
    return None if which.limit is None else (which.code, key_of(which.limit, what))


def _sorted(refused: Iterable[Refused]) -> tuple[Refused, ...]:
    return tuple(sorted(refused, key=lambda each: (each.code, each.reason)))
