"""Who listens to what happens: endpoints of merchants, and what is written for them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from wallet_service.domain.addresses import LOOPBACK, Reach
from wallet_service.storage import merchants
from wallet_service.usecases import endpoints
from wallet_service.wiring import Service

REACH = Reach(LOOPBACK)


@dataclass(frozen=True)
class Listener:
    """An endpoint, as its merchant knows it."""

    service: Service
    merchant_id: int
    row_id: int
    id: str
    secret: str

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        """Return what is written for it, of these types or of all, in the order of writing."""
        query = "SELECT body FROM webhook_messages WHERE endpoint_id = :id ORDER BY id"
        with self.service.read() as tx:
            said = [json.loads(body) for body in tx.execute(text(query), {"id": self.row_id}).scalars()]
        return [each for each in said if not kinds or each["type"] in kinds]

    def types(self) -> list[str]:
        """Return the types of what is written for it."""
        return [each["type"] for each in self.told()]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        """Return what all messages of a type say."""
        return [each["data"] for each in self.told(kind)]

    def states(self) -> list[tuple[str, int]]:
        """Return state and number of tries of each message, in the order of writing."""
        query = "SELECT state, attempts FROM webhook_messages WHERE endpoint_id = :id ORDER BY id"
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(query), {"id": self.row_id})]


def merchant_id(service: Service, code: str = merchants.MAIN) -> int:
    """Return a merchant, who is there afterwards if not before."""
    with service.begin() as tx:
        merchants.add(tx, code=code, name=code.title(), now=service.clock())
        found = merchants.find(tx, code)
    assert found is not None
    return found.id


def listening(
    service: Service,
    url: str = "https://shop.example/in",
    *,
    types: Sequence[str] = (),
    merchant: str = merchants.MAIN,
) -> Listener:
    """Add an endpoint."""
    owner = merchant_id(service, merchant)
    with service.begin() as tx:
        added, secret = endpoints.add(
            tx, merchant_id=owner, vault=service.vault, reach=REACH, url=url, types=types, now=service.clock()
        )
    return Listener(service, owner, added.id, added.public_id, secret)
