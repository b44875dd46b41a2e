"""A programme is read strictly from its file, earns in whole points, and ranks members by tiers."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from wallet_service.domain import program as programs
from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import read
from wallet_service.domain.program import Program, Tier, exponent

SOUND: dict[str, Any] = {
    "schema": 1,
    "program": {"code": "points", "name": "Points", "timezone": "Europe/Prague", "currency": "EUR"},
    "unit": {"code": "points"},
    "points": {"refund": {"earned": "clamp_to_zero"}},
    "card": {"coalesce_seconds": 5},
    "earning_rule": [{"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}],
    "tiers": {"measure": "points_earned", "window": "lifetime"},
    "tier": [{"code": "page", "threshold": 0}, {"code": "novel", "threshold": 500}],
}
ABSENT = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the sound file with one value replaced, or taken out if it is `ABSENT`."""
    table = deepcopy(SOUND)
    inner: Any = table
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    for part in parents:
        inner = inner[part]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return table


def faults(table: dict[str, Any]) -> list[Fault]:
    """Return every fault that reading the table gives."""
    program, found = read(Program, "program.toml", table)
    return found or list(programs.faults(program, "program.toml") if program else [])


def test_a_sound_file_has_no_faults() -> None:
    """The file that the other tests break is sound by itself."""
    assert faults(SOUND) == []


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("schema", 2, "schema"),
        ("schema", ABSENT, "schema"),
        ("program", ABSENT, "program"),
        ("program.code", "Points!", "program.code"),
        ("program.code", "", "program.code"),
        ("program.code", "p" * 41, "program.code"),
        ("program.code", "points\n", "program.code"),
        ("program.name", "", "program.name"),
        ("program.timezone", "Prague", "program.timezone"),
        ("program.timezone", "../../etc/passwd", "program.timezone"),
        ("program.currency", "eur", "program.currency"),
        ("program.currency", 978, "program.currency"),
        ("unit.is_money", 1, "unit.is_money"),
        ("points.refund.earned", "shrug", "points.refund.earned"),
        ("card.coalesce_seconds", -1, "card.coalesce_seconds"),
        ("card.coalesce_seconds", 86_401, "card.coalesce_seconds"),
        ("card.coalesce_seconds", "5", "card.coalesce_seconds"),
        ("earning_rule.0.points", 0, "earning_rule[0].points"),
        ("earning_rule.0.points", 1.5, "earning_rule[0].points"),
        ("earning_rule.0.points", True, "earning_rule[0].points"),
        ("earning_rule.0.points", 10_001, "earning_rule[0].points"),
        ("earning_rule.0.per", 0, "earning_rule[0].per"),
        ("earning_rule.0.per", -100, "earning_rule[0].per"),
        ("earning_rule.0.on", "order.dreamt", "earning_rule[0].on"),
        ("earning_rule.0.round", "ceil", "earning_rule[0].round"),
        ("earning_rule", {"code": "purchase"}, "earning_rule"),
        ("tier.1.threshold", -1, "tier[1].threshold"),
        ("tier.1.threshold", 5e2, "tier[1].threshold"),
        ("tier.1.threshold", 0, "tier[1].threshold"),
        ("tier.0.threshold", 7, "tier[0].threshold"),
        ("tier.1.code", "page", "tier[1].code"),
        ("tier.1.code", ABSENT, "tier[1].code"),
        ("tiers", ABSENT, "tiers"),
        ("tier", [], "tiers"),
        ("tiers.window", "month", "tiers.window"),
    ],
)
def test_each_fault_is_named_by_its_key(path: str, value: Any, key: str) -> None:
    """One wrong value gives one fault, at the file and the key where it stands."""
    assert [(each.place, each.key) for each in faults(changed(path, value))] == [("program.toml", key)]


@pytest.mark.parametrize(
    ("path", "key", "near"),
    [
        ("schemaa", "schemaa", "schema"),
        ("tierr", "tierr", "tier"),
        ("program.time_zone", "program.time_zone", "timezone"),
        ("card.coalesce_second", "card.coalesce_second", "coalesce_seconds"),
        ("points.refund.earn", "points.refund.earn", "earned"),
        ("earning_rule.0.point", "earning_rule[0].point", "points"),
        ("tier.1.treshold", "tier[1].treshold", "threshold"),
    ],
)
def test_an_unknown_key_comes_with_a_suggestion(path: str, key: str, near: str) -> None:
    """A misspelt key is refused, and the nearest key of that very table is proposed."""
    (fault,) = faults(changed(path, 1))
    assert (fault.key, fault.message) == (key, f"is not a known key; did you mean {near!r}?")


def test_a_key_like_no_other_comes_without_a_suggestion() -> None:
    """Where nothing is near, the advice is to remove the key."""
    (fault,) = faults(changed("zzzzzz", 1))
    assert fault.message == "is not a known key; remove it"


def test_the_name_of_a_field_in_our_code_is_no_key() -> None:
    """`schema_` is our own spelling and as unknown as any other, with the right one proposed."""
    (fault,) = faults(changed("schema_", 1))
    assert fault.message == "is not a known key; did you mean 'schema'?"


def test_all_faults_are_found_at_once() -> None:
    """Faults in different tables do not hide each other."""
    table = changed("program.currency", "euro") | {"bonus": 1}
    table["tier"][1]["threshold"] = "many"
    assert {each.key for each in faults(table)} == {"program.currency", "bonus", "tier[1].threshold"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(2**70_000, id="number"),
        pytest.param("x" * 100_000, id="text"),
        pytest.param({"a": ["x" * 500]}, id="table"),
        pytest.param(list(range(1000)), id="list"),
    ],
)
def test_a_fault_shows_what_it_found_in_short(value: Any) -> None:
    """However large the wrong value is, its fault stays a line that can be read."""
    (fault,) = faults(changed("tier.1.threshold", value))
    assert "found" in fault.message
    assert len(fault.message) < 200


def test_endless_nesting_is_a_fault_like_any_other() -> None:
    """Tables within tables where a number belongs are refused without an error of another kind."""
    nested: dict[str, Any] = {}
    for _ in range(5000):
        nested = {"a": nested}
    (fault,) = faults(changed("tier.1.threshold", nested))
    assert fault.key == "tier[1].threshold"


def test_thresholds_that_fall_are_named_one_by_one() -> None:
    """Each tier that does not rise above the one before is a fault of its own."""
    table = changed("tier", [{"code": f"t{at}", "threshold": at} for at in (0, 5, 5, 9, 3)][:])
    table["tier"][2]["code"] = "again"
    assert [each.key for each in faults(table)] == ["tier[2].threshold", "tier[4].threshold"]


def test_a_programme_cannot_be_changed() -> None:
    """A programme is frozen, down to its tables."""
    program = Program.model_validate(SOUND)
    with pytest.raises(ValidationError):
        program.tier = ()
    with pytest.raises(ValidationError):
        program.card.coalesce_seconds = 0


def test_what_is_left_out_has_a_default() -> None:
    """The shortest file is a programme without rules and tiers that clamps refunds and coalesces for 30 seconds."""
    program = Program.model_validate({key: SOUND[key] for key in ("schema", "program", "unit")})

    assert program.points.refund.earned == "clamp_to_zero"
    assert program.card.coalesce_seconds == 30
    assert (program.tier_at(10**9), program.tier_after(0), program.earned(10**9)) == (None, None, 0)
    assert program.zone.key == "Europe/Prague"


@given(st.integers(0, 10**11), st.integers(1, 10_000), st.integers(1, 10**9))
@settings(max_examples=100, deadline=None)
def test_earning_floors_once(eligible: int, points: int, per: int) -> None:
    """The points of a rule are the exact quotient, floored, with no detour through floats."""
    table = deepcopy(SOUND)
    table["earning_rule"][0] |= {"points": points, "per": per}
    earned = Program.model_validate(table).earned(eligible)
    assert type(earned) is int
    assert earned * per <= eligible * points < (earned + 1) * per


@given(st.lists(st.integers(1, 10**6), unique=True, max_size=6), st.integers(-10, 10**6 + 10))
@settings(max_examples=100, deadline=None)
def test_a_member_stands_on_exactly_one_tier(steps: list[int], qualifying: int) -> None:
    """The tier is the highest that is reached, the next one the lowest that is not."""
    tiers = [Tier(code=f"t{at}", threshold=at) for at in (0, *sorted(steps))]
    program = Program.model_validate(SOUND).model_copy(update={"tier": tuple(tiers)})
    reached, following = program.tier_at(qualifying), program.tier_after(qualifying)

    assert reached is not None
    assert reached.threshold <= max(qualifying, 0)
    assert following is None or following.threshold > max(qualifying, 0)
    assert tiers[tiers.index(reached) + 1 :] == tiers[tiers.index(following) if following else len(tiers) :]


def test_a_tier_is_reached_at_its_threshold() -> None:
    """499 points are not enough, 500 are."""
    program = Program.model_validate(SOUND)
    assert [tier.code for tier in map(program.tier_at, (0, 499, 500)) if tier] == ["page", "page", "novel"]
    assert [tier.code if tier else None for tier in map(program.tier_after, (-5, 499, 500))] == ["novel", "novel", None]


@pytest.mark.parametrize(("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("USD", 2), ("CLP", 0)])
def test_currencies_have_their_decimals(currency: str, decimals: int) -> None:
    """Yen have none, euros two, dinars three."""
    assert exponent(currency) == decimals
