"""Deliveries by the API: listed, shown, entered anew once for a key, and noted as done; nothing of persons is told."""

import json
from typing import Any

from api_actors import Program, World
from sqlalchemy import Engine, text

from wallet_service.web.api import samples


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def test_deliveries_are_listed_newest_first_and_by_how_they_stand(world: World) -> None:
    """Pages follow one another without a gap, and a cursor belongs to the list it was made for."""
    program = world.mine.program()
    made = [world.mine.deliver("orders/paid", f"hook-{number}") for number in range(3)]
    made.append(world.mine.deliver("shop/redact", "hook-4"))
    seen, path = [], "/inbound?limit=2"
    for _ in range(2):
        page = program.send("GET", path).get_json()
        seen += [each["id"] for each in page["data"]]
        path = f"/inbound?limit=2&cursor={page['next']}"
    assert (seen, page["next"]) == (made[::-1], None)
    (asking,) = program.send("GET", "/inbound?status=attention").get_json()["data"]
    assert (asking["id"], asking["topic"], asking["body_kept"]) == (made[3], "shop/redact", True)
    world.names("")
    foreign = program.send("GET", "/members?limit=1").get_json()["next"]
    assert problem(program.send("GET", f"/inbound?cursor={foreign}")) == (422, "request-refused")


def test_a_replay_enters_once_and_is_answered_the_same(world: World, engine: Engine) -> None:
    """An order of nobody's is entered when its customer has joined; a repeat of the request does nothing."""
    program, delivery = world.mine.program(), world.mine.deliver("orders/paid", "hook")
    path = f"/inbound/{delivery}/replay"
    tried = program.send("POST", f"{path}?dry_run=true").get_json()
    assert (tried["status"], tried["said"][0]["member_id"]) == ("unmatched", None)
    answers = [program.send("POST", path, key="k1") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert (answers[0].data, answers[1].headers["Idempotent-Replayed"]) == (answers[1].data, "true")
    with engine.connect() as tx:
        assert tx.execute(text("SELECT count(*) FROM orders")).scalar_one() == 1
    assert problem(program.send("POST", f"{path}?dry_run=true", key="k1")) == (409, "idempotency-conflict")


def test_a_dry_run_changes_nothing(world: World, contents: Any) -> None:
    """What a replay would come to is told, and but for the key nothing is kept of it."""
    program, delivery = world.mine.program(), world.mine.deliver("orders/paid", "hook", name="orders_paid_jpy")
    names = ("operations", "api_keys", "rates")
    before = {name: each for name, each in contents().items() if name not in names}
    tried = program.send("POST", f"/inbound/{delivery}/replay?dry_run=true").get_json()
    assert tried["status"] == "failed"
    assert "counts in USD" in tried["detail"]
    assert {name: each for name, each in contents().items() if name not in names} == before


def test_what_is_no_longer_kept_cannot_be_entered(world: World, engine: Engine) -> None:
    """Once its body is gone, a delivery is shown and cannot be replayed."""
    program, delivery = world.mine.program(), world.mine.deliver("orders/paid", "hook")
    with engine.begin() as tx:
        tx.execute(text("UPDATE deliveries SET sealed = NULL"))
    assert problem(program.send("POST", f"/inbound/{delivery}/replay")) == (404, "unknown-delivery")
    assert not program.send("GET", f"/inbound/{delivery}").get_json()["body_kept"]


def test_what_a_person_has_done_is_noted_once(world: World) -> None:
    """A repeat is answered the same; under another key there is nothing to be done any more."""
    program, delivery = world.mine.program(), world.mine.deliver("shop/redact", "hook")
    answers = [program.send("POST", f"/inbound/{delivery}/done", key="k1") for _ in range(2)]
    assert [each.get_json()["status"] for each in answers] == ["processed", "processed"]
    again = program.send("POST", f"/inbound/{delivery}/done")
    assert problem(again) == (409, "operation-refused")
    assert "asks nobody for anything" in again.text


def test_nothing_of_a_person_is_told(world: World) -> None:
    """Neither the body nor a customer's own id, name or address stands in any answer."""
    program, names = world.mine.program(), world.names("")
    member = program.send("GET", f"/members/{names[samples.MEMBER]}").get_json()
    delivery = world.mine.deliver("customers/data_request", "hook")
    told = [program.send(*each).text for each in _ways(delivery)]
    assert not [each for each in ("@", member["external_id"], "555-625-1199", "customer_id") if each in str(told)]


def _ways(delivery: str) -> list[tuple[str, str]]:
    return [("GET", "/inbound"), ("GET", f"/inbound/{delivery}"), ("POST", f"/inbound/{delivery}/replay")]


def test_a_flag_is_true_or_false(world: World) -> None:
    """What else one might take for yes or no is refused."""
    program: Program = world.mine.program()
    delivery = world.mine.deliver("orders/paid", "hook")
    for said in ("1", "yes", "True", "", "null"):
        answer = program.send("POST", f"/inbound/{delivery}/replay?dry_run={said}")
        assert problem(answer) == (422, "request-refused"), said
        assert json.loads(answer.data)["errors"][0]["field"] == "dry_run"
