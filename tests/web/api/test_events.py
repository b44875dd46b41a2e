"""Events by the API: the same answers as webhooks give, once for each key, and orders that can be claimed."""

import json
from typing import Any
from urllib.parse import urlsplit

import books
import pytest
from actors import Clock
from api_actors import Program, World, renamed

from wallet_service.inbound.bodies import TABLES
from wallet_service.usecases.connect import connected
from wallet_service.web.api import samples


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope."""
    return world.mine.program()


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def event(kind: str, clock: Clock, **data: Any) -> dict[str, Any]:
    """Return an event of now."""
    return {"type": kind, "timestamp": clock().isoformat(), "data": data}


def order(number: str, minor: int = 4_200, **customer: str) -> dict[str, Any]:
    """Return what is said of a paid order."""
    return {"order_id": number, "customer": customer, "currency": "USD", "eligible_minor": minor}


def test_it_answers_as_the_webhook_does(world: World, program: Program, clock: Clock) -> None:
    """One and the same thing told at either door comes to the same."""
    by_webhook, by_api = (world.names("")[samples.EXTERNAL] for _ in range(2))
    told = world.mine.shop.answer("order.paid", order("o-1", id=by_webhook))
    entered = program.send("POST", "/events", json=event("order.paid", clock, **order("o-1", id=by_api))).get_json()
    own = ("event_id", "member_id", "customer_id", "serial_number")
    assert {k: v for k, v in entered.items() if v is not None and k not in own} == {
        k: v for k, v in told.items() if k not in own
    }
    assert entered["customer_id"] == by_api
    earned = program.send("GET", "/orders/o-1/earned").get_json()["data"]
    assert [each["source"] for each in earned] == ["standard/petal-house", f"api/{samples.PROGRAM}"]
    assert books.faults(world.service) == []


def test_everything_that_a_webhook_can_tell(world: World, program: Program, clock: Clock) -> None:
    """Activities earn, refunds take back, members join and change; each is entered once."""
    who = {"customer": {"id": "ann"}}
    said = [
        ("member.enrolled", who, 0),
        ("order.paid", order("o-1", 10_000, id="ann"), 100),
        ("activity.review.approved", who | {"properties": {"product_id": "p-1", "has_photo": True}}, 115),
        ("order.refunded", {"order_id": "o-1", "refunded_minor": 5_000}, 65),
        ("points.adjusted", who | {"points": 10, "actor": "desk", "reason": "x"}, 75),
        ("member.updated", who | {"name": "Ann"}, 75),
    ]
    for kind, data, balance in said:
        assert program.send("POST", "/events", json=event(kind, clock, **data)).get_json()["balance"] == balance, kind
    assert books.faults(world.service) == []


def test_a_key_is_of_one_event(world: World, program: Program, clock: Clock) -> None:
    """A repeat may tell another time of sending; what says something else, or is no event, is a conflict."""
    customer = world.names("")[samples.EXTERNAL]
    body = event("order.paid", clock, **order("o-1", id=customer))
    first = program.send("POST", "/events", key="k1", json=body)
    clock.on(minutes=1)
    again = program.send("POST", "/events", key="k1", json=event("order.paid", clock, **order("o-1", id=customer)))
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (200, first.data, "true")
    for path, other in (
        ("/events", event("order.paid", clock, **order("o-1", 4_300, id=customer))),
        ("/holds", {"member": {"external_id": customer}, "points": 1}),
        ("/members", {"external_id": customer}),
    ):
        assert problem(program.send("POST", path, key="k1", json=other)) == (409, "idempotency-conflict")
    held = program.send("POST", "/holds", key="k2", json={"member": {"external_id": customer}, "points": 1})
    assert held.status_code == 201
    assert problem(program.send("POST", "/events", key="k2", json=body)) == (409, "idempotency-conflict")
    assert program.send("GET", f"/members?external_id={customer}").get_json()["data"][0]["balance"]["held"] == 1


def test_what_cannot_be_entered_leaves_its_key_free(world: World, program: Program, clock: Clock) -> None:
    """A refusal names the field; the key can be used again, and the event is then entered."""
    for data, field in (
        (order("o-1", -1, id="ann"), "data.eligible_minor"),
        (order("o-1", id="ann", member_id="x"), "data.customer"),
        (order("o-1", id="ann") | {"currency": "EUR"}, "data.currency"),
    ):
        answer = program.send("POST", "/events", key="k1", json=event("order.paid", clock, **data))
        assert problem(answer) == (422, "event-refused")
        assert field in [each["field"] for each in answer.get_json()["errors"]]
    text = json.dumps(event("order.paid", clock, n=0)).replace('"n": 0', f'"n": {"9" * 5000}')
    answer = program.send("POST", "/events", key="k1", data=text, content_type="application/json")
    assert problem(answer) == (400, "bad-request")
    clock.on(minutes=-60)
    early = event("order.paid", clock, **order("o-1", id="ann"))
    clock.on(minutes=60)
    late = early | {"timestamp": "2026-07-01T00:00:00Z"}
    assert problem(program.send("POST", "/events", key="k1", json=late)) == (422, "event-refused")
    nobody = event("activity.review.approved", clock, customer={"id": "nobody"})
    assert problem(program.send("POST", "/events", key="k1", json=nobody)) == (404, "member-not-found")
    ignored = program.send("POST", "/events", key="k1", json=event("nobody.knows", clock))
    assert (ignored.status_code, ignored.get_json()["status"]) == (200, "ignored")
    assert program.send("POST", "/events", key="k1", json=early).get_json()["status"] == "unmatched"


def test_a_receipt_is_claimed(world: World, program: Program, clock: Clock) -> None:
    """An order of nobody's is answered with the link of its receipt; who follows it has the points, once."""
    body = event("order.paid", clock, **order("o-1", email="guest@home.example"))
    entered = program.send("POST", "/events", json=body).get_json()
    assert (entered["status"], entered["member_id"]) == ("unmatched", None)
    link = program.send("POST", "/claim-links", json={"order_id": "o-1"}).get_json()["url"]
    assert link == entered["claim_url"]
    there = urlsplit(link)
    page = program.client.post(f"{there.path}?{there.query}", data={"form": "f1"})
    assert page.status_code == 303
    earned = program.send("GET", "/orders/o-1/earned").get_json()["data"][0]
    assert (earned["points"], earned["earned"]) == (42, 42)
    assert program.send("GET", f"/members/{earned['member_id']}/balance").get_json()["available"] == 42
    assert books.faults(world.service) == []


def test_links_are_made_for_ones_own_sources(world: World, program: Program) -> None:
    """A link leads to an order of the source that is named, if it is the merchant's own."""
    own = program.send("POST", "/claim-links", json={"order_id": "a/b?c", "source": "standard/petal-house"})
    there = urlsplit(own.get_json()["url"])
    page = program.client.get(f"{there.path}?{there.query}")
    assert page.status_code == 200
    assert program.send("POST", "/claim-links", json={"order_id": "o-1", "source": "api/lumipetal"}).status_code == 200
    for source in ("standard/rival", "standard/nobody", "api/dillybasket", "shopify/petal-house"):
        answer = program.send("POST", "/claim-links", json={"order_id": "o-1", "source": source})
        assert problem(answer) == (404, "source-not-found"), source


def test_ids_of_orders_may_hold_anything(world: World, program: Program) -> None:
    """An order is found by its id, also with what means something in an address."""
    customer = world.names("")[samples.EXTERNAL]
    for number in ("gid://shopify/Order/1", "#1001", "a b?c&d=e%2F", "č/earned"):
        world.mine.shop.answer("order.paid", order(number, id=customer))
        path = f"/orders/{quoted(number)}/earned"
        assert program.send("GET", path).get_json()["data"][0]["order_id"] == number
    assert problem(program.send("GET", "/orders/o-2/earned")) == (404, "order-not-found")


def quoted(text: str) -> str:
    """Return a text as one part of a path."""
    return "".join(f"%{each:02X}" for each in text.encode())


def test_nobody_can_post_to_the_apis_own_source(world: World, program: Program, clock: Clock) -> None:
    """What a programme is told by its API has a source of its own, which is listed nowhere and has no address."""
    customer = world.names("")[samples.EXTERNAL]
    program.send("POST", "/events", json=event("order.paid", clock, **order("o-1", id=customer)))
    with world.service.read() as tx:
        assert {each.dialect for each in connected(tx)} == {"standard"}
    assert program.client.post(f"/webhooks/api/{samples.PROGRAM}", json={}).status_code == 404


def test_each_type_is_described_and_has_an_example_that_is_entered(world: World, program: Program) -> None:
    """What stands in the description is what is read: every type, with a body that can be sent as it stands."""
    content = world.client.get("/api/openapi.json").get_json()["paths"]["/events"]["post"]["requestBody"]["content"]
    examples = {kind: each["value"] for kind, each in content["application/json"]["examples"].items()}
    assert {*examples} == {*TABLES, "activity.review.approved"}
    names, said = world.names(json.dumps(examples)), {}
    for kind, example in examples.items():
        answer = program.send("POST", "/events", json=json.loads(renamed(json.dumps(example), names))).get_json()
        if kind.startswith("subscription."):  # of which this programme has none
            assert [each["field"] for each in answer["errors"]] == ["type"]
        else:
            assert answer["status"] == "processed", (kind, answer)
            said[kind] = answer["points"]
    assert (said["order.paid"], said["points.adjusted"]) == (42, 100)
    assert books.faults(world.service) == []
