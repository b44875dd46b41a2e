"""Operations that were asked for under a key: each done once, with the answer that was given."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

_CLAIM = text("""
    INSERT INTO operations (program_id, key, kind, content_hash, actor, answer, created_at)
    VALUES (:program_id, :key, :kind, :content_hash, :actor, 'null', :now)
    ON CONFLICT (program_id, key) DO NOTHING
    RETURNING id
""")
_FIND = text("SELECT content_hash, answer FROM operations WHERE program_id = :program_id AND key = :key")
_ANSWER = text("UPDATE operations SET answer = CAST(:answer AS json) WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that was done before."""

    content_hash: bytes
    answer: dict[str, Any]


def claim(
    tx: Connection, *, program_id: int, key: str, kind: str, content_hash: bytes, actor: str, now: datetime
) -> int | None:
    """Return the row id of a new operation, or None where the key has been used.

    Who claims a key that another is just using waits until that one has ended. Take it before any other lock.
    """
    values = {"program_id": program_id, "key": key, "kind": kind, "content_hash": content_hash, "actor": actor}
    claimed: int | None = tx.execute(_CLAIM, values | {"now": now}).scalar()
    return claimed


def find(tx: Connection, program_id: int, key: str) -> Done | None:
    """Return the operation that was done under a key."""
    row = tx.execute(_FIND, {"program_id": program_id, "key": key}).first()
    return Done(bytes(row.content_hash), row.answer) if row else None


def answer(tx: Connection, row_id: int, given: dict[str, Any]) -> None:
    """Keep what an operation is answered with."""
    tx.execute(_ANSWER, {"id": row_id, "answer": orjson.dumps(given).decode()})
