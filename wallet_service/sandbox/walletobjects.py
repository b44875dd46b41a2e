"""The strict check of loyalty classes and objects, by the schema beside it in walletobjects.json.

The schema is made from Google's discovery document: https://walletobjects.googleapis.com/$discovery/rest?version=v1
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from wallet_service.domain.errors import Fault

LIMITS = {"int32": 2**31, "int64": 2**63}  # the first numbers that are too large
WHOLE = re.compile(r"-?[0-9]{1,19}")
FIELD_PATH = re.compile(r"(object|class)((?:\.[A-Za-z]+|\['[A-Za-z0-9_-]+'\])+)")
STEP = re.compile(r"\.([A-Za-z]+)|\['")
PATH_ROOTS = {"object": "LoyaltyObject", "class": "LoyaltyClass"}

Found = Iterator[tuple[str, str]]  # the key of each fault, and what is wrong there


def faults(kind: str, body: object, *, partial: bool) -> list[Fault]:
    """Return everything for which Google would refuse a body: a "LoyaltyClass", a "LoyaltyObject" or another type.

    With `partial` the body is a PATCH: what it leaves out stays as it is, and null clears what need not be there.
    Elements of arrays are whole in any case. The answer has `kind` as the place of each fault.

    Raises:
        KeyError: when the schema has no type of that name.
    """
    return [Fault(kind, key, message) for key, message in _object(kind, body, "", partial)]


@cache
def _types() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))["types"]
    return found


def _object(name: str, body: object, at: str, partial: bool) -> Found:
    schema = _types()[name]
    if not isinstance(body, dict):
        yield at, f"is no JSON object. Send a {name}."
        return
    given = {
        key: value for key, value in body.items() if value is not None
    }  # null says nothing, as in protocol buffers
    yield from _presence(schema, body, given, at, partial)
    for key, value in body.items():
        inner = f"{at}.{key}" if at else key
        if key not in schema["properties"]:
            yield inner, _unknown(key, schema["properties"])
        elif value is not None:
            yield from _value(schema["properties"][key], value, inner, partial)
    if name in CROSS_CHECKS:
        for key, message in CROSS_CHECKS[name](given):
            yield f"{at}.{key}" if at else key, message


def _presence(
    schema: Mapping[str, Any], body: Mapping[str, Any], given: Mapping[str, Any], at: str, partial: bool
) -> Found:
    for key in schema.get("required", ()):
        if key not in given and (key in body or not partial):
            yield (
                f"{at}.{key}" if at else key,
                "is required, and cannot be cleared. Leave it out." if partial else "is required. Send it.",
            )
    choices = schema.get("exactlyOne", ())
    chosen = [key for key in choices if key in given]
    if choices and (len(chosen) > 1 or not (chosen or partial)):
        yield at, f"has {' and '.join(chosen) or 'none'}. Give exactly one of {', '.join(choices)}."


def _unknown(key: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(key, [name for name, member in known.items() if "type" in member or "$ref" in member], n=1)
    return f"is no known member. Did you mean {near[0]}?" if near else "is no known member. Leave it out."


def _value(schema: Mapping[str, Any], value: object, at: str, partial: bool) -> Found:
    if "deprecated" in schema:
        yield at, "is deprecated. Leave it out."
    elif "output" in schema:
        yield at, "is filled in by Google. Leave it out."
    elif "$ref" in schema:
        yield from _object(schema["$ref"], value, at, partial)
    elif schema["type"] == "array":
        yield from _array(schema, value, at)
    else:
        yield from ((at, message) for message in _scalar(schema, value))


def _array(schema: Mapping[str, Any], value: object, at: str) -> Found:
    if not isinstance(value, list):
        yield at, "is no JSON array. Send a list, even of one."
        return
    if len(value) > schema.get("maxItems", len(value)):
        yield at, f"has {len(value)} elements. Give {schema['maxItems']} at the most."
    for index, each in enumerate(value):
        yield from _value(schema["items"], each, f"{at}[{index}]", partial=False)


def _scalar(schema: Mapping[str, Any], value: object) -> Iterator[str]:
    wrong = SCALARS[schema["type"]](schema, value)
    if wrong:
        yield wrong


def _string(schema: Mapping[str, Any], value: object) -> str | None:
    if schema.get("format") == "int64":
        whole = isinstance(value, str) and WHOLE.fullmatch(value) and _fits(int(value), "int64")
        return None if whole else "must be a whole number of 64 bits, written as a string."
    if not isinstance(value, str):
        return "must be a string."
    if value not in schema.get("enum", (value,)):
        return f"is {value[:40]!r}. Use one of {', '.join(schema['enum'])}."
    if not re.fullmatch(schema.get("pattern", r"[\s\S]*"), value, re.ASCII):
        return f"has the wrong form. It must match {schema['pattern']}"
    return None


def _integer(schema: Mapping[str, Any], value: object) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and _fits(value, schema["format"])
    return None if fits else "must be a whole number of 32 bits, not written as a string."


def _number(schema: Mapping[str, Any], value: object) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= sys.float_info.max:
        return "must be a number, not written as a string."
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"must lie between {schema['minimum']} and {schema['maximum']}."
    return None


def _boolean(_: Mapping[str, Any], value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false."


def _fits(number: int, form: str) -> bool:
    return -LIMITS[form] <= number < LIMITS[form]


SCALARS: dict[str, Callable[[Mapping[str, Any], object], str | None]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def _barcode(given: Mapping[str, Any]) -> Found:
    if given.get("type") == "TEXT_ONLY" and "alternateText" in given:
        yield "alternateText", "cannot stand below text. Leave it out, or use another type."
    if "type" in given and given["type"] != "QR_CODE" and "renderEncoding" in given:
        yield "renderEncoding", "is for QR codes only. Leave it out."


def _template_item(given: Mapping[str, Any]) -> Found:
    if "secondValue" in given and "firstValue" not in given:
        yield "secondValue", "needs a firstValue before it."


def _interval(given: Mapping[str, Any]) -> Found:
    dates = [each.get("date") for each in (given.get("start"), given.get("end")) if isinstance(each, dict)]
    offsets = {bool(re.search(r"T.*(Z|[+-]\d\d:\d\d)", date)) for date in dates if isinstance(date, str)}
    if len(offsets) > 1:
        yield "start", "and end must both have an offset, or neither."


def _field_reference(given: Mapping[str, Any]) -> Found:
    path = given.get("fieldPath")
    found = FIELD_PATH.fullmatch(path) if isinstance(path, str) else None
    if found is None:
        yield "fieldPath", "is no path. Write it as object.accountName or object.textModulesData['id']."
        return
    member: Mapping[str, Any] = {"$ref": PATH_ROOTS[found[1]]}
    for step in STEP.finditer(found[2]):
        member = _inside(member, step[1])
        if "$ref" not in member and "type" not in member:
            yield "fieldPath", f"leads to nothing that can be shown, from {step[0]!r} on. Correct it."
            return


def _inside(member: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    """Return the member of that name, or for no name an element of the array; empty if there is none."""
    within = _types().get(member.get("$ref", ""), {}).get("properties", {}) if name else {"": member.get("items", {})}
    found: Mapping[str, Any] = within.get(name or "", {})
    return found


CROSS_CHECKS: dict[str, Callable[[Mapping[str, Any]], Found]] = {
    "Barcode": _barcode,
    "FieldReference": _field_reference,
    "TemplateItem": _template_item,
    "TimeInterval": _interval,
}
