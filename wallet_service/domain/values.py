"""Single values as others send them, in events and in files: read strictly, and told in words where they are wrong."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from wallet_service.domain.identity import identity

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# No-break space and the joiners of Persian, Hindi and emoji belong in names, though Python counts them as unprintable.
_JOINERS = dict.fromkeys(map(ord, "\u00a0\u200c\u200d"), " ")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should hold printable characters only")
    return text


def _readable(text: str) -> str:
    if not _printable(text.translate(_JOINERS)).strip():
        raise ValueError("should hold something that can be read")
    return text


def _day(given: object) -> object:
    if not isinstance(given, str) or not _DAY.fullmatch(given):
        raise ValueError("should be a day such as 2026-06-01")
    return given


def _birthday(given: object) -> object:
    """Return month and day of "06-01" or "1990-06-01"; the year is not kept."""
    try:
        return _month_and_day(str(given))
    except ValueError:
        raise ValueError("should be a birthday such as 06-01 or 1990-06-01") from None


def _month_and_day(text: str) -> tuple[int, int]:
    day = date.fromisoformat(text if len(text) > len("06-01") else f"2000-{text}")  # a leap year: 29 February is one
    return day.month, day.day


def _email(given: str) -> str:
    known = identity("email", given)
    if known is None:
        raise ValueError("should be an e-mail address")
    return known.value


def _phone(given: str) -> str:
    known = identity("phone", given)
    if known is None:
        raise ValueError("should be a phone number with its country, such as +420 601 000 000")
    return known.value


Id = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_printable)]
Words = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_readable)
]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
Day = Annotated[date, Field(strict=False), BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Birthday = Annotated[
    tuple[int, int],
    BeforeValidator(_birthday),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$"}),
]
Email = Annotated[str, Field(max_length=320), AfterValidator(_email)]
Phone = Annotated[str, Field(max_length=40), AfterValidator(_phone)]
