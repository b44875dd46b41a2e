"""How a file of a template is read strictly: no unknown keys, every fault named by its key."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from wallet_service.domain.errors import Fault
from wallet_service.domain.period import Period

LONGEST_SHOWN = 80
TWICE = re.compile(r"Cannot declare \('(\w+)',\) twice")  # what the parser says of a [table] that comes again
# What pydantic calls by the names of Python's types, or by the form in which we keep it.
PLAIN = {
    "bool_type": "true or false",
    "int_type": "a whole number such as 100",
    "string_type": "a text in quotes",
    "model_type": "a table",
    "dict_type": "a table",
    "tuple_type": "a list",
    "datetime_type": "a date and time without quotes such as 2026-06-01T00:00:00",
    "date_type": "a day without quotes such as 2026-06-01",
    "time_type": "a time of day without quotes such as 09:00:00",
}
# How a length of time is written that people call by a word.
LENGTHS = {"day": "P1D", "week": "P7D", "month": "P1M", "year": "P1Y"}


class FileModel(BaseModel):
    """A table of a TOML file: frozen, strict about types, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Model = TypeVar("Model", bound=FileModel)


def parse(data: bytes, place: str) -> tuple[dict[str, Any] | None, list[Fault]]:
    """Return what stands in a TOML file, or None and why it cannot be parsed."""
    try:
        return tomllib.loads(data.decode("utf-8-sig")), []
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
        twice = TWICE.search(str(error))
        hint = f"; write it once, or [[{twice[1]}]] each time where there may be several" if twice else ""
        return None, [Fault(place, "", f"is not TOML in UTF-8: {error}{hint}")]


def read(model: type[Model], place: str, table: dict[str, Any]) -> tuple[Model | None, list[Fault]]:
    """Return the model read from a parsed file, or None with every fault in it."""
    try:
        return model.model_validate(table), []
    except ValidationError as error:
        found = [(_spot(model, each["loc"]), each) for each in error.errors(include_url=False)]
    together: dict[tuple[int | str, ...], list[tuple[_Spot, Any]]] = {}
    for spot, each in found:
        if spot.is_meant(table):
            together.setdefault(spot.location, []).append((spot, each))
    return None, [
        Fault(place, _key(location), _message(each[0][0], [error for _, error in each]))
        for location, each in together.items()
    ]


def did_you_mean(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the question whether the nearest known name is meant, or nothing where none is near.

    `cutoff` is how near, from 0 to 1, as `difflib` counts it.
    """
    near = get_close_matches(name, list(known), n=1, cutoff=cutoff) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True)
class _Choice:
    """A place where one of several kinds of value may stand, and the kind of which pydantic speaks."""

    location: tuple[int | str, ...]
    is_table: bool
    takes_tables: bool


@dataclass(frozen=True)
class _Spot:
    """Where in the file a fault is, the keys of the table around it, what may stand there, and the choices before."""

    location: tuple[int | str, ...]
    names: tuple[str, ...]
    annotation: Any
    choices: tuple[_Choice, ...] = ()
    is_key: bool = False

    def is_meant(self, table: dict[str, Any]) -> bool:
        """Whether it tells of the kind of value that was written, and not of another one of the choice."""
        for choice in self.choices:
            given = _at(table, choice.location)
            if choice.takes_tables and isinstance(given, Mapping) and not choice.is_table:
                return False
        return True


def _spot(model: type[FileModel], told: tuple[int | str, ...]) -> _Spot:
    """Return the place of which pydantic speaks, without its names for the members of unions."""
    annotation: Any = model
    location: list[int | str] = []
    names: tuple[str, ...] = ()
    choices: list[_Choice] = []
    for part in told:
        members = _members(annotation)
        if len(members) > 1:
            chosen = next((each for each in members if _is_model(each) and each.__name__ == part), None)
            choices.append(_Choice(tuple(location), chosen is not None, any(map(_is_model, members))))
            annotation = chosen or annotation
            continue
        if part == "[key]":
            return _Spot(tuple(location), names, annotation, tuple(choices), is_key=True)
        location.append(part)
        names = _names(members[0])
        annotation = _inner(members[0], part)
    return _Spot(tuple(location), names, annotation, tuple(choices))


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _members(annotation: Any) -> list[Any]:
    """Return what may stand there, apart from nothing."""
    annotation = _bare(annotation)
    if get_origin(annotation) not in (Union, UnionType):
        return [annotation]
    kinds = (_bare(each) for each in get_args(annotation))
    return [each for each in kinds if each is not NoneType]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _names(annotation: Any) -> tuple[str, ...]:
    """Return the keys that a table may have."""
    fields = annotation.model_fields.items() if _is_model(annotation) else ()
    return tuple(field.alias or name for name, field in fields)


def _inner(annotation: Any, part: int | str) -> Any:
    """Return what may stand at a key or an index of what may stand here."""
    if _is_model(annotation):
        fields = annotation.model_fields.items()
        return next((field.annotation for name, field in fields if (field.alias or name) == part), Any)
    arguments = get_args(annotation)
    if get_origin(annotation) in (tuple, list):
        return arguments[0]
    return arguments[1] if get_origin(annotation) is dict else Any


def _at(table: Any, location: tuple[int | str, ...]) -> Any:
    for part in location:
        table = table[part]
    return table


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _message(spot: _Spot, errors: list[Any]) -> str:
    """Return one sentence for all that pydantic says of one place."""
    first = errors[0]
    if first["type"] == "missing":
        return "is missing; add it"
    name = str(spot.location[-1]) if spot.location else ""
    if first["type"] == "extra_forbidden":
        return f"is not a known key{did_you_mean(name, spot.names) or '; remove it'}"
    options = list(_options(spot.annotation))
    texts = [text for text in options if isinstance(text, str)]
    if len(errors) == 1:
        wanted = _wanted(first)
    else:
        others = [_wanted(each).removeprefix("should be ") for each in errors if each["type"] != "literal_error"]
        wanted = f"should be {_either([*map(repr, options), *dict.fromkeys(others)])}"
    if spot.is_key:
        return f"{wanted} (the key {_shown(name)})"
    meant = did_you_mean(first["input"], texts) or _form(spot, first["input"])
    return f"{wanted} (found {_shown(first['input'])}{meant})"


def _form(spot: _Spot, given: Any) -> str:
    """Return how to write what was meant: a length of time, a table's brackets, or a table with the mode for it."""
    members = _members(spot.annotation)
    if Period in members and isinstance(given, str) and given in LENGTHS:
        calendar = f"calendar_{given}"
        return f"; did you mean {calendar if calendar in _options(spot.annotation) else LENGTHS[given]!r}?"
    inner = spot.location[1:]
    if isinstance(given, Mapping) and get_origin(members[0]) is tuple:
        return "; write it in [ and ]" if inner else f"; write [[{spot.location[0]}]]"
    if isinstance(given, list) and _is_model(members[0]):
        return "" if inner else f"; write [{spot.location[0]}], with one bracket on each side"
    for each in filter(_is_model, members):
        mode = each.model_fields.get("mode")
        modes = [f'"{known}"' for known in _options(mode.annotation)] if mode and not isinstance(given, Mapping) else []
        if modes:
            meant = f'"{given}"'
            return f"; write {{ mode = {meant if meant in modes else _either(modes)}, … }}"
    return ""


def _wanted(error: Any) -> str:
    if error["type"] in PLAIN:
        return f"should be {PLAIN[error['type']]}"
    message = str(error["msg"])
    for start in ("Value error, ", "Input ", "String "):
        message = message.removeprefix(start)
    for long, short in (("greater than or equal to", "at least"), ("less than or equal to", "at most")):
        message = message.replace(long, short)
    return message[0].lower() + message[1:]


def _either(wanted: list[str]) -> str:
    *most, last = wanted
    return f"{', '.join(most)} or {last}" if most else last


def _options(annotation: Any) -> Iterator[Any]:
    """Yield the values of which one should stand there."""
    for each in _members(annotation):
        if get_origin(each) is Literal:
            yield from get_args(each)


def _shown(value: object) -> str:
    try:
        shown = str(value) if isinstance(value, date | time) else repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, tables within tables without end
        return "something too large to show"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
