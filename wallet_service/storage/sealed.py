"""What of a transaction is sealed: all that it says and moves, and nothing that tells who its member is."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from wallet_service.domain import chain

_POSTED = text("""
    SELECT posted.id, programs.code AS program, members.public_id AS member, posted.position, posted.type, posted.rule,
           posted.award, posted.actor, posted.reason, orders.order_id AS order, sources.name AS source,
           events.event_id AS event, operations.key AS operation, posted.reverses_id AS reverses,
           posted.effective_at, posted.created_at
    FROM ledger_transactions AS posted
    LEFT JOIN programs ON programs.id = posted.program_id LEFT JOIN members ON members.id = posted.member_id
    LEFT JOIN orders ON orders.id = posted.order_id LEFT JOIN events ON events.id = posted.event_id
    LEFT JOIN sources ON sources.id = events.source_id LEFT JOIN operations ON operations.id = posted.operation_id
    WHERE posted.id = ANY(:ids)
""")
# Each part of a transaction comes in the order in which it was written.
_PARTS = {
    "entries": """
        SELECT transaction_id, kind AS account, members.public_id AS member, partner, points
        FROM ledger_entries LEFT JOIN ledger_accounts ON ledger_accounts.id = account_id
        LEFT JOIN members ON members.id = ledger_accounts.member_id
        WHERE transaction_id = ANY(:ids) ORDER BY ledger_entries.id
    """,
    "allocations": """
        SELECT lot_allocations.transaction_id, lot_id AS lot, bucket, delta, holds.public_id AS hold,
               lot_allocations.expires_at
        FROM lot_allocations LEFT JOIN holds ON holds.id = hold_id
        WHERE lot_allocations.transaction_id = ANY(:ids) ORDER BY lot_allocations.id
    """,
    "lots": """
        SELECT DISTINCT lots.transaction_id, lots.id AS lot, members.public_id AS member, lots.points, lots.rule,
               orders.order_id AS order, lots.partner, lots.effective_at, lots.activates_at, lots.expires_at
        FROM lot_allocations
        JOIN lots ON lots.id = lot_id AND lots.transaction_id = lot_allocations.transaction_id
        LEFT JOIN members ON members.id = lots.member_id LEFT JOIN orders ON orders.id = lots.order_id
        WHERE lot_allocations.transaction_id = ANY(:ids) ORDER BY lots.id
    """,
    "holds": """
        SELECT DISTINCT holds.transaction_id, holds.public_id AS hold, members.public_id AS member, holds.points,
               purpose, reference, holds.created_at, holds.expires_at
        FROM lot_allocations
        JOIN holds ON holds.id = hold_id AND holds.transaction_id = lot_allocations.transaction_id
        LEFT JOIN members ON members.id = holds.member_id
        WHERE lot_allocations.transaction_id = ANY(:ids) ORDER BY holds.public_id
    """,
    "outcomes": """
        SELECT DISTINCT hold_outcomes.transaction_id, holds.public_id AS hold, outcome, hold_outcomes.points
        FROM lot_allocations
        JOIN hold_outcomes ON hold_outcomes.hold_id = lot_allocations.hold_id
             AND hold_outcomes.transaction_id = lot_allocations.transaction_id
        JOIN holds ON holds.id = hold_outcomes.hold_id
        WHERE lot_allocations.transaction_id = ANY(:ids) ORDER BY holds.public_id
    """,
    "qualifications": """
        SELECT transaction_id, members.public_id AS member, orders.order_id AS order, day, spend, points,
               qualifications.orders, referrals, occurred_at
        FROM qualifications LEFT JOIN members ON members.id = qualifications.member_id
        LEFT JOIN orders ON orders.id = qualifications.order_id
        WHERE transaction_id = ANY(:ids) ORDER BY qualifications.id
    """,
}
_QUERIES = {name: text(query) for name, query in _PARTS.items()}


def contents(tx: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what is sealed of each of these transactions, as far as they are there.

    Texts, integers, and lists and tables of such; what is null is left out. Members go by our public id. Who acted and
    why, which may name a person, goes as a hash of both.
    """
    values = {"ids": list(ids)}
    found = {row.id: _posted(row) for row in tx.execute(_POSTED, values)}
    for name, query in _QUERIES.items():
        for row in tx.execute(query, values).mappings():
            if mine := found.get(row["transaction_id"]):
                mine.setdefault(name, []).append(_plain({k: v for k, v in row.items() if k != "transaction_id"}))
    return found


def _posted(row: Row[tuple[object, ...]]) -> dict[str, Any]:
    told = _plain({**row._mapping})
    person: dict[str, Any] = {name: told.pop(name) for name in ("actor", "reason") if name in told}
    if person:
        told["note"] = hashlib.sha256(chain.canonical(person)).hexdigest()
    return told


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value
