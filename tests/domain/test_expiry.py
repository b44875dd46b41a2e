"""Points become spendable and die at the start of a day of the programme's own: that moment is too late."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purchases import local, program

from wallet_service.domain.expiry import NEVER, Expiry, activates_at, expiry_of, last_day
from wallet_service.domain.program.earning_tables import ExpiryTable

PRAGUE, SYDNEY = ZoneInfo("Europe/Prague"), ZoneInfo("Australia/Sydney")
MINUTE = timedelta(minutes=1)
ZONES = (PRAGUE, SYDNEY, ZoneInfo("America/New_York"), ZoneInfo("America/Santiago"), ZoneInfo("UTC"))
moments = st.integers(0, 20 * 365 * 24 * 60).map(lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + minutes * MINUTE)


def rule(zone: ZoneInfo = PRAGUE, **table: Any) -> Expiry:
    """Return the rule of a table."""
    return Expiry(ExpiryTable.model_validate(table), zone)


def dies(earned: str, **table: Any) -> str:
    """Return the last day on which points can be spent that were earned at that time in Prague."""
    moment = rule(**table).of_lot(local(earned))
    assert moment is not None
    return last_day(moment, PRAGUE).isoformat()


@pytest.mark.parametrize(
    ("earned", "period", "last"),
    [
        ("2026-06-10 12:00:00", "P12M", "2027-06-09"),
        ("2026-06-10 00:00:00", "P1D", "2026-06-10"),
        ("2026-06-10 23:59:59", "P1D", "2026-06-10"),
        ("2026-12-31 23:59:59", "P1D", "2026-12-31"),
        ("2027-01-01 00:00:00", "P1D", "2027-01-01"),
        ("2026-01-31 10:00:00", "P1M", "2026-02-27"),
        ("2028-01-31 10:00:00", "P1M", "2028-02-28"),
        ("2028-02-29 10:00:00", "P12M", "2029-02-27"),
        ("2028-02-29 10:00:00", "P48M", "2032-02-28"),
        ("2026-03-28 10:00:00", "P1D", "2026-03-28"),
        ("2026-03-29 10:00:00", "P1D", "2026-03-29"),
        ("2026-10-25 02:30:00", "P30D", "2026-11-23"),
    ],
)
def test_rolling_points_live_so_long_from_their_day(earned: str, period: str, last: str) -> None:
    """The day on which they became spendable is the first; the same day of the month is not reached any more."""
    assert dies(earned, mode="rolling", period=period) == last


@pytest.mark.parametrize(
    ("earned", "rounding", "last"),
    [
        ("2026-01-15 10:00:00", "end_of_month", "2026-02-28"),
        ("2028-01-31 10:00:00", "end_of_month", "2028-02-29"),
        ("2026-02-01 10:00:00", "end_of_month", "2026-02-28"),
        ("2026-02-02 10:00:00", "end_of_month", "2026-03-31"),
        ("2026-02-02 10:00:00", "end_of_quarter", "2026-03-31"),
        ("2026-03-02 10:00:00", "end_of_quarter", "2026-06-30"),
        ("2026-11-30 10:00:00", "end_of_quarter", "2026-12-31"),
        ("2026-11-30 10:00:00", "end_of_year", "2026-12-31"),
        ("2026-12-02 10:00:00", "end_of_year", "2027-12-31"),
    ],
)
def test_the_last_day_is_rounded_up(earned: str, rounding: str, last: str) -> None:
    """A month's points live to the end of the month, quarter or year in which their last day falls."""
    assert dies(earned, mode="rolling", period="P1M", round=rounding) == last


@pytest.mark.parametrize(
    ("earned", "text", "years", "last"),
    [
        ("2026-06-10 12:00:00", "12-31", 1, "2026-12-31"),
        ("2026-12-30 12:00:00", "12-31", 1, "2026-12-31"),
        ("2026-12-31 23:59:59", "12-31", 1, "2026-12-31"),
        ("2027-01-01 00:00:00", "12-31", 1, "2027-12-31"),
        ("2026-06-10 12:00:00", "12-31", 2, "2027-12-31"),
        ("2026-06-10 12:00:00", "03-31", 1, "2027-03-31"),
        ("2026-06-10 12:00:00", "02-29", 1, "2027-02-28"),
        ("2027-06-10 12:00:00", "02-29", 1, "2028-02-29"),
        ("2026-02-27 12:00:00", "02-29", 1, "2026-02-28"),
        ("2026-02-28 12:00:00", "02-29", 1, "2026-02-28"),
        ("2026-03-01 00:00:00", "02-29", 1, "2027-02-28"),
    ],
)
def test_points_may_die_on_a_day_of_the_year(earned: str, text: str, years: int, last: str) -> None:
    """The next time that day comes, today being one, or years on; 29 February means the month's last day."""
    assert dies(earned, mode="calendar", date=text, years=years) == last


def test_the_moment_itself_is_too_late() -> None:
    """The start of the day after the last, in the programme's zone: the evening before in UTC."""
    moment = rule(mode="rolling", period="P1M").of_lot(local("2026-06-10 12:00:00"))
    assert moment == datetime(2026, 7, 9, 22, tzinfo=UTC)
    assert last_day(moment, PRAGUE) == date(2026, 7, 9)
    assert last_day(moment - timedelta(microseconds=1), PRAGUE) == date(2026, 7, 8)


def test_two_zones_have_two_days() -> None:
    """Points earned at one moment, on New Year's Eve here and on New Year's Day there, die that far apart."""
    earned = datetime(2026, 12, 31, 13, 30, tzinfo=UTC)
    year = {"mode": "calendar", "date": "12-31"}
    assert rule(PRAGUE, **year).of_lot(earned) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert rule(SYDNEY, **year).of_lot(earned) == datetime(2027, 12, 31, 13, tzinfo=UTC)
    month = {"mode": "rolling", "period": "P1M"}
    assert rule(PRAGUE, **month).of_lot(earned) == datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert rule(SYDNEY, **month).of_lot(earned) == datetime(2027, 1, 31, 13, tzinfo=UTC)


def test_activity_keeps_points_so_long_after_its_day() -> None:
    """By inactivity the whole balance, with extend_on_activity what would have died before; in whole days too."""
    whole = rule(mode="inactivity", period="P6M")
    extending = rule(mode="rolling", period="P1M", extend_on_activity="P6M")
    for each in (whole, extending):
        until = each.kept_until(local("2026-08-31 23:59:59"))
        assert until is not None
        assert last_day(until, PRAGUE) == date(2027, 2, 27)
        assert each.kept_until(None) is None
    assert (whole.whole, extending.whole) == (True, False)
    assert whole.of_lot(local("2026-08-31 12:00:00")) is None


def test_inactivity_may_be_rounded_up() -> None:
    """Then it ends with a month."""
    until = rule(mode="inactivity", period="P6M", round="end_of_month").kept_until(local("2026-08-15 12:00:00"))
    assert until is not None
    assert last_day(until, PRAGUE) == date(2027, 2, 28)


def test_points_without_a_rule_never_die() -> None:
    """Nor do those whose clock has not been started by an event."""
    for expiry in ("none", {"mode": "none"}):
        endless = expiry_of(program(points={"expiry": expiry}), None)
        assert endless.of_lot(local("2026-06-10 12:00:00")) is None
        assert endless.kept_until(local("2026-06-10 12:00:00")) is None
        assert not endless.whole
    assert rule(mode="rolling", period="P1M").of_lot(NEVER) is None
    assert rule(mode="rolling", period="P1M").kept_until(local("2026-06-10 12:00:00")) is None


def test_a_tier_may_have_a_rule_of_its_own() -> None:
    """Whoever is in it earns by it; others, and who is in no tier or an unknown one, by the programme's."""
    rules = program(
        points={"expiry": {"mode": "rolling", "period": "P1M"}},
        tiers={"measure": "points_earned"},
        tier=[
            {"code": "base", "threshold": 0},
            {"code": "gold", "threshold": 10, "points_expiry": {"mode": "none"}},
            {"code": "silver", "threshold": 20, "points_expiry": {"mode": "rolling", "period": "P2M"}},
        ],
    )
    earned = local("2026-06-10 12:00:00")
    found = {tier: expiry_of(rules, tier).of_lot(earned) for tier in (None, "base", "unknown", "gold", "silver")}
    month, two = local("2026-07-10 00:00:00"), local("2026-08-10 00:00:00")
    assert found == {None: month, "base": month, "unknown": month, "gold": None, "silver": two}


@pytest.mark.parametrize(
    ("earned", "days", "spendable"),
    [
        ("2026-06-10 00:00:00", 14, "2026-06-24 00:00:00"),
        ("2026-06-10 23:59:59", 14, "2026-06-24 00:00:00"),
        ("2026-12-31 23:59:59", 1, "2027-01-01 00:00:00"),
        ("2028-02-28 12:00:00", 1, "2028-02-29 00:00:00"),
        ("2026-03-28 12:00:00", 2, "2026-03-30 00:00:00"),
    ],
)
def test_points_wait_whole_days(earned: str, days: int, spendable: str) -> None:
    """They can be spent from the start of the day that is so many days on."""
    rules = program(points={"pending": {"mode": "days", "days": days}})
    assert activates_at(rules, local(earned)) == local(spendable)


def test_points_may_wait_for_an_event_or_not_at_all() -> None:
    """For an event they wait without a date."""
    moment = local("2026-06-10 12:00:00")
    assert activates_at(program(points={"pending": {"mode": "event", "on": "order.fulfilled"}}), moment) == NEVER
    assert activates_at(program(), moment) is None


TABLES = st.sampled_from(
    (
        {"mode": "rolling", "period": "P1D"},
        {"mode": "rolling", "period": "P12M"},
        {"mode": "rolling", "period": "P90D", "round": "end_of_month"},
        {"mode": "rolling", "period": "P6M", "round": "end_of_year"},
        {"mode": "calendar", "date": "12-31"},
        {"mode": "calendar", "date": "02-29", "years": 2},
    )
)


@given(TABLES, moments, moments, st.sampled_from(ZONES))
@settings(max_examples=200, deadline=None)
def test_who_earns_later_never_loses_earlier(
    table: dict[str, Any], one: datetime, other: datetime, zone: ZoneInfo
) -> None:
    """Deaths are starts of days, after the day of earning, in the order of earning."""
    first, second = sorted((one, other))
    expiry = rule(zone, **table)
    died, died_later = expiry.of_lot(first), expiry.of_lot(second)
    assert died is not None
    assert died_later is not None
    assert first < died <= died_later
    assert last_day(died, zone) >= first.astimezone(zone).date()
    assert last_day(died - timedelta(seconds=1), zone) < last_day(died, zone)
