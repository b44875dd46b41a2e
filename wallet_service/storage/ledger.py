"""The books: posting transactions with the lots they move, and summing everything up again."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson
from msgspec import Struct
from sqlalchemy import Connection, text

from wallet_service.domain.grounds import Grounds, Refused
from wallet_service.domain.ledger import MEMBER_ACCOUNTS, Allocation, Lot, Transaction
from wallet_service.domain.qualifying import Amounts

# One statement for all that an earning adds, to the books and on the way to a tier. Its parts see the tables as they
# were before it, which is why a new lot comes with its final balance. An account that is missing is NULL, which the
# table refuses.
_POST = text("""
    WITH posted AS (
        INSERT INTO ledger_transactions (id, program_id, member_id, event_id, operation_id, position, order_id, type,
                                         rule, award, actor, reason, reverses_id, effective_at, created_at)
        SELECT id, :program_id, :member_id, :event_id, :operation_id, position, order_id, type, rule, award, actor,
               reason, reverses_id, effective_at, :now
        FROM jsonb_to_recordset(CAST(:transactions AS jsonb)) AS told (
            id bigint, position smallint, order_id bigint, type text, rule text, award jsonb, actor text, reason text,
            reverses_id bigint, effective_at timestamptz)
    ), entries AS (
        INSERT INTO ledger_entries (transaction_id, account_id, points)
        SELECT transaction_id, CASE
            WHEN kind = ANY(:member_accounts) THEN (
                SELECT id FROM ledger_accounts
                WHERE program_id = :program_id AND ledger_accounts.kind = told.kind AND member_id = :member_id)
            ELSE (
                SELECT id FROM ledger_accounts
                WHERE program_id = :program_id AND ledger_accounts.kind = told.kind AND member_id IS NULL
                  AND ledger_accounts.partner IS NOT DISTINCT FROM told.partner)
            END, points
        FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS told (
            transaction_id bigint, kind text, partner text, points bigint)
    ), opened AS (
        INSERT INTO lots (id, member_id, transaction_id, points, rule, order_id, partner, effective_at, activates_at,
                          expires_at)
        SELECT id, :member_id, transaction_id, points, rule, order_id, partner, effective_at, activates_at, expires_at
        FROM jsonb_to_recordset(CAST(:lots AS jsonb)) AS told (
            id bigint, transaction_id bigint, points bigint, rule text, order_id bigint, partner text,
            effective_at timestamptz, activates_at timestamptz, expires_at timestamptz)
    ), filled AS (
        INSERT INTO lot_balances (lot_id, member_id, pending, available, held, activates_at, expires_at)
        SELECT id, :member_id, pending, available, held, activates_at, expires_at
        FROM jsonb_to_recordset(CAST(:lots AS jsonb)) AS told (
            id bigint, pending bigint, available bigint, held bigint, activates_at timestamptz, expires_at timestamptz)
    ), allocated AS (
        INSERT INTO lot_allocations (transaction_id, lot_id, bucket, delta, hold_id, expires_at)
        SELECT transaction_id, lot_id, bucket, delta, hold_id, expires_at
        FROM jsonb_to_recordset(CAST(:allocations AS jsonb)) AS told (
            transaction_id bigint, lot_id bigint, bucket text, delta bigint, hold_id bigint, expires_at timestamptz)
    ), dated AS (
        INSERT INTO expiry_days (member_id, expires_at, available)
        SELECT :member_id, expires_at, available FROM jsonb_to_recordset(CAST(:expiring AS jsonb)) AS told (
            expires_at timestamptz, available bigint)
        ON CONFLICT (member_id, expires_at) DO UPDATE SET available = expiry_days.available + excluded.available
    ), facts AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:facts AS jsonb)) AS told (
            transaction_id bigint, order_id bigint, day date, spend bigint, points bigint, orders integer,
            referrals integer, occurred_at timestamptz)
    ), kept AS (
        INSERT INTO qualifications (member_id, transaction_id, order_id, day, spend, points, orders, referrals,
                                    occurred_at)
        SELECT :member_id, transaction_id, order_id, day, spend, points, orders, referrals, occurred_at FROM facts
    )
    INSERT INTO qualification_days (member_id, day, spend, points, orders, referrals)
    SELECT :member_id, day, sum(spend), sum(points), sum(orders), sum(referrals) FROM facts GROUP BY day
    ON CONFLICT (member_id, day) DO UPDATE
    SET spend = qualification_days.spend + excluded.spend, points = qualification_days.points + excluded.points,
        orders = qualification_days.orders + excluded.orders,
        referrals = qualification_days.referrals + excluded.referrals
""")
_MOVE = text("""
    WITH told AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:balances AS jsonb)) AS told (
            id bigint, pending bigint, available bigint, held bigint, activates_at timestamptz, expires_at timestamptz)
    ), moved AS (
        UPDATE lot_balances
        SET pending = told.pending, available = told.available, held = told.held, activates_at = told.activates_at,
            expires_at = told.expires_at
        FROM told WHERE lot_id = told.id
    ), less AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:dated AS jsonb)) AS less (expires_at timestamptz, available bigint)
    ), gone AS (
        DELETE FROM expiry_days USING less
        WHERE member_id = :member_id AND expiry_days.expires_at = less.expires_at
          AND expiry_days.available + less.available = 0
    ), lessened AS (
        UPDATE expiry_days SET available = expiry_days.available + less.available FROM less
        WHERE member_id = :member_id AND expiry_days.expires_at = less.expires_at
          AND expiry_days.available + less.available <> 0
    ), held AS (
        INSERT INTO holds (id, public_id, member_id, transaction_id, points, purpose, reference, created_at, expires_at)
        SELECT id, public_id, :member_id, transaction_id, points, purpose, reference, created_at, expires_at
        FROM jsonb_to_recordset(CAST(:holds AS jsonb)) AS told (
            id bigint, public_id text, transaction_id bigint, points bigint, purpose text, reference text,
            created_at timestamptz, expires_at timestamptz)
    ), opened AS (
        INSERT INTO open_holds (hold_id, member_id, expires_at)
        SELECT id, :member_id, expires_at
        FROM jsonb_to_recordset(CAST(:holds AS jsonb)) AS told (id bigint, expires_at timestamptz)
        WHERE id <> ALL(:closed)
    ), resolved AS (
        INSERT INTO hold_outcomes (hold_id, outcome, points, transaction_id)
        SELECT hold_id, outcome, points, transaction_id FROM jsonb_to_recordset(CAST(:outcomes AS jsonb)) AS told (
            hold_id bigint, outcome text, points bigint, transaction_id bigint)
    )
    DELETE FROM open_holds WHERE hold_id = ANY(:closed)
""")
_LAST = text("SELECT created_at FROM ledger_transactions WHERE member_id = :member_id ORDER BY id DESC LIMIT 1")
_RESERVE = text("SELECT nextval('ledger_ids') FROM generate_series(1, :count)")


class Fact(Struct, frozen=True):
    """What counts for a tier, on the day of the programme's on which it happened; what is taken back is negative.

    `transaction` is None where only money was spent and no points moved.
    """

    day: date
    at: datetime
    transaction: Transaction | None = None
    order_row: int | None = None
    spend: int = 0
    points: int = 0
    orders: int = 0
    referrals: int = 0

    @property
    def amounts(self) -> Amounts:
        """What it adds to its day."""
        return Amounts(self.spend, self.points, self.orders, self.referrals)


class Cause(Struct, frozen=True):
    """What makes a member's points move: an event, somebody's operation, or neither: the calendar."""

    event_id: int | None = None
    operation_id: int | None = None


def reserve(tx: Connection, count: int) -> list[int]:
    """Return that many fresh row ids, rising; under a member's lock they rise in the order of posting."""
    return list(tx.execute(_RESERVE, {"count": count}).scalars())


def last_posted(tx: Connection, member_id: int) -> datetime | None:
    """Return when anything was posted for a member for the last time."""
    found: datetime | None = tx.execute(_LAST, {"member_id": member_id}).scalar()
    return found


def post(
    tx: Connection,
    transactions: Sequence[Transaction],
    facts: Sequence[Fact],
    *,
    program_id: int,
    member_id: int | None,
    cause: Cause,
    ids: Iterator[int],
    now: datetime,
) -> None:
    """Enter the transactions in their order, the lots and holds that they move, and what counts for a tier.

    Gives transactions, new lots and new holds their ids.
    """
    for each in transactions:
        each.id = next(ids)
        for new in (each.opens, each.hold if each.type == "hold" else None):
            if new is not None:
                new.id = next(ids)
    if not transactions and not facts:
        return
    rows = _Rows(transactions)
    shared = {"program_id": program_id, "member_id": member_id, "now": now}
    causes = {"event_id": cause.event_id, "operation_id": cause.operation_id}
    told = {"facts": _json([_fact(each) for each in facts])}
    tx.execute(_POST, rows.posting() | shared | causes | told)
    if rows.moves_more:
        tx.execute(_MOVE, rows.movement() | {"member_id": member_id})


def award_of(grounds: Grounds) -> dict[str, Any]:
    """Return grounds as they are kept; what is not there is left out."""
    refused = [(each.code, each.reason) for each in grounds.refused]
    said = {"parts": grounds.parts, "refused": refused, "spent": grounds.spent}
    return {name: each for name, each in said.items() if each}


def grounds_of(award: Mapping[str, Any] | None) -> Grounds:
    """Return the grounds that are kept so; none where nothing is."""
    award = award or {}
    parts = tuple((code, kind, points) for code, kind, points in award.get("parts", ()))
    return Grounds(parts, tuple(Refused(code, reason) for code, reason in award.get("refused", ())))


class _Rows:
    """Transactions as rows of the tables that they touch."""

    def __init__(self, transactions: Sequence[Transaction]) -> None:
        self.transactions = [_transaction(each, position) for position, each in enumerate(transactions)]
        self.entries = [
            {"transaction_id": each.id, "kind": entry.account, "partner": entry.partner, "points": entry.points}
            for each in transactions
            for entry in each.entries
        ]
        self.opened = {id(each.opens): each.opens for each in transactions if each.opens}
        self.lots = [_lot(each.opens, each.id) for each in transactions if each.opens]
        self.allocations = [_allocation(each, one) for each in transactions for one in each.allocations]
        moved = {id(one.lot): one.lot for each in transactions for one in each.allocations}
        self.moved = [_balance(lot) for key, lot in moved.items() if key not in self.opened]
        self.dated = _dated(transactions)
        self.holds = [_hold(each) for each in transactions if each.type == "hold"]
        self.outcomes = [_outcome(each) for each in transactions if each.outcome]

    @property
    def moves_more(self) -> bool:
        """Whether anything but new lots is touched."""
        return bool(self.moved or self.holds or self.outcomes or any(points < 0 for points in self.dated.values()))

    def posting(self) -> dict[str, Any]:
        """Return the values of the statement that adds."""
        expiring = [{"expires_at": day, "available": points} for day, points in self.dated.items() if points > 0]
        return {
            "transactions": _json(self.transactions),
            "entries": _json(self.entries),
            "member_accounts": list(MEMBER_ACCOUNTS),
            "lots": _json(self.lots),
            "allocations": _json(self.allocations),
            "expiring": _json(expiring),
        }

    def movement(self) -> dict[str, Any]:
        """Return the values of the statement that changes lots and holds."""
        less = [{"expires_at": day, "available": points} for day, points in self.dated.items() if points < 0]
        return {
            "balances": _json(self.moved),
            "dated": _json(less),
            "holds": _json(self.holds),
            "outcomes": _json(self.outcomes),
            "closed": [each["hold_id"] for each in self.outcomes],
        }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _transaction(each: Transaction, position: int) -> dict[str, Any]:
    return {
        "id": each.id,
        "position": position,
        "order_id": each.order_row,
        "type": each.type,
        "rule": each.rule,
        "award": award_of(each.grounds) or None,
        "actor": each.actor,
        "reason": each.reason,
        "reverses_id": each.reverses,
        "effective_at": each.at,
    }


def _balance(lot: Lot) -> dict[str, Any]:
    return {
        "id": lot.id,
        "pending": lot.pending,
        "available": lot.available,
        "held": lot.held,
        "activates_at": lot.activates_at,
        "expires_at": lot.expires_at,
    }


def _lot(lot: Lot, transaction_id: int) -> dict[str, Any]:
    opened = {
        "transaction_id": transaction_id,
        "points": lot.points,
        "rule": lot.rule,
        "order_id": lot.order_row,
        "partner": lot.partner,
        "effective_at": lot.effective_at,
    }
    return _balance(lot) | opened


def _allocation(each: Transaction, one: Allocation) -> dict[str, Any]:
    starts_to_age = each.type == "activate" and one.bucket == "pending"  # which moves even where a deficit takes all
    return {
        "transaction_id": each.id,
        "lot_id": one.lot.id,
        "bucket": one.bucket,
        "delta": one.delta,
        "hold_id": each.hold.id if each.hold and one.bucket == "held" else None,
        "expires_at": one.lot.expires_at if starts_to_age else None,
    }


def _dated(transactions: Sequence[Transaction]) -> dict[datetime, int]:
    """Return by how much the spendable points change that die at each moment."""
    dated: dict[datetime, int] = {}
    for each in transactions:
        for one in each.allocations:
            if one.bucket == "available" and one.lot.expires_at is not None:
                dated[one.lot.expires_at] = dated.get(one.lot.expires_at, 0) + one.delta
    return dated


def _hold(each: Transaction) -> dict[str, Any]:
    hold = each.hold
    assert hold is not None
    return {
        "id": hold.id,
        "public_id": hold.public_id,
        "transaction_id": each.id,
        "points": hold.points,
        "purpose": hold.purpose,
        "reference": hold.reference,
        "created_at": hold.created_at,
        "expires_at": hold.expires_at,
    }


def _outcome(each: Transaction) -> dict[str, Any]:
    assert each.hold is not None
    used = each.hold.points - each.available  # what did not come back
    return {
        "hold_id": each.hold.id,
        "outcome": each.outcome,
        "points": used if each.outcome == "captured" else 0,
        "transaction_id": each.id,
    }


def _fact(each: Fact) -> dict[str, Any]:
    return {
        "transaction_id": each.transaction.id if each.transaction else None,
        "order_id": each.order_row,
        "day": each.day,
        "spend": each.spend,
        "points": each.points,
        "orders": each.orders,
        "referrals": each.referrals,
        "occurred_at": each.at,
    }
