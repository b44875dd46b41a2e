"""A neutral face is drawn as the store card that Apple describes, and written exactly."""

import json
import os
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wallet_service.apple.identity import Identity
from wallet_service.apple.package import Bundle
from wallet_service.apple.pass_json import OWN_KEYS, draw, to_json
from wallet_service.apple.signature import Signer
from wallet_service.domain.card import Card
from wallet_service.domain.face import Barcode, Face, Field, Link, Money

GOLDEN = Path(__file__).parent / "golden"
URL = "https://cards.example.com/apple"


def drawn(face: Face, card: Card, url: str | None = URL) -> dict[str, Any]:
    """Draw a card of the tests' team."""
    return draw(face, card, team_identifier="SANDBOX123", web_service_url=url)


def fields(pass_json: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return all fields of a drawing by their keys."""
    return {field["key"]: field for slot in pass_json["storeCard"].values() for field in slot}


def value_of(face: Face, card: Card, value: Any) -> dict[str, Any]:
    """Draw a single field and return it."""
    return fields(drawn(structs.replace(face, header=(Field("only", "ONLY", value),)), card))["only"]


def check_golden(name: str, made: bytes) -> None:
    """Compare with the golden file of that name; UPDATE_GOLDEN=1 writes it anew."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        (GOLDEN / name).write_bytes(made)
    assert made == (GOLDEN / name).read_bytes(), "run with UPDATE_GOLDEN=1 if the change is meant, and read the diff"


def test_pass_json_is_golden(face: Face, card: Card) -> None:
    """A face with every kind of content is written to exactly these bytes."""
    check_golden("pass.json", to_json(drawn(face, card)))


def test_the_manifest_is_golden(face: Face, card: Card, identity: Identity, now: datetime) -> None:
    """With the same images beside it, the manifest is exactly these bytes."""
    files = {"icon.png": b"an icon", "icon@2x.png": b"a larger icon", "logo.png": b"a logo"}
    signed = Bundle(files).seal(to_json(drawn(face, card)), Signer(identity), now)
    manifest = re.search(rb'manifest\.json(\{"icon.*?\})', signed.tail)
    assert manifest is not None
    check_golden("manifest.json", manifest.group(1))


def test_every_slot_is_drawn_in_its_order(face: Face, card: Card) -> None:
    """Fields stand where the face has them; messages and links follow on the back."""
    slots = {slot: [field["key"] for field in entries] for slot, entries in drawn(face, card)["storeCard"].items()}
    assert slots == {
        "headerFields": ["balance"],
        "primaryFields": ["reward"],
        "secondaryFields": ["tier", "member"],
        "auxiliaryFields": ["credit", "until"],
        "backFields": ["contact", "news", "Links"],
    }


def test_an_empty_face_draws_no_empty_part(face: Face, card: Card) -> None:
    """What a face has not is left out, never written as an empty array or null."""
    bare = Face("en", "O", "P", "D", face.colors, Barcode("qr", "1"))
    pass_json = drawn(bare, structs.replace(card, announced=None), url=None)
    assert pass_json["storeCard"] == {}
    for key in ("locations", "expirationDate", "voided", "webServiceURL", "authenticationToken"):
        assert key not in pass_json
    assert pass_json["barcodes"] == [{"format": "PKBarcodeFormatQR", "message": "1", "messageEncoding": "iso-8859-1"}]


def test_whole_numbers_are_written_as_numbers(face: Face, card: Card) -> None:
    """The phone writes points in the member's way of writing numbers."""
    field = value_of(face, card, 1250)
    assert (field["value"], field["numberStyle"]) == (1250, "PKNumberStyleDecimal")
    assert "currencyCode" not in field


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(1299, "EUR", 2), "12.99"),
        (Money(-5, "EUR", 2), "-0.05"),
        (Money(0, "EUR", 2), "0.00"),
        (Money(1200, "JPY", 0), "1200"),
        (Money(1, "KWD", 3), "0.001"),
        (Money(1, "XXX", 9), "0.000000001"),
        (Money(10**17 + 1, "EUR", 2), "1000000000000000.01"),
    ],
)
def test_money_is_written_digit_for_digit(face: Face, card: Card, money: Money, written: str) -> None:
    """An amount is an exact number beside its currency, and never has a number style as well."""
    field = value_of(face, card, money)
    assert set(field) == {"key", "label", "value", "currencyCode"}
    assert (
        to_json(field)
        == f'{{"key":"only","label":"ONLY","value":{written},"currencyCode":"{money.currency}"}}'.encode()
    )


@given(minor=st.integers(-(10**18), 10**18), exponent=st.integers(0, 4))
def test_any_amount_comes_back_whole(minor: int, exponent: int) -> None:
    """Reading the written number as a decimal gives the amount again."""
    written = to_json({"value": Money(minor, "EUR", exponent).decimal})
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal)["value"].scaleb(exponent) == minor


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2027, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2026-12-31T23:30:00Z"),
        (datetime(2027, 1, 1, 0, 30, 59, 999999, tzinfo=UTC), "2027-01-01T00:30:59Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00Z"),
    ],
)
def test_dates_are_written_in_utc(face: Face, card: Card, moment: datetime, written: str) -> None:
    """A moment has whole seconds and a Z, and a style that lets the phone write it."""
    field = value_of(face, card, moment)
    assert (field["value"], field["dateStyle"]) == (written, "PKDateStyleMedium")
    assert drawn(structs.replace(face, expires_at=moment), card)["expirationDate"] == written


@pytest.mark.parametrize("announced", ["balance", "tier", "news", "reward", None])
def test_only_the_announced_field_has_a_message(face: Face, card: Card, announced: str | None) -> None:
    """Two messages at once would make the phone show neither, so one field has one at most."""
    found = fields(drawn(face, structs.replace(card, announced=announced)))
    expected = {"balance": "Du hast jetzt %@ Punkte", "tier": "Du bist jetzt %@"}
    messages = {key: field["changeMessage"] for key, field in found.items() if "changeMessage" in field}
    assert messages == {key: text for key, text in expected.items() if key == announced}


def test_links_are_anchors_with_a_plain_text_beside(face: Face, card: Card) -> None:
    """Addresses and labels are escaped in the anchors; the plain text is for readers that show no anchors."""
    link = fields(drawn(face, card))["Links"]
    assert link["attributedValue"] == (
        '<a href="https://cards.example.com/me?a=1&amp;b=2">Mein Konto</a>\n'
        '<a href="tel:+4930">Fragen &amp; "Antworten"</a>'
    )
    assert link["value"].startswith("Mein Konto: https://cards.example.com/me?a=1&b=2\n")
    quoted = fields(drawn(structs.replace(face, links=(Link("<b>", 'https://x.example/"><script>'),)), card))["Links"]
    assert quoted["attributedValue"] == '<a href="https://x.example/&quot;&gt;&lt;script&gt;">&lt;b&gt;</a>'


@pytest.mark.parametrize(("message", "encoding"), [("A1-é", "iso-8859-1"), ("卡", "utf-8"), ("€", "utf-8")])
def test_a_barcode_names_an_encoding_that_fits(face: Face, card: Card, message: str, encoding: str) -> None:
    """Latin-1 is named where it can say the message, for scanners read it best."""
    (barcode,) = drawn(structs.replace(face, barcode=Barcode("aztec", message)), card)["barcodes"]
    assert (barcode["format"], barcode["messageEncoding"]) == ("PKBarcodeFormatAztec", encoding)
    message.encode(barcode["messageEncoding"])


def test_colours_are_written_as_rgb(face: Face, card: Card) -> None:
    """Hexadecimal colours become the documented form; other texts stay for the lint to name."""
    pass_json = drawn(face, card)
    assert (pass_json["backgroundColor"], pass_json["labelColor"]) == ("rgb(20, 33, 61)", "rgb(252, 163, 17)")
    odd = structs.replace(face, colors=structs.replace(face.colors, text="white"))
    assert drawn(odd, card)["foregroundColor"] == "white"


def test_the_web_service_has_no_slash_at_its_end(face: Face, card: Card) -> None:
    """Address and token come together, the address without a slash that would be doubled."""
    pass_json = drawn(face, card, url=URL + "/")
    assert (pass_json["webServiceURL"], pass_json["authenticationToken"]) == (URL, card.authentication_token)


def test_a_voided_card_says_so(face: Face, card: Card) -> None:
    """Only a void card has the key."""
    assert drawn(structs.replace(face, voided=True), card)["voided"] is True


def test_vendor_keys_are_laid_over(face: Face, card: Card) -> None:
    """Keys for Apple alone pass through and may replace what was drawn."""
    apple = {"suppressStripShine": False, "logoText": "", "posterGeneric": {"primaryFields": []}}
    pass_json = drawn(structs.replace(face, apple=apple), card)
    assert {key: pass_json[key] for key in apple} == apple


def test_vendor_keys_never_touch_the_identity(face: Face, card: Card) -> None:
    """Who the card is and how it is fetched cannot be overridden by a template, with or without a web service."""
    stolen = dict.fromkeys(OWN_KEYS, "stolen")
    assert drawn(structs.replace(face, apple=stolen), card) == drawn(face, card)
    assert "webServiceURL" not in drawn(structs.replace(face, apple=stolen), card, url=None)


def test_drawing_leaves_the_face_alone(face: Face, card: Card) -> None:
    """Two drawings share nothing that one could change under the other."""
    first = drawn(face, card)
    first["storeCard"]["headerFields"][0]["value"] = 0
    first["locations"].clear()
    assert drawn(face, card)["storeCard"]["headerFields"][0]["value"] == 1250
    assert len(drawn(face, card)["locations"]) == 2


@pytest.mark.parametrize(
    "value",
    [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), b"", {1}, datetime(2026, 1, 1, tzinfo=UTC), "\ud800"],
)
def test_what_is_no_json_is_not_written(value: object) -> None:
    """Endless numbers, bytes, half characters and unformatted dates are errors, not guesses."""
    with pytest.raises(TypeError):
        to_json({"value": value})
