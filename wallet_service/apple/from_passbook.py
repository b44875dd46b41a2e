"""Passes of the old `passbook` library, read by their shape, as a pass.json that phones accept.

The library's objects: https://github.com/devartis/passbook. Its own JSON writes null distances, empty texts and a left
alignment everywhere, and fails on datetimes, decimals and Code 128 without a text; none of that is carried over.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from wallet_service.apple.pass_json import message_encoding, rgb, w3c_date

SLOTS = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
SLOTS_WITHOUT_ALIGNMENT = ("primaryFields", "backFields")
LEFT, JUSTIFIED = "PKTextAlignmentLeft", "PKTextAlignmentJustified"
STYLES_WITHOUT_DATES = ("storeCard", "coupon")
PLAIN_KEYS = (
    *("passTypeIdentifier", "serialNumber", "teamIdentifier", "organizationName", "description"),
    *("logoText", "associatedStoreIdentifiers", "appLaunchURL", "userInfo"),
)
FLAG_KEYS = ("voided", "sharingProhibited")
DATE_KEYS = ("dateStyle", "timeStyle", "isRelative", "ignoresTimeZone")
NUMBER_KEYS = ("currencyCode", "numberStyle")
COLOR_KEYS = ("backgroundColor", "foregroundColor", "labelColor")
NFC_KEYS = {
    "nfc_message": "message",
    "encryption_public_key": "encryptionPublicKey",
    "requiresAuthentication": "requiresAuthentication",
}


def from_passbook(obj: Any) -> dict[str, Any]:
    """Return the pass.json of a `passbook` Pass, for `ApplePasses.sign`; its files are not part of it.

    A datetime without a zone is taken for UTC, as the library never knew zones. What only the owner can decide, such
    as a field key used twice, stays as it is and is named when the pass is signed.
    """
    style = obj.passInformation.jsonname
    dates = ("expirationDate",) if style in STYLES_WITHOUT_DATES else ("expirationDate", "relevantDate")
    return {
        "formatVersion": 1,
        **_filled(obj, PLAIN_KEYS),
        **dict.fromkeys(_filled(obj, FLAG_KEYS), True),
        **{key: rgb(color) for key, color in _filled(obj, COLOR_KEYS).items()},
        "suppressStripShine": bool(getattr(obj, "suppressStripShine", False)),
        style: _style(obj.passInformation),
        **{key: _w3c(moment) for key, moment in _filled(obj, dates).items()},
        **_parts(obj),
        **_web_service(obj),
    }


def _parts(obj: Any) -> dict[str, Any]:
    barcodes = getattr(obj, "barcodes", None) or [getattr(obj, "barcode", None)]
    parts = {
        "barcodes": [_barcode(vars(each)) for each in barcodes if each is not None],
        "locations": [_location(vars(each)) for each in getattr(obj, "locations", None) or ()],
        "beacons": [_clean(vars(each)) for each in getattr(obj, "ibeacons", None) or ()],
        "nfc": {NFC_KEYS[name]: value for name, value in _filled(obj, NFC_KEYS).items()},
    }
    return {key: part for key, part in parts.items() if part}


def _web_service(obj: Any) -> dict[str, Any]:
    if not getattr(obj, "webServiceURL", None):
        return {}
    return {"webServiceURL": obj.webServiceURL.rstrip("/"), "authenticationToken": obj.authenticationToken}


def _filled(obj: Any, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(obj, name, None) for name in names}
    return {name: value for name, value in values.items() if value}


def _clean(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value != ""}


def _style(information: Any) -> dict[str, Any]:
    style = {slot: [_field(vars(each), slot) for each in getattr(information, slot)] for slot in SLOTS}
    style = {slot: fields for slot, fields in style.items() if fields}
    transit = getattr(information, "transitType", None)
    return {**style, "transitType": transit} if transit else style


def _field(given: Mapping[str, Any], slot: str) -> dict[str, Any]:
    field = _clean(given)
    is_date = "dateStyle" in field or "timeStyle" in field or isinstance(given["value"], date)
    moment = _moment(given["value"]) if is_date else None
    if moment is not None:
        field["value"] = w3c_date(moment)
        field.setdefault("dateStyle", "PKDateStyleShort")
    else:
        field["value"] = _number_or_text(given["value"], read=any(key in field for key in NUMBER_KEYS))
        _drop(field, DATE_KEYS)
    if isinstance(field["value"], str):
        _drop(field, NUMBER_KEYS)
    if slot in SLOTS_WITHOUT_ALIGNMENT or field.get("textAlignment") in (LEFT, JUSTIFIED):
        _drop(field, ("textAlignment",))
    return field


def _drop(field: dict[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        field.pop(key, None)


def _number_or_text(value: Any, *, read: bool) -> str | int | float | Decimal:
    """Return a number as it is and anything else as text; with `read`, a text that says a number as that number."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    text = "" if value is None else str(value)
    try:
        number = Decimal(text) if read else None
    except InvalidOperation:
        number = None
    return number if number is not None and number.is_finite() else text


def _moment(value: object) -> datetime | None:
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if isinstance(read, datetime):
        return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
    return datetime.combine(read, time(), UTC) if isinstance(read, date) else None


def _w3c(value: object) -> object:
    moment = _moment(value)
    return value if moment is None else w3c_date(moment)


def _barcode(given: Mapping[str, Any]) -> dict[str, Any]:
    barcode = _clean(given)
    if barcode.get("messageEncoding", "iso-8859-1").lower() == "iso-8859-1":
        barcode["messageEncoding"] = message_encoding(str(given["message"]))
    return {**barcode, "message": str(given["message"])}


def _location(given: Mapping[str, Any]) -> dict[str, Any]:
    location = _clean(given)
    location.pop("distance", None)  # No key of Apple's; the distance is `maxDistance`, one for all.
    if not location.get("altitude"):
        location.pop("altitude", None)  # The library writes 0.0 where none was given.
    return location
