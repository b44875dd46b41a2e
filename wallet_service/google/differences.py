"""What Google holds beside what is drawn: equal, or which members differ, whatever Google adds and writes its own way.

https://developers.google.com/wallet/reference/rest/v1/loyaltyobject
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from wallet_service.google.change import LOCATIONS, blank

DEPTH = 2  # names in a path; nobody looks for more than "loyaltyPoints.balance"
KIND = "kind"  # what Google may write into every element of an array
REVIEWED = {"UNDER_REVIEW": "APPROVED"}  # as we send it, and as it is answered
NOTHING: tuple[Any, ...] = (None, "", [], {})


def differences(drawn: Mapping[str, Any], held: Mapping[str, Any], *, locations: bool = True) -> list[str]:
    """Return the names of the members ("loyaltyPoints.balance") in which what Google holds is not what is drawn.

    Only what we draw counts, or would have cleared: `messages` of a card in force, `hasUsers`, `classReference` and the
    like are Google's or somebody else's. Texts, numbers and dates may be written in any way that means the same.
    Without `locations` the issuer may not use merchant locations, and what is held of them is not looked at.
    """
    gone = blank(drawn)
    names = [each for each in {**drawn, **gone} if locations or each != LOCATIONS]
    found = (path for each in names for path in _unlike(each, drawn.get(each), held.get(each), gone.get(each)))
    return list(dict.fromkeys(".".join(each.split(".")[:DEPTH]) for each in found))


def _unlike(path: str, drawn: Any, held: Any, gone: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the paths in which two members differ; what is held beyond the drawn and the blank is not ours."""
    if not isinstance(drawn, dict) or not isinstance(held, dict):
        if not _alike(path.rpartition(".")[2], drawn, held):
            yield path
        return
    gone = gone or {}
    for each in {**drawn, **gone}:
        # An inner part may be left out where all of it is zero; an outer one never is.
        missing: Any = {} if isinstance(drawn.get(each), dict) else None
        yield from _unlike(f"{path}.{each}", drawn.get(each), held.get(each, missing), gone.get(each))


def _alike(name: str, drawn: Any, held: Any) -> bool:
    """Whether two values mean the same; an array is replaced as a whole, so all that is in it must be as drawn."""
    if isinstance(drawn, list) and isinstance(held, list):
        pairs = zip(_ordered(name, drawn), _ordered(name, held), strict=False)
        return len(drawn) == len(held) and all(_alike("", *pair) for pair in pairs)
    if isinstance(drawn, dict) and isinstance(held, dict):
        return all(_alike(each, drawn.get(each), held.get(each)) for each in (drawn.keys() | held.keys()) - {KIND})
    if drawn in NOTHING or held in NOTHING:
        return (drawn in NOTHING and held in NOTHING) or (held is None and _is_zero(name, drawn))
    if isinstance(drawn, str) != isinstance(held, str):
        return str(drawn) == str(held)
    return bool(_meaning(name, drawn) == _meaning(name, held))


def _is_zero(name: str, value: Any) -> bool:
    """Whether a value is one that an answer may leave out, as protocol buffers do."""
    return value == "0" if name == "micros" else value in (0, 0.0)


def _ordered(name: str, values: list[Any]) -> list[Any]:
    """Return translations by language, for their order means nothing; all else in its own order."""
    if name != "translatedValues":
        return values
    return sorted(values, key=lambda each: str(each.get("language") if isinstance(each, dict) else each))


def _meaning(name: str, value: Any) -> Any:
    if name == "date":
        return _moment(value)
    return REVIEWED.get(value, value) if name == "reviewStatus" else value


def _moment(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
