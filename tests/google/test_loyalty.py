"""A template and a member's face are drawn as the class and object that Google's own schema accepts."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from google_actors import PLAIN, TEXTS, faces
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from wallet_service.domain.face import Barcode, Face, Field, Link, Location, Message, Money, Value
from wallet_service.domain.look import Look
from wallet_service.domain.program import Program
from wallet_service.domain.template import Standing, Template
from wallet_service.google import loyalty
from wallet_service.google.artwork import images
from wallet_service.google.change import change
from wallet_service.google.loyalty import loyalty_class, loyalty_object, retired
from wallet_service.sandbox.walletobjects import faults
from wallet_service.storage import templates

GOLDEN = Path(__file__).parent / "golden"
POINTS = templates.load(Path(__file__).parents[2] / "pass_templates" / "points", check_art=lambda _, __: ())
ISSUER = "3388000000012345678"
CLASS_ID = loyalty.class_id(ISSUER, "points")
OBJECT_ID = loyalty.object_id(ISSUER, "7f3c9a12")
SINCE = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
ANN = Standing(58, 58, "Ann", SINCE, "K7QM2XTD9FGH1234", tier="page")
MONEY = ("JPY", 0), ("EUR", 2), ("KWD", 3)


def class_of(template: Template, **changes: Any) -> dict[str, Any]:
    """Return the class of a template, found to be one that the schema accepts."""
    links: dict[str, Any] = {
        "callback_url": "https://cards.example/google/callback",
    }
    drawn = loyalty_class(
        template, issuer_id=ISSUER, art_url=lambda name: f"https://cards.example/art/v1/{name}", **links | changes
    )
    assert faults("LoyaltyClass", drawn, partial=False) == []
    assert list(empties(drawn)) == []
    return drawn


def object_of(face: Face, **more: Any) -> dict[str, Any]:
    """Return the object of a face, found to be one that the schema accepts."""
    drawn = loyalty_object(face, issuer_id=ISSUER, class_id=CLASS_ID, object_id=OBJECT_ID, **more)
    assert faults("LoyaltyObject", drawn, partial=False) == []
    assert list(empties(drawn)) == []
    return drawn


def empties(part: Any, at: str = "") -> Iterator[str]:
    """Yield the place of everything that is null or empty."""
    if part is None or part in ("", [], {}):
        yield at
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from empties(value, f"{at}.{key}")


def look_of(**changes: Any) -> Template:
    """Return the starter with whole tables of its look replaced."""
    return replace(POINTS, look=Look.model_validate({**POINTS.look.model_dump(by_alias=True), **changes}))


def money_of(currency: str) -> Template:
    """Return the starter as a programme that collects money."""
    rules = POINTS.program.model_dump(by_alias=True)
    rules["unit"]["is_money"] = True
    rules["program"]["currency"] = currency
    return replace(POINTS, program=Program.model_validate(rules))


def alone(value: Value, role: str | None, **more: Any) -> dict[str, Any]:
    """Draw a face of a single field."""
    return object_of(structs.replace(PLAIN, header=(Field("only", "ONLY", value, role=role),)), **more)


def merged(old: Any, sent: Any) -> Any:
    """Return what a PATCH makes of a body: null removes, objects merge, all else is replaced."""
    if not isinstance(sent, dict):
        return sent
    before = old if isinstance(old, dict) else {}
    kept = {key: value for key, value in before.items() if key not in sent}
    return kept | {key: merged(before.get(key), value) for key, value in sent.items() if value is not None}


def check_golden(name: str, drawn: dict[str, Any]) -> None:
    """Compare with the golden file of that name; UPDATE_GOLDEN=1 writes it anew."""
    made = (json.dumps(drawn, indent=2, ensure_ascii=False) + "\n").encode()
    if os.environ.get("UPDATE_GOLDEN") == "1":
        (GOLDEN / name).write_bytes(made)
    assert made == (GOLDEN / name).read_bytes(), "run with UPDATE_GOLDEN=1 if the change is meant, and read the diff"


@pytest.mark.parametrize("language", ["en", "ru", "cs", "ro"])
def test_the_starters_class_and_object_are_golden(language: str) -> None:
    """The starter, with each of its languages as the default, is drawn to exactly these bytes."""
    check_golden(f"class.{language}.json", class_of(look_of(default_language=language)))
    check_golden(f"object.{language}.json", object_of(POINTS.draw(ANN, language)))


def test_texts_of_the_class_are_in_every_language() -> None:
    """A text is the default language's own, and each other language has a translation."""
    for name, key in (("accountNameLabel", "label_member"), ("accountIdLabel", "label_card_number")):
        drawn = class_of(POINTS)
        strings = drawn[f"localized{name[0].upper()}{name[1:]}"]
        assert strings["defaultValue"] == {"language": "en", "value": drawn[name]}
        said = {each["language"]: each["value"] for each in (strings["defaultValue"], *strings["translatedValues"])}
        assert said == {language: words.strings[key] for language, words in POINTS.words.items()}


def test_a_template_of_one_language_has_no_translations() -> None:
    """Where there is nothing to translate into, no empty list says so."""
    drawn = class_of(replace(POINTS, words={"en": POINTS.words["en"]}))
    assert drawn["localizedProgramName"] == {"defaultValue": {"language": "en", "value": "Papermoth Rewards"}}


def test_what_a_template_lacks_is_left_out() -> None:
    """A bare template has a class without rows, links, places, messages, banner, callback or home page."""
    empty: dict[str, Any] = dict.fromkeys(("header", "primary", "secondary", "auxiliary", "back"), ())
    empty |= dict.fromkeys(("link", "location", "message"), ())
    bare = look_of(art={"icon": "art/icon.png", "logo": "art/logo.png"}, **empty)
    assert set(class_of(bare, callback_url=None)) == {
        *("id", "issuerName", "localizedIssuerName", "programName", "localizedProgramName", "programLogo"),
        *("hexBackgroundColor", "reviewStatus", "multipleDevicesAndHoldersAllowedStatus"),
    }


def test_the_class_names_the_images_that_are_made() -> None:
    """Every image that a class asks for is one that the artwork makes, under the same name."""
    asked: list[str] = []

    def art_url(name: str) -> str:
        asked.append(name)
        return f"https://cards.example/{name}"

    loyalty_class(POINTS, issuer_id=ISSUER, art_url=art_url, callback_url=None)
    assert set(asked) == images(POINTS.art, background=POINTS.look.colors.background).keys()


@pytest.mark.parametrize(
    ("slots", "shapes"),
    [
        ((1, 1, 1, 1), ["oneItem", "oneItem", "twoItems"]),
        ((3, 1, 2, 2), ["threeItems", "twoItems", "threeItems"]),
        ((0, 1, 4, 0), ["twoItems", "threeItems"]),
        ((0, 0, 0, 4), ["oneItem", "threeItems"]),
        ((2, 0, 0, 0), ["twoItems"]),
        ((0, 1, 0, 3), ["oneItem", "threeItems"]),
    ],
)
def test_the_front_has_three_rows_of_three(slots: tuple[int, ...], shapes: list[str]) -> None:
    """However many fields a template may put on the front, all of them have a place in a row, once."""
    names = ("header", "primary", "secondary", "auxiliary")
    fields = {
        name: tuple({"key": f"{name}-{index}", "label": "L", "text": "T"} for index in range(count))
        for name, count in zip(names, slots, strict=True)
    }
    rows = class_of(look_of(**fields))["classTemplateInfo"]["cardTemplateOverride"]["cardRowTemplateInfos"]
    assert [next(iter(row)) for row in rows] == shapes
    assert sorted(paths_of(rows)) == sorted(
        f"class.textModulesData['{each['key']}']" for slot in fields.values() for each in slot
    )


def paths_of(part: Any) -> Iterator[str]:
    """Yield every field path in a part."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "fieldPath":
            yield value
        yield from paths_of(value)


def test_the_rows_show_what_the_object_holds() -> None:
    """Each path of the class leads to something that the object of a member has, or to a text of its own."""
    template = look_of(primary=({"key": "motto", "label": "Motto", "text": "Read on"},))
    drawn, shared = object_of(template.draw(ANN, "en")), class_of(template)
    paths = list(paths_of(shared["classTemplateInfo"]))
    texts = {f"class.textModulesData['{each['id']}']" for each in shared["textModulesData"]}
    members = {f"object.{key}{'.balance' if 'Points' in key else ''}" for key in drawn}
    assert len(paths) == 4
    assert "class.textModulesData['motto']" in paths
    assert set(paths) <= texts | members
    assert "object.textModulesData['progress']" in paths_of(class_of(POINTS)["classTemplateInfo"])


def test_texts_of_the_template_stand_on_the_class_alone() -> None:
    """Those of the front come first, which Google shows in any case; then messages, then the back."""
    field = {"label": "L", "text": "@terms"}
    look = {
        "header": ({"key": "hello", **field}, {"key": "points", "label": "P", "value": "balance"}),
        "message": ({"key": "news", "header": "N", "body": "B"},),
        "back": ({"key": "terms", **field}, {"key": "again", "label": "P", "value": "balance"}),
    }
    template = look_of(**look, primary=(), secondary=(), auxiliary=({"key": "bye", **field},))
    modules = class_of(template)["textModulesData"]
    assert [each["id"] for each in modules] == ["hello", "bye", "news", "terms"]
    assert modules[0]["header"] == "L"
    assert modules[0]["body"] == POINTS.words["en"].strings["terms"]
    languages = [each["language"] for each in modules[3]["localizedBody"]["translatedValues"]]
    assert languages == ["cs", "ro", "ru"]
    assert [each["id"] for each in object_of(template.draw(ANN, "en"))["textModulesData"]] == ["again"]


def test_new_words_change_the_class_and_no_card() -> None:
    """Another text, message, link or name of the template's leaves each member's object as it is."""
    words = replace(POINTS.words["en"], strings=POINTS.words["en"].strings | {"terms": "New!", "program": "Club"})
    changed = replace(look_of(link=(), message=(), location=()), words={**POINTS.words, "en": words})
    assert class_of(changed) != class_of(POINTS)
    assert object_of(changed.draw(ANN, "en")) == object_of(POINTS.draw(ANN, "en"))


@pytest.mark.parametrize(("currency", "exponent"), MONEY)
def test_a_balance_of_money_is_in_micros(currency: str, exponent: int) -> None:
    """Whatever decimals a currency has, a whole unit is a million micros, written as a string."""
    face = money_of(currency).draw(structs.replace(ANN, balance=125 * 10**exponent), "en")
    money = {"currencyCode": currency, "micros": "125000000"}
    assert object_of(face)["loyaltyPoints"] == {"label": "Points", "balance": {"money": money}}


@pytest.mark.parametrize(
    ("value", "balance"),
    [
        (0, {"int": 0}),
        (-7, {"int": -7}),
        (2**31 - 1, {"int": 2147483647}),
        (-(2**31), {"int": -2147483648}),
        (2**31, {"string": "2147483648"}),
        (Money(1, "KWD", 3), {"money": {"currencyCode": "KWD", "micros": "1000"}}),
        (Money(-1, "EUR", 2), {"money": {"currencyCode": "EUR", "micros": "-10000"}}),
        (Money(1, "XXX", 6), {"money": {"currencyCode": "XXX", "micros": "1"}}),
        (Money(1, "XXX", 7), {"string": "0.0000001 XXX"}),
        (Money(30, "XXX", 7), {"money": {"currencyCode": "XXX", "micros": "3"}}),
        (Money(2**63, "JPY", 0), {"string": "9223372036854775808 JPY"}),
        ("many", {"string": "many"}),
    ],
)
def test_a_balance_is_exact_or_a_text(value: Value, balance: dict[str, Any]) -> None:
    """What neither 32 bits nor micros can say exactly is written out."""
    assert alone(value, "balance")["loyaltyPoints"] == {"label": "ONLY", "balance": balance}


@given(minor=st.integers(-(10**13), 10**13), exponent=st.integers(0, 6))
def test_any_amount_comes_back_whole(minor: int, exponent: int) -> None:
    """Micros divided by a million are the amount again, to the last decimal, or the amount is written out."""
    drawn = alone(Money(minor, "EUR", exponent), "balance")["loyaltyPoints"]["balance"]
    if abs(minor) * 10 ** (6 - exponent) >= 2**63:
        assert set(drawn) == {"string"}
    else:
        assert int(drawn["money"]["micros"]) * 10**exponent == minor * 1_000_000


@pytest.mark.parametrize(
    ("role", "member"),
    [("member_name", "accountName"), ("card_code", "accountId"), ("card_code_grouped", "accountId")],
)
def test_name_and_number_have_members_of_their_own(role: str, member: str) -> None:
    """They are plain texts; their labels stand on the class."""
    drawn = alone("K7QM", role)
    assert drawn[member] == "K7QM"
    assert "textModulesData" not in drawn


def test_a_second_field_of_a_role_is_a_text_module() -> None:
    """A value that is shown twice is not lost: class and object agree on which of the two is which."""
    back = (Field("once_more", "Your points", 58, role="balance"),)
    assert object_of(structs.replace(PLAIN, header=(Field("only", "P", 58, role="balance"),), back=back)) == {
        **object_of(structs.replace(PLAIN, header=(Field("only", "P", 58, role="balance"),))),
        "textModulesData": [{"id": "once_more", "header": "Your points", "body": "58"}],
    }


def test_a_date_is_written_by_whoever_knows_the_language() -> None:
    """A text module holds text alone; without a writer of dates it is the day in UTC."""
    midnight = datetime(2026, 6, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    (module,) = alone(midnight, "member_since")["textModulesData"]
    assert module["body"] == "2026-05-31"
    (module,) = alone(midnight, "member_since", date=lambda moment, language: f"{language} {moment:%d.%m.%Y}")[
        "textModulesData"
    ]
    assert module["body"] == "en 01.06.2026"


def test_an_end_of_validity_is_a_date_with_its_offset() -> None:
    """Google moves the card to the expired ones once it has passed."""
    drawn = object_of(structs.replace(PLAIN, expires_at=SINCE))
    assert drawn["validTimeInterval"] == {"end": {"date": "2026-06-01T10:00:00+00:00"}}


@pytest.mark.parametrize(
    ("barcode", "drawn"),
    [
        (Barcode("qr", "A1", "A 1"), {"type": "QR_CODE", "value": "A1", "alternateText": "A 1"}),
        (Barcode("qr", "Zoë"), {"type": "QR_CODE", "value": "Zoë", "renderEncoding": "UTF_8"}),
        (Barcode("pdf417", "Zoë"), {"type": "PDF_417", "value": "Zoë"}),
        (Barcode("aztec", "A1"), {"type": "AZTEC", "value": "A1"}),
        (Barcode("code128", "A1"), {"type": "CODE_128", "value": "A1"}),
    ],
)
def test_every_barcode_has_its_type(barcode: Barcode, drawn: dict[str, Any]) -> None:
    """An encoding is named only for a QR code that needs one."""
    assert object_of(structs.replace(PLAIN, barcode=barcode))["barcode"] == drawn


def test_a_void_card_keeps_nothing_of_its_member() -> None:
    """Its object is inactive, without barcode, name, number, balance or messages."""
    face = POINTS.draw(structs.replace(ANN, voided=True), "en")
    assert object_of(face) == retired(OBJECT_ID, CLASS_ID)
    sent = change(retired(OBJECT_ID, CLASS_ID))
    assert faults("LoyaltyObject", sent, partial=True) == []
    held = {**object_of(POINTS.draw(ANN, "en")), "messages": [{"body": "You have 42 points"}]}
    assert merged(held, sent) == retired(OBJECT_ID, CLASS_ID)


def test_a_change_leaves_what_is_not_drawn() -> None:
    """News that were added to a class stay when its template changes; what the template drops goes."""
    full = {**class_of(POINTS), "messages": [{"header": "News"}]}
    bare = class_of(look_of(link=(), message=(), art={"icon": "i.png", "logo": "l.png"}), callback_url=None)
    assert faults("LoyaltyClass", change(bare), partial=True) == []
    assert merged(full, change(bare)) == {**bare, "messages": [{"header": "News"}]}


@pytest.mark.parametrize(
    ("issuer", "suffix"),
    [("", "a"), ("issuer", "a"), ("12 ", "a"), ("١٢", "a"), ("12", "ä"), ("12", "a b"), ("12", "a/b"), ("12", "a\n")],
)
def test_an_id_that_google_refuses_is_not_made(issuer: str, suffix: str) -> None:
    """The issuer is a number, and the rest is letters, digits, dots, underscores and hyphens."""
    for make in (loyalty.class_id, loyalty.object_id):
        with pytest.raises(ValueError, match=r"Copy the number|Use letters"):
            make(issuer, suffix)


def test_ids_of_class_and_object_differ() -> None:
    """A programme and a card of the same name do not meet."""
    assert loyalty.class_id(ISSUER, "points") == f"{ISSUER}.program-points"
    assert loyalty.object_id(ISSUER, "points") == f"{ISSUER}.card-points"


@pytest.mark.parametrize("ids", [("99.program-a", OBJECT_ID), (CLASS_ID, "99.card-a"), (CLASS_ID, "card-a")])
def test_an_object_of_another_issuer_is_not_drawn(ids: tuple[str, str]) -> None:
    """Ids that belong to nobody or somebody else are found before Google finds them."""
    with pytest.raises(ValueError, match="is no id of issuer"):
        loyalty_object(PLAIN, issuer_id=ISSUER, class_id=ids[0], object_id=ids[1])


@settings(max_examples=200, deadline=None)
@given(ours=faces(), other=faces(), name=TEXTS)
def test_an_object_knows_nothing_of_the_templates_texts(ours: Face, other: Face, name: str) -> None:
    """Fields with a role, barcode, validity, voidness and language are all that an object depends on."""
    slots = {
        slot: tuple(each for each in getattr(ours, slot) if each.role is not None)
        + tuple(structs.replace(each, key=f"t{each.key}") for each in getattr(other, slot) if each.role is None)
        for slot in ("header", "primary", "secondary", "auxiliary", "back")
    }
    texts: dict[str, Any] = {
        "organization": name,
        "program": name,
        "description": name,
        "links": (Link(name, "tel:1"),),
        "messages": (Message("m", name, name),),
        "locations": (Location(1.0, 2.0, name),),
        "apple": {"sharingProhibited": True},
    }
    assert object_of(structs.replace(ours, **slots, **texts)) == object_of(ours)


@settings(max_examples=200, deadline=None)
@given(old=faces(), new=faces())
def test_any_face_is_drawn_and_changed_as_the_schema_wants(old: Face, new: Face) -> None:
    """Every face has an object that the schema accepts, and a change that turns any other object into it."""
    before, after = object_of(old), object_of(new)
    assert faults("LoyaltyObject", change(after), partial=True) == []
    assert merged(before, change(after)) == after
    ids = [each["id"] for each in after.get("textModulesData", [])]
    assert len(ids) == len(set(ids))
