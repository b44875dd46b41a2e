"""Short messages are handed to a real gateway on this machine, and its answers are understood."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from receivers import Receiver, answering, receiving

from wallet_service.domain.addresses import LOOPBACK, Reach
from wallet_service.domain.letters import Letter, Mail, Outcome
from wallet_service.outbound.courier import Courier
from wallet_service.outbound.gateway import Gateway
from wallet_service.wiring import utc_now

TEXT = Letter("campaign", "cs", "", ("Jaro je tu:", "https://cards.example/s/ABC"), channel="sms")
MAIL = Mail("let_1", "+420601000000", TEXT)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A gateway that takes everything."""
    with receiving() as ready:
        yield ready


def send(url: str, *, reach: Reach | None = None, timeout: float = 10.0) -> Outcome:
    """Send one short message."""
    gateway = Gateway(url, token="t0ken", courier=Courier(reach=reach or Reach(LOOPBACK), timeout=timeout))
    try:
        return gateway.send(MAIL, at=utc_now())
    finally:
        gateway.close()


def test_a_message_arrives(receiver: Receiver) -> None:
    """It is JSON with its id, number and text, and the token as a bearer's."""
    assert send(receiver.url) == Outcome("sent")
    (got,) = receiver.got
    assert json.loads(got.body) == {
        "id": "let_1",
        "to": "+420601000000",
        "text": "Jaro je tu:\nhttps://cards.example/s/ABC",
    }
    assert got.headers["authorization"] == "Bearer t0ken"
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, "sent"),
        (202, "sent"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
        (400, "refused"),
        (404, "refused"),
        (422, "refused"),
        (401, "stop"),
        (403, "stop"),
        (302, "stop"),
    ],
)
def test_answers(receiver: Receiver, status: int, fate: Any) -> None:
    """What may be taken later waits, what never will be is over, and a refused token stops everything."""
    receiver.behave = answering(status)
    assert send(receiver.url).fate == fate
    assert len(receiver.got) == 1


def test_nobody_there() -> None:
    """A gateway that is away is no fault of the message."""
    with receiving() as gone:
        url = gone.url
    assert send(url) == Outcome("away", "the gateway no_connection")


def test_a_private_address(receiver: Receiver) -> None:
    """Nothing is sent to an address that is not ours to reach, and somebody is called."""
    assert send(receiver.url, reach=Reach()) == Outcome("stop", "the gateway private_address")
    assert receiver.got == []
