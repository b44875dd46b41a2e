"""Points that paid a part of an order follow its refunds: back to their lots by the same share, and taken anew."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from actors import Clock
from ledger_actors import Till, program, till, who
from sqlalchemy import event, text

from wallet_service.domain.errors import OperationRefused, RedemptionOver
from wallet_service.domain.event import OrderPaid, OrderRefunded, OrderUpdated, Refund, RefundUpdated
from wallet_service.storage import spendings
from wallet_service.usecases import hold as holds
from wallet_service.usecases.redeem import redeem, refund, use
from wallet_service.wiring import Service

PAY: dict[str, Any] = {"code": "pay", "kind": "pay_with_points", "rate": {"points": 1, "value": 1}}
DYING = {"expiry": {"mode": "rolling", "period": "P6M"}}
SECOND = timedelta(seconds=1)
SPENT = """
    SELECT coalesce(sum(points) FILTER (WHERE kind IN ('redemption', 'partner')), 0) FROM ledger_entries
    JOIN ledger_accounts ON ledger_accounts.id = account_id
    JOIN ledger_transactions ON ledger_transactions.id = transaction_id
    WHERE ledger_transactions.program_id = :program AND type IN ('redeem', 'redeem_reversal')
"""
Opened = Callable[..., Till]


@pytest.fixture
def shop(service: Service, clock: Clock) -> Opened:
    """A way to open a programme in which Ann has three lots of 100 points, the first of which dies soonest."""
    numbers = itertools.count()

    def made(*, reward: dict[str, Any] | None = None, **points: Any) -> Till:
        tables: dict[str, Any] = {"reward": [reward or PAY], "points": DYING | points}
        here = till(service, clock, program(f"paying{next(numbers)}", **tables))
        here.enrol("ann")
        for _ in range(3):
            here.give(100)
            clock.on(days=1)
        return here

    return made


def spent(here: Till) -> int:
    """Return how many points are spent in the programme."""
    with here.service.read() as tx:
        return int(tx.execute(text(SPENT), {"program": here.open.id}).scalar_one())


def available(here: Till) -> list[int]:
    """Return the spendable points of each lot that has any, soonest to die first."""
    return [lot[1] for lot in here.lots() if lot[1]]


def pay(here: Till, points: int, *, order: str = "o") -> str:
    """Pay a part of an order, and return the redemption."""
    found = here.do(redeem, customer=who(), reward="pay", points=points, order_id=order)["redemption"]
    here.do(use, redemption=found)
    return str(found)


def snapshot(here: Till, refunded: int, *, order: str = "o", eligible: int = 1_000, **more: Any) -> None:
    """Tell of the order as it stands now."""
    here.clock.on(seconds=1)
    paid = OrderPaid(who(), order, "EUR", eligible)
    here.tell("order.updated", OrderUpdated(order, here.clock(), who(), paid, refunded, **more))
    here.check()


def test_a_part_that_is_refunded_gives_back_the_same_part(shop: Opened) -> None:
    """Rounded so that nobody gets too much; those that were taken last come back first, with their dates."""
    here = shop()
    redemption = pay(here, 150)
    here.buy(1_000, order="o")
    assert (spent(here), available(here)) == (150, [50, 100, 10])
    here.refund(333, order="o")
    here.check()
    assert (spent(here), available(here)) == (101, [99, 100, 6])
    here.refund(1_000, order="o")
    here.check()
    assert (spent(here), available(here)) == (0, [100, 100, 100])
    with pytest.raises(RedemptionOver):
        here.do(refund, redemption=redemption, reason="again")


def test_a_cancelled_order_gives_back_everything(shop: Opened) -> None:
    """Also one that was paid in points alone, of which nothing was left to earn."""
    here = shop()
    pay(here, 150)
    snapshot(here, 0, eligible=0)
    assert spent(here) == 150
    snapshot(here, 0, eligible=0, cancelled=True)
    assert (spent(here), available(here)) == (0, [100, 100, 100])


def test_a_refund_that_is_undone_takes_them_anew(shop: Opened) -> None:
    """As many as the order's state leaves spent, as far as the member can spend them; once more undone, once more."""
    here = shop()
    pay(here, 150)
    here.buy(1_000, order="o")
    for _ in range(3):
        snapshot(here, 1_000)
        assert (spent(here), available(here)) == (0, [100, 100, 100])
        snapshot(here, 500)
        assert (spent(here), available(here)) == (75, [25, 100, 100, 5])
        snapshot(here, 0)
        assert (spent(here), available(here)[:2], here.balance()) == (150, [50, 100], 160)
    snapshot(here, 1_000)
    here.give(-290)
    snapshot(here, 0)
    assert (spent(here), here.balance()) == (20, 0)
    snapshot(here, 1_000)
    assert spent(here) == 0


def test_an_order_that_its_own_points_paid(shop: Opened) -> None:
    """Refunded, it takes what it had earned of the very points that come back; undone, it gives and takes them anew."""
    here = shop()
    here.give(-300)
    here.buy(10_000, order="o")
    pay(here, 100)
    assert (spent(here), here.balance()) == (100, 0)
    for _ in range(2):
        snapshot(here, 10_000, eligible=10_000)
        assert (spent(here), here.balance(), here.lots()) == (0, 0, [])
        snapshot(here, 0, eligible=10_000)
        assert (spent(here), here.balance()) == (100, 0)
    assert "forgiven" not in here.sums()


def test_single_refunds_that_fail_are_undone(shop: Opened) -> None:
    """A refund that was told by itself and has failed gives back nothing in the end."""
    here = shop()
    pay(here, 100)
    here.buy(1_000, order="o")
    here.tell("refund.updated", RefundUpdated("o", Refund("r1", 500, here.clock())))
    assert spent(here) == 50
    here.tell("refund.updated", RefundUpdated("o", Refund("r1", 500, here.clock() + SECOND, undone=True)))
    here.check()
    assert (spent(here), available(here)[:2], here.balance()) == (100, [100, 100], 210)


def test_an_order_that_was_refunded_before_it_was_captured(shop: Opened) -> None:
    """What is captured for it comes back at once, in whatever part was refunded."""
    here = shop()
    found = here.do(redeem, customer=who(), reward="pay", points=150, order_id="o")["redemption"]
    here.buy(1_000, order="o")
    here.refund(500, order="o")
    assert (spent(here), here.member().position.held) == (0, 150)
    answer = here.do(use, redemption=found)
    assert (answer["status"], answer["refunded"], spent(here)) == ("used", 75, 75)
    assert answer["balance"] == here.balance() == 230


def test_an_order_that_waited_for_its_member(shop: Opened) -> None:
    """Refunded before its customer had enrolled, it gives back nothing; nobody had paid it in points."""
    here = shop()
    here.tell("order.paid", OrderPaid(who("bob"), "early", "EUR", 1_000))
    here.tell("order.refunded", OrderRefunded("early", 500))
    here.enrol("bob")
    here.check()
    assert here.balance("bob") == 5


def test_what_was_given_back_by_hand_is_not_given_twice(shop: Opened) -> None:
    """A person has given back 30 of 100: half a refund gives 20 more, and undone it takes no more than those."""
    here = shop()
    redemption = pay(here, 100)
    here.buy(1_000, order="o")
    here.do(refund, redemption=redemption, points=30, reason="kindness")
    snapshot(here, 500)
    assert spent(here) == 50
    snapshot(here, 0)
    assert spent(here) == 70
    snapshot(here, 1_000)
    assert (spent(here), available(here)) == (0, [100, 100, 100])


def test_programmes_that_forfeit_give_nothing_back(shop: Opened) -> None:
    """`refund.spent = "forfeit"` holds for orders, too."""
    here = shop(refund={"spent": "forfeit"})
    pay(here, 100)
    here.buy(1_000, order="o")
    here.refund(1_000, order="o")
    here.check()
    assert spent(here) == 100


@pytest.mark.parametrize(("grace", "lots"), [({}, []), ({"grace_days": 10}, [100])])
def test_lots_that_have_died_since(shop: Opened, clock: Clock, grace: dict[str, int], lots: list[int]) -> None:
    """Their points die again, or live on for the programme's days of grace."""
    here = shop(**grace)
    pay(here, 100)
    here.buy(1_000, order="o")
    clock.on(days=200)
    here.settle()
    here.refund(1_000, order="o")
    here.check()
    assert (spent(here), available(here)) == (0, lots)


def test_a_hold_with_the_order_s_number_is_as_good_as_a_reward(shop: Opened) -> None:
    """Points that a till has held and captured for an order come back with its refunds, to the partner's account."""
    here = shop()
    held = here.do(holds.hold, customer=who(), points=100, reference="o")["hold"]
    here.do(holds.capture, hold=held, points=80)
    here.buy(1_000, order="o")
    here.refund(250, order="o")
    here.check()
    assert spent(here) == 60
    late = here.do(holds.hold, customer=who(), points=20, reference="o")["hold"]
    assert here.do(holds.capture, hold=late)["balance"] == here.balance()
    assert spent(here) == 75


def test_points_of_other_orders_stay_spent(shop: Opened) -> None:
    """Only what was taken for this order comes back, and vouchers that it was paid with are another matter."""
    here = shop(reward=PAY)
    pay(here, 50, order="one")
    pay(here, 60, order="other")
    here.buy(1_000, order="one")
    here.refund(1_000, order="one")
    assert spent(here) == 60


def test_a_partner_who_accepted_gives_back_what_was_held(service: Service, clock: Clock) -> None:
    """A captured hold that is refunded by hand comes from the account of the partner who accepted it."""
    partners = [{"code": "bakery", "issue": {"points": 1, "per": 100}, "accept": True}]
    here = till(service, clock, program("town", partner=partners))
    here.enrol("ann")
    here.give(100)
    for reference in ("o", "p"):
        held = here.do(holds.hold, customer=who(), points=40, reference=reference)["hold"]
        here.do(holds.capture, hold=held, partner="bakery")
    assert here.sums()["partner bakery"] == 80
    here.do(holds.refund, hold=held, reason="broken")
    assert here.sums()["partner bakery"] == 40
    here.buy(1_000, order="o")
    here.refund(1_000, order="o")
    here.check()
    assert "partner bakery" not in here.sums()


def delivered(here: Till, chance: random.Random, final: list[tuple[str, Any]], paid: OrderPaid) -> None:
    """Deliver all that a shop tells of an order, in some order, some of it twice; the capture comes in between."""
    found = here.do(redeem, customer=who(), reward="pay", points=150, order_id=paid.order_id)["redemption"]
    tasks: list[Callable[[], object]] = [lambda: here.operate(use, redemption=found)]
    for number, (kind, fact) in enumerate([("order.paid", paid), *final]):
        name = f"{paid.order_id} {number}"
        for _ in range(chance.choice((1, 1, 2))):
            tasks.append(lambda kind=kind, fact=fact, name=name: here.tell(kind, fact, event_id=name))  # type: ignore[misc]
    chance.shuffle(tasks)
    for task in tasks:
        task()
    here.check()


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(each, marks=pytest.mark.soak) for each in range(3, 6))])
def test_any_order_of_deliveries_ends_alike(shop: Opened, seed: int) -> None:
    """However often and in whatever order a shop tells of refunds, made and undone: lots and balance end alike."""
    chance = random.Random(seed)
    ends = []
    here = shop()
    start = here.clock()
    eligible, states = chance.randrange(1, 5_000), chance.randrange(1, 5)
    told = [chance.choice((0, eligible, chance.randrange(eligible + 1))) for _ in range(states)]
    cancelled = chance.random() < 0.2
    for attempt in range(3):
        here = shop()
        here.clock.now = start + timedelta(days=10)
        order = f"o{attempt}"
        paid = OrderPaid(who(), order, "EUR", eligible)
        facts: list[tuple[str, Any]] = []
        for number, refunded in enumerate(told):
            at = start + number * SECOND
            last = number == len(told) - 1
            update = OrderUpdated(order, at, who(), paid, refunded, cancelled=cancelled and last)
            facts.append(("order.updated", update))
        delivered(here, chance, facts, paid)
        here.clock.now = start
        ends.append((spent(here), [(lot[1], lot[3]) for lot in here.lots()][:3]))
        left = 0 if cancelled else -(-150 * (eligible - told[-1]) // eligible)
        assert ends[-1][0] == left
    assert [each[0] for each in ends] == [ends[0][0]] * 3
    assert [[points for points, _ in each[1]] for each in ends] == [[points for points, _ in ends[0][1]]] * 3


ORDERS = ("o1", "o2", "o3")


@dataclass
class Walk:
    """A member who pays orders in points and money, and a shop that changes its mind about them."""

    here: Till
    chance: random.Random
    refunded: dict[str, tuple[int, bool]] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    by_hand: dict[str, int] = field(default_factory=dict)
    redemptions: list[tuple[str, str]] = field(default_factory=list)

    def pay(self, order: str) -> None:
        """Pay a part in points, by a reward or a hold."""
        points = self.chance.randrange(1, 60)
        if points > self.here.balance():
            return
        if self.chance.random() < 0.5:
            self.redemptions.append((pay(self.here, points, order=order), order))
        else:
            held = self.here.do(holds.hold, customer=who(), points=points, reference=order)["hold"]
            self.here.do(holds.capture, hold=held)
        self.paid[order] = self.paid.get(order, 0) + points

    def tell(self, order: str) -> None:
        """Tell of an order as it stands now."""
        refunded, cancelled = self.chance.choice((0, 1_000, self.chance.randrange(1_001))), self.chance.random() < 0.1
        snapshot(self.here, refunded, order=order, cancelled=cancelled)
        self.refunded[order] = refunded, cancelled

    def by_a_person(self, order: str) -> None:
        """Give back a point of a reward by hand, if any is left."""
        mine = [redemption for redemption, of in self.redemptions if of == order]
        if mine:
            try:
                self.here.do(refund, redemption=self.chance.choice(mine), points=1, reason="kindness")
            except (RedemptionOver, OperationRefused):
                return
            self.by_hand[order] = self.by_hand.get(order, 0) + 1

    def wanted(self, order: str) -> int:
        """How many points the order's state leaves spent."""
        refunded, cancelled = self.refunded.get(order, (0, False))
        paid = self.paid.get(order, 0)
        return min(0 if cancelled else -(-paid * (1_000 - refunded) // 1_000), paid - self.by_hand.get(order, 0))

    def spent(self, order: str) -> int:
        """How many points the books have for it."""
        with self.here.service.read() as tx:
            member = self.here.member()
            (row,) = tx.execute(text("SELECT id FROM orders WHERE order_id = :id"), {"id": order}).scalars().all()
            found = spendings.of_order(tx, member_id=member.id, order_row=row, order_id=order)
        assert all(0 <= each.left <= each.points for each in found)
        return sum(each.left for each in found)


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(each, marks=pytest.mark.soak) for each in range(2, 8))])
def test_whatever_happens_an_order_has_spent_what_its_state_leaves(shop: Opened, clock: Clock, seed: int) -> None:
    """Whenever an order was told of, it has spent what its state leaves, or less only where the member had no more."""
    here, chance = shop(), random.Random(seed)
    walked = Walk(here, chance)
    for order in ORDERS:
        snapshot(here, 0, order=order)
    for _ in range(40):
        order, step = chance.choice(ORDERS), chance.choice(("pay", "tell", "tell", "hand", "give", "take", "on"))
        match step:
            case "pay":
                walked.pay(order)
            case "tell":
                walked.tell(order)
                left = walked.spent(order)
                assert left == walked.wanted(order) or (left < walked.wanted(order) and here.balance() == 0)
            case "hand":
                walked.by_a_person(order)
            case "give":
                here.give(chance.randrange(1, 80))
            case "take":
                here.give(-min(here.balance(), chance.randrange(1, 200)) or 1)
            case _:
                clock.on(days=chance.choice((1, 30)))
                here.settle()
        here.check()


def test_nothing_is_asked_of_orders_that_nobody_refunds(shop: Opened) -> None:
    """A purchase costs no more statements for it: what it was paid with is not looked for."""
    here = shop()
    pay(here, 100)
    asked: list[str] = []
    event.listen(here.service.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    here.buy(1_000, order="o")
    assert not [each for each in asked if "pay_with_points" in each]
    here.refund(500, order="o")
    assert len([each for each in asked if "pay_with_points" in each]) == 1
