"""Every transaction is double entry: what one account gains another gives, and lots move along to the point."""

from typing import Any

import pytest
from actors import START
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.ledger import Allocation, Entry, Hold, Lot, Transaction, Unbalanced

amounts = st.integers(1, 10**15)


def lot(points: int = 10, **buckets: int) -> Lot:
    """Return a lot that came now."""
    return Lot(points, START, **buckets)


def earned(new: Lot, **more: Any) -> Transaction:
    """Return the transaction that brings a lot into being."""
    entries = (Entry("issuance", -new.points), Entry("available", new.points))
    return Transaction("earn", START, entries, (Allocation(new, "available", new.points),), opens=new, **more)


@given(amounts, amounts)
@settings(max_examples=50, deadline=None)
def test_a_member_gains_what_the_entries_say(points: int, less: int) -> None:
    """Several entries on one account count together, and other accounts are none of the member's."""
    entries = (
        Entry("available", points),
        Entry("available", less),
        Entry("held", -less),
        Entry("issuance", -points),
    )
    held = lot(less)
    moves = (Allocation(held, "held", -less), Allocation(held, "available", less))
    posted = Transaction("hold_void", START, entries, moves)
    assert (posted.available, posted.gained("held"), posted.gained("pending")) == (points + less, -less, 0)


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (Entry("available", 1),),
        (Entry("available", 1), Entry("issuance", -2)),
        (Entry("available", 0), Entry("issuance", 0)),
        (Entry("available", 1), Entry("issuance", -1), Entry("forgiven", 0)),
        (Entry("partner", 1, "bakery"), Entry("partner", -2, "cinema")),
    ],
)
def test_unbalanced_entries_are_refused(entries: tuple[Entry, ...]) -> None:
    """No entries, a sum other than zero, or an entry of zero make no transaction."""
    with pytest.raises(Unbalanced):
        Transaction("adjust", START, entries)


def test_entries_alone_can_balance() -> None:
    """Where nothing of a member's moves, no lot has to: partners settle between themselves."""
    entries = (Entry("partner", 5, "bakery"), Entry("adjustment", -5))
    assert Transaction("partner_settlement", START, entries).available == 0


@pytest.mark.parametrize("arrives", [0, 9, 11, -10])
def test_a_lot_comes_with_all_its_points(arrives: int) -> None:
    """A lot of ten points that a transaction opens has ten in its buckets, neither fewer nor more."""
    new = lot(10)
    moves = (Allocation(new, "available", arrives),) if arrives else (Allocation(new, "out", 1),)
    with pytest.raises(Unbalanced, match="a lot of 10 points moved by"):
        Transaction("earn", START, (Entry("issuance", -10), Entry("available", 10)), moves, opens=new)


def test_a_lot_that_is_there_keeps_its_sum() -> None:
    """Points of an older lot only change their bucket: what leaves one enters another, out is one too."""
    old = lot(10, available=10)
    entries = (Entry("available", -4), Entry("redemption", 4))
    for moves in (
        (Allocation(old, "available", -4),),
        (Allocation(old, "available", -4), Allocation(old, "out", 3)),
        (Allocation(old, "available", 10),),
    ):
        with pytest.raises(Unbalanced, match="moved by"):
            Transaction("adjust", START, entries, moves)
    good = (Allocation(old, "available", -4), Allocation(old, "out", 4))
    assert Transaction("adjust", START, entries, good).available == -4


def test_two_lots_do_not_make_up_for_each_other() -> None:
    """What one lot lacks is not found in another."""
    one, other = lot(5, available=5), lot(5, available=5)
    moves = (Allocation(one, "available", -5), Allocation(other, "out", 5))
    with pytest.raises(Unbalanced, match="moved by"):
        Transaction("expire", START, (Entry("available", -5), Entry("breakage", 5)), moves)


@pytest.mark.parametrize("bucket", ["pending", "held"])
def test_pending_and_held_are_what_lies_in_lots(bucket: Any) -> None:
    """No point is pending or held that is in no lot, and none lies there that the account does not have."""
    old = lot(10, **{bucket: 10})
    moves = (Allocation(old, bucket, -10), Allocation(old, "out", 10))
    for entries, moved in (
        ((Entry(bucket, -10), Entry("issuance", 10)), ()),
        ((Entry("available", -10), Entry("issuance", 10)), moves),
        ((Entry(bucket, -9), Entry("issuance", 9)), moves),
    ):
        with pytest.raises(Unbalanced, match=f"{bucket} and its lots differ"):
            Transaction("earn_reversal", START, entries, moved)
    assert Transaction("earn_reversal", START, (Entry(bucket, -10), Entry("issuance", 10)), moves).gained(bucket) == -10


def test_available_may_differ_from_its_lots() -> None:
    """A deficit lies in no lot: an account may lose more than its lots hold, and new points may cover it unseen."""
    assert Transaction("adjust", START, (Entry("available", -7), Entry("adjustment", 7))).available == -7
    new = lot(10)
    moves = (Allocation(new, "available", 3), Allocation(new, "out", 7))
    entries = (Entry("issuance", -10), Entry("available", 10))
    assert Transaction("earn", START, entries, moves, opens=new).available == 10


def test_a_transaction_says_why() -> None:
    """Rule, order and what counts for a tier stand beside the points; nobody needs to have done it by hand."""
    posted = earned(lot(80), rule="purchase", order_row=7, qualifying=80)
    assert (posted.rule, posted.order_row, posted.qualifying) == ("purchase", 7, 80)
    assert (posted.actor, posted.reason, posted.reverses, posted.hold) == (None, None, None, None)


def test_lots_and_holds_are_themselves() -> None:
    """Two lots of the same points and dates are two, and so are two holds: they are told apart by what they are."""
    assert lot(5) != lot(5)
    holds = [Hold(5, "reward", START, START, "hld_1") for _ in range(2)]
    assert holds[0] != holds[1]


def test_what_is_left_of_a_lot_is_still_the_members() -> None:
    """Pending, spendable and held points are the member's; those that have gone out are not."""
    assert lot(10, pending=1, available=2, held=3).left == 6
