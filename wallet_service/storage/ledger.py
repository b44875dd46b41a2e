"""The books: posting transactions, and summing them up again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.domain.ledger import Transaction

# One statement per transaction: the entries are checked together, and there is one round trip.
_POST = text("""
    WITH posted AS (
        INSERT INTO ledger_transactions (member_id, event_id, position, order_id, type, rule, actor, reason,
                                         effective_at, created_at)
        VALUES (:member_id, :event_id, :position, :order_id, :type, :rule, :actor, :reason, :effective_at, :now)
        RETURNING id
    ), entries AS (
        INSERT INTO ledger_entries (transaction_id, account_id, points)
        SELECT posted.id, ledger_accounts.id, entry.points
        FROM posted, unnest(CAST(:accounts AS text[]), CAST(:points AS bigint[])) AS entry (kind, points)
        JOIN ledger_accounts ON ledger_accounts.program_id = :program_id AND ledger_accounts.kind = entry.kind
             AND ledger_accounts.member_id IS NOT DISTINCT FROM
                 CASE WHEN entry.kind = 'available' THEN CAST(:member_id AS bigint) END
        RETURNING id
    ), qualification AS (
        INSERT INTO qualifications (member_id, transaction_id, amount, occurred_at)
        SELECT :member_id, id, CAST(:qualifying AS bigint), :effective_at FROM posted WHERE :qualifying <> 0
    ), projection AS (
        UPDATE balances SET available = available + :available, qualifying = qualifying + :qualifying
        WHERE member_id = :member_id
    )
    SELECT count(*) FROM entries
""")
_DIFFERENCES = text("""
    WITH entered AS (
        SELECT member_id, sum(points) AS points
        FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE member_id IS NOT NULL GROUP BY member_id
    ), qualified AS (
        SELECT member_id, sum(amount) AS amount FROM qualifications GROUP BY member_id
    )
    SELECT public_id, available, coalesce(points, 0) AS entered, qualifying, coalesce(amount, 0) AS qualified
    FROM balances JOIN members ON members.id = balances.member_id
    LEFT JOIN entered ON entered.member_id = members.id
    LEFT JOIN qualified ON qualified.member_id = members.id
    WHERE available <> coalesce(points, 0) OR qualifying <> coalesce(amount, 0)
    ORDER BY members.id
""")
_TOTAL = text("SELECT coalesce(sum(points), 0) FROM ledger_entries")


@dataclass(frozen=True, slots=True)
class Difference:
    """A member whose projected balance is not the sum of the entries."""

    public_id: str
    available: int
    entered: int
    qualifying: int
    qualified: int


def post(
    tx: Connection,
    transactions: Sequence[tuple[Transaction, int | None]],
    *,
    program_id: int,
    member_id: int,
    event_id: int,
    effective_at: datetime,
    now: datetime,
) -> None:
    """Enter the transactions, each with the row id of its order or None, in their order, and project the balance."""
    for position, (transaction, order_id) in enumerate(transactions):
        values = {
            "program_id": program_id,
            "member_id": member_id,
            "event_id": event_id,
            "position": position,
            "order_id": order_id,
            "type": transaction.type,
            "rule": transaction.rule,
            "actor": transaction.actor,
            "reason": transaction.reason,
            "accounts": [each.account for each in transaction.entries],
            "points": [each.points for each in transaction.entries],
            "available": transaction.available,
            "qualifying": transaction.qualifying,
            "effective_at": effective_at,
            "now": now,
        }
        entered = tx.execute(_POST, values).scalar_one()
        if entered != len(transaction.entries):
            raise LookupError(f"an account of {transaction.type} is missing for member {member_id}")


def differences(tx: Connection) -> list[Difference]:
    """Return every member whose projection differs from the sum of the entries; none in a sound database."""
    return [Difference(*row) for row in tx.execute(_DIFFERENCES)]


def grand_total(tx: Connection) -> int:
    """Return the sum of all entries of all programmes: zero in a sound database."""
    return int(tx.execute(_TOTAL).scalar_one())
