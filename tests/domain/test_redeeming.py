"""What points buy: the least, the most, what it is worth, until when, and for which cause."""

from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from purchases import local, program

from wallet_service.domain.program.reward_tables import Reward
from wallet_service.domain.purchase import Line
from wallet_service.domain.redeeming import (
    Chooser,
    Wish,
    cause_of,
    fits,
    good_until,
    held,
    least_points,
    most_points,
    offers,
    takeable,
    whys,
    worth,
)

CAUSES = [{"code": "trees", "name": "Trees"}, {"code": "shelter", "name": "Shelter"}]
amounts = st.integers(1, 1000)


def reward(kind: str, **keys: Any) -> Reward:
    """Return a reward of that kind."""
    return Reward.model_validate({"code": "r", "kind": kind} | keys)


def paying(points: int, value: int, share: Fraction | None = None) -> Reward:
    """Return a reward that pays so much for so many points, and a share of an order at the most."""
    more = {} if share is None else {"max_share_of_order": f"{share.numerator * 100 // share.denominator / 100:.2f}"}
    return reward("pay_with_points", rate={"points": points, "value": value}, **more)


@given(amounts, amounts, st.integers(1, 100), st.integers(0, 10**6), st.integers(0, 10**6))
def test_points_never_pay_more_than_their_share(
    points: int, value: int, percent: int, order_minor: int, available: int
) -> None:
    """The most is worth no more than the share and no less than can be, is no more than there is, and wastes none."""
    one = paying(points, value, Fraction(percent, 100))
    most = most_points(one, available=available, order_minor=order_minor)
    paid, share = worth(one, most) or 0, Fraction(percent, 100) * order_minor

    assert 0 <= most <= available
    assert paid <= share
    if most < available:
        assert most == 0 or (worth(one, most - 1) or 0) < paid
        following = next(each for each in range(most + 1, most + points + 2) if (worth(one, each) or 0) > paid)
        assert (worth(one, following) or 0) > share


@given(amounts, amounts)
def test_the_least_buys_something(points: int, value: int) -> None:
    """The fewest points are worth at least one minor unit, and one fewer are not."""
    one = paying(points, value)
    least = least_points(one)
    assert (worth(one, least) or 0) >= 1
    assert least == 1 or worth(one, least - 1) == 0


@pytest.mark.parametrize(
    ("one", "points", "value"),
    [
        (reward("amount_off", cost=500, value=1000), 500, 1000),
        (reward("gift_card", cost=60), 60, None),
        (reward("gift_card", cost=60, value=2500), 60, 2500),
        (reward("percent_off", cost=60, value=1000), 60, None),
        (reward("donation", rate={"points": 3, "value": 2}), 10, 6),
    ],
)
def test_worth(one: Reward, points: int, value: int | None) -> None:
    """Money is worth what it says, or its rate floored once; what is no money has no worth here."""
    assert worth(one, points) == value


@pytest.mark.parametrize(
    ("one", "is_held"),
    [
        (reward("product", cost=9), True),
        (reward("service", cost=9), True),
        (reward("product", cost=9, code_valid="P1D"), False),
        (reward("product", cost=9, pool="p"), False),
        (reward("product", cost=9, auto=True), False),
        (reward("amount_off", cost=9, value=1), False),
        (reward("experience", cost=9), False),
        (reward("pay_with_points", rate={"points": 1, "value": 1}), True),
        (reward("pay_with_points", rate={"points": 1, "value": 1}, code_valid="P1D"), True),
    ],
)
def test_what_is_held_for_the_till(one: Reward, is_held: bool) -> None:
    """What is paid in points always; products and services unless they have a date, a pool, or come by themselves."""
    assert held(one) == is_held


def test_a_code_is_good_by_the_programmes_calendar() -> None:
    """30 days later at the same local time, over the change of clocks."""
    one = reward("product", cost=9, code_valid="P30D")
    assert good_until(program(), one, local("2026-10-10 12:00:00")) == local("2026-11-09 12:00:00")
    assert good_until(program(), reward("product", cost=9), local("2026-10-10 12:00:00")) is None


@pytest.mark.parametrize(
    ("keys", "chosen", "usual", "goes_to"),
    [
        ({"choose": "cause", "default": "trees"}, "shelter", None, "shelter"),
        ({"choose": "cause", "default": "trees"}, None, "shelter", "shelter"),
        ({"choose": "cause", "default": "trees"}, None, "gone", "trees"),
        ({"choose": "cause", "default": "trees"}, "whales", "shelter", None),
        ({"choose": "cause"}, None, None, None),
        ({"default": "trees"}, "shelter", "shelter", "trees"),
    ],
)
def test_the_cause_of_a_donation(
    keys: dict[str, str], chosen: str | None, usual: str | None, goes_to: str | None
) -> None:
    """The chosen one, then the usual one, then the programme's; an unknown choice is never replaced by another."""
    one = reward("donation", rate={"points": 1, "value": 1}, **keys)
    assert cause_of(program(cause=CAUSES), one, chosen=chosen, usual=usual) == goes_to


def test_a_single_cause_needs_no_choice() -> None:
    """Where there is one, it is that one."""
    one = reward("donation", rate={"points": 1, "value": 1})
    assert cause_of(program(cause=CAUSES[:1]), one, chosen=None, usual=None) == "trees"


def test_a_basket_fits_by_sku_or_tag() -> None:
    """One line is enough; a gift card in the basket is none that counts, and without `match` everything fits."""
    one = reward("product", cost=9, match={"skus": ["c1"], "tags": ["cake"]})
    at: datetime = local("2026-06-10 12:00:00")
    assert fits(one, (Line("x", 1), Line("c1", 1)), at=at)
    assert fits(one, (Line("x", 1, tags=("cake",)),), at=at)
    assert not fits(one, (Line("x", 1), Line("c1", 1, earns=False)), at=at)
    assert not fits(one, (), at=at)
    assert fits(reward("product", cost=9), (), at=at)


def test_what_the_card_says_is_what_the_catalogue_says() -> None:
    """Stock, limits and codes aside, the card names the rewards with a cost that can be had."""
    rewards = [
        {"code": "cheap", "kind": "product", "cost": 10},
        {"code": "dear", "kind": "product", "cost": 1000},
        {"code": "own", "kind": "product", "cost": 10, "auto": True},
        {"code": "high", "kind": "product", "cost": 10, "min_tier": "gold"},
        {"code": "gone", "kind": "product", "cost": 10, "stock": 1},
    ]
    tiers = [{"code": "base", "name": "B", "threshold": 0}, {"code": "gold", "name": "G", "threshold": 9}]
    rules = program(reward=rewards, tier=tiers, tiers={"measure": "points_earned", "window": "lifetime"})
    chooser = Chooser(available=500, tier="base", left={"gone": 0})
    can = tuple(each.reward.code for each in offers(rules, chooser) if each.available)
    assert can == ("cheap",)
    assert takeable(rules, available=500, tier="base") == ("cheap", "gone")


def test_all_reasons_are_named_at_once() -> None:
    """Nobody has to come back for each of them."""
    one = {"code": "r", "kind": "product", "cost": 10, "auto": True, "min_tier": "gold", "stock": 1}
    one |= {"limit": {"times": 1, "per": "lifetime"}}
    tiers = [{"code": "base", "name": "B", "threshold": 0}, {"code": "gold", "name": "G", "threshold": 9}]
    rules = program(reward=[one], tier=tiers, tiers={"measure": "points_earned", "window": "lifetime"})
    chooser = Chooser(available=3, tier="base", active=False, uses={"r": 1}, left={"r": 0})
    found = whys(rules, rules.reward[0], chooser, Wish())
    assert [each.reason for each in found] == [
        "not_active", "only_automatic", "tier_too_low", "limit_reached", "out_of_stock", "insufficient_balance",
    ]  # fmt: skip
    assert all(str(each) for each in found)
