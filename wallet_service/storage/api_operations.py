"""What a merchant has asked for under a key that belongs to no programme: done once, with the answer that was given."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from wallet_service.storage.operations import Done

_CLAIM = text("""
    INSERT INTO api_operations (merchant_id, key, kind, content_hash, actor, answer, created_at)
    VALUES (:merchant_id, :key, :kind, :content_hash, :actor, 'null', :now)
    ON CONFLICT (merchant_id, key) DO NOTHING
    RETURNING id
""")
_FIND = text("SELECT content_hash, answer FROM api_operations WHERE merchant_id = :merchant_id AND key = :key")
_ANSWER = text("UPDATE api_operations SET answer = CAST(:answer AS json) WHERE id = :id")


def claim(
    tx: Connection, *, merchant_id: int, key: str, kind: str, content_hash: bytes, actor: str, now: datetime
) -> int | None:
    """Return the row id of a new operation, or None where the key has been used; see `operations.claim`."""
    values = {"merchant_id": merchant_id, "key": key, "kind": kind, "content_hash": content_hash, "actor": actor}
    claimed: int | None = tx.execute(_CLAIM, values | {"now": now}).scalar()
    return claimed


def find(tx: Connection, merchant_id: int, key: str) -> Done | None:
    """Return what was done under a key."""
    row = tx.execute(_FIND, {"merchant_id": merchant_id, "key": key}).first()
    return Done(bytes(row.content_hash), row.answer) if row else None


def answer(tx: Connection, row_id: int, given: dict[str, Any]) -> None:
    """Keep what is answered."""
    tx.execute(_ANSWER, {"id": row_id, "answer": orjson.dumps(given).decode()})
