"""Who belongs to which segment: every condition of it holds, by the programme's day."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purchases import local, program

from wallet_service.domain.segments import segments_of
from wallet_service.domain.tiering import Amounts

TODAY = date(2026, 6, 10)
MEMBER: dict[str, Any] = {
    "tier": "gold",
    "totals": Amounts(spend=50_000, points=500, orders=5),
    "active_at": local("2026-05-10 23:30:00"),
    "birthday": (6, 30),
    "today": TODAY,
}


def inside(conditions: dict[str, Any], *, zone: str = "Europe/Prague", **other: Any) -> bool:
    """Tell whether a member is in a segment of these conditions."""
    found = segments_of(program(zone=zone, segment=[{"code": "them", **conditions}]), **MEMBER | other)
    assert found <= {"them"}
    return bool(found)


@pytest.mark.parametrize(
    ("conditions", "other", "belongs"),
    [
        ({"tiers": ["gold", "platinum"]}, {}, True),
        ({"tiers": ["silver"]}, {}, False),
        ({"tiers": ["silver"]}, {"tier": None}, False),
        ({"min_orders": 5}, {}, True),
        ({"min_orders": 6}, {}, False),
        ({"max_orders": 5}, {}, True),
        ({"max_orders": 4}, {}, False),
        ({"max_orders": 0}, {"totals": Amounts()}, True),
        ({"min_spend": 50_000}, {}, True),
        ({"min_spend": 50_001}, {}, False),
        ({"birthday_month": True}, {}, True),
        ({"birthday_month": True}, {"birthday": (7, 1)}, False),
        ({"birthday_month": True}, {"birthday": None}, False),
        ({}, {"tier": None, "totals": Amounts(), "active_at": None, "birthday": None}, True),
    ],
)
def test_each_condition_is_one(conditions: dict[str, Any], other: dict[str, Any], belongs: bool) -> None:
    """Tier, orders, money spent and month of birth, each at its edge; without any everybody belongs."""
    assert inside(conditions, **other) == belongs


@pytest.mark.parametrize(
    ("period", "inactive"),
    [("P1M", True), ("P31D", True), ("P32D", False), ("P2M", False), ("P1D", True)],
)
def test_who_did_nothing_for_so_long_is_inactive(period: str, inactive: bool) -> None:
    """The day that lies just so long back is already outside; active and inactive are each other's opposite."""
    assert inside({"inactive_for": period}) is inactive
    assert inside({"active_within": period}) is not inactive


def test_who_never_did_anything_is_inactive() -> None:
    """However short the time that is asked for, and never active within any."""
    assert inside({"inactive_for": "P1D"}, active_at=None)
    assert not inside({"active_within": "P100Y"}, active_at=None)


def test_the_day_is_the_programmes() -> None:
    """What is late on one day here is early on the next there."""
    at = datetime(2026, 5, 10, 21, 30, tzinfo=UTC)
    assert inside({"inactive_for": "P1M"}, active_at=at)
    assert not inside({"inactive_for": "P1M"}, active_at=at, zone="Australia/Sydney")


def test_a_month_back_from_a_long_months_end_is_a_short_months_end() -> None:
    """On 31 March a month back is 28 February."""
    for day, inactive in ((27, True), (28, True)):
        found = inside(
            {"inactive_for": "P1M"}, active_at=datetime(2026, 2, day, 12, tzinfo=UTC), today=date(2026, 3, 31)
        )
        assert found is inactive
    assert not inside({"inactive_for": "P1M"}, active_at=local("2026-03-01 00:00:00"), today=date(2026, 3, 31))


CONDITIONS: tuple[dict[str, Any], ...] = (
    {"tiers": ["gold"]},
    {"tiers": ["silver"]},
    {"min_orders": 5},
    {"min_orders": 6},
    {"max_orders": 4},
    {"min_spend": 1},
    {"inactive_for": "P1M"},
    {"active_within": "P1M"},
    {"birthday_month": True},
)


@given(st.lists(st.sampled_from(CONDITIONS), max_size=4))
@settings(max_examples=100, deadline=None)
def test_all_conditions_have_to_hold(several: list[dict[str, Any]]) -> None:
    """A segment of several conditions holds those who are in each of the segments of one."""
    together = {key: value for each in several for key, value in each.items()}
    assert inside(together) == all(inside({key: value}) for key, value in together.items())


def test_a_member_may_be_in_several() -> None:
    """Each is asked by itself."""
    segments = [{"code": f"s{number}", **each} for number, each in enumerate(CONDITIONS)]
    assert segments_of(program(segment=segments), **MEMBER) == {"s0", "s2", "s5", "s6", "s8"}
