"""Single rules are told as what they do, and not as what they look like."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from terms_actors import program_of

from wallet_service.domain.words import Words
from wallet_service.terms import Section, Vocabulary, explain
from wallet_service.terms.vocabulary import of_words

BASE: dict[str, Any] = {
    "schema": 1,
    "program": {"code": "points", "name": "Points", "timezone": "Europe/Prague", "currency": "EUR"},
    "unit": {"code": "points"},
}
PURCHASE = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}
TIERS = [{"code": "low", "threshold": 0}, {"code": "high", "threshold": 500}]


def sections(**tables: Any) -> dict[str, Section]:
    """Return the English sections of a programme with these tables, by title."""
    found = explain(program_of(BASE | tables), None, "en")
    return {each.title: each for each in found}


def tier_lines(**tiers: Any) -> str:
    """Return what is told of tiers that behave so."""
    return " ".join(sections(tier=TIERS, tiers={"measure": "spend"} | tiers)["Tiers"].lines)


def test_a_bare_programme_tells_only_what_holds() -> None:
    """A section stands only where it applies."""
    assert list(sections()) == ["What you collect", "When you can use it, and for how long"][1:]


def test_a_unit_without_names_is_called_points() -> None:
    """The usual unit is declined in every language without anybody's words."""
    program = program_of(BASE | {"earning_rule": [PURCHASE | {"points": 3}]})
    assert "3 балла за каждые" in explain(program, None, "ru")[0].lines[0]
    assert "3 body za" in explain(program, None, "cs")[0].lines[0]


@pytest.mark.parametrize(
    ("rule", "rounded"),
    [
        (PURCHASE, True),
        (PURCHASE | {"basis": "quantity", "per": 1}, False),
        (PURCHASE | {"basis": "quantity", "per": 2}, True),
        (PURCHASE | {"basis": "visit", "per": 1, "tier_multiplier": {"low": "1.5"}}, True),
        ({"code": "review", "on": "review.approved", "points": 5}, False),
    ],
)
def test_rounding_is_told_where_there_is_something_to_round(rule: dict[str, Any], rounded: bool) -> None:
    """Whole points for whole items need no rounding."""
    lines = sections(earning_rule=[rule])["How you collect"].lines
    assert any("rounded" in each for each in lines) is rounded


def test_an_allowance_of_nothing_is_no_debt() -> None:
    """With a lowest balance of 0 a refund stops at zero, whatever the policy is called."""
    refund = {"refund": {"earned": "allow_negative"}}
    told = [
        sections(earning_rule=[PURCHASE], points=refund | {"min_balance": lowest})["Returned purchases"].lines[0]
        for lowest in (0, -500)
    ]
    assert "never falls below zero" in told[0]
    assert "as far as −500 points" in told[1]  # noqa: RUF001 - the minus sign is meant


@pytest.mark.parametrize(("stackable", "told"), [((True, True), 0), ((False, True), 0), ((False, False), 2)])
def test_only_rivals_are_told_to_be_rivals(stackable: tuple[bool, bool], told: int) -> None:
    """A single rule that does not stack has nothing to give way to."""
    rules = [PURCHASE | {"code": f"r{index}", "stackable": each} for index, each in enumerate(stackable)]
    lines = sections(earning_rule=rules)["How you collect"].lines
    assert sum("most favourable" in each for each in lines) == told


def test_a_tier_that_never_falls_has_no_end() -> None:
    """Without a downgrade neither a term nor days of grace mean anything."""
    told = tier_lines(valid="P12M", downgrade="none", grace_days=5)
    assert "without a time limit" in told
    assert "12 months" not in told
    assert "5 days" not in told


def test_a_tier_by_the_next_order_is_told_like_one_at_once() -> None:
    """An order is counted by the tier before it in both cases, and one sentence says both."""
    assert tier_lines(start="next_order") == tier_lines(start="immediately")
    assert "A tier applies as soon as you reach it, and to purchases from the next one on." in tier_lines()


@pytest.mark.parametrize(
    ("renews", "told"), [(True, "If the payment for the next period fails"), (False, "When the period that is paid")]
)
def test_grace_of_a_membership_is_told_whether_or_not_it_renews(renews: bool, told: str) -> None:
    """Benefits last through the days of grace in both cases; none are told of where there are none."""
    club = {"kind": "paid", "price": 900, "period": "P1M", "renews": renews}
    lines = sections(membership=club | {"grace_days": 7})["Membership"].lines
    assert [each for each in lines if "your benefits stay for 7 days more" in each and each.startswith(told)]
    assert "benefits" not in " ".join(sections(membership=club)["Membership"].lines)


def test_of_two_graces_of_a_membership_the_longer_is_told() -> None:
    """A tier and its benefits stay as long as the engine leaves them, whichever table says it."""
    table = {"kind": "paid", "price": 100, "period": "P1M", "grace_days": 3}
    tiers = {"measure": "membership", "window": "none", "valid": "membership_period", "grace_days": 7}
    told = sections(tier=[TIERS[0], {"code": "paid", "threshold": 1}], tiers=tiers, membership=table)
    assert "After that the tier stays yours for 7 days more." in " ".join(told["Tiers"].lines)
    assert "your benefits stay for 7 days more." in " ".join(told["Membership"].lines)


def test_a_benefit_that_no_tier_has_is_not_promised() -> None:
    """What nobody is entitled to is not told."""
    benefits = [{"code": code, "kind": "gift", "name": code.title()} for code in ("cake", "tea")]
    tiers = [TIERS[0], TIERS[1] | {"benefits": ["tea"]}]
    told = sections(tier=tiers, tiers={"measure": "spend"}, benefit=benefits)
    assert told["Benefits"].lines == ("Tea. Tier: high.",)
    assert "Benefits" not in sections(benefit=benefits)


def test_what_only_the_merchant_is_told_is_no_message_to_members() -> None:
    """A trigger for endpoints alone promises nobody a letter."""
    trigger = {"code": "soon", "on": "points.expiring", "lead": "P7D", "notify": ["webhook"]}
    assert "Gifts and reminders" not in sections(trigger=[trigger])


def test_a_monthly_gift_by_a_rate_is_all_there_is() -> None:
    """Members are told that nothing is left, and not that they choose an amount."""
    reward = {"code": "give", "kind": "donation", "rate": {"points": 10, "value": 1}, "auto": "monthly"}
    told = sections(reward=[reward], cause=[{"code": "bees", "name": "Bees"}])
    assert told["Rewards"].lines == (
        "Donation. It is given to: Bees. Once a month, all that you can use then is given by itself.",
    )


def test_a_tier_by_the_balance_falls_with_it() -> None:
    """A state of the moment keeps no time."""
    assert "As soon as you no longer meet" in tier_lines(measure="balance", window="none")
    assert "12 months" in tier_lines(measure="balance", window="none", valid="P12M")


def test_a_lifetime_tier_is_kept() -> None:
    """A measure that only grows, and no term: the tier stays."""
    assert "without a time limit" in tier_lines(window="lifetime", valid="forever")


def test_a_campaign_s_day_is_one_day() -> None:
    """From midnight to the last second of a day is that day; `to` is its last moment."""
    window = tomllib.loads("active = [{ from = 2026-11-03T00:00:00, to = 2026-11-03T23:59:59 }]")
    campaign = {"code": "day", "kind": "multiplier", "factor": "2"} | window
    lines = sections(earning_rule=[PURCHASE], campaign=[campaign])["Special offers"].lines
    assert "When: November 3, 2026." in lines[0]
    assert lines[-1] == "Dates and times are local: Prague."


def test_an_added_factor_leaves_the_tier_aside() -> None:
    """Twice the usual is not twice what the tier makes of it, unless the campaign says so."""
    rule = PURCHASE | {"tier_multiplier": {"low": "1", "high": "1.5"}}
    campaign = {"code": "double", "kind": "multiplier", "factor": "2"}
    told = [
        sections(earning_rule=[rule], campaign=[campaign | {"stack": stack}])["Special offers"].lines[0]
        for stack in ("add", "max")
    ]
    assert "without the tier’s multiplier" in told[0]  # noqa: RUF001 - a typographic apostrophe
    assert "What your tier adds is multiplied, too" in told[1]


def test_settlement_and_costs_are_no_matter_of_members() -> None:
    """What a point costs the merchant is not told."""
    unit = {"code": "points", "cost_micros": 123_456}
    told = sections(unit=unit, earning_rule=[PURCHASE])
    assert "123" not in " ".join(each for section in told.values() for each in section.lines)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("$10 off", 1000, "$10 off: 5 points."),
        ("Voucher", 1000, "Voucher ($10.00 off): 5 points."),
        ("$10 off", 1050, "$10 off ($10.50 off): 5 points."),
        ("$100 off", 1000, "$100 off ($10.00 off): 5 points."),
        ("$10.50 off", 1000, "$10.50 off ($10.00 off): 5 points."),
        ("10 of them", 1000, "10 of them ($10.00 off): 5 points."),
    ],
)
def test_what_a_reward_is_worth_is_told_once(name: str, value: int, told: str) -> None:
    """Where the name says the worth already, it is not told again behind it."""
    reward = {"code": "x", "kind": "amount_off", "name": name, "cost": 5, "value": value}
    program = BASE["program"] | {"currency": "USD"}
    assert told in sections(program=program, reward=[reward])["Rewards"].lines


def test_words_of_a_template_name_its_things() -> None:
    """A template's words give the unit and the tiers; what they lack is called as in the programme."""
    known: dict[str, Any] = dict.fromkeys(Words.__dataclass_fields__) | {
        "language": "en",
        "strings": {},
        "unit": {"one": "leaf", "other": "leaves"},
        "tier": {"high": "Summit"},
        "names": {"tier": {"high": "Summit"}},
        "plural_form": lambda count: "one" if count == 1 else "other",
        "number": str,
    }
    words = Words(**{key: known[key] for key in Words.__dataclass_fields__})
    assert of_words(words) == Vocabulary(
        {"one": "leaf", "other": "leaves"}, of_words(words).names | {"tier": {"high": "Summit"}}
    )
    tables = {"tier": TIERS, "tiers": {"measure": "points_earned"}}
    (told,) = (each for each in explain(program_of(BASE | tables), words, "en") if each.title == "Tiers")
    assert "Summit: 500 leaves or more." in told.lines
    assert "Low: from the beginning." in told.lines


def test_phrases_travel_with_the_package() -> None:
    """The files of phrases are data of the package, not only of the checkout."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "terms/*.toml" in project["tool"]["setuptools"]["package-data"]["wallet_service"]
