"""Each revision of a card has a Last-Modified of its own, however fast they follow and whatever the clock does."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.card import next_modified_at

START = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
clocks = st.lists(
    st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)).map(lambda step: START + step),
    min_size=1,
    max_size=20,
)


@given(clocks)
@settings(max_examples=200, deadline=None)
def test_dates_rise_by_whole_seconds_under_any_clock(moments: list[datetime]) -> None:
    """Even where the clock jumps back and forth, each date is whole and at least a second after the one before."""
    last = START
    for now in moments:
        following = next_modified_at(last, now)
        assert following.microsecond == 0
        assert following - last >= timedelta(seconds=1)
        last = following


@given(clocks)
@settings(max_examples=100, deadline=None)
def test_dates_are_true_unless_that_would_repeat_one(moments: list[datetime]) -> None:
    """A date is the clock's second, or else exactly one second after the last date."""
    last = START
    for now in moments:
        following = next_modified_at(last, now)
        assert following in (now.replace(microsecond=0), last + timedelta(seconds=1))
        last = following


def test_a_hundred_revisions_in_one_second_have_a_hundred_dates() -> None:
    """Within one second of the clock the dates run ahead of it, one second each."""
    dates = [START]
    for _ in range(100):
        dates.append(next_modified_at(dates[-1], START))
    assert dates[-1] == START + timedelta(seconds=100)
    assert len(set(dates)) == 101


def test_the_clock_catches_up() -> None:
    """Once the clock is past the dates that ran ahead, dates are true again."""
    now = START + timedelta(seconds=101, microseconds=999_999)
    assert next_modified_at(START + timedelta(seconds=100), now) == START + timedelta(seconds=101)


def test_the_time_zone_of_the_clock_does_not_matter() -> None:
    """The same moment in another time zone gives the same date."""
    now = START + timedelta(minutes=5, microseconds=7)
    assert next_modified_at(START, now.astimezone(timezone(timedelta(hours=-11)))) == START + timedelta(minutes=5)
