"""What is simulated is what is entered: the same events come to the same points and tiers, in memory and in books."""

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction

from actors import Clock
from sqlalchemy import text
from town import Town, moment, rules

from wallet_service.domain.invented import invented_year
from wallet_service.domain.simulation import Habits, simulate
from wallet_service.usecases.settle_due import Settled

RULES = rules(
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


def test_memory_and_books_agree(town: Callable[[str], Town], clock: Clock) -> None:
    """A year of twelve customers, event by event with the calendar in between, ends alike month by month."""
    clock.now = moment("2026-01-01 00:00")
    here = town(RULES)
    program = here.service.in_force.of_source(here.source).program
    events = sorted(invented_year(program, seed=5, customers=12), key=lambda each: (each.occurred_at, each.event_id))
    outcome = simulate(program, events, Habits(Fraction(0)))
    waiting = iter(events)
    event = next(waiting, None)
    reminders = 0
    for month in outcome.months:
        end = moment(f"{month.first:%Y-%m}-01 00:00") + timedelta(days=40)
        end = moment(f"{end:%Y-%m}-01 00:00") - timedelta(hours=1 if end.month in (1, 2, 3, 11, 12) else 2)
        while event is not None and event.occurred_at < end:
            clock.now = event.occurred_at
            settle(here)
            here.say(event.type, event.fact)
            event = next(waiting, None)
        clock.now = end
        settle(here)
        with here.service.read() as tx:
            left = tx.execute(text("SELECT coalesce(sum(available + pending + held), 0) FROM balances")).scalar_one()
            told = tx.execute(text("SELECT count(*) FROM trigger_firings WHERE told_through IS NOT NULL")).scalar_one()
            found = tx.execute(text("SELECT tier, count(*) AS members FROM balances GROUP BY tier")).all()
        assert (f"{month.first:%Y-%m}", left) == (f"{month.first:%Y-%m}", month.outstanding)
        assert {row.tier: row.members for row in found} == month.tiers
        reminders += month.reminders
        assert told == reminders
    assert len(outcome.months) > 9
    assert sum(each.expired for each in outcome.months) > 0
    assert reminders > 0


def settle(here: Town) -> None:
    """Let the calendar go on day by day, as workers do, up to now."""
    while (done := here.sweep()).settled:
        assert done == Settled(done.settled)
