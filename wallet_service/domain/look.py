"""How a card looks in both wallets, as its `pass.toml` states it."""

from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from wallet_service.domain.errors import Fault
from wallet_service.domain.face import BarcodeFormat
from wallet_service.domain.file_model import FileModel
from wallet_service.domain.words import REFERENCE

ValueName = Literal[
    "balance",
    "pending",
    "next_expiry",
    "tier",
    "tier_until",
    "next_tier",
    "discount",
    "member_name",
    "member_since",
    "member_until",
    "cause",
    "entries",
    "rewards",
    "granted",
    "reminder",
    "stamps",
    "card_code",
    "card_code_grouped",
]
SLOTS = ("header", "primary", "secondary", "auxiliary", "back")
NEW_VALUE = "%@"
WITHOUT_NEW_VALUE = f"must hold {NEW_VALUE} once, where the wallet puts the new value"
MOST_STAMPS = 30  # smaller ones could not be told apart on a phone
DEEPEST = 16  # tables within tables under [apple]; Apple's own go four deep
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3 Contrast (Minimum): https://www.w3.org/TR/WCAG22/#contrast-minimum

TICKED = ("terms", "age")  # what has to be agreed to by joining; kept as consents of these purposes
REACHED_BY = {"email": "email", "sms": "phone", "phone": "phone"}  # a consent's channel, and what it takes

Asked = Literal["required", "optional", "no"]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Hex = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
ArtPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*\.png$")]


class BrandTable(FileModel):
    """`[brand]`: whose card it is."""

    organization: Text
    program: Text
    description: Text


class ColorsTable(FileModel):
    """`[colors]`."""

    background: Hex
    text: Hex
    label: Hex


class ArtTable(FileModel):
    """`[art]`: one source image each; every size that a wallet wants is made from it.

    `stamp` and `stamp_empty` stand on the strip where there are `[stamps]`.
    """

    icon: ArtPath
    logo: ArtPath
    strip: ArtPath | None = None
    stamp: ArtPath | None = None
    stamp_empty: ArtPath | None = None


def _full(given: Any) -> int | str:
    """Accept the number of stamps, or a reward's code; of a union each half would complain by itself."""
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= MOST_STAMPS:
        return given
    if isinstance(given, str) and 1 <= len(given) <= 40:
        return given
    raise ValueError(f"should be a whole number from 1 to {MOST_STAMPS}, or the code of a reward")


class StampsTable(FileModel):
    """`[stamps]`: the strip shows as many marks as fill the card, those that the member has in another colour.

    `of` is how many, or the code of the reward whose cost they are. `columns` is how many stand side by side; without
    it they are as large as there is room. Pictures in `[art]` take the place of `shape` and its colours.
    """

    of: Annotated[int | str, PlainValidator(_full)]
    columns: Annotated[int, Field(ge=1, le=10)] | None = None
    shape: Literal["circle", "square", "star"] = "circle"
    filled: Hex
    empty: Hex


class BarcodeTable(FileModel):
    """`[barcode]`."""

    format: BarcodeFormat = "qr"
    message: Literal["card_code"] = "card_code"
    alt_text: Literal["card_code", "card_code_grouped"] | None = "card_code_grouped"


class LookField(FileModel):
    """A field of a slot: it shows a `value` of the member's, or a `text` of the template's."""

    key: Key
    label: Text
    value: ValueName | None = None
    text: Text | None = None
    change: Text | None = None


class LinkTable(FileModel):
    """`[[link]]`."""

    label: Text
    url: Annotated[str, Field(pattern=r"^(https?://|tel:|mailto:)\S+$", max_length=500)]


class LocationTable(FileModel):
    """`[[location]]`."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    text: Text | None = None


class MessageTable(FileModel):
    """`[[message]]`."""

    key: Key
    header: Text
    body: Text


class AskTable(FileModel):
    """`[join.ask]`: what whoever joins is asked for, and may leave out or not."""

    name: Asked = "optional"
    email: Asked = "required"
    phone: Asked = "no"
    birthday: Asked = "no"


class ConsentTable(FileModel):
    """`[[join.consent]]`: something that whoever joins may agree to, and need not."""

    purpose: Key
    channel: Key | None = None
    text: Text


class JoinTable(FileModel):
    """`[join]`: the page on which somebody joins; `terms` and `age` are what has to be ticked there.

    With `verify` the card is shown only to whoever has opened the letter that is sent to the address of that kind.
    """

    open: bool = True
    verify: Literal["email"] | None = None
    ask: AskTable = AskTable()
    terms: Text | None = None
    age: Text | None = None
    consent: Annotated[tuple[ConsentTable, ...], Field(max_length=10, strict=False)] = ()


class Look(FileModel):
    """The neutral look: what stands in which slot, in which colours."""

    schema_: Literal[1] = Field(alias="schema")
    default_language: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    brand: BrandTable
    colors: ColorsTable
    art: ArtTable
    barcode: BarcodeTable = BarcodeTable()
    stamps: StampsTable | None = None
    header: Annotated[tuple[LookField, ...], Field(max_length=3, strict=False)] = ()
    primary: Annotated[tuple[LookField, ...], Field(max_length=1, strict=False)] = ()
    secondary: Annotated[tuple[LookField, ...], Field(max_length=4, strict=False)] = ()
    auxiliary: Annotated[tuple[LookField, ...], Field(max_length=4, strict=False)] = ()
    back: Annotated[tuple[LookField, ...], Field(max_length=20, strict=False)] = ()
    link: Annotated[tuple[LinkTable, ...], Field(max_length=10, strict=False)] = ()
    location: Annotated[tuple[LocationTable, ...], Field(max_length=10, strict=False)] = ()
    message: Annotated[tuple[MessageTable, ...], Field(max_length=10, strict=False)] = ()
    join: JoinTable | None = None
    apple: dict[str, Any] = Field(default_factory=dict)

    def fields(self) -> Iterator[tuple[str, LookField]]:
        """Yield every field with the place it has in the file: ("secondary[1]", field)."""
        for slot in SLOTS:
            for index, each in enumerate(getattr(self, slot)):
                yield f"{slot}[{index}]", each

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield every text that may refer to a locale's string, with its key in the file."""
        for name in ("organization", "program", "description"):
            yield f"brand.{name}", getattr(self.brand, name)
        for place, each in self.fields():
            for name in ("label", "text", "change"):
                if getattr(each, name) is not None:
                    yield f"{place}.{name}", getattr(each, name)
        for index, link in enumerate(self.link):
            yield f"link[{index}].label", link.label
        for index, location in enumerate(self.location):
            if location.text is not None:
                yield f"location[{index}].text", location.text
        for index, message in enumerate(self.message):
            yield f"message[{index}].header", message.header
            yield f"message[{index}].body", message.body
        if self.join is not None:
            yield from _joining_texts(self.join)


def faults(look: Look, place: str) -> Iterator[Fault]:
    """Yield what no single key shows: repeated keys, fields with no or two contents, a full row, poor contrast."""
    if look.join is not None:
        yield from _join_faults(look.join, place)
    yield from _repeated_keys(look, place)
    for where, each in look.fields():
        if (each.value is None) == (each.text is None):
            yield Fault(place, where, "needs either `value` (of the member) or `text` (of the template)")
        if each.change and not each.change.startswith(REFERENCE) and each.change.count(NEW_VALUE) != 1:
            yield Fault(place, f"{where}.change", WITHOUT_NEW_VALUE)
    if len(look.secondary) + len(look.auxiliary) > 4:
        yield Fault(place, "auxiliary", "secondary and auxiliary share one row of four fields; move some to the back")
    if look.stamps is not None:
        yield from _stamp_faults(look, place)
    for name in ("text", "label"):
        ratio = contrast(getattr(look.colors, name), look.colors.background)
        if ratio < LEAST_CONTRAST:
            message = f"has a contrast of {ratio:.1f} on the background; readable text needs {LEAST_CONTRAST}"
            yield Fault(place, f"colors.{name}", message)
    for key, value in look.apple.items():
        if not _is_json(value, DEEPEST):
            message = f"must be made of texts, numbers, true, false, lists and tables, at most {DEEPEST} deep"
            yield Fault(place, f"apple.{key}", message)


def _joining_texts(join: JoinTable) -> Iterator[tuple[str, str]]:
    for name in TICKED:
        if (text := getattr(join, name)) is not None:
            yield f"join.{name}", text
    for index, each in enumerate(join.consent):
        yield f"join.consent[{index}].text", each.text


def _join_faults(join: JoinTable, place: str) -> Iterator[Fault]:
    if join.verify is not None and getattr(join.ask, join.verify) != "required":
        yield Fault(place, "join.verify", f"needs join.ask.{join.verify} to be required, or nobody could be written to")
    met: set[tuple[str, str | None]] = set()
    for index, each in enumerate(join.consent):
        key = f"join.consent[{index}]"
        if each.purpose in TICKED:
            message = f"is what ticking {each.purpose} is kept as; write join.{each.purpose} or another purpose"
            yield Fault(place, f"{key}.purpose", message)
        if (each.purpose, each.channel) in met:
            yield Fault(place, f"{key}.purpose", f"{each.purpose!r} is asked twice for the same channel")
        met.add((each.purpose, each.channel))
        needed = REACHED_BY.get(each.channel or "")
        if needed and getattr(join.ask, needed) == "no":
            yield Fault(place, f"{key}.channel", f"needs {needed}, which join.ask does not ask for")


def _stamp_faults(look: Look, place: str) -> Iterator[Fault]:
    if all(each.value != "stamps" for _, each in look.fields()):
        message = "needs a field with the value stamps: a picture alone says nothing to those who cannot see it"
        yield Fault(place, "stamps", message)
    if look.primary:
        yield Fault(place, "primary[0]", "would be written across the stamps; move it to another slot")
    if (look.art.stamp is None) != (look.art.stamp_empty is None):
        missing = "art.stamp" if look.art.stamp is None else "art.stamp_empty"
        yield Fault(place, missing, "is missing; give both pictures of a stamp, or none")


def _repeated_keys(look: Look, place: str) -> Iterator[Fault]:
    """Fields and messages share one space of keys, because a message becomes a field on the back."""
    keyed = [(where, each.key) for where, each in look.fields()]
    keyed += [(f"message[{index}]", each.key) for index, each in enumerate(look.message)]
    keys: set[str] = set()
    for where, key in keyed:
        if key in keys:
            yield Fault(place, f"{where}.key", f"{key!r} is used twice; phones refuse repeated field keys")
        keys.add(key)


def _is_json(value: object, depth: int) -> bool:
    if isinstance(value, list | dict):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_is_json(each, depth - 1) for each in inner)
    if isinstance(value, int):
        return abs(value) < 2**53
    return isinstance(value, str) or (isinstance(value, float) and isfinite(value))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours, 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
