"""Codes of coupons and gift cards: found by a keyed hash, kept sealed, and given out once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_ADD = text("""
    INSERT INTO coupon_codes (program_id, pool, code_hash, sealed, status, expires_at, created_at)
    SELECT :program_id, :pool, code_hash, sealed, 'free', :expires_at, :now
    FROM unnest(CAST(:hashes AS bytea[]), CAST(:sealed AS bytea[])) AS told (code_hash, sealed)
    ON CONFLICT (program_id, code_hash) DO NOTHING RETURNING code_hash
""")
_MAKE = text("""
    INSERT INTO coupon_codes (program_id, code_hash, sealed, status, expires_at, created_at)
    VALUES (:program_id, :code_hash, :sealed, 'assigned', :expires_at, :now)
    ON CONFLICT (program_id, code_hash) DO NOTHING
    RETURNING id
""")
# Those that die soonest first; whoever draws at the same moment takes the next one instead of waiting for this.
_DRAW = text("""
    UPDATE coupon_codes SET status = 'assigned'
    WHERE id = (
        SELECT id FROM coupon_codes
        WHERE program_id = :program_id AND pool = :pool AND status = 'free'
          AND (expires_at IS NULL OR expires_at > :now)
        ORDER BY expires_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, expires_at
""")
_LEFT = text("""
    SELECT pool, count(*) AS codes FROM coupon_codes
    WHERE program_id = :program_id AND pool = ANY(:pools) AND status = 'free'
      AND (expires_at IS NULL OR expires_at > :now)
    GROUP BY pool
""")
_SEALED = text("SELECT sealed FROM coupon_codes WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A code that now belongs to a redemption, and when it dies by itself."""

    id: int
    expires_at: datetime | None


def add(
    tx: Connection,
    *,
    program_id: int,
    pool: str,
    codes: Sequence[tuple[bytes, bytes]],
    expires_at: datetime | None,
    now: datetime,
) -> int:
    """Lay codes, each as hash and sealed, into a pool; return how many were not known before."""
    values = {"hashes": [each for each, _ in codes], "sealed": [each for _, each in codes]}
    told = {"program_id": program_id, "pool": pool, "expires_at": expires_at, "now": now}
    return len(tx.execute(_ADD, values | told).all())


def make(
    tx: Connection, *, program_id: int, code: tuple[bytes, bytes], expires_at: datetime | None, now: datetime
) -> int | None:
    """Keep a code that was made just now and return its row id; None where the programme has had it before."""
    values = {"program_id": program_id, "code_hash": code[0], "sealed": code[1], "expires_at": expires_at, "now": now}
    made: int | None = tx.execute(_MAKE, values).scalar()
    return made


def draw(tx: Connection, *, program_id: int, pool: str, now: datetime) -> Drawn | None:
    """Take a free code out of a pool; None where there is none."""
    row = tx.execute(_DRAW, {"program_id": program_id, "pool": pool, "now": now}).first()
    return Drawn(*row) if row else None


def left(tx: Connection, program_id: int, pools: Sequence[str], *, now: datetime) -> dict[str, int]:
    """Return how many free codes each of these pools holds."""
    rows = tx.execute(_LEFT, {"program_id": program_id, "pools": list(pools), "now": now})
    return dict.fromkeys(pools, 0) | {row.pool: row.codes for row in rows}


def sealed(tx: Connection, row_id: int) -> bytes:
    """Return a code as it is kept."""
    return bytes(tx.execute(_SEALED, {"id": row_id}).scalar_one())
