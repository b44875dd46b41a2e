"""Schemathesis finds nothing: what is described is taken, what is not is refused, and every answer is as described.

Each resource is a test of its own, so that the time does not grow with the longest of them: machines with more cores
take several at once.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from api_actors import NOBODYS_URL, NOWHERE, UNKNOWN, World
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from wallet_service.web import create_app
from wallet_service.web.api import RESOURCES, samples
from wallet_service.web.api.routes import Resource

SEED = 20261128
ALL_AT_ONCE = 1_000_000  # requests a second, since the clock stands still
CONFIG: dict[str, Any] = {
    "seed": SEED,
    "generation": {"max-examples": 6, "deterministic": True, "database": "none"},
    "phases": {
        "coverage": {"generate-duplicate-query-parameters": True},
        "stateful": {"generation": {"max-examples": 4}},
    },
    "workers": 1,
}
# What of a request no schema can say: that a day is in the calendar, that lines sum up, what an event has to tell,
# which version there is, how many bytes a text has, and of which list a cursor is.
BEYOND_SCHEMA = (
    *("enrol_member", "change_member", "quote_order", "post_event", "import_members"),
    *("add_endpoint", "change_endpoint"),
    *(
        "add_campaign",
        "mint_link",
        "mint_short_link",
        "mint_for_members",
        "mint_for_prospects",
        "draw_link",
        "get_funnel",
    ),
)
# Its probes send what only a network session takes; the run without a key looks for the same.
WITH_KEY: dict[str, Any] = {
    # A repeat under its key is answered as at first, whatever has become since of what was made.
    "checks": {"ignored_auth": {"enabled": False}, "ensure_resource_availability": {"enabled": False}},
    "operations": [
        {
            "include-operation-id": list(BEYOND_SCHEMA),
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "412", "422"]}},
        }
    ],
}


def described(world: World) -> dict[str, Any]:
    """Return the description with ids and cursors that exist, or ids of nobody, where it only says what they look like.

    What is made up by a pattern alone would never be found, and nothing beyond that tested.
    """
    world.names(" ".join(NOWHERE))  # somebody else, so that each list has a second page
    names = world.names(" ".join(NOWHERE))
    there = {
        "^mem_": [names[samples.MEMBER], names[samples.OTHER_MEMBER], UNKNOWN["mem_"]],
        "^hld_": [names[samples.HOLD], names[samples.CAPTURED_HOLD], UNKNOWN["hld_"]],
        "^rdm_": [names[samples.REDEMPTION], names[samples.USED_REDEMPTION], UNKNOWN["rdm_"]],
        "^whe_": [names[samples.ENDPOINT], UNKNOWN["whe_"]],
        "^msg_": [names[samples.MESSAGE], UNKNOWN["msg_"]],
        "^job_": [names[samples.JOB], names[samples.EXPORT_JOB], names[samples.WAITING_JOB], UNKNOWN["job_"]],
        "^inb_": [names[samples.DELIVERY], names[samples.ASKING_DELIVERY], UNKNOWN["inb_"]],
        "^[0-9a-z]{1,40}$": [names[samples.SERIAL_NUMBER], NOWHERE[samples.SERIAL_NUMBER]],
        "^[a-z0-9][a-z0-9_-]{0,62}$": [names[samples.CAMPAIGN], NOWHERE[samples.CAMPAIGN]],
        "^[0-9A-Z]{16}$": [names[samples.CARD_CODE], NOWHERE[samples.CARD_CODE]],
    }
    named = {
        "program": [samples.PROGRAM, "nowhere"],
        "order_id": [names[samples.ORDER], names[samples.NEW_ORDER]],
        "reward": ["sample", "ten-off", "hundred-off", "nothing"],
        "url": [NOBODYS_URL, "http://127.0.0.1/"],
        "tier": ["bloom", "nothing"],
        "code": [names[samples.COUPON], NOWHERE[samples.COUPON], names[samples.NEW_CAMPAIGN]],
        "link": [names[samples.LINK], names[samples.SHORT_CODE], NOWHERE[samples.LINK]],
        "member_id": [names[samples.MEMBER], UNKNOWN["mem_"]],
    }
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
        if properties := part.get("properties"):
            enums = {
                name: {"enum": [*given, *([None] if {"type": "null"} in properties[name].get("anyOf", ()) else [])]}
                for name, given in named.items()
                if name in properties
            }
            part = part | {"properties": properties | enums}
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


def _is_of(resource: str, operation: dict[str, Any]) -> bool:
    return resource in operation["tags"]


def findings(world: World, resource: str, config: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return everything that schemathesis finds in the routes of a resource, and those that it has tried."""
    raw = described(world)
    raw["paths"] = {
        path: there for path, there in raw["paths"].items() if any(_is_of(resource, each) for each in there.values())
    }
    schema = schemathesis.openapi.from_dict(raw, config=SchemathesisConfig.from_dict(CONFIG | config))
    settings = world.service.settings.model_copy(update={"api_requests_per_second": ALL_AT_ONCE})
    schema.app = create_app(replace(world.service, settings=settings))
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


# Each takes many seconds: a few on each run, all where there are minutes.
ON_EACH_RUN = ("Holds", "Programmes", "Quotes")


@pytest.mark.parametrize(
    "resource",
    [pytest.param(each, marks=() if each.title in ON_EACH_RUN else pytest.mark.soak) for each in RESOURCES],
    ids=lambda each: each.title,
)
def test_schemathesis_finds_nothing(world: World, resource: Resource) -> None:
    """Over all routes: examples, every boundary of the description, random requests, and sequences of them."""
    headers = {"headers": {"Authorization": f"Bearer {world.mine.key()}"}}
    found, tried = findings(world, resource.title, headers | WITH_KEY)
    assert not found, "\n\n".join(sorted(found))
    assert len(tried) == len(resource.routes)
