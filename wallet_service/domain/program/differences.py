"""What one version of a programme says otherwise than another, key by key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from fractions import Fraction
from typing import Any

from pydantic import BaseModel

from wallet_service.domain.period import Period
from wallet_service.domain.program import Program
from wallet_service.domain.program.values import exact

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that says something else: `before` and `after` as they would be written, None where it is not there."""

    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return it in plain words."""
        if self.before is None:
            return f"{self.key} is new: {self.after}"
        if self.after is None:
            return f"{self.key} is gone: it was {self.before}"
        return f"{self.key} was {self.before} and becomes {self.after}"


def differences(before: Program, after: Program) -> list[Difference]:
    """Return every key that differs, in the order of the file; tables of a list are known by their codes."""
    return list(_compared("", _plain(before), _plain(after)))


def _plain(given: Any) -> Any:
    """Return a table as nested keys and texts, without what only says the default."""
    if isinstance(given, BaseModel):
        fields = type(given).model_fields
        return {
            fields[name].alias or name: _plain(value)
            for name, value in given
            if value is not None and value not in ((), {})
        }
    if isinstance(given, dict):
        return {str(key): _plain(value) for key, value in given.items()}
    if isinstance(given, tuple):
        if given and all(isinstance(each, BaseModel) and hasattr(each, "code") for each in given):
            return {each.code: _plain(each) for each in given}
        return "[" + ", ".join(str(_shown(_plain(each))) for each in given) + "]"
    return _text(given)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Fraction():
            return exact(value)
        case date() | time():
            return value.isoformat()
        case Period():
            return str(value)
        case _:
            return str(value)


def _compared(key: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            place = f"{key}.{name}" if key else name
            yield from _compared(place, before.get(name, ABSENT), after.get(name, ABSENT))
        if key and list(before) != list(after) and before.keys() == after.keys():
            yield Difference(f"{key} in their order", ", ".join(before), ", ".join(after))
        return
    yield Difference(key, _shown(before), _shown(after))


def _shown(value: Any) -> str | None:
    if value is ABSENT:
        return None
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_shown(each)}" for name, each in value.items()) + " }"
    return str(value)
