"""Objects of the old `passbook` library become passes that phones accept, their known faults repaired."""

import io
import json
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import py_pkpass.models as passbook  # type: ignore[import-untyped]  # the library itself, as its heirs carry it on
import pytest

from wallet_service.apple import lint
from wallet_service.apple.from_passbook import from_passbook
from wallet_service.apple.identity import Identity
from wallet_service.apple.pass_json import to_json
from wallet_service.apple.passes import ApplePasses


def a_pass(identity: Identity, information: Any = None) -> Any:
    """Make a pass of the library with what every pass needs."""
    made = passbook.Pass(
        information or passbook.StoreCard(),
        passTypeIdentifier=identity.pass_type_identifier,
        organizationName="Acme",
        teamIdentifier=identity.team_identifier,
    )
    made.serialNumber, made.description = "1234567", "A card"
    return made


def converted(made: Any, identity: Identity) -> dict[str, Any]:
    """Convert a pass and see that nothing is wrong with it."""
    pass_json = from_passbook(made)
    faults = lint.faults(pass_json, files=["icon.png"], identity=identity, allow_http=False)
    assert faults == []
    to_json(pass_json)
    return pass_json


def test_a_pass_of_every_kind_of_content_is_sound(identity: Identity) -> None:
    """Fields, codes, places, colours and the web service are carried over in Apple's form."""
    card = passbook.StoreCard()
    card.addHeaderField("points", 120, "POINTS")
    card.addPrimaryField("name", "Jane", "")
    card.addSecondaryField("level", "Gold", "LEVEL")
    card.auxiliaryFields.append(passbook.CurrencyField("credit", Decimal("12.99"), "CREDIT", "EUR"))
    card.addBackField("terms", "Be kind", "TERMS")
    made = a_pass(identity, card)
    made.barcode = passbook.Barcode("123", passbook.BarcodeFormat.CODE128)
    made.backgroundColor, made.labelColor, made.logoText = "rgb(23, 187, 82)", "#ff0000", "Acme"
    made.locations = [passbook.Location("52.5", Decimal("13.4"))]
    made.ibeacons = [passbook.IBeacon("12345678-ABCD-1234-ABCD-123456789ABC", 1, 2)]
    made.expirationDate = datetime(2027, 12, 31, 23, 59, tzinfo=UTC)
    made.associatedStoreIdentifiers, made.appLaunchURL = [284910350], "acme://card"
    made.userInfo, made.voided, made.sharingProhibited = {"id": 1}, True, True
    made.webServiceURL, made.authenticationToken = "https://acme.example/passes/", "0123456789abcdef"
    assert converted(made, identity) == {
        "formatVersion": 1,
        "passTypeIdentifier": identity.pass_type_identifier,
        "serialNumber": "1234567",
        "teamIdentifier": identity.team_identifier,
        "organizationName": "Acme",
        "description": "A card",
        "logoText": "Acme",
        "associatedStoreIdentifiers": [284910350],
        "appLaunchURL": "acme://card",
        "userInfo": {"id": 1},
        "voided": True,
        "sharingProhibited": True,
        "backgroundColor": "rgb(23, 187, 82)",
        "labelColor": "rgb(255, 0, 0)",
        "suppressStripShine": False,
        "storeCard": {
            "headerFields": [{"key": "points", "value": 120, "label": "POINTS"}],
            "primaryFields": [{"key": "name", "value": "Jane"}],
            "secondaryFields": [{"key": "level", "value": "Gold", "label": "LEVEL"}],
            "auxiliaryFields": [{"key": "credit", "value": Decimal("12.99"), "label": "CREDIT", "currencyCode": "EUR"}],
            "backFields": [{"key": "terms", "value": "Be kind", "label": "TERMS"}],
        },
        "barcodes": [{"format": "PKBarcodeFormatCode128", "message": "123", "messageEncoding": "iso-8859-1"}],
        "locations": [{"latitude": 52.5, "longitude": 13.4}],
        "beacons": [{"proximityUUID": "12345678-ABCD-1234-ABCD-123456789ABC", "major": 1, "minor": 2}],
        "expirationDate": "2027-12-31T23:59:00Z",
        "webServiceURL": "https://acme.example/passes",
        "authenticationToken": "0123456789abcdef",
    }


def test_a_bare_pass_is_sound(identity: Identity) -> None:
    """What was not given is left out."""
    pass_json = converted(a_pass(identity), identity)
    assert pass_json["storeCard"] == {}
    assert not pass_json.keys() & {"barcodes", "locations", "beacons", "nfc", "voided", "expirationDate", "logoText"}


@pytest.mark.parametrize("information", ["Coupon", "EventTicket", "Generic", "StoreCard", "BoardingPass"])
def test_every_style_is_carried_over(identity: Identity, information: str) -> None:
    """Each style keeps its name, dates where they mean something, and a boarding pass its vehicle."""
    style = getattr(passbook, information)()
    style.addHeaderField("gate", "23", "GATE")
    made = a_pass(identity, style)
    made.relevantDate = "2027-01-01T12:00:00+0000"
    pass_json = converted(made, identity)
    assert pass_json[style.jsonname]["headerFields"] == [{"key": "gate", "value": "23", "label": "GATE"}]
    assert pass_json.get("relevantDate") == (None if information in ("Coupon", "StoreCard") else "2027-01-01T12:00:00Z")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (passbook.NumberField("k", Decimal("1.10")), {"value": Decimal("1.10"), "numberStyle": "PKNumberStyleDecimal"}),
        (passbook.NumberField("k", "7"), {"value": Decimal("7"), "numberStyle": "PKNumberStyleDecimal"}),
        (passbook.NumberField("k", "many"), {"value": "many"}),
        (passbook.NumberField("k", "NaN"), {"value": "NaN"}),
        (passbook.CurrencyField("k", "25", currencyCode="USD"), {"value": Decimal("25"), "currencyCode": "USD"}),
        (passbook.CurrencyField("k", 25), {"value": 25}),
        (passbook.Field("k", Decimal("2.50")), {"value": Decimal("2.50")}),
        (passbook.Field("k", True), {"value": "True"}),
        (passbook.Field("k", None), {"value": ""}),
    ],
)
def test_numbers_stay_exact(identity: Identity, given: Any, written: dict[str, Any]) -> None:
    """Decimals and numbers in texts become numbers; a style that has no number goes."""
    made = a_pass(identity)
    made.passInformation.headerFields.append(given)
    (field,) = converted(made, identity)["storeCard"]["headerFields"]
    assert field == {"key": "k", **written}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2027, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2027-01-02T03:04:05Z"),
        (datetime(2027, 1, 2, 3, 4), "2027-01-02T03:04:00Z"),  # noqa: DTZ001
        (date(2027, 1, 2), "2027-01-02T00:00:00Z"),
        ("2027-01-02T03:04:00+0100", "2027-01-02T02:04:00Z"),
        ("2027-01-02", "2027-01-02T00:00:00Z"),
    ],
)
def test_dates_get_the_one_form(identity: Identity, value: Any, written: str) -> None:
    """Datetimes, days and half-written dates come out in UTC with a Z, in fields and at the top."""
    made = a_pass(identity)
    made.expirationDate = value
    made.passInformation.headerFields.append(passbook.DateField("until", value))
    pass_json = converted(made, identity)
    (field,) = pass_json["storeCard"]["headerFields"]
    assert pass_json["expirationDate"] == field["value"] == written
    assert field["dateStyle"] == "PKDateStyleShort"


def test_a_date_field_without_a_date_is_a_text(identity: Identity) -> None:
    """A text that is no date loses the styles of one; a date in a plain field gains one."""
    made = a_pass(identity)
    made.passInformation.headerFields += [
        passbook.DateField("soon", "soon"),
        passbook.Field("day", date(2027, 1, 2)),
    ]
    soon, day = converted(made, identity)["storeCard"]["headerFields"]
    assert soon == {"key": "soon", "value": "soon"}
    assert day == {"key": "day", "value": "2027-01-02T00:00:00Z", "dateStyle": "PKDateStyleShort"}


def test_only_meant_alignments_stay(identity: Identity) -> None:
    """The library aligns everything left; what somebody chose stays where phones allow it."""
    made = a_pass(identity)
    fields = [passbook.Field(key, "v") for key in ("left", "right", "justified")]
    fields[1].textAlignment, fields[2].textAlignment = passbook.Alignment.RIGHT, passbook.Alignment.JUSTIFIED
    primary = passbook.Field("primary", "v")
    primary.textAlignment = passbook.Alignment.CENTER
    made.passInformation.headerFields, made.passInformation.primaryFields = fields, [primary]
    style = converted(made, identity)["storeCard"]
    assert [field.get("textAlignment") for field in style["headerFields"]] == [None, "PKTextAlignmentRight", None]
    assert "textAlignment" not in style["primaryFields"][0]


def test_a_change_message_stays(identity: Identity) -> None:
    """Only the empty one of the library goes."""
    made = a_pass(identity)
    made.passInformation.addHeaderField("points", 1, "POINTS")
    made.passInformation.headerFields[0].changeMessage = "Now %@"
    assert converted(made, identity)["storeCard"]["headerFields"][0]["changeMessage"] == "Now %@"


def test_a_barcode_gets_an_encoding_that_fits(identity: Identity) -> None:
    """A message beyond Latin-1 is named utf-8, and several barcodes are carried over in their order."""
    made = a_pass(identity)
    made.barcode = passbook.Barcode("卡", passbook.BarcodeFormat.QR, "Karte")
    assert converted(made, identity)["barcodes"] == [
        {"format": "PKBarcodeFormatQR", "message": "卡", "messageEncoding": "utf-8", "altText": "Karte"}
    ]
    made.barcodes = [passbook.Barcode("1", passbook.BarcodeFormat.CODE128), passbook.Barcode("1")]
    formats = [each["format"] for each in converted(made, identity)["barcodes"]]
    assert formats == ["PKBarcodeFormatCode128", "PKBarcodeFormatPDF417"]


def test_nfc_is_carried_over(nfc_identity: Identity) -> None:
    """The heirs' NFC attributes become Apple's dictionary, and only then is there one."""
    made = a_pass(nfc_identity)
    assert "nfc" not in from_passbook(made)
    made.nfc_message, made.encryption_public_key, made.requiresAuthentication = "42", "MDkw", True
    assert from_passbook(made)["nfc"] == {
        "message": "42",
        "encryptionPublicKey": "MDkw",
        "requiresAuthentication": True,
    }


def test_what_only_the_owner_can_decide_is_named(identity: Identity) -> None:
    """A key used twice and a missing description are not guessed at."""
    made = a_pass(identity)
    made.description = ""
    made.passInformation.addHeaderField("same", 1, "")
    made.passInformation.addBackField("same", 1, "")
    faults = lint.faults(from_passbook(made), files=["icon.png"], identity=identity, allow_http=False)
    assert [fault.key for fault in faults] == ["description", "storeCard.backFields[0].key"]


def test_the_object_is_left_alone(identity: Identity) -> None:
    """Converting twice gives the same, for nothing of the object is changed."""
    made = a_pass(identity)
    made.passInformation.headerFields.append(passbook.DateField("until", "2027-01-02"))
    assert from_passbook(made) == from_passbook(made)
    assert made.passInformation.headerFields[0].value == "2027-01-02"


def test_it_signs_like_any_other(identity: Identity, art: dict[str, bytes], now: datetime) -> None:
    """A converted pass goes into a package whose numbers are exact."""
    made = a_pass(identity)
    made.passInformation.headerFields.append(passbook.CurrencyField("credit", Decimal("12.990"), "", "EUR"))
    passes = ApplePasses(identity, web_service_url=None)
    signed = passes.sign(from_passbook(made), bundle=passes.bundle("old", art), at=now)
    with zipfile.ZipFile(io.BytesIO(bytes(signed))) as archive:
        written = archive.read("pass.json")
    assert b'"value":12.990' in written
    assert json.loads(written)["serialNumber"] == "1234567"
