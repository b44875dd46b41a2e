"""Lengths of time are counted in a zone's own days: months clamp, days may have 23 hours, hours are hours."""

import math
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.period import Period, at, local_day, parse, plus_months, start_of

PRAGUE = ZoneInfo("Europe/Prague")
SYDNEY = ZoneInfo("Australia/Sydney")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour
SANTIAGO = ZoneInfo("America/Santiago")  # its clocks change at midnight
ZONES = (PRAGUE, SYDNEY, LORD_HOWE, SANTIAGO, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC"))

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
periods = st.builds(Period, st.integers(0, 60), st.integers(0, 800), st.integers(0, 100)).filter(
    lambda p: p != Period()
)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P12M", Period(months=12)),
        ("P1Y", Period(months=12)),
        ("P1Y6M", Period(months=18)),
        ("P30D", Period(days=30)),
        ("P2W", Period(days=14)),
        ("P1W3D", Period(days=10)),
        ("PT48H", Period(hours=48)),
        ("P1DT12H", Period(days=1, hours=12)),
        ("P1Y2M3W4DT5H", Period(14, 25, 5)),
        ("P100Y", Period(months=1200)),
    ],
)
def test_periods_are_read_as_they_are_written(text: str, period: Period) -> None:
    """ISO 8601's durations, as far as whole hours."""
    assert parse(text) == period


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P0D",
        "P0Y0M",
        "12M",
        "P-1D",
        "p1d",
        "P1.5D",
        "PT30M",
        "P1M1Y",
        "P101Y",
        "P1D ",
        "P99999M",
        "PT1D",
    ],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    """Nothing, less than nothing, minutes, other orders and more than a century say what is wanted."""
    with pytest.raises(ValueError, match="ISO 8601 duration such as P12M"):
        parse(text)


@given(periods)
@settings(max_examples=100, deadline=None)
def test_a_period_is_written_as_it_is_read(period: Period) -> None:
    """Its text is read again as the same."""
    assert parse(str(period)) == period


@pytest.mark.parametrize(
    ("day", "months", "found"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-05-31", -3, "2026-02-28"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-08-31", 0, "2026-08-31"),
    ],
)
def test_months_clamp_to_the_last_day(day: str, months: int, found: str) -> None:
    """31 January and a month is the end of February, in leap years the 29th."""
    assert plus_months(date.fromisoformat(day), months) == date.fromisoformat(found)


@given(days, st.integers(-600, 600))
@settings(max_examples=100, deadline=None)
def test_months_never_run_over(day: date, months: int) -> None:
    """The month is just that many months on, and the day the same, or the last one that there is."""
    found = plus_months(day, months)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day == day.day or (found.day < day.day and (found + timedelta(days=1)).day == 1)


def test_a_day_is_the_zones_own() -> None:
    """At one moment it is New Year's Eve in Prague and New Year's Day in Sydney."""
    moment = datetime(2026, 12, 31, 13, 30, tzinfo=UTC)
    assert [local_day(moment, zone) for zone in (PRAGUE, SYDNEY)] == [date(2026, 12, 31), date(2027, 1, 1)]
    assert start_of(date(2027, 1, 1), PRAGUE) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert start_of(date(2027, 1, 1), SYDNEY) == datetime(2026, 12, 31, 13, tzinfo=UTC)


@given(days, st.sampled_from(ZONES))
@settings(max_examples=150, deadline=None)
def test_a_day_begins_with_its_first_moment(day: date, zone: ZoneInfo) -> None:
    """A moment before its start it is another day there, at the start and a moment later it is that day."""
    start = start_of(day, zone)
    if zone.key == "Pacific/Apia" and day == date(2011, 12, 30):
        return  # that day never was
    assert local_day(start, zone) == day
    assert local_day(start - timedelta(seconds=1), zone) < day
    assert start.tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (PRAGUE, date(2026, 3, 29), 23),
        (PRAGUE, date(2026, 10, 25), 25),
        (SYDNEY, date(2026, 10, 4), 23),
        (SYDNEY, date(2026, 4, 5), 25),
        (LORD_HOWE, date(2026, 10, 4), 23.5),
        (PRAGUE, date(2026, 6, 1), 24),
    ],
)
def test_a_day_has_as_many_hours_as_the_clocks_give_it(zone: ZoneInfo, day: date, hours: float) -> None:
    """When clocks change, a day on is a day on the calendar, and 24 hours on are another time."""
    start, noon = start_of(day, zone), at(day, time(12), zone)
    assert (start_of(day + timedelta(days=1), zone) - start) / timedelta(hours=1) == hours
    before_noon = at(day - timedelta(days=1), time(12), zone)
    assert Period(days=1).after(before_noon, zone) == noon
    assert Period(hours=24).after(before_noon, zone) - before_noon == timedelta(hours=24)


def test_a_time_that_is_left_out_is_read_by_the_clocks_before() -> None:
    """At half past two on the night when clocks go forward it is half past three."""
    assert at(date(2026, 3, 29), time(2, 30), PRAGUE) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert at(date(2026, 3, 29), time(3, 30), PRAGUE) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    """Whichever of the two half past twos was asked for."""
    for fold in (0, 1):
        assert at(date(2026, 10, 25), time(2, 30, fold=fold), PRAGUE) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "before", "after"),
    [
        ("P1M", "2026-01-31T10:00:00+01:00", "2026-02-28T10:00:00+01:00"),
        ("P1M", "2026-03-28T10:00:00+01:00", "2026-04-28T10:00:00+02:00"),
        ("P1D", "2026-03-28T10:00:00+01:00", "2026-03-29T10:00:00+02:00"),
        ("PT24H", "2026-03-28T10:00:00+01:00", "2026-03-29T11:00:00+02:00"),
        ("P1Y", "2028-02-29T23:59:59+01:00", "2029-02-28T23:59:59+01:00"),
        ("P1DT2H", "2026-12-31T23:00:00+01:00", "2027-01-02T01:00:00+01:00"),
    ],
)
def test_a_period_after_a_moment_keeps_the_clocks_time(period: str, before: str, after: str) -> None:
    """Months and days go by the calendar, then hours by the clock; the answer is in UTC."""
    found = parse(period).after(datetime.fromisoformat(before), PRAGUE)
    assert found == datetime.fromisoformat(after)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(("text", "days"), [("PT1H", 1), ("PT24H", 1), ("PT36H", 2), ("PT48H", 2), ("P1DT12H", 2)])
def test_hours_are_whole_days_where_days_are_counted(text: str, days: int) -> None:
    """A day that has begun counts, so that nothing is over before it began."""
    day = date(2026, 6, 10)
    assert parse(text).from_day(day) == day + timedelta(days=days)
    assert parse(text).before(day) == day - timedelta(days=days)


@given(days, periods)
@settings(max_examples=100, deadline=None)
def test_days_count_forth_and_back(day: date, period: Period) -> None:
    """Forth first months, then days, and back in the same way; where no month clamps they undo each other."""
    whole = timedelta(days=period.days + math.ceil(period.hours / 24))
    assert period.from_day(day) == plus_months(day, period.months) + whole
    assert period.before(day) == plus_months(day, -period.months) - whole
    if not whole and day.day <= 28:
        assert period.before(period.from_day(day)) == day
