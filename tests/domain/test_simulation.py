"""A programme lived through in memory comes to what its rules say: the sums close, and the same goes in and out."""

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from wallet_service.domain.event import Customer, Event, Fact, MemberEnrolled, OrderPaid, OrderRefunded
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.invented import invented_year
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Line
from wallet_service.domain.simulation import Habits, liability, simulate

EXAMPLES = sorted((Path(__file__).parents[1] / "programs").glob("*.toml"))
NOBODY = Habits(Fraction(0))
EVERYBODY = Habits(Fraction(1))


def programme(name: str) -> Program:
    """Return one of the example programmes."""
    path = next(each for each in EXAMPLES if each.stem == name)
    found, faults = read(Program, name, parse(path.read_bytes(), name)[0] or {})
    assert found, faults
    return found


def said(at: str, kind: str, fact: Fact) -> Event:
    """Return an event of that time."""
    return Event(f"{at} {kind}", kind, b"", datetime.fromisoformat(at).replace(tzinfo=UTC), b"", fact)


@pytest.mark.parametrize("name", [each.stem for each in EXAMPLES])
@pytest.mark.parametrize("habits", [NOBODY, Habits(), EVERYBODY])
def test_what_came_in_is_out_or_still_there(name: str, habits: Habits) -> None:
    """Issued is redeemed, expired, taken back or outstanding, month by month, in every kind of programme."""
    outcome = simulate(programme(name), invented_year(programme(name), seed=3, customers=25), habits)
    left = 0
    for month in outcome.months:
        left += month.issued - month.redeemed - month.expired - month.reversed
        assert month.outstanding == left
        assert month.outstanding >= 0
        assert not month.tiers or sum(month.tiers.values()) == month.members
    assert [each.first.month for each in outcome.months] == list(range(1, 13))[-len(outcome.months) :]
    assert sum(outcome.reached_after.values()) + outcome.never == 25
    assert outcome.passed_over == 0


def test_the_same_number_gives_the_same_year() -> None:
    """A seed decides everything; another one gives another year; more customers leave the others as they are."""
    shop = programme("small_shop")
    year = list(invented_year(shop, seed=1, customers=8))
    assert list(invented_year(shop, seed=1, customers=8)) == year
    assert list(invented_year(shop, seed=2, customers=8)) != year
    assert list(invented_year(shop, seed=1, customers=9))[: len(year)] == year
    assert simulate(shop, year, Habits()) == simulate(shop, reversed(year), Habits())


def test_a_stamp_card_gives_the_tenth_coffee() -> None:
    """Nine coffees on nine days, and the card gives one away by itself; what is left is none."""
    who, coffee = Customer(id="ann"), (Line("c", 500, 1, ("coffee",)),)
    events = [said("2026-03-01T08:00", "member.enrolled", MemberEnrolled(who, None, None))]
    events += [
        said(f"2026-03-{day:02}T09:00", "order.paid", OrderPaid(who, f"o{day}", "RON", 500, coffee))
        for day in range(2, 11)
    ]
    outcome = simulate(programme("stamp_card"), events, NOBODY)
    (month,) = outcome.months
    assert (month.issued, month.redeemed, month.outstanding, outcome.median_orders) == (9, 9, 0, 9)


def test_a_refund_and_the_months_show_where_they_belong() -> None:
    """Points wait, a refund takes them back in its own month, and what nobody spends dies after its time."""
    who = Customer(id="ann")
    events = [
        said("2026-01-10T08:00", "member.enrolled", MemberEnrolled(who, None, None)),
        said("2026-01-11T08:00", "order.paid", OrderPaid(who, "a", "EUR", 10_000)),
        said("2026-02-20T08:00", "order.paid", OrderPaid(who, "b", "EUR", 10_000)),
        said("2026-03-01T08:00", "order.refunded", OrderRefunded("b", 10_000)),
    ]
    outcome = simulate(programme("small_shop"), events, NOBODY, until=date(2027, 3, 1))
    shown = {f"{each.first:%Y-%m}": each for each in outcome.months}
    assert (shown["2026-01"].issued, shown["2026-01"].outstanding) == (150, 150)  # 50 for joining
    assert (shown["2026-02"].issued, shown["2026-03"].reversed) == (100, 100)
    assert shown["2027-01"].expired == 150
    assert shown["2027-03"].outstanding == 0
    assert outcome.median_orders == 1


def test_liability_is_rounded_up_to_a_whole_minor_unit() -> None:
    """A point of 0.05 EUR is 5 cents; where nobody says what a point costs, nothing is known."""
    assert liability(programme("small_shop"), 7) == 35
    assert liability(programme("discount_card"), 7) is None
    odd = programme("small_shop").model_copy(
        update={"unit": programme("small_shop").unit.model_copy(update={"cost_micros": 1})}  # type: ignore[union-attr]
    )
    assert liability(odd, 1) == 1


def test_nothing_comes_to_nothing() -> None:
    """Without events there are no months."""
    assert simulate(programme("small_shop"), [], Habits()).months == ()
