"""Why points came is told by the names of rules, offers and occasions."""

from typing import Any, get_args

import pytest
from purchases import PURCHASE, campaign, program

from wallet_service.domain.grounds import Reason
from wallet_service.terms import LANGUAGES, because, telling_of, uncounted
from wallet_service.terms.because import SPENDING
from wallet_service.terms.telling import Telling

TABLES: dict[str, Any] = {
    "unit": {"code": "points"},
    "campaign": [campaign("double-day", factor="2", rules=["purchase"])],
    "tiers": {"measure": "spend", "window": "lifetime", "valid": "forever"},
    "tier": [{"code": "page", "threshold": 0, "name": "Page"}],
    "reward": [{"code": "purchase", "kind": "product", "name": "Mug", "cost": 100}],
    "trigger": [{"code": "cake", "on": "member.birthday", "points": 5}],
}
SHARES = [("purchase", "rule", "402/5"), ("page", "tier", "201/5"), ("double-day", "campaign", "402/5")]


def telling(language: str = "en", **tables: Any) -> Telling:
    """Return what tells of a programme with a campaign, a tier and a birthday."""
    return telling_of(program(PURCHASE, **TABLES | tables), None, language)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (None, ()),
        ("", ()),
        ("purchase", ("purchase",)),
        ("purchase+double-day", ("purchase", "special offer “double day”")),
        ("cake", ("birthday",)),
        ("referral", ("bringing a friend",)),
        ("long-gone", ("“long gone”",)),
        ("purchase+purchase", ("purchase",)),
    ],
)
def test_rule_is_named(rule: str | None, told: tuple[str, ...]) -> None:
    """Rules, campaigns, triggers and referrals have names; a code that the programme has no more stands for itself."""
    assert because(telling(), "earn", rule) == told


@pytest.mark.parametrize("kind", SPENDING)
def test_reward_is_named(kind: str) -> None:
    """What takes points names the reward, even if a rule has the same code."""
    assert because(telling(), kind, "purchase") == ("Mug",)
    assert because(telling(), kind, None) == ()


def test_shares_say_how_much_each_gave() -> None:
    """Of several shares each says its exact points; of one the whole is known."""
    assert because(telling(), "earn", "purchase+double-day", SHARES) == (
        "purchase: +80.4",
        "tier: Page: +40.2",
        "special offer “double day”: +80.4",
    )
    assert because(telling(), "earn", "purchase", SHARES[:1]) == ("purchase",)


def test_shares_of_money_are_only_named() -> None:
    """Fractions of the smallest coin would explain nothing."""
    money = telling(unit={"code": "credit", "is_money": True})
    assert because(money, "earn", "purchase+double-day", SHARES) == ("purchase", "special offer “double day”")


REFUSED: list[tuple[str, Reason]] = [
    ("double-day", "limit_reached"),
    ("double-day", "budget_spent"),
    ("purchase", "not_stackable"),
    ("cap", "cap_reached"),
    ("cap", "capped"),
]


def test_what_did_not_count_says_why() -> None:
    """Limits, budgets and better offers are told by the name of what they kept from counting; caps name nothing."""
    assert uncounted(telling(), REFUSED) == (
        "special offer “double day”: not counted, its limit is reached",
        "special offer “double day”: not counted, it has run out",
        "purchase: not counted, something else gave more",
        "not counted: no more purchases earn for now",
        "no more is given for one purchase",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_told_in_every_language(language: str) -> None:
    """Each reason that there is has its own words."""
    assert {reason for _, reason in REFUSED} == set(get_args(Reason))
    told = uncounted(telling(language), REFUSED)
    assert len(set(told)) == len(REFUSED)
    if language != "en":
        assert not set(told) & set(uncounted(telling(), REFUSED))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_own_names(language: str) -> None:
    """What is told in one language is not English in another."""
    told = because(telling(language), "earn", "purchase+double-day+cake+referral")
    assert len(told) == 4
    if language != "en":
        assert not set(told) & set(because(telling(), "earn", "purchase+double-day+cake+referral"))
