"""All that is known when an event arrives: whether it came before, and the order that it is about."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, text

from wallet_service.domain.earning import Order
from wallet_service.storage import orders

RESERVED = 4  # row ids: enough for most events

_LOOK = text(f"""
    SELECT content_hash, answer, {orders.COLUMNS}, coalesce(members.external_id, orders.customer_id) AS owner,
           orders.member_id IS NOT NULL AS matched,
           ARRAY(SELECT nextval('ledger_ids') FROM generate_series(1, {RESERVED})) AS reserved
    FROM (SELECT 1) AS once
    LEFT JOIN events ON events.source_id = :source_id AND events.event_id = :event_id
    LEFT JOIN orders ON orders.source_id = :source_id AND orders.order_id = CAST(:order_id AS text)
    LEFT JOIN members ON members.id = orders.member_id
""")


class Arrival(Struct, frozen=True):
    """What is known; `answer` and `content_hash` are None for an event that is new.

    `owner` is the merchant's own id of the order's customer, where one has been named; `matched` says that it is a
    member. `reserved` are fresh row ids.
    """

    content_hash: bytes | None
    answer: dict[str, Any] | None
    order: Order | None
    owner: str | None
    matched: bool
    reserved: list[int]


def look(tx: Connection, *, source_id: int, event_id: str, order_id: str | None) -> Arrival:
    """Return what is known of the event and the order; one statement, since every event begins with it."""
    row = tx.execute(_LOOK, {"source_id": source_id, "event_id": event_id, "order_id": order_id}).one()
    return Arrival(
        content_hash=None if row.content_hash is None else bytes(row.content_hash),
        answer=row.answer,
        order=None if row.id is None else orders.order_of(row),
        owner=row.owner,
        matched=row.matched,
        reserved=list(row.reserved),
    )
