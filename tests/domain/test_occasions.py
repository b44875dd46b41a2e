"""Which days bring a member what: pure dates."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.file_model import parse, read
from wallet_service.domain.occasions import Person, due, next_opening, yearly
from wallet_service.domain.program import Program

TEXT = """
schema = 1
[program]
code = "p"
name = "P"
timezone = "Europe/Prague"
currency = "EUR"
[unit]
code = "points"
[[segment]]
code = "quiet"
inactive_for = "P1M"
[[segment]]
code = "month"
birthday_month = true
[[trigger]]
code = "day"
on = "member.birthday"
points = 1
[[trigger]]
code = "window"
on = "member.birthday"
points = 1
window = { before = "P20D", after = "P10D" }
[[trigger]]
code = "joined"
on = "member.anniversary"
points = 1
[[trigger]]
code = "silent"
on = "member.inactive"
after = "P3M"
points = 1
[[trigger]]
code = "quiet"
on = "segment.entered"
segment = "quiet"
points = 1
[[trigger]]
code = "month"
on = "segment.entered"
segment = "month"
points = 1
"""
table, _ = parse(TEXT.encode(), "x")
PROGRAM, _ = read(Program, "x", table or {})
days = st.dates(date(2024, 1, 1), date(2029, 12, 31))
birthdays = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))


def test_the_last_of_february_stands_in_for_the_29th() -> None:
    """29 February is itself in leap years and the 28th in others."""
    assert [yearly(2, 29, year) for year in (2027, 2028)] == [date(2027, 2, 28), date(2028, 2, 29)]


@given(joined=days, birthday=birthdays, active=st.none() | days, start=days)
def test_waking_on_the_told_days_misses_nothing(
    joined: date, birthday: tuple[int, int], active: date | None, start: date
) -> None:
    """Whatever opens on a day between two told days would have been told; so it is enough to look on those."""
    assert PROGRAM
    person = Person(joined, birthday, active_on=active)
    today = max(start, joined, active or joined)
    told = next_opening(PROGRAM, person, today)
    assert told is not None
    assert told > today
    between = (today + timedelta(days=step) for step in range(1, (told - today).days))
    for day in between:
        assert [each for each in due(PROGRAM, person, day, since=day) if each.opens == day] == []


@given(joined=days, birthday=birthdays, today=days, away=st.integers(0, 31))
def test_each_occasion_is_due_once_a_year(joined: date, birthday: tuple[int, int], today: date, away: int) -> None:
    """However long nobody looked, up to a month: each birthday of the window has a key of its own, and each once."""
    assert PROGRAM
    person = Person(joined, birthday)
    found = due(PROGRAM, person, today, since=today - timedelta(days=away))
    keys = [(each.code, each.once) for each in found]
    assert len(set(keys)) == len(keys)
    assert all(each.once == str(each.day.year) for each in found if each.code == "trigger:window")
    assert all(each.valid_until is None or each.valid_until >= today for each in found)
    assert all(each.day >= joined for each in found)
