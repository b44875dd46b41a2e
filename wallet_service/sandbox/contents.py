"""What pass.json must say before a phone shows it.

Rules follow https://developer.apple.com/documentation/walletpasses/pass and what phones are known to refuse.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from wallet_service.sandbox.refusals import PassUnusable

STYLES = ("storeCard", "coupon", "generic", "eventTicket", "boardingPass")
SLOTS = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
REQUIRED_TEXTS = ("passTypeIdentifier", "serialNumber", "teamIdentifier", "organizationName", "description")
COLORS = ("backgroundColor", "foregroundColor", "labelColor", "stripColor")
BARCODE_TEXTS = ("format", "message", "messageEncoding")
SHORTEST_TOKEN = 16

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")
COLOR = re.compile(r"rgb\( *\d{1,3} *, *\d{1,3} *, *\d{1,3} *\)|#[0-9A-Fa-f]{3}|#[0-9A-Fa-f]{6}")

Content = dict[str, Any]


def check_content(content: Content) -> None:
    """Accept a pass.json that a phone shows.

    Raises: PassUnusable.
    """
    if content.get("formatVersion") != 1:
        raise PassUnusable("formatVersion must be the number 1.")
    for key in REQUIRED_TEXTS:
        if not isinstance(content.get(key), str) or not content[key]:
            raise PassUnusable(f"{key} is missing. Every pass needs it as text.")
    style_of(content)
    _check_fields(content)
    _check_colors(content)
    _check_web_service(content)
    _check_barcodes(content)
    if "expirationDate" in content:
        read_date(content["expirationDate"], "expirationDate")


def style_of(content: Content) -> str:
    """Return the one classic style of a pass, such as "storeCard".

    Raises: PassUnusable.
    """
    styles = [style for style in STYLES if isinstance(content.get(style), dict)]
    if len(styles) != 1:
        raise PassUnusable(f"The pass has {len(styles)} styles. Give it exactly one of {', '.join(STYLES)}.")
    return styles[0]


def fields_of(content: Content) -> Iterator[tuple[str, Content]]:
    """Yield each field of the classic style with the name of its slot, in the order of the card.

    Raises: PassUnusable.
    """
    style = content[style_of(content)]
    for slot in SLOTS:
        fields = style.get(slot, [])
        if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
            raise PassUnusable(f"{slot} must be a list of fields.")
        yield from ((slot, field) for field in fields)


def read_date(text: object, name: str) -> datetime:
    """Return an aware datetime from a date as pass.json writes it: with minutes and a zone, `Z` or `+01:00`.

    Raises: PassUnusable.
    """
    if isinstance(text, str) and DATE.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # A 30th of February has the right shape, too.
    raise PassUnusable(f"Unable to parse {name} {text!r} as a date. Write it as 2026-05-31T18:00:00Z.")


def _check_fields(content: Content) -> None:
    seen: set[str] = set()
    for slot, field in fields_of(content):
        key, value = field.get("key"), field.get("value")
        if not isinstance(key, str) or not key:
            raise PassUnusable(f"A field of {slot} has no key. Give each field one.")
        if key in seen:
            raise PassUnusable(f"More than one field has the key {key!r}. Keys are unique within a pass.")
        seen.add(key)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise PassUnusable(f"The value of field {key!r} must be text, a number or a date.")
        for name in ("label", "changeMessage"):
            if not isinstance(field.get(name, ""), str):
                raise PassUnusable(f"The {name} of field {key!r} must be text.")
        if isinstance(value, str) and ("dateStyle" in field or "timeStyle" in field):
            read_date(value, f"the value of field {key!r}")


def _check_colors(content: Content) -> None:
    for key in COLORS:
        if key in content and not (isinstance(content[key], str) and COLOR.fullmatch(content[key])):
            raise PassUnusable(f"{key} is {content[key]!r}, which is no colour. Write rgb(20, 30, 60).")


def _check_web_service(content: Content) -> None:
    url, token = content.get("webServiceURL"), content.get("authenticationToken")
    if url is None and token is None:
        return
    # Plain http works on a phone with the developer setting "Allow HTTP Services", which this phone has on.
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise PassUnusable("webServiceURL must be a web address, together with authenticationToken.")
    if not isinstance(token, str) or len(token) < SHORTEST_TOKEN:
        raise PassUnusable(f"authenticationToken must have {SHORTEST_TOKEN} characters or more, with webServiceURL.")


def _check_barcodes(content: Content) -> None:
    barcodes = content.get("barcodes", [])
    if not isinstance(barcodes, list) or not all(isinstance(barcode, dict) for barcode in barcodes):
        raise PassUnusable("barcodes must be a list of barcodes.")
    for barcode in barcodes:
        for key in BARCODE_TEXTS:
            if not isinstance(barcode.get(key), str):
                raise PassUnusable(f"A barcode has no {key}. It needs {', '.join(BARCODE_TEXTS)}.")
