"""What is simulated is what is entered: the same events come to the same points and tiers, in memory and in books."""

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from actors import Clock
from sqlalchemy import text
from town import Town, moment, rules

from wallet_service.domain.invented import invented_year
from wallet_service.domain.period import plus_months, start_of
from wallet_service.domain.simulation import Habits, simulate
from wallet_service.usecases.settle_due import Settled

DAYS = rules(
    points='pending = { mode = "days", days = 10 }\nexpiry = { mode = "rolling", period = "P3M" }',
    more="""
        [[earning_rule]]
        code = "birthday"
        on = "member.birthday"
        points = 33
        [[campaign]]
        code = "often"
        kind = "challenge"
        goal = { event = "order.paid", times = 3, within = "P30D", distinct = "local_date" }
        points = 75
        [[campaign]]
        code = "treat"
        kind = "addition"
        points = 10
        limit = { times = 2, per = "P1M" }
        [[trigger]]
        code = "silence"
        on = "member.inactive"
        after = "P2M"
        points = 3
        notify = ["pass", "email"]
        [[trigger]]
        code = "soon"
        on = "points.expiring"
        lead = "P10D"
        notify = ["pass"]
        [[segment]]
        code = "regulars"
        min_orders = 4
        active_within = "P1M"
        [[trigger]]
        code = "again"
        on = "segment.entered"
        segment = "regulars"
        points = 5
        [[reward]]
        code = "once"
        kind = "amount_off"
        value = 500
        cost = 40
        auto = true
        limit = { times = 1, per = "lifetime" }
        [[reward]]
        code = "seldom"
        kind = "amount_off"
        value = 900
        cost = 60
        auto = true
        min_tier = "chapter"
        limit = { times = 1, per = "P2M" }
        [tiers]
        measure = "points_earned"
        window = "rolling_12_months"
        valid = "P6M"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "chapter"
        threshold = 100
        [[tier]]
        code = "novel"
        threshold = 400
    """,
)
CLUB = rules(
    points='expiry = { mode = "calendar", date = "06-30" }',
    more="""
        [[cause]]
        code = "trees"
        name = "Trees"
        [[reward]]
        code = "pledge"
        kind = "donation"
        rate = { points = 1, value = 1 }
        min_points = 90
        auto = "monthly"
        default = "trees"
        [[reward]]
        code = "few"
        kind = "amount_off"
        value = 300
        cost = 150
        auto = "monthly"
        min_tier = "chapter"
        stock = 3
        limit = { times = 2, per = "lifetime" }
        [membership]
        kind = "paid"
        price = 4900
        period = "P1Y"
        on_cancel = "immediately"
        [tiers]
        measure = "membership"
        window = "none"
        valid = "membership_period"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "chapter"
        threshold = 1
    """,
)
SENT = rules(
    points='pending = { mode = "event", on = "order.fulfilled" }\nexpiry = { mode = "rolling", period = "P2M" }',
    more="""
        [[reward]]
        code = "voucher"
        kind = "amount_off"
        value = 500
        cost = 70
        auto = true
        limit = { times = 2, per = "P1M" }
        [tiers]
        measure = "balance"
        window = "none"
        valid = "forever"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "chapter"
        threshold = 50
    """,
)
# What a month ended with; points that die with its last day are gone as it ends.
LEFT = text("""
    SELECT (SELECT coalesce(sum(available + pending + held), 0) FROM balances)
        - (SELECT coalesce(sum(available), 0) FROM expiry_days WHERE expires_at = :end)
""")
TAKEN = text("SELECT coalesce(sum(points), 0) FROM redemptions")


@pytest.mark.parametrize(
    ("rules", "seed", "customers"),
    [
        pytest.param(DAYS, 37, 3, id="days"),
        pytest.param(CLUB, 32, 3, id="club"),
        pytest.param(SENT, 28, 3, id="sent"),
        pytest.param(DAYS, 5, 25, id="many days", marks=pytest.mark.soak),
        pytest.param(CLUB, 5, 25, id="a large club", marks=pytest.mark.soak),
        pytest.param(SENT, 5, 25, id="much sent", marks=pytest.mark.soak),
    ],
)
def test_memory_and_books_agree(
    town: Callable[[str], Town], clock: Clock, rules: str, seed: int, customers: int
) -> None:
    """A year of some customers, event by event with the calendar in between, ends alike month by month."""
    clock.now = moment("2026-01-01 00:00")
    here = town(rules)
    program = here.service.in_force.of_source(here.source).program
    year = invented_year(program, seed=seed, customers=customers)
    events = sorted(year, key=lambda each: (each.occurred_at, each.event_id))
    outcome = simulate(program, events, Habits(Fraction(0)))
    waiting = iter(events)
    event = next(waiting, None)
    reminders = redeemed = 0
    for month in outcome.months:
        end = start_of(plus_months(month.first, 1), program.zone)
        while event is not None and event.occurred_at < end:
            go_on(here, event.occurred_at)
            here.say(event.type, event.fact)
            event = next(waiting, None)
        go_on(here, end - timedelta(seconds=1))
        with here.service.read() as tx:
            left = tx.execute(LEFT, {"end": end}).scalar_one()
            taken = tx.execute(TAKEN).scalar_one()
            told = tx.execute(text("SELECT count(*) FROM trigger_firings WHERE told_through IS NOT NULL")).scalar_one()
            found = tx.execute(text("SELECT tier, count(*) AS members FROM balances GROUP BY tier")).all()
        redeemed += month.redeemed
        assert (f"{month.first:%Y-%m}", left, taken) == (f"{month.first:%Y-%m}", month.outstanding, redeemed)
        assert {row.tier: row.members for row in found} == month.tiers
        reminders += month.reminders
        assert told == reminders
    assert len(outcome.months) > 9
    assert redeemed > 0
    assert sum(each.expired for each in outcome.months) > 0
    assert (reminders > 0) == bool(program.trigger)
    assert any(each.type == "subscription.cancelled" for each in events) == bool(program.membership)


def go_on(here: Town, until: datetime) -> None:
    """Let time go by up to then, and the calendar do its work whenever somebody is due, as workers do."""
    while (due := here.rows("SELECT min(due_at) FROM balances")[0][0]) is not None and due <= until:
        here.clock.now = max(due, here.clock.now)
        settle(here)
    here.clock.now = until


def settle(here: Town) -> None:
    """Let the calendar go on day by day, as workers do, up to now."""
    while (done := here.sweep()).settled:
        assert done == Settled(done.settled)
