"""What Apple Wallet shows of a face.

Apple names no lengths: those here come from practice with phones 375 points wide, which first shrink a text that is
too long and then cut it. Slots: https://developer.apple.com/design/human-interface-guidelines/wallet
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from wallet_service.domain.face import Face, Field
from wallet_service.domain.shown import Shown, cut, plain

SLOTS = (("header", "header"), ("primary", "on the strip"), ("secondary", "front row"), ("auxiliary", "front row"))
# Characters, in practice: what a slot holds in all, and what one of its fields can use of it.
ROOM = {"header": (16, 16), "primary": (24, 24), "secondary": (40, 20), "auxiliary": (40, 20)}
LOGO_TEXT_ROOM = 20
ON_BACK = "back"
PICTURES = {
    "icon": "notifications",
    "logo": "top left",
    "strip": "behind primary",
    "stamp": "on the strip",
    "stamp_empty": "on the strip",
}


def shown(face: Face) -> list[Shown]:
    """Return what Apple Wallet shows of every text of the face, in the face's order."""
    return [
        Shown("brand", "organization", "notifications", face.organization),
        Shown("brand", "program", "beside the logo", face.program, cut(face.program, LOGO_TEXT_ROOM)),
        *(Shown("colors", key, "front", getattr(face.colors, key)) for key in ("background", "text", "label")),
        *_front(face),
        *(Shown("back", each.key, ON_BACK, plain(each.value), note=_note(each)) for each in face.back),
        *_barcode(face),
        *(Shown("message", each.key, ON_BACK, each.body) for each in face.messages),
        *(Shown("link", str(number), ON_BACK, each.label) for number, each in enumerate(face.links, start=1)),
        *_places(face),
    ]


def pictures(art: Iterable[str]) -> list[Shown]:
    """Return where Apple Wallet shows each picture of a template, by its name in `[art]`."""
    return [Shown("art", each, PICTURES[each], "") for each in art]


def _front(face: Face) -> Iterator[Shown]:
    # Secondary and auxiliary fields of a store card share one row.
    row = len(face.secondary) + len(face.auxiliary)
    beside = {"header": len(face.header), "primary": len(face.primary), "secondary": row, "auxiliary": row}
    for slot, where in SLOTS:
        whole, one = ROOM[slot]
        for each in getattr(face, slot):
            text = plain(each.value)
            yield Shown(slot, each.key, where, text, cut(text, min(one, whole // beside[slot])), _note(each))


def _note(field: Field) -> str:
    return "the phone writes the date in its own way" if isinstance(field.value, datetime) else ""


def _barcode(face: Face) -> Iterator[Shown]:
    if face.barcode.alt_text:
        yield Shown("barcode", "alt_text", "below the barcode", face.barcode.alt_text)


def _places(face: Face) -> Iterator[Shown]:
    for number, place in enumerate(face.locations, start=1):
        if place.text:
            yield Shown("location", str(number), "lock screen", place.text)
