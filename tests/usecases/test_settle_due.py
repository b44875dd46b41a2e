"""The calendar does its work by itself, at the very moment, once, and no phone is shown what it has taken."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Never

import pytest
from actors import Clock, Device, card_of
from books import faults
from sqlalchemy import text
from town import Ruled, Town, moment, rules, settled_town

from wallet_service.domain.errors import RewardUnavailable
from wallet_service.domain.event import ActivityDone, Customer, OrderFulfilled, PointsAdjusted
from wallet_service.storage import calendar, members
from wallet_service.usecases.redeem import redeem
from wallet_service.usecases.settle_due import is_due, settled
from wallet_service.usecases.statement import statement
from wallet_service.web import create_app

SECOND = timedelta(seconds=1)
MONTH = 'expiry = { mode = "rolling", period = "P1M" }'
THREE_DAYS = 'pending = { mode = "days", days = 3 }'
Opened = Callable[[str], Town]


@pytest.mark.parametrize(
    ("zone", "points", "bought", "steps"),
    [
        pytest.param(
            "Europe/Prague", f"{THREE_DAYS}\n{MONTH}", "2026-06-01 10:00",
            [("2026-06-03 22:00", 10, 0), ("2026-07-03 22:00", 0, 0)], id="pending, active, dead",
        ),
        pytest.param(
            "Europe/Prague", 'expiry = { mode = "calendar", date = "12-31" }', "2026-12-31 23:00",
            [("2027-12-31 23:00", 0, 0)], id="the first minute of the year",
        ),
        pytest.param(
            "Europe/Prague", 'expiry = { mode = "calendar", date = "12-31" }', "2026-12-31 22:59",
            [("2026-12-31 23:00", 0, 0)], id="the last minute of the year",
        ),
        pytest.param(
            "Europe/Prague", 'expiry = { mode = "calendar", date = "02-29" }', "2027-01-10 10:00",
            [("2027-02-28 23:00", 0, 0)], id="29 February of a common year",
        ),
        pytest.param(
            "Europe/Prague", 'expiry = { mode = "calendar", date = "02-29" }', "2028-01-10 10:00",
            [("2028-02-29 23:00", 0, 0)], id="29 February of a leap year",
        ),
        pytest.param("Europe/Prague", MONTH, "2027-01-31 10:00", [("2027-02-27 23:00", 0, 0)], id="a month's end"),
        pytest.param(
            "Europe/Prague", MONTH, "2027-03-01 10:00", [("2027-03-31 22:00", 0, 0)], id="over the spring change",
        ),
        pytest.param(
            "Europe/Prague", THREE_DAYS, "2027-03-25 10:00", [("2027-03-27 23:00", 10, 0)], id="the spring day begins",
        ),
        pytest.param(
            "Europe/Prague", THREE_DAYS, "2026-10-23 10:00", [("2026-10-25 23:00", 10, 0)], id="after the autumn day",
        ),
        pytest.param(
            "America/Los_Angeles", MONTH, "2026-10-05 10:00", [("2026-11-05 08:00", 0, 0)], id="another zone's autumn",
        ),
        pytest.param(
            "Europe/Prague", 'expiry = { mode = "inactivity", period = "P1M" }', "2026-06-01 10:00",
            [("2026-06-30 22:00", 0, 0)], id="inactivity",
        ),
    ],
)  # fmt: skip
def test_points_move_at_their_moment_and_not_before(
    town: Opened, clock: Clock, zone: str, points: str, bought: str, steps: list[tuple[str, int, int]]
) -> None:
    """A second before nothing happens; at the moment it does, by the sweep alone, and then never again."""
    clock.now = moment(bought)
    here = town(rules(zone=zone, points=points))
    here.enrol()
    here.buy(1000, order="a")
    for when, available, pending in steps:
        before = here.balances()
        clock.now = moment(when) - SECOND
        assert here.sweep().settled == 0
        assert here.balances() == before
        clock.now = moment(when)
        assert here.sweep().settled == 1
        assert here.balances() == (available, pending)
        assert here.sweep().settled == 0
    assert here.member().position.due_at is None


def test_points_given_after_a_long_silence_live_as_long_as_earned_ones(town: Opened, clock: Clock) -> None:
    """What a person gives lets the time of silence begin anew, and what a person takes does not."""
    here = town(rules(points='expiry = { mode = "inactivity", period = "P1M" }'))
    here.enrol()
    clock.now = moment("2027-06-01 10:00")
    given = partial(PointsAdjusted, Customer(id="ann"), actor="a person", reason="sorry")
    here.say("points.adjusted", given(50))
    assert here.balances() == (50, 0)
    clock.now = moment("2027-06-20 10:00")
    here.say("points.adjusted", given(-20))
    clock.now = moment("2027-06-30 21:59")
    assert here.sweep().settled == 0
    clock.now = moment("2027-06-30 22:00")
    assert here.sweep().settled == 1
    assert here.balances() == (0, 0)


STEPS = """
    [tiers]
    measure = "points_earned"
    window = "rolling_12_months"
    valid = "P1M"
    [[tier]]
    code = "page"
    threshold = 0
    [[tier]]
    code = "novel"
    threshold = 500
    points_expiry = { mode = "none" }
    [[reward]]
    code = "gala"
    kind = "experience"
    cost = 10
    min_tier = "novel"
"""


def test_rising_keeps_what_activity_has_kept_alive(town: Opened, clock: Clock) -> None:
    """Points that another purchase has kept do not die because those that their owner earns from now on never will."""
    extended = 'expiry = { mode = "rolling", period = "P1M", extend_on_activity = "P1M" }'
    here = town(rules(points=extended, more=STEPS))
    here.enrol()
    here.buy(30_000, order="a")
    clock.now = moment("2026-06-20 10:00")
    here.buy(1_000, order="b")
    clock.now = moment("2026-07-11 10:00")
    here.buy(30_000, order="c")
    position = here.member().position
    assert (position.rank.tier if position.rank else None, position.available) == ("novel", 610)
    assert (position.dying, position.dying_on) == (610, date(2026, 8, 10))
    here.buy(1_000, order="d")
    clock.now = moment("2026-08-10 22:00")
    assert here.sweep().settled == 1
    assert here.balances() == (10, 0)
    assert faults(here.service) == []


def test_a_tier_that_is_over_gives_nothing_to_what_comes_next(town: Opened, clock: Clock) -> None:
    """Also where nobody has looked since: an event ranks its member before it is evaluated, and a reward is refused."""
    doubled = STEPS + '[[earning_rule]]\ncode = "deed"\non = "review.approved"\npoints = 10\n'
    doubled += '[earning_rule.tier_multiplier]\nnovel = "2"\n'
    here = town(rules(more=doubled))
    here.enrol()
    here.buy(60_000, order="a")
    done = ActivityDone(Customer(id="ann"), "review.approved")
    assert here.say("activity.review.approved", done)["points"] == 20
    clock.now = moment("2027-09-01 10:00")
    assert here.say("activity.review.approved", done)["points"] == 10
    here.buy(60_000, order="b")
    clock.now = moment("2028-12-01 10:00")
    with pytest.raises(RewardUnavailable):
        here.do(lambda operation: redeem(operation, customer=Customer(id="ann"), reward="gala"))
    assert faults(here.service) == []


def test_a_tier_that_is_over_keeps_nothing_alive(town: Opened, clock: Clock) -> None:
    """What only the tier's rule has kept is dead with it, for whoever comes before the calendar, too."""
    none, rolling = 'mode = "none"', 'mode = "rolling", period = "P1Y", extend_on_activity = "P2Y"'
    kept = STEPS.replace(none, rolling)
    here = town(rules(points='expiry = { mode = "rolling", period = "P1M" }', more=kept))
    here.enrol()
    here.buy(60_000, order="a")
    clock.now = moment("2026-07-20 10:00")
    here.sweep()
    assert here.balances() == (600, 0)
    clock.now = moment("2027-09-01 10:00")
    assert here.buy(1_000, order="b")["balance"] == 10
    assert here.member().position.dying_on == date(2027, 9, 30)
    assert faults(here.service) == []


def test_only_an_order_waits_for_its_event(town: Opened) -> None:
    """Points for joining, for a deed and for a challenge belong to no order and can be spent at once."""
    given = """
        [[earning_rule]]
        code = "joined"
        on = "member.enrolled"
        points = 3
        [[earning_rule]]
        code = "review"
        on = "review.approved"
        points = 5
        [[campaign]]
        code = "two-orders"
        kind = "challenge"
        points = 70
        goal = { event = "order.paid", times = 2, within = "P7D" }
    """
    here = town(rules(points='pending = { mode = "event", on = "order.fulfilled" }', more=given))
    here.enrol()
    assert here.balances() == (3, 0)
    here.say("activity.review.approved", ActivityDone(Customer(id="ann"), "review.approved"))
    assert here.balances() == (8, 0)
    here.buy(1000, order="a")
    assert here.balances() == (8, 10)
    here.buy(2000, order="b")
    assert here.balances() == (78, 30)
    here.say("order.fulfilled", OrderFulfilled("a"))
    assert here.balances() == (88, 20)


def test_a_tier_ends_with_its_year(town: Opened, clock: Clock) -> None:
    """At midnight of New Year in the programme's zone a member who did too little falls, with a line that says why."""
    tiers = """
        [tiers]
        measure = "spend"
        window = "calendar_year"
        valid = "end_of_next_calendar_year"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "chapter"
        threshold = 10000
    """
    here = town(rules(more=tiers))
    here.enrol()
    here.buy(12_000, order="a")
    clock.now = moment("2027-12-31 22:59")
    while here.sweep().settled:
        pass
    assert here.member().standing.tier == "chapter"
    clock.now = moment("2027-12-31 23:00")
    assert here.sweep().settled == 1
    assert here.member().standing.tier == "page"
    assert here.rows("SELECT kind, day::text, cause FROM tier_changes ORDER BY id")[-1] == (
        "downgraded", "2028-01-01", "calendar",
    )  # fmt: skip


def test_the_phone_sees_points_come_and_go_with_no_event(town: Opened, clock: Clock) -> None:
    """Pending, then active, then dead: each time the card has a new revision and its phone is to be told."""
    here = town(rules(points=f"{THREE_DAYS}\n{MONTH}"))
    serial = here.enrol()["serial_number"]
    phone = Device(create_app(here.service).test_client(), here.service.identity.pass_type_identifier)
    phone.register(card_of(here.service, serial))
    here.buy(1000, order="a")
    seen = card_of(here.service, serial).revision
    for days in (4, 40):
        clock.on(days=days)
        assert here.sweep().settled == 1
        card = card_of(here.service, serial)
        assert card.revision == seen + 1
        assert here.rows("SELECT wanted FROM wallets") == [(card.revision,)]
        assert phone.fetch(card).status_code == 200
        seen = card.revision
    assert here.balances() == (0, 0)


def test_nobody_is_shown_dead_points(town: Opened, clock: Clock) -> None:
    """Whoever asks for a card before a worker has come gets it settled: phone, page, download and statement."""
    here = town(rules(points=MONTH))
    cards = []
    for number in range(3):
        serial = here.enrol(f"c{number}")["serial_number"]
        here.buy(1000, order=f"o{number}", customer=f"c{number}")
        cards.append(card_of(here.service, serial))
    clock.on(days=40)
    client = create_app(here.service).test_client()
    phone = Device(client, here.service.identity.pass_type_identifier)

    assert phone.fetch(cards[0]).status_code == 200
    assert here.balances("c0") == (0, 0)
    fetched = phone.fetch(cards[0])
    assert fetched.headers["Last-Modified"] == phone.fetch(cards[0], method="HEAD").headers["Last-Modified"]
    with here.service.read() as tx:
        found = members.find_by_serial(tx, cards[1].serial_number)
    assert found is not None
    assert is_due(found.member, clock.now)
    shown = here.service.settled(found)
    assert shown.member.standing.balance == 0
    assert shown.member.card.revision == cards[1].revision + 1
    with here.service.read() as tx:
        said = statement(tx, shown.member, here.service.in_force.of_card(shown).program)
    assert [line.type for line in said.lines] == ["earn", "expire"]
    assert here.sweep().settled == 1  # the third, whom nobody asked for


def test_looking_is_free_when_nothing_is_due(town: Opened) -> None:
    """A card that is not due is handed back as it is, with no look at the database."""
    here = town(rules(points=MONTH))
    serial = here.enrol()["serial_number"]
    with here.service.read() as tx:
        found = members.find_by_serial(tx, serial)
    assert found is not None

    def refuse() -> Never:
        pytest.fail("the database was asked")

    assert settled(refuse, here.service.in_force, found, now=here.clock.now) is found


def test_two_programmes_keep_their_own_midnight(ruled: Ruled, clock: Clock) -> None:
    """The same day ends in Prague nine hours before it ends in Los Angeles."""
    clock.now = moment("2026-06-01 19:00")  # the first of June in both
    prague = settled_town(ruled(whole=rules(points=MONTH)), clock)
    angeles = rules(zone="America/Los_Angeles", points=MONTH).replace(
        'code = "points"\n        name', 'code = "far"\n        name'
    )
    west = settled_town(ruled(whole=angeles), clock, "west")
    for each in (prague, west):
        each.enrol()
        each.buy(1000, order="a")
    clock.now = moment("2026-06-30 22:00")
    assert prague.sweep().settled == 1
    assert (prague.balances(), west.balances()) == ((0, 0), (10, 0))
    clock.now = moment("2026-07-01 07:00") - SECOND
    assert prague.sweep().settled == 0
    clock.now = moment("2026-07-01 07:00")
    assert prague.sweep().settled == 1  # one worker serves both
    assert west.balances() == (0, 0)


def test_workers_share_the_work(town: Opened, clock: Clock) -> None:
    """Four at once settle each of thirty members once."""
    here = town(rules(points=MONTH))
    for number in range(30):
        here.enrol(f"c{number}")
        here.buy(1000, order=f"o{number}", customer=f"c{number}")
    clock.on(days=40)
    together = threading.Barrier(4)

    def work() -> int:
        together.wait(timeout=30)
        return here.sweep().settled

    with ThreadPoolExecutor(4) as pool:
        counts = [each.result(timeout=60) for each in [pool.submit(work) for _ in range(4)]]
    assert sum(counts) + here.sweep().settled == 30
    assert here.rows("SELECT count(*) FROM ledger_transactions WHERE type = 'expire'") == [(30,)]


def test_whoever_is_at_work_already_is_left_alone(town: Opened, clock: Clock) -> None:
    """A customer under somebody's lock is passed over, and nobody waits."""
    here = town(rules(points=MONTH))
    for name in ("ann", "bob"):
        here.enrol(name)
        here.buy(1000, order=name, customer=name)
    clock.on(days=40)
    with here.service.begin() as tx:
        members.lock_customer(tx, here.source.program_id, "ann")
        assert here.sweep().settled == 1
    assert (here.balances("ann"), here.balances("bob")) == ((10, 0), (0, 0))
    assert here.sweep().settled == 1


def test_a_member_who_cannot_be_settled_stops_nobody(town: Opened, clock: Clock) -> None:
    """A fault in one book is told by the member's id, put off, and tried again later; the others are settled."""
    here = town(rules(points=MONTH))
    for name in ("ann", "bob"):
        here.enrol(name)
        here.buy(1000, order=name, customer=name)
    with here.service.begin() as tx:
        tx.execute(text("UPDATE lot_balances SET available = 3 WHERE lot_id = (SELECT min(lot_id) FROM lot_balances)"))
        tx.execute(text("ALTER TABLE expiry_days ADD CONSTRAINT whole CHECK (available IN (0, 10))"))
    clock.on(days=40)
    done = here.sweep()
    assert (done.settled, done.failed) == (1, 1)
    assert here.balances("bob") == (0, 0)
    with here.service.read() as tx:
        (delayed,) = calendar.delayed(tx, most=9)
    assert (delayed.public_id, delayed.attempts) == (here.member("ann").public_id, 1)
    assert here.sweep().failed == 0

    with here.service.begin() as tx:
        tx.execute(text("UPDATE lot_balances SET available = 10 WHERE available = 3"))
    clock.on(minutes=20)
    assert here.sweep().settled == 1
    with here.service.read() as tx:
        assert calendar.delayed(tx, most=9) == []
