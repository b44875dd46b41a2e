"""The parts of a pass besides its fields: places, barcodes, actions, NFC and what machines read."""

import base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from wallet_service.apple.lint_values import (
    PLACE,
    Check,
    check_keys,
    check_objects,
    currency,
    date,
    filled,
    flag,
    number,
    one_of,
    shown,
    text,
    uuid,
    whole,
    within,
)
from wallet_service.domain.errors import Fault

LONGEST_NFC_MESSAGE = 64
MOST_PLACES = 10
MOST_ACTIONS = 2
MOST_DATES = MOST_BARCODES = 100
# Known to all phones in use; the others came with iOS 27.
OLD_FORMATS = tuple(f"PKBarcodeFormat{each}" for each in ("QR", "PDF417", "Aztec", "Code128"))
NEW_FORMATS = tuple(f"PKBarcodeFormat{each}" for each in ("Code39", "Codabar", "EAN13", "I2of5"))
ENCODINGS = frozenset(
    (
        *("iso-8859-1", "utf-8", "us-ascii", "ascii", "utf-16", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr"),
        *("gb2312", "gbk", "gb18030", "big5", *(f"iso-8859-{part}" for part in range(2, 17) if part != 12)),
        *(f"windows-{page}" for page in range(1250, 1259)),
    )
)
ACTIONS = (
    *("viewSchedule", "watchTrailer", "listenToMusic", "call", "place", "addToBalance", "order", "shop"),
    *("membershipBenefits", "bookAppointment", "bookCar", "bookFlight", "bookStay", "viewOffersRewards"),
)
LOCATION: Mapping[str, Check] = {
    "latitude": within(-90, 90),
    "longitude": within(-180, 180),
    "altitude": number,
    "relevantText": filled,
}
BEACON: Mapping[str, Check] = {
    "proximityUUID": uuid,
    "major": whole(0, 65535),
    "minor": whole(0, 65535),
    "relevantText": filled,
}
BARCODE: Mapping[str, Check] = {
    "format": one_of(*OLD_FORMATS, *NEW_FORMATS),
    "message": filled,
    "messageEncoding": filled,
    "altText": text,
}
ACTION: Mapping[str, Check] = {"identifier": filled, "type": one_of(*ACTIONS), "url": filled}
RELEVANT_DATE: Mapping[str, Check] = dict.fromkeys(("date", "relevantDate", "startDate", "endDate"), date)
NFC: Mapping[str, Check] = {"message": filled, "encryptionPublicKey": filled, "requiresAuthentication": flag}
BALANCE: Mapping[str, Check] = {"amount": filled, "currencyCode": currency}


def _locations(value: Any, at: str, found: list[Fault]) -> None:
    check_objects(value, at, LOCATION, ("latitude", "longitude"), found, most=MOST_PLACES)


def _beacons(value: Any, at: str, found: list[Fault]) -> None:
    check_objects(value, at, BEACON, ("proximityUUID",), found, most=MOST_PLACES)


def _relevant_dates(value: Any, at: str, found: list[Fault]) -> None:
    check_objects(value, at, RELEVANT_DATE, (), found, most=MOST_DATES)


def _actions(value: Any, at: str, found: list[Fault]) -> None:
    check_objects(value, at, ACTION, ("identifier", "type"), found, most=MOST_ACTIONS)


def _barcodes(value: Any, at: str, found: list[Fault]) -> None:
    check_objects(value, at, BARCODE, ("format", "message", "messageEncoding"), found, most=MOST_BARCODES)
    if type(value) is not list:
        return
    for index, entry in enumerate(value):
        if type(entry) is dict:
            _barcode(entry, f"{at}[{index}]", found)
    if value and all(type(entry) is dict and entry.get("format") in NEW_FORMATS for entry in value):
        message = "has only formats that came with iOS 27. Add a PKBarcodeFormatQR as the last for older phones."
        found.append(Fault(PLACE, at, message))


def _barcode(entry: dict[str, Any], at: str, found: list[Fault]) -> None:
    message = entry.get("message")
    if (fault := _encoding_fault(message, entry.get("messageEncoding"))) is not None:
        found.append(Fault(PLACE, f"{at}.messageEncoding", fault))
    if entry.get("format") == "PKBarcodeFormatEAN13" and not _is_ean13(message):
        fault = "is no EAN-13. Write 12 digits, or 13 with the right check digit."
        found.append(Fault(PLACE, f"{at}.message", fault))


def _encoding_fault(message: object, encoding: object) -> str | None:
    if type(message) is not str or type(encoding) is not str:
        return None
    if encoding.lower() not in ENCODINGS:
        return f"is {shown(encoding)}, which scanners do not know. Use iso-8859-1, or utf-8."
    try:
        message.encode(encoding)
    except UnicodeEncodeError:
        return f"is {shown(encoding)}, which cannot say this message. Use utf-8."
    return None


def _is_ean13(message: object) -> bool:
    if type(message) is not str or not (message.isascii() and message.isdigit() and len(message) in (12, 13)):
        return False
    weighted = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(message[:12]))
    return len(message) == 12 or int(message[12]) == -weighted % 10


def _nfc(value: Any, at: str, found: list[Fault]) -> None:
    check_keys(value, at, NFC, ("message", "encryptionPublicKey"), found)
    if type(value) is not dict:
        return
    message, key = value.get("message"), value.get("encryptionPublicKey")
    if type(message) is str and len(message.encode("utf-8", "replace")) > LONGEST_NFC_MESSAGE:
        fault = f"is longer than {LONGEST_NFC_MESSAGE} bytes, and phones cut it there. Shorten it."
        found.append(Fault(PLACE, f"{at}.message", fault))
    if type(key) is str and not _is_p256(key):
        fault = "is no P-256 public key. Give the Base64 of its SubjectPublicKeyInfo, without PEM lines."
        found.append(Fault(PLACE, f"{at}.encryptionPublicKey", fault))


@lru_cache(maxsize=64)
def _is_p256(encoded: str) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(encoded, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _semantics(value: Any, at: str, found: list[Fault]) -> None:
    check_keys(value, at, {}, (), found)
    if type(value) is dict and "balance" in value:
        check_keys(value["balance"], f"{at}.balance", BALANCE, ("amount", "currencyCode"), found)


PARTS: Mapping[str, Callable[[Any, str, list[Fault]], None]] = {
    "locations": _locations,
    "beacons": _beacons,
    "relevantDates": _relevant_dates,
    "barcodes": _barcodes,
    "featuredActions": _actions,
    "nfc": _nfc,
    "semantics": _semantics,
}
