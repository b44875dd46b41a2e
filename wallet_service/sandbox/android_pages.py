"""What the Android phone's page shows: a card as Google Wallet draws a loyalty card, with its details below.

Source: https://developers.google.com/wallet/retail/loyalty-cards/resources/template
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from flask import url_for
from markupsafe import Markup
from qrcode.exceptions import DataOverflowError

from wallet_service.sandbox.android import AndroidPhone, SavedCard
from wallet_service.sandbox.android_fields import Part, fields, said
from wallet_service.sandbox.android_images import picture_name
from wallet_service.sandbox.android_layout import Cell, details, rows
from wallet_service.sandbox.barcode import Barcode, qr_svg
from wallet_service.sandbox.links import SCHEMES, with_detected_links, with_links
from wallet_service.sandbox.pages import FieldView

DEFAULT_BACKGROUND = "#3c4043"
LIGHT, DARK = "#ffffff", "#202124"
PLAIN = "TEXT_ONLY"


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link among the details; `href` is "" where the address is none that a page may lead to."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class AndroidCardView:
    """A card as Google Wallet draws it; the images are addresses here, "" where there is none."""

    number: int
    object_id: str
    issuer: str
    programme: str
    logo: str
    hero: str
    rows: Sequence[Sequence[FieldView]]
    barcode: Barcode | None
    details: Sequence[FieldView]
    messages: Sequence[FieldView]
    links: Sequence[LinkView]
    expired: bool
    updated_at: datetime


def android_views(android: AndroidPhone, now: datetime) -> list[AndroidCardView]:
    """Return the saved cards as they are drawn, those that have expired last."""
    views = [_view(number, card, android.language, now) for number, card in enumerate(android.cards())]
    return sorted(views, key=lambda view: view.expired)


def android_colors_css(cards: Iterable[SavedCard]) -> str:
    """Return a style sheet with each card's background, and the text colour that is picked for it by contrast."""
    lines = []
    for number, card in enumerate(cards):
        color = _color(str(card.program.get("hexBackgroundColor") or ""))
        lines.append(f'[data-card="android-{number}"]{{--background:{color};--foreground:{readable_on(color)}}}')
    return "\n".join(lines)


def readable_on(color: str) -> str:
    """Return white or near-black, whichever has the higher contrast on a colour such as "#2b1f3d"."""
    light, dark, here = _luminance(LIGHT), _luminance(DARK), _luminance(color)
    return LIGHT if (light + 0.05) / (here + 0.05) >= (here + 0.05) / (dark + 0.05) else DARK


def image_addresses(cards: Iterable[SavedCard]) -> dict[str, str]:
    """Return the addresses of all images of some cards, by the names under which they are served here."""
    found = (address for card in cards for address in (_logo(card), _hero(card)) if address)
    return {picture_name(address): address for address in found}


def is_expired(card: SavedCard, now: datetime) -> bool:
    """Whether a card lies among the expired ones: it is not active, or its time is over."""
    end = ((card.body.get("validTimeInterval") or {}).get("end") or {}).get("date")
    return card.body["state"] != "ACTIVE" or (end is not None and _is_past(str(end), now))


def _view(number: int, card: SavedCard, language: str, now: datetime) -> AndroidCardView:
    found = fields(card.body, card.program, language)
    front = rows(card.program, found)
    return AndroidCardView(
        number=number,
        object_id=card.object_id,
        issuer=said(card.program, "issuerName", language),
        programme=said(card.program, "programName", language),
        logo=_served(_logo(card)),
        hero=_served(_hero(card)),
        rows=[[_cell_view(cell) for cell in row] for row in front],
        barcode=_barcode(card.body.get("barcode") or {}),
        details=[_cell_view((field,)) for field in details(found, front)],
        messages=list(_messages(card, language)),
        links=list(_links(card, language)),
        expired=is_expired(card, now),
        updated_at=card.updated_at,
    )


def _cell_view(cell: Cell) -> FieldView:
    label = " / ".join(each.label for each in cell if each.label)
    text = " / ".join(each.text for each in cell)
    value = " / ".join(str(each.value) for each in cell)
    return FieldView(cell[0].key, label, text, value, "natural", with_detected_links(text))


def _messages(card: SavedCard, language: str) -> Iterator[FieldView]:
    """Yield the news of object and class, the newest first; their bodies may hold links."""
    for owner, part in (("object", card.body), ("class", card.program)):
        for index, message in reversed(list(enumerate(part.get("messages") or ()))):
            header, body = said(message, "header", language), said(message, "body", language)
            key = f"{owner}_message_{message.get('id') or index}"
            yield FieldView(key, header, body, body, "natural", with_links(body))


def _links(card: SavedCard, language: str) -> Iterator[LinkView]:
    found = [uri for part in (card.body, card.program) for uri in (part.get("linksModuleData") or {}).get("uris") or ()]
    home = card.program.get("homepageUri")
    for uri in [*found, *([home] if home else [])]:
        address = str(uri.get("uri") or "")
        yield LinkView(said(uri, "description", language) or address, address if _may_follow(address) else "")


def _may_follow(address: str) -> bool:
    try:
        return urlsplit(address).scheme in SCHEMES
    except ValueError:
        return False


def _barcode(barcode: Part) -> Barcode | None:
    """Return the barcode, drawn if it is a QR code; one that is only text is its own alternate text."""
    if not barcode.get("type"):
        return None
    kind, value = str(barcode["type"]), str(barcode.get("value") or "")
    alternate = value if kind == PLAIN else str(barcode.get("alternateText") or "")
    return Barcode(kind, alternate, _qr(value, alternate) if kind == "QR_CODE" else None)


def _qr(value: str, alternate: str) -> Markup | None:
    try:
        return qr_svg(value.encode(), label=f"QR code {alternate}".strip())
    except DataOverflowError:
        return None


def _served(address: str) -> str:
    return url_for("android_image", name=picture_name(address)) if address else ""


def _logo(card: SavedCard) -> str:
    return _address(card.program.get("programLogo"))


def _hero(card: SavedCard) -> str:
    return _address(card.body.get("heroImage")) or _address(card.program.get("heroImage"))


def _address(image: Part | None) -> str:
    return str(((image or {}).get("sourceUri") or {}).get("uri") or "")


def _is_past(end: str, now: datetime) -> bool:
    """Whether an ISO 8601 date is over; one without an offset is told by the phone's own clock."""
    try:
        moment = datetime.fromisoformat(end)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)) <= now


def _color(color: str) -> str:
    # Only what is a colour gets into the style sheet; Google would take the banner's colour where none is given.
    short = re.fullmatch(r"#([0-9A-Fa-f])([0-9A-Fa-f])([0-9A-Fa-f])", color)
    if short:
        return "#" + "".join(digit * 2 for digit in short.groups()).lower()
    return color.lower() if re.fullmatch(r"#[0-9A-Fa-f]{6}", color) else DEFAULT_BACKGROUND


def _luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2."""
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
