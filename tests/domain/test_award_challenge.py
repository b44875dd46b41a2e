"""A challenge counts different marks within its time, and begins anew when its goal is reached."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purchases import NOON, PRAGUE, campaign, challenge, deed, local, order, program, shipped

from wallet_service.domain.challenge import Mark, Progress, advance, challenge_marks
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import Campaign
from wallet_service.domain.purchase import Buyer, Line

NOBODY = Buyer()
ZONE = ZoneInfo(PRAGUE)
STREAK = next(each for each in shipped("starbucks_like").campaign if each.code == "morning-streak")
PACIFIC = ZoneInfo("America/Los_Angeles")


def goal(**keys: Any) -> Campaign:
    """Return a challenge of two orders within a week, unless it says otherwise."""
    return program(campaign=[challenge("c", **keys)]).campaign[0]


def run(which: Campaign, *marks: tuple[str, datetime], zone: ZoneInfo = ZONE) -> tuple[Progress | None, list[bool]]:
    """Return the progress after all marks, and whether each of them reached the goal."""
    progress, reached = None, []
    for mark, at in marks:
        progress, done = advance(which, progress, Mark(mark, at), zone)
        reached.append(done)
    return progress, reached


def visits(*texts: str) -> list[bool]:
    """Return whether each order, at a Pacific time, completes the example's five days in fourteen."""
    shop = shipped("starbucks_like")
    marks = []
    for number, text in enumerate(texts):
        what = order(500, at=local(text, "America/Los_Angeles"), order_id=f"o{number}")
        marks += [(mark, what.paid_at) for _, mark in challenge_marks(shop, what, NOBODY)]
    return run(STREAK, *marks, zone=PACIFIC)[1]


def test_five_days_in_fourteen_complete_the_streak_once() -> None:
    """The fifth different day does, and no day after it."""
    days = (f"2026-06-{day:02} 08:00:00" for day in (1, 4, 7, 10, 14, 15))
    assert visits(*days) == [False, False, False, False, True, False]


def test_five_orders_in_one_day_are_one_day() -> None:
    """Neither do they complete it when they lie as far apart as one local day allows."""
    clocks = ("00:00:01", "06:00:00", "12:00:00", "18:00:00", "23:59:59")
    assert not any(visits(*(f"2026-06-01 {clock}" for clock in clocks)))


def test_two_seconds_over_midnight_are_two_days() -> None:
    """The day is the programme's own, by its clocks."""
    at = ("2026-06-01 23:59:59", "2026-06-02 00:00:01", "2026-06-03 12:00:00", "2026-06-04 12:00:00")
    assert visits(*at, "2026-06-05 12:00:00")[-1]


def test_days_that_are_too_old_drop_out() -> None:
    """The fourteen days end with today: the first day of fifteen no longer counts, that of fourteen does."""
    middle = tuple(f"2026-06-{day:02} 08:00:00" for day in (4, 7, 10))
    assert visits("2026-06-01 00:00:01", *middle, "2026-06-14 23:59:59")[-1]
    assert not visits("2026-06-01 23:59:59", *middle, "2026-06-15 00:00:01")[-1]


def marks(what: Any, buyer: Buyer = NOBODY, **keys: Any) -> list[str]:
    """Return the marks that a purchase or deed gives for one challenge."""
    table = challenge("c", **{key: value for key, value in keys.items() if key in {"event", "distinct"}})
    rest = {key: value for key, value in keys.items() if key not in {"event", "distinct"}}
    found = challenge_marks(program(campaign=[table | rest]), what, buyer)
    assert {code for code, _ in found} <= {"c"}
    return [mark for _, mark in found]


def test_a_mark_is_what_the_goal_counts_once() -> None:
    """A local date, a location, each SKU that matches, or the order itself."""
    what = order(Line("B", 100, tags=("hot",)), Line("A", 100), Line("B", 100), location="north")
    assert marks(what) == ["o1"]
    assert marks(what, distinct="local_date") == ["2026-06-10"]
    assert marks(what, distinct="location") == ["north"]
    assert marks(what, distinct="sku") == ["A", "B"]
    assert marks(what, distinct="sku", match={"tags": ["hot"]}) == ["B"]
    assert marks(what, match={"tags": ["cold"]}) == []


def test_what_is_not_known_is_no_mark() -> None:
    """No location, no lines and nothing that earns leave no mark."""
    assert marks(order(100), distinct="location") == []
    assert marks(order(100), distinct="sku") == []
    assert marks(order(0)) == []
    assert marks(order(Line("GIFT", 5000, earns=False))) == []


def test_deeds_leave_marks_too() -> None:
    """By their place or product, by their day, or each by itself; the same deed twice is one mark."""
    first = deed("shop.visited", local(NOON), location="north", sku="A")
    second = deed("shop.visited", local(NOON), location="south", sku="A")
    later = deed("shop.visited", local("2026-06-10 12:00:01"), location="north", sku="A")
    found = [marks(each, event="shop.visited") for each in (first, second, later, first)]
    assert len({mark for (mark,) in found}) == 3
    assert found[0] == found[3]
    assert marks(second, event="shop.visited", distinct="location") == ["south"]
    assert marks(second, event="shop.visited", distinct="sku") == ["A"]
    assert marks(second, event="shop.visited", distinct="local_date") == ["2026-06-10"]
    assert marks(deed("shop.visited"), event="shop.visited", distinct="location") == []
    assert marks(first, event="order.paid") == []


def test_a_challenge_runs_when_and_for_whom_it_says() -> None:
    """Its windows, segment and birthday hold for marks as they do for bonuses."""
    june = [{"from": datetime(2026, 6, 1), "to": datetime(2026, 6, 30, 23, 59, 59)}]  # noqa: DTZ001
    assert marks(order(100), active=june) == ["o1"]
    assert marks(order(100, at=local("2026-07-01 00:00:00")), active=june) == []
    assert marks(order(100), segment="quiet") == []
    assert marks(order(100), Buyer(segments=frozenset({"quiet"})), segment="quiet") == ["o1"]
    assert marks(order(100), Buyer(birthday=(6, 1)), when={"member": "birthday_month"}) == ["o1"]


def test_only_challenges_take_marks() -> None:
    """Other campaigns give none, and have no progress."""
    double: Program = program(campaign=[campaign("double", factor="2")])
    assert challenge_marks(double, order(100), NOBODY) == ()
    with pytest.raises(ValueError, match="double"):
        advance(double.campaign[0], None, Mark("o1", local(NOON)), ZONE)


def test_a_mark_counts_once() -> None:
    """The same order twice is one; its later time is the one that counts."""
    at = local(NOON)
    progress, reached = run(goal(), ("o1", at), ("o1", at), ("o1", at + timedelta(days=5)))
    assert (progress, reached) == (Progress(1, (Mark("o1", at + timedelta(days=5)),)), [False] * 3)
    assert run(goal(), ("o1", at), ("o1", at + timedelta(days=5)), ("o2", at + timedelta(days=8)))[1][-1]


def test_a_new_round_begins_empty() -> None:
    """The next prize takes all the marks again."""
    at = local(NOON)
    progress, reached = run(goal(), *((f"o{number}", at) for number in range(5)))
    assert reached == [False, True, False, True, False]
    assert progress == Progress(3, (Mark("o4", at),))


def test_a_mark_that_arrives_late_finds_its_place() -> None:
    """Within the time of the latest it counts; before it, it changes nothing."""
    at = local(NOON)
    within, before = at - timedelta(days=6), at - timedelta(days=7)
    assert run(goal(), ("o2", at), ("o1", within))[1] == [False, True]
    assert run(goal(), ("o2", at), ("o2", within)) == (Progress(1, (Mark("o2", at),)), [False, False])
    assert run(goal(), ("o2", at), ("o1", before)) == (Progress(1, (Mark("o2", at),)), [False, False])


def test_hours_run_by_the_clock() -> None:
    """A goal within a day of hours is not longer on the night when clocks go back."""
    first = local("2026-10-24 12:00:00")
    fast = goal(within="PT24H")
    assert run(fast, ("o1", first), ("o2", first.astimezone(UTC) + timedelta(hours=24)))[1][-1]
    assert not run(fast, ("o1", first), ("o2", local("2026-10-25 12:00:00")))[1][-1]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 30)), max_size=25),
    st.integers(2, 5),
    st.integers(1, 10),
)
@settings(max_examples=200, deadline=None)
def test_progress_stays_below_its_goal(events: list[tuple[str, int]], times: int, days: int) -> None:
    """Marks are different, in order, within the time, fewer than the goal, and no prize comes for fewer events."""
    which = goal(times=times, within=f"P{days}D")
    start = local("2026-03-20 12:00:00")
    progress, reached = run(which, *((mark, start + timedelta(days=day)) for mark, day in events))
    assert sum(reached) * times <= len(events)
    if progress:
        whens = [each.at for each in progress.marks]
        assert progress.round == 1 + sum(reached)
        assert progress.done == len(whens) < times
        assert whens == sorted(whens)
        assert not whens or (whens[-1].date() - whens[0].date()).days < days


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6), st.integers(0, 9)), max_size=20), st.integers(1, 6)
)
@settings(max_examples=200, deadline=None)
def test_an_order_that_is_taken_back_has_never_been(given_marks: list[tuple[str, int, int]], back: int) -> None:
    """Within the goal's time a progress without an order is that of all the others, whichever marks they share."""
    which = goal(times=4, within="P30D")
    start = local("2026-03-20 12:00:00")
    several, others = Progress(), Progress()
    for name, order_row, day in given_marks:
        mark = Mark(name, start + timedelta(days=day), order_row)
        several, _ = advance(which, several, mark, ZONE)
        if order_row != back:
            others, _ = advance(which, others, mark, ZONE)
    assert several.without(back, "abc") == others
    assert several.without(back, ()) == several
