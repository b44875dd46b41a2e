"""The sandbox finds everything in a class or an object for which Google would refuse it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.sandbox import walletobjects
from wallet_service.sandbox.walletobjects import faults

SCHEMA = json.loads(Path(walletobjects.__file__).with_suffix(".json").read_text(encoding="utf-8"))
TEXT = {"defaultValue": {"language": "en", "value": "Text"}}
CLASS: dict[str, Any] = {
    "id": "12.program-points",
    "issuerName": "Shop",
    "programName": "Club",
    "programLogo": {"sourceUri": {"uri": "https://a.example/logo.png"}, "contentDescription": TEXT},
    "reviewStatus": "UNDER_REVIEW",
    "classTemplateInfo": {
        "cardTemplateOverride": {
            "cardRowTemplateInfos": [
                {"oneItem": {"item": {"firstValue": {"fields": [{"fieldPath": "object.accountName"}]}}}}
            ]
        }
    },
    "merchantLocations": [{"latitude": 50, "longitude": 14.4}],
    "messages": [{"header": "H", "body": "B", "messageType": "TEXT_AND_NOTIFY"}],
    "enableSmartTap": False,
}
OBJECT: dict[str, Any] = {
    "id": "12.card-1",
    "classId": "12.program-points",
    "state": "ACTIVE",
    "loyaltyPoints": {"label": "P", "balance": {"int": 5}},
    "secondaryLoyaltyPoints": {"balance": {"money": {"currencyCode": "EUR", "micros": "5000000"}}},
    "barcode": {"type": "QR_CODE", "value": "1"},
    "textModulesData": [{"id": "a_b-1", "header": "H", "body": "B"}],
    "validTimeInterval": {"start": {"date": "2026-06-01"}, "end": {"date": "2026-07-01T10:00"}},
    "groupingInfo": {"sortIndex": 1},
}
BODIES = {"LoyaltyClass": CLASS, "LoyaltyObject": OBJECT}


def changed(kind: str, path: str, value: object) -> dict[str, Any]:
    """Return a good body with one value set; the path is made of keys and indexes."""
    body: Any = copy.deepcopy(BODIES[kind])
    *before, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    part = body
    for each in before:
        part = part[each] if isinstance(each, int) else part.setdefault(each, {})
    part[last] = value
    return dict(body)


def found(kind: str, path: str, value: object, *, partial: bool = False) -> list[str]:
    """Return the keys of the faults of a good body with one value set."""
    return [each.key for each in faults(kind, changed(kind, path, value), partial=partial)]


def field_path(path: str) -> list[str]:
    """Return what is wrong with a path in a row of a class."""
    place = "classTemplateInfo.cardTemplateOverride.cardRowTemplateInfos.0.oneItem.item.firstValue.fields.0.fieldPath"
    return found("LoyaltyClass", place, path)


@pytest.mark.parametrize("kind", ["LoyaltyClass", "LoyaltyObject"])
def test_a_good_body_has_no_faults(kind: str) -> None:
    """It is accepted whole, as a change, and with nulls that say nothing."""
    for partial in (False, True):
        assert faults(kind, BODIES[kind], partial=partial) == []
        assert faults(kind, {**BODIES[kind], "linksModuleData": None}, partial=partial) == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("LoyaltyObject", "loyaltypoints", {}),
        ("LoyaltyObject", "textModulesData.0.text", "B"),
        ("LoyaltyObject", "rewardsTier", "Gold"),
        ("LoyaltyObject", "loyaltyPoints.balance.int", "5"),
        ("LoyaltyObject", "loyaltyPoints.balance.int", True),
        ("LoyaltyObject", "loyaltyPoints.balance.int", 5.0),
        ("LoyaltyObject", "loyaltyPoints.balance.int", 2**31),
        ("LoyaltyObject", "loyaltyPoints.label", 5),
        ("LoyaltyObject", "secondaryLoyaltyPoints.balance.money.micros", 5000000),
        ("LoyaltyObject", "secondaryLoyaltyPoints.balance.money.micros", "5.0"),
        ("LoyaltyObject", "secondaryLoyaltyPoints.balance.money.micros", str(2**63)),
        ("LoyaltyObject", "secondaryLoyaltyPoints.balance.money.currencyCode", "€"),
        ("LoyaltyObject", "state", "active"),
        ("LoyaltyObject", "state", "STATE_UNSPECIFIED"),
        ("LoyaltyObject", "state", None),
        ("LoyaltyObject", "id", "card-1"),
        ("LoyaltyObject", "id", "12.card/1"),
        ("LoyaltyObject", "id", "12.card-1\n"),
        ("LoyaltyObject", "classId", "shop.points"),
        ("LoyaltyObject", "textModulesData", {"id": "a"}),
        ("LoyaltyObject", "textModulesData.0", "text"),
        ("LoyaltyObject", "textModulesData.0", None),
        ("LoyaltyObject", "textModulesData.0.id", "a.b"),
        ("LoyaltyObject", "textModulesData.0.id", ""),
        ("LoyaltyObject", "barcode.type", "qrCode"),
        ("LoyaltyObject", "barcode.kind", "walletobjects#barcode"),
        ("LoyaltyObject", "kind", "walletobjects#loyaltyObject"),
        ("LoyaltyObject", "version", "1"),
        ("LoyaltyObject", "infoModuleData", {}),
        ("LoyaltyObject", "hasUsers", True),
        ("LoyaltyObject", "classReference", {}),
        ("LoyaltyObject", "validTimeInterval.end.date", "tomorrow"),
        ("LoyaltyObject", "disableExpirationNotification", "true"),
        ("LoyaltyClass", "programLogo.sourceUri.uri", "logo.png"),
        ("LoyaltyClass", "programLogo.contentDescription.defaultValue.language", "in English"),
        ("LoyaltyClass", "reviewStatus", "APPROVED"),
        ("LoyaltyClass", "hexBackgroundColor", "rgb(0, 0, 0)"),
        ("LoyaltyClass", "merchantLocations", [{"latitude": 1, "longitude": 1}] * 11),
        ("LoyaltyClass", "merchantLocations.0.latitude", 90.1),
        ("LoyaltyClass", "merchantLocations.0.longitude", "14.4"),
        ("LoyaltyClass", "merchantLocations.0.longitude", True),
        ("LoyaltyClass", "merchantLocations.0.longitude", float("nan")),
        ("LoyaltyClass", "merchantLocations.0.longitude", 10**400),
        ("LoyaltyClass", "messages.0.messageType", "EXPIRATION_NOTIFICATION"),
        ("LoyaltyClass", "enableSmartTap", 1),
        ("LoyaltyClass", "locations", []),
        ("LoyaltyClass", "wordMark", {}),
    ],
)
def test_one_wrong_value_is_one_fault(kind: str, path: str, value: object) -> None:
    """It is named by its place; an element of a list by its number."""
    place = "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path.split(".")).lstrip(".")
    assert found(kind, path, value) == [place]


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_a_body_that_is_no_object_is_a_fault(body: object) -> None:
    """Whatever JSON holds, the answer is a list of faults."""
    (fault,) = faults("LoyaltyObject", body, partial=False)
    assert str(fault) == "LoyaltyObject: is no JSON object. Send a LoyaltyObject."


def test_what_is_required_must_be_there() -> None:
    """The members that Google's document calls required are named one by one, nested ones too."""
    assert [each.key for each in faults("LoyaltyObject", {}, partial=False)] == ["id", "classId", "state"]
    wanted = ["id", "issuerName", "programLogo", "programName", "reviewStatus"]
    assert [each.key for each in faults("LoyaltyClass", {}, partial=False)] == wanted
    assert found("LoyaltyObject", "loyaltyPoints", {"label": "P"}) == ["loyaltyPoints.balance"]


def test_a_change_names_only_what_changes() -> None:
    """In a PATCH all may be left out, null clears, and what is required cannot be cleared."""
    change = {"accountName": None, "loyaltyPoints": {"balance": {"int": 6, "money": None}}, "barcode": {"value": "2"}}
    assert faults("LoyaltyObject", change, partial=True) == []
    (fault,) = faults("LoyaltyObject", {"state": None}, partial=True)
    assert (fault.key, fault.message) == ("state", "is required, and cannot be cleared. Leave it out.")
    (fault,) = faults("LoyaltyClass", {"merchantLocations": [{"latitude": 1}]}, partial=True)
    assert fault.key == "merchantLocations[0].longitude"


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("LoyaltyObject", "loyaltyPoints.balance", {}),
        ("LoyaltyObject", "loyaltyPoints.balance", {"int": 5, "string": "5"}),
        ("LoyaltyObject", "heroImage", {}),
        ("LoyaltyObject", "heroImage", {"sourceUri": {"uri": "https://a.example"}, "privateImageId": "1"}),
        ("LoyaltyClass", "classTemplateInfo.cardTemplateOverride.cardRowTemplateInfos.0", {}),
    ],
)
def test_of_some_members_there_is_exactly_one(kind: str, path: str, value: object) -> None:
    """Neither none nor two of them are accepted."""
    place = path.replace(".0", "[0]")
    assert found(kind, path, value) == [place]


def test_a_slip_of_the_pen_is_corrected() -> None:
    """An unknown member is named with the one that was probably meant, never with a deprecated one."""
    (fault,) = faults("LoyaltyObject", {**OBJECT, "barCode": {}}, partial=False)
    assert fault.message == "is no known member. Did you mean barcode?"
    (fault,) = faults("LoyaltyObject", {**OBJECT, "versions": "1"}, partial=False)
    assert fault.message == "is no known member. Leave it out."


@pytest.mark.parametrize(
    "path",
    [
        "object.accountName",
        "object.loyaltyPoints.balance",
        "object.textModulesData['tier']",
        "object.linksModuleData.uris['visit']",
        "class.imageModulesData['menu']",
        "class.programName",
    ],
)
def test_a_path_to_something_is_accepted(path: str) -> None:
    """It begins at the object or the class, and every step of it exists."""
    assert field_path(path) == []


@pytest.mark.parametrize(
    "path",
    [
        "accountName",
        "object",
        "object.rewardsTier",
        "object.loyaltyPoints.points",
        "object.loyaltyPoints.balance.int.more",
        'object.textModulesData["tier"]',
        "object.textModulesData[0]",
        "object.textModulesData['a.b']",
        "object.accountName['x']",
        "class.infoModuleData",
        "class.wordMark",
    ],
)
def test_a_path_to_nothing_is_a_fault(path: str) -> None:
    """Google would leave such a row empty without saying so."""
    assert len(field_path(path)) == 1


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("barcode", {"type": "CODE_128", "renderEncoding": "UTF_8"}, "barcode.renderEncoding"),
        ("barcode", {"type": "QR_CODE", "renderEncoding": "LATIN_1"}, "barcode.renderEncoding"),
        ("barcode", {"type": "TEXT_ONLY", "alternateText": "A"}, "barcode.alternateText"),
        ("validTimeInterval.end.date", "2026-07-01T10:00Z", "validTimeInterval.start"),
        ("rotatingBarcode", {"type": "AZTEC", "valuePattern": "", "totpDetails": 1}, "rotatingBarcode.type"),
    ],
)
def test_members_that_do_not_go_together_are_a_fault(path: str, value: object, key: str) -> None:
    """The rules between members of one part are held, too."""
    assert key in found("LoyaltyObject", path, value)


def test_an_item_cannot_have_a_second_value_alone() -> None:
    """The second value is written behind the first."""
    item = {"secondValue": {"fields": [{"fieldPath": "object.accountId"}]}}
    place = "classTemplateInfo.cardTemplateOverride.cardRowTemplateInfos.0.oneItem.item"
    assert any(key.endswith(".secondValue") for key in found("LoyaltyClass", place, item))


def test_messages_and_refusals_have_their_types() -> None:
    """What is added to a card, and what an answer looks like that refuses, can be checked as well."""
    assert faults("AddMessageRequest", {"message": {"header": "H", "body": "B"}}, partial=False) == []
    assert [each.key for each in faults("AddMessageRequest", {}, partial=False)] == ["message"]
    item = {"message": "M", "domain": "walletobjects", "reason": "notFound"}
    error = {"code": 404, "message": "M", "errors": [item], "status": "NOT_FOUND"}
    assert faults("ErrorResponse", {"error": error}, partial=False) == []


def test_the_schema_is_whole_and_without_prose() -> None:
    """Every type that is referred to is there, and no description came along."""
    members = [each for made in SCHEMA["types"].values() for each in made["properties"].values()]
    referred = {each.get("$ref") or each.get("items", {}).get("$ref") for each in members} - {None}
    assert referred <= SCHEMA["types"].keys()
    kinds, limits = {"$ref", "type", "deprecated", "output"}, {"maxItems", "minimum", "maximum", "pattern"}
    assert all(kinds & each.keys() for each in members)
    assert {key for each in members for key in each} == kinds | limits | {"enum", "format", "items"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*OBJECT, "balance", "int"]), inner),
    max_leaves=12,
)


@given(body=JSON, partial=st.booleans())
def test_no_json_breaks_the_check(body: object, partial: bool) -> None:
    """Whatever is sent, the answer is a list of faults."""
    assert all(each.message for each in faults("LoyaltyObject", body, partial=partial))
