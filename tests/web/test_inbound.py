"""Shop systems at the door: what they have signed is taken in, and nothing else, whatever is sent."""

import json
from typing import Any

import pytest
from actors import START, Clock, Shop
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from vendor_actors import NOW, OTHER, SECRET, SIGN, SIGNATURE, known, payload, topic_of
from werkzeug.test import TestResponse

from wallet_service.inbound import DIALECTS
from wallet_service.usecases.connect import connect
from wallet_service.wiring import Service

VENDORS = sorted(set(DIALECTS) - {"standard"})


@pytest.fixture
def connected(service: Service, clock: Clock) -> None:
    """One source of each vendor's dialect, all with the same secret."""
    clock.now = NOW
    with service.begin() as tx:
        for dialect in VENDORS:
            template = service.template("points")
            connect(tx, vault=service.vault, template=template, name="shop", dialect=dialect, secret=SECRET, now=START)


def post(client: FlaskClient, dialect: str, name: str, *, secret: str = SECRET, to: str = "shop") -> TestResponse:
    """Post one of the known bodies, signed."""
    said = payload(dialect, name)
    body = json.dumps(said).encode()
    url = f"https://cards.example/webhooks/{dialect}/{to}"
    headers = SIGN[dialect](body, secret, topic=topic_of(dialect, name, said), url=url, at=NOW)
    headers |= {"X-Shopify-Webhook-Id": name} if dialect == "shopify" else {}
    return client.post(f"/webhooks/{dialect}/{to}", data=body, headers=headers)


def rows(service: Service, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with service.read() as tx:
        return [tuple(each) for each in tx.execute(text(query))]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(("dialect", "name"), list(known()))
def test_what_shops_send_is_taken_in(client: FlaskClient, service: Service, dialect: str, name: str) -> None:
    """Each known body, signed, is answered with 200 and kept, whatever became of it; nothing is a fault of ours."""
    answer = post(client, dialect, name)
    assert answer.status_code == 200, answer.get_json()
    ((public_id, status, detail),) = rows(service, "SELECT public_id, status, detail FROM deliveries")
    assert answer.get_json() == {"delivery": public_id, "status": status, "detail": detail}
    assert "fault of this service" not in str(detail)


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("dialect", VENDORS)
def test_what_is_not_signed_is_answered_alike(client: FlaskClient, service: Service, dialect: str) -> None:
    """A wrong secret, an unknown source, no signature: one answer, and nothing is kept."""
    name = next(each for of, each in known() if of == dialect)
    body = json.dumps(payload(dialect, name)).encode()
    answers = [
        post(client, dialect, name, secret=OTHER),
        post(client, dialect, name, to="nobody"),
        client.post(f"/webhooks/{dialect}/shop", data=body),
        client.post(f"/webhooks/{dialect}/%00", data=body),
    ]
    assert {(each.status_code, each.get_data()) for each in answers} == {(401, answers[0].get_data())}
    assert rows(service, "SELECT count(*) FROM deliveries") == [(0,)]


@pytest.mark.usefixtures("connected")
def test_a_shops_greeting_is_answered(client: FlaskClient, service: Service) -> None:
    """WooCommerce asks with an unsigned form whether anybody is there; it needs 200, and nothing comes of it."""
    hello = client.post("/webhooks/woocommerce/shop", data={"webhook_id": "7"})
    assert (hello.status_code, hello.get_json()["status"]) == (200, "ignored")
    other = client.post("/webhooks/woocommerce/shop", data={"webhook_id": "7", "order": "1"})
    assert other.status_code == 401
    assert rows(service, "SELECT count(*) FROM events") == [(0,)]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@given(
    body=st.binary(max_size=200) | st.sampled_from([b"{}", b"[]", b"null", b'{"type":"order.paid"}']),
    signature=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=120),
    more=st.dictionaries(
        st.sampled_from(["X-Shopify-Topic", "X-WC-Webhook-Topic", "webhook-id", "webhook-timestamp", "Content-Type"]),
        st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40),
    ),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_is_never_taken(
    client: FlaskClient, service: Service, dialect: str, body: bytes, signature: str, more: dict[str, str]
) -> None:
    """Whatever headers and bytes are sent, it is refused as not signed; never a fault of ours."""
    answer = client.post(f"/webhooks/{dialect}/shop", data=body, headers={SIGNATURE[dialect]: signature, **more})
    assert answer.status_code == 401


def test_a_fault_of_ours_is_kept_and_replayed(shop: Shop, service: Service, engine: Engine) -> None:
    """An event of our own dialect that we cannot enter is answered with 202, kept, and entered once it can be."""
    shop.enrol("ann")
    with engine.begin() as tx:
        tx.execute(
            text("""
                CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'a fault of ours' USING ERRCODE = 'P0001'; END $$;
                CREATE TRIGGER broken BEFORE INSERT ON ledger_transactions FOR EACH ROW EXECUTE FUNCTION break_down()
            """)
        )
    try:
        paid = {"order_id": "o1", "customer": {"id": "ann"}, "currency": "EUR", "eligible_minor": 4200}
        answer = shop.post("order.paid", paid, event_id="evt_1")
        assert (answer.status_code, answer.get_json()["status"]) == (202, "failed")
    finally:
        with engine.begin() as tx:
            tx.execute(text("DROP TRIGGER broken ON ledger_transactions; DROP FUNCTION break_down()"))
    done = service.intake.replay(answer.get_json()["delivery"])
    assert (done.status, done.answers[0]["event_id"], done.answers[0]["points"]) == ("processed", "evt_1", 42)
    again = shop.post("order.paid", paid, event_id="evt_1")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")


@pytest.mark.usefixtures("connected")
def test_figures_tell_what_needs_somebody(client: FlaskClient) -> None:
    """What has failed, and what needs a person, is in the metrics, by its status."""
    post(client, "shopify", "orders_paid_jpy")
    post(client, "shopify", "shop_redact")
    said = client.get("/metrics").text
    assert 'wallet_inbound{status="failed"} 1.0' in said
    assert 'wallet_inbound{status="attention"} 1.0' in said
