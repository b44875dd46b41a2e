"""A programme lived through in memory comes to what its rules say: the sums close, and the same goes in and out."""

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from town import rules

from wallet_service.domain.event import (
    ActivityDone,
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    MemberUpdated,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    PointsAdjusted,
    Refund,
    RefundUpdated,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.invented import invented_year
from wallet_service.domain.program import Program
from wallet_service.domain.program.faults import faults
from wallet_service.domain.purchase import Line
from wallet_service.domain.simulation import Habits, liability, simulate

EXAMPLES = sorted((Path(__file__).parents[1] / "programs").glob("*.toml"))
NOBODY = Habits(Fraction(0))
EVERYBODY = Habits(Fraction(1))
ANN = Customer(id="ann")


def programme(name: str) -> Program:
    """Return one of the example programmes."""
    path = next(each for each in EXAMPLES if each.stem == name)
    found, wrong = read(Program, name, parse(path.read_bytes(), name)[0] or {})
    assert found, wrong
    return found


def ruled(points: str = "", more: str = "") -> Program:
    """Return a programme in UTC that gives a point for each euro, with this in [points], and more tables after it."""
    written = rules(zone="UTC", points=points, more=more)
    found, wrong = read(Program, "shop", parse(written.encode(), "shop")[0] or {})
    assert found, wrong
    assert not list(faults(found, "shop"))
    return found


def bought(*amounts: tuple[str, int]) -> list[Event]:
    """Return the events of Ann, who joins in 2026 and buys at these times for so many cents: orders a, b, c."""
    events = [said("2026-01-01T08:00", "member.enrolled", MemberEnrolled(ANN, None, None))]
    orders = zip("abcdefgh", amounts, strict=False)
    return events + [said(at, "order.paid", OrderPaid(ANN, order, "EUR", minor)) for order, (at, minor) in orders]


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


@pytest.mark.parametrize("auto", ["true", "false"])
def test_a_reward_is_taken_as_often_as_its_limit_allows(auto: str) -> None:
    """Once in a lifetime is once, whether it comes by itself or is chosen; the rest of the points stays."""
    limited = f"""
        [[reward]]
        code = "voucher"
        kind = "amount_off"
        value = 500
        cost = 100
        auto = {auto}
        limit = {{ times = 1, per = "lifetime" }}
    """
    events = bought(("2026-01-02T09:00", 50_000), ("2026-02-02T09:00", 5_000))
    months = simulate(ruled(more=limited), events, EVERYBODY).months
    assert [(each.redeemed, each.outstanding) for each in months] == [(100, 400), (0, 450)]


def test_a_limit_of_a_year_begins_anew_with_the_year() -> None:
    """What may be had once in a calendar year is taken again when the next one has begun."""
    limited = """
        [[reward]]
        code = "voucher"
        kind = "amount_off"
        value = 500
        cost = 100
        limit = { times = 1, per = "calendar_year" }
    """
    events = bought(("2026-11-02T09:00", 50_000), ("2027-01-02T09:00", 100))
    months = simulate(ruled(more=limited), events, EVERYBODY).months
    assert [each.redeemed for each in months] == [0] * 10 + [100, 0, 100]


def test_what_comes_monthly_comes_on_the_first_of_the_next_month() -> None:
    """January's points are given in February, and those of the last month are still there as it ends."""
    given = """
        [[cause]]
        code = "trees"
        name = "Trees"
        [[reward]]
        code = "pledge"
        kind = "donation"
        rate = { points = 1, value = 1 }
        auto = "monthly"
        default = "trees"
    """
    events = bought(("2026-01-02T09:00", 50_000), ("2026-02-20T09:00", 7_000), ("2026-03-05T09:00", 900))
    outcome = simulate(ruled(more=given), events, EVERYBODY)
    shown = [(each.redeemed, each.outstanding) for each in outcome.months]
    assert shown == [(0, 500), (500, 70), (70, 9)]
    assert outcome.median_orders == 1


@pytest.mark.parametrize(("on_cancel", "tier"), [("immediately", "base"), ("end_of_period", "club")])
def test_a_membership_ends_as_the_programme_says(on_cancel: str, tier: str) -> None:
    """Who cancels is no member any more at once, or stays one to the end of what is paid; paying again begins anew."""
    club = f"""
        [membership]
        kind = "paid"
        price = 4900
        period = "P1Y"
        on_cancel = "{on_cancel}"
        [tiers]
        measure = "membership"
        window = "none"
        valid = "membership_period"
        [[tier]]
        code = "base"
        threshold = 0
        [[tier]]
        code = "club"
        threshold = 1
    """
    events = [
        *bought(),
        said("2026-01-02T09:00", "subscription.paid", SubscriptionPaid(ANN, "one")),
        said("2026-02-10T09:00", "subscription.cancelled", SubscriptionCancelled(ANN, "one")),
        said("2026-03-10T09:00", "subscription.paid", SubscriptionPaid(ANN, "two")),
        said("2026-03-11T09:00", "subscription.paid", SubscriptionPaid(ANN, "two")),
    ]
    months = simulate(ruled(more=club), events, NOBODY, until=date(2027, 4, 1)).months
    tiers = [*months[0].tiers, *months[1].tiers, *months[2].tiers]
    assert tiers == ["club", tier, "club"]
    last = [f"{each.first:%Y-%m}" for each in months if each.tiers == {"club": 1}][-1]
    assert last == {"immediately": "2027-02", "end_of_period": "2027-04"}[on_cancel]


def test_points_wait_until_their_order_is_fulfilled() -> None:
    """Then they can be spent, and begin to age; what belongs to no order waits for none."""
    waiting = """
        [[earning_rule]]
        code = "review"
        on = "review.approved"
        points = 10
        [[reward]]
        code = "voucher"
        kind = "amount_off"
        value = 500
        cost = 100
    """
    points = 'pending = { mode = "event", on = "order.fulfilled" }\nexpiry = { mode = "rolling", period = "P2M" }'
    events = [
        *bought(("2026-01-02T09:00", 10_000), ("2026-01-03T09:00", 20_000), ("2026-01-04T09:00", 4_000)),
        said("2026-01-04T09:30", "review.approved", ActivityDone(ANN, "review.approved")),
        said("2026-02-04T09:00", "order.fulfilled", OrderFulfilled("a")),
        said("2026-02-05T09:00", "order.fulfilled", OrderFulfilled("c")),
        said("2026-02-06T09:00", "order.fulfilled", OrderFulfilled("nobody's")),
    ]
    outcome = simulate(ruled(points, waiting), events, EVERYBODY, until=date(2026, 5, 1))
    shown = [(each.redeemed, each.expired, each.outstanding) for each in outcome.months]
    # The 10 of the review are spent first, with 90 of the first order; 200 wait for ever.
    assert shown == [(0, 0, 350), (100, 0, 250), (0, 0, 250), (0, 50, 200), (0, 0, 200)]
    assert outcome.passed_over == 1


@pytest.mark.parametrize(("floor", "left", "passed"), [("", 50, 1), ("min_balance = -100\n", -30, 0)])
def test_a_correction_takes_as_far_as_the_rules_let_it(floor: str, left: int, passed: int) -> None:
    """Below zero where they do, and otherwise it is passed over."""
    taken = PointsAdjusted(ANN, -80, "a person", "a mistake")
    events = [*bought(("2026-01-02T09:00", 5_000)), said("2026-01-03T09:00", "points.adjusted", taken)]
    points = floor + 'refund = { earned = "allow_negative" }' if floor else ""
    outcome = simulate(ruled(points), events, NOBODY, until=date(2026, 1, 31))
    assert (outcome.months[0].outstanding, outcome.passed_over) == (left, passed)


def test_refunds_that_are_told_one_by_one_count() -> None:
    """A single refund takes points back, and one that failed gives them again."""
    events = bought(("2026-01-02T09:00", 10_000))
    for month, undone in ((2, False), (3, True)):
        at = f"2026-0{month}-02T09:00"
        refund = Refund("r", 5_000, datetime.fromisoformat(at).replace(tzinfo=UTC), undone=undone)
        events.append(said(at, "refund.updated", RefundUpdated("a", refund)))
    months = simulate(ruled(), events, NOBODY).months
    assert [each.outstanding for each in months] == [100, 50, 100]


def test_a_changed_order_is_evaluated_again() -> None:
    """What an order becomes earns within its cap and what a budget has left, and takes only what is more."""
    double = """
        [[campaign]]
        code = "double"
        kind = "multiplier"
        factor = "2"
        budget = { points = 50 }
    """
    events = bought(("2026-01-02T09:00", 1_000), ("2026-03-02T09:00", 4_000))
    at = datetime(2026, 2, 2, 9, tzinfo=UTC)
    paid = OrderPaid(ANN, "a", "EUR", 3_000)
    events.insert(2, said("2026-02-02T09:00", "order.updated", OrderUpdated("a", at, ANN, paid)))
    months = simulate(ruled("cap = { per_order = 50 }", double), events, NOBODY).months
    assert [each.outstanding for each in months] == [20, 50, 90]  # 30 of the budget are left: too few for 40


def test_what_is_open_already_is_not_missed() -> None:
    """A birthday that is told within its window, and a segment that is entered, bring what they bring at once."""
    days = """
        [[trigger]]
        code = "birthday"
        on = "member.birthday"
        points = 7
        window = { before = "P3D", after = "P10D" }
        [[segment]]
        code = "regulars"
        min_orders = 2
        [[trigger]]
        code = "welcome"
        on = "segment.entered"
        segment = "regulars"
        points = 11
    """
    events = [
        *bought(("2026-01-02T09:00", 100), ("2026-02-02T09:00", 100), ("2026-03-02T09:00", 100)),
        said("2026-01-05T09:00", "member.updated", MemberUpdated(ANN, birthday=(1, 4))),
    ]
    months = simulate(ruled(more=days), events, NOBODY).months
    assert [each.issued for each in months] == [1 + 7, 1 + 11, 1]


def test_a_reward_that_comes_by_itself_is_activity() -> None:
    """Points become spendable after a silence, the reward is taken, and its member is among the active again."""
    active = """
        [[reward]]
        code = "voucher"
        kind = "amount_off"
        value = 500
        cost = 50
        auto = true
        [[segment]]
        code = "active"
        active_within = "P1M"
        [[trigger]]
        code = "welcome"
        on = "segment.entered"
        segment = "active"
        points = 5
    """
    points = 'pending = { mode = "days", days = 40 }'
    months = simulate(ruled(points, active), bought(("2026-01-02T09:00", 5_000)), NOBODY, until=date(2026, 3, 1)).months
    assert [(each.issued, each.redeemed) for each in months] == [(55, 0), (5, 50), (0, 0)]


def test_a_prize_comes_as_often_as_its_budget_lets_it() -> None:
    """Two rounds of a challenge that one order completes are one prize where the budget holds one."""
    shop = ruled(
        more="""
        [[campaign]]
        code = "taster"
        kind = "challenge"
        points = 100
        goal = { event = "order.paid", times = 2, within = "P30D", distinct = "sku" }
        budget = { stock = 1 }
        """
    )
    order = OrderPaid(ANN, "a", "EUR", 0, tuple(Line(sku, 0) for sku in ("ale", "bock", "cider", "dunkel")))
    events = [*bought(), said("2026-01-02T09:00", "order.paid", order)]
    assert simulate(shop, events, NOBODY).months[0].issued == 100
