"""Who acts in the tests: a clock set by hand, a shop that signs webhooks, a phone that asks for cards."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from wallet_service.domain.card import Card
from wallet_service.inbound import standard
from wallet_service.usecases.connect import connect
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service

START = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands still until it is told to go on."""

    now: datetime = START

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def on(self, **step: float) -> datetime:
        """Go on by a timedelta's arguments."""
        self.now += timedelta(**step)
        return self.now


@dataclass
class Shop:
    """A merchant who signs webhooks and posts them."""

    client: FlaskClient
    clock: Callable[[], datetime]
    secret: str
    name: str
    ids: Iterator[int] = field(default_factory=itertools.count)

    def post(
        self, kind: str, data: dict[str, Any], *, event_id: str | None = None, at: datetime | None = None
    ) -> TestResponse:
        """Post an event of that kind, signed now."""
        body = {"type": kind, "timestamp": (at or self.clock()).isoformat(), "data": data}
        return self.send(json.dumps(body).encode(), event_id=event_id)

    def send(self, body: bytes, *, event_id: str | None = None, headers: dict[str, str] | None = None) -> TestResponse:
        """Post these very bytes, signed now."""
        event_id = event_id or f"evt_{self.name}_{next(self.ids)}"
        signed = standard.sign(self.secret, event_id=event_id, timestamp=self.clock(), body=body)
        return self.client.post(f"/webhooks/standard/{self.name}", data=body, headers=signed | (headers or {}))

    def enrol(self, customer: str = "ann", **more: Any) -> dict[str, Any]:
        """Enrol a customer and return the answer."""
        return self.answer("member.enrolled", {"customer": {"id": customer, **more}})

    def buy(self, minor: int, *, order: str, customer: str = "ann") -> dict[str, Any]:
        """Pay an order and return the answer."""
        data = {"order_id": order, "customer": {"id": customer}, "currency": "EUR", "eligible_minor": minor}
        return self.answer("order.paid", data)

    def refund(self, minor: int, *, order: str) -> dict[str, Any]:
        """Refund an order up to an amount and return the answer."""
        return self.answer("order.refunded", {"order_id": order, "refunded_minor": minor})

    def adjust(self, points: int, *, customer: str = "ann") -> dict[str, Any]:
        """Correct a balance and return the answer."""
        data = {"customer": {"id": customer}, "points": points, "actor": "till 3", "reason": "complaint"}
        return self.answer("points.adjusted", data)

    def answer(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Post an event that must be taken, and return the answer."""
        response = self.post(kind, data)
        assert response.status_code == 200, response.get_json()
        answer: dict[str, Any] = response.get_json()
        return answer


@dataclass
class Device:
    """A phone as Apple's web service sees it, one request at a time."""

    client: FlaskClient
    pass_type: str
    library: str = "d3v1ce"
    push_token: str = "ab12" * 16

    def register(self, card: Card, *, token: str | None = None) -> TestResponse:
        """Register for the card."""
        return self.client.post(
            self._registration(card.serial_number),
            json={"pushToken": self.push_token},
            headers=self._auth(token or card.authentication_token),
        )

    def unregister(self, card: Card) -> TestResponse:
        """Stop following the card."""
        headers = self._auth(card.authentication_token)
        return self.client.delete(self._registration(card.serial_number), headers=headers)

    def list(self, since: str | None = None) -> TestResponse:
        """Ask which cards changed."""
        query = {"passesUpdatedSince": since} if since is not None else {}
        return self.client.get(f"/apple/v1/devices/{self.library}/registrations/{self.pass_type}", query_string=query)

    def fetch(
        self, card: Card, *, since: str | None = None, token: str | None = None, method: str = "GET"
    ) -> TestResponse:
        """Fetch the card, unless it is unchanged since a date."""
        headers = self._auth(token or card.authentication_token)
        if since is not None:
            headers["If-Modified-Since"] = since
        return self.client.open(
            f"/apple/v1/passes/{self.pass_type}/{card.serial_number}", method=method, headers=headers
        )

    def _registration(self, serial: str) -> str:
        return f"/apple/v1/devices/{self.library}/registrations/{self.pass_type}/{serial}"

    @staticmethod
    def _auth(token: str) -> dict[str, str]:
        return {"Authorization": f"ApplePass {token}"}


def connected_shop(service: Service, client: FlaskClient, name: str, *, template: str = "points") -> Shop:
    """Connect one more shop to a programme."""
    with service.begin() as tx:
        secret = connect(tx, vault=service.vault, template=service.template(template), name=name, now=service.clock())
    assert secret
    return Shop(client, service.clock, secret, name)


def card_of(service: Service, serial_number: str) -> Card:
    """Return the card as it stands."""
    with service.read() as tx:
        return card_by_serial(tx, serial_number).member.card
