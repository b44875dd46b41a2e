"""The page that people read: each route with what it takes, an example to copy, what it answers and refuses."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

MARKED = re.compile(r"\*\*(.+?)\*\*|`(.+?)`")


@dataclass(frozen=True)
class Field:
    """A line of a table: what a value is called, of what kind it is, and what it means."""

    name: str
    kind: str
    required: bool
    about: Markup


@dataclass(frozen=True)
class Reply:
    """What a status means."""

    status: str
    about: list[Markup]


@dataclass(frozen=True)
class Entry:
    """A route as it is read: what it takes, an example request and its answer, and the problems."""

    name: str
    method: str
    path: str
    summary: str
    about: list[Markup]
    scope: str
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    request: str
    example: str
    replies: list[Reply]


@dataclass(frozen=True)
class Chapter:
    """Routes that belong together."""

    title: str
    about: str
    entries: list[Entry]


def chapters(described: Mapping[str, Any]) -> list[Chapter]:
    """Return the description as it is read from top to bottom."""
    entries = [
        (operation["tags"][0], _entry(described, path, method, operation))
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        Chapter(tag["name"], tag["description"], [entry for title, entry in entries if title == tag["name"]])
        for tag in described["tags"]
    ]


def paragraphs(text: str) -> list[Markup]:
    """Return a text's paragraphs, with what is bold or code in it."""
    return [_marked(each) for each in text.split("\n\n")]


def _marked(text: str) -> Markup:
    parts, end = Markup(), 0
    for found in MARKED.finditer(text):
        bold, code = found.groups()
        parts += escape(text[end : found.start()])
        parts += Markup("<b>{}</b>").format(bold) if bold else Markup("<code>{}</code>").format(code)
        end = found.end()
    return parts + escape(text[end:])


def _entry(described: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Entry:
    _, body = _first(operation.get("requestBody", {}).get("content", {}))
    status, good = next(iter(operation["responses"].items()))
    _, answer = _first(good["content"])
    example = answer.get("example")
    return Entry(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=paragraphs(operation["description"]),
        scope=operation["x-scope"],
        parameters=[
            Field(each["name"], _kind(each["schema"]), each["required"], _marked(each.get("description", "")))
            for each in operation["parameters"]
        ],
        body=list(_fields(described, body.get("schema"))),
        answer=list(_fields(described, answer.get("schema"))),
        request=_curl(described, path, method, operation),
        example=_pretty(example) if example is not None else "",
        replies=[
            Reply(each, paragraphs(said["description"]))
            for each, said in operation["responses"].items()
            if each != status
        ],
    )


def _first(content: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the first type of a content with what is said of it."""
    return next(iter(content.items()), ("", {}))


def _fields(described: Mapping[str, Any], schema: Mapping[str, Any] | None, before: str = "") -> Iterator[Field]:
    """Yield every value in an object, those in other objects by their path."""
    found = _whole(described, schema or {})
    if options := [_whole(described, each) for each in found.get("oneOf", ())]:
        yield from _of_kinds(described, options, before)
        return
    for name, each in found.get("properties", {}).items():
        inner, many = _inner(described, each)
        kind = _kind(each)
        if inner is not None:
            kind = "list of objects" if many else "object"
        if {"type": "null"} in each.get("anyOf", ()) and inner is not None:
            kind += " or null"
        about = each.get("description") or (inner or {}).get("description", "")
        yield Field(f"{before}{name}", kind, name in found.get("required", ()), _marked(" ".join(about.split())))
        if inner is not None:
            yield from _fields(described, inner, f"{before}{name}{'[]' if many else ''}.")


def _of_kinds(described: Mapping[str, Any], options: Sequence[Mapping[str, Any]], before: str) -> Iterator[Field]:
    """Yield what objects of all kinds have, and then what those of each kind have besides, by what is said of it."""
    first = options[0]["properties"]
    shared = {name: each for name, each in first.items() if all(one["properties"][name] == each for one in options)}
    yield from _fields(described, {**options[0], "properties": shared}, before)
    for each in options:
        own = {name: part for name, part in each["properties"].items() if name not in shared and name != "type"}
        yield Field(before + "type", "string", True, _marked(each["description"]))
        yield from _fields(described, {**each, "properties": own}, before)


def _inner(described: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    for each in (schema, *schema.get("anyOf", ())):
        many = each.get("type") == "array"
        found = _whole(described, each["items"] if many else each)
        if "properties" in found:
            return found, many
    return None, False


def _whole(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object's schema; one of several objects has the fields of all of them."""
    found = _resolved(described, schema)
    options = [each["properties"] for each in found.get("anyOf", ()) if "properties" in each]
    return {**found, "properties": {name: each for one in options for name, each in one.items()}} if options else found


def _resolved(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    if options := schema.get("anyOf"):
        return " or ".join(_kind(each) for each in options)
    if options := schema.get("enum"):
        return " or ".join(json.dumps(each) for each in options)
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("format") or schema.get("type") or "object")


def _curl(described: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> str:
    sent, content = _first(operation.get("requestBody", {}).get("content", {}))
    body: object = content.get("example") or next(
        (each["value"] for each in content.get("examples", {}).values()), None
    )
    given = {each["name"]: each for each in operation["parameters"] if "example" in each}
    for name, each in given.items():
        if each["in"] == "path":
            path = path.replace(f"{{{name}}}", str(each["example"]))
    query = "&".join(f"{name}={each['example']}" for name, each in given.items() if each["in"] == "query")
    url = f"{described['servers'][0]['url']}{path}{f'?{query}' if query else ''}"
    lines = [f"curl {'' if method == 'get' else f'-X {method.upper()} '}'{url}'", "-H 'Authorization: Bearer wk_…'"]
    lines += [f"-H '{name}: {each['example']}'" for name, each in given.items() if each["in"] == "header"]
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        lines += [f"-H 'Content-Type: {sent}'", f"--data-binary '{text}'" if text is body else f"-d '{text}'"]
    return " \\\n  ".join(lines)


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
