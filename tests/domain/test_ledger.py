"""Every transaction is double entry: what one account gains another gives, to the point."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain import ledger
from wallet_service.domain.ledger import Entry, Transaction, Unbalanced

points = st.integers(1, 10**15)
balances = st.integers(-(10**15), 10**15)
corrections = balances.filter(bool)
transactions = st.one_of(
    points.map(lambda each: ledger.earn(each, rule="r")),
    corrections.map(lambda each: ledger.adjust(each, actor="a", reason="b")),
    st.builds(ledger.reverse_earning, points, available=balances, clamp=st.booleans(), rule=st.just("r")),
)


@given(transactions)
@settings(max_examples=200, deadline=None)
def test_every_transaction_sums_to_zero(transaction: Transaction) -> None:
    """Whatever the amounts, the entries sum to zero, none is zero, and no account is named twice."""
    assert sum(each.points for each in transaction.entries) == 0
    assert all(each.points for each in transaction.entries)
    accounts = [each.account for each in transaction.entries]
    assert len(accounts) == len(set(accounts))


@given(transactions)
@settings(max_examples=100, deadline=None)
def test_points_are_whole_numbers(transaction: Transaction) -> None:
    """Entries and qualifying amounts are of the type int itself, never float and never bool."""
    assert {type(each.points) for each in transaction.entries} | {type(transaction.qualifying)} == {int}


@given(st.lists(transactions, max_size=8))
@settings(max_examples=100, deadline=None)
def test_the_total_is_the_sum_of_its_transactions(several: list[Transaction]) -> None:
    """Posting one after the other or all together gives the same balance."""
    available, qualifying = ledger.total(several)
    assert available == sum(each.points for one in several for each in one.entries if each.account == "available")
    assert qualifying == sum(each.qualifying for each in several)


@given(points, balances)
@settings(max_examples=200, deadline=None)
def test_a_clamped_reversal_never_makes_a_debt(taken: int, available: int) -> None:
    """It takes what is there and no more, and forgives exactly the rest."""
    transaction = ledger.reverse_earning(taken, available=available, clamp=True, rule="r")
    forgiven = -sum(each.points for each in transaction.entries if each.account == "forgiven")

    assert available + transaction.available >= min(available, 0)
    assert -transaction.available == min(taken, max(available, 0))
    assert forgiven == taken + transaction.available
    assert forgiven >= 0


@given(points, balances)
@settings(max_examples=100, deadline=None)
def test_an_unclamped_reversal_takes_it_all(taken: int, available: int) -> None:
    """Where a programme allows a debt, nothing is forgiven."""
    transaction = ledger.reverse_earning(taken, available=available, clamp=False, rule="r")
    assert transaction.available == -taken
    assert all(each.account != "forgiven" for each in transaction.entries)


@given(points, balances, st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_reversal_undoes_the_way_to_a_tier_in_full(taken: int, available: int, clamp: bool) -> None:
    """Forgiven points were spent, but they no longer count towards a tier."""
    assert ledger.reverse_earning(taken, available=available, clamp=clamp, rule="r").qualifying == -taken


@given(corrections)
@settings(max_examples=50, deadline=None)
def test_a_correction_does_not_move_the_tier(change: int) -> None:
    """What a person gives or takes can be spent, but does not count towards a tier, and says who and why."""
    transaction = ledger.adjust(change, actor="till 3", reason="complaint")
    assert (transaction.available, transaction.qualifying) == (change, 0)
    assert (transaction.actor, transaction.reason) == ("till 3", "complaint")


def test_earning_counts_towards_the_tier() -> None:
    """Points earned by an order can be spent and count, and name the rule that gave them."""
    transaction = ledger.earn(80, rule="purchase")
    assert (transaction.type, transaction.available, transaction.qualifying) == ("earn", 80, 80)
    assert transaction.rule == "purchase"


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (Entry("available", 1),),
        (Entry("available", 1), Entry("issuance", -2)),
        (Entry("available", 0), Entry("issuance", 0)),
        (Entry("available", 1), Entry("issuance", -1), Entry("forgiven", 0)),
    ],
)
def test_unbalanced_entries_are_refused(entries: tuple[Entry, ...]) -> None:
    """No entries, a sum other than zero, or an entry of zero make no transaction."""
    with pytest.raises(Unbalanced):
        Transaction("earn", entries)


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: ledger.earn(0, rule="r"),
        lambda: ledger.adjust(0, actor="a", reason="b"),
        lambda: ledger.reverse_earning(0, available=5, clamp=True, rule="r"),
        lambda: ledger.reverse_earning(0, available=5, clamp=False, rule="r"),
    ],
)
def test_moving_nothing_is_no_transaction(nothing: Callable[[], Transaction]) -> None:
    """Zero points are never posted: that would be noise in the books."""
    with pytest.raises(Unbalanced):
        nothing()


def test_the_total_of_nothing_is_zero() -> None:
    """No transactions change nothing."""
    assert ledger.total([]) == (0, 0)
