"""What shop systems have delivered, as it came: stored before anything is made of it, and kept for a while after."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

_ADD = text("""
    INSERT INTO deliveries (public_id, source_id, topic, delivery_id, sealed, status, attempts, received_at, not_before)
    VALUES (:public_id, :source_id, :topic, :delivery_id, :sealed, 'received', 0, :now, :not_before)
    ON CONFLICT (source_id, delivery_id) DO NOTHING
""")
_COLUMNS = """
    deliveries.id, deliveries.public_id, deliveries.source_id, topic, delivery_id, sealed, status, detail, answers,
    attempts, received_at, settled_at, sources.dialect, sources.name AS source, sources.program_id
"""
_FROM = "FROM deliveries JOIN sources ON sources.id = source_id JOIN programs ON programs.id = sources.program_id"
_OF_SENDER = text(f"SELECT {_COLUMNS} {_FROM} WHERE source_id = :source_id AND delivery_id = :delivery_id")
_FIND = text(f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE deliveries.public_id = :public_id AND merchant_id = coalesce(:merchant_id, merchant_id)
""")
_PAGE = text(f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE merchant_id = coalesce(:merchant_id, merchant_id) AND (:before = 0 OR deliveries.id < :before)
      AND (CAST(:status AS text) IS NULL OR status = :status)
    ORDER BY deliveries.id DESC LIMIT :most
""")
_CLAIM = text("""
    UPDATE deliveries SET not_before = :until, attempts = attempts + 1
    WHERE id = (SELECT id FROM deliveries WHERE not_before <= :now ORDER BY not_before, id
                FOR UPDATE SKIP LOCKED LIMIT 1)
    RETURNING id
""")
_BY_ID = text(f"SELECT {_COLUMNS} {_FROM} WHERE deliveries.id = :id")
_SETTLE = text("""
    UPDATE deliveries
    SET status = :status, detail = :detail, answers = CAST(:answers AS json), settled_at = :now,
        not_before = :not_before,
        sealed = CASE WHEN EXISTS (
            SELECT FROM json_array_elements(CAST(:answers AS json)) AS answer
            JOIN members ON members.public_id = answer ->> 'member_id' WHERE members.erased_at IS NOT NULL
        ) THEN NULL ELSE sealed END
    WHERE id = :id
""")
_DONE = text("UPDATE deliveries SET status = 'processed', settled_at = :now WHERE id = :id AND status = 'attention'")
_PRUNE = text("""
    UPDATE deliveries SET sealed = NULL
    WHERE sealed IS NOT NULL AND settled_at < :before AND status IN ('processed', 'ignored', 'unmatched')
      AND not_before IS NULL
""")
_FORGET = text("""
    UPDATE deliveries SET sealed = NULL, answers = NULL
    WHERE answers IS NOT NULL AND EXISTS (
        SELECT FROM json_array_elements(answers) AS answer
        WHERE answer ->> 'member_id' IN (SELECT members.public_id FROM members WHERE members.id = ANY(:member_ids))
           OR (deliveries.source_id, answer ->> 'order_id') IN (
               SELECT source_id, order_id FROM orders WHERE member_id = ANY(:member_ids)))
""")
_COUNTS = text("""
    SELECT status, count(*) AS number FROM deliveries WHERE status IN ('failed', 'unmatched', 'attention')
    GROUP BY status
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery as it is kept; `sealed` is its body, None once it is no longer kept.

    `status` is `received` until something was made of it, then `processed`, `ignored`, `unmatched` (nobody is known
    whom it is about), `failed` (it could not be entered), or `attention` (a person has to do something).
    """

    id: int
    public_id: str
    source_id: int
    program_id: int
    dialect: str
    source: str
    topic: str
    delivery_id: str
    sealed: bytes | None
    status: str
    detail: str | None
    answers: list[dict[str, Any]]
    attempts: int
    received_at: datetime
    settled_at: datetime | None


def add(
    tx: Connection,
    *,
    public_id: str,
    source_id: int,
    topic: str,
    delivery_id: str,
    sealed: bytes,
    now: datetime,
    not_before: datetime | None,
) -> None:
    """Keep a delivery, unless the source has delivered the same before.

    From `not_before` on a worker settles it, if nobody has.
    """
    values = {"public_id": public_id, "source_id": source_id, "topic": topic, "delivery_id": delivery_id}
    tx.execute(_ADD, values | {"sealed": sealed, "now": now, "not_before": not_before})


def of_sender(tx: Connection, source_id: int, delivery_id: str) -> Kept:
    """Return what a source has delivered under that id."""
    return _kept(tx.execute(_OF_SENDER, {"source_id": source_id, "delivery_id": delivery_id}).one())


def find(tx: Connection, public_id: str, *, merchant_id: int | None = None) -> Kept | None:
    """Return a delivery, of that merchant if one is given."""
    row = tx.execute(_FIND, {"public_id": public_id, "merchant_id": merchant_id}).first()
    return _kept(row) if row else None


def page(
    tx: Connection, *, merchant_id: int | None = None, status: str | None = None, before: int = 0, most: int
) -> Sequence[Kept]:
    """Return up to `most` deliveries, newest first, from the one `before` on."""
    values = {"merchant_id": merchant_id, "status": status, "before": before, "most": most}
    return [_kept(row) for row in tx.execute(_PAGE, values)]


def claim(tx: Connection, *, now: datetime, until: datetime) -> Kept | None:
    """Take on the delivery that has waited longest for its time, until then; None if none does."""
    row_id = tx.execute(_CLAIM, {"now": now, "until": until}).scalar()
    return None if row_id is None else _kept(tx.execute(_BY_ID, {"id": row_id}).one())


def settle(
    tx: Connection,
    row_id: int,
    *,
    status: str,
    detail: str | None,
    answers: Sequence[dict[str, Any]],
    now: datetime,
    not_before: datetime | None = None,
) -> None:
    """Note what became of a delivery; from `not_before` on it is to be tried again.

    What is about somebody who was erased is not kept.
    """
    values = {"id": row_id, "status": status, "detail": detail, "now": now, "not_before": not_before}
    tx.execute(_SETTLE, values | {"answers": orjson.dumps(list(answers)).decode()})


def done(tx: Connection, row_id: int, *, now: datetime) -> None:
    """Note that a person has done what a delivery asked for."""
    tx.execute(_DONE, {"id": row_id, "now": now})


def prune(tx: Connection, *, before: datetime) -> int:
    """Drop the bodies of what was settled before then, needs nobody, and is not tried again; return how many."""
    return tx.execute(_PRUNE, {"before": before}).rowcount


def forget(tx: Connection, member_ids: Collection[int]) -> None:
    """Drop the bodies of all that was said of members, and of their orders before they had joined."""
    tx.execute(_FORGET, {"member_ids": list(member_ids)})


def counts(tx: Connection) -> dict[str, int]:
    """Return how many deliveries have failed, wait for somebody who is not known, or need a person."""
    return {row.status: row.number for row in tx.execute(_COUNTS)}


def _kept(row: Row[tuple[object, ...]]) -> Kept:
    return Kept(
        id=row.id,
        public_id=row.public_id,
        source_id=row.source_id,
        program_id=row.program_id,
        dialect=row.dialect,
        source=row.source,
        topic=row.topic,
        delivery_id=row.delivery_id,
        sealed=None if row.sealed is None else bytes(row.sealed),
        status=row.status,
        detail=row.detail,
        answers=row.answers or [],
        attempts=row.attempts,
        received_at=row.received_at,
        settled_at=row.settled_at,
    )
