"""What the sandbox's pages show: cards as Wallet lays them out, and what happened in order."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from markupsafe import Markup, escape

from wallet_service.sandbox.barcode import Barcode, barcode_of
from wallet_service.sandbox.links import with_detected_links, with_links
from wallet_service.sandbox.phone import HeldCard, Phone
from wallet_service.sandbox.timeline import Kind, Moment
from wallet_service.sandbox.values import shown
from wallet_service.sandbox.webhook import Exchange

SCALES = (("", "1x"), ("@2x", "2x"), ("@3x", "3x"))
DEFAULT_BACKGROUND, DEFAULT_FOREGROUND = "rgb(60, 60, 67)", "rgb(255, 255, 255)"


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field as it is drawn; `value` is the raw one for scripts, `html` the text, with links if it is on the back."""

    key: str
    label: str
    text: str
    value: str
    align: str
    html: Markup


@dataclass(frozen=True, slots=True)
class ImageView:
    """Where an image is served, and where its finer versions are."""

    src: str
    srcset: str


@dataclass(frozen=True, slots=True)
class CardView:
    """A card as Wallet lays out a store card; `row` is the secondary and auxiliary fields in one."""

    number: int
    card: HeldCard
    serial: str
    organization: str
    description: str
    logo_text: str
    images: dict[str, ImageView]
    header: list[FieldView]
    primary: list[FieldView]
    row: list[FieldView]
    back: list[FieldView]
    barcode: Barcode | None
    voided: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the timeline: which phone, what it did, and when.

    `after` is in seconds since the shop's latest webhook, None if it was before.
    """

    phone: str
    moment: Moment
    after: float | None


def card_views(phone: Phone, now: datetime) -> list[CardView]:
    """Return the phone's cards as they are drawn."""
    return [_card_view(number, card, phone.language, now) for number, card in enumerate(phone.cards())]


def steps(timelines: Mapping[str, Iterable[Moment]], last: Exchange | None) -> list[Step]:
    """Return what the phones did, newest first, counted from the latest webhook; the keys are the phones' names."""
    start = last.sent_at if last else None
    found = [
        Step(phone, each, (each.at - start).total_seconds() if start and each.at >= start else None)
        for phone, timeline in timelines.items()
        for each in timeline
    ]
    return sorted(found, key=lambda step: (step.moment.at, step.moment.number), reverse=True)


def seconds_to(kind: Kind, timeline: Iterable[Moment], last: Exchange | None) -> float | None:
    """Return how long after the latest webhook a phone first did something, or None if it has not."""
    if last is None:
        return None
    times = [each.at for each in timeline if each.kind == kind and each.at >= last.sent_at]
    return (times[0] - last.sent_at).total_seconds() if times else None


def colors_css(cards: Iterable[HeldCard]) -> str:
    """Return a style sheet with each card's own colours, because the policy forbids style attributes."""
    return "\n".join(_colors(number, card.opened.content) for number, card in enumerate(cards))


def fingerprint(data: bytes) -> str:
    """Return a short name for some content, which changes when the content does."""
    return hashlib.sha256(data).hexdigest()[:12]


def _card_view(number: int, card: HeldCard, language: str, now: datetime) -> CardView:
    content = card.opened.content
    slots: dict[str, list[FieldView]] = {}
    for slot, field in card.opened.fields():
        slots.setdefault(slot, []).append(_field_view(slot, field, language, now))
    return CardView(
        number=number,
        card=card,
        serial=card.opened.serial_number,
        organization=card.opened.organization,
        description=str(content["description"]),
        logo_text=str(content.get("logoText", "")),
        images={name: view for name in ("icon", "logo", "strip") if (view := _image(card, name))},
        header=slots.get("headerFields", []),
        primary=slots.get("primaryFields", []),
        row=slots.get("secondaryFields", []) + slots.get("auxiliaryFields", []),
        back=slots.get("backFields", []),
        barcode=barcode_of(content),
        voided=bool(content.get("voided")),
    )


def _field_view(slot: str, field: dict[str, Any], language: str, now: datetime) -> FieldView:
    text = shown(field, language=language, now=now)
    return FieldView(
        key=field["key"],
        label=str(field.get("label", "")),
        text=text,
        value=str(field["value"]),
        align=str(field.get("textAlignment", "")).removeprefix("PKTextAlignment").lower() or "natural",
        html=_back_html(field, text) if slot == "backFields" else escape(text),
    )


def _back_html(field: dict[str, Any], text: str) -> Markup:
    if isinstance(field.get("attributedValue"), str):
        return with_links(field["attributedValue"])
    return with_detected_links(text) if field.get("dataDetectorTypes") != [] else escape(text)


def _image(card: HeldCard, name: str) -> ImageView | None:
    found = [(f"{name}{scale}.png", factor) for scale, factor in SCALES if f"{name}{scale}.png" in card.opened.files]
    urls = [(_image_url(card, file), factor) for file, factor in found]
    return ImageView(urls[0][0], ", ".join(f"{url} {factor}" for url, factor in urls)) if urls else None


def _image_url(card: HeldCard, file: str) -> str:
    version = fingerprint(card.opened.files[file])
    return url_for("image", serial=card.opened.serial_number, name=file, v=version)


def _colors(number: int, content: dict[str, Any]) -> str:
    background = _css(content.get("backgroundColor", DEFAULT_BACKGROUND))
    foreground = _css(content.get("foregroundColor", DEFAULT_FOREGROUND))
    label = _css(content.get("labelColor", content.get("foregroundColor", DEFAULT_FOREGROUND)))
    strip = _css(content.get("stripColor", content.get("foregroundColor", DEFAULT_FOREGROUND)))
    return (
        f'[data-card="{number}"]{{--background:{background};--foreground:{foreground};'
        f"--label:{label};--on-strip:{strip}}}"
    )


def _css(color: str) -> str:
    # Written anew from its numbers, so that nothing else of the pass gets into a style sheet.
    if color.startswith("#"):
        return "#" + re.sub(r"[^0-9A-Fa-f]", "", color)
    red, green, blue = (min(int(part), 255) for part in re.findall(r"\d+", color))
    return f"rgb({red} {green} {blue})"
