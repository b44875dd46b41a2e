"""Seals over the ledger: which transactions none covers yet, and the seals themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, text

from wallet_service.domain import chain
from wallet_service.domain.chain import Head

_TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended('ledger seals', 5))")
# Whatever is seen is committed, and what is committed later is found later: ids may come in any order. The floor only
# says where to look: everything below it was finished and is sealed, as long as transactions are numbered on.
_FLOOR = text("""
    SELECT floor::text FROM ledger_seals JOIN pg_control_system() ON cluster = system_identifier::text
    WHERE position = (SELECT max(position) FROM ledger_seals WHERE floor IS NOT NULL)
      AND floor <= pg_snapshot_xmin(pg_current_snapshot())
""")
_UNSEALED = "NOT EXISTS (SELECT FROM sealed_transactions WHERE transaction_id = ledger_transactions.id)"
_NEXT = text(f"""
    WITH waiting AS MATERIALIZED (
        SELECT id FROM ledger_transactions WHERE xid >= CAST(:floor AS xid8) AND {_UNSEALED}
    )
    SELECT id, pg_snapshot_xmin(pg_current_snapshot())::text AS xmin FROM waiting ORDER BY id LIMIT :most
""")
_WAITING = text(f"SELECT count(*) FROM ledger_transactions WHERE xid >= CAST(:floor AS xid8) AND {_UNSEALED}")
_PASSED_OVER = text(f"""
    SELECT id FROM ledger_transactions WHERE xid < CAST(:floor AS xid8) AND {_UNSEALED} ORDER BY id LIMIT :most
""")
_ADD = text("""
    WITH seal AS (
        INSERT INTO ledger_seals (position, transaction_ids, leaves, root, before, previous, head, sealed_at,
                                  public_key, signature, cluster, floor)
        SELECT :position, CAST(:ids AS bigint[]), :leaves, :root, :before, :previous, :head, :sealed_at, :public_key,
               :signature, system_identifier::text, CAST(:floor AS xid8)
        FROM pg_control_system()
        RETURNING position
    )
    INSERT INTO sealed_transactions (transaction_id, seal)
    SELECT id, position FROM seal CROSS JOIN unnest(CAST(:ids AS bigint[])) AS id
""")
_HEAD = """
    position, previous, root, before, cardinality(transaction_ids) AS sealed, sealed_at, head, public_key, signature
"""
_LAST = text(f"SELECT {_HEAD} FROM ledger_seals ORDER BY position DESC LIMIT 1")
_DAYS = text(f"""
    SELECT DISTINCT ON ((sealed_at AT TIME ZONE 'UTC')::date) {_HEAD} FROM ledger_seals
    ORDER BY (sealed_at AT TIME ZONE 'UTC')::date DESC, position LIMIT :most
""")
_WHOLE = f"SELECT {_HEAD}, transaction_ids, leaves, floor IS NOT NULL AS complete FROM ledger_seals"
_AFTER = text(f"{_WHOLE} WHERE position > :after ORDER BY position LIMIT 1")
_OF = text(f"""
    {_WHOLE} WHERE position = (SELECT seal FROM sealed_transactions WHERE transaction_id = :transaction_id)
""")
_LISTED = text("SELECT transaction_id FROM sealed_transactions WHERE seal = :position")

FIRST = "0"  # a floor below which nothing is


@dataclass(frozen=True, slots=True)
class Signed:
    """A head as it is stored: `stated` is the hash that was written and signed, which `head.hash` should be."""

    head: Head
    stated: bytes
    signature: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """A whole seal; `complete` says that it left nothing that had been posted before it."""

    signed: Signed
    transaction_ids: tuple[int, ...]
    leaves: tuple[bytes, ...]
    complete: bool


def try_lock(tx: Connection) -> bool:
    """Whether this transaction may seal; nobody else does until it ends, and nobody waits."""
    return bool(tx.execute(_TRY).scalar_one())


def unsealed(tx: Connection, *, most: int) -> tuple[list[int], str]:
    """Return up to `most` transactions that no seal covers, by their ids, and a floor of what was unfinished."""
    rows = tx.execute(_NEXT, {"floor": _floor(tx), "most": most}).all()
    return [row.id for row in rows], rows[0].xmin if rows else FIRST


def waiting(tx: Connection) -> int:
    """Return how many transactions no seal covers yet."""
    return int(tx.execute(_WAITING, {"floor": _floor(tx)}).scalar_one())


def passed_over(tx: Connection, *, most: int) -> list[int]:
    """Return up to `most` transactions that no seal covers, though all of their time were sealed."""
    return list(tx.execute(_PASSED_OVER, {"floor": _floor(tx), "most": most}).scalars())


def add(tx: Connection, signed: Signed, ids: Sequence[int], leaves: Sequence[bytes], *, floor: str | None) -> None:
    """Enter a seal; `floor` is None where it had to stop before it had taken everything."""
    head = signed.head
    values = {
        "position": head.position,
        "ids": list(ids),
        "leaves": chain.joined(leaves),
        "root": head.root,
        "before": head.before,
        "previous": head.previous,
        "head": signed.stated,
        "sealed_at": head.sealed_at,
        "public_key": signed.public_key,
        "signature": signed.signature,
        "floor": floor,
    }
    tx.execute(_ADD, values)


def last(tx: Connection) -> Signed | None:
    """Return the newest head."""
    row = tx.execute(_LAST).first()
    return _signed(row) if row else None


def days(tx: Connection, *, most: int) -> list[Signed]:
    """Return the first head of each UTC day that has any, newest first."""
    return [_signed(row) for row in tx.execute(_DAYS, {"most": most})]


def after(tx: Connection, position: int) -> Seal | None:
    """Return the next seal after that position."""
    row = tx.execute(_AFTER, {"after": position}).first()
    return _seal(row) if row else None


def of(tx: Connection, transaction_id: int) -> Seal | None:
    """Return the seal that covers a transaction."""
    row = tx.execute(_OF, {"transaction_id": transaction_id}).first()
    return _seal(row) if row else None


def listed(tx: Connection, position: int) -> set[int]:
    """Return the transactions that count as covered by a seal."""
    return set(tx.execute(_LISTED, {"position": position}).scalars())


def _floor(tx: Connection) -> str:
    found: str | None = tx.execute(_FLOOR).scalar()
    return found or FIRST


def _signed(row: Row[tuple[object, ...]]) -> Signed:
    head = Head(row.position, bytes(row.previous), bytes(row.root), row.before, row.sealed, row.sealed_at)
    return Signed(head, bytes(row.head), bytes(row.signature), bytes(row.public_key))


def _seal(row: Row[tuple[object, ...]]) -> Seal:
    leaves = tuple(chain.parted(bytes(row.leaves)))
    return Seal(_signed(row), tuple(row.transaction_ids), leaves, row.complete)
