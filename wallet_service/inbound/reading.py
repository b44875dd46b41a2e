"""How bodies are read: strictly where it matters, open to keys that we do not know, and bounded everywhere."""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from wallet_service.domain.errors import EventRefused, Fault
from wallet_service.domain.values import Id

TOLERANCE = timedelta(minutes=5)
LARGEST = 10**11  # minor units; what earns points stays inside the database's bigint
MOST = 1000  # rows of one list
MOST_FAULTS = 100
MOST_TEXT = 500
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # the first years of the calendar do not survive a change of time zone

Item = TypeVar("Item")
Model = TypeVar("Model", bound=BaseModel)


class Table(BaseModel):
    """What we read of a table; other keys are left alone, for senders that say more than we need."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


def validated(model: type[Model], body: bytes) -> Model:
    """Return what a body says.

    Raises `EventRefused` with every fault up to a hundred, whatever the bytes are.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = [_fault(each) for each in error.errors(include_url=False, include_input=False)[:MOST_FAULTS]]
        raise EventRefused("The event cannot be entered; nothing was stored.", faults) from None


def refused(key: str, message: str) -> EventRefused:
    """Return the refusal of one value of a body."""
    return EventRefused("The event cannot be entered; nothing was stored.", [Fault("body", key, message)])


def happened(moment: datetime, key: str, *, now: datetime) -> datetime:
    """Return the moment in UTC.

    Raises `EventRefused` for one that lies ahead of our clock, or before all clocks.
    """
    if moment > now + TOLERANCE:
        raise refused(key, "lies in the future; send the time at which it happened")
    if moment < EARLIEST:
        raise refused(key, "lies before 1970; send the time at which it happened")
    return moment.astimezone(UTC)


def _fault(error: Any) -> Fault:
    message = "is missing" if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
    return Fault("body", ".".join(str(part) for part in error["loc"]), message)


def _dated(moment: object) -> object:
    """Refuse numbers, which would be taken for seconds or milliseconds: "20260601" for a day in 1970."""
    if not isinstance(moment, str) or moment.strip().lstrip("+-").replace(".", "", 1).isdecimal():
        raise ValueError("should be a date and time with its zone, such as 2026-06-01T10:00:00Z")
    return moment


def _number_as_text(given: object) -> object:
    """Return the digits of a whole number that a vendor gives as an id; what is no such number stays as it is."""
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**24:
        return str(given)
    return given


def _text(given: object) -> object:
    return given[:MOST_TEXT] if isinstance(given, str) else None


def _count(given: object) -> object:
    """Return a number of pieces; half a metre of cloth is one piece."""
    return math.ceil(given) if isinstance(given, float) and math.isfinite(given) else given


def _or_none(given: object) -> object:
    return () if given is None else given


VendorId = Annotated[Id, BeforeValidator(_number_as_text)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(_count)]
Moment = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_dated),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# What people type, and what we can do without: it is cut rather than refused, and anything but a text is none.
Text = Annotated[str | None, BeforeValidator(_text)]
Listed = Annotated[tuple[Item, ...], Field(strict=False, max_length=MOST), BeforeValidator(_or_none)]
