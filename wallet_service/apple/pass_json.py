"""pass.json: a neutral face drawn as a store card of Apple Wallet.

Keys and their meaning: https://developer.apple.com/documentation/walletpasses/pass
"""

import html
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NotRequired, Required, TypedDict

import orjson

from wallet_service.domain.card import Card
from wallet_service.domain.face import Barcode, Face, Field, Link, Location, Message, Money

OWN_KEYS = frozenset(
    (
        "formatVersion",
        "passTypeIdentifier",
        "serialNumber",
        "teamIdentifier",
        "authenticationToken",
        "webServiceURL",
    )
)
LINKS_KEY = "Links"
BARCODE_FORMATS = {
    "qr": "PKBarcodeFormatQR",
    "pdf417": "PKBarcodeFormatPDF417",
    "aztec": "PKBarcodeFormatAztec",
    "code128": "PKBarcodeFormatCode128",
}
HEX_COLOR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")

DateStyle = Literal["PKDateStyleNone", "PKDateStyleShort", "PKDateStyleMedium", "PKDateStyleLong", "PKDateStyleFull"]
NumberStyle = Literal[
    "PKNumberStyleDecimal", "PKNumberStylePercent", "PKNumberStyleScientific", "PKNumberStyleSpellOut"
]
TextAlignment = Literal[
    "PKTextAlignmentLeft", "PKTextAlignmentCenter", "PKTextAlignmentRight", "PKTextAlignmentNatural"
]
DataDetector = Literal[
    "PKDataDetectorTypePhoneNumber",
    "PKDataDetectorTypeLink",
    "PKDataDetectorTypeAddress",
    "PKDataDetectorTypeCalendarEvent",
]


class PassField(TypedDict, total=False):
    """https://developer.apple.com/documentation/walletpasses/passfieldcontent"""

    key: Required[str]
    value: Required[str | int | float | Decimal]
    label: str
    attributedValue: str
    changeMessage: str
    dataDetectorTypes: list[DataDetector]
    textAlignment: TextAlignment
    dateStyle: DateStyle
    timeStyle: DateStyle
    ignoresTimeZone: bool
    isRelative: bool
    currencyCode: str
    numberStyle: NumberStyle
    semantics: dict[str, Any]


class PassFields(TypedDict, total=False):
    """https://developer.apple.com/documentation/walletpasses/passfields"""

    headerFields: list[PassField]
    primaryFields: list[PassField]
    secondaryFields: list[PassField]
    auxiliaryFields: list[PassField]
    backFields: list[PassField]
    additionalInfoFields: list[PassField]
    footerFields: list[PassField]


class PassBarcode(TypedDict):
    """https://developer.apple.com/documentation/walletpasses/pass/barcodes"""

    format: str
    message: str
    messageEncoding: str
    altText: NotRequired[str]


class PassLocation(TypedDict):
    """https://developer.apple.com/documentation/walletpasses/pass/locations"""

    latitude: float
    longitude: float
    altitude: NotRequired[float]
    relevantText: NotRequired[str]


class PassBeacon(TypedDict):
    """https://developer.apple.com/documentation/walletpasses/pass/beacons"""

    proximityUUID: str
    major: NotRequired[int]
    minor: NotRequired[int]
    relevantText: NotRequired[str]


class PassNfc(TypedDict):
    """https://developer.apple.com/documentation/walletpasses/pass/nfc"""

    message: str
    encryptionPublicKey: str
    requiresAuthentication: NotRequired[bool]


class PassAction(TypedDict):
    """A tappable row below the card, from iOS 27 on."""

    identifier: str
    type: str
    url: NotRequired[str]


class PassJson(TypedDict, total=False):
    """Every key of pass.json that a store card can use."""

    formatVersion: Required[Literal[1]]
    passTypeIdentifier: Required[str]
    serialNumber: Required[str]
    teamIdentifier: Required[str]
    organizationName: Required[str]
    description: Required[str]
    storeCard: Required[PassFields]
    posterGeneric: PassFields
    logoText: str
    backgroundColor: str
    foregroundColor: str
    labelColor: str
    stripColor: str
    suppressStripShine: bool
    barcodes: list[PassBarcode]
    locations: list[PassLocation]
    maxDistance: float
    beacons: list[PassBeacon]
    expirationDate: str
    voided: bool
    sharingProhibited: bool
    webServiceURL: str
    authenticationToken: str
    associatedStoreIdentifiers: list[int]
    appLaunchURL: str
    nfc: PassNfc
    semantics: dict[str, Any]
    featuredActions: list[PassAction]
    userInfo: Any


def draw(face: Face, card: Card, *, team_identifier: str, web_service_url: str | None) -> dict[str, Any]:
    """Return the pass.json of a card; amounts of money stay exact as `Decimal`, see `to_json`.

    Only the field that `card.announced` names bears its change message: a phone that finds two changed fields with
    messages shows neither, but a sentence of its own. `face.apple` is laid over the drawing key by key; the keys
    in OWN_KEYS are not its to give.
    """
    drawn: PassJson = {
        "formatVersion": 1,
        "passTypeIdentifier": card.pass_type_identifier,
        "serialNumber": card.serial_number,
        "teamIdentifier": team_identifier,
        "organizationName": face.organization,
        "description": face.description,
        "logoText": face.program,
        "backgroundColor": rgb(face.colors.background),
        "foregroundColor": rgb(face.colors.text),
        "labelColor": rgb(face.colors.label),
        "sharingProhibited": True,
        "barcodes": [_barcode(face.barcode)],
        "storeCard": _store_card(face, card.announced),
    }
    if face.locations:
        drawn["locations"] = [_location(each) for each in face.locations]
    if face.voided:
        drawn["voided"] = True
    if face.expires_at is not None:
        drawn["expirationDate"] = w3c_date(face.expires_at)
    if web_service_url is not None:
        # Some wallets ask under //v1 when the address ends with a slash.
        drawn["webServiceURL"] = web_service_url.rstrip("/")
        drawn["authenticationToken"] = card.authentication_token
    return {**drawn, **{key: value for key, value in face.apple.items() if key not in OWN_KEYS}}


def to_json(pass_json: dict[str, Any]) -> bytes:
    """Return the bytes of pass.json; a `Decimal` becomes the number it says, digit for digit.

    Raises:
        TypeError: when something in it is no JSON value.
    """
    return orjson.dumps(pass_json, default=_exact, option=orjson.OPT_PASSTHROUGH_DATETIME)


def message_encoding(message: str) -> str:
    """Return the encoding of a barcode's message: Latin-1, which scanners read best, where it can say the message."""
    is_latin1 = message.isascii() or all(character <= "\xff" for character in message)
    return "iso-8859-1" if is_latin1 else "utf-8"


def w3c_date(moment: datetime) -> str:
    """Return an aware datetime in the one form that every phone reads: `2027-12-31T23:59:00Z`."""
    return moment.astimezone(UTC).isoformat()[: len("2027-12-31T23:59:00")] + "Z"


@lru_cache(maxsize=256)
def rgb(color: str) -> str:
    """Return `#rrggbb` as `rgb(r, g, b)`; any other text stays as it is, for `lint` to name."""
    parts = HEX_COLOR.fullmatch(color)
    return f"rgb({', '.join(str(int(each, 16)) for each in parts.groups())})" if parts else color


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(f"{value:f}")
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _store_card(face: Face, announced: str | None) -> PassFields:
    slots: PassFields = {}
    if face.header:
        slots["headerFields"] = [_field(each, announced) for each in face.header]
    if face.primary:
        slots["primaryFields"] = [_field(each, announced) for each in face.primary]
    if face.secondary:
        slots["secondaryFields"] = [_field(each, announced) for each in face.secondary]
    if face.auxiliary:
        slots["auxiliaryFields"] = [_field(each, announced) for each in face.auxiliary]
    back = [_field(each, announced) for each in face.back]
    back += [_message(each) for each in face.messages]
    if face.links:
        back.append(_links(face.links))
    if back:
        slots["backFields"] = back
    return slots


def _field(field: Field, announced: str | None) -> PassField:
    value = field.value
    drawn: PassField
    if isinstance(value, str):
        drawn = {"key": field.key, "label": field.label, "value": value}
    elif isinstance(value, Money):
        drawn = {"key": field.key, "label": field.label, "value": value.decimal, "currencyCode": value.currency}
    elif isinstance(value, datetime):
        drawn = {
            "key": field.key,
            "label": field.label,
            "value": w3c_date(value),
            "dateStyle": "PKDateStyleMedium",
            "timeStyle": "PKDateStyleNone",
        }
    else:
        drawn = {"key": field.key, "label": field.label, "value": value, "numberStyle": "PKNumberStyleDecimal"}
    if field.change_message is not None and field.key == announced:
        drawn["changeMessage"] = field.change_message
    return drawn


def _message(message: Message) -> PassField:
    return {"key": message.key, "label": message.header, "value": message.body}


def _links(links: tuple[Link, ...]) -> PassField:
    plain, anchors = _link_texts(links)
    return {"key": LINKS_KEY, "value": plain, "attributedValue": anchors}


@lru_cache(maxsize=256)
def _link_texts(links: tuple[Link, ...]) -> tuple[str, str]:
    anchors = [f'<a href="{html.escape(each.url)}">{html.escape(each.label, quote=False)}</a>' for each in links]
    plain = [f"{each.label}: {each.url}" for each in links]
    return "\n".join(plain), "\n".join(anchors)


def _barcode(barcode: Barcode) -> PassBarcode:
    drawn: PassBarcode = {
        "format": BARCODE_FORMATS[barcode.format],
        "message": barcode.message,
        "messageEncoding": message_encoding(barcode.message),
    }
    if barcode.alt_text is not None:
        drawn["altText"] = barcode.alt_text
    return drawn


def _location(location: Location) -> PassLocation:
    drawn: PassLocation = {"latitude": location.latitude, "longitude": location.longitude}
    if location.text is not None:
        drawn["relevantText"] = location.text
    return drawn
