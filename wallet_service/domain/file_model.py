"""How a file of a template is read strictly: no unknown keys, every fault named by its key."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from wallet_service.domain.errors import Fault

LONGEST_SHOWN = 80


class FileModel(BaseModel):
    """A table of a TOML file: frozen, strict about types, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Model = TypeVar("Model", bound=FileModel)


def read(model: type[Model], place: str, table: dict[str, Any]) -> tuple[Model | None, list[Fault]]:
    """Return the model read from a parsed file, or None with every fault in it."""
    try:
        return model.model_validate(table), []
    except ValidationError as error:
        return None, [
            Fault(place, _key(each["loc"]), _message(model, each)) for each in error.errors(include_url=False)
        ]


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _message(model: type[FileModel], error: Any) -> str:
    if error["type"] == "missing":
        return "is missing; add it"
    if error["type"] != "extra_forbidden":
        message = str(error["msg"]).removeprefix("Value error, ")
        return f"{message[0].lower()}{message[1:]} (found {_shown(error['input'])})"
    name = str(error["loc"][-1])
    near = get_close_matches(name, _names(model, error["loc"][:-1]), n=1)
    return f"is not a known key; did you mean {near[0]!r}?" if near else "is not a known key; remove it"


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, tables within tables without end
        return "something too large to show"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def _names(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at `location` may have."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            inner = next(_models_in(model.model_fields[part].annotation), None)
            model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
