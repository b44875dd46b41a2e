"""Addresses that a merchant must not write to: each kept as a mark alone, which only the address itself leads to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.domain.letters import Reason, Suppression
from wallet_service.storage.vault import Vault

_ADD = text("""
    INSERT INTO suppressed (merchant_id, mark, reason, at) VALUES (:merchant_id, :mark, :reason, :now)
    ON CONFLICT (merchant_id, mark, reason) DO UPDATE SET at = excluded.at
""")
_OF = text("SELECT mark, reason, at FROM suppressed WHERE merchant_id = :merchant_id AND mark = ANY(:marks)")
_DROP = text("DELETE FROM suppressed WHERE merchant_id = :merchant_id AND mark = ANY(:marks) RETURNING reason")
_LIST = text("""
    SELECT mark, reason, at FROM suppressed WHERE merchant_id = :merchant_id ORDER BY at DESC, mark LIMIT :most
""")
_COUNTS = text("SELECT reason, count(*) AS number FROM suppressed WHERE merchant_id = :merchant_id GROUP BY reason")


@dataclass(frozen=True, slots=True)
class Kept:
    """A mark that is kept, with the reason."""

    mark: bytes
    reason: Reason
    at: datetime


def marks_of(vault: Vault, address: str) -> list[bytes]:
    """Return what an address in its one form is found by, whichever key it was kept under; the newest first."""
    return vault.marks(f"written to {address}")


def add(tx: Connection, merchant_id: int, mark: bytes, reason: Reason, *, now: datetime) -> None:
    """Keep a mark; where it was kept for the same reason before, the newer time counts."""
    tx.execute(_ADD, {"merchant_id": merchant_id, "mark": mark, "reason": reason, "now": now})


def of(tx: Connection, merchant_id: int, marks: Iterable[bytes]) -> dict[bytes, list[Suppression]]:
    """Return why addresses are not written to, by their marks; none of those to which nothing was said."""
    found: dict[bytes, list[Suppression]] = {}
    for row in tx.execute(_OF, {"merchant_id": merchant_id, "marks": list(marks)}):
        found.setdefault(bytes(row.mark), []).append(Suppression(row.reason, row.at))
    return found


def drop(tx: Connection, merchant_id: int, marks: Iterable[bytes]) -> list[Reason]:
    """Let an address be written to again, and return the reasons why it was not."""
    return list(tx.execute(_DROP, {"merchant_id": merchant_id, "marks": list(marks)}).scalars())


def newest(tx: Connection, merchant_id: int, *, most: int) -> Sequence[Kept]:
    """Return up to `most` marks of a merchant, newest first."""
    rows = tx.execute(_LIST, {"merchant_id": merchant_id, "most": most})
    return [Kept(bytes(row.mark), row.reason, row.at) for row in rows]


def counts(tx: Connection, merchant_id: int) -> dict[str, int]:
    """Return how many marks a merchant has, by their reasons."""
    return {row.reason: row.number for row in tx.execute(_COUNTS, {"merchant_id": merchant_id})}
