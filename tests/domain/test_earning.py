"""Orders earn what they deserve, in whatever order and however often their news arrives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from actors import START
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from purchases import PURCHASE, award, order, program

from wallet_service.domain.account import Account
from wallet_service.domain.earning import Order, new_lot, settle, told
from wallet_service.domain.event import (
    Customer,
    OrderFact,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    Refund,
    RefundUpdated,
)
from wallet_service.domain.expiry import NEVER, expiry_of
from wallet_service.domain.ledger import Transaction
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Buyer, Purchase

PAID = -1  # the news that the order was paid; any other number is the news of a refund up to that amount
ROW = 7


def rules(*, points: int = 1, per: int = 100, refund: str = "clamp_to_zero", **keys: Any) -> Program:
    """Return a programme that gives so many points per minor units."""
    return program(PURCHASE | {"points": points, "per": per}, points={"refund": {"earned": refund}} | keys)


@dataclass
class Life:
    """One order and the account that it fills, by the same rules from beginning to end."""

    eligible: int
    program: Program
    account: Account = field(init=False)
    order: Order = field(default_factory=lambda: Order("o", ROW))

    def __post_init__(self) -> None:
        self.account = Account(expiry_of(self.program, None))

    def hear(self, news: int) -> list[Transaction]:
        """Take the news and return what was posted for it."""
        if news == PAID:
            self.order = self.order.paid(order(self.eligible, at=START))
        else:
            self.order = self.order.refunded(news, at=START)
        return self.settle()

    def see(self, refunded_minor: int, version: int, *, cancelled: bool = False) -> list[Transaction]:
        """Take a snapshot of the order and return what was posted for it."""
        when = START + timedelta(hours=version)
        self.order = self.order.seen(refunded_minor=refunded_minor, cancelled=cancelled, version=when)
        return self.settle()

    def settle(self) -> list[Transaction]:
        """Evaluate the order the first time, as a use case does, and bring the account to what it deserves."""
        if self.order.purchase and self.order.earned is None:
            found = award(self.program, self.order.purchase, Buyer())
            evaluated = self.order.purchase.eligible_minor
            self.order = structs.replace(
                self.order, earned=found.points, evaluated_minor=evaluated, rule=found.rule or None
            )
        before = len(self.account.posted)
        self.order = settle(self.order, self.account, self.program, at=START)
        return self.account.posted[before:]

    def spend(self, points: int) -> None:
        """Spend points on something else."""
        self.account.take(points, at=START, actor="till", reason="a voucher")


def follow(news: list[int], eligible: int, given_rules: Program) -> Life:
    """Return the life of an order after the news in that order."""
    life = Life(eligible, given_rules)
    for each in news:
        life.hear(each)
    return life


histories = st.tuples(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 2 * 10**6), max_size=5),
    st.integers(1, 7),
    st.integers(1, 1000),
)


@given(histories, st.data())
@settings(max_examples=100, deadline=None)
def test_order_and_repetition_of_the_news_do_not_matter(
    history: tuple[int, list[int], int, int], data: st.DataObject
) -> None:
    """Any order and multiplicity of deliveries ends at the same order and the same kept points."""
    eligible, refunds, points, per = history
    news = [PAID, *refunds]
    jumbled = data.draw(st.permutations(news + data.draw(st.lists(st.sampled_from(news), max_size=4))))

    plain = follow(news, eligible, rules(points=points, per=per))
    other = follow(jumbled, eligible, rules(points=points, per=per))

    assert other.order == plain.order
    assert other.account.available == plain.account.available == plain.order.kept == plain.order.deserved


hours = st.integers(0, 6).map(lambda hour: START + timedelta(hours=hour))
minors = st.integers(0, 3).map(lambda part: part * 4_000)
telling = st.one_of(
    st.builds(lambda at, minor: lambda told: told.refunded(minor, at=at), hours, minors),
    st.builds(
        lambda at, minor, gone: lambda told: told.seen(refunded_minor=minor, cancelled=gone, version=at),
        hours,
        minors,
        st.booleans(),
    ),
)


@given(st.lists(telling, max_size=6), st.data())
@settings(max_examples=200, deadline=None)
def test_refunds_and_snapshots_in_any_order_say_the_same(
    news: list[Callable[[Order], Order]], data: st.DataObject
) -> None:
    """Refunds told by themselves and snapshots that may undo them leave one state, however they come and how often."""
    jumbled = data.draw(st.permutations(news + news[:2]))
    one = other = Order("o", ROW).paid(order(8_000, at=START))
    for each in news:
        one = each(one)
    for each in jumbled:
        other = each(other)
    assert (one.remaining_minor, one.counts, one.deserved) == (other.remaining_minor, other.counts, other.deserved)


def bought(minor: int, *, total: int | None = None) -> OrderPaid:
    """Return what is said of an order that was paid."""
    return OrderPaid(Customer("ann"), "o", "EUR", minor, total_minor=total, paid_at=START)


def snapshot(hour: int, minor: int, *, total: int | None = None, **more: Any) -> OrderUpdated:
    """Return an order as it stood at an hour."""
    return OrderUpdated("o", START + timedelta(hours=hour), None, bought(minor, total=total), **more)


def refund(hour: int, minor: int, *, of: str = "r1", **more: Any) -> RefundUpdated:
    """Return one refund as it stood at an hour."""
    return RefundUpdated("o", Refund(of, minor, START + timedelta(hours=hour), **more))


def heard(news: Sequence[OrderFact]) -> Order:
    """Return the order after the news in that order."""
    found = Order("o", ROW)
    for each in news:
        found = told(found, each, at=START)
    return found


facts = st.one_of(
    st.builds(
        lambda hour, minor, back, gone, gross: snapshot(
            hour, minor * 4_000, total=10_000, refunded_minor=back * 2_500, cancelled=gone, gross=gross
        ),
        st.integers(0, 3),
        st.integers(1, 2),
        st.integers(0, 3),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda hour, minor, of, undone, gross, disputed: refund(
            hour, minor * 1_000, of=of, undone=undone, gross=gross, disputed=disputed
        ),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from("ab"),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    st.just(OrderRefunded("o", 3_000)),
)


@given(st.lists(facts, max_size=7), st.data())
@settings(max_examples=200, deadline=None)
def test_snapshots_and_single_refunds_in_any_order_say_the_same(news: list[OrderFact], data: st.DataObject) -> None:
    """Whatever a shop system tells of an order, also what contradicts itself, ends at one state of it."""
    jumbled = data.draw(st.permutations(news + news[:2]))
    assert heard(jumbled) == heard(news)


@pytest.mark.parametrize(
    ("news", "refunded"),
    [
        ([refund(1, 3_000), refund(2, 2_000, of="r2")], 5_000),
        ([refund(1, 3_000), refund(1, 3_000)], 3_000),
        ([refund(1, 3_000), refund(2, 3_000, undone=True)], 0),
        ([refund(1, 1_000), snapshot(2, 8_000, refunded_minor=3_000)], 3_000),  # it tells of more
        ([snapshot(2, 8_000, refunded_minor=3_000), refund(3, 1_000, undone=True)], 2_000),  # it was in it
        ([snapshot(4, 8_000, refunded_minor=3_000), refund(3, 1_000, undone=True)], 3_000),  # it was not any more
        ([snapshot(2, 8_000, total=10_000, refunded_minor=5_000, gross=True)], 4_000),
        ([snapshot(2, 8_000, total=10_000, refunded_minor=10_000, gross=True)], 8_000),
        ([refund(1, 2_500, gross=True), snapshot(0, 8_000, total=10_000)], 2_000),
        ([snapshot(0, 8_000, total=None), refund(1, 2_500, gross=True)], 2_500),  # nothing to set it against
        ([refund(1, 3_000, disputed=True), refund(1, 1_000, of="r2")], 4_000),
        ([snapshot(1, 8_000, refunded_minor=1_000), refund(2, 3_000, disputed=True)], 4_000),
        ([snapshot(1, 8_000, refunded_minor=1_000), refund(2, 3_000, disputed=True, undone=True)], 1_000),
        ([refund(1, -500), snapshot(0, 8_000)], 0),  # something came back, and was not paid for
        ([refund(1, -500), refund(2, 3_500, of="r2"), snapshot(0, 8_000)], 3_000),
        # Shares of a cent are added before they are cut.
        (
            [
                snapshot(1, 8_040, total=10_000, refunded_minor=10_000, gross=True),
                refund(2, 1, gross=True, undone=True),
            ],
            8_039,
        ),
    ],
)
def test_what_was_paid_back(news: list[OrderFact], refunded: int) -> None:
    """Cumulative figures or single refunds, whichever tell of more, less what was undone since, and all disputes."""
    for arrived in permutations(news):
        assert heard(arrived).refunded_minor == refunded


def test_an_order_is_what_its_newest_snapshot_says() -> None:
    """A line that was added counts, also if the older snapshot comes late; a bare payment says nothing any more."""
    older, newer, paid = snapshot(1, 8_000), snapshot(2, 9_000), bought(7_000)
    for news in permutations([older, newer, newer, paid]):
        assert heard(news).remaining_minor == 9_000
    assert heard([paid, bought(5_000)]).remaining_minor == 7_000
    one, other = snapshot(1, 8_000), snapshot(1, 9_000)
    assert heard([one, other]) == heard([other, one])


def test_an_order_is_paid_when_it_was_first_said_to_be() -> None:
    """A newer snapshot changes what was bought, and not the day on which it counts, nor with which partner."""
    first = Purchase("o", START, 8_000, partner="bakery", version=START)
    newer = Purchase("o", START + timedelta(days=3), 9_000, partner="cinema", version=START + timedelta(hours=1))
    told_ = Order("o", ROW).paid(first).paid(newer)
    assert told_.purchase == structs.replace(newer, paid_at=START, partner="bakery")


def test_what_is_added_to_an_order_earns_at_its_rate() -> None:
    """80.40 that earned 80 earn 100 with 20.10 more, whatever the rules are by then; a refund takes its share."""
    life = Life(8_040, rules())
    life.order = life.order.paid(Purchase("o", START, 8_040, version=START))
    life.settle()
    life.program = rules(points=10)
    life.order = life.order.paid(Purchase("o", START, 10_050, version=START + timedelta(hours=1)))
    (posted,) = life.settle()
    assert (posted.available, life.order.earned, life.order.kept) == (20, 80, 100)
    life.hear(5_025)
    assert (life.order.kept, life.account.available) == (50, 50)
    life.hear(10_050)
    assert life.account.available == 0


def test_a_refund_after_an_undone_one_counts_alone() -> None:
    """What a snapshot has undone does not come back with the next refund, whichever of them arrives first."""
    at = [START + timedelta(hours=hour) for hour in range(3)]
    news: list[Callable[[Order], Order]] = [
        lambda told: told.refunded(8_000, at=at[0]),
        lambda told: told.seen(refunded_minor=0, cancelled=False, version=at[1]),
        lambda told: told.refunded(3_000, at=at[2]),
    ]
    for arrived in permutations(news):
        told = Order("o", ROW).paid(order(8_000, at=START))
        for each in arrived:
            told = each(told)
        assert told.refunded_minor == 3_000


def test_what_is_fulfilled_already_is_spendable_at_once() -> None:
    """Points that wait for the order to be sent do not wait where it was sent before it was known to be paid."""
    waiting = program(PURCHASE, points={"pending": {"mode": "event", "on": "order.fulfilled"}})
    life = Life(8_000, waiting)
    life.hear(PAID)
    assert (life.account.available, life.account.pending) == (0, 80)

    early = Life(8_000, waiting)
    early.order = early.order.fulfilled(START)
    early.hear(PAID)
    assert (early.account.available, early.account.pending) == (80, 0)


@pytest.mark.parametrize("news", list(permutations([PAID, 3_333, 5_000, 8_040])))
def test_every_order_of_four_deliveries_ends_alike(news: tuple[int, ...]) -> None:
    """A paid order and three growing refunds end at zero in all 24 orders of arrival."""
    life = follow(list(news), 8_040, rules())
    assert (life.order.earned, life.order.kept, life.account.available) == (80, 0, 0)


@given(histories)
@settings(max_examples=60, deadline=None)
def test_a_full_refund_ends_at_zero(history: tuple[int, list[int], int, int]) -> None:
    """However an order was refunded before, refunding all of it leaves nothing."""
    eligible, refunds, points, per = history
    life = follow([PAID, *refunds, eligible], eligible, rules(points=points, per=per))
    assert (life.order.kept, life.account.available) == (0, 0)
    assert life.order.counts == (eligible == 0)


@given(histories)
@settings(max_examples=60, deadline=None)
def test_kept_points_are_a_floored_share(history: tuple[int, list[int], int, int]) -> None:
    """What is kept is earned x remaining / eligible in whole points, between zero and what was earned."""
    eligible, refunds, points, per = history
    kept = follow([PAID, *refunds], eligible, rules(points=points, per=per)).order
    remaining = max(eligible - max(refunds, default=0), 0)

    assert type(kept.kept) is int
    assert kept.remaining_minor == remaining
    assert kept.earned == eligible * points // per
    assert 0 <= kept.kept <= kept.earned
    if eligible:
        assert kept.kept * eligible <= kept.earned * remaining < (kept.kept + 1) * eligible


@given(histories, st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_no_balance_in_between_is_negative(history: tuple[int, list[int], int, int], spent: int) -> None:
    """With clamp_to_zero a member who has spent the points stands at zero, never below, at every step."""
    eligible, refunds, points, per = history
    life = follow([PAID], eligible, rules(points=points, per=per))
    if spending := min(spent, life.account.available):
        life.spend(spending)
    for each in refunds:
        life.hear(each)
        assert life.account.available >= 0
        assert life.account.available + spending == life.order.kept + life.order.forgiven


def test_what_was_spent_is_forgiven_once() -> None:
    """Of 80 points 70 are spent: the refund takes 10, forgives 70, and a repeat of it does nothing."""
    life = follow([PAID], 8_040, rules())
    life.spend(70)
    (posted,) = life.hear(8_040)

    assert {each.account: each.points for each in posted.entries} == {"available": -10, "issuance": 80, "forgiven": -70}
    assert posted.qualifying == -80
    assert (life.order.forgiven, life.hear(8_040)) == (70, [])


def test_a_refund_that_is_undone_gives_back_only_what_it_took() -> None:
    """Of 100 points 80 are spent, 20 taken and 80 forgiven: the order paid again gives 20, or points were minted."""
    life = follow([PAID], 10_000, rules())
    life.spend(80)
    life.see(10_000, 1)
    (posted,) = life.see(0, 2)

    assert {each.account: each.points for each in posted.entries} == {"issuance": -100, "forgiven": 80, "available": 20}
    assert (life.account.available, life.order.kept, life.order.forgiven) == (20, 100, 0)
    assert sum(lot.available for lot in life.account.lots) == 20


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_refunding_and_undoing_mints_nothing(states: list[int], spent: int) -> None:
    """Whatever is refunded and undone, a member who spent some has in the end what was earned less what was spent."""
    life = follow([PAID], 10_000, rules())
    if spent:
        life.spend(spent)
    for version, refunded in enumerate(states):
        life.see(refunded, version)
        assert life.account.available >= 0
        assert life.account.available + spent == life.order.kept + life.order.forgiven
    life.see(0, len(states))
    assert (life.account.available, life.order.forgiven) == (100 - spent, 0)


def test_an_older_snapshot_says_nothing() -> None:
    """What was seen of an order later stays, though an earlier look at it arrives after."""
    life = follow([PAID], 10_000, rules())
    life.see(3_000, 5)
    assert life.see(10_000, 4, cancelled=True) == []
    assert (life.account.available, life.order.cancelled) == (70, False)


def test_a_cancelled_order_deserves_nothing() -> None:
    """Cancelled, it gives back all points and counts no more; revived, it is what it was."""
    life = follow([PAID], 10_000, rules())
    life.see(0, 1, cancelled=True)
    assert (life.account.available, life.order.counts, life.order.remaining_minor) == (0, False, 0)
    life.see(0, 2)
    assert (life.account.available, life.order.counts, life.order.remaining_minor) == (100, True, 10_000)


def test_a_programme_may_allow_debts() -> None:
    """With allow_negative a refund of spent points leaves a debt, as deep as the programme lets it."""
    for floor, left, forgiven in ((None, -70, 0), (-50, -50, 20), (0, 0, 70)):
        deep = {} if floor is None else {"min_balance": floor}
        life = follow([PAID], 8_040, rules(refund="allow_negative", **deep))
        life.spend(70)
        life.hear(8_040)
        assert (life.account.available, life.order.forgiven) == (left, forgiven)


def test_points_that_can_be_spent_may_be_safe() -> None:
    """With only_pending a refund takes what is still waiting and lets the member keep the rest."""
    waiting = rules(refund="only_pending", pending={"mode": "days", "days": 14})
    life = follow([PAID], 8_040, waiting)
    life.hear(4_000)
    assert (life.account.pending, life.order.forgiven) == (40, 0)
    life.account.settle(START + timedelta(days=20))
    life.hear(8_040)
    assert (life.account.available, life.account.pending, life.order.forgiven) == (40, 0, 40)


def test_a_refund_that_comes_first_is_waited_out() -> None:
    """Nothing is posted for a refund of an order that is not known yet; the order then earns what is left."""
    life = Life(8_040, rules())
    assert life.hear(4_000) == []
    assert life.order.earned is None
    (posted,) = life.hear(PAID)
    assert (life.order.earned, life.order.kept, posted.available) == (80, 40, 40)


def test_a_smaller_refund_that_arrives_late_changes_nothing() -> None:
    """Refund figures are cumulative: an older, smaller one gives nothing back."""
    life = follow([PAID, 5_000], 8_040, rules())
    before = life.order
    assert (life.hear(1_000), life.order) == ([], before)


def test_the_first_purchase_stays() -> None:
    """A second, different amount for the same order is not believed."""
    first = order(100)
    assert Order("o", ROW).paid(first).paid(order(999)).purchase is first


def test_what_was_evaluated_by_an_earlier_release_goes_on_by_its_rate() -> None:
    """Where it is not kept what an evaluation took, an order earns by the share of the amount that it was rated by."""
    old = Order("o", ROW, order(5_000), earned=100, evaluated_minor=10_000)
    assert (old.to_be_evaluated, old.deserved) == (False, 50)
    nothing = structs.replace(order(0), total_minor=5_000)
    assert structs.replace(old, purchase=nothing).deserved == 0


def test_a_change_of_the_rules_rates_no_old_order_again() -> None:
    """A refund takes back a share of what the order earned then, not of what it would earn now."""
    life = follow([PAID], 10_000, rules(points=1))
    life.program = rules(points=10)
    (posted,) = life.hear(5_000)
    assert (life.order.earned, life.order.kept, posted.available) == (100, 50, -50)


@pytest.mark.parametrize("news", [[PAID], [PAID, 0], [PAID, 500], [500, PAID]])
def test_an_order_of_nothing_earns_nothing(news: list[int]) -> None:
    """An eligible amount of zero posts nothing, whatever is refunded, and counts as an order."""
    life = follow(news, 0, rules())
    assert (life.order.earned, life.order.kept, life.account.posted) == (0, 0, [])
    assert life.order.counts


def test_a_visit_is_kept_whatever_is_refunded() -> None:
    """Where an order of no amount earns a stamp, there is no amount that could be paid back of it."""
    stamps = program(PURCHASE | {"basis": "visit", "per": 1})
    life = follow([PAID, 500], 0, stamps)
    assert (life.order.earned, life.order.kept) == (1, 1)
    life.see(0, 1, cancelled=True)
    assert life.account.available == 0


def test_a_part_of_a_point_is_no_point() -> None:
    """99 cents earn nothing at a point a euro, and nothing is posted for them."""
    life = Life(99, rules())
    assert (life.hear(PAID), life.order.kept, life.order.rule) == ([], 0, None)


def test_an_earning_says_why() -> None:
    """The transaction names rule and order and counts for the tier; it keeps the account's points alive."""
    life = Life(8_040, rules())
    (posted,) = life.hear(PAID)
    assert (posted.type, posted.rule, posted.order_row, posted.qualifying) == ("earn", "purchase", ROW, 80)
    assert (posted.at, life.account.active_at) == (START, START)
    (back,) = life.hear(8_040)
    assert (back.type, back.rule, back.order_row, back.qualifying) == ("earn_reversal", "purchase", ROW, -80)


def test_a_lot_has_the_dates_of_its_order() -> None:
    """It waits and dies by when the order was paid, not by when we heard of it, and names the partner who issued it."""
    waiting = rules(pending={"mode": "days", "days": 14}, expiry={"mode": "rolling", "period": "P1M"})
    lot = new_lot(waiting, expiry_of(waiting, None), 5, earned_at=START, rule="purchase", order_row=ROW, partner="b")
    assert (lot.points, lot.effective_at, lot.order_row, lot.partner) == (5, START, ROW, "b")
    assert lot.activates_at is not None
    assert lot.expires_at is not None
    assert (lot.activates_at.isoformat(), lot.expires_at.isoformat()) == (
        "2026-06-14T22:00:00+00:00",
        "2026-07-14T22:00:00+00:00",
    )

    by_event = rules(pending={"mode": "event", "on": "order.fulfilled"}, expiry={"mode": "rolling", "period": "P1M"})
    lot = new_lot(by_event, expiry_of(by_event, None), 5, earned_at=START, rule="purchase", order_row=ROW)
    assert (lot.activates_at, lot.expires_at) == (NEVER, None)
    gift = new_lot(by_event, expiry_of(by_event, None), 5, earned_at=START, rule="gift")
    assert gift.activates_at is None
    assert gift.expires_at is not None
    assert gift.expires_at.isoformat() == "2026-06-30T22:00:00+00:00"


@given(st.integers(0, 10**11), st.integers(1, 10_000))
@settings(max_examples=50, deadline=None)
def test_the_largest_order_fits_the_database(eligible: int, points: int) -> None:
    """Points are exact far beyond floats, and even the largest order stays inside 64 bits."""
    life = follow([PAID], eligible, rules(points=points, per=1))
    assert life.order.earned == eligible * points < 2**63
