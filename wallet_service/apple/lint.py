"""What phones refuse or drop without a word, found before a pass is signed.

Rules: https://developer.apple.com/documentation/walletpasses/pass and the messages of phones' own logs.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from wallet_service.apple.identity import Identity
from wallet_service.apple.lint_fields import CLASSIC_STYLES, POSTER, style_faults
from wallet_service.apple.lint_parts import PARTS
from wallet_service.apple.lint_values import (
    NULL,
    PLACE,
    Check,
    color,
    date,
    filled,
    flag,
    list_of,
    positive,
    shown,
    strays,
    text,
    whole,
)
from wallet_service.apple.pass_json import to_json
from wallet_service.domain.errors import Fault

SHORTEST_TOKEN = 16
CHECKED_ELSEWHERE = frozenset(("webServiceURL", "authenticationToken", POSTER, *CLASSIC_STYLES))
ICONS = frozenset(("icon.png", "icon@2x.png", "icon@3x.png"))
ARTWORKS = frozenset(("artwork.png", "artwork@2x.png", "artwork@3x.png"))


def _version(value: object) -> str | None:
    return None if type(value) is int and value == 1 else f"is {shown(value)}. Make it the number 1."


REQUIRED: Mapping[str, Check] = {
    "formatVersion": _version,
    **dict.fromkeys(
        ("passTypeIdentifier", "serialNumber", "teamIdentifier", "organizationName", "description"), filled
    ),
}
KEYS: Mapping[str, Check] = {
    **REQUIRED,
    "logoText": text,
    **dict.fromkeys(("backgroundColor", "foregroundColor", "labelColor", "stripColor", "footerBackgroundColor"), color),
    **dict.fromkeys(("suppressStripShine", "suppressHeaderDarkening", "useAutomaticColors"), flag),
    **dict.fromkeys(("voided", "sharingProhibited"), flag),
    "expirationDate": date,
    "relevantDate": date,
    "maxDistance": positive,
    "appLaunchURL": filled,
    "groupingIdentifier": filled,
    **dict.fromkeys(("associatedStoreIdentifiers", "auxiliaryStoreIdentifiers"), list_of(whole(1, 2**63 - 1))),
    "preferredStyleSchemes": list_of(filled),
}


def faults(pass_json: Mapping[str, Any], *, files: Iterable[str], identity: Identity, allow_http: bool) -> list[Fault]:
    """Return everything for which a phone would refuse this pass or leave out a part of it; never raises.

    `files` are the names of the package's static files; `allow_http` lets the web service be without TLS.
    """
    found: list[Fault] = []
    if type(pass_json) is not dict:
        return [Fault(PLACE, "", f"is {shown(pass_json)}. Make it an object.")]
    names = files if isinstance(files, frozenset) else frozenset(files)
    if not _is_json(pass_json):
        found += strays(pass_json, "")
    for key, value in pass_json.items():
        check = KEYS.get(key)
        if check is not None:
            if (message := check(value)) is not None:
                found.append(Fault(PLACE, key, NULL if value is None else message))
        elif key in PARTS:
            PARTS[key](value, key, found)
        elif key not in CHECKED_ELSEWHERE:
            found += strays({key: value}, "")
    found += [Fault(PLACE, key, "is missing. Add it.") for key in REQUIRED if key not in pass_json]
    style_faults(pass_json, found)
    _identity_faults(pass_json, identity, found)
    _web_service_faults(pass_json, allow_http, found)
    _misplaced_key_faults(pass_json, found)
    _nfc_faults(pass_json, names, identity, found)
    _file_faults(pass_json, names, found)
    return found


def _is_json(pass_json: dict[str, Any]) -> bool:
    try:
        to_json(pass_json)
    except TypeError:
        return False
    return True


def _identity_faults(pass_json: Mapping[str, Any], identity: Identity, found: list[Fault]) -> None:
    for key, wanted in (
        ("passTypeIdentifier", identity.pass_type_identifier),
        ("teamIdentifier", identity.team_identifier),
    ):
        given = pass_json.get(key)
        if type(given) is str and given != wanted:
            message = f"is {shown(given)} but the certificate signs for {wanted}. Use that, or its own certificate."
            found.append(Fault(PLACE, key, message))


def _web_service_faults(pass_json: Mapping[str, Any], allow_http: bool, found: list[Fault]) -> None:
    has_url, has_token = "webServiceURL" in pass_json, "authenticationToken" in pass_json
    if has_url and (message := _address_fault(pass_json["webServiceURL"], allow_http)) is not None:
        found.append(Fault(PLACE, "webServiceURL", message))
    if has_token and (message := _token_fault(pass_json["authenticationToken"])) is not None:
        found.append(Fault(PLACE, "authenticationToken", message))
    if has_url and not has_token:
        found.append(Fault(PLACE, "authenticationToken", "is missing beside webServiceURL. Give both or neither."))
    if has_token and not has_url:
        found.append(Fault(PLACE, "webServiceURL", "is missing beside authenticationToken. Give both or neither."))


def _address_fault(value: object, allow_http: bool) -> str | None:
    return _address_text_fault(value, allow_http) if type(value) is str else text(value)


@lru_cache(maxsize=64)
def _address_text_fault(value: str, allow_http: bool) -> str | None:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not value.isascii() or not value.isprintable() or " " in value:
        return f"is {shown(value)}. Write an address such as https://cards.example.com/apple."
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        return f"is {shown(value)}. Phones ask over https only."
    if parts.query or parts.fragment or parts.username is not None:
        return f"is {shown(value)}. Leave out user, query and fragment: phones append a path."
    if value.endswith("/"):
        return f"is {shown(value)}. Leave out the slash at its end: some wallets ask under //v1."
    if parts.path.endswith("/v1"):
        return f"is {shown(value)}. Leave out /v1: phones append it themselves."
    return None


def _token_fault(value: object) -> str | None:
    if type(value) is not str:
        return text(value)
    if len(value) < SHORTEST_TOKEN:
        return f"is shorter than {SHORTEST_TOKEN} characters. Use a longer random text."
    if not value.isascii() or not value.isprintable() or " " in value:
        return "has a character that an Authorization header cannot carry. Use letters and digits."
    return None


def _misplaced_key_faults(pass_json: Mapping[str, Any], found: list[Fault]) -> None:
    if "barcode" in pass_json:
        found.append(Fault(PLACE, "barcode", "is deprecated since iOS 9. Put it into the array barcodes."))
    if "appLaunchURL" in pass_json and "associatedStoreIdentifiers" not in pass_json:
        message = "works only with associatedStoreIdentifiers. Add the App Store number of the app, or leave it out."
        found.append(Fault(PLACE, "appLaunchURL", message))
    if "groupingIdentifier" in pass_json and not ("eventTicket" in pass_json or "boardingPass" in pass_json):
        message = "works for event tickets and boarding passes only. Leave it out."
        found.append(Fault(PLACE, "groupingIdentifier", message))
    if "storeCard" in pass_json or "coupon" in pass_json:
        for key in ("relevantDate", "relevantDates"):
            if key in pass_json:
                found.append(Fault(PLACE, key, "does nothing on store cards and coupons. Use locations instead."))
    if "maxDistance" in pass_json and "locations" not in pass_json:
        found.append(Fault(PLACE, "maxDistance", "does nothing without locations. Add some, or leave it out."))


def _nfc_faults(pass_json: Mapping[str, Any], names: frozenset[str], identity: Identity, found: list[Fault]) -> None:
    personalized = "personalization.json" in names
    if ("nfc" in pass_json or personalized) and not identity.nfc:
        message = "needs a certificate of the kind 'Pass Type ID with NFC'. Leave it out or sign with one."
        found.append(Fault(PLACE, "nfc" if "nfc" in pass_json else "personalization.json", message))
    if personalized and "nfc" not in pass_json:
        found.append(Fault(PLACE, "nfc", "is missing, and personalization.json needs it. Add it."))
    nfc = pass_json.get("nfc")
    if type(nfc) is dict and nfc.get("requiresAuthentication") is True and not pass_json.get("sharingProhibited"):
        message = "must be true where nfc.requiresAuthentication is. Set it."
        found.append(Fault(PLACE, "sharingProhibited", message))


def _file_faults(pass_json: Mapping[str, Any], names: frozenset[str], found: list[Fault]) -> None:
    if ICONS.isdisjoint(names):
        found.append(Fault("package", "icon.png", "is missing, and no phone opens a pass without. Add it."))
    if POSTER in pass_json and ARTWORKS.isdisjoint(names):
        found.append(Fault("package", "artwork.png", "is missing, and posterGeneric needs it. Add it."))
