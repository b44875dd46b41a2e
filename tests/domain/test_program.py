"""A programme is read strictly from its file, and ranks members by tiers."""

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from babel.core import get_global
from babel.numbers import get_territory_currencies
from changing import ABSENT, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import read
from wallet_service.domain.program import Program, Tier, exponent
from wallet_service.domain.program import faults as linter
from wallet_service.domain.program.values import CURRENCIES, EXPONENTS, exact

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
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
FROM = "campaign[0].active[0].from"


def faults(table: dict[str, Any]) -> list[Fault]:
    """Return every fault that reading the table gives."""
    program, found = read(Program, "program.toml", table)
    return found or list(linter.faults(program, "program.toml") if program else [])


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
        ("earning_rule.0.on", "order", "earning_rule[0].on"),
        ("earning_rule.0.tier_multiplier", {"page": 1.5}, "earning_rule[0].tier_multiplier.page"),
        ("earning_rule.0.tier_multiplier", {"page": "0"}, "earning_rule[0].tier_multiplier.page"),
        ("earning_rule.0.tier_multiplier", {"Page": "1"}, "earning_rule[0].tier_multiplier.Page"),
        ("points.expiry", {"mode": "calendar", "date": "02-30"}, "points.expiry.date"),
        ("points.min_balance", 1, "points.min_balance"),
        ("campaign", [{"code": "x", "kind": "addition", "points": 1, "active": [{"from": MOMENT}]}], FROM),
    ],
)
def test_each_fault_is_named_by_its_key(path: str, value: Any, key: str) -> None:
    """One wrong value gives one fault, at the file and the key where it stands."""
    assert [(each.place, each.key) for each in faults(changed(SOUND, path, value))] == [("program.toml", key)]


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
    (fault,) = faults(changed(SOUND, path, 1))
    assert (fault.key, fault.message) == (key, f"is not a known key; did you mean {near!r}?")


CHOICES = "should be 'none', 'rolling', 'inactivity' or 'calendar'"
PERIOD = "an ISO 8601 duration such as P12M, P30D or PT48H"


@pytest.mark.parametrize(
    ("path", "value", "key", "message"),
    [
        ("points.refund.earned", "clmp_to_zero", "points.refund.earned",
         "should be 'only_pending', 'clamp_to_zero' or 'allow_negative' "
         "(found 'clmp_to_zero'; did you mean 'clamp_to_zero'?)"),
        ("points.refund.earned", "shrug", "points.refund.earned",
         "should be 'only_pending', 'clamp_to_zero' or 'allow_negative' (found 'shrug')"),
        ("points.pending", "non", "points.pending", "should be 'none' or a table (found 'non'; did you mean 'none'?)"),
        ("points.pending", 14, "points.pending",
         'should be \'none\' or a table (found 14; write { mode = "days" or "event", … })'),
        ("points.pending", {}, "points.pending.mode", "is missing; add it"),
        ("points.expiry", {"mode": "rollin"}, "points.expiry.mode",
         f"{CHOICES} (found 'rollin'; did you mean 'rolling'?)"),
        ("points.expiry", {"mode": "rolling", "perod": "P1M"}, "points.expiry.perod",
         "is not a known key; did you mean 'period'?"),
        ("points.expiry", {"mode": "rolling", "period": "1M"}, "points.expiry.period",
         f"should be {PERIOD} (found '1M')"),
        ("points.expiry", {"mode": "rolling", "period": 12}, "points.expiry.period", f"should be {PERIOD} (found 12)"),
        ("tiers.valid", "forevr", "tiers.valid",
         f"should be 'end_of_next_calendar_year', 'forever', 'membership_period' or {PERIOD} "
         "(found 'forevr'; did you mean 'forever'?)"),
        ("reward", [{"code": "x", "kind": "product", "auto": "montly"}], "reward[0].auto",
         "should be 'monthly' or true or false (found 'montly'; did you mean 'monthly'?)"),
        ("reward", [{"code": "x", "kind": "product", "limit": {"times": 1, "per": "lifetme"}}], "reward[0].limit.per",
         f"should be 'lifetime', 'calendar_year', 'campaign' or {PERIOD} (found 'lifetme'; did you mean 'lifetime'?)"),
        ("reward", [{"code": "x", "kind": "product", "limit": {"times": 1, "per": "year"}}], "reward[0].limit.per",
         f"should be 'lifetime', 'calendar_year', 'campaign' or {PERIOD} "
         "(found 'year'; did you mean 'calendar_year'?)"),
        ("reward", [{"code": "x", "kind": "product", "limit": {"times": 1, "per": "month"}}], "reward[0].limit.per",
         f"should be 'lifetime', 'calendar_year', 'campaign' or {PERIOD} (found 'month'; did you mean 'P1M'?)"),
        ("points.cap", {"per": "day", "times": 1}, "points.cap.per",
         f"should be {PERIOD} (found 'day'; did you mean 'P1D'?)"),
        ("points.expiry", {"mode": "rolling", "period": "week"}, "points.expiry.period",
         f"should be {PERIOD} (found 'week'; did you mean 'P7D'?)"),
        ("points.expiry", {"mode": "rolling", "period": "year"}, "points.expiry.period",
         f"should be {PERIOD} (found 'year'; did you mean 'P1Y'?)"),
        ("program", "points", "program", "should be a table (found 'points')"),
        ("tier", "page", "tier", "should be a list (found 'page')"),
        ("tier", {"code": "page"}, "tier", "should be a list (found {'code': 'page'}; write [[tier]])"),
        ("tiers", [{"measure": "spend"}], "tiers",
         "should be a table (found [{'measure': 'spend'}]; write [tiers], with one bracket on each side)"),
        ("points.expiry", "rolling", "points.expiry",
         "should be 'none' or a table (found 'rolling'; write { mode = \"rolling\", … })"),
        ("program.timezone", "Europe/Pragu", "program.timezone",
         "should be an IANA time zone such as Europe/Prague (found 'Europe/Pragu')"),
        ("program.timezone", "GMT+1", "program.timezone",
         "should be an IANA time zone such as Europe/Prague (found 'GMT+1')"),
        ("tier.1.threshold", 5.0, "tier[1].threshold", "should be a whole number such as 100 (found 5.0)"),
        ("points.expiry", {"mode": "calendar", "date": date(2026, 12, 31)}, "points.expiry.date",
         "should be a text in quotes (found 2026-12-31)"),
        ("unit.one", "", "unit.one", "should have at least 1 character (found '')"),
        ("program.timezone", "America/New_Yrok", "program.timezone",
         "should be an IANA time zone such as America/New_York (found 'America/New_Yrok')"),
        ("campaign", [{"code": "x", "kind": "addition", "points": 1, "active": [{"from": "2026-06-01"}]}], FROM,
         "should be a date and time without quotes such as 2026-06-01T00:00:00 (found '2026-06-01')"),
        ("unit.is_money", "yes", "unit.is_money", "should be true or false (found 'yes')"),
        ("program.code", "Points", "program.code",
         "should be a code of small letters, digits, - and _, 40 at the most (found 'Points')"),
        ("earning_rule.0.tier_multiplier", {"Page": "1"}, "earning_rule[0].tier_multiplier.Page",
         "should be a code of small letters, digits, - and _, 40 at the most (the key 'Page')"),
        ("campaign", [{"code": "x", "kind": "addition", "points": 1, "active": [{"from": MOMENT}]}], FROM,
         "should be without an offset; the programme's own time zone is meant (found 2026-06-01 00:00:00+00:00)"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_one_sentence(path: str, value: Any, key: str, message: str) -> None:
    """However many kinds of value may stand there, a wrong one is one fault, with what is wanted and perhaps meant."""
    assert [(each.key, each.message) for each in faults(changed(SOUND, path, value))] == [(key, message)]


def test_a_key_like_no_other_comes_without_a_suggestion() -> None:
    """Where nothing is near, the advice is to remove the key."""
    (fault,) = faults(changed(SOUND, "zzzzzz", 1))
    assert fault.message == "is not a known key; remove it"


def test_the_name_of_a_field_in_our_code_is_no_key() -> None:
    """`schema_` is our own spelling and as unknown as any other, with the right one proposed."""
    (fault,) = faults(changed(SOUND, "schema_", 1))
    assert fault.message == "is not a known key; did you mean 'schema'?"


def test_all_faults_are_found_at_once() -> None:
    """Faults in different tables do not hide each other."""
    table = changed(SOUND, "program.currency", "euro") | {"bonus": 1}
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
    (fault,) = faults(changed(SOUND, "tier.1.threshold", value))
    assert "found" in fault.message
    assert len(fault.message) < 200


def test_endless_nesting_is_a_fault_like_any_other() -> None:
    """Tables within tables where a number belongs are refused without an error of another kind."""
    nested: dict[str, Any] = {}
    for _ in range(5000):
        nested = {"a": nested}
    (fault,) = faults(changed(SOUND, "tier.1.threshold", nested))
    assert fault.key == "tier[1].threshold"


def test_thresholds_that_fall_are_named_one_by_one() -> None:
    """Each tier that does not rise above the one before is a fault of its own."""
    table = changed(SOUND, "tier", [{"code": f"t{at}", "threshold": at} for at in (0, 5, 5, 9, 3)][:])
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
    assert (program.tier_at(10**9), program.tier_after(0), program.earning_rule) == (None, None, ())
    assert program.zone.key == "Europe/Prague"


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


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(19, 20), "0.95"),
        (Fraction(1), "1"),
        (Fraction(100), "100"),
        (Fraction(-5, 4), "-1.25"),
        (Fraction(7, 3), "2.3333"),
        (Fraction(1, 10**6), "0.000001"),
    ],
)
def test_exact_numbers_are_written_as_people_write_them(number: Fraction, text: str) -> None:
    """A fraction is shown as a decimal number, cut where it has no end."""
    assert exact(number) == text


def test_every_currency_that_people_pay_with_is_known() -> None:
    """What is legal tender somewhere today can be a programme's currency, and hardly anything else."""
    tender = {code for land in get_global("territory_currencies") for code in get_territory_currencies(land)}
    assert tender - CURRENCIES == set()
    assert len(CURRENCIES - tender) < 10  # what one list has dropped already and another has not
    assert CURRENCIES.isdisjoint(("XXX", "XTS", "XAU", "DEM"))
    assert {code for code in EXPONENTS if code not in CURRENCIES} == {"UYI"}
