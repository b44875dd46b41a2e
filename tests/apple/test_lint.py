"""Everything that a phone refuses or drops without a word is named before a pass is signed."""

import base64
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from wallet_service.apple import lint
from wallet_service.apple.identity import Identity
from wallet_service.apple.lint_fields import CLASSIC_STYLES, FIELD, POSTER, SLOTS
from wallet_service.apple.lint_parts import ACTION, BARCODE, BEACON, LOCATION, NFC, PARTS
from wallet_service.apple.pass_json import draw, to_json
from wallet_service.domain.card import Card
from wallet_service.domain.errors import Fault, PassRefused
from wallet_service.domain.face import Face

FILES = ("icon.png", "icon@2x.png", "icon@3x.png", "logo.png")
URL = "https://cards.example.com/apple"
Pass = dict[str, Any]
Change = Callable[[Pass], object]


@pytest.fixture
def sound(face: Face, card: Card) -> Pass:
    """A pass.json without a fault."""
    return draw(face, card, team_identifier="SANDBOX123", web_service_url=URL)


def faults_of(pass_json: Any, identity: Identity, *, files: Any = FILES, allow_http: bool = False) -> list[Fault]:
    """Lint a pass with the files of a sound one."""
    return lint.faults(pass_json, files=files, identity=identity, allow_http=allow_http)


def put(key: str, value: Any) -> Change:
    """Return a change that sets a key of the pass."""
    return lambda pass_json: pass_json.update({key: value})


def drop(key: str) -> Change:
    """Return a change that removes a key of the pass."""
    return lambda pass_json: pass_json.pop(key)


def field(slot: str = "headerFields", index: int = 0, **keys: Any) -> Change:
    """Return a change that sets keys of one field."""
    return lambda pass_json: pass_json["storeCard"][slot][index].update(keys)


def fields(slot: str, count: int) -> Change:
    """Return a change that fills a slot with so many fields."""
    made = [{"key": f"{slot}{index}", "value": ""} for index in range(count)]
    return lambda pass_json: pass_json["storeCard"].update({slot: made})


def barcode(**keys: Any) -> Change:
    """Return a change that sets keys of the barcode."""
    return lambda pass_json: pass_json["barcodes"][0].update(keys)


def location(**keys: Any) -> Change:
    """Return a change that sets keys of the first location."""
    return lambda pass_json: pass_json["locations"][0].update(keys)


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """Return a public key as nfc wants it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


UUID = "12345678-ABCD-1234-ABCD-123456789ABC"
BALANCE = "storeCard.headerFields[0]"
FAULTY: dict[str, tuple[Change, str, str]] = {
    "version missing": (drop("formatVersion"), "formatVersion", "Add it"),
    "version text": (put("formatVersion", "1"), "formatVersion", "the number 1"),
    "version true": (put("formatVersion", True), "formatVersion", "the number 1"),
    "serial missing": (drop("serialNumber"), "serialNumber", "Add it"),
    "serial number": (put("serialNumber", 12), "serialNumber", "Make it a text"),
    "description empty": (put("description", ""), "description", "not empty"),
    "organisation null": (put("organizationName", None), "organizationName", "is null"),
    "other pass type": (
        put("passTypeIdentifier", "pass.other"),
        "passTypeIdentifier",
        "certificate signs for pass.sand",
    ),
    "other team": (put("teamIdentifier", "OTHER"), "teamIdentifier", "certificate signs for SANDBOX123"),
    "no style": (drop("storeCard"), "storeCard", "is missing"),
    "two styles": (put("coupon", {}), "coupon", "stands beside storeCard"),
    "style a list": (put("storeCard", []), "storeCard", "an object with arrays"),
    "style null": (put("storeCard", None), "storeCard", "is null"),
    "logoText null": (put("logoText", None), "logoText", "is null"),
    "locations empty": (put("locations", []), "locations", "empty array"),
    "barcodes empty": (put("barcodes", []), "barcodes", "empty array"),
    "null in a vendor's key": (
        put("semantics", {"wifiAccess": [{"ssid": None}]}),
        "semantics.wifiAccess[0].ssid",
        "is null",
    ),
    "null in userInfo": (put("userInfo", {"a": None}), "userInfo.a", "is null"),
    "empty array in an unknown key": (put("newIn2030", {"list": []}), "newIn2030.list", "empty array"),
    "null in an unknown key": (put("newIn2030", None), "newIn2030", "is null"),
    "null in a style's unknown key": (
        lambda p: p["storeCard"].update(newIn2030=None),
        "storeCard.newIn2030",
        "is null",
    ),
    "null in a field's unknown key": (field(newIn2030=None), f"{BALANCE}.newIn2030", "is null"),
    "surrogate": (field("secondaryFields", 1, value="\ud83d"), "storeCard.secondaryFields[1].value", "surrogate"),
    "surrogate in a key": (put("userInfo", {"\ud83d": 1}), "userInfo.'\\ud83d'", "Rename it"),
    "bytes": (put("userInfo", b"x"), "userInfo", "is a bytes"),
    "datetime": (put("expirationDate", datetime(2026, 1, 1, tzinfo=UTC)), "expirationDate", "2027-12-31T23:59:00Z"),
    "huge number": (put("userInfo", 2**64), "userInfo", "too large"),
    "not a number": (field(value=float("nan")), f"{BALANCE}.value", "Make it"),
    "not a decimal": (field(value=Decimal("sNaN")), f"{BALANCE}.value", "Make it"),
    "date without colon": (put("expirationDate", "2026-12-31T23:59:00+0000"), "expirationDate", "Write the date"),
    "date without zone": (put("expirationDate", "2026-12-31T23:59:00"), "expirationDate", "Write the date"),
    "date without time": (put("expirationDate", "2026-12-31"), "expirationDate", "Write the date"),
    "no such day": (put("expirationDate", "2026-02-30T00:00:00Z"), "expirationDate", "Write the date"),
    "date with other digits": (put("expirationDate", "٢٠٢٦-12-31T23:59:00Z"), "expirationDate", "Write the date"),
    "voided text": (put("voided", "true"), "voided", "true or false"),
    "sharing number": (put("sharingProhibited", 1), "sharingProhibited", "true or false"),
    "colour hex": (put("backgroundColor", "#ffffff"), "backgroundColor", "rgb(20, 30, 60)"),
    "colour dashes": (put("labelColor", "rgb(255-255-255)"), "labelColor", "rgb(20, 30, 60)"),
    "colour too bright": (put("stripColor", "rgb(256, 0, 0)"), "stripColor", "rgb(20, 30, 60)"),
    "colour unhashable": (put("stripColor", ["rgb"]), "stripColor", "rgb(20, 30, 60)"),
    "token alone": (drop("webServiceURL"), "webServiceURL", "both or neither"),
    "url alone": (drop("authenticationToken"), "authenticationToken", "both or neither"),
    "token short": (put("authenticationToken", "0123456789abcde"), "authenticationToken", "16"),
    "token with a space": (put("authenticationToken", "0123456789 abcdef"), "authenticationToken", "header"),
    "url http": (put("webServiceURL", "http://x.example/apple"), "webServiceURL", "https"),
    "url v1": (put("webServiceURL", "https://x.example/apple/v1"), "webServiceURL", "/v1"),
    "url v1 slash": (put("webServiceURL", "https://x.example/v1/"), "webServiceURL", "slash"),
    "url slash": (put("webServiceURL", "https://x.example/"), "webServiceURL", "slash"),
    "url query": (put("webServiceURL", "https://x.example/a?b=c"), "webServiceURL", "query"),
    "url port": (put("webServiceURL", "https://x.example:http/a"), "webServiceURL", "Write an address"),
    "url bracket": (put("webServiceURL", "https://[x/a"), "webServiceURL", "Write an address"),
    "url without host": (put("webServiceURL", "/apple"), "webServiceURL", "Write an address"),
    "url null": (put("webServiceURL", None), "webServiceURL", "is null"),
    "key twice in a slot": (field("secondaryFields", 1, key="tier"), "storeCard.secondaryFields[1].key", "Rename"),
    "key twice across slots": (field("backFields", 0, key="balance"), "storeCard.backFields[0].key", "Rename"),
    "key empty": (field(key=""), f"{BALANCE}.key", "not empty"),
    "key missing": (lambda p: p["storeCard"]["headerFields"][0].pop("key"), f"{BALANCE}.key", "Add it"),
    "value missing": (lambda p: p["storeCard"]["headerFields"][0].pop("value"), f"{BALANCE}.value", "Add it"),
    "value true": (field(value=True), f"{BALANCE}.value", "text, a number or a date"),
    "label number": (field(label=1), f"{BALANCE}.label", "Make it a text"),
    "field a text": (lambda p: p["storeCard"].update(backFields=["x"]), "storeCard.backFields[0]", "Make it an object"),
    "slot an object": (lambda p: p["storeCard"].update(backFields={}), "storeCard.backFields", "an array of fields"),
    "slot null": (lambda p: p["storeCard"].update(backFields=None), "storeCard.backFields", "is null"),
    "4 header": (fields("headerFields", 4), "storeCard.headerFields", "3 at most"),
    "2 primary": (fields("primaryFields", 2), "storeCard.primaryFields", "1 at most"),
    "5 in the row": (fields("auxiliaryFields", 3), "storeCard.secondaryFields+auxiliaryFields", "4 at most"),
    "currency and style": (field(currencyCode="EUR"), f"{BALANCE}.numberStyle", "contradicts currencyCode"),
    "currency small": (
        field("auxiliaryFields", 0, currencyCode="eur"),
        "storeCard.auxiliaryFields[0].currencyCode",
        "ISO",
    ),
    "currency of a text": (
        field("auxiliaryFields", 0, value="12.99"),
        "storeCard.auxiliaryFields[0].currencyCode",
        "number",
    ),
    "number style of a text": (field(value="1250"), f"{BALANCE}.numberStyle", "needs a number"),
    "number style unknown": (field(numberStyle="PKNumberStyleRoman"), f"{BALANCE}.numberStyle", "Use one of"),
    "date style of a text": (
        field("auxiliaryFields", 1, value="soon"),
        "storeCard.auxiliaryFields[1].value",
        "date style but",
    ),
    "date style unknown": (
        field("auxiliaryFields", 1, dateStyle="x"),
        "storeCard.auxiliaryFields[1].dateStyle",
        "Use one",
    ),
    "message without place": (field(changeMessage="More points"), f"{BALANCE}.changeMessage", "Write %@"),
    "message empty": (field(changeMessage=""), f"{BALANCE}.changeMessage", "Write %@"),
    "alignment of primary": (
        field("primaryFields", 0, textAlignment="PKTextAlignmentLeft"),
        "storeCard.primaryFields[0].textAlignment",
        "not allowed",
    ),
    "alignment of back": (
        field("backFields", 0, textAlignment="PKTextAlignmentLeft"),
        "storeCard.backFields[0].textAlignment",
        "not allowed",
    ),
    "alignment unknown": (field(textAlignment="PKTextAlignmentJustified"), f"{BALANCE}.textAlignment", "Use one of"),
    "detectors in front": (field(dataDetectorTypes=[]), f"{BALANCE}.dataDetectorTypes", "backFields only"),
    "detector unknown": (
        field("backFields", 0, dataDetectorTypes=["PKDataDetectorTypeX"]),
        "storeCard.backFields[0].dataDetectorTypes",
        "has an entry that",
    ),
    "row": (field("auxiliaryFields", 0, row=1), "storeCard.auxiliaryFields[0].row", "event tickets"),
    "transit type": (
        lambda p: p["storeCard"].update(transitType="PKTransitTypeAir"),
        "storeCard.transitType",
        "boarding",
    ),
    "11 locations": (put("locations", [{"latitude": 1, "longitude": 1}] * 11), "locations", "Keep 10"),
    "11 beacons": (put("beacons", [{"proximityUUID": UUID}] * 11), "beacons", "Keep 10"),
    "beacon number": (put("beacons", [{"proximityUUID": UUID, "major": 65536}]), "beacons[0].major", "65535"),
    "beacon id": (put("beacons", [{"proximityUUID": "x"}]), "beacons[0].proximityUUID", "UUID"),
    "latitude": (location(latitude=90.01), "locations[0].latitude", "from -90 to 90"),
    "longitude": (location(longitude=-181), "locations[0].longitude", "from -180 to 180"),
    "latitude text": (location(latitude="52.5"), "locations[0].latitude", "a number"),
    "latitude endless": (location(latitude=float("inf")), "locations[0].latitude", "a number"),
    "location without": (lambda p: p["locations"][1].pop("longitude"), "locations[1].longitude", "Add it"),
    "empty nearby text": (location(relevantText=""), "locations[0].relevantText", "not empty"),
    "null distance": (location(distance=None), "locations[0].distance", "is null"),
    "locations an object": (put("locations", {}), "locations", "array of objects"),
    "distance text": (put("maxDistance", "100"), "maxDistance", "a number"),
    "distance negative": (put("maxDistance", -1), "maxDistance", "above 0"),
    "barcode format": (barcode(format="QR"), "barcodes[0].format", "PKBarcodeFormatQR"),
    "barcode encoding": (barcode(message="卡"), "barcodes[0].messageEncoding", "Use utf-8"),
    "barcode encoding unknown": (barcode(messageEncoding="rot13"), "barcodes[0].messageEncoding", "iso-8859-1"),
    "barcode message": (barcode(message=""), "barcodes[0].message", "not empty"),
    "barcode text": (barcode(altText=None), "barcodes[0].altText", "is null"),
    "only new barcodes": (barcode(format="PKBarcodeFormatCode39"), "barcodes", "older phones"),
    "old barcode key": (put("barcode", {}), "barcode", "array barcodes"),
    "grouping": (put("groupingIdentifier", "x"), "groupingIdentifier", "Leave it out"),
    "relevant date": (put("relevantDate", "2026-12-31T23:59:00Z"), "relevantDate", "locations instead"),
    "relevant dates": (put("relevantDates", [{"date": "2026-12-31T23:59:00Z"}]), "relevantDates", "locations instead"),
    "launch without app": (put("appLaunchURL", "app:card"), "appLaunchURL", "associatedStoreIdentifiers"),
    "app numbers as text": (put("associatedStoreIdentifiers", ["1"]), "associatedStoreIdentifiers", "whole number"),
    "three actions": (put("featuredActions", [{"identifier": "a", "type": "shop"}] * 3), "featuredActions", "Keep 2"),
    "action unknown": (
        put("featuredActions", [{"identifier": "a", "type": "x"}]),
        "featuredActions[0].type",
        "membershipB",
    ),
    "nfc without certificate": (put("nfc", {"message": "1", "encryptionPublicKey": "x"}), "nfc", "with NFC"),
    "balance number": (
        put("semantics", {"balance": {"amount": 1, "currencyCode": "EUR"}}),
        "semantics.balance.amount",
        "text",
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_named_with_its_place(name: str, sound: Pass, identity: Identity) -> None:
    """Each fault is found where it is, with what to change."""
    change, key, says = FAULTY[name]
    change(sound)
    found = faults_of(sound, identity)
    assert any(fault.key == key and says in fault.message for fault in found), found
    str(PassRefused("refused", found)).encode()


def test_a_drawn_pass_has_no_faults(sound: Pass, identity: Identity) -> None:
    """What the face of a card is drawn as passes whole."""
    assert faults_of(sound, identity) == []


GOOD: dict[str, Change] = {
    "empty slot": fields("primaryFields", 0),
    "no web service": lambda p: (p.pop("webServiceURL"), p.pop("authenticationToken")),
    "texts like null": field("backFields", 0, value='null [] "x":null'),
    "zone": put("expirationDate", "2026-12-31T23:59+01:00"),
    "fractions": put("expirationDate", "2026-12-31T23:59:00.5Z"),
    "colour narrow": put("stripColor", "rgb(1,2,3)"),
    "no detectors": field("backFields", 0, dataDetectorTypes=[]),
    "user info": put("userInfo", {"list": [], "deep": [1, "x", {"y": False}]}),
    "value empty": field("secondaryFields", 0, value=""),
    "beacons": put("beacons", [{"proximityUUID": UUID, "major": 0, "minor": 65535, "relevantText": "Hi"}]),
    "distance": put("maxDistance", 100),
    "app": lambda p: p.update(associatedStoreIdentifiers=[284910350], appLaunchURL="beans://card"),
    "actions": put("featuredActions", [{"identifier": "a", "type": "membershipBenefits", "url": "https://x.example"}]),
    "new and old barcode": lambda p: p["barcodes"].insert(
        0, {"format": "PKBarcodeFormatEAN13", "message": "4006381333931", "messageEncoding": "iso-8859-1"}
    ),
    "vendor key": put("newIn2030", {"any": ["thing"]}),
    "vendor key of a field": field(newIn2030=True),
    "balance": put("semantics", {"balance": {"amount": "12.99", "currencyCode": "EUR"}}),
    "coupon": lambda p: p.update(coupon=p.pop("storeCard")),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_phones_accept_is_left_alone(name: str, sound: Pass, identity: Identity) -> None:
    """Rare but sound content is not refused."""
    GOOD[name](sound)
    assert faults_of(sound, identity) == []


@pytest.mark.parametrize(
    ("message", "good"),
    [
        ("400638133393", True),
        ("4006381333931", True),
        ("4006381333932", False),
        ("40063813339", False),
        ("40063813339x1", False),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", False),
    ],
)
def test_an_ean13_has_its_check_digit(sound: Pass, identity: Identity, message: str, good: bool) -> None:
    """Twelve digits, or thirteen whose last is right, are an EAN-13."""
    ean = {"format": "PKBarcodeFormatEAN13", "message": message, "messageEncoding": "utf-8"}
    sound["barcodes"].insert(0, ean)
    assert [fault.key for fault in faults_of(sound, identity)] == ([] if good else ["barcodes[0].message"])


def test_plain_http_is_for_those_who_ask(sound: Pass, identity: Identity) -> None:
    """A web service without TLS passes only where it is allowed."""
    sound["webServiceURL"] = "http://127.0.0.1:8000/apple"
    assert faults_of(sound, identity, allow_http=True) == []
    assert len(faults_of(sound, identity)) == 1


@pytest.mark.parametrize("files", [(), ("logo.png",), ("en.lproj/icon.png",)])
def test_a_package_needs_an_icon(sound: Pass, identity: Identity, files: tuple[str, ...]) -> None:
    """Without an icon at its top no package is opened."""
    (fault,) = faults_of(sound, identity, files=files)
    assert (fault.place, fault.key) == ("package", "icon.png")


def test_a_poster_needs_a_card_beside_it(sound: Pass, identity: Identity) -> None:
    """A poster alone is for iOS 27 only; beside a store card it may repeat keys, but needs its artwork."""
    poster = {"headerFields": [{"key": "balance", "value": 1}], "primaryFields": [{"key": "tier", "value": "Gold"}]}
    files = (*FILES, "artwork@2x.png")
    sound["posterGeneric"] = poster
    assert faults_of(sound, identity, files=files) == []
    assert [fault.key for fault in faults_of(sound, identity)] == ["artwork.png"]
    sound["posterGeneric"] = {"auxiliaryFields": [{"key": "a", "value": 1}]}
    assert "0 at most" in faults_of(sound, identity, files=files)[0].message
    del sound["storeCard"]
    sound["posterGeneric"] = poster
    (fault,) = faults_of(sound, identity, files=files)
    assert (fault.key, "Add a storeCard" in fault.message) == ("posterGeneric", True)


def test_nfc_follows_its_rules(sound: Pass, nfc_identity: Identity) -> None:
    """With the right certificate, message and key are checked."""
    good = {"message": "x" * 64, "encryptionPublicKey": spki(ec.generate_private_key(ec.SECP256R1()))}
    sound["nfc"] = {**good, "requiresAuthentication": True}
    assert faults_of(sound, nfc_identity) == []
    sound["sharingProhibited"] = False
    assert [fault.key for fault in faults_of(sound, nfc_identity)] == ["sharingProhibited"]
    sound["nfc"] = {**good, "message": "é" * 33}
    assert [fault.key for fault in faults_of(sound, nfc_identity)] == ["nfc.message"]
    other_curve = spki(ec.generate_private_key(ec.SECP384R1()))
    for key in ("x", "AAAA", f"-----BEGIN PUBLIC KEY-----\n{good['encryptionPublicKey']}", other_curve, "\ud800"):
        sound["nfc"] = {**good, "encryptionPublicKey": key}
        assert "nfc.encryptionPublicKey" in [fault.key for fault in faults_of(sound, nfc_identity)]
    sound["nfc"] = {}
    assert len(faults_of(sound, nfc_identity)) == 2


def test_personalization_needs_nfc(sound: Pass, identity: Identity, nfc_identity: Identity) -> None:
    """A sign-up in the wallet is refused without NFC dictionary and certificate."""
    files = (*FILES, "personalization.json")
    assert [fault.key for fault in faults_of(sound, identity, files=files)] == ["personalization.json", "nfc"]
    assert [fault.key for fault in faults_of(sound, nfc_identity, files=files)] == ["nfc"]


def test_other_styles_have_their_own_room(sound: Pass, identity: Identity) -> None:
    """Boarding passes and tickets may hold what store cards may not."""
    sound["boardingPass"] = sound.pop("storeCard")
    sound |= {"groupingIdentifier": "trip", "relevantDate": "2026-12-31T23:59:00Z"}
    assert [fault.key for fault in faults_of(sound, identity)] == ["boardingPass.transitType"]
    sound["boardingPass"]["transitType"] = "PKTransitTypeTrain"
    assert faults_of(sound, identity) == []
    sound["eventTicket"] = sound.pop("boardingPass")
    sound["eventTicket"].pop("transitType")
    sound["eventTicket"]["auxiliaryFields"][0]["row"] = 1
    assert faults_of(sound, identity) == []


def test_all_faults_are_named_at_once(sound: Pass, identity: Identity) -> None:
    """One look finds them all."""
    for name in ("version missing", "url http", "latitude", "message empty", "colour hex"):
        FAULTY[name][0](sound)
    assert len(faults_of(sound, identity)) == 5


@pytest.mark.parametrize("pass_json", [None, [], "text", 1, True])
def test_a_pass_is_an_object(pass_json: object, identity: Identity) -> None:
    """Any other JSON is one fault."""
    assert len(faults_of(pass_json, identity)) == 1


def test_depth_and_length_do_not_break_it(sound: Pass, identity: Identity) -> None:
    """Nesting beyond reason and endless numbers are faults like others."""
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    sound |= {"userInfo": deep, "maxDistance": -(10**5000), "relevantDates": deep}
    keys = [fault.key for fault in faults_of(sound, identity)]
    assert "maxDistance" in keys
    assert any("nested too deep" in fault.message for fault in faults_of(sound, identity))


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(st.characters(), max_size=8)
    | st.sampled_from(["%@", "2026-12-31T23:59:00Z", "rgb(1, 2, 3)", "PKBarcodeFormatEAN13", "utf-8", "\ud800", URL])
)  # fmt: skip
KNOWN_KEYS = sorted(
    {*lint.KEYS, *PARTS, *CLASSIC_STYLES, POSTER, *SLOTS, *FIELD, *LOCATION, *BEACON, *BARCODE, *ACTION, *NFC}
    | {"webServiceURL", "authenticationToken", "barcode", "userInfo", "balance"}
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KNOWN_KEYS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(junk=JUNK, data=st.data())
def test_junk_never_breaks_it(identity: Identity, junk: Any, data: st.DataObject) -> None:
    """Arbitrary JSON leads to a list of faults, at the top and under every key that has a meaning."""
    faults_of(junk, identity)
    for key in data.draw(st.lists(st.sampled_from(KNOWN_KEYS), max_size=8)):
        assert isinstance(faults_of({key: junk}, identity), list)
    slots = {slot: [junk, {"key": junk, "value": junk, "currencyCode": junk}] for slot in SLOTS}
    faults_of({"storeCard": slots, "barcodes": [junk, {"format": junk, "message": junk}]}, identity)


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from(KNOWN_KEYS), junk=JUNK)
def test_what_passes_can_be_written(face: Face, card: Card, identity: Identity, key: str, junk: Any) -> None:
    """A pass without faults is JSON, has no null in it, and says the same when it is linted again."""
    pass_json = draw(structs.replace(face, apple={key: junk}), card, team_identifier="SANDBOX123", web_service_url=URL)
    before = deepcopy(pass_json)
    if not faults_of(pass_json, identity):
        assert b":null" not in to_json(pass_json)
    assert repr(pass_json) == repr(before)
