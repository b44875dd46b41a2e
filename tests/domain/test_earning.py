"""Orders earn what they deserve, in whatever order and however often their news arrives."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain import ledger
from wallet_service.domain.earning import Order, settle
from wallet_service.domain.program import Program

PAID = -1  # the news that the order was paid; any other number is the news of a refund up to that amount


def program(*, points: int = 1, per: int = 100, refund: str = "clamp_to_zero", **more: Any) -> Program:
    """Return a programme with one rule of earning, unless `earning_rule` says otherwise."""
    rule = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": points, "per": per}
    return Program.model_validate(
        {
            "schema": 1,
            "program": {"code": "p", "name": "P", "timezone": "Europe/Prague", "currency": "EUR"},
            "unit": {"code": "points"},
            "points": {"refund": {"earned": refund}},
            "earning_rule": [rule],
            **more,
        }
    )


def follow(news: list[int], eligible: int, rules: Program, *, available: int = 0) -> tuple[Order, int, list[int]]:
    """Return the order, the balance and every balance in between, after the news in that order."""
    order, balances = Order("o"), []
    for each in news:
        order = order.paid(eligible) if each == PAID else order.refunded(each)
        order, posted = settle(order, rules, available=available)
        available += ledger.total(posted)[0]
        balances.append(available)
    return order, available, balances


histories = st.tuples(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 2 * 10**6), max_size=5),
    st.integers(1, 7),
    st.integers(1, 1000),
)


@given(histories, st.data())
@settings(max_examples=150, deadline=None)
def test_order_and_repetition_of_the_news_do_not_matter(
    history: tuple[int, list[int], int, int], data: st.DataObject
) -> None:
    """Any order and multiplicity of deliveries ends at the same order and the same kept points."""
    eligible, refunds, points, per = history
    rules = program(points=points, per=per)
    news = [PAID, *refunds]
    jumbled = data.draw(st.permutations(news + data.draw(st.lists(st.sampled_from(news), max_size=4))))

    plain, balance, _ = follow(news, eligible, rules)
    other, other_balance, _ = follow(jumbled, eligible, rules)

    assert other == plain
    assert other_balance == balance == plain.kept == plain.deserved


@pytest.mark.parametrize("news", list(permutations([PAID, 3_333, 5_000, 8_040])))
def test_every_order_of_four_deliveries_ends_alike(news: tuple[int, ...]) -> None:
    """A paid order and three growing refunds end at zero in all 24 orders of arrival."""
    order, balance, _ = follow(list(news), 8_040, program())
    assert (order.earned, order.kept, balance) == (80, 0, 0)


@given(histories)
@settings(max_examples=100, deadline=None)
def test_a_full_refund_ends_at_zero(history: tuple[int, list[int], int, int]) -> None:
    """However an order was refunded before, refunding all of it leaves nothing."""
    eligible, refunds, points, per = history
    order, balance, _ = follow([PAID, *refunds, eligible], eligible, program(points=points, per=per))
    assert (order.kept, balance) == (0, 0)


@given(histories)
@settings(max_examples=100, deadline=None)
def test_kept_points_are_a_floored_share(history: tuple[int, list[int], int, int]) -> None:
    """What is kept is earned x remaining / eligible in whole points, between zero and what was earned."""
    eligible, refunds, points, per = history
    order, _, _ = follow([PAID, *refunds], eligible, program(points=points, per=per))
    remaining = max(eligible - max(refunds, default=0), 0)

    assert type(order.kept) is int
    assert order.earned == eligible * points // per
    assert 0 <= order.kept <= order.earned
    if eligible:
        assert order.kept * eligible <= order.earned * remaining < (order.kept + 1) * eligible


@given(histories, st.integers(0, 2000))
@settings(max_examples=100, deadline=None)
def test_no_balance_in_between_is_negative(history: tuple[int, list[int], int, int], spent: int) -> None:
    """With clamp_to_zero a member who has spent the points stands at zero, never below, at every step."""
    eligible, refunds, points, per = history
    rules = program(points=points, per=per)
    order, earned, _ = follow([PAID], eligible, rules)
    left = max(earned - spent, 0)
    balances = []
    for each in refunds:
        order, posted = settle(order.refunded(each), rules, available=left)
        left += ledger.total(posted)[0]
        balances.append(left)
    assert all(each >= 0 for each in balances)


def test_what_was_spent_is_forgiven_once() -> None:
    """Of 80 points 70 are spent: the refund takes 10, forgives 70, and a repeat of it does nothing."""
    rules = program()
    order, _, _ = follow([PAID], 8_040, rules)

    refunded, (posted,) = settle(order.refunded(8_040), rules, available=10)
    again, nothing = settle(refunded.refunded(8_040), rules, available=0)

    assert {each.account: each.points for each in posted.entries} == {"available": -10, "issuance": 80, "forgiven": -70}
    assert (again, nothing) == (refunded, [])


def test_a_programme_may_allow_debts() -> None:
    """With allow_negative a refund of spent points leaves a debt."""
    rules = program(refund="allow_negative")
    order, _, _ = follow([PAID], 8_040, rules)
    _, (posted,) = settle(order.refunded(8_040), rules, available=10)
    assert posted.available == -80


def test_a_refund_that_comes_first_is_waited_out() -> None:
    """Nothing is posted for a refund of an order that is not known yet; the order then earns what is left."""
    rules = program()
    waiting, nothing = settle(Order("o").refunded(4_000), rules, available=0)
    order, (posted,) = settle(waiting.paid(8_040), rules, available=0)

    assert (waiting.earned, nothing) == (None, [])
    assert (order.earned, order.kept, posted.available) == (80, 40, 40)


def test_a_smaller_refund_that_arrives_late_changes_nothing() -> None:
    """Refund figures are cumulative: an older, smaller one gives nothing back."""
    rules = program()
    order, _, _ = follow([PAID, 5_000], 8_040, rules)
    same, posted = settle(order.refunded(1_000), rules, available=30)
    assert (same, posted) == (order, [])


def test_the_first_amount_stays() -> None:
    """A second, different amount for the same order is not believed."""
    assert Order("o").paid(100).paid(999).eligible_minor == 100
    assert Order("o").paid(0).paid(999).eligible_minor == 0


def test_a_change_of_the_rules_rates_no_old_order_again() -> None:
    """A refund takes back a share of what the order earned then, not of what it would earn now."""
    order, _, _ = follow([PAID], 10_000, program(points=1))
    after, (posted,) = settle(order.refunded(5_000), program(points=10), available=100)
    assert (after.earned, after.kept, posted.available) == (100, 50, -50)


@pytest.mark.parametrize("news", [[PAID], [PAID, 0], [PAID, 500], [500, PAID]])
def test_an_order_of_nothing_earns_nothing(news: list[int]) -> None:
    """An eligible amount of zero posts nothing, whatever is refunded."""
    order, balance, balances = follow(news, 0, program())
    assert (order.earned, order.kept, balance) == (0, 0, 0)
    assert not any(balances)


def test_a_part_of_a_point_is_no_point() -> None:
    """99 cents earn nothing at a point a euro, and nothing is posted for them."""
    order, posted = settle(Order("o").paid(99), program(), available=0)
    assert (order.kept, posted) == (0, [])


def test_rules_add_up_and_are_named() -> None:
    """Each rule floors its own points; the transaction names all of them."""
    rule = {"on": "order.paid", "basis": "net_items"}
    rules = program(
        earning_rule=[{"code": "a", "points": 1, "per": 100, **rule}, {"code": "b", "points": 2, "per": 300, **rule}]
    )
    order, (posted,) = settle(Order("o").paid(450), rules, available=0)
    assert (order.earned, posted.rule) == (4 + 3, "a+b")


def test_a_programme_without_rules_posts_nothing() -> None:
    """An order is kept, but earns nothing."""
    order, posted = settle(Order("o").paid(10_000), program(earning_rule=[]), available=0)
    assert (order.earned, posted) == (0, [])


@given(st.integers(0, 10**11), st.integers(1, 10_000))
@settings(max_examples=50, deadline=None)
def test_the_largest_order_fits_the_database(eligible: int, points: int) -> None:
    """Points are exact far beyond floats, and even the largest order stays inside 64 bits."""
    order, _, _ = follow([PAID], eligible, program(points=points, per=1))
    assert order.earned == eligible * points < 2**63
