"""What Google Wallet shows of a face; lengths are those that Google recommends, and phones differ.

https://developers.google.com/wallet/reference/rest/v1/loyaltyobject
"""

from collections.abc import Iterator, Mapping

from wallet_service.domain.face import Face, Field, Money
from wallet_service.domain.shown import Shown, cut, plain
from wallet_service.google.artwork import faults
from wallet_service.google.layout import MOST_TEXTS, POINTS, class_texts, members, rows

# Characters that Google recommends at the most.
NAME_ROOM = LINK_ROOM = 20
BODY_ROOM = 500
HEADER_ROOM = 35
ROOM = {"loyaltyPoints": 7, "secondaryLoyaltyPoints": 7, "accountName": 20, "accountId": 20}
LABEL_ROOM = {"loyaltyPoints": 9, "secondaryLoyaltyPoints": 9, "accountName": 15, "accountId": 15}
# For a text module in a row of so many items: Google says 30 and 15 of rows of labels, the third is from practice.
ROW_ROOM = {1: 30, 2: 15, 3: 10}
PICTURES = {
    "icon": "logo, in a circle",
    "strip": "below the barcode",
    "stamp": "on the strip",
    "stamp_empty": "on the strip",
}
PICTURE_NOTES = {"strip": "as a banner of its own: no field stands on it"}
IN_ROW, IN_DETAILS = "front, row {}", "details"
PHONES_LANGUAGE = "in the phone's language, not the member's"
TOO_MANY = f"Google shows {MOST_TEXTS} text modules {{}}, and this one comes after them"
LABEL_CUT = "its label {!r} may be cut after {} characters"


def shown(face: Face) -> list[Shown]:
    """Return what Google Wallet shows of every text of the face, in the face's order."""
    return [
        *_names(face),
        *_colors(face),
        *_fields(face),
        *_barcode(face),
        *_notices(face),
        *_places(face),
    ]


def _names(face: Face) -> Iterator[Shown]:
    for key, name in (("organization", face.organization), ("program", face.program)):
        yield Shown("brand", key, "card title", name, cut(name, NAME_ROOM), PHONES_LANGUAGE)


def pictures(art: Mapping[str, bytes]) -> list[Shown]:
    """Return where Google Wallet shows each picture of a template, by its name in `[art]`, and what spoils it there."""
    spoilt = {each.key: each.message for each in faults(art, "")}
    return [Shown("art", each, *_picture(each, spoilt.get(each, ""))) for each in art]


def _picture(name: str, spoilt: str) -> tuple[str | None, str, None, str]:
    where = PICTURES.get(name)
    if where is None:
        return None, "", None, "Google shows a square logo, which is made from the icon"
    return where, "", None, " ".join(filter(None, (PICTURE_NOTES.get(name, ""), spoilt)))


def _colors(face: Face) -> Iterator[Shown]:
    yield Shown("colors", "background", "front", face.colors.background)
    for key, color in (("text", face.colors.text), ("label", face.colors.label)):
        yield Shown("colors", key, None, color, note="Google picks the colour of texts to suit the background")


def _fields(face: Face) -> Iterator[Shown]:
    held = members((each.key, each.role) for each in face.fields())
    hidden = _hidden(face)
    front = rows(face.header, face.primary, face.secondary + face.auxiliary)
    places = {each.key: (number, len(row)) for number, row in enumerate(front, start=1) for each in row}
    for slot in ("header", "primary", "secondary", "auxiliary", "back"):
        for each in getattr(face, slot):
            if each.key in hidden:
                yield Shown(slot, each.key, None, plain(each.value), note=hidden[each.key])
            else:
                yield _field(slot, each, held[each.key], places.get(each.key))


def _hidden(face: Face) -> dict[str, str]:
    """Return the keys of the fields and messages that Google does not show, each with the reason."""
    held = members((each.key, each.role) for each in face.fields())
    own = [each.key for each in face.fields() if each.role is not None and held[each.key] is None]
    texts = {each.key for each in face.fields() if each.role is None}
    shared = class_texts(
        [each.key for each in (*face.header, *face.primary, *face.secondary, *face.auxiliary) if each.key in texts],
        [each.key for each in face.messages],
        [each.key for each in face.back if each.key in texts],
    )
    return {key: TOO_MANY.format("of a member's own") for key in own[MOST_TEXTS:]} | {
        key: TOO_MANY.format("that all members share") for key in shared[MOST_TEXTS:]
    }


def _field(slot: str, field: Field, member: str | None, place: tuple[int, int] | None) -> Shown:
    where = IN_ROW.format(place[0]) if place else IN_DETAILS
    room = ROOM[member] if member else ROW_ROOM.get(place[1], ROW_ROOM[3]) if place else BODY_ROOM
    text = plain(field.value)
    return Shown(slot, field.key, where, text, cut(_drawn(field), room), _note(field, member))


def _drawn(field: Field) -> str:
    """Return a text of the length that is drawn: Google writes money with a sign, not with its three letters."""
    return f"¤{field.value.decimal:f}" if isinstance(field.value, Money) else plain(field.value)


def _note(field: Field, member: str | None) -> str:
    notes = []
    room = LABEL_ROOM[member] if member else HEADER_ROOM
    if len(field.label) > room:
        notes.append(LABEL_CUT.format(field.label, room))
    if field.change_message:
        words = "a change is told in Google's words, not in the template's"
        notes.append(words if member in POINTS else "a change is told by a message on the card")
    if field.role is None:
        notes.append(PHONES_LANGUAGE)
    elif member and member not in POINTS:  # whose labels stand on the class
        notes.append(f"its label is {PHONES_LANGUAGE}")
    return "; ".join(notes)


def _barcode(face: Face) -> Iterator[Shown]:
    if face.barcode.alt_text:
        yield Shown("barcode", "alt_text", "below the barcode", face.barcode.alt_text)
    else:
        note = "Google always writes something below a barcode"
        yield Shown("barcode", "alt_text", "below the barcode", face.barcode.message, note=note)


def _notices(face: Face) -> Iterator[Shown]:
    hidden = _hidden(face)
    for message in face.messages:
        if message.key in hidden:
            yield Shown("message", message.key, None, message.body, note=hidden[message.key])
        else:
            notes = [LABEL_CUT.format(message.header, HEADER_ROOM)] if len(message.header) > HEADER_ROOM else []
            note = "; ".join([*notes, PHONES_LANGUAGE])
            yield Shown("message", message.key, IN_DETAILS, message.body, cut(message.body, BODY_ROOM), note)
    for number, link in enumerate(face.links, start=1):
        yield Shown("link", str(number), IN_DETAILS, link.label, cut(link.label, LINK_ROOM), note=PHONES_LANGUAGE)


def _places(face: Face) -> Iterator[Shown]:
    for number, place in enumerate(face.locations, start=1):
        if place.text:
            note = "Google tells of the card near the place, in words of its own"
            yield Shown("location", str(number), None, place.text, note=note)
