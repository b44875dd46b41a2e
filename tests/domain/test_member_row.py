"""Rows of a file of members: read strictly, with every fault told by its column."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.identity import Identity
from wallet_service.domain.member import Profile
from wallet_service.domain.member_row import COLUMNS, MemberRow, RowFault, faults_in, read_row
from wallet_service.domain.program import Program

NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)


def program(**more: Any) -> Program:
    """Return a programme in Prague."""
    head = {"code": "p", "name": "P", "timezone": "Europe/Prague", "currency": "EUR"}
    return Program.model_validate({"schema": 1, "program": head, **more})


def row(**said: Any) -> MemberRow:
    """Return what cells say."""
    found, faults = read_row({"external_id": "a", **said})
    assert faults == ()
    assert found is not None
    return found


def wrong(**said: Any) -> str:
    """Return what is wrong with cells."""
    found, faults = read_row({"external_id": "a", **said})
    assert found is None
    return "; ".join(map(str, faults))


def test_a_row_says_all_of_a_member() -> None:
    """Spaces around a value do not count, an address has one form, and of a birthday the year is not kept."""
    assert row(
        name=" Ann Example ", locale="cs-CZ", birthday="1990-02-29".replace("1990", "1992"), cause="forest",
        email=" Ann@Mail.EXAMPLE", phone="00420 601-234-567", balance=" 1250 ", expires_at="2027-01-31",
        tier="gold", tier_until="2026-12-31", enrolled_at="2019-03-04", member_id="mem_1",
    ) == MemberRow(
        external_id="a", profile=Profile("Ann Example", "cs-CZ", (2, 29), "forest"),
        identities=(Identity("email", "ann@mail.example"), Identity("phone", "+420601234567")),
        balance=1250, expires_on=date(2027, 1, 31), tier="gold", tier_until=date(2026, 12, 31),
        enrolled=date(2019, 3, 4), member_id="mem_1",
    )  # fmt: skip


def test_what_is_empty_or_the_reports_own_says_nothing() -> None:
    """Empty cells, JSON's null, and the columns that our own files have besides."""
    said: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"external_id": "a", "tier": None}
    said |= {"row": 7, "reason": "x", "pending": "5", "held": "0", "serial_number": "s", "link": "l"}
    assert read_row(said) == (MemberRow("a", Profile()), ())


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("external_id", " ", "at least 1 character"),
        ("external_id", "x" * 201, "at most 200 characters"),
        ("external_id", "a\tb", "printable"),
        ("external_id", 17, "should be a text"),
        ("name", "\u200b", "printable"),
        ("locale", "czech!", "a language such as en or cs-CZ"),
        ("birthday", "1.6.", "a birthday such as 06-01"),
        ("cause", "The Forest", "a code of small letters"),
        ("email", "ann", "e-mail address"),
        ("phone", "601 234 567", "with its country"),
        ("balance", "-1", "a whole number"),
        ("balance", "1e3", "a whole number"),
        ("balance", "1 250", "a whole number"),
        ("balance", 1.0, "a whole number"),
        ("balance", True, "a whole number"),
        ("balance", "\u0661", "a whole number"),
        ("balance", "1000000001", "a whole number"),
        ("balance", "9" * 5000, "a whole number"),
        ("expires_at", "31.1.2027", "a day such as 2026-06-01"),
        ("expires_at", "2027-02-30", "day value is outside expected range"),
        ("expires_at", "2026-W01-1", "a day such as 2026-06-01"),
        ("tier_until", "9999-12-31", "between 1970 and 2999"),
        ("enrolled_at", "2020-01-01T10:00:00", "a time with its zone"),
        ("enrolled_at", "0001-01-01T00:00:00+14:00", "between 1970 and 2999"),
        ("enrolled_at", 1577836800, "a day such as 2026-06-01"),
        ("shoe_size", "43", "is no column that is known"),
    ],
)
def test_a_wrong_value_is_told_by_its_column(column: str, value: object, why: str) -> None:
    """What is wrong is said in words; the value itself is not repeated."""
    said = wrong(**{"balance": "5", "tier": "gold", column: value})
    assert said.startswith(f"{column} ")
    assert why in said


def test_all_faults_are_told_in_the_order_of_their_columns() -> None:
    """Not one at a time."""
    _, faults = read_row({"balance": "x", "name": 5, "email": "y"})
    assert [each.column for each in faults] == ["balance", "email", "external_id", "name"]


def test_what_belongs_together_is_not_said_alone() -> None:
    """Neither a day of death without points, nor one of a tier without it."""
    assert wrong(expires_at="2027-01-31", tier_until="2027-01-31") == (
        "expires_at says nothing without balance; tier_until says nothing without tier"
    )
    assert row(balance=0, expires_at="2027-01-31").balance == 0


def test_days_are_the_programmes() -> None:
    """Points can be spent through the last day, and a member's first day begins at midnight there."""
    found = row(balance=5, expires_at="2026-06-30", enrolled_at="2020-01-01")
    assert found.dies_at(program()) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert found.enrolled_at(program()) == datetime(2019, 12, 31, 23, tzinfo=UTC)
    assert row(enrolled_at="2020-01-01T10:00:00+02:00").enrolled_at(program()) == datetime(2020, 1, 1, 8, tzinfo=UTC)
    assert (row().dies_at(program()), row().enrolled_at(program())) == (None, None)


def test_today_is_not_over_and_now_is_not_the_future() -> None:
    """The last moment that is taken, and the first that is not."""
    late = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)  # the next day in Prague
    today = row(balance=5, expires_at="2026-06-01")
    assert faults_in(today, program(), now=NOW) == ()
    assert faults_in(today, program(), now=late) == (RowFault("expires_at", "is over"),)
    joined = row(enrolled_at=NOW.isoformat())
    assert faults_in(joined, program(), now=NOW) == ()
    assert faults_in(joined, program(), now=NOW - timedelta(seconds=1)) == (
        RowFault("enrolled_at", "lies in the future"),
    )


def test_a_tier_is_one_of_the_programmes() -> None:
    """Its tiers are named; a programme may have none."""
    tiers = {"tiers": {"measure": "spend", "window": "lifetime", "valid": "forever"}}
    ranked = program(**tiers, tier=[{"code": "base", "threshold": 0}, {"code": "gold", "threshold": 5}])
    assert faults_in(row(tier="gold"), ranked, now=NOW) == ()
    assert str(faults_in(row(tier="silver"), ranked, now=NOW)[0]) == "tier is none of the programme's: base, gold"
    assert "it has none" in str(faults_in(row(tier="gold"), program(), now=NOW)[0])


@given(st.dictionaries(st.sampled_from([*COLUMNS, "member_id", "more"]), st.text() | st.integers() | st.none()))
def test_whatever_is_said_is_read_or_refused(said: dict[str, Any]) -> None:
    """No text breaks the reader, and what it takes the programme can judge."""
    found, faults = read_row(said)
    assert (found is None) == bool(faults)
    if found is not None:
        faults_in(found, program(), now=NOW)
        found.dies_at(program())
