"""A card as a page draws it: the same fields as on the phone, in the language's own writing, with its barcode."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from wallet_service.domain.face import Face, Field, Money, Value
from wallet_service.domain.words import Words
from wallet_service.posters.pictures import inline_svg

Shown = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The front of a card: labels with values from the top to the bottom, and the barcode if a page can draw it."""

    header: tuple[Shown, ...]
    primary: tuple[Shown, ...]
    row: tuple[Shown, ...]
    code: str
    barcode: Markup | None


def drawn(face: Face, words: Words) -> Drawn:
    """Return the front of a card; of a void one nothing can be scanned."""
    scanned = face.barcode.format == "qr" and not face.voided
    code = face.barcode.alt_text or face.barcode.message
    return Drawn(
        header=tuple(_fields(face.header, words)),
        primary=tuple(_fields(face.primary, words)),
        row=tuple(_fields((*face.secondary, *face.auxiliary), words)),
        code=code,
        barcode=Markup(inline_svg(face.barcode.message, label=code)) if scanned else None,  # noqa: S704
    )


def _fields(slot: Iterable[Field], words: Words) -> Iterable[Shown]:
    return ((each.label, _value(each.value, words)) for each in slot)


def _value(value: Value, words: Words) -> str:
    match value:
        case Money():
            return words.money(value)
        case datetime():
            return words.date(value)
        case int():
            return words.number(value)
        case _:
            return value
