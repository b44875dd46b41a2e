"""What changes something is done once for its key: repeats, conflicts, refusals, and two at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api_actors import UNKNOWN, World

from wallet_service.web.api import samples


def test_a_repeat_is_answered_the_same_and_does_nothing(world: World) -> None:
    """The same request with the same key gets the first answer to the letter, and is marked; no point moves twice."""
    program, member = world.mine.program(), world.names("")[samples.MEMBER]
    body = {"member": {"id": member}, "points": 200}
    first, again = (program.send("POST", "/holds", key="k1", json=body) for _ in range(2))
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert program.send("GET", f"/members/{member}").get_json()["balance"]["held"] == 200


def test_the_order_of_a_bodys_fields_and_its_defaults_make_no_other_request(world: World) -> None:
    """A body that says the same in another way is the same request."""
    program, member = world.mine.program(), world.names("")[samples.MEMBER]
    text = f'{{"reference": null, "points": 200.0, "member": {{"id": "{member}"}}}}'
    first = program.send("POST", "/holds", key="k1", json={"member": {"id": member}, "points": 200})
    again = program.send("POST", "/holds", key="k1", data=text, content_type="application/json")
    assert (again.status_code, again.data) == (201, first.data)


def test_a_key_that_was_used_for_something_else_is_a_conflict(world: World) -> None:
    """The same key with another body, or at another route, is refused and does nothing."""
    program, member = world.mine.program(), world.names("")[samples.MEMBER]
    named: dict[str, Any] = {"member": {"id": member}, "points": 200}
    hold = program.send("POST", "/holds", key="k1", json=named).get_json()["id"]
    for path, more in (
        ("/holds", {"json": named | {"points": 201}}),
        ("/holds", {"json": named | {"reference": "order-2"}}),
        (f"/holds/{hold}/void", {}),
        (f"/holds/{hold}/capture", {"json": {}}),
    ):
        answer = program.send("POST", path, key="k1", **more)
        assert answer.status_code == 409
        assert answer.get_json()["type"] == "urn:wallet-service:problem:idempotency-conflict"
    assert program.send("GET", f"/holds/{hold}").get_json()["status"] == "open"
    assert program.send("GET", f"/members/{member}").get_json()["balance"]["held"] == 200


def test_a_refusal_leaves_its_key_free(world: World) -> None:
    """What could not be done is tried anew under its key, and done once it can be."""
    program, names = world.mine.program(), world.names("")
    body = {"member": {"id": names[samples.MEMBER]}, "points": 2_000}
    assert program.send("POST", "/holds", key="k1", json=body).status_code == 409
    assert (
        program.send("POST", "/holds", key="k1", json={"member": {"id": UNKNOWN["mem_"]}, "points": 1}).status_code
        == 404
    )
    world.mine.shop.adjust(1_000, customer=names[samples.EXTERNAL])
    answer = program.send("POST", "/holds", key="k1", json=body)
    assert (answer.status_code, answer.get_json()["balance"]) == (201, 250)


def test_merchants_do_not_share_keys(world: World) -> None:
    """One merchant's key says nothing to another's."""
    mine = world.mine.program().send(
        "POST", "/holds", key="k1", json={"member": {"id": world.names("")[samples.MEMBER]}, "points": 1}
    )
    world.other.shop.adjust(10, customer="a-rival's")
    other = world.other.program().send(
        "POST", "/holds", key="k1", json={"member": {"external_id": "a-rival's"}, "points": 1}
    )
    assert (mine.status_code, other.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in other.headers


def test_two_keys_of_a_merchant_share_theirs(world: World) -> None:
    """A request that another till of the same merchant repeats is a repeat."""
    body = {"member": {"id": world.names("")[samples.MEMBER]}, "points": 1}
    first, again = (world.mine.program().send("POST", "/holds", key="k1", json=body) for _ in range(2))
    assert (first.data, again.headers["Idempotent-Replayed"]) == (again.data, "true")


def test_at_the_same_moment_it_is_done_once(world: World) -> None:
    """Of several that come at once with one key, one is done, and all are answered the same."""
    program, member = world.mine.program(), world.names("")[samples.MEMBER]
    body = {"member": {"id": member}, "points": 300}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: program.send("POST", "/holds", key="k1", json=body), range(4)))
    assert {(each.status_code, each.data) for each in answers} == {(201, answers[0].data)}
    assert sum("Idempotent-Replayed" in each.headers for each in answers) == 3
    assert program.send("GET", f"/members/{member}").get_json()["balance"]["held"] == 300


def test_a_key_is_needed_and_must_be_one(world: World) -> None:
    """Without a key, or with one that cannot be kept, nothing is done."""
    program, member = world.mine.program(), world.names("")[samples.MEMBER]
    authorized = {"Authorization": f"Bearer {program.token}"}
    for headers, status, kind in (
        ({}, 400, "idempotency-key-missing"),
        ({"Idempotency-Key": ""}, 400, "idempotency-key-missing"),
        ({"Idempotency-Key": " "}, 400, "idempotency-key-missing"),
        ({"Idempotency-Key": "k" * 256}, 422, "request-refused"),
        ({"Idempotency-Key": "clé"}, 422, "request-refused"),
    ):
        body = {"member": {"id": member}, "points": 1}
        answer = world.client.post("/api/v1/holds", json=body, headers=authorized | headers)
        assert (answer.status_code, answer.get_json()["type"]) == (status, f"urn:wallet-service:problem:{kind}")
        assert "Idempotency-Key" in answer.text
    assert program.send("GET", f"/members/{member}").get_json()["balance"]["held"] == 0
