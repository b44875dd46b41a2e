"""Schemathesis finds nothing: what is described is taken, what is not is refused, and every answer is as described."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from api_actors import UNKNOWN, World
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from wallet_service.web.api import samples

SEED = 20261128
CONFIG: dict[str, Any] = {
    "seed": SEED,
    "generation": {"max-examples": 6, "deterministic": True, "database": "none"},
    "phases": {
        "coverage": {"generate-duplicate-query-parameters": True},
        "stateful": {"generation": {"max-examples": 4}},
    },
    "workers": 1,
}
WITHOUT_KEY = {"phases": {"fuzzing": {"enabled": False}, "stateful": {"enabled": False}}}
# Its probes send what only a network session takes; the run without a key looks for the same.
WITH_KEY = {"checks": {"ignored_auth": {"enabled": False}}}


def described(world: World) -> dict[str, Any]:
    """Return the description with ids and cursors that exist, or ids of nobody, where it only says what they look like.

    What is made up by a pattern alone would never be found, and nothing beyond that tested.
    """
    names = world.names(samples.HOLD)
    there = {"^mem_": [names[samples.MEMBER], UNKNOWN["mem_"]], "^hld_": [names[samples.HOLD], UNKNOWN["hld_"]]}
    found: dict[str, Any] = world.client.get("/api/openapi.json").get_json()
    schemas = found["components"]["schemas"]
    asked: set[str] = set()

    def known(part: Any) -> Any:
        if isinstance(part, list):
            return [known(each) for each in part]
        if not isinstance(part, dict):
            return part
        if name := str(part.get("$ref", "")).rpartition("/")[2]:
            asked.add(name)
            schemas[name] = known(schemas[name])
        if "program" in part.get("properties", {}):
            part = part | {"properties": part["properties"] | {"program": {"enum": ["points", "nowhere", None]}}}
        ids = next((ids for start, ids in there.items() if str(part.get("pattern", "")).startswith(start)), None)
        return {"type": "string", "enum": ids} if ids else {name: known(each) for name, each in part.items()}

    for path, methods in found["paths"].items():
        for operation in methods.values():
            operation["parameters"] = known(operation["parameters"])
            operation["requestBody"] = known(operation.get("requestBody", {}))
            operation["parameters"] = list(_with_cursors(world, path, operation["parameters"]))
            operation["requestBody"] or operation.pop("requestBody")
    assert asked
    return found


def _with_cursors(world: World, path: str, parameters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield parameters, cursors with one of the list; where the path says whose list it is, without any."""
    for each in parameters:
        if each["name"] != "cursor":
            yield each
        elif "{" not in path:
            listed = world.mine.program().send("GET", f"{path}?limit=1").get_json()
            yield each | {"schema": {"type": "string", "enum": [listed["next"]]}}


def findings(world: World, config: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return everything that schemathesis finds, and the operations that it has tried."""
    raw = described(world)
    schema = schemathesis.openapi.from_dict(raw, config=SchemathesisConfig.from_dict(CONFIG | config))
    schema.app = world.client.application
    found, tried = set(), set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.add(f"{event.label}: {event.info}" if isinstance(event, events.NonFatalError) else repr(event))
        if isinstance(event, events.ScenarioFinished | events.FuzzScenarioFinished):
            tried |= {node.value.operation.label for node in event.recorder.cases.values()}
            for checks in event.recorder.checks.values():
                infos = [(each.name, each.failure_info) for each in checks if each.failure_info]
                found |= {f"{name}: {info.failure}\n{info.code_sample}" for name, info in infos}
    return found, tried


@pytest.mark.parametrize("with_key", [True, False])
def test_schemathesis_finds_nothing(world: World, with_key: bool) -> None:
    """Over all routes: examples, every boundary of the description, random requests, and sequences of them."""
    headers = {"headers": {"Authorization": f"Bearer {world.mine.key()}"}}
    found, tried = findings(world, headers | WITH_KEY if with_key else WITHOUT_KEY)
    assert not found, "\n\n".join(sorted(found))
    assert len(tried) > 5
