"""The look of a card is read strictly, and refused where phones would refuse it or nobody could read it."""

from copy import deepcopy
from datetime import UTC, datetime
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain import look as looks
from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import read
from wallet_service.domain.look import Look, contrast

SOUND: dict[str, Any] = {
    "schema": 1,
    "default_language": "en",
    "brand": {"organization": "Papermoth", "program": "@program", "description": "@description"},
    "colors": {"background": "#2b1f3d", "text": "#fff8ec", "label": "#f2c583"},
    "art": {"icon": "art/icon.png", "logo": "art/logo.png"},
    "header": [{"key": "balance", "label": "@label_balance", "value": "balance", "change": "@balance_changed"}],
    "secondary": [{"key": "tier", "label": "@label_tier", "value": "tier"}],
    "back": [{"key": "contact", "label": "@label_contact", "text": "hello@papermoth.example"}],
    "link": [{"label": "@link", "url": "https://papermoth.example"}],
    "location": [{"latitude": 50.0, "longitude": 14.0, "text": "@nearby"}],
    "message": [{"key": "welcome", "header": "@welcome", "body": "@welcome_body"}],
    "apple": {"suppressStripShine": True},
}
COLORS = st.integers(0, 0xFFFFFF).map(lambda each: f"#{each:06x}")


def changed(**changes: Any) -> dict[str, Any]:
    """Return the sound file with whole tables replaced."""
    return deepcopy(SOUND) | changes


def field(key: str, **more: Any) -> dict[str, Any]:
    """Return a field that shows the balance."""
    return {"key": key, "label": "L", "value": "balance"} | more


def faults(table: dict[str, Any]) -> list[Fault]:
    """Return every fault that reading the table gives."""
    look, found = read(Look, "pass.toml", table)
    return found or list(looks.faults(look, "pass.toml") if look else [])


def keys(table: dict[str, Any]) -> list[str]:
    """Return where the faults are."""
    return [each.key for each in faults(table)]


def test_a_sound_file_has_no_faults() -> None:
    """The file that the other tests break is sound by itself."""
    assert faults(SOUND) == []


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (changed(default_language="english"), "default_language"),
        (changed(colors=SOUND["colors"] | {"text": "white"}), "colors.text"),
        (changed(colors=SOUND["colors"] | {"text": "#fff"}), "colors.text"),
        (changed(colors=SOUND["colors"] | {"text": "#fffffff"}), "colors.text"),
        (changed(art={"logo": "l.png"}), "art.icon"),
        (changed(art=SOUND["art"] | {"icon": "../secret.png"}), "art.icon"),
        (changed(art=SOUND["art"] | {"icon": "/etc/icon.png"}), "art.icon"),
        (changed(art=SOUND["art"] | {"icon": "a//b.png"}), "art.icon"),
        (changed(art=SOUND["art"] | {"icon": ".hidden/icon.png"}), "art.icon"),
        (changed(art=SOUND["art"] | {"icon": "icon.png\n"}), "art.icon"),
        (changed(art=SOUND["art"] | {"icon": "icon.svg"}), "art.icon"),
        (changed(barcode={"format": "ean13"}), "barcode.format"),
        (changed(barcode={"message": "member_name"}), "barcode.message"),
        (changed(header=[field("Balance")]), "header[0].key"),
        (changed(header=[field("x", value="shoe_size")]), "header[0].value"),
        (changed(header=[field("x", label="")]), "header[0].label"),
        (changed(header=[field("x", label=None)]), "header[0].label"),
        (changed(header=field("x")), "header"),
        (changed(header=[field(f"k{each}") for each in range(4)]), "header"),
        (changed(primary=[field("a"), field("b")]), "primary"),
        (changed(link=[{"label": "L", "url": "javascript:alert(1)"}]), "link[0].url"),
        (changed(link=[{"label": "L", "url": "https://a b"}]), "link[0].url"),
        (changed(location=[{"latitude": 91, "longitude": 0}]), "location[0].latitude"),
        (changed(location=[{"latitude": nan, "longitude": 0}]), "location[0].latitude"),
        (changed(location=[{"latitude": 0, "longitude": -inf}]), "location[0].longitude"),
        (changed(location=[{"latitude": True, "longitude": 0}]), "location[0].latitude"),
        (changed(location=[{"latitude": 0, "longitude": 0}] * 11), "location"),
        (changed(apple=[]), "apple"),
    ],
)
def test_each_fault_is_named_by_its_key(table: dict[str, Any], key: str) -> None:
    """One wrong value gives one fault, at the key where it stands."""
    assert keys(table) == [key]


def test_an_unknown_key_of_a_field_comes_with_a_suggestion() -> None:
    """The suggestion is looked for among the keys of a field, not of the whole file."""
    (fault,) = faults(changed(header=[field("x", lable="L")]))
    assert (fault.key, fault.message) == ("header[0].lable", "is not a known key; did you mean 'label'?")


def test_an_unknown_table_comes_with_a_suggestion() -> None:
    """A misspelt table is named by its file and key with the nearest one; where none is near, it is to be removed."""
    found = [str(each) for name in ("barcod", "pass") for each in faults(changed(**{name: {}}))]
    assert found == [
        "pass.toml: barcod: is not a known key; did you mean 'barcode'?",
        "pass.toml: pass: is not a known key; remove it",
    ]


@pytest.mark.parametrize("slot", ["primary", "secondary", "auxiliary", "back"])
def test_a_key_may_be_used_once_on_the_whole_card(slot: str) -> None:
    """A field key that another slot has already is refused where it comes up again."""
    table = changed(**{slot: [field("balance")]})
    assert keys(table) == [f"{slot}[0].key"]


def test_messages_share_the_keys_of_fields() -> None:
    """A message becomes a field on the back, so neither a field's key nor another message's may be its own."""
    message = SOUND["message"][0]
    assert keys(changed(message=[message, message])) == ["message[1].key"]
    assert keys(changed(message=[message | {"key": "balance"}])) == ["message[0].key"]


@pytest.mark.parametrize("contents", [{"value": None}, {"value": "balance", "text": "both"}])
def test_a_field_has_exactly_one_content(contents: dict[str, Any]) -> None:
    """Neither a value nor a text, or both, is refused."""
    assert keys(changed(header=[field("x", **contents)])) == ["header[0]"]


def test_one_row_holds_four_fields() -> None:
    """Secondary and auxiliary fields share a row: four fit, five do not."""
    four = [field(f"k{each}") for each in range(4)]
    assert keys(changed(secondary=four)) == []
    assert keys(changed(secondary=four, auxiliary=[field("fifth")])) == ["auxiliary"]


@pytest.mark.parametrize("change", ["Balance changed", "%@ and %@", "100 %"])
def test_a_change_message_of_its_own_holds_the_new_value_once(change: str) -> None:
    """A text that refers to no locale is checked here, at the field that says it."""
    assert keys(changed(header=[field("x", change=change)])) == ["header[0].change"]
    assert keys(changed(header=[field("x", change="Now %@")])) == []


@pytest.mark.parametrize(
    ("join", "key"),
    [
        ({"ask": {"name": "maybe"}}, "join.ask.name"),
        ({"ask": {"adress": "required"}}, "join.ask.adress"),
        ({"opened": True}, "join.opened"),
        ({"verify": "phone"}, "join.verify"),
        ({"verify": "email", "ask": {"email": "optional"}}, "join.verify"),
        ({"consent": [{"purpose": "news"}]}, "join.consent[0].text"),
        ({"consent": [{"purpose": "terms", "text": "T"}]}, "join.consent[0].purpose"),
        ({"consent": [{"purpose": "news", "text": "T"}] * 2}, "join.consent[1].purpose"),
        ({"consent": [{"purpose": "news", "channel": "sms", "text": "T"}]}, "join.consent[0].channel"),
    ],
)
def test_a_fault_of_the_form_is_named(join: dict[str, Any], key: str) -> None:
    """What is no answer, unknown, missing, twice, or could not be acted upon is refused at its key."""
    assert keys(changed(join=join)) == [key]


def test_the_texts_of_the_form_are_the_templates() -> None:
    """They are looked for in every language, as all texts of a card are."""
    join = {"terms": "@t", "age": "@a", "consent": [{"purpose": "news", "channel": "email", "text": "@n"}]}
    look, _ = read(Look, "pass.toml", changed(join=join))
    assert look
    assert [each for each in look.texts() if each[0].startswith("join")] == [
        *(("join.terms", "@t"), ("join.age", "@a"), ("join.consent[0].text", "@n")),
    ]
    assert keys(changed(join=join)) == []


def test_a_card_that_nobody_can_read_is_refused() -> None:
    """Text and label each need a contrast of 4.5 on the background, and the fault tells what they have."""
    found = faults(changed(colors={"background": "#777777", "text": "#777777", "label": "#888888"}))
    assert [each.key for each in found] == ["colors.text", "colors.label"]
    assert "1.0" in found[0].message


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#FF0000", "#ffffff", 4.0),
    ],
)
def test_contrast_is_that_of_the_standard(one: str, other: str, ratio: float) -> None:
    """Known pairs have the ratios that every contrast checker gives."""
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("of", [True, 0, 31, -1, 1.5, "", "x" * 41, None, [9], {"a": 1}])
def test_a_full_card_is_a_number_or_a_code(of: Any) -> None:
    """Anything else is refused once, at its key."""
    stamps = {"of": of, "filled": "#000000", "empty": "#ffffff"}
    header = [field("stamps", value="stamps")]
    assert keys(changed(stamps=stamps, header=header)) == ["stamps.of"]
    assert keys(changed(stamps={**stamps, "of": 9}, header=header)) == []


@given(COLORS, COLORS)
@settings(max_examples=100, deadline=None)
def test_contrast_has_no_direction(one: str, other: str) -> None:
    """Dark on light is as readable as light on dark, between 1 and 21."""
    assert contrast(one, other) == contrast(other, one)
    assert 1 <= contrast(one, other) <= 21.0000001


@pytest.mark.parametrize(
    "value",
    [nan, inf, datetime(2026, 6, 1, tzinfo=UTC), 2**64, [[datetime(2026, 6, 1, tzinfo=UTC)]], {"a": {"b": nan}}],
)
def test_what_no_json_can_say_is_refused_under_apple(value: Any) -> None:
    """Keys of Apple's own are written into JSON, so dates, endless and enormous numbers are refused at once."""
    assert keys(changed(apple={"userInfo": value})) == ["apple.userInfo"]


def test_nesting_under_apple_has_an_end() -> None:
    """Sixteen levels of lists and tables are allowed, a seventeenth is not."""
    nested: Any = "text"
    for _ in range(16):
        nested = [nested]
    assert keys(changed(apple={"userInfo": nested})) == []
    assert keys(changed(apple={"userInfo": {"deeper": nested}})) == ["apple.userInfo"]


def test_every_text_is_listed_with_its_place() -> None:
    """All texts that may refer to a locale's string are found, so that none can be missing in a language."""
    look = Look.model_validate(SOUND)
    assert dict(look.texts()) == {
        "brand.organization": "Papermoth",
        "brand.program": "@program",
        "brand.description": "@description",
        "header[0].label": "@label_balance",
        "header[0].change": "@balance_changed",
        "secondary[0].label": "@label_tier",
        "back[0].label": "@label_contact",
        "back[0].text": "hello@papermoth.example",
        "link[0].label": "@link",
        "location[0].text": "@nearby",
        "message[0].header": "@welcome",
        "message[0].body": "@welcome_body",
    }
