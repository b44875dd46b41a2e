"""The API's description is valid OpenAPI 3.1, always the same, and every example in it can be sent."""

import json
import re
from collections.abc import Iterator
from typing import Any

from api_actors import RECORDED, World, played
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from wallet_service.web import create_app
from wallet_service.web.api import PREFIX, RESOURCES, ROUTES
from wallet_service.web.api.description import describe
from wallet_service.web.errors import API_KINDS
from wallet_service.wiring import Service


def test_it_is_openapi(client: FlaskClient) -> None:
    """The description keeps to OpenAPI 3.1, examples included."""
    OpenAPIV31SpecValidator(client.get("/api/openapi.json").get_json()).validate()


def test_it_is_always_the_same(service: Service, client: FlaskClient) -> None:
    """Two processes describe the API by the same bytes, so that a cache may keep them by their tag."""
    first = client.get("/api/openapi.json")
    again = describe(RESOURCES, base_url=service.settings.base_url, prefix=PREFIX)
    assert json.dumps(again, ensure_ascii=False).encode() == first.data
    known = client.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")


def test_every_route_of_the_application_is_described(service: Service, client: FlaskClient) -> None:
    """Whatever answers below the API's address stands in the description, and nothing else does."""
    app: Flask = create_app(service)
    there = {
        (method, re.sub("<(path:)?", "{", rule.rule.removeprefix(PREFIX)).replace(">", "}"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{PREFIX}/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = client.get("/api/openapi.json").get_json()["paths"]
    assert there == {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert len({route.name for route in ROUTES}) == len(ROUTES) == len(there)


def test_every_example_runs(world: World) -> None:
    """Each route answers its example as the description says; `python tests/api_actors.py` records what has changed."""
    assert played(world) == json.loads(RECORDED.read_text())


def test_every_type_that_it_names_is_a_problem_of_ours(client: FlaskClient) -> None:
    """Each answer that is no success names at least one type, and no type that we never answer."""
    known = {kind for _, _, kind, _ in API_KINDS} | {
        "bad-request",
        "not-found",
        "not-acceptable",
        "request-entity-too-large",
        "unsupported-media-type",
    }
    for _, operation in operations(client.get("/api/openapi.json").get_json()):
        for status, said in operation["responses"].items():
            named = re.findall("^`([a-z-]+)`:", said["description"], re.MULTILINE)
            assert set(named) <= known
            assert bool(named) == (status >= "400")


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every path with each operation there."""
    for path, methods in described["paths"].items():
        for operation in methods.values():
            yield path, operation
