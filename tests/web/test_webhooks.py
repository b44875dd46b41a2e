"""The merchants' door: what is entered once however often it is sent, in whatever order it comes."""

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import books
import pytest
from actors import START, Clock, Shop, card_of, connected_shop
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from wallet_service.domain.event import Event, OrderRefunded, content_hash
from wallet_service.inbound import standard
from wallet_service.usecases.connect import rotate
from wallet_service.usecases.receive import source_of
from wallet_service.usecases.record import record
from wallet_service.wiring import Service

Contents = Callable[[], dict[str, tuple[int, str]]]

ENROLLED = {"customer": {"id": "ann"}}


def paid(order: str, minor: int, customer: str = "ann", **more: Any) -> dict[str, Any]:
    """Return what a paid order says."""
    return {"order_id": order, "customer": {"id": customer}, "currency": "EUR", "eligible_minor": minor, **more}


def balance(shop: Shop, customer: str = "ann") -> int:
    """Return a member's balance; enrolling again changes nothing and tells it."""
    return int(shop.enrol(customer)["balance"])


# The answer


def test_an_enrolment_is_answered_with_the_member_and_the_card(shop: Shop, service: Service) -> None:
    """The answer names everything that a merchant needs to go on with."""
    answer = shop.post("member.enrolled", {"customer": {"id": "ann", "name": "Ann"}}, event_id="evt_1")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    said = answer.json
    assert card_of(service, said["serial_number"]).revision == 1
    assert said.pop("member_id").startswith("mem_")
    said.pop("serial_number")
    assert said == {
        "event_id": "evt_1",
        "type": "member.enrolled",
        "status": "processed",
        "customer_id": "ann",
        "points": 0,
        "balance": 0,
        "pending": 0,
        "tier": "page",
        "revision": 1,
    }


def test_an_answer_holds_no_secret(shop: Shop, service: Service) -> None:
    """The merchant is told the serial number and never the card's token."""
    answer = shop.post("member.enrolled", ENROLLED)
    assert card_of(service, answer.json["serial_number"]).authentication_token not in answer.text


def test_an_event_of_an_unknown_type_is_ignored(shop: Shop, contents: Contents) -> None:
    """What we have no use for is answered with 200, so that it is not sent again, and leaves nothing."""
    before = contents()
    answer = shop.post("order.shipped", {"anything": [1, {"goes": None}]}, event_id="evt_1")
    assert (answer.status_code, answer.json) == (200, {"event_id": "evt_1", "status": "ignored"})
    assert contents() == before


def test_keys_that_we_do_not_know_are_left_alone(shop: Shop) -> None:
    """A sender may say more than we need."""
    shop.enrol()
    assert shop.answer("order.paid", paid("o1", 500, note="gift", items=[1, 2]))["points"] == 5


def test_a_webhook_signed_by_the_reference_library_is_taken(shop: Shop, client: FlaskClient, clock: Clock) -> None:
    """What the Standard Webhooks library signs opens the door."""
    body = json.dumps({"type": "member.enrolled", "timestamp": clock().isoformat(), "data": ENROLLED})
    signature = Webhook(shop.secret).sign("evt_lib", clock(), body)
    headers = {
        "webhook-id": "evt_lib",
        "webhook-timestamp": str(int(clock().timestamp())),
        "webhook-signature": f"v1a,nonsense {signature}",
    }
    assert client.post("/webhooks/standard/shop", data=body, headers=headers).status_code == 200


def test_the_content_type_does_not_matter(shop: Shop) -> None:
    """The signature covers the bytes; what a sender calls them is not asked."""
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "junk"):
        body = json.dumps({"type": "member.enrolled", "timestamp": START.isoformat(), "data": ENROLLED}).encode()
        assert shop.send(body, headers={"Content-Type": kind}).status_code == 200


def test_a_body_of_unknown_length_is_read_to_its_end(shop: Shop, client: FlaskClient, clock: Clock) -> None:
    """A sender that streams its body in chunks, without saying its length, is read like any other."""
    body = json.dumps({"type": "member.enrolled", "timestamp": clock().isoformat(), "data": ENROLLED}).encode()
    headers = standard.sign(shop.secret, event_id="evt_chunked", timestamp=clock(), body=body)
    assert chunked(client, body, headers).status_code == 200


# Once


def test_a_second_delivery_gets_the_first_answer_and_changes_nothing(shop: Shop, contents: Contents) -> None:
    """The same event id with the same content is answered with the same bytes, and marked as a replay."""
    shop.enrol()
    first = shop.post("order.paid", paid("o1", 2500), event_id="evt_1")
    shop.adjust(-5)
    before = contents()
    second = shop.post("order.paid", paid("o1", 2500), event_id="evt_1")
    assert (second.status_code, second.data) == (200, first.data)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert contents() == before


def test_a_second_delivery_may_differ_in_what_does_not_count(shop: Shop, clock: Clock) -> None:
    """A repeat that was sent later, or spaced otherwise, is still the same event."""
    shop.enrol()
    first = shop.post("order.paid", paid("o1", 2500), event_id="evt_1")
    clock.on(minutes=90)
    body = {"data": paid("o1", 2500, note="resent"), "timestamp": clock().isoformat(), "type": "order.paid"}
    second = shop.send(json.dumps(body, indent=3).encode(), event_id="evt_1")
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.data == first.data


def test_an_event_that_waits_for_its_member_is_replayed_as_such(shop: Shop) -> None:
    """The first answer stays, even if the member has enrolled meanwhile."""
    first = shop.post("order.paid", paid("o1", 2500), event_id="evt_1")
    said = dict(first.json)
    assert said.pop("claim_url").startswith("https://cards.example/receipts/standard/shop?order=o1&signature=")
    assert said == {"event_id": "evt_1", "order_id": "o1", "type": "order.paid", "status": "unmatched"}
    shop.enrol()
    second = shop.post("order.paid", paid("o1", 2500), event_id="evt_1")
    assert second.data == first.data
    assert balance(shop) == 25


def test_an_event_id_with_other_content_is_a_conflict(shop: Shop, contents: Contents) -> None:
    """An event id stands for one content; other content under it is refused, and nothing is stored."""
    shop.enrol()
    shop.post("order.paid", paid("o1", 2500), event_id="evt_1")
    before = contents()
    for kind, data in (
        ("order.paid", paid("o1", 2600)),
        ("order.paid", paid("o2", 2500)),
        ("order.paid", paid("o1", 2500, currency="CZK")),
        ("order.refunded", {"order_id": "o1", "refunded_minor": 2500}),
        ("member.enrolled", ENROLLED),
    ):
        answer = shop.post(kind, data, event_id="evt_1")
        assert answer.status_code == 409
        assert answer.json["type"] == "urn:wallet-service:problem:event-conflict"
        assert "evt_1" in answer.json["detail"]
    assert contents() == before


def test_an_event_that_was_refused_may_come_again_corrected(shop: Shop) -> None:
    """Nothing is remembered of a refused event, its id included."""
    shop.enrol()
    assert shop.post("order.paid", paid("o1", 2500, currency="USD"), event_id="evt_1").status_code == 422
    assert shop.post("order.paid", paid("o1", 2500), event_id="evt_1").json["points"] == 25


def test_two_sources_may_use_the_same_event_ids(shop: Shop, service: Service, client: FlaskClient) -> None:
    """An event id is its sender's own."""
    second = connected_shop(service, client, "second")
    assert shop.post("member.enrolled", ENROLLED, event_id="evt_1").status_code == 200
    answer = second.post("member.enrolled", {"customer": {"id": "bob"}}, event_id="evt_1")
    assert (answer.status_code, answer.json["customer_id"]) == (200, "bob")


def test_one_event_sent_many_times_at_once_is_entered_once(shop: Shop, service: Service) -> None:
    """Of many equal deliveries in the same moment one is entered, and all get its answer."""
    shop.enrol()

    def send(_: int) -> TestResponse:
        own = replace(shop, client=shop.client.application.test_client())
        return own.post("points.adjusted", adjusted(-7 + 107), event_id="evt_1")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert {each.status_code for each in answers} == {200}
    assert len({each.data for each in answers}) == 1
    assert sorted("Idempotent-Replayed" in each.headers for each in answers) == [False] + [True] * 5
    assert balance(shop) == 100


def test_a_debit_sent_many_times_at_once_is_never_refused(shop: Shop, service: Service) -> None:
    """A correction that empties the balance is not refused to the delivery that comes second."""
    shop.enrol()
    shop.adjust(50)

    def send(_: int) -> int:
        own = replace(shop, client=shop.client.application.test_client())
        return own.post("points.adjusted", adjusted(-50), event_id="evt_debit").status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, range(6))) == {200}
    assert balance(shop) == 0


# Orders


def test_an_order_paid_twice_under_two_event_ids_counts_once(shop: Shop) -> None:
    """The order's own id counts, not the delivery's; the first amount stays."""
    shop.enrol()
    assert shop.buy(2500, order="o1")["points"] == 25
    assert shop.buy(2500, order="o1")["points"] == 0
    assert shop.buy(9900, order="o1")["points"] == 0
    assert balance(shop) == 25


def test_an_order_paid_many_times_at_once_counts_once(shop: Shop, service: Service) -> None:
    """Deliveries of one order under different event ids in the same moment earn once."""
    shop.enrol()

    def send(number: int) -> int:
        own = replace(shop, client=shop.client.application.test_client())
        return int(own.post("order.paid", paid("o1", 2500), event_id=f"evt_same_{number}").json["points"])

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [0] * 5 + [25]


def test_a_refund_takes_back_what_its_order_no_longer_deserves(shop: Shop) -> None:
    """Refunds are cumulative, an older figure that comes late changes nothing, and the rest is floored once."""
    shop.enrol()
    shop.buy(1999, order="o1")
    assert [shop.refund(minor, order="o1")["balance"] for minor in (500, 500, 300, 1000, 1999)] == [14, 14, 14, 9, 0]


def test_a_refund_may_come_before_its_order(shop: Shop) -> None:
    """A refund that overtakes its order is kept until the order arrives."""
    shop.enrol()
    early = shop.post("order.refunded", {"order_id": "o1", "refunded_minor": 1000})
    assert early.json["status"] == "unmatched"
    assert shop.buy(2500, order="o1")["points"] == 15


def test_an_order_and_its_refund_at_once_do_not_forget_each_other(
    shop: Shop, service: Service, blocked: Callable[[], None]
) -> None:
    """An order that arrives while its refund is being entered waits for it, though the refund names nobody."""
    shop.enrol()
    fact = OrderRefunded("o1", 1000)
    refund = Event("evt_slow", "order.refunded", content_hash("order.refunded", fact), START, b"", fact)
    with ThreadPoolExecutor(1) as pool:
        with service.begin() as tx:
            record(
                tx,
                source=source_of(tx, dialect="standard", name="shop"),
                template=service.template("points"),
                event=refund,
                pass_type_identifier=service.identity.pass_type_identifier,
                vault=service.vault,
                now=service.clock(),
            )
            paying = pool.submit(shop.buy, 2500, order="o1")
            blocked()
        assert paying.result()["points"] == 15


def test_a_refund_of_everything_before_its_order_leaves_no_points(shop: Shop) -> None:
    """An order that was paid back before it was heard of earns nothing."""
    shop.enrol()
    shop.post("order.refunded", {"order_id": "o1", "refunded_minor": 2500, "customer": {"id": "ann"}})
    assert shop.buy(2500, order="o1")["points"] == 0
    assert balance(shop) == 0


def test_a_refund_of_more_than_the_order_goes_no_lower_than_the_order(shop: Shop) -> None:
    """A refund larger than what was eligible takes back the order's points and no others."""
    shop.enrol()
    shop.adjust(10)
    shop.buy(2500, order="o1")
    assert shop.refund(99_999, order="o1")["balance"] == 10


def test_a_refund_needs_no_customer(shop: Shop) -> None:
    """The order tells whose it is."""
    shop.enrol("ann")
    shop.enrol("bob")
    shop.buy(2500, order="o1", customer="bob")
    answer = shop.refund(2500, order="o1")
    assert (answer["customer_id"], answer["points"]) == ("bob", -25)


def test_orders_before_the_enrolment_are_credited_at_enrolment(shop: Shop) -> None:
    """A customer who buys before joining starts with the points of what was bought, net of refunds."""
    for order, minor in (("o1", 2500), ("o2", 3000), ("o3", 100)):
        assert shop.post("order.paid", paid(order, minor)).json["status"] == "unmatched"
    shop.post("order.refunded", {"order_id": "o1", "refunded_minor": 500})
    answer = shop.enrol("ann")
    assert (answer["points"], answer["balance"], answer["tier"], answer["revision"]) == (51, 51, "page", 2)
    assert shop.enrol("ann")["points"] == 0


def test_an_order_of_another_customer_is_refused(shop: Shop, contents: Contents) -> None:
    """An order belongs to the customer that it was first sent with, enrolled or not."""
    shop.enrol("ann")
    shop.buy(2500, order="o1", customer="ann")
    shop.post("order.paid", paid("o2", 2500, customer="not yet a member"))
    before = contents()
    for order in ("o1", "o2"):
        for kind, data in (
            ("order.paid", paid(order, 2500, customer="bob")),
            ("order.refunded", {"order_id": order, "refunded_minor": 1, "customer": {"id": "bob"}}),
        ):
            answer = shop.post(kind, data)
            assert answer.status_code == 422
            assert [each["field"] for each in answer.json["errors"]] == ["data.customer"]
    assert contents() == before


def test_two_sources_may_use_the_same_order_ids(shop: Shop, service: Service, client: FlaskClient) -> None:
    """Shop and till number their orders each for itself, and credit the same member."""
    till = connected_shop(service, client, "till")
    shop.enrol("ann")
    assert shop.buy(1000, order="1")["balance"] == 10
    assert till.buy(2000, order="1")["balance"] == 30
    assert till.refund(2000, order="1")["balance"] == 10


def test_a_correction_may_empty_the_balance_and_not_more(shop: Shop, contents: Contents) -> None:
    """In a programme that does not go below zero, a correction that would is refused whole."""
    shop.enrol()
    shop.adjust(30)
    before = contents()
    answer = shop.post("points.adjusted", adjusted(-31))
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, ["data.points"])
    assert contents() == before
    assert shop.adjust(-30)["balance"] == 0


def test_the_books_balance_after_everything(shop: Shop, service: Service) -> None:
    """After orders, refunds and corrections in any order, entries sum to zero and balances to their entries."""
    shop.post("order.paid", paid("early", 12_345))
    shop.enrol()
    shop.buy(2500, order="o1")
    shop.adjust(-40)
    shop.refund(2500, order="o1")
    shop.refund(12_345, order="early")
    assert books.faults(service) == []
    assert balance(shop) == 0


# Secrets


def test_two_secrets_are_live_after_a_rotation(shop: Shop, service: Service) -> None:
    """The new secret and the one before it both sign; the one before that does not any more."""
    secrets = [shop.secret]
    for _ in range(2):
        with service.begin() as tx:
            secrets.append(rotate(tx, vault=service.vault, name="shop"))
        assert replace(shop, secret=secrets[-1]).post("member.enrolled", ENROLLED).status_code == 200
        assert replace(shop, secret=secrets[-2]).post("member.enrolled", ENROLLED).status_code == 200
    assert replace(shop, secret=secrets[0]).post("member.enrolled", ENROLLED).status_code == 401


def test_a_sender_may_sign_with_both_secrets_at_once(shop: Shop, service: Service, clock: Clock) -> None:
    """One good signature in the list is enough, whatever stands before it."""
    body = json.dumps({"type": "member.enrolled", "timestamp": clock().isoformat(), "data": ENROLLED}).encode()
    good = standard.sign(shop.secret, event_id="evt_two", timestamp=clock(), body=body)["webhook-signature"]
    bad = standard.sign("whsec_b2xk", event_id="evt_two", timestamp=clock(), body=body)["webhook-signature"]
    answer = shop.send(body, event_id="evt_two", headers={"webhook-signature": f"{bad} {good}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 200), (0, 200), (300, 200), (301, 401)])
def test_a_delivery_is_taken_within_five_minutes_of_its_time(
    shop: Shop, client: FlaskClient, clock: Clock, seconds: int, status: int
) -> None:
    """A delivery that is older than five minutes, or that much ahead, is refused though its signature is right."""
    body = json.dumps({"type": "member.enrolled", "timestamp": clock().isoformat(), "data": ENROLLED}).encode()
    at = clock() + timedelta(seconds=seconds)
    headers = standard.sign(shop.secret, event_id="evt_1", timestamp=at, body=body)
    assert client.post("/webhooks/standard/shop", data=body, headers=headers).status_code == status


def test_an_unknown_source_and_a_wrong_signature_are_answered_alike(shop: Shop) -> None:
    """Nobody learns from an answer which sources are connected."""
    unknown = replace(shop, name="nobody").post("member.enrolled", ENROLLED)
    forged = replace(shop, secret="whsec_Zm9yZ2Vk").post("member.enrolled", ENROLLED)
    unsigned = shop.client.post("/webhooks/standard/shop", data=b"{}")
    assert {each.status_code for each in (unknown, forged, unsigned)} == {401}
    assert unknown.data == forged.data == unsigned.data


def adjusted(points: int) -> dict[str, Any]:
    """Return what a correction says."""
    return {"customer": {"id": "ann"}, "points": points, "actor": "till 3", "reason": "complaint"}


def chunked(client: FlaskClient, body: bytes, headers: dict[str, str]) -> TestResponse:
    """Post a body as a server hands over a chunked one: without a length, up to the end of its stream."""
    streamed = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return client.post("/webhooks/standard/shop", headers=headers, environ_overrides=streamed)


def test_a_member_is_found_by_any_of_the_ids(shop: Shop, service: Service) -> None:
    """The merchant's own id, our member id in either place, and the code on the card all name the same member."""
    told = shop.enrol("ann")
    with service.read() as tx:
        code = tx.exec_driver_sql("SELECT code FROM cards").scalar_one()
    customers = (
        {"id": "ann"},
        {"id": told["member_id"]},
        {"member_id": told["member_id"]},
        {"card_code": code},
        {"card_code": f"{code[:4]} {code[4:].lower()}"},
    )
    for number, customer in enumerate(customers, 1):
        answer = shop.answer("order.paid", paid(f"o{number}", 100) | {"customer": customer})
        assert (answer["customer_id"], answer["balance"]) == ("ann", number)


def test_an_id_that_only_looks_like_ours_is_the_merchants(shop: Shop) -> None:
    """A merchant may number customers as we do; such an id is looked up, and otherwise taken as it is."""
    assert shop.enrol("mem_of_my_own")["customer_id"] == "mem_of_my_own"
