"""Events that were received: each once, with the answer that its sender got."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from wallet_service.domain.event import Event

_ADD = text("""
    INSERT INTO events (id, source_id, event_id, type, content_hash, occurred_at, received_at, body, answer)
    VALUES (:id, :source_id, :event_id, :type, :content_hash, :occurred_at, :now, :body, CAST(:answer AS jsonb))
    ON CONFLICT (source_id, event_id) DO NOTHING
    RETURNING id
""")


class Raced(Exception):
    """The same event id was entered by somebody else meanwhile; start the transaction again."""


def add(tx: Connection, *, row_id: int, source_id: int, event: Event, answer: dict[str, Any], now: datetime) -> None:
    """Enter the event with its answer.

    Raises `Raced` when another transaction has entered that event id since it was looked up.
    """
    values = {
        "id": row_id,
        "source_id": source_id,
        "event_id": event.event_id,
        "type": event.type,
        "content_hash": event.content_hash,
        "occurred_at": event.occurred_at,
        "now": now,
        "body": event.body,
        "answer": orjson.dumps(answer).decode(),
    }
    if tx.execute(_ADD, values).first() is None:
        raise Raced


def count(tx: Connection) -> int:
    """Return how many events have been entered."""
    return int(tx.execute(text("SELECT count(*) FROM events")).scalar_one())
