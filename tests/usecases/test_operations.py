"""Operations are done once for each key; balances are corrected, tiers set, points given, and members merged."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from actors import Clock
from ledger_actors import Till, line, program, shipped, till, who
from sqlalchemy import text

from wallet_service.domain.errors import (
    HoldResolved,
    InsufficientBalance,
    OperationConflict,
    OperationRefused,
    SameMember,
    UnknownMember,
    UnknownTier,
)
from wallet_service.domain.event import (
    Customer,
    MemberUpdated,
    OrderPaid,
    OrderRefunded,
    Refund,
    RefundUpdated,
    SubscriptionPaid,
)
from wallet_service.storage import members
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.adjust import adjust, set_tier
from wallet_service.usecases.book import close_and_show, open_book
from wallet_service.usecases.hold import capture, hold
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import Operation
from wallet_service.usecases.redeem import cancel, redeem, refund, use
from wallet_service.usecases.settle_partners import Settlement, settle_partners, settlement
from wallet_service.usecases.transfer import transfer
from wallet_service.wiring import Service

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
ROLLING = {"expiry": {"mode": "rolling", "period": "P12M"}}
TIERS: dict[str, Any] = {
    "tier": [
        {"code": "base", "threshold": 0, "name": "Base"},
        {"code": "silver", "threshold": 100, "name": "Silver"},
        {"code": "gold", "threshold": 500, "name": "Gold"},
    ],
    "tiers": {"measure": "points_earned", "window": "calendar_year", "valid": "end_of_next_calendar_year"},
}
REWARD = {"code": "five-off", "kind": "amount_off", "cost": 50, "value": 500, "code_valid": "P30D"}
CUP = {"code": "cup", "kind": "product", "cost": 10, "auto": True}


@pytest.fixture
def shop(service: Service, clock: Clock) -> Till:
    """A till of a programme with tiers, with Ann and Bob."""
    made = till(service, clock, program("operations", **TIERS, points=ROLLING, reward=[REWARD]))
    made.enrol("ann", "bob")
    return made


# Once for each key.


def test_the_same_key_gets_the_first_answer(shop: Till) -> None:
    """Asked again, nothing happens, and the answer is what it was then, also after more has happened."""
    first = shop.operate(adjust, key="k1", customer=who(), points=30, reason="sorry")
    shop.do(adjust, customer=who(), points=5, reason="sorry again")
    again = shop.operate(adjust, key="k1", customer=who(), points=30, reason="sorry")

    assert (first.replayed, again.replayed) == (False, True)
    assert first.answer == again.answer
    assert shop.balance() == 35


@pytest.mark.parametrize("asked", [{"points": 31}, {"reason": "other"}, {"customer": who("bob")}])
def test_a_key_is_not_used_for_something_else(shop: Till, asked: dict[str, Any]) -> None:
    """Other points, another reason, another member: the key stands for what it stood for first."""
    usual: dict[str, Any] = {"customer": who(), "points": 30, "reason": "sorry"}
    shop.operate(adjust, key="k1", **usual)
    with pytest.raises(OperationConflict, match="k1"):
        shop.operate(adjust, key="k1", **(usual | asked))
    with pytest.raises(OperationConflict):
        shop.operate(hold, key="k1", customer=who(), points=30)
    assert (shop.balance(), shop.balance("bob")) == (30, 0)


def test_a_refusal_leaves_the_key_free(shop: Till) -> None:
    """What could not be done can be asked for again under its key, once it can be."""
    asked: dict[str, Any] = {"customer": who(), "points": 30}
    with pytest.raises(InsufficientBalance):
        shop.operate(hold, key="k1", **asked)
    shop.give(30)
    assert shop.operate(hold, key="k1", **asked).answer["held"] == 30


def test_a_key_belongs_to_its_programme(shop: Till, service: Service, clock: Clock) -> None:
    """Another programme may use the same key for its own."""
    other = till(service, clock, program("other"))
    other.enrol("ann")
    shop.operate(adjust, key="k1", customer=who(), points=30, reason="r")
    assert not other.operate(adjust, key="k1", customer=who(), points=7, reason="r").replayed
    assert (shop.balance(), other.balance()) == (30, 7)


def test_one_key_from_many_threads_is_done_once(shop: Till) -> None:
    """Eight ask at the same moment: one does it, and all get the same answer."""
    together = threading.Barrier(8, timeout=30)

    def ask(_: int) -> tuple[bool, str]:
        together.wait()
        done = shop.operate(adjust, key="k1", customer=who(), points=30, reason="r")
        return done.replayed, str(sorted(done.answer.items()))

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(ask, range(8)))
    assert sorted(replayed for replayed, _ in told) == [False] + [True] * 7
    assert len({answer for _, answer in told}) == 1
    assert shop.balance() == 30


def test_the_ledger_names_the_operation(shop: Till) -> None:
    """Each transaction of an operation points to it, and it to who did it and when."""
    shop.do(adjust, customer=who(), points=30, reason="sorry")
    query = """
        SELECT operations.kind, operations.actor, ledger_transactions.actor AS by, reason, event_id
        FROM ledger_transactions JOIN operations ON operations.id = operation_id
    """
    with shop.service.read() as tx:
        (row,) = tx.execute(text(query)).all()
    assert tuple(row) == ("adjust", "till 3", "till 3", "sorry", None)


# Corrections and tiers.


def test_a_correction_has_its_floor(shop: Till) -> None:
    """It takes what there is; more, or nothing at all, is refused."""
    shop.do(adjust, customer=who(), points=30, reason="r")
    assert shop.do(adjust, customer=who(), points=-30, reason="r")["balance"] == 0
    with pytest.raises(InsufficientBalance):
        shop.do(adjust, customer=who(), points=-1, reason="r")
    with pytest.raises(OperationRefused):
        shop.do(adjust, customer=who(), points=0, reason="r")


def test_what_a_tier_earned_keeps_its_rule_of_expiry(service: Service, clock: Clock) -> None:
    """Stars of an order in Gold never die, also where its refund is undone when Gold is lost, and they come anew."""
    shop = till(service, clock, shipped("starbucks_like"))
    shop.enrol("ann")
    assert shop.buy(50_000, order="a")["tier"] == "gold"
    assert shop.buy(10_000, order="b")["points"] == 120
    shop.tell("refund.updated", RefundUpdated("b", Refund("r1", 10_000, clock.now)))
    clock.on(days=400)
    assert shop.settle().standing.tier == "green"
    shop.tell("refund.updated", RefundUpdated("b", Refund("r1", 10_000, clock.now, undone=True)))
    assert shop.lots() == [(0, 120, 0, None)]
    clock.on(days=400)
    assert shop.settle().position.available == 120


def test_a_person_sets_a_tier_until_a_day(shop: Till) -> None:
    """It holds through that day, and is over on the next; who rises above it meanwhile falls back to it."""
    until = date(2028, 3, 31)
    done = shop.do(set_tier, customer=who(), tier="silver", until=until, reason="press")
    assert (done["tier"], done["tier_until"]) == ("silver", "2028-03-31")
    shop.buy(60_000, order="a")
    assert shop.member().standing.tier == "gold"  # through 2027

    shop.clock.on(days=600)  # into January 2028
    rank = shop.settle().position.rank
    assert rank is not None
    assert (rank.tier, rank.valid_until) == ("silver", until)
    shop.clock.on(days=90)
    assert shop.settle().standing.tier == "base"
    with shop.service.read() as tx:
        causes = tx.execute(text("SELECT kind, cause FROM tier_changes ORDER BY id")).all()
    assert ("set_manually", "till 3: press") in [tuple(each) for each in causes]


def test_only_a_known_tier_and_a_day_to_come_are_set(shop: Till) -> None:
    """A tier that the programme does not have, and a day that is over, are refused; today is not."""
    with pytest.raises(UnknownTier, match="platinum"):
        shop.do(set_tier, customer=who(), tier="platinum", until=None, reason="r")
    with pytest.raises(OperationRefused):
        shop.do(set_tier, customer=who(), tier="gold", until=date(2026, 5, 31), reason="r")
    assert shop.do(set_tier, customer=who(), tier="gold", until=date(2026, 6, 1), reason="r")["tier"] == "gold"


# From one member to another.


def test_given_points_keep_their_dates(shop: Till) -> None:
    """What dies first goes first, dies on its day with the taker, and counts for no tier of either."""
    shop.buy(6_000, order="a")
    shop.clock.on(days=40)
    shop.buy(4_000, order="b")
    before = [each[3] for each in shop.lots()]
    done = shop.do(transfer, giver=who(), taker=who("bob"), points=70, reason="a gift")

    assert (done["giver"]["balance"], done["taker"]["balance"], done["taker"]["tier"]) == (30, 70, "base")
    assert [each[1:] for each in shop.lots("bob")] == [(60, 0, before[0]), (10, 0, before[1])]
    assert [each[1:] for each in shop.lots()] == [(30, 0, before[1])]
    assert shop.member().position.totals.points == 100
    assert "transfer" not in shop.sums()
    assert before[0] is not None
    shop.clock.now = before[0]
    assert shop.settle("bob").position.available == 10


def test_a_taker_with_a_deficit_pays_it_first(service: Service, clock: Clock) -> None:
    """What was spent too much is covered by what is given."""
    shop = till(service, clock, program("deep", points={"refund": {"earned": "allow_negative"}, "min_balance": -100}))
    shop.enrol("ann", "bob")
    shop.give(50)
    shop.buy(3_000, order="a", by="bob")
    shop.do(adjust, customer=who("bob"), points=-30, reason="r")
    shop.refund(3_000, order="a")
    assert shop.balance("bob") == -30
    shop.do(transfer, giver=who(), taker=who("bob"), points=50, reason="help")
    assert shop.balance("bob") == 20


@pytest.mark.parametrize(
    ("giver", "taker", "points", "error"),
    [
        ("ann", "ann", 1, SameMember),
        ("ann", "bob", 51, InsufficientBalance),
        ("ann", "bob", 0, OperationRefused),
        ("ann", "eve", 1, UnknownMember),
        ("eve", "bob", 1, UnknownMember),
    ],
)
def test_what_cannot_be_given_is_refused(
    shop: Till, giver: str, taker: str, points: int, error: type[Exception]
) -> None:
    """To oneself, more than there is, nothing, or to and from nobody."""
    shop.give(50)
    with pytest.raises(error):
        shop.do(transfer, giver=who(giver), taker=who(taker), points=points, reason="r")
    shop.check()
    assert (shop.balance(), shop.balance("bob")) == (50, 0)


def test_transfers_in_both_directions_at_once(shop: Till) -> None:
    """Eight threads send points to and fro: nobody waits in a circle, and no point is lost or made."""
    shop.give(100)
    shop.give(100, to="bob")
    together = threading.Barrier(8, timeout=30)

    def send(number: int) -> None:
        giver, taker = (who(), who("bob")) if number % 2 else (who("bob"), who())
        together.wait()
        for points in range(1, 6):
            shop.operate(transfer, giver=giver, taker=taker, points=points, reason="r")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    shop.check()
    assert (shop.balance(), shop.balance("bob")) == (100, 100)


# Two who are one.


def test_one_takes_over_all_that_the_other_has(service: Service, clock: Clock) -> None:
    """Spendable and pending points with their dates, what counts for a tier, rewards, paid time and what is known."""
    membership = {"kind": "paid", "price": 4900, "period": "P1Y"}
    pending = {"pending": {"mode": "days", "days": 10}, **ROLLING}
    shop = till(service, clock, program("merging", **TIERS, points=pending, reward=[REWARD], membership=membership))
    shop.enrol("ann", "bob")
    shop.buy(30_000, order="a", by="bob")
    shop.tell("member.updated", MemberUpdated(who("bob"), birthday=(2, 29)))
    shop.tell("subscription.paid", SubscriptionPaid(who("bob"), "fee 1"))
    clock.on(days=12)
    shop.settle("bob")
    shop.buy(25_000, order="b", by="bob")
    shop.buy(1_000, order="c")
    voucher = shop.do(redeem, customer=who("bob"), reward="five-off")
    held = shop.do(hold, customer=who("bob"), points=20)
    lots = shop.lots("bob")

    done = shop.do(merge, merged=who("bob"), survivor=who(), reason="the same person")

    ann, bob = shop.member(), shop.member("bob")
    assert (ann.position.available, ann.position.pending, ann.position.held) == (250, 260, 0)
    assert (bob.position.available, bob.position.pending, bob.position.held) == (0, 0, 0)
    assert (done["survivor"]["tier"], ann.position.totals.points, ann.position.totals.orders) == ("gold", 560, 3)
    assert (bob.position.totals.points, bob.merged_into, bob.voided, bob.position.due_at) == (0, "ann", True, None)
    assert (ann.position.granted, bob.position.granted) == (("five-off",), ())
    assert ann.profile.birthday == (2, 29)
    assert ann.position.paid_until == date(2027, 5, 31)
    assert {each[3] for each in lots} <= {each[3] for each in shop.lots()}
    assert shop.do(use, code=voucher["code"])["member_id"] == ann.public_id
    with pytest.raises(HoldResolved):
        shop.do(capture, hold=held["hold"])
    assert (done["serial_number"], done["voided_serial_number"]) == (ann.card.serial_number, bob.card.serial_number)


def test_both_keep_their_histories(shop: Till) -> None:
    """No transaction of either goes away; each names what went over."""
    shop.give(30, to="bob")
    shop.give(10)
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    query = "SELECT type FROM ledger_transactions WHERE member_id = :id ORDER BY id"
    with shop.service.read() as tx:
        told = [tx.execute(text(query), {"id": shop.member(name).id}).scalars().all() for name in ("ann", "bob")]
    assert told == [["adjust", "transfer_in"], ["adjust", "transfer_out"]]


def test_whatever_names_the_merged_one_means_the_survivor(shop: Till) -> None:
    """By the shop's own id, our member id, or the code on the old card: events and operations alike."""
    bob = shop.member("bob")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")

    answer = shop.buy(1_000, order="a", by="bob")
    assert (answer["customer_id"], answer["balance"]) == ("ann", 10)
    for number, named in enumerate((Customer(member_id=bob.public_id), Customer(card_code=bob.card_code))):
        shop.tell("order.paid", OrderPaid(named, f"b{number}", "EUR", 1_000))
        shop.do(adjust, customer=named, points=1, reason="r")
    assert (shop.balance(), shop.balance("bob")) == (32, 0)
    assert shop.tell("order.refunded", OrderRefunded("a", 1_000, who("bob")))["balance"] == 22


def test_an_order_from_before_is_refunded_to_the_survivor(shop: Till) -> None:
    """What the merged one bought is paid back where its points are now, whoever it is said of, and once."""
    shop.buy(10_000, order="a", by="bob")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    for customer in (None, who("bob"), who()):
        shop.tell("order.refunded", OrderRefunded("a", 10_000, customer))
    shop.check()
    position = shop.member().position
    assert (position.available, position.totals.points, position.totals.spend) == (0, 0, 0)


@pytest.mark.parametrize(("active", "back"), [(True, 50), (False, 0)])
def test_what_the_merged_one_gets_back_lives_as_long_as_the_person_is_active(
    service: Service, clock: Clock, active: bool, back: int
) -> None:
    """Where points die by silence, that of the survivor counts, who has earned for both since."""
    silent = {"expiry": {"mode": "inactivity", "period": "P12M"}}
    shop = till(service, clock, program("silent", points=silent, reward=[REWARD | {"code_valid": "P24M"}]))
    shop.enrol("ann", "bob")
    shop.give(50, to="bob")
    done = shop.do(redeem, customer=who("bob"), reward="five-off")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    clock.on(days=300)
    if active:
        shop.buy(1_000, order="a")
    clock.on(days=100)
    before = shop.balance()
    assert shop.do(cancel, redemption=done["redemption"], reason="r")["balance"] == before + back


def test_what_the_merged_one_used_is_paid_back_to_the_survivor(shop: Till) -> None:
    """The points go by their old lots to the survivor, with their day of death."""
    shop.give(80, to="bob")
    death = shop.lots("bob")[0][3]
    voucher = shop.do(redeem, customer=who("bob"), reward="five-off")
    shop.do(use, code=voucher["code"])
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    done = shop.do(refund, redemption=voucher["redemption"], reason="broken")

    assert (done["balance"], done["member_id"], done["status"]) == (80, shop.member().public_id, "refunded")
    assert {each[3] for each in shop.lots()} == {death}
    assert (shop.balance("bob"), shop.member("bob").position.due_at) == (0, None)


def test_a_deficit_goes_over_too(service: Service, clock: Clock) -> None:
    """The survivor answers for what the other has spent too much."""
    shop = till(service, clock, program("debts", points={"refund": {"earned": "allow_negative"}, "min_balance": -100}))
    shop.enrol("ann", "bob")
    shop.give(50)
    shop.buy(3_000, order="a", by="bob")
    shop.do(adjust, customer=who("bob"), points=-30, reason="r")
    shop.refund(3_000, order="a")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    assert (shop.balance(), shop.balance("bob")) == (20, 0)


def test_nothing_comes_by_itself_to_whoever_goes(service: Service, clock: Clock) -> None:
    """What two members have together reaches the reward that comes by itself, and it comes once, to the survivor."""
    shop = till(service, clock, program("cups", reward=[CUP]))
    shop.enrol("ann", "bob")
    shop.give(6)
    shop.give(8, to="bob")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    assert (shop.balance(), shop.balance("bob")) == (4, 0)
    assert (shop.member().position.granted, shop.member("bob").position.granted) == (("cup",), ())
    shop.check()


def test_a_limit_is_not_had_twice_by_merging(service: Service, clock: Clock) -> None:
    """What may be earned once in a lifetime was earned by both, and is earned no third time."""
    shop = till(service, clock, shipped("small_shop"))
    shop.enrol("ann", "bob")
    assert shop.member().position.pending == 50
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    shop.enrol("bob", "ann")
    assert shop.member().position.pending == 100


def test_merging_goes_on_along_a_chain(shop: Till) -> None:
    """Eve becomes Bob, and Bob becomes Ann: what comes for Eve is Ann's; merged again is refused."""
    shop.enrol("eve")
    shop.give(7, to="eve")
    shop.do(merge, merged=who("eve"), survivor=who("bob"), reason="r")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    assert shop.buy(1_000, order="a", by="eve")["customer_id"] == "ann"
    assert shop.balance() == 17
    with pytest.raises(SameMember):
        shop.do(merge, merged=who("eve"), survivor=who(), reason="r")


def test_merging_while_events_come(shop: Till) -> None:
    """Orders of the merged one that arrive at the same moment are nobody's loss: all points end with the survivor."""
    together = threading.Barrier(8, timeout=30)

    def ask(number: int) -> None:
        together.wait()
        if number == 0:
            shop.operate(merge, merged=who("bob"), survivor=who(), reason="r")
            return
        for order in range(4):
            shop.buy(1_000, order=f"{number} {order}", by="bob" if number % 2 else "ann")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    shop.check()
    assert (shop.balance(), shop.balance("bob")) == (280, 0)


# What partners owe each other.


def coalition(service: Service, clock: Clock) -> Till:
    """Return the till of a programme of partners, whose member has 199 points from the bookshop and 100 by hand."""
    shop = till(service, clock, shipped("coalition"))
    shop.enrol("ann")
    basket = (line("b", minor=99_900),)
    shop.buy(99_900, order="a", lines=basket, partner="bookshop")
    clock.on(days=15)
    shop.settle()
    return shop


def shown(shop: Till) -> dict[str, tuple[int, int, int, int, int | None]]:
    """Return the settlement by partner: issued, accepted, settled, net, and net in minor units."""
    with shop.service.read() as tx:
        found = settlement(tx, program=shop.open, now=shop.clock())
    assert sum(each.net for each in found.lines) == 0
    assert sum(each.net_minor or 0 for each in found.lines) == 0
    return {each.partner: (each.issued, each.accepted, each.settled, each.net, each.net_minor) for each in found.lines}


def test_partners_net_to_zero(service: Service, clock: Clock) -> None:
    """Issued at the bookshop and accepted at the cinema: the one owes what the other is owed, at the unit's price."""
    shop = coalition(service, clock)
    assert shown(shop)["bookshop"] == (199, 0, 0, -199, -1990)
    held = shop.do(hold, customer=who(), points=199)
    shop.do(capture, hold=held["hold"], partner="cinema")

    assert shown(shop) == {
        "bakery": (0, 0, 0, 0, 0),
        "bookshop": (199, 0, 0, -199, -1990),
        "cinema": (0, 199, 0, 199, 1990),
        "operator": (0, 0, 0, 0, 0),
    }


def test_what_was_paid_is_evened_out_once(service: Service, clock: Clock) -> None:
    """Settled, nothing is open; what comes later is open again, and what came before stays in sight."""
    shop = coalition(service, clock)
    held = shop.do(hold, customer=who(), points=100)
    shop.do(capture, hold=held["hold"], partner="cinema", points=60)
    done = shop.do(settle_partners)
    assert {each["partner"]: each["net"] for each in done["lines"]} == {
        "bakery": 0, "bookshop": -199, "cinema": 60, "operator": 139,
    }  # fmt: skip
    assert shown(shop)["bookshop"] == (199, 0, -199, 0, 0)
    assert shown(shop)["cinema"] == (0, 60, 60, 0, 0)
    assert shop.do(settle_partners)["lines"][1]["net"] == 0

    shop.refund(99_900, order="a")
    assert shown(shop)["bookshop"] == (0, 0, -199, 199, 1990)


def test_what_was_spent_before_its_order_was_refunded_is_no_longer_issued(service: Service, clock: Clock) -> None:
    """The bookshop owes nothing for an order that was paid back, though none of its points were left to be taken."""
    shop = coalition(service, clock)
    held = shop.do(hold, customer=who(), points=199)
    shop.do(capture, hold=held["hold"], partner="cinema")
    shop.refund(99_900, order="a")
    shop.check()

    assert shop.balance() == -199
    assert shown(shop) == {
        "bakery": (0, 0, 0, 0, 0),
        "bookshop": (0, 0, 0, 0, 0),
        "cinema": (0, 199, 0, 199, 1990),
        "operator": (0, 0, 0, -199, -1990),
    }


def test_settling_at_once_settles_once(service: Service, clock: Clock) -> None:
    """Who settles while another is at it waits, and finds nothing left to settle."""
    shop = coalition(service, clock)
    entered = threading.Event()

    def slowly(operation: Operation) -> Settlement:
        done = settle_partners(operation)
        entered.set()
        wait_for_lock(service)
        return done

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shop.operate, slowly)
        assert entered.wait(30)
        second = pool.submit(shop.operate, settle_partners)
        nets = [each["net"] for done in (first, second) for each in done.result(60).answer["lines"]]

    assert nets == [0, -199, 0, 199] + [0] * 4
    assert shown(shop)["bookshop"] == (199, 0, -199, 0, 0)
    shop.check()


def wait_for_lock(service: Service) -> None:
    """Wait until somebody waits for a lock."""
    for _ in range(200):
        with service.read() as tx:
            if tx.execute(WAITING).scalar_one():
                return
        time.sleep(0.02)
    pytest.fail("nobody waits")


def test_only_a_partner_accepts(service: Service, clock: Clock) -> None:
    """A partner that the programme does not have is refused, and the hold stays open."""
    shop = coalition(service, clock)
    held = shop.do(hold, customer=who(), points=100)
    with pytest.raises(OperationRefused, match="butcher"):
        shop.do(capture, hold=held["hold"], partner="butcher")
    assert shop.do(capture, hold=held["hold"])["captured"] == 100


def test_a_unit_without_a_price_is_settled_in_points(service: Service, clock: Clock) -> None:
    """Where nobody has said what a unit costs, nothing is said of money."""
    partner = {"code": "baker", "issue": {"points": 1, "per": 100}}
    shop = till(service, clock, program("priceless", partner=[partner]))
    assert {name: each[4] for name, each in shown(shop).items()} == {"baker": None, "operator": None}


def test_the_calendar_leaves_the_merged_one_alone(shop: Till) -> None:
    """Opened once more, nothing is due with a member who has become one with another."""
    shop.give(10, to="bob")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="r")
    shop.clock.on(days=800)
    with shop.service.begin() as tx:
        members.lock_customer(tx, shop.open.id, "bob")
        bob = members.find(tx, shop.open.id, "bob")
        assert bob is not None
        book = open_book(tx, bob, shop.template, now=shop.clock())
        assert close_and_show(book, cause=Cause(), reason="calendar").position.due_at is None
    shop.check()
    assert shop.settle().position.available == 0
