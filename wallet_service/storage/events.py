"""Events that were received: each once, with the answer that its sender got."""

from datetime import datetime
from typing import Any

import orjson
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from wallet_service.domain.event import Event

ONCE = "events_source_id_event_id_key"  # the constraint by which an event id is entered once
_ADD = text("""
    INSERT INTO events (id, source_id, event_id, type, content_hash, occurred_at, received_at, body, answer)
    VALUES (:id, :source_id, :event_id, :type, :content_hash, :occurred_at, :now, :body, CAST(:answer AS jsonb))
""")


class Raced(Exception):
    """Somebody else has entered the same meanwhile; start the transaction again."""


def add(tx: Connection, *, row_id: int, source_id: int, event: Event, answer: dict[str, Any], now: datetime) -> None:
    """Enter the event with its answer; the database refuses it if its id was entered since it was looked up."""
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
    tx.execute(_ADD, values)


def is_race(error: IntegrityError) -> bool:
    """Whether the database has refused an event because another transaction has entered the same meanwhile."""
    return isinstance(error.orig, UniqueViolation) and error.orig.diag.constraint_name == ONCE


def count(tx: Connection) -> int:
    """Return how many events have been entered."""
    return int(tx.execute(text("SELECT count(*) FROM events")).scalar_one())
