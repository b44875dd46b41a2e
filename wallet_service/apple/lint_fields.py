"""The fields of a pass: what each may say, how many a style shows, and that their keys differ."""

from collections.abc import Mapping
from typing import Any

from wallet_service.apple.lint_values import (
    NULL,
    PLACE,
    Check,
    check_keys,
    currency,
    date,
    filled,
    flag,
    is_number,
    is_sound,
    list_of,
    one_of,
    shown,
    strays,
    text,
    whole,
)
from wallet_service.domain.errors import Fault

CLASSIC_STYLES = ("storeCard", "coupon", "generic", "eventTicket", "boardingPass")
POSTER = "posterGeneric"
SLOTS = (
    *("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields"),
    *("additionalInfoFields", "footerFields"),
)
STYLE_KEYS = frozenset((*SLOTS, "transitType"))
SLOTS_WITHOUT_ALIGNMENT = frozenset(("primaryFields", "backFields"))
SLOTS_WITH_DETECTORS = frozenset(("backFields", "additionalInfoFields"))
TRANSIT_TYPES = one_of(*(f"PKTransitType{each}" for each in ("Air", "Boat", "Bus", "Generic", "Train")))

Room = tuple[tuple[tuple[str, ...], int], ...]
CARD_ROOM: Room = (
    (("headerFields",), 3),
    (("primaryFields",), 1),
    (("secondaryFields", "auxiliaryFields"), 4),
)
TICKET_ROOM: Room = ((("headerFields",), 3), (("primaryFields",), 1), (("secondaryFields",), 4))
# https://developer.apple.com/design/human-interface-guidelines/wallet
ROOM: dict[str, Room] = {
    "storeCard": CARD_ROOM,
    "coupon": CARD_ROOM,
    "generic": (*TICKET_ROOM, (("auxiliaryFields",), 4)),
    "eventTicket": TICKET_ROOM,
    "boardingPass": ((("headerFields",), 3), (("primaryFields",), 2), (("auxiliaryFields",), 5)),
    POSTER: (
        (("headerFields",), 1),
        (("primaryFields",), 4),
        (("footerFields",), 1),
        (("secondaryFields", "auxiliaryFields"), 0),
    ),
}


def _styles(prefix: str, *names: str) -> Check:
    return one_of(*(prefix + each for each in names))


def _value(value: object) -> str | None:
    if type(value) is str or is_number(value):
        return None
    return f"is {shown(value)}. Make it a text, a number or a date."


def _change_message(value: object) -> str | None:
    if type(value) is str and "%@" in value:
        return None
    return f"is {shown(value)}. Write %@ where the new value shall stand, or leave the key out."


DATE_STYLE = _styles("PKDateStyle", "None", "Short", "Medium", "Long", "Full")
# https://developer.apple.com/documentation/walletpasses/passfieldcontent
FIELD: Mapping[str, Check] = {
    "key": filled,
    "value": _value,
    "label": text,
    "attributedValue": _value,
    "changeMessage": _change_message,
    "dataDetectorTypes": list_of(
        _styles("PKDataDetectorType", "PhoneNumber", "Link", "Address", "CalendarEvent"), may_be_empty=True
    ),
    "textAlignment": _styles("PKTextAlignment", "Left", "Center", "Right", "Natural"),
    "dateStyle": DATE_STYLE,
    "timeStyle": DATE_STYLE,
    "ignoresTimeZone": flag,
    "isRelative": flag,
    "currencyCode": currency,
    "numberStyle": _styles("PKNumberStyle", "Decimal", "Percent", "Scientific", "SpellOut"),
    "row": whole(0, 1),
}
REQUIRED = ("key", "value")


def style_faults(pass_json: Mapping[str, Any], found: list[Fault]) -> None:
    """Add what is wrong with the styles of a pass and their fields."""
    classic = [style for style in CLASSIC_STYLES if style in pass_json]
    if len(classic) > 1:
        found.append(Fault(PLACE, classic[1], f"stands beside {classic[0]}. Give the pass one of the two."))
    if not classic:
        message = "is alone, and phones before iOS 27 cannot show it. Add a storeCard beside it."
        if POSTER not in pass_json:
            message = "is missing. Give the pass its fields in a storeCard."
        found.append(Fault(PLACE, POSTER if POSTER in pass_json else "storeCard", message))
    for style in (*classic, POSTER):
        if style in pass_json:
            _one_style_faults(pass_json[style], style, found)


def _one_style_faults(fields: Any, style: str, found: list[Fault]) -> None:
    if type(fields) is not dict:
        message = f"is {shown(fields)}. Make it an object with arrays of fields."
        found.append(Fault(PLACE, style, NULL if fields is None else message))
        return
    keys: set[str] = set()
    counts: dict[str, int] = {}
    for slot in SLOTS:
        if slot in fields:
            counts[slot] = _slot_faults(fields[slot], style, slot, keys, found)
    found += strays({key: value for key, value in fields.items() if key not in STYLE_KEYS}, style)
    for slots, most in ROOM[style]:
        count = sum(counts.get(slot, 0) for slot in slots)
        if count > most:
            message = f"shows {most} at most, and phones drop the rest of these {count}. Move some to backFields."
            found.append(Fault(PLACE, f"{style}.{'+'.join(slots)}", message))
    if style == "boardingPass" and (fault := TRANSIT_TYPES(fields.get("transitType"))) is not None:
        found.append(Fault(PLACE, "boardingPass.transitType", fault))
    elif style != "boardingPass" and "transitType" in fields:
        found.append(Fault(PLACE, f"{style}.transitType", "belongs to boarding passes. Leave it out."))


def _slot_faults(value: Any, style: str, slot: str, keys: set[str], found: list[Fault]) -> int:
    """Return how many fields the slot holds."""
    if type(value) is not list:
        message = NULL if value is None else f"is {shown(value)}. Make it an array of fields."
        found.append(Fault(PLACE, f"{style}.{slot}", message))
        return 0
    for index, field in enumerate(value):
        plain = _is_plain(field)
        if not plain and not is_sound(field, FIELD, REQUIRED):
            check_keys(field, f"{style}.{slot}[{index}]", FIELD, REQUIRED, found)
            if type(field) is not dict:
                continue
        key = field.get("key")
        if type(key) is str:
            if key in keys:
                found.append(
                    Fault(PLACE, f"{style}.{slot}[{index}].key", f"is {shown(key)} again. Rename one of them.")
                )
            keys.add(key)
        if not plain:
            at = f"{style}.{slot}[{index}]"
            _form_faults(field, at, found)
            _place_faults(field, at, style, slot, found)
    return len(value)


def _is_plain(field: Any) -> bool:
    """Whether it is a sound field of three texts, as most are, which spares it the longer look."""
    if type(field) is not dict or len(field) != len(("key", "label", "value")):
        return False
    key = field.get("key")
    return type(key) is str and key != "" and type(field.get("label")) is str and type(field.get("value")) is str


def _form_faults(field: dict[str, Any], at: str, found: list[Fault]) -> None:
    value = field.get("value")
    if ("dateStyle" in field or "timeStyle" in field) and (message := date(value)) is not None:
        found.append(Fault(PLACE, f"{at}.value", f"has a date style but {message}"))
    for key in ("currencyCode", "numberStyle"):
        if key in field and not is_number(value):
            message = (
                f"needs a number as its value, not {shown(value)}. Write the value without quotes, or leave this out."
            )
            found.append(Fault(PLACE, f"{at}.{key}", message))
    if "currencyCode" in field and "numberStyle" in field:
        found.append(Fault(PLACE, f"{at}.numberStyle", "contradicts currencyCode. Leave one of the two out."))


def _place_faults(field: dict[str, Any], at: str, style: str, slot: str, found: list[Fault]) -> None:
    if "textAlignment" in field and slot in SLOTS_WITHOUT_ALIGNMENT:
        found.append(Fault(PLACE, f"{at}.textAlignment", f"is not allowed in {slot}. Leave it out."))
    if "dataDetectorTypes" in field and slot not in SLOTS_WITH_DETECTORS:
        found.append(Fault(PLACE, f"{at}.dataDetectorTypes", "works in backFields only. Leave it out."))
    if "row" in field and (style != "eventTicket" or slot != "auxiliaryFields"):
        found.append(Fault(PLACE, f"{at}.row", "belongs to auxiliaryFields of event tickets. Leave it out."))
