"""Points that were spent after they had died are found in the books, whatever kept points alive then, and none else."""

from collections.abc import Callable
from functools import partial

import pytest
from actors import Clock
from books import faults
from sqlalchemy import text
from town import Ruled, Town, moment, rules

from wallet_service.domain.event import Customer, OrderUpdated, PointsAdjusted
from wallet_service.storage import programs
from wallet_service.usecases import audit
from wallet_service.usecases.erase import erase
from wallet_service.usecases.hold import capture, hold
from wallet_service.usecases.merge import merge
from wallet_service.usecases.publish_program import publish_program
from wallet_service.wiring import Service

Opened = Callable[[str], Town]
ANN = Customer(id="ann")
INACTIVE = 'expiry = { mode = "inactivity", period = "P1M" }'
ROLLING = 'expiry = { mode = "rolling", period = "P1M" }'
EXTENDED = 'expiry = { mode = "rolling", period = "P1M", extend_on_activity = "P1M" }'
STEPS = """
    [tiers]
    measure = "points_earned"
    window = "lifetime"
    [[tier]]
    code = "page"
    threshold = 0
    [[tier]]
    code = "novel"
    threshold = 500
    points_expiry = { mode = "rolling", period = "P1M", extend_on_activity = "P1Y" }
"""
# A point of the member's oldest lot, spent at a moment by somebody who can write to the books.
SLIPPED = (
    """
    INSERT INTO ledger_transactions (id, program_id, member_id, position, type, actor, reason, effective_at, created_at)
    SELECT nextval('ledger_ids'), program_id, id, 0, 'adjust', 'a thief', 'none', :at, :at FROM members
    """,
    """
    INSERT INTO ledger_entries (transaction_id, account_id, points)
    SELECT (SELECT max(id) FROM ledger_transactions), id, CASE kind WHEN 'available' THEN -1 ELSE 1 END
    FROM ledger_accounts WHERE kind IN ('available', 'adjustment')
    """,
    """
    INSERT INTO lot_allocations (transaction_id, lot_id, bucket, delta)
    SELECT (SELECT max(id) FROM ledger_transactions), (SELECT min(id) FROM lots), bucket, delta
    FROM (VALUES ('available', -1), ('out', 1)) AS moved (bucket, delta)
    """,
)


def dead(service: Service, *slipped_in: str) -> list[str]:
    """Return what is said of points that had died, once a point was spent at each of these moments as well."""
    with service.engine.connect() as tx:
        for when in slipped_in:
            for statement in SLIPPED:
                tx.execute(text(statement), {"at": moment(when)})
        newest = tx.execute(text("SELECT coalesce(max(id), 0) FROM ledger_transactions")).scalar_one()
        found = audit.audit(tx, service.in_force, most=9).differences
        tx.rollback()
    return [str(each).replace(f"transaction {newest}:", "newest:") for each in found if "had died" in each.what]


def correct(here: Town, points: int) -> None:
    """Give points by hand, or take them."""
    here.say("points.adjusted", PointsAdjusted(ANN, points, actor="a person", reason="sorry"))


def buy_twice(here: Town) -> None:
    """Enrol Ann, who buys now and once more before a month is over, and let another month nearly pass."""
    here.enrol()
    here.buy(1_000, order="a")
    here.clock.now = moment("2026-06-20 10:00")
    here.buy(1_000, order="b")
    here.clock.now = moment("2026-07-15 10:00")


def put_in_force(service: Service) -> Service:
    """Publish the rules of the service's files; nobody's book is opened for it."""
    with service.begin() as tx:
        (opened,) = programs.of_template(tx, "points")
        publish_program(tx, opened, service.in_force, actor="a person", now=service.clock())
    return service


@pytest.mark.parametrize("points", [INACTIVE, EXTENDED])
def test_points_that_activity_keeps_alive_may_be_spent(town: Opened, clock: Clock, points: str) -> None:
    """They live a month after they were earned if something was bought meanwhile; and no moment longer."""
    here = town(rules(points=points))
    buy_twice(here)
    correct(here, -15)
    assert faults(here.service) == []
    assert dead(here.service, "2026-07-19 21:59") == []
    (named,) = dead(here.service, "2026-07-19 22:00")
    assert "newest: it takes points that had died: 2026-07-19 22:00:00+00:00" in named


def test_what_a_person_takes_keeps_nothing_alive(town: Opened, clock: Clock) -> None:
    """Of what was slipped in the first is no activity, and so the second is named."""
    here = town(rules(points=INACTIVE))
    here.enrol()
    here.buy(1_000, order="a")
    clock.now = moment("2026-06-20 10:00")
    correct(here, -2)
    assert [each.startswith("member") for each in dead(here.service, "2026-06-29 10:00", "2026-07-02 10:00")] == [True]
    correct(here, 2)
    assert dead(here.service, "2026-07-02 10:00") == []


def test_held_points_are_captured_after_their_day(town: Opened, clock: Clock) -> None:
    """What is held when it would die does not, and is used up or dies when it comes back."""
    here = town(rules(points=INACTIVE))
    here.enrol()
    here.buy(1_000, order="a")
    here.do(partial(hold, customer=ANN, points=8, minutes=90_000))
    ((held,),) = here.rows("SELECT public_id FROM holds")
    clock.now = moment("2026-07-20 10:00")
    here.do(partial(capture, hold=held, points=5))
    assert faults(here.service) == []


@pytest.mark.parametrize("points", [INACTIVE, EXTENDED, ROLLING])
@pytest.mark.parametrize("way", ["erased", "merged"])
def test_what_was_held_too_long_dies_with_its_hold(town: Opened, clock: Clock, points: str, way: str) -> None:
    """Who is erased or becomes another gives up holds: what would have died meanwhile is neither taken nor given."""
    here = town(rules(points=points))
    here.enrol()
    here.enrol("bob")
    here.buy(1_000, order="a")
    here.do(partial(hold, customer=ANN, points=8, minutes=90_000))
    clock.now = moment("2026-07-20 10:00")
    if way == "erased":
        here.do(partial(erase, customer=ANN))
    else:
        here.do(partial(merge, merged=ANN, survivor=Customer(id="bob"), reason="one person"))
        assert here.balances("bob") == (0, 0)
    assert faults(here.service) == []
    spent = "SELECT DISTINCT type FROM ledger_transactions WHERE created_at > '2026-07-01' ORDER BY type"
    assert here.rows(spent) == [("expire",), ("hold_void",)]


def test_what_an_old_order_earns_anew_pays_for_nothing(town: Opened, clock: Clock) -> None:
    """Where a refund is undone when the order's own points are dead, what it was paid with is taken of others."""
    here = town(rules(points=ROLLING))
    here.enrol()
    here.buy(1_000, order="a")
    here.do(partial(hold, customer=ANN, points=5, reference="b"))
    ((held,),) = here.rows("SELECT public_id FROM holds")
    here.do(partial(capture, hold=held))
    here.buy(2_000, order="b")
    here.refund(2_000, order="b")
    clock.now = moment("2026-07-20 10:00")
    here.buy(3_000, order="c")
    here.say("order.updated", OrderUpdated("b", clock.now, ANN, None, refunded_minor=0))
    assert here.balances() == (25, 0)
    assert faults(here.service) == []


def test_each_moment_is_judged_by_the_rules_of_its_time(town: Opened, clock: Clock, ruled: Ruled) -> None:
    """Rules that came later excuse nothing, and those that came before do until the member is looked at again."""
    here = town(rules(points=INACTIVE))
    here.enrol()
    here.buy(1_000, order="a")
    clock.now = moment("2026-06-20 10:00")
    correct(here, -1)
    clock.now = moment("2026-08-01 10:00")
    kinder = put_in_force(ruled(whole=rules(points=INACTIVE.replace("P1M", "P1Y"))))
    assert len(dead(kinder, "2026-07-02 10:00")) == 1
    assert dead(kinder, "2026-08-02 10:00") == []
    clock.now = moment("2026-09-01 10:00")
    harsher = put_in_force(ruled(whole=rules(points=INACTIVE)))
    assert dead(harsher, "2026-09-03 10:00") == []
    assert len(dead(harsher, "2026-09-03 10:00", "2026-09-05 10:00")) == 1


def test_what_rules_have_kept_alive_stays_right(town: Opened, clock: Clock, ruled: Ruled) -> None:
    """Points were spent rightly that activity had kept alive, though it keeps none any more."""
    here = town(rules(points=EXTENDED))
    buy_twice(here)
    correct(here, -9)
    clock.now = moment("2026-08-01 10:00")
    assert here.sweep().settled == 1
    here.service = put_in_force(ruled(whole=rules(points=ROLLING)))
    assert dead(here.service) == []


def test_new_rules_are_no_fault_of_whoever_was_not_looked_at(town: Opened, clock: Clock, ruled: Ruled) -> None:
    """Points that harsher rules have ended may be spent by what comes first after those, and die with it."""
    here = town(rules(points=INACTIVE.replace("P1M", "P1Y")))
    here.enrol()
    here.buy(1_000, order="a")
    clock.now = moment("2026-08-01 10:00")
    here.service = put_in_force(ruled(whole=rules(points=INACTIVE)))
    clock.now = moment("2026-08-20 10:00")
    correct(here, -3)
    assert dead(here.service) == []
    assert here.balances() == (0, 0)


def test_a_tier_excuses_only_whoever_was_in_it(town: Opened, clock: Clock) -> None:
    """Where a tier keeps points alive for longer, it does so for those whom it is known of."""
    here = town(rules(points=ROLLING, more=STEPS))
    here.enrol()
    here.buy(1_000, order="a")
    assert len(dead(here.service, "2026-07-20 10:00")) == 1
    here.buy(60_000, order="b")
    assert dead(here.service, "2026-07-20 10:00") == []


def test_a_programme_that_is_not_loaded_is_named(town: Opened) -> None:
    """Without its template nothing says when points die, and the programme is named as one that was not checked."""
    here = town(rules(points=ROLLING))
    here.enrol()
    here.buy(1_000, order="a")
    here.service.in_force.templates.clear()
    with here.service.read() as tx:
        assert audit.audit(tx, here.service.in_force, most=9).unchecked == ("points",)
    assert dead(here.service, "2026-07-20 10:00") == []
