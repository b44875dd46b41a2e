"""What a member is entitled to by tier, and what each of it, or of the rewards, takes off an order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wallet_service.domain.basis import matching
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import Reward
from wallet_service.domain.program.tier_tables import Benefit
from wallet_service.domain.purchase import Line, Purchase
from wallet_service.domain.redeeming import Offer, Why

WHOLE = 10_000  # basis points


@dataclass(frozen=True, slots=True)
class Discount:
    """One way to pay less for an order: a benefit of the tier, or a reward that the member could take now.

    `minor` is what it takes off, 0 where it takes off nothing of this order; `points` what it costs. `whys` are all
    reasons why it cannot be had.
    """

    kind: Literal["benefit", "reward"]
    code: str
    minor: int
    points: int = 0
    whys: tuple[Why, ...] = ()

    @property
    def available(self) -> bool:
        """Whether the member can have it for this order."""
        return not self.whys and self.minor > 0


def benefits_of(program: Program, tier: str | None) -> tuple[Benefit, ...]:
    """Return the benefits of a tier that the programme tells more about than their names."""
    found = program.tier_of(tier) if tier else None
    return tuple(each for each in program.benefit if found and each.code in found.benefits)


def discounts(program: Program, tier: str | None, offers: Iterable[Offer], purchase: Purchase) -> tuple[Discount, ...]:
    """Return every way to pay less for the order, benefits first; one does not rule out another here."""
    benefits = [
        Discount("benefit", each.code, of_benefit(each, purchase))
        for each in benefits_of(program, tier)
        if each.kind in ("percent_off", "amount_off")
    ]
    return (*benefits, *(found for each in offers if (found := _of_offer(each, purchase))))


def best(found: Iterable[Discount]) -> Discount | None:
    """Return what takes most off; of two that take as much, the one that costs fewer points, then the first."""
    return max((each for each in found if each.available), key=lambda each: (each.minor, -each.points), default=None)


def of_benefit(benefit: Benefit, purchase: Purchase) -> int:
    """Return what a benefit takes off an order, in minor units; floored once."""
    excluded = matching(purchase, benefit.exclude) if benefit.exclude else ()
    if benefit.match is None and not excluded:
        amount = purchase.eligible_minor
    else:
        amount = _sum(each for each in matching(purchase, benefit.match) if each not in excluded)
    return _off(benefit.kind, benefit.value, amount)


def _of_offer(offer: Offer, purchase: Purchase) -> Discount | None:
    reward = offer.reward
    if reward.kind == "pay_with_points":
        return Discount("reward", reward.code, offer.most_minor or 0, offer.most_points or 0, offer.whys)
    if reward.kind not in ("percent_off", "amount_off"):
        return None
    return Discount("reward", reward.code, _of_reward(reward, purchase), reward.cost or 0, offer.whys)


def _of_reward(reward: Reward, purchase: Purchase) -> int:
    amount = purchase.eligible_minor if reward.match is None else _sum(matching(purchase, reward.match))
    return _off(reward.kind, reward.value, amount)


def _off(kind: str, value: int | None, amount: int) -> int:
    if value is None:
        return 0
    return amount * min(value, WHOLE) // WHOLE if kind == "percent_off" else min(value, amount)


def _sum(lines: Iterable[Line]) -> int:
    return sum(each.net_minor for each in lines)
