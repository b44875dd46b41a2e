"""Endpoints are added, changed and removed by their merchant alone, and what cannot be used is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from actors import Clock
from listeners import REACH, Listener, listening, merchant_id
from sqlalchemy import Connection, text

from wallet_service.domain.addresses import Reach
from wallet_service.domain.errors import EndpointRefused, UnknownEndpoint, UnknownMessage
from wallet_service.domain.outbound import Answer, Parcel
from wallet_service.storage.endpoints import Endpoint
from wallet_service.usecases import endpoints, replay
from wallet_service.wiring import Service


def found(listener: Listener) -> Endpoint:
    """Return the endpoint as it stands."""
    with listener.service.read() as tx:
        return endpoints.find(tx, merchant_id=listener.merchant_id, endpoint=listener.id)


def test_an_endpoint_is_kept_as_it_was_added(service: Service, clock: Clock) -> None:
    """Its address, name and filters, each of them once; the secret lies sealed in the database."""
    with service.begin() as tx:
        added, secret = endpoints.add(
            tx,
            merchant_id=merchant_id(service),
            vault=service.vault,
            reach=Reach(),
            url="https://shop.example/in?key=1",
            types=("points.*", "tier.upgraded", "points.*"),
            name="the shop",
            now=clock.now,
        )
    assert (added.url, added.name, added.types) == (
        "https://shop.example/in?key=1",
        "the shop",
        ("points.*", "tier.upgraded"),
    )
    assert (added.state, added.failures, added.reason) == ("active", 0, None)
    assert added.secrets(service.vault, now=clock.now) == (secret,)
    assert secret.startswith("whsec_")
    assert "key=1" not in repr(added)
    with service.read() as tx:
        row = bytes(tx.execute(text("SELECT secret FROM webhook_endpoints")).scalar_one())
    assert secret.encode() not in row


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ({"url": "http://shop.example/"}, ["url"]),
        ({"url": "https://10.0.0.1/"}, ["url"]),
        ({"types": ("points.earnt",)}, ["types"]),
        ({"types": ("points", "*", "endpoint.test")}, ["types"] * 3),
        ({"name": ""}, ["name"]),
        ({"name": "a\nb", "url": "x", "types": ("x.*",)}, ["name", "types", "url"]),
    ],
)
def test_what_cannot_be_used_is_refused_with_all_its_faults(
    service: Service, clock: Clock, asked: dict[str, Any], keys: list[str]
) -> None:
    """Everything that is wrong is named at once, and nothing is stored."""
    owner = merchant_id(service)
    given = {"url": "https://shop.example/"} | asked
    with pytest.raises(EndpointRefused) as error, service.begin() as tx:
        endpoints.add(tx, merchant_id=owner, vault=service.vault, reach=Reach(), now=clock.now, **given)
    assert [each.key for each in error.value.faults] == keys
    with service.read() as tx:
        assert endpoints.standing(tx, merchant_id=owner) == []


def test_a_merchant_has_so_many_and_no_more(service: Service) -> None:
    """Everything that happens is written for each of them; another merchant's do not count."""
    for number in range(endpoints.MOST):
        listening(service, f"https://shop{number}.example/")
    with pytest.raises(EndpointRefused, match="20 at the most"):
        listening(service)
    other = listening(service, merchant="other")
    with service.read() as tx:
        assert len(endpoints.standing(tx, merchant_id=other.merchant_id)) == 1


def test_what_is_not_given_stays_as_it_was(service: Service) -> None:
    """Address, types and name are changed one by one; no types at all is everything."""
    ear = listening(service, "https://shop.example/", types=("points.*",))

    def change(**asked: Any) -> Endpoint:
        with service.begin() as tx:
            return endpoints.change(tx, merchant_id=ear.merchant_id, reach=REACH, endpoint=ear.id, **asked)

    assert change(url="https://new.example/").types == ("points.*",)
    assert change(types=["tier.*"]).url == "https://new.example/"
    assert change(name="new").types == ("tier.*",)
    assert change(types=[]).types == ()
    with pytest.raises(EndpointRefused):
        change(url="ftp://new.example/")
    assert (found(ear).url, found(ear).name) == ("https://new.example/", "new")


OTHERS: dict[str, Callable[[Connection, Service, int, str, datetime], object]] = {
    "find": lambda tx, _, mine, theirs, __: endpoints.find(tx, merchant_id=mine, endpoint=theirs),
    "change": lambda tx, _, mine, theirs, __: endpoints.change(
        tx, merchant_id=mine, reach=REACH, endpoint=theirs, url="https://thief.example/"
    ),
    "rotate": lambda tx, service, mine, theirs, now: endpoints.rotate(
        tx, merchant_id=mine, vault=service.vault, endpoint=theirs, now=now
    ),
    "enable": lambda tx, _, mine, theirs, now: endpoints.enable(tx, merchant_id=mine, endpoint=theirs, now=now),
    "remove": lambda tx, _, mine, theirs, now: endpoints.remove(tx, merchant_id=mine, endpoint=theirs, now=now),
    "log": lambda tx, _, mine, theirs, __: replay.log(tx, merchant_id=mine, endpoint=theirs, most=9),
    "dead": lambda tx, _, mine, theirs, __: replay.dead(tx, merchant_id=mine, endpoint=theirs, most=9),
    "replay": lambda tx, _, mine, theirs, now: replay.replay_dead(tx, merchant_id=mine, endpoint=theirs, now=now),
}


@pytest.mark.parametrize("act", OTHERS)
def test_anothers_endpoint_is_none(service: Service, clock: Clock, act: str) -> None:
    """To one merchant the endpoint of another is not there, whatever is asked of it; nor is one that was removed."""
    ear, other = listening(service), merchant_id(service, "other")
    with pytest.raises(UnknownEndpoint), service.begin() as tx:
        OTHERS[act](tx, service, other, ear.id, clock.now)
    assert (found(ear).url, found(ear).state) == ("https://shop.example/in", "active")
    with service.begin() as tx:
        endpoints.remove(tx, merchant_id=ear.merchant_id, endpoint=ear.id, now=clock.now)
    with pytest.raises(UnknownEndpoint), service.begin() as tx:
        OTHERS[act](tx, service, ear.merchant_id, ear.id, clock.now)


def test_anothers_messages_are_none(service: Service, shop: Any, clock: Clock) -> None:
    """Neither log nor dead letters show them, and they are not sent again."""
    ear, other = listening(service), merchant_id(service, "other")
    shop.enrol()
    with service.begin() as tx:
        tx.execute(text("UPDATE webhook_messages SET state = 'dead', due_at = NULL, settled_at = now()"))
        tx.execute(
            text("""
                INSERT INTO webhook_attempts (message_id, endpoint_id, at, ms, status)
                SELECT id, endpoint_id, now(), 1, 500 FROM webhook_messages
            """)
        )
        message = tx.execute(text("SELECT public_id FROM webhook_messages")).scalar_one()
    with service.begin() as tx:
        assert replay.dead(tx, merchant_id=other, most=9) == replay.log(tx, merchant_id=other, most=9) == []
        assert replay.log(tx, merchant_id=other, message=message, most=9) == []
        with pytest.raises(UnknownMessage):
            replay.replay(tx, merchant_id=other, message=message, now=clock.now)
    assert ear.states() == [("dead", 0)]
    with service.begin() as tx:
        replay.replay(tx, merchant_id=ear.merchant_id, message=message, now=clock.now)
        with pytest.raises(UnknownMessage):
            replay.replay(tx, merchant_id=ear.merchant_id, message=message, now=clock.now)
    assert ear.states() == [("waiting", 0)]


@dataclass
class Post:
    """A courier that remembers the last message, and answers as it is told."""

    answer: Answer
    got: Parcel | None = None

    def send(self, parcel: Parcel, *, at: datetime) -> Answer:
        """Take the message."""
        assert at.tzinfo
        self.got = parcel
        return self.answer


def test_an_endpoint_is_tried_out_and_nothing_is_kept(service: Service, clock: Clock) -> None:
    """A message that tells nothing, signed like all others, also to one that was stopped; the answer comes back."""
    ear = listening(service, types=("points.*",))
    with service.begin() as tx:
        tx.execute(text("UPDATE webhook_endpoints SET state = 'gone', reason = 'x', stopped_at = now()"))
    post = Post(Answer(404, ms=7))
    answer = endpoints.try_out(
        service.begin, post, service.vault, merchant_id=ear.merchant_id, endpoint=ear.id, clock=clock
    )
    assert answer == Answer(404, ms=7)
    assert post.got is not None
    assert post.got.secrets == (ear.secret,)
    assert b'"type":"endpoint.test"' in post.got.body
    assert ear.told() == []
    assert found(ear).state == "gone"
