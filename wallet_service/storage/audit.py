"""The books summed up again, and compared with what is projected from them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_DIFFERENCES = text("""
    WITH entered AS (
        SELECT member_id, sum(points) AS points
        FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE member_id IS NOT NULL AND kind = 'available' GROUP BY member_id
    ), qualified AS (
        SELECT member_id, sum(points) AS amount FROM qualifications GROUP BY member_id
    )
    SELECT public_id, available, coalesce(points, 0) AS entered, earned_total, coalesce(amount, 0) AS qualified
    FROM balances JOIN members ON members.id = balances.member_id
    LEFT JOIN entered ON entered.member_id = members.id
    LEFT JOIN qualified ON qualified.member_id = members.id
    WHERE available <> coalesce(points, 0) OR earned_total <> coalesce(amount, 0)
    ORDER BY members.id
""")
_TOTAL = text("SELECT coalesce(sum(points), 0) FROM ledger_entries")
_UNBALANCED = text("""
    SELECT transaction_id FROM ledger_entries GROUP BY transaction_id HAVING sum(points) <> 0
    ORDER BY transaction_id LIMIT :most
""")
_EMPTY = text("""
    SELECT id FROM ledger_transactions AS posted
    WHERE NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = posted.id) ORDER BY id LIMIT :most
""")
# Who posts takes the balance's row; taken here for all, nobody posts between the sum and its writing.
_HOLD = text("LOCK TABLE balances IN SHARE ROW EXCLUSIVE MODE")
_REBUILD = text("""
    WITH entered AS (
        SELECT member_id, sum(points) AS points
        FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE member_id IS NOT NULL AND kind = 'available' GROUP BY member_id
    ), qualified AS (
        SELECT member_id, sum(points) AS amount FROM qualifications GROUP BY member_id
    )
    UPDATE balances
    SET available = coalesce(points, 0), earned_total = coalesce(amount, 0)
    FROM members
    LEFT JOIN entered ON entered.member_id = members.id
    LEFT JOIN qualified ON qualified.member_id = members.id
    WHERE balances.member_id = members.id
      AND (available, earned_total) IS DISTINCT FROM (coalesce(points, 0)::bigint, coalesce(amount, 0)::bigint)
    RETURNING members.id
""")
_STATEMENT = text("""
    SELECT posted.id, posted.type, posted.rule, posted.actor, posted.reason, posted.effective_at, posted.created_at,
           events.event_id, events.type AS event_type, sources.name AS source, orders.order_id,
           coalesce((SELECT sum(points) FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
                     WHERE transaction_id = posted.id AND kind = 'available'), 0) AS points,
           coalesce((SELECT sum(points) FROM qualifications WHERE transaction_id = posted.id), 0) AS qualifying
    FROM ledger_transactions AS posted
    LEFT JOIN events ON events.id = posted.event_id LEFT JOIN sources ON sources.id = events.source_id
    LEFT JOIN orders ON orders.id = posted.order_id
    WHERE posted.member_id = :member_id
    ORDER BY posted.id
""")


@dataclass(frozen=True, slots=True)
class Difference:
    """A member whose projected balance is not the sum of the entries."""

    public_id: str
    available: int
    entered: int
    qualifying: int
    qualified: int


@dataclass(frozen=True, slots=True)
class Posted:
    """One transaction of a member's: what it moved, by which rule or person, for which order and event."""

    id: int
    type: str
    rule: str | None
    actor: str | None
    reason: str | None
    effective_at: datetime
    created_at: datetime
    event_id: str
    event_type: str
    source: str
    order_id: str | None
    points: int
    qualifying: int


def differences(tx: Connection) -> list[Difference]:
    """Return every member whose projection differs from the sum of the entries; none in a sound database."""
    return [Difference(*row) for row in tx.execute(_DIFFERENCES)]


def unsound(tx: Connection, *, most: int) -> list[int]:
    """Return up to `most` transactions whose entries do not sum to zero, or that have none."""
    values = {"most": most}
    return sorted({*tx.execute(_UNBALANCED, values).scalars(), *tx.execute(_EMPTY, values).scalars()})[:most]


def rebuild(tx: Connection) -> list[int]:
    """Sum all balances up again from the entries; return the members whose balance was another one."""
    tx.execute(_HOLD)
    return list(tx.execute(_REBUILD).scalars())


def statement(tx: Connection, member_id: int) -> list[Posted]:
    """Return all transactions of a member in the order in which they were posted."""
    rows = tx.execute(_STATEMENT, {"member_id": member_id}).mappings()
    return [Posted(**dict(row) | {"points": int(row["points"]), "qualifying": int(row["qualifying"])}) for row in rows]


def grand_total(tx: Connection) -> int:
    """Return the sum of all entries of all programmes: zero in a sound database."""
    return int(tx.execute(_TOTAL).scalar_one())
