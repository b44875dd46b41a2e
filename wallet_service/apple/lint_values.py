"""Single values of pass.json: each check returns what to change, or None when the value is good."""

import math
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from wallet_service.domain.errors import Fault

Check = Callable[[Any], str | None]

PLACE = "pass.json"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})")
COLOR = re.compile(r"rgb\( *([0-9]{1,3}) *, *([0-9]{1,3}) *, *([0-9]{1,3}) *\)")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CURRENCY = re.compile(r"[A-Z]{3}")
DEEPEST = 100
NULL = "is null. Leave the key out."
EMPTY = "is an empty array. Leave the key out."
INTEGERS = range(-(2**63), 2**63)


class _Short(reprlib.Repr):
    """Python's short repr, but for integers of thousands of digits, on which that raises."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x in INTEGERS else "a huge number"


def shown(value: object) -> str:
    """Return a value shortly for a message, in the words of JSON."""
    if value is None:
        return "null"
    return str(value).lower() if type(value) is bool else _Short().repr(value)


def text(value: object) -> str | None:
    """Accept any text."""
    return None if type(value) is str else f"is {shown(value)}. Make it a text."


def filled(value: object) -> str | None:
    """Accept a text that is not empty."""
    return None if type(value) is str and value else f"is {shown(value)}. Make it a text that is not empty."


def flag(value: object) -> str | None:
    """Accept true and false."""
    return None if type(value) is bool else f"is {shown(value)}. Make it true or false."


def is_number(value: Any) -> bool:
    """Whether it is a finite JSON number; true and false are none."""
    kind = type(value)
    return kind is int or (kind is float and math.isfinite(value)) or (kind is Decimal and value.is_finite())


def number(value: object) -> str | None:
    """Accept a JSON number; phones drop a number in quotes without a word."""
    return None if is_number(value) else f"is {shown(value)}. Make it a number, without quotes."


def positive(value: Any) -> str | None:
    """Accept a JSON number above zero."""
    return None if is_number(value) and value > 0 else f"is {shown(value)}. Make it a number above 0."


def date(value: object) -> str | None:
    """Accept a W3C date with hours, minutes and a zone; +0000 without its colon makes phones refuse the pass."""
    if type(value) is str and DATE.fullmatch(value) is not None:
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass  # The 30th of February has the right form, too.
        else:
            return None
    return f"is {shown(value)}. Write the date as 2027-12-31T23:59:00Z."


def color(value: object) -> str | None:
    """Accept rgb(r, g, b)."""
    if type(value) is str and _is_rgb(value):
        return None
    return f"is {shown(value)}. Write the colour as rgb(20, 30, 60)."


@lru_cache(maxsize=256)
def _is_rgb(value: str) -> bool:
    parts = COLOR.fullmatch(value)
    return parts is not None and all(int(each) <= 255 for each in parts.groups())


def uuid(value: object) -> str | None:
    """Accept a UUID in its usual form."""
    if type(value) is str and UUID.fullmatch(value) is not None:
        return None
    return f"is {shown(value)}. Write a UUID such as 12345678-ABCD-1234-ABCD-123456789ABC."


def currency(value: object) -> str | None:
    """Accept the form of an ISO 4217 code."""
    if type(value) is str and CURRENCY.fullmatch(value) is not None:
        return None
    return f"is {shown(value)}. Write the ISO 4217 code in capitals, such as EUR."


def within(least: float, most: float) -> Check:
    """Return a check for a JSON number between two, themselves included."""

    def check(value: Any) -> str | None:
        if is_number(value) and least <= value <= most:
            return None
        return f"is {shown(value)}. Make it a number from {least} to {most}."

    return check


def whole(least: int, most: int) -> Check:
    """Return a check for a whole number between two, themselves included."""

    def check(value: Any) -> str | None:
        if type(value) is int and least <= value <= most:
            return None
        return f"is {shown(value)}. Make it a whole number from {least} to {most}."

    return check


def one_of(*names: str) -> Check:
    """Return a check for one of a few names."""
    known = frozenset(names)

    def check(value: Any) -> str | None:
        if type(value) is str and value in known:
            return None
        return f"is {shown(value)}. Use one of {', '.join(names)}."

    return check


def list_of(check: Check, *, may_be_empty: bool = False) -> Check:
    """Return a check for an array whose every entry passes `check`."""

    def check_all(value: Any) -> str | None:
        if type(value) is not list:
            return f"is {shown(value)}. Make it an array."
        if not value and not may_be_empty:
            return EMPTY
        return next((f"has an entry that {message}" for each in value if (message := check(each)) is not None), None)

    return check_all


def is_sound(entry: Any, shape: Mapping[str, Check], required: tuple[str, ...]) -> bool:
    """Whether `check_keys` would find nothing; quicker, as it builds no names of places."""
    if type(entry) is not dict:
        return False
    for key, value in entry.items():
        check = shape.get(key)
        if check is None or check(value) is not None:
            return False
    return all(map(entry.__contains__, required))


def check_keys(entry: Any, at: str, shape: Mapping[str, Check], required: tuple[str, ...], found: list[Fault]) -> None:
    """Check that an entry is an object, and its keys: the known against `shape`, the others for stray values."""
    if type(entry) is not dict:
        found.append(Fault(PLACE, at, f"is {shown(entry)}. Make it an object."))
        return
    for key, value in entry.items():
        check = shape.get(key)
        if check is None:
            found += strays(value, f"{at}.{_printable(key)}")
        elif (message := check(value)) is not None:
            found.append(Fault(PLACE, f"{at}.{key}", NULL if value is None else message))
    found += [Fault(PLACE, f"{at}.{key}", "is missing. Add it.") for key in required if key not in entry]


def check_objects(
    value: Any, at: str, shape: Mapping[str, Check], required: tuple[str, ...], found: list[Fault], *, most: int
) -> None:
    """Check an array of one to `most` objects against `shape`."""
    if type(value) is not list:
        found.append(Fault(PLACE, at, NULL if value is None else f"is {shown(value)}. Make it an array of objects."))
        return
    if not value:
        found.append(Fault(PLACE, at, EMPTY))
    if len(value) > most:
        found.append(Fault(PLACE, at, f"has {len(value)} entries. Keep {most} at most."))
    for index, entry in enumerate(value):
        if not is_sound(entry, shape, required):
            check_keys(entry, f"{at}[{index}]", shape, required, found)


def strays(value: Any, at: str, *, depth: int = 0) -> Iterator[Fault]:
    """Yield every value that is no JSON, or is JSON on which phones refuse a pass: null and the empty array."""
    if depth > DEEPEST:
        yield Fault(PLACE, at, "is nested too deep. Flatten it.")
    elif type(value) is dict:
        for key, each in value.items():
            inner = f"{at}.{_printable(key)}" if at else _printable(key)
            if type(key) is not str or not _is_unicode(key):
                yield Fault(PLACE, inner, "is a key that is no valid text. Rename it.")
            yield from strays(each, inner, depth=depth + 1)
    elif type(value) is list:
        if not value and not _may_be_empty(at):
            yield Fault(PLACE, at, EMPTY)
        for index, each in enumerate(value):
            yield from strays(each, f"{at}[{index}]", depth=depth + 1)
    elif (message := _stray(value)) is not None:
        yield Fault(PLACE, at, message)


def _may_be_empty(at: str) -> bool:
    last = at.rpartition(".")[2]
    return last == "dataDetectorTypes" or last.endswith("Fields") or at.startswith("userInfo")


def _stray(value: object) -> str | None:
    if value is None:
        return NULL
    if isinstance(value, str):
        return None if _is_unicode(value) else "has half of a surrogate pair, which no encoding can say. Remove it."
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if value in INTEGERS else "is too large. Write it as a text."
    if isinstance(value, float | Decimal):
        is_finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        return None if is_finite else "is not a finite number. Write a number or leave the key out."
    return f"is a {type(value).__name__}, which JSON does not know. Write dates and the like as text."


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(key: object) -> str:
    return key if type(key) is str and key.isprintable() else ascii(key)
