"""The neutral face of a card: what a member sees, before any vendor draws it."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct, field

BarcodeFormat = Literal["qr", "pdf417", "aztec", "code128"]


class Money(Struct, frozen=True):
    """An amount in minor units of an ISO 4217 currency with `exponent` decimals (JPY 0, EUR 2, KWD 3)."""

    minor: int
    currency: str
    exponent: int

    @property
    def decimal(self) -> Decimal:
        """The exact amount in whole units of the currency."""
        return Decimal(self.minor).scaleb(-self.exponent)


Value = str | int | Money | datetime


class Field(Struct, frozen=True):
    """One labelled value; `change_message` has `%@` where the wallet puts the new value.

    `role` names what of the member's it shows ("balance", "tier"), or is None for a text of the template.
    """

    key: str
    label: str
    value: Value
    change_message: str | None = None
    role: str | None = None


class Link(Struct, frozen=True):
    """A link on the back of the card."""

    label: str
    url: str


class Location(Struct, frozen=True):
    """A shop near which the wallet offers the card."""

    latitude: float
    longitude: float
    text: str | None = None


class Message(Struct, frozen=True):
    """A notice that the template puts on the back of every card."""

    key: str
    header: str
    body: str


class Barcode(Struct, frozen=True):
    """What the till scans; `alt_text` is printed below it."""

    format: BarcodeFormat
    message: str
    alt_text: str | None = None


class Colors(Struct, frozen=True):
    """Colours as `#rrggbb`."""

    background: str
    text: str
    label: str


class Stamps(Struct, frozen=True):
    """So many stamps of a full card, drawn in the strip; a field says the same in words."""

    filled: int
    of: int


class Face(Struct, frozen=True):
    """Everything that a member sees on the card, in one language.

    `apple` holds keys of the vendor's own that the template passes through untouched.
    """

    language: str
    organization: str
    program: str
    description: str
    colors: Colors
    barcode: Barcode
    header: tuple[Field, ...] = ()
    primary: tuple[Field, ...] = ()
    secondary: tuple[Field, ...] = ()
    auxiliary: tuple[Field, ...] = ()
    back: tuple[Field, ...] = ()
    links: tuple[Link, ...] = ()
    locations: tuple[Location, ...] = ()
    messages: tuple[Message, ...] = ()
    stamps: Stamps | None = None
    voided: bool = False
    expires_at: datetime | None = None
    apple: dict[str, Any] = field(default_factory=dict)

    def fields(self) -> Iterator[Field]:
        """Yield every field of every slot."""
        for slot in (self.header, self.primary, self.secondary, self.auxiliary, self.back):
            yield from slot

    def own_digest(self) -> bytes:
        """Return a hash of what is the member's own; the rest is the same on every card of the template.

        A wallet that holds the template's part once for all cards needs a card anew only when this changes.
        """
        own = [(each.key, each.label, _moment(each.value), each.role) for each in self.fields() if each.role]
        rest = (self.language, self.barcode, self.stamps, self.voided, _moment(self.expires_at))
        return hashlib.sha256(repr((own, rest)).encode()).digest()

    def digest(self) -> bytes:
        """Return a hash of all that is visible; two faces with equal digests need no push.

        Change messages are left out: they are seen only together with a changed value.
        """
        fields = [
            [(each.key, each.label, _moment(each.value)) for each in slot]
            for slot in (self.header, self.primary, self.secondary, self.auxiliary, self.back)
        ]
        rest = (
            self.language,
            self.organization,
            self.program,
            self.description,
            self.colors,
            self.barcode,
            self.links,
            self.locations,
            self.messages,
            self.stamps,
            self.voided,
            _moment(self.expires_at),
            sorted(self.apple.items(), key=lambda item: item[0]),
        )
        return hashlib.sha256(repr((fields, rest)).encode()).digest()


def _moment(value: Value | None) -> Value | None:
    """Return the same moment in UTC; the database and the clock may name it in different time zones."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value
