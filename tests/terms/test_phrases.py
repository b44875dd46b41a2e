"""The four files of phrases agree with each other, with the vocabulary of programmes, and with what is said."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest

from wallet_service.domain.grounds import Reason
from wallet_service.domain.program import earning_tables, reward_tables, tier_tables
from wallet_service.terms import LANGUAGES, tongue
from wallet_service.terms.tongue import tongue_of

ROOM = Path(tongue.__file__).parent
FREE = ("event", "key", "property", "name")  # names that merchants choose; these are merely the usual ones


def phrases(language: str) -> dict[str, Any]:
    """Return the file of a language."""
    return tongue_of(language).phrases


def flat(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every phrase with its path."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{key}/")
        else:
            yield f"{path}{key}", value


def placeholders(text: str) -> set[str]:
    """Return the names in braces; a format or a conversion would show as one."""
    return {
        f"{name}{spec}{conversion or ''}" for _, name, spec, conversion in Formatter().parse(text) if name is not None
    }


def literals(model: Any, field: str) -> set[str]:
    """Return the values that a key of a table can have, those in unions too."""

    def inside(annotation: Any) -> Iterator[str]:
        for each in get_args(annotation):
            if isinstance(each, str):
                yield each
            else:
                yield from inside(each)

    return set(inside(model.model_fields[field].annotation))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_phrases(language: str) -> None:
    """Keys are the same everywhere, in the same order; plural forms are the language's own."""
    here, english = phrases(language), phrases("en")
    assert {table: list(texts) for table, texts in here.items() if table != "count"} == {
        table: list(texts) for table, texts in english.items() if table != "count"
    }
    assert list(here["count"]) == list(english["count"])
    forms = tongue_of(language).locale.plural_form.tags | {"other"}
    for key, texts in here["count"].items():
        assert set(texts) - {"1"} == forms, key
        assert ("1" in texts) == ("1" in english["count"][key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_placeholders(language: str) -> None:
    """A phrase speaks of the same parts everywhere; all plural forms but that of one name their number."""
    english = dict(flat({key: table for key, table in phrases("en").items() if key != "count"}))
    for path, text in flat({key: table for key, table in phrases(language).items() if key != "count"}):
        assert placeholders(text) == placeholders(english[path]), path
    for key, forms in phrases(language)["count"].items():
        wanted = placeholders(phrases("en")["count"][key]["other"])
        assert {form: placeholders(text) for form, text in forms.items() if form != "1"} == {
            form: wanted for form in forms if form != "1"
        }, key
        assert placeholders(forms.get("1", "")) <= wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_are_clean(language: str) -> None:
    """No empty phrase, no straight quotation mark, no full stop at the end, no letter of another alphabet."""
    for path, text in flat(phrases(language)):
        words = re.sub(r"\{\w+\}|SMS", "", text)
        assert text.strip() == text != "", path
        assert not text.endswith("."), path
        assert not set("\"'") & set(words), path
        assert not re.search("[a-zA-Z]" if language == "ru" else "[\u0400-\u04ff]", words), path
        assert language != "ro" or not set("şţŞŢ") & set(words), path  # the letters have a comma, not a cedilla


@pytest.mark.parametrize(
    ("table", "model", "field"),
    [
        ("basis", earning_tables.EarningRule, "basis"),
        ("round", earning_tables.ExpiryTable, "round"),
        ("earned", earning_tables.RefundTable, "earned"),
        ("spent", earning_tables.RefundTable, "spent"),
        ("stack", earning_tables.Campaign, "stack"),
        ("member", earning_tables.WhenTable, "member"),
        ("distinct", earning_tables.GoalTable, "distinct"),
        ("per", earning_tables.LimitTable, "per"),
        ("measure", tier_tables.TiersTable, "measure"),
        ("start", tier_tables.TiersTable, "start"),
        ("valid", tier_tables.TiersTable, "valid"),
        ("on_refund", tier_tables.TiersTable, "on_refund"),
        ("benefit", tier_tables.Benefit, "kind"),
        ("on_cancel", tier_tables.MembershipTable, "on_cancel"),
        ("reward", reward_tables.Reward, "kind"),
    ],
)
def test_every_value_of_the_vocabulary_has_its_phrase(table: str, model: Any, field: str) -> None:
    """A value that a programme can have is told, and none that it cannot have."""
    told = set(phrases("en")[table])
    unsaid = {"basis": {"quantity", "visit"}, "start": {"next_order"}}  # told by "for each item", and as "immediately"
    more = {"any_depth"} if table == "earned" else set()  # a balance may fall without a bound
    assert told == (literals(model, field) - unsaid.get(table, set())) | more


def test_values_that_are_told_otherwise() -> None:
    """What has no phrase of its own: no window, no fall, and a channel that members do not see."""
    english = phrases("en")
    assert literals(tier_tables.TiersTable, "window") - set(english["window"]) == {"none"}
    assert literals(tier_tables.TiersTable, "downgrade") - set(english["downgrade"]) == {"none"}
    assert set(get_args(reward_tables.Channel)) - set(english["channel"]) == {"webhook"}


def test_every_reason_not_to_count_has_its_phrase() -> None:
    """Whatever keeps a rule or campaign from counting is told."""
    assert set(phrases("en")["uncounted"]) == set(get_args(Reason))


def test_every_phrase_is_said() -> None:
    """Every sentence and every plural is named in the room's source; the other tables are the vocabulary's."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in ROOM.glob("*.py")]
    named = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    english = phrases("en")
    said = {f"{table}/{key}" for table in ("title", "say", "count") for key in english[table]}
    assert {each for each in said if each.split("/")[1] not in named} == set()
    assert set(english) - named == set()
    assert set(FREE) <= set(english)
