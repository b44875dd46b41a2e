"""A member's transactions with all that explains them, and the lots that they opened or took from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from wallet_service.domain.grounds import Grounds
from wallet_service.domain.ledger import Lot
from wallet_service.storage.ledger import grounds_of
from wallet_service.storage.lots import lot_of

_POSTED = text("""
    WITH posted AS (
        SELECT * FROM ledger_transactions
        WHERE member_id = :member_id AND (CAST(:before AS bigint) IS NULL OR id < :before)
        ORDER BY id DESC LIMIT CAST(:most AS bigint) OFFSET :skip
    )
    SELECT posted.id, posted.type, posted.rule, posted.actor, posted.reason, posted.reverses_id, posted.effective_at,
           posted.created_at, events.event_id, events.type AS event_type, sources.name AS source, orders.order_id,
           operations.key AS operation, operations.kind AS operation_kind,
           coalesce(posted.award, CASE WHEN posted.type = 'earn' THEN orders.award END) AS award,
           moved.available, moved.pending, moved.held, counted.points AS qualifying
    FROM posted
    LEFT JOIN events ON events.id = posted.event_id LEFT JOIN sources ON sources.id = events.source_id
    LEFT JOIN operations ON operations.id = posted.operation_id
    LEFT JOIN orders ON orders.id = posted.order_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(points) FILTER (WHERE kind = 'available'), 0)::bigint AS available,
               coalesce(sum(points) FILTER (WHERE kind = 'pending'), 0)::bigint AS pending,
               coalesce(sum(points) FILTER (WHERE kind = 'held'), 0)::bigint AS held
        FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE transaction_id = posted.id AND ledger_accounts.member_id = posted.member_id
    ) AS moved
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(points), 0)::bigint AS points FROM qualifications WHERE transaction_id = posted.id
    ) AS counted
    ORDER BY posted.id
""")
_MOVES = text("""
    SELECT lot_allocations.transaction_id, lot_id, lots.transaction_id = lot_allocations.transaction_id AS opened,
           coalesce(sum(delta) FILTER (WHERE bucket = 'pending'), 0)::bigint AS pending,
           coalesce(sum(delta) FILTER (WHERE bucket = 'available'), 0)::bigint AS available,
           coalesce(sum(delta) FILTER (WHERE bucket = 'held'), 0)::bigint AS held,
           coalesce(sum(delta) FILTER (WHERE bucket = 'out'), 0)::bigint AS gone
    FROM lots JOIN lot_allocations ON lot_id = lots.id
    WHERE lots.member_id = :member_id AND lot_allocations.transaction_id BETWEEN :first AND :last
    GROUP BY lot_allocations.transaction_id, lot_id, opened
    ORDER BY lot_allocations.transaction_id, lot_id
""")
_COUNT = text("SELECT count(*) FROM ledger_transactions WHERE member_id = :member_id")
_BEFORE = text("""
    SELECT coalesce(sum(points), 0)::bigint
    FROM ledger_accounts JOIN ledger_entries ON account_id = ledger_accounts.id
    WHERE member_id = :member_id AND kind = 'available' AND transaction_id < :first
""")
_LOTS = text("""
    SELECT lots.id, lots.points, lots.rule, lots.order_id AS order_row, orders.order_id, lots.partner,
           lots.effective_at, pending, available, held, lot_balances.activates_at, lot_balances.expires_at
    FROM lots JOIN lot_balances ON lot_id = lots.id LEFT JOIN orders ON orders.id = lots.order_id
    WHERE lots.member_id = :member_id ORDER BY lots.id
""")


@dataclass(frozen=True, slots=True)
class Posted:
    """One transaction of a member's: what it moved, by which rule or person, for which order, event or operation.

    `grounds` are those of what was earned as it was evaluated then. They were not kept of each transaction from the
    first: of older ones they are those of their order's newest evaluation.
    """

    id: int
    type: str
    rule: str | None
    actor: str | None
    reason: str | None
    reverses_id: int | None
    effective_at: datetime
    created_at: datetime
    event_id: str | None
    event_type: str | None
    source: str | None
    order_id: str | None
    operation: str | None
    operation_kind: str | None
    grounds: Grounds
    available: int
    pending: int
    held: int
    qualifying: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a transaction moved in a lot, by where the points are; `gone` is what left the member."""

    transaction_id: int
    lot_id: int
    opened: bool
    pending: int
    available: int
    held: int
    gone: int


def count(tx: Connection, member_id: int) -> int:
    """Return how many transactions a member has."""
    found: int = tx.execute(_COUNT, {"member_id": member_id}).scalar_one()
    return found


def posted(
    tx: Connection, member_id: int, *, most: int | None = None, skip: int = 0, before: int | None = None
) -> list[Posted]:
    """Return a member's transactions in the order in which they were posted.

    Those are all, or the newest `most` that come before the newest `skip`; `before` leaves out that one and later ones.
    """
    values = {"member_id": member_id, "most": most, "skip": skip, "before": before}
    return [_posted(**row) for row in tx.execute(_POSTED, values).mappings()]


def balance_before(tx: Connection, member_id: int, first: int) -> int:
    """Return what a member could spend before the transaction of that id."""
    found: int = tx.execute(_BEFORE, {"member_id": member_id, "first": first}).scalar_one()
    return found


def taken(tx: Connection, member_id: int, *, first: int, last: int) -> list[Taken]:
    """Return what each transaction from the `first` id to the `last` moved in which lots, in the same order."""
    values = {"member_id": member_id, "first": first, "last": last}
    return [Taken(**row) for row in tx.execute(_MOVES, values).mappings()]


def lots(tx: Connection, member_id: int) -> Sequence[tuple[Lot, str | None]]:
    """Return all lots that a member ever had, each with the merchant's id of the order that it was earned for."""
    return [(lot_of(row), row.order_id) for row in tx.execute(_LOTS, {"member_id": member_id})]


def _posted(*, award: dict[str, Any] | None, **columns: Any) -> Posted:
    return Posted(grounds=grounds_of(award), **columns)
