"""From what happens to the merchant's own server: messages are written, carried over HTTP, verified, and in order."""

import time
from collections.abc import Iterator

import pytest
from actors import Shop, connected_shop
from flask.testing import FlaskClient
from listeners import listening
from receivers import Door, Got, Receiver, answering, receiving
from sqlalchemy import Engine, text

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.usecases import replay
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, utc_now

PATIENCE = 30.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let webhooks go to this machine, and be impatient."""
    return settings.model_copy(update={"webhooks_allow_private": "127.0.0.0/8", "webhooks_timeout": 1})


@pytest.fixture
def service(settings: Settings, engine: Engine, identity: Identity) -> Iterator[Service]:
    """A service whose clock goes, since receivers hold signatures against theirs."""
    made = build(settings, clock=utc_now, engine=engine, identity=identity)
    yield made
    made.dispatch.finish()
    made.courier.close()


@pytest.fixture
def shop(service: Service) -> Shop:
    """A connected shop."""
    client: FlaskClient = create_app(service).test_client()
    return connected_shop(service, client, "shop")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving() as ready:
        yield ready


def deliver(service: Service, receiver: Receiver, number: int) -> None:
    """Let a worker work until so many messages have come."""
    end = time.monotonic() + PATIENCE
    while len(receiver.got) < number:
        assert time.monotonic() < end, receiver.types
        service.dispatch.deliver()
    service.dispatch.finish()


def hurry(service: Service) -> None:
    """Let everything that was put off be due now."""
    with service.begin() as tx:
        tx.execute(text("UPDATE webhook_messages SET due_at = now() WHERE due_at IS NOT NULL AND lease IS NULL"))
        tx.execute(text("UPDATE webhook_endpoints SET not_before = now()"))


def test_a_purchase_arrives_verified(service: Service, shop: Shop, receiver: Receiver) -> None:
    """What the shop was answered is what its own server is told, with a signature that it can check."""
    ear = listening(service, receiver.url)
    shop.enrol("ann")
    answer = shop.buy(4_200, order="1")
    deliver(service, receiver, 2)
    said = [each.verified(ear.secret) for each in receiver.got]
    assert said == receiver.said == ear.told()
    assert [each["type"] for each in said] == ["member.enrolled", "points.earned"]
    assert {name: said[1]["data"][name] for name in ("points", "balance", "member_id", "tier")} == {
        name: answer[name] for name in ("points", "balance", "member_id", "tier")
    }
    assert said[1]["data"]["order_id"] == "1"


def test_many_members_each_in_their_order(service: Service, shop: Shop, receiver: Receiver) -> None:
    """A receiver that fails now and then gets everything in the end, each member's messages in their order."""
    ear = listening(service, receiver.url, types=("points.*",))
    receiver.behave = answering(*(500 if number % 3 == 0 else 200 for number in range(40)), 200)
    names = [f"customer {number}" for number in range(5)]
    for name in names:
        shop.enrol(name)
    for order in range(4):
        for name in names:
            shop.buy(100 * (order + 1), order=f"{order} of {name}", customer=name)
    end = time.monotonic() + PATIENCE
    while {state for state, _ in ear.states()} != {"delivered"}:
        assert time.monotonic() < end, ear.states()
        hurry(service)
        service.dispatch.deliver()
    for name in names:
        mine = [each for each in receiver.got if each.said["data"]["customer_id"] == name]
        first = list({each.id: each.said["data"]["balance"] for each in mine}.values())
        assert first == [1, 3, 6, 10]
    assert len(receiver.got) > 20


def test_what_a_receiver_does_wrong_is_logged(service: Service, shop: Shop, receiver: Receiver) -> None:
    """Redirects, refusals and silence stand in the log, each with its word, and the message goes in the end."""
    ear = listening(service, receiver.url)
    turns = iter(
        (
            answering(302, location=f"http://127.0.0.1:{receiver.port}/elsewhere"),
            answering(500),
            lambda *_: time.sleep(2),
            answering(204),
        )
    )

    def behave(door: Door, got: Got) -> None:
        next(turns)(door, got)

    receiver.behave = behave
    shop.enrol("ann")
    for number in range(1, 5):
        deliver(service, receiver, number)
        hurry(service)
    with service.read() as tx:
        tries = replay.log(tx, merchant_id=ear.merchant_id, most=9)
    assert [(each.status, each.error) for each in reversed(tries)] == [
        (302, None),
        (500, None),
        (None, "timeout"),
        (204, None),
    ]
    assert len({each.id for each in receiver.got}) == 1
    assert receiver.strayed == []
    assert ear.states() == [("delivered", 4)]


def test_an_endpoint_in_a_forbidden_place_gets_nothing(
    service: Service, shop: Shop, receiver: Receiver, settings: Settings, engine: Engine, identity: Identity
) -> None:
    """Where private networks are not allowed any more, an endpoint from before is not connected to."""
    ear = listening(service, receiver.url)
    shop.enrol("ann")
    strict = build(
        settings.model_copy(update={"webhooks_allow_private": None}), clock=utc_now, engine=engine, identity=identity
    )
    strict.dispatch.deliver()
    strict.dispatch.finish()
    assert receiver.connections == []
    with service.read() as tx:
        (attempt,) = replay.log(tx, merchant_id=ear.merchant_id, most=9)
    assert attempt.error == "private_address"
