"""What a member can have for points, and why not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Literal

from wallet_service.domain.basis import matching
from wallet_service.domain.ledger import Lot
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import RateTable, Reward
from wallet_service.domain.purchase import Line, Purchase

Reason = Literal[
    "not_active",
    "only_automatic",
    "only_granted",
    "tier_too_low",
    "limit_reached",
    "out_of_stock",
    "insufficient_balance",
    "below_minimum",
    "above_share_of_order",
    "order_needed",
    "cause_needed",
]
_WORDS: dict[Reason, str] = {
    "not_active": "the card is no longer valid",
    "only_automatic": "it comes by itself",
    "only_granted": "it is given on an occasion and has no price",
    "tier_too_low": "the tier {tier} is needed",
    "limit_reached": "it has been taken as often as it may",
    "out_of_stock": "there is none left",
    "insufficient_balance": "{points} points are missing",
    "below_minimum": "{points} points are the least",
    "above_share_of_order": "{points} points are the most for this order",
    "order_needed": "the amount of the order is needed",
    "cause_needed": "a cause must be chosen",
}
# Kinds of which nothing is left to be handed over once they are taken.
DONE_AT_ONCE = ("donation", "collectible")
# Kinds that are handed over at the till; without `code_valid` their points are only held until then.
AT_THE_TILL = ("product", "service")


@dataclass(frozen=True, slots=True)
class Why:
    """Why a reward cannot be had now, with the points that are missing, least or most, or the tier that is needed."""

    reason: Reason
    points: int | None = None
    tier: str | None = None

    def __str__(self) -> str:
        return _WORDS[self.reason].format(points=self.points, tier=self.tier)


@dataclass(frozen=True, slots=True)
class Chooser:
    """What decides on the rewards that a member can have.

    `uses` are how often the member has had a reward within its limit, `left` how many there are of one with a stock or
    a pool of codes; both by its code. `active` is false where the card is void.
    """

    available: int
    tier: str | None
    active: bool = True
    uses: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a reward is wished for: `points` of one without a fixed cost, and the amount of the order to be paid.

    `paid_minor` of that order has been paid in points before.
    """

    points: int | None = None
    order_minor: int | None = None
    paid_minor: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as it lies before a member. Of one without a fixed cost: up to `most_points`, worth `most_minor`."""

    reward: Reward
    whys: tuple[Why, ...]
    most_points: int | None = None
    most_minor: int | None = None

    @property
    def available(self) -> bool:
        """Whether the member can have it now."""
        return not self.whys


def takeable(program: Program, *, available: int, tier: str | None) -> tuple[str, ...]:
    """Return the codes of the rewards that somebody with that balance and tier could choose now, stock aside."""
    return tuple(
        each.code
        for each in program.reward
        if each.cost is not None and not each.auto and each.cost <= available and reached(program, each, tier)
    )


def reached(program: Program, reward: Reward, tier: str | None) -> bool:
    """Whether the tier is high enough for the reward."""
    return reward.min_tier is None or program.rank(tier) >= program.rank(reward.min_tier)


def offers(program: Program, chooser: Chooser, *, order_minor: int | None = None) -> tuple[Offer, ...]:
    """Return all rewards in the programme's order, each with everything that keeps the member from it."""
    return tuple(_offer(program, each, chooser, order_minor) for each in program.reward)


def whys(program: Program, reward: Reward, chooser: Chooser, wish: Wish) -> tuple[Why, ...]:
    """Return everything that keeps the member from the reward as it is wished for."""
    return tuple(_whys(program, reward, chooser, wish))


def least_points(reward: Reward) -> int:
    """Return the fewest points that buy anything of the reward; 0 where it costs none."""
    if reward.rate is None:
        return reward.cost or 0
    return max(reward.min_points or 1, points_for(reward.rate, 1))


def most_points(reward: Reward, *, available: int, order_minor: int | None, paid_minor: int = 0) -> int:
    """Return the most points that can be spent on a reward without a fixed cost, and on the order to be paid.

    With what was paid in points before they are worth no more than its share of the order, and none is for nothing.
    """
    if reward.rate is None or order_minor is None:
        return max(available, 0)
    share = Fraction(1) if reward.max_share_of_order is None else reward.max_share_of_order
    left = max(int(order_minor * share) - paid_minor, 0)
    points = ((left + 1) * reward.rate.points - 1) // reward.rate.value
    return max(min(available, points_for(reward.rate, points * reward.rate.value // reward.rate.points)), 0)


def points_for(rate: RateTable, minor: int) -> int:
    """Return the fewest points that are worth an amount."""
    return -(-minor * rate.points // rate.value)


def worth(reward: Reward, points: int) -> int | None:
    """Return what so many points of a reward are worth in minor units; None where it is not money."""
    if reward.rate is not None:
        return points * reward.rate.value // reward.rate.points
    return reward.value if reward.kind in ("amount_off", "gift_card") else None


def held(reward: Reward) -> bool:
    """Whether points are only set apart for the reward until the till has handed it over; else they are spent at once.

    So it is with what is paid in points, and with products and services that have no date: they are taken now or not.
    """
    if reward.kind == "pay_with_points":
        return True
    return reward.kind in AT_THE_TILL and reward.code_valid is None and reward.pool is None and not reward.auto


def good_until(program: Program, reward: Reward, at: datetime) -> datetime | None:
    """Return when a reward that is taken then can no longer be used; the moment itself is too late."""
    return reward.code_valid.after(at, program.zone) if reward.code_valid else None


def cause_of(program: Program, reward: Reward, *, chosen: str | None, usual: str | None) -> str | None:
    """Return the cause that a donation goes to: the chosen one, the member's usual one, or that of the programme.

    None where there is none that the programme has.
    """
    causes = [each.code for each in program.cause]
    if reward.choose is None:
        chosen = usual = None
    only = causes[0] if len(causes) == 1 else None
    if chosen is not None:
        return chosen if chosen in causes else None
    return next((each for each in (usual, reward.default, only) if each in causes), None)


def fits(reward: Reward, lines: tuple[Line, ...], *, at: datetime) -> bool:
    """Whether any line of a basket is what the reward is good for; everything is where it names nothing."""
    if reward.match is None:
        return True
    return bool(matching(Purchase("", at, 0, tuple(lines)), reward.match))


def last_taken(parts: Iterable[tuple[Lot, int]], *, taken: int, before: int, points: int) -> list[tuple[Lot, int]]:
    """Return from which lots so many points come back: those taken last first, as if fewer had been taken.

    `taken` of the parts' points were used, in their order, and `before` of those have come back already.
    """
    first, last = taken - before - points, taken - before
    found, at = [], 0
    for lot, part in parts:
        back = min(at + part, last) - max(at, first)
        if back > 0:
            found.append((lot, back))
        at += part
    return found


def _offer(program: Program, reward: Reward, chooser: Chooser, order_minor: int | None) -> Offer:
    found = whys(program, reward, chooser, Wish(least_points(reward), order_minor))
    if reward.rate is None:
        return Offer(reward, found)
    found = tuple(each for each in found if each.reason != "order_needed")  # only paying itself needs it
    most = most_points(reward, available=chooser.available, order_minor=order_minor)
    value = worth(reward, most) or 0
    needed = max(points_for(reward.rate, value), min(most, least_points(reward)))  # what is beyond buys nothing more
    return Offer(reward, found, needed, value)


def _whys(program: Program, reward: Reward, chooser: Chooser, wish: Wish) -> Iterator[Why]:
    if not chooser.active:
        yield Why("not_active")
    if reward.auto:
        yield Why("only_automatic")
    elif reward.cost is None and reward.rate is None:
        yield Why("only_granted")
    if not reached(program, reward, chooser.tier):
        yield Why("tier_too_low", tier=reward.min_tier)
    if reward.limit and chooser.uses.get(reward.code, 0) >= reward.limit.times:
        yield Why("limit_reached")
    if chooser.left.get(reward.code, 1) <= 0:
        yield Why("out_of_stock")
    yield from _price(reward, chooser, wish)


def _price(reward: Reward, chooser: Chooser, wish: Wish) -> Iterator[Why]:
    least = least_points(reward)
    points = least if reward.rate is None else (wish.points or 0)
    if reward.rate is not None and points < least:
        yield Why("below_minimum", points=least)
    if points > chooser.available:
        yield Why("insufficient_balance", points=points - chooser.available)
    if reward.max_share_of_order is not None and wish.order_minor is None:
        yield Why("order_needed")
    elif reward.rate is not None and wish.order_minor is not None:
        most = most_points(reward, available=points, order_minor=wish.order_minor, paid_minor=wish.paid_minor)
        if points > most:
            yield Why("above_share_of_order", points=most)
