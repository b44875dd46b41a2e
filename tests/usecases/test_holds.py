"""Points are set apart, and each hold ends once: captured in part or whole, given back, or timed out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from actors import START, Clock
from ledger_actors import Till, program, till, who
from sqlalchemy import text

from wallet_service.domain.errors import (
    HoldResolved,
    InsufficientBalance,
    OperationRefused,
    RedemptionOver,
    UnknownHold,
    UnknownMember,
)
from wallet_service.domain.event import Refund, RefundUpdated
from wallet_service.usecases.hold import Held, capture, hold, look, lost_of_held, refund, void
from wallet_service.usecases.merge import merge
from wallet_service.wiring import Service

ROLLING = {"mode": "rolling", "period": "P12M"}
SHOP = {"points": {"expiry": ROLLING, "hold_minutes": 45}}


@pytest.fixture
def shop(service: Service, clock: Clock) -> Till:
    """A till, and Ann with 60 points that die first and 40 that die a month later."""
    made = till(service, clock, program("holding", **SHOP))
    made.enrol("ann")
    made.give(60)
    clock.on(days=31)
    made.give(40)
    return made


def seen(shop: Till, name: str) -> Held:
    """Return a hold as it stands."""
    with shop.service.read() as tx:
        return look(tx, program=shop.open, hold=name, now=shop.clock())


def amounts(shop: Till) -> list[tuple[int, int, int]]:
    """Return pending, available and held points of each lot, those that die soonest first."""
    return [each[:3] for each in shop.lots()]


def test_a_hold_takes_what_dies_first(shop: Till) -> None:
    """Held points leave the balance, come from the lots that die soonest, and say until when."""
    held = shop.do(hold, customer=who(), points=70, reference="basket 7")

    assert (held["balance"], held["held"], held["status"], held["reference"]) == (30, 70, "open", "basket 7")
    assert held["expires_at"] == (shop.clock() + timedelta(minutes=45)).isoformat()
    assert amounts(shop) == [(0, 0, 60), (0, 30, 10)]


def test_a_part_is_captured_and_the_rest_goes_home(shop: Till) -> None:
    """What dies first is used first; the rest is spendable again in the lot it came from."""
    held = shop.do(hold, customer=who(), points=70)
    done = shop.do(capture, hold=held["hold"], points=50)

    assert (done["status"], done["captured"], done["balance"], done["held"]) == ("captured", 50, 50, 0)
    assert amounts(shop) == [(0, 10, 0), (0, 40, 0)]
    assert shop.sums()["redemption"] == 50


def test_a_void_gives_everything_back(shop: Till) -> None:
    """The lots are as if nothing had been held."""
    before = shop.lots()
    held = shop.do(hold, customer=who(), points=70)
    done = shop.do(void, hold=held["hold"])

    assert (done["status"], done["captured"], done["balance"]) == ("voided", None, 100)
    assert shop.lots() == before


def test_a_hold_times_out_by_the_calendar(shop: Till) -> None:
    """One minute before its time it is open; at its time the points are back, and it can no longer be used."""
    held = shop.do(hold, customer=who(), points=70, minutes=30)
    due_at = shop.member().position.due_at
    assert due_at == shop.clock() + timedelta(minutes=30)
    shop.clock.on(minutes=29)
    assert shop.settle().position.held == 70

    shop.clock.on(minutes=1)
    after = shop.settle()

    assert (after.position.held, after.position.available) == (0, 100)
    with pytest.raises(HoldResolved, match="expired"):
        shop.do(capture, hold=held["hold"])


def test_a_hold_that_is_late_is_over_before_the_worker_comes(shop: Till) -> None:
    """Whoever asks after its time finds it over, even if the calendar has not been to the member yet."""
    held = shop.do(hold, customer=who(), points=70, minutes=30)
    shop.clock.on(minutes=30)
    with pytest.raises(HoldResolved):
        shop.do(capture, hold=held["hold"])


def test_held_points_do_not_die_but_do_when_they_come_back(shop: Till) -> None:
    """A lot whose day comes while it is held is used as if it lived; given back, it dies at once."""
    death = shop.lots()[0][3]
    assert death is not None
    shop.clock.now = death - timedelta(minutes=10)
    held = [
        shop.do(hold, customer=who(), points=20, minutes=60)["hold"],
        shop.do(hold, customer=who(), points=20, minutes=60)["hold"],
    ]
    shop.clock.on(minutes=20)
    used = shop.do(capture, hold=held[0])
    dead = shop.do(void, hold=held[1])

    assert (used["captured"], dead["balance"]) == (20, 40)
    assert shop.sums()["breakage"] == 40


@pytest.mark.parametrize(("captured", "died"), [(None, 60), (50, 10), (70, 0)])
def test_a_hold_foretells_what_would_die_if_it_were_given_back(shop: Till, captured: int | None, died: int) -> None:
    """Nothing while its lots live, and then what lies in dead ones; its end tells what has died of what came back."""
    death = shop.lots()[0][3]
    assert death is not None
    shop.clock.now = death - timedelta(minutes=10)
    held = shop.do(hold, customer=who(), points=70, minutes=60)
    assert (held["lost_if_voided"], held["died"], seen(shop, held["hold"]).lost_if_voided) == (0, None, 0)
    shop.clock.on(minutes=20)
    assert (seen(shop, held["hold"]).lost_if_voided, seen(shop, held["hold"]).died) == (60, None)

    asked = {"hold": held["hold"]}
    done = shop.do(capture, **asked, points=captured) if captured else shop.do(void, **asked)

    assert (done["lost_if_voided"], done["died"]) == (None, died)
    assert done["balance"] == 100 - (captured or 0) - died
    assert shop.sums().get("breakage", 0) == died
    assert seen(shop, held["hold"]).lost_if_voided is None


def test_all_that_is_held_is_foretold_together(shop: Till) -> None:
    """Each of two holds says what it would lose, and the member what both would."""
    death = shop.lots()[0][3]
    assert death is not None
    shop.clock.now = death - timedelta(minutes=1)
    both = [shop.do(hold, customer=who(), points=each)["hold"] for each in (50, 30)]
    shop.clock.on(minutes=1)
    assert [seen(shop, each).lost_if_voided for each in both] == [50, 10]
    with shop.service.read() as tx:
        assert lost_of_held(tx, shop.member(), shop.template, now=shop.clock()) == 60


@pytest.mark.parametrize(
    ("points", "error"), [(101, InsufficientBalance), (0, OperationRefused), (-5, OperationRefused)]
)
def test_what_cannot_be_held_is_refused(shop: Till, points: int, error: type[Exception]) -> None:
    """More than there is, nothing at all, or less than nothing."""
    with pytest.raises(error):
        shop.do(hold, customer=who(), points=points)
    shop.check()
    assert shop.balance() == 100


def test_what_an_order_does_not_deserve_is_not_foretold_to_die(service: Service, clock: Clock) -> None:
    """Its points were forgiven while they were set apart: given back they cover that, and none is left to die."""
    shop = till(service, clock, program("forgiven", **SHOP))
    shop.enrol("ann")
    shop.buy(10_000, order="a")
    clock.on(days=364)
    held = shop.do(hold, customer=who(), points=100, minutes=10_000)["hold"]
    shop.refund(7_000, order="a")
    clock.on(days=3)
    assert seen(shop, held).lost_if_voided == 30
    assert shop.do(void, hold=held)["died"] == 30


def test_unknown_ones_are_named(shop: Till) -> None:
    """Neither a hold nor a member that nobody knows is made up."""
    with pytest.raises(UnknownHold, match="hld_none"):
        shop.do(capture, hold="hld_none")
    with pytest.raises(UnknownMember, match="bob"):
        shop.do(hold, customer=who("bob"), points=1)


@pytest.mark.parametrize("points", [0, 71])
def test_a_capture_beyond_the_hold_leaves_it_open(shop: Till, points: int) -> None:
    """It is refused, and the hold can still be captured."""
    held = shop.do(hold, customer=who(), points=70)
    with pytest.raises((HoldResolved, OperationRefused)):
        shop.do(capture, hold=held["hold"], points=points)
    assert shop.do(capture, hold=held["hold"])["captured"] == 70


def test_another_programme_does_not_see_the_hold(shop: Till, service: Service, clock: Clock) -> None:
    """A hold is known in its own programme only."""
    held = shop.do(hold, customer=who(), points=70)
    other = till(service, clock, program("elsewhere"))
    with pytest.raises(UnknownHold):
        other.do(capture, hold=held["hold"])


def test_captured_points_come_back_to_their_own_lots(shop: Till) -> None:
    """Refunded in two parts, what was taken last comes back first; a third part is refused."""
    held = shop.do(hold, customer=who(), points=70)
    shop.do(capture, hold=held["hold"])
    assert amounts(shop) == [(0, 30, 0)]

    first = shop.do(refund, hold=held["hold"], points=20, reason="half of it was broken")
    assert (first["returned"], first["balance"]) == (20, 50)
    assert amounts(shop) == [(0, 10, 0), (0, 40, 0)]
    with pytest.raises(OperationRefused, match="50 are left"):
        shop.do(refund, hold=held["hold"], points=51, reason="too much")
    second = shop.do(refund, hold=held["hold"], reason="the rest, too")

    assert (second["returned"], second["balance"]) == (50, 100)
    assert amounts(shop) == [(0, 60, 0), (0, 40, 0)]
    with pytest.raises(RedemptionOver):
        shop.do(refund, hold=held["hold"], reason="once more")
    assert "redemption" not in shop.sums()


def test_what_comes_back_is_the_survivors(shop: Till) -> None:
    """Where who held the points has become one with another member since, they come back to the one that is left."""
    held = shop.do(hold, customer=who(), points=70)
    shop.do(capture, hold=held["hold"])
    shop.enrol("bob", "cyd")
    shop.do(merge, merged=who(), survivor=who("bob"), reason="joined twice")
    shop.do(merge, merged=who("bob"), survivor=who("cyd"), reason="and once more")
    back = shop.do(refund, hold=held["hold"], points=20, reason="broken")
    left = shop.member("cyd").public_id
    assert (back["returned"], back["balance"], back["member_id"]) == (20, 50, left)
    told = seen(shop, held["hold"])
    assert (told.member_id, told.balance) == (left, 50)
    shop.check()


def test_what_was_not_captured_does_not_come_back(shop: Till) -> None:
    """Only used points are refunded; an open or a voided hold is none."""
    held = shop.do(hold, customer=who(), points=70)
    with pytest.raises(HoldResolved):
        shop.do(refund, hold=held["hold"], reason="r")
    shop.do(void, hold=held["hold"])
    with pytest.raises(HoldResolved):
        shop.do(refund, hold=held["hold"], reason="r")


def test_points_of_a_dead_lot_die_at_once(shop: Till) -> None:
    """Without grace, what comes back too late is gone the same moment, and the books say both."""
    held = shop.do(hold, customer=who(), points=60)
    shop.do(capture, hold=held["hold"])
    shop.clock.now = START + timedelta(days=366)
    back = shop.do(refund, hold=held["hold"], reason="late")

    assert (back["returned"], back["balance"]) == (60, 40)
    assert shop.sums()["breakage"] == 60


def test_points_of_a_dead_lot_have_the_programmes_grace(service: Service, clock: Clock) -> None:
    """With grace they come in a lot of their own: spendable today and seven days more, and then gone."""
    shop = till(service, clock, program("graceful", points={"expiry": ROLLING, "grace_days": 7}))
    shop.enrol("ann")
    shop.give(60)
    held = shop.do(hold, customer=who(), points=60)
    shop.do(capture, hold=held["hold"])
    clock.on(days=400)
    back = shop.do(refund, hold=held["hold"], reason="late")
    assert back["balance"] == 60
    position = shop.member().position
    assert (position.dying, position.dying_on) == (60, (clock() + timedelta(days=7)).date())

    clock.on(days=7)
    assert shop.settle().position.available == 60
    clock.on(days=1)
    assert shop.settle().position.available == 0


def test_a_programme_that_forfeits_gives_nothing_back(service: Service, clock: Clock) -> None:
    """Spent is spent: the refund is answered, and nothing moves."""
    shop = till(service, clock, program("strict", points={"refund": {"spent": "forfeit"}}))
    shop.enrol("ann")
    shop.give(60)
    held = shop.do(hold, customer=who(), points=60)
    shop.do(capture, hold=held["hold"])
    back = shop.do(refund, hold=held["hold"], reason="sorry")

    assert (back["returned"], back["balance"]) == (0, 0)


def test_under_inactivity_dead_points_have_no_grace(service: Service, clock: Clock) -> None:
    """Where all points die together there is no lot that could live on by itself: they die at once."""
    expiry = {"mode": "inactivity", "period": "P6M"}
    shop = till(service, clock, program("lively", points={"expiry": expiry, "grace_days": 7}))
    shop.enrol("ann")
    shop.buy(6_000, order="a")
    held = shop.do(hold, customer=who(), points=60)
    shop.do(capture, hold=held["hold"])
    clock.on(days=300)
    assert shop.do(refund, hold=held["hold"], reason="late")["balance"] == 0
    assert shop.sums()["breakage"] == 60


def test_a_capture_keeps_points_alive(service: Service, clock: Clock) -> None:
    """Under inactivity, what is redeemed restarts the clock for the rest; a hold that is voided does not."""
    shop = till(service, clock, program("clocked", points={"expiry": {"mode": "inactivity", "period": "P6M"}}))
    shop.enrol("ann", "bob")
    for name in ("ann", "bob"):
        shop.buy(6_000, order=name, by=name)
    clock.on(days=100)
    for name, act in (("ann", capture), ("bob", void)):
        shop.do(act, hold=shop.do(hold, customer=who(name), points=10)["hold"])
    clock.on(days=100)
    assert [shop.settle(name).position.available for name in ("ann", "bob")] == [50, 0]


def test_a_hold_is_resolved_once(shop: Till) -> None:
    """Eight at once, some to capture and some to void: exactly one of them does, and the points are there once."""
    held = shop.do(hold, customer=who(), points=70)
    together = threading.Barrier(8, timeout=30)

    def resolve(number: int) -> str:
        together.wait()
        try:
            if number % 2:
                return str(shop.operate(void, hold=held["hold"]).answer["status"])
            return str(shop.operate(capture, hold=held["hold"], points=40).answer["status"])
        except HoldResolved:
            return "late"

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(resolve, range(8)))

    assert told[1:] == ["late"] * 7 or told.count("late") == 7
    assert shop.balance() == (60 if "captured" in told else 100)
    shop.check()


# An order is paid back while its points are set apart.


@pytest.fixture
def fair(service: Service, clock: Clock) -> Till:
    """A till at which Ann has bought something for 100 points."""
    made = till(service, clock, program("fair"))
    made.enrol("ann")
    made.buy(10_000, order="a")
    return made


def put_by(shop: Till, points: int) -> str:
    """Set points apart and return the hold."""
    found: str = shop.do(hold, customer=who(), points=points)["hold"]
    return found


def forgiven(shop: Till) -> int:
    """Return what was forgiven of the order, which the books say, too."""
    with shop.service.read() as tx:
        said = int(tx.execute(text("SELECT forgiven FROM orders WHERE order_id = 'a'")).scalar_one())
    assert said == -shop.sums().get("forgiven", 0)
    return said


@pytest.mark.parametrize("end", ["voided", "expired", "captured"])
def test_points_of_an_order_that_was_paid_back_do_not_come_back_from_a_hold(fair: Till, clock: Clock, end: str) -> None:
    """Voided, timed out or captured in part: what comes back of them was forgiven before, and is taken now."""
    held = put_by(fair, 100)
    fair.refund(10_000, order="a")
    assert (fair.balance(), forgiven(fair)) == (0, 100)
    if end == "captured":
        assert fair.do(capture, hold=held, points=30)["balance"] == 0
    elif end == "voided":
        assert fair.do(void, hold=held)["balance"] == 0
    else:
        clock.on(days=1)
        fair.settle()
    assert (fair.balance(), forgiven(fair), fair.lots()) == (0, 30 if end == "captured" else 0, [])
    fair.check()


def test_of_what_comes_back_only_what_was_forgiven_is_taken(fair: Till) -> None:
    """Half of the order stands, and so does half of its points; what was used before stays forgiven."""
    fair.do(capture, hold=put_by(fair, 20))
    held = put_by(fair, 80)
    fair.refund(5_000, order="a")
    assert forgiven(fair) == 50
    assert fair.do(void, hold=held)["balance"] == 30
    assert forgiven(fair) == 0
    fair.refund(10_000, order="a")
    assert (fair.balance(), forgiven(fair)) == (0, 20)


def test_a_refund_that_is_undone_gives_what_was_taken(fair: Till, clock: Clock) -> None:
    """With the hold open it gives nothing, since nothing was taken; after it, all."""
    for released in (False, True):
        held = put_by(fair, 100)
        fair.tell("refund.updated", RefundUpdated("a", Refund("r1", 10_000, clock.now)))
        if released:
            fair.do(void, hold=held)
        clock.on(seconds=1)
        fair.tell("refund.updated", RefundUpdated("a", Refund("r1", 10_000, clock.now, undone=True)))
        if not released:
            fair.do(void, hold=held)
        assert (fair.balance(), forgiven(fair)) == (100, 0)
        clock.on(seconds=1)


def test_an_event_that_finds_a_hold_timed_out_knows_what_was_taken(fair: Till, clock: Clock) -> None:
    """The order that it brings was looked at before the calendar took of what was forgiven."""
    put_by(fair, 100)
    fair.tell("refund.updated", RefundUpdated("a", Refund("r1", 10_000, clock.now)))
    clock.on(days=1)
    answer = fair.tell("refund.updated", RefundUpdated("a", Refund("r1", 10_000, clock.now, undone=True)))
    assert (answer["balance"], forgiven(fair)) == (100, 0)
    fair.check()


def test_what_may_be_kept_is_kept_after_a_hold(service: Service, clock: Clock) -> None:
    """Where a refund takes only points that are pending, it takes nothing of those that were set apart."""
    shop = till(service, clock, program("kept", points={"refund": {"earned": "only_pending"}}))
    shop.enrol("ann")
    shop.buy(10_000, order="a")
    held = put_by(shop, 100)
    shop.refund(10_000, order="a")
    assert shop.do(void, hold=held)["balance"] == 100


def test_points_of_an_order_that_was_paid_back_do_not_come_back_when_what_they_bought_does(fair: Till) -> None:
    """Used up before its refund, or set apart before it and used up after: what comes back of them is taken."""
    used, held = put_by(fair, 70), put_by(fair, 30)
    fair.do(capture, hold=used)
    fair.refund(10_000, order="a")
    fair.do(capture, hold=held)
    assert (fair.balance(), forgiven(fair)) == (0, 100)
    assert fair.do(refund, hold=used, points=50, reason="broken")["balance"] == 0
    assert forgiven(fair) == 50
    assert fair.do(refund, hold=held, reason="broken")["balance"] == 0
    assert fair.do(refund, hold=used, reason="broken")["balance"] == 0
    assert (fair.balance(), forgiven(fair), fair.lots()) == (0, 0, [])
    fair.check()


def test_points_that_were_forgiven_before_they_went_are_not_taken(fair: Till, clock: Clock) -> None:
    """What is given by hand after a refund, and used up, comes back whole: the order was forgiven before that."""
    fair.do(capture, hold=put_by(fair, 100))
    fair.refund(10_000, order="a")
    clock.on(seconds=1)
    fair.give(60)
    later = put_by(fair, 60)
    fair.do(capture, hold=later)
    assert fair.do(refund, hold=later, reason="broken")["balance"] == 60
    assert forgiven(fair) == 100
    assert fair.do(void, hold=put_by(fair, 60))["balance"] == 60
