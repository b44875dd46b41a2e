"""Make the sandbox's schema of loyalty classes and objects: `python make_schema.py walletobjects.v1.json`.

The argument is the discovery document of walletobjects:v1 (google-api-python-client carries one). Types, enums and
what is deprecated are read from it. What it says in prose alone is stated here, as data.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "wallet_service" / "sandbox" / "walletobjects.json"
ROOTS = ("LoyaltyClass", "LoyaltyObject", "AddMessageRequest")

RESOURCE_ID = r"[0-9]+\.[A-Za-z0-9._-]+"
URI = r"[A-Za-z][A-Za-z0-9+.-]*:\S+"
DATE = r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d([.]\d{1,9})?)?(Z|[+-]\d\d:\d\d(:\d\d)?)?)?"
LANGUAGE = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"

REQUIRED: dict[str, list[str]] = {
    "LoyaltyClass": ["id", "issuerName", "programLogo", "programName", "reviewStatus"],
    "LoyaltyObject": ["id", "classId", "state"],
    "AddMessageRequest": ["message"],
    "AppLinkDataAppLinkInfo": ["appTarget"],
    "Barcode": ["type"],
    "CallbackOptions": ["url"],
    "CardRowOneItem": ["item"],
    "CardRowThreeItems": ["startItem", "middleItem", "endItem"],
    "CardRowTwoItems": ["startItem", "endItem"],
    "CardTemplateOverride": ["cardRowTemplateInfos"],
    "DateTime": ["date"],
    "DetailsItemInfo": ["item"],
    "DetailsTemplateOverride": ["detailsItemInfos"],
    "FieldReference": ["fieldPath"],
    "FieldSelector": ["fields"],
    "ImageModuleData": ["mainImage"],
    "ImageUri": ["uri"],
    "LocalizedString": ["defaultValue"],
    "LoyaltyPoints": ["balance"],
    "MerchantLocation": ["latitude", "longitude"],
    "Money": ["currencyCode", "micros"],
    "RotatingBarcode": ["type", "valuePattern", "totpDetails"],
    "RotatingBarcodeTotpDetails": ["algorithm", "periodMillis", "parameters"],
    "RotatingBarcodeTotpDetailsTotpParameters": ["key", "valueLength"],
    "TranslatedString": ["language", "value"],
    "Uri": ["uri"],
    "ValueAddedModuleData": ["header", "uri"],
}
EXACTLY_ONE: dict[str, list[str]] = {
    "CardRowTemplateInfo": ["oneItem", "twoItems", "threeItems"],
    "Image": ["sourceUri", "privateImageId"],
    "LoyaltyPointsBalance": ["string", "int", "double", "money"],
    "TemplateItem": ["firstValue", "predefinedItem"],
}
# What Google fills in, and a caller does not send.
OUTPUT = {
    "LoyaltyClass.review",
    "LoyaltyObject.classReference",
    "LoyaltyObject.hasLinkedDevice",
    "LoyaltyObject.hasUsers",
}
# Fewer values than the enum has: those that a caller may send for this type of card.
ENUMS: dict[str, list[str]] = {
    "LoyaltyClass.reviewStatus": ["DRAFT", "UNDER_REVIEW"],
    "Message.messageType": ["TEXT", "TEXT_AND_NOTIFY"],
    "RotatingBarcode.type": ["QR_CODE", "PDF_417"],
}
LATITUDE, LONGITUDE = {"minimum": -90, "maximum": 90}, {"minimum": -180, "maximum": 180}
LIMITS: dict[str, dict[str, Any]] = {
    "AppLinkDataAppLinkInfoAppTarget.packageName": {"pattern": r"[A-Za-z][\w]*(\.[A-Za-z][\w]*)+"},
    "CallbackOptions.url": {"pattern": URI},
    "CardTemplateOverride.cardRowTemplateInfos": {"maxItems": 3},
    "DateTime.date": {"pattern": DATE},
    "ImageUri.uri": {"pattern": URI},
    "LoyaltyClass.hexBackgroundColor": {"pattern": "#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})"},
    "LoyaltyClass.id": {"pattern": RESOURCE_ID},
    "LoyaltyClass.merchantLocations": {"maxItems": 10},
    "LoyaltyClass.messages": {"maxItems": 10},
    "LoyaltyClass.valueAddedModuleData": {"maxItems": 15},
    "LoyaltyObject.classId": {"pattern": RESOURCE_ID},
    "LoyaltyObject.id": {"pattern": RESOURCE_ID},
    "LoyaltyObject.merchantLocations": {"maxItems": 10},
    "LoyaltyObject.messages": {"maxItems": 10},
    "LoyaltyObject.smartTapRedemptionValue": {"pattern": r"[\x00-\x7f]*"},
    "LoyaltyObject.valueAddedModuleData": {"maxItems": 15},
    "MerchantLocation.latitude": LATITUDE,
    "MerchantLocation.longitude": LONGITUDE,
    "Money.currencyCode": {"pattern": "[A-Z]{3}"},
    "RotatingBarcodeTotpDetailsTotpParameters.key": {"pattern": "([0-9A-Fa-f]{2})+"},
    "SaveRestrictions.restrictToEmailSha256": {"pattern": "[0-9a-f]{64}"},
    "TextModuleData.id": {"pattern": "[A-Za-z0-9_-]+"},
    "TranslatedString.language": {"pattern": LANGUAGE},
    "Uri.uri": {"pattern": URI},
    "ValueAddedModuleData.uri": {"pattern": URI},
}
# What an answer that refuses looks like; the document has no type for it.
TEXT = {"type": "string"}
ERRORS: dict[str, Any] = {
    "ErrorResponse": {"properties": {"error": {"$ref": "Error"}}, "required": ["error"]},
    "Error": {
        "properties": {
            "code": {"type": "integer", "format": "int32"},
            "errors": {"type": "array", "items": {"$ref": "ErrorItem"}},
            "message": TEXT,
            "status": TEXT,
        },
        "required": ["code", "message"],
    },
    "ErrorItem": {"properties": {"domain": TEXT, "message": TEXT, "reason": TEXT}, "required": ["message", "reason"]},
}


def trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that the sandbox checks by, made from a discovery document."""
    types: dict[str, Any] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in types:
            types[name] = _type(name, document["schemas"][name]["properties"])
            waiting += _references(types[name])
    _check_names(types)
    source = {"name": document["name"], "version": document["version"], "revision": document["revision"]}
    return {"source": source, "types": types | ERRORS}


def _type(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"properties": {key: _member(f"{name}.{key}", each) for key, each in properties.items()}}
    if name in REQUIRED:
        made["required"] = REQUIRED[name]
    if name in EXACTLY_ONE:
        made["exactlyOne"] = EXACTLY_ONE[name]
    return made


def _member(place: str, said: dict[str, Any]) -> dict[str, Any]:
    if said.get("deprecated") or said.get("description", "").startswith("Deprecated."):
        return {"deprecated": True}
    if place in OUTPUT:
        return {"output": True}
    kept = ("$ref", "type", "format")
    member: dict[str, Any] = {key: said[key] for key in kept if key in said}
    if "enum" in said:
        member["enum"] = ENUMS.get(place, _current(said))
    if "items" in said:
        member["items"] = _member(f"{place}[]", said["items"])
    return member | LIMITS.get(place, {})


def _current(said: dict[str, Any]) -> list[str]:
    """Return the values of an enum that are neither deprecated nor the one that says nothing."""
    deprecated = said.get("enumDeprecated", [False] * len(said["enum"]))
    pairs = zip(said["enum"], deprecated, strict=True)
    return [value for value, old in pairs if not old and not value.endswith("_UNSPECIFIED")]


def _references(made: object) -> list[str]:
    return re.findall(r'"\$ref": "(\w+)"', json.dumps(made))


def _check_names(types: dict[str, Any]) -> None:
    """Stop when a rule stated above speaks of something that the document does not have any more."""
    places = {f"{name}.{key}" for name, made in types.items() for key in made["properties"]}
    stated = {f"{name}.{key}" for rules in (REQUIRED, EXACTLY_ONE) for name, keys in rules.items() for key in keys}
    gone = sorted((stated | OUTPUT | ENUMS.keys() | LIMITS.keys()) - places)
    if gone:
        raise SystemExit(f"The document does not have {', '.join(gone)}. Correct the rules in {Path(__file__).name}.")


if __name__ == "__main__":
    discovery = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(trimmed(discovery), indent=1, sort_keys=True) + "\n", encoding="utf-8")
