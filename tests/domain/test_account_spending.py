"""What was set apart or spent comes from the right lots and goes back to them, in whatever parts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from purchases import program

from wallet_service.domain.account import Account
from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.ledger import Hold, Lot
from wallet_service.domain.redeeming import last_taken

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
RULES = program(points={"expiry": {"mode": "rolling", "period": "P12M"}})
sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)
cuts = st.integers(0, 1000)


def account(*points: int) -> Account:
    """Return an account with lots of so many points, each dying a day after the one before it."""
    lots = [
        Lot(each, NOW, id=number, available=each, expires_at=NOW + timedelta(days=100 + number))
        for number, each in enumerate(points, start=1)
    ]
    return Account(expiry_of(RULES, None), available=sum(points), load=lambda: (lots, []))


def held(taken: Account, points: int) -> Hold:
    """Set points apart."""
    hold = Hold(points, "pay_with_points", NOW, NOW + timedelta(minutes=30), "hld_1")
    taken.hold(hold)
    return hold


def left(each: Account) -> list[tuple[int, int]]:
    """Return spendable and held points of each lot."""
    return [(lot.available, lot.held) for lot in each.lots]


def share(of: int, cut: int, least: int = 0) -> int:
    """Return a number from `least` to `of`."""
    return least + cut % (of - least + 1)


@given(sizes, cuts, cuts)
def test_a_captured_part_is_what_spending_it_takes(points: list[int], first: int, second: int) -> None:
    """Hold n and capture k leaves every lot as spending k at once does."""
    whole = share(sum(points), first, 1)
    part = share(whole, second, 1)
    one, other = account(*points), account(*points)
    one.capture(held(one, whole), part, at=NOW)
    other.spend(part, at=NOW, rule=None)

    assert left(one) == left(other)
    assert (one.available, one.held) == (other.available, 0) == (sum(points) - part, 0)


@given(sizes, cuts)
def test_a_void_leaves_no_trace_in_the_lots(points: list[int], cut: int) -> None:
    """Hold and void: every lot is as before."""
    one = account(*points)
    before = left(one)
    one.release(held(one, share(sum(points), cut, 1)), at=NOW)
    assert left(one) == before


@given(sizes, cuts, cuts, cuts, cuts)
def test_giving_back_is_as_if_less_had_been_taken(
    points: list[int], first: int, second: int, third: int, fourth: int
) -> None:
    """Hold n, capture k, give back r and then s: every lot is as if k - r - s had been captured."""
    whole = share(sum(points), first, 1)
    used = share(whole, second, 1)
    one = account(*points)
    hold = held(one, whole)
    parts = list(hold.parts)
    one.capture(hold, used, at=NOW)
    back = 0
    for returned in (share(used, third), share(used - share(used, third), fourth)):
        if returned:
            one.give_back(last_taken(parts, taken=used, before=back, points=returned), at=NOW, reverses=1)
            back += returned
    other = account(*points)
    if used - back:
        other.spend(used - back, at=NOW, rule=None)

    assert left(one) == left(other)


@given(sizes, cuts)
def test_what_is_dead_comes_in_one_new_lot(points: list[int], cut: int) -> None:
    """With grace, whatever part comes back after all lots have died is in one lot that lives as long as the grace."""
    one = account(*points)
    used = share(sum(points), cut, 1)
    parts = [(lot, lot.available) for lot in one.lots]
    one.spend(used, at=NOW, rule=None)
    late = NOW + timedelta(days=300)
    one.settle(late)
    until = late + timedelta(days=7)
    back = one.give_back(last_taken(parts, taken=used, before=0, points=used), at=late, reverses=1, grace_until=until)

    assert back.opens is not None
    assert (back.opens.available, back.opens.expires_at, one.available) == (used, until, used)
    one.settle(until)
    assert one.available == 0


@given(sizes, cuts, st.integers(1, 50))
def test_what_comes_back_covers_a_deficit_first(points: list[int], cut: int, debt: int) -> None:
    """A deficit that arose while points were held is covered by what the hold gives back, to the point."""
    one = account(*points)
    hold = held(one, sum(points))
    one.take(debt, at=NOW, actor="a", reason="b", floor=None)
    one.capture(hold, share(sum(points), cut, 1), at=NOW)

    rest = sum(points) - share(sum(points), cut, 1)
    assert one.available == rest - debt
    assert sum(lot.available for lot in one.lots) == max(rest - debt, 0)
