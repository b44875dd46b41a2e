"""The description of the API by OpenAPI 3.1, made of what each route declares."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata, resources
from typing import Any

from pydantic.json_schema import models_json_schema

from wallet_service.domain import errors
from wallet_service.domain.errors import WalletError
from wallet_service.web.api.asked import KEY, LONGEST_KEY
from wallet_service.web.api.files import KINDS
from wallet_service.web.api.model import Model, Schemas
from wallet_service.web.api.problem import PROBLEM, Problem
from wallet_service.web.api.routes import JSON, Part, Resource, Route
from wallet_service.web.errors import kind_of

SCHEMA = "#/components/schemas/{model}"
EXAMPLES = "examples.json"

ABOUT = "about.md"

# What every route may answer, without any of its own errors.
_ALWAYS: tuple[type[WalletError], ...] = (
    errors.KeyRefused,
    errors.ScopeMissing,
    errors.TooManyRequests,
    errors.DatabaseUnusable,
)
_PLAIN_PROBLEMS = {
    400: "`bad-request`: The body is not JSON in UTF-8.",
    404: "`not-found`: Nothing is at this address.",
    413: "`request-entity-too-large`: The body is too large.",
    415: "`unsupported-media-type`: The body has to be `application/json`.",
}
_FILES = " or ".join(f"`{each}`" for each in KINDS)
# Where the body or the answer is a file.
_FILE_TAKEN = {
    400: "`bad-request`: The body ends before its length.",
    413: "`request-entity-too-large`: The body is too large.",
    415: f"`unsupported-media-type`: The body has to be {_FILES}.",
}
_HEADERS = {
    "RateLimit": (
        "How many requests the key has left (`r`), and in how many seconds it has all again (`t`).",
        "string",
    ),
    "RateLimit-Policy": ("How many requests (`q`) the key may send in how many seconds (`w`).", "string"),
    "Retry-After": ("After how many seconds to try again.", "integer"),
    "ETag": ("The version of the answer, for `If-None-Match`.", "string"),
    "Idempotent-Replayed": ("`true` where this had been done and answered before.", "string"),
    "WWW-Authenticate": ("`Bearer`.", "string"),
}


def describe(resources_: Iterable[Resource], *, base_url: str, prefix: str) -> dict[str, Any]:
    """Return the description of these resources, always in the same order."""
    groups = list(resources_)
    routes = [route for each in groups for route in each.routes]
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wallet_service",
            "version": metadata.version("wallet-service"),
            "summary": "Loyalty cards in Apple Wallet and Google Wallet that show what the ledger says.",
            "description": about(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"{base_url}{prefix}"}],
        "security": [{"key": []}],
        "tags": [{"name": each.title, "description": each.about} for each in groups],
        "paths": dict(paths),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of yours, `wk_…`."}},
            "headers": {
                name: {"description": about, "schema": {"type": kind}} for name, (about, kind) in _HEADERS.items()
            },
            "schemas": _schemas(routes),
        },
    }


def about() -> str:
    """Return what is said before all routes, a line for each paragraph."""
    text = resources.files(__package__).joinpath(ABOUT).read_text(encoding="utf-8")
    return "\n\n".join(" ".join(each.split()) for each in text.strip().split("\n\n"))


@cache
def recorded() -> Mapping[str, Any]:
    """Return what each route answers to its example, as tests have recorded it and check it."""
    found: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath(EXAMPLES).read_text(encoding="utf-8"))
    return found


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    bodies = {model: None for route in routes if (model := route.takes("body"))}
    answers = {model: None for route in routes if (model := route.answer)} | {Problem: None}
    wanted: list[Any] = [(model, "validation") for model in bodies] + [(model, "serialization") for model in answers]
    _, made = models_json_schema(wanted, ref_template=SCHEMA, schema_generator=Schemas)
    return {name: _without_title(schema) for name, schema in sorted(made["$defs"].items())}


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _operation(route: Route) -> dict[str, Any]:
    about = f"{route.description}\n\n" if route.description else ""
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.resource],
        "summary": route.summary,
        "description": f"{about}Needs the scope `{route.scope}`.",
        "x-scope": route.scope,
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
    }
    if body := route.takes("body"):
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": _ref(body)} | _examples(route)},
        }
    elif route.takes_file:
        operation["requestBody"] = {"required": True, "content": _rows({"text/csv": route.example.file})}
    return operation


def _examples(route: Route) -> dict[str, Any]:
    """Return the body of the example, or one of each kind of body, that of the example first."""
    body, bodies = route.example.body, route.example.bodies
    if not bodies:
        return {"example": body}
    first = sorted(bodies.items(), key=lambda each: each[1] != body)
    return {"examples": {name: {"value": each} for name, each in first}}


def _rows(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a file of rows, with the examples that there are."""
    return {
        each: {"schema": {"type": "string"}} | ({"example": examples[each]} if examples.get(each) else {})
        for each in KINDS
    }


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    given: tuple[tuple[Part, Mapping[str, str]], ...] = (("path", route.example.path), ("query", route.example.query))
    for place, examples in given:
        model = route.takes(place)
        if model is None:
            continue
        schema = model.model_json_schema(schema_generator=Schemas, ref_template=SCHEMA)
        for name, each in schema["properties"].items():
            required = name in schema.get("required", ())
            parameter = {"name": name, "in": place, "required": required, "schema": _present(each)}
            if about := parameter["schema"].pop("description", None):
                parameter["description"] = about
            if name in examples:
                parameter["example"] = json.loads(examples[name]) if examples[name].isdecimal() else examples[name]
            yield parameter
    if route.writes:
        yield {
            "name": KEY,
            "in": "header",
            "required": True,
            "description": "New for every new request; the same when a request is repeated.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
            "example": "0f9a7c1e-55b2-4d0c-9d3f-6f1f6f0f9a7c",
        }
    if route.etag and route.writes:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "The `ETag` of what you have looked at; it is only changed if that is still so.",
            "schema": {"type": "string"},
        }
    elif route.etag:
        yield {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "The `ETag` of an answer that you still have.",
            "schema": {"type": "string"},
        }


def _present(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that is there: what is left out is not null, it is left out."""
    told = {key: value for key, value in schema.items() if key != "anyOf"}
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if not options:
        return told
    return {**options[0], **told} if len(options) == 1 else {"anyOf": options, **told}


def _responses(route: Route) -> dict[str, Any]:
    done: dict[str, Any] = {
        "description": "Done." if route.writes else "Found.",
        "headers": _headers("RateLimit", "RateLimit-Policy"),
        "content": _answer(route),
    }
    if route.etag and not route.writes:
        done["headers"] |= _headers("ETag")
    if route.writes:
        done["headers"] |= _headers("Idempotent-Replayed")
    responses = {str(route.status): done}
    if route.status_found is not None:
        assert route.answer
        found = {"description": "It was there already.", "content": {JSON: {"schema": _ref(route.answer)}}}
        responses[str(route.status_found)] = done | found
    if route.etag and not route.writes:
        responses["304"] = {"description": "What you have is still so.", "headers": _headers("ETag")}
    return responses | {str(status): _problem(status, lines) for status, lines in sorted(_problems(route).items())}


def _answer(route: Route) -> dict[str, Any]:
    example = recorded().get(route.name)
    said = {JSON: {"schema": _ref(route.answer)}} if route.answer else {}
    rows = _rows({}) if route.gives_file else {}
    content: dict[str, Any] = {name: {} for name in route.offers} | said | rows
    if example is not None:
        content[route.offers[0]]["example"] = example
    return content


def _problems(route: Route) -> dict[int, list[str]]:
    """Return all that a route may refuse, by its status."""
    found: dict[int, list[str]] = defaultdict(list)
    own = [*_ALWAYS, *route.problems, errors.RequestRefused]
    if route.writes:
        own += [errors.IdempotencyKeyMissing, errors.OperationConflict]
    for each in own:
        row = kind_of(each)
        assert row is not None, each
        found[row[1]].append(f"`{row[2]}`: {row[3]}")
    plain = ({404} if route.takes("path") else set()) | ({400, 413, 415} if route.takes("body") else set())
    told = {status: _PLAIN_PROBLEMS[status] for status in plain} | (_FILE_TAKEN if route.takes_file else {})
    types = "JSON" if route.offers == (JSON,) else " or ".join(f"`{each}`" for each in route.offers)
    told |= {406: f"`not-acceptable`: Answers are {types}; accept that."}
    for status, line in told.items():
        found[status].append(line)
    return found


def _problem(status: int, lines: list[str]) -> dict[str, Any]:
    names = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
    problem: dict[str, Any] = {
        "description": "\n\n".join(sorted(lines)),
        "content": {PROBLEM: {"schema": _ref(Problem)}},
    }
    return problem | ({"headers": _headers(*names)} if names else {})


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _ref(model: type[Model]) -> dict[str, str]:
    return {"$ref": SCHEMA.format(model=model.__name__)}
