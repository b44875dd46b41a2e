"""Webhook endpoints by the API: added and changed once for a key, tried out, and what was given up."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from actors import Clock
from api_actors import Program, World
from receivers import Receiver, receiving
from sqlalchemy import Engine, text

from wallet_service.web import create_app
from wallet_service.web.api import samples
from wallet_service.wiring import utc_now

NEW = {"url": "https://shop.example/loyalty"}


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope."""
    return world.mine.program()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving() as ready:
        yield ready


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def test_an_endpoint_is_added_once_for_a_key(program: Program, engine: Engine) -> None:
    """A repeat is answered the same, secret included, which is not kept in the clear; another request conflicts."""
    answers = [program.send("POST", "/webhook-endpoints", key="k1", json=NEW) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert (answers[0].get_json(), answers[1].headers["Idempotent-Replayed"]) == (answers[1].get_json(), "true")
    secret = answers[0].get_json()["secret"]
    assert secret.startswith("whsec_")
    other = program.send("POST", "/webhook-endpoints", key="k1", json=NEW | {"name": "other"})
    assert problem(other) == (409, "idempotency-conflict")
    assert len(program.send("GET", "/webhook-endpoints").get_json()["data"]) == 1
    with engine.connect() as tx:
        kept = tx.execute(text("SELECT answer::text FROM api_operations")).scalars().all()
    assert len(kept) == 1
    assert secret not in kept[0]


def test_merchants_do_not_share_keys_and_neither_do_their_programmes(world: World, program: Program) -> None:
    """One key may stand for a hold, for an endpoint, and for another merchant's endpoint."""
    member = world.names("")[samples.MEMBER]
    assert program.send("POST", "/holds", key="k1", json={"member": {"id": member}, "points": 1}).status_code == 201
    answers = [each.send("POST", "/webhook-endpoints", key="k1", json=NEW) for each in (program, world.other.program())]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].get_json()["id"] != answers[1].get_json()["id"]


def test_everything_that_is_wrong_is_named(program: Program) -> None:
    """An address to which nothing may go, and types that there are not, are refused together; nothing is kept."""
    wrong = {"url": "http://127.0.0.1/", "types": ["points.*", "weather.changed"]}
    answer = program.send("POST", "/webhook-endpoints", key="k1", json=wrong)
    assert problem(answer) == (422, "endpoint-refused")
    assert [each["field"] for each in answer.get_json()["errors"]] == ["types", "url"]
    assert program.send("POST", "/webhook-endpoints", key="k1", json=NEW).status_code == 201


def test_only_what_is_given_changes_and_only_what_was_seen(program: Program) -> None:
    """Name and types change apart from one another; with an older version nothing does."""
    made = program.send("POST", "/webhook-endpoints", json=NEW | {"types": ["points.*"]}).get_json()
    path = f"/webhook-endpoints/{made['id']}"
    seen = program.send("GET", path)
    changed = program.send("PATCH", path, json={"name": "CRM"}, headers={"If-Match": seen.headers["ETag"]})
    assert (changed.get_json()["name"], changed.get_json()["types"]) == ("CRM", ["points.*"])
    late = program.send("PATCH", path, json={"types": []}, headers={"If-Match": seen.headers["ETag"]})
    assert late.status_code == 412
    assert program.send("PATCH", path, json={"types": []}).get_json()["types"] == []
    assert program.send("PATCH", path, json={"name": None}).get_json()["name"] is None
    assert problem(program.send("PATCH", path, json={})) == (422, "request-refused")


def test_a_secret_is_rotated_once_for_a_key(program: Program) -> None:
    """A repeat shows the same new secret and makes no third one."""
    made = program.send("POST", "/webhook-endpoints", json=NEW).get_json()
    path = f"/webhook-endpoints/{made['id']}/rotate"
    answers = [program.send("POST", path, key="k1", json={"overlap_hours": 0}).get_json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["secret"] != made["secret"]


def test_a_removed_endpoint_is_no_more(program: Program) -> None:
    """A repeat is answered the same; under another key there is none."""
    made = program.send("POST", "/webhook-endpoints", json=NEW).get_json()
    path = f"/webhook-endpoints/{made['id']}"
    assert [program.send("DELETE", path, key="k1").get_json() for _ in range(2)] == [{"id": made["id"]}] * 2
    assert problem(program.send("DELETE", path)) == (404, "unknown-endpoint")
    assert program.send("GET", "/webhook-endpoints").get_json()["data"] == []


def test_an_endpoint_is_tried_out(world: World, clock: Clock, receiver: Receiver) -> None:
    """It gets a message that tells nothing, signed with its secret, and its answer is told."""
    clock.now = utc_now()  # the reference library looks at no other clock
    settings = world.service.settings.model_copy(update={"webhooks_allow_private": "127.0.0.0/8"})
    service = replace(world.service, settings=settings)
    program = replace(world.mine.program(), client=create_app(service).test_client())
    made = program.send("POST", "/webhook-endpoints", json={"url": f"{receiver.url}/loyalty"}).get_json()
    told = program.send("POST", f"/webhook-endpoints/{made['id']}/test").get_json()
    assert (told["taken"], told["status"], told["error"]) == (True, 200, None)
    (got,) = receiver.got
    assert got.verified(made["secret"])["type"] == "endpoint.test"
    service.courier.close()


def test_what_was_given_up_is_listed_and_sent_again(world: World, program: Program) -> None:
    """All of an endpoint's, or one alone, under the same id; what waits cannot be sent again."""
    names = world.names(samples.ENDPOINT)
    path = f"/webhook-endpoints/{names[samples.ENDPOINT]}"
    (letter,) = program.send("GET", f"{path}/dead-letters").get_json()["data"]
    assert (letter["message_id"], letter["last_error"]) == (names[samples.MESSAGE], "timeout")
    again = f"/webhook-messages/{letter['message_id']}/replay"
    assert [program.send("POST", again, key="k1").get_json() for _ in range(2)] == [{"messages": 1}] * 2
    assert problem(program.send("POST", again)) == (404, "unknown-message")
    assert program.send("POST", f"{path}/replay").get_json() == {"messages": 0}
    assert program.send("GET", f"{path}/attempts").get_json() == {"data": [], "next": None}


def test_logs_come_in_pages(world: World, program: Program, engine: Engine) -> None:
    """Tries newest first, dead letters oldest first: each comes once, also where one is sent again meanwhile."""
    names = world.names(samples.ENDPOINT)
    path = f"/webhook-endpoints/{names[samples.ENDPOINT]}"
    for number in range(2):
        world.mine.shop.enrol(f"later {number}")
    with engine.begin() as tx:
        tx.execute(text("UPDATE webhook_messages SET state = 'dead', due_at = NULL, settled_at = created_at"))
        tx.execute(
            text("""
                INSERT INTO webhook_attempts (message_id, endpoint_id, at, status, ms)
                SELECT id, endpoint_id, created_at, 500, 1 FROM webhook_messages ORDER BY id
            """)
        )

    def page(of: str, after: str | None = None) -> tuple[list[str], str | None]:
        found = program.send("GET", f"{path}/{of}?limit=1{f'&cursor={after}' if after else ''}").get_json()
        return [each["message_id"] for each in found["data"]], found["next"]

    tried, letters = ([each["message_id"] for each in program.send("GET", f"{path}/{of}").get_json()["data"]]
                      for of in ("attempts", "dead-letters"))  # fmt: skip
    assert tried == letters[::-1]
    for of, whole in (("attempts", tried), ("dead-letters", letters)):
        seen, after = page(of)
        if of == "dead-letters":
            assert program.send("POST", f"/webhook-messages/{seen[0]}/replay").status_code == 200
        while after:
            more, after = page(of, after)
            seen += more
        assert seen == whole
    _, of_attempts = page("attempts")
    assert problem(program.send("GET", f"{path}/dead-letters?cursor={of_attempts}")) == (422, "request-refused")
