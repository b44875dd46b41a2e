"""Orders as far as they are known, per source."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from wallet_service.domain.earning import Order
from wallet_service.domain.event import Refund
from wallet_service.domain.ledger import Hold
from wallet_service.domain.purchase import Line, Purchase
from wallet_service.domain.taken import Taken
from wallet_service.storage import ledger

COLUMNS = """
    orders.id, order_id, purchase, refunds, singles, snapshot_minor, snapshot_gross,
    fulfilled_at, cancelled, orders.version, earned, award,
    orders.tier, orders.program_version, kept, forgiven, counted_minor, counted, eligible_minor, paid_at
"""
_UNMATCHED = text(f"""
    SELECT {COLUMNS} FROM orders
    WHERE member_id IS NULL
      AND (customer_id = :customer_id AND source_id IN (SELECT id FROM sources WHERE program_id = :program_id)
           OR id IN (SELECT order_id FROM order_identities WHERE program_id = :program_id AND mark = ANY(:marks)))
    ORDER BY id
""")
_ANY_UNMATCHED = text("""
    SELECT EXISTS (
        SELECT FROM orders WHERE member_id IS NULL AND customer_id = ANY(:customer_ids)
          AND source_id IN (SELECT id FROM sources WHERE program_id = :program_id)
    ) OR EXISTS (SELECT FROM order_identities WHERE program_id = :program_id AND mark = ANY(:marks))
""")
_OF_MEMBER = text(f"SELECT {COLUMNS} FROM orders WHERE member_id = :member_id ORDER BY id")
_PAID_BACK = text(f"""
    SELECT {COLUMNS} FROM orders
    WHERE member_id = :member_id AND order_id = :order_id AND (refunded_minor > 0 OR cancelled) ORDER BY id
""")
_NAMED = text(f"""
    SELECT {COLUMNS}, dialect, name, CASE WHEN erased_at IS NULL THEN public_id END AS public_id
    FROM orders
    JOIN sources ON sources.id = source_id
    JOIN programs ON programs.id = sources.program_id
    LEFT JOIN members ON members.id = member_id
    WHERE orders.order_id = :order_id AND merchant_id = :merchant_id
    ORDER BY orders.id
""")
_WHOSE = text("""
    SELECT orders.member_id IS NOT NULL AS matched, coalesce(external_id, customer_id) AS owner,
           ARRAY(SELECT mark FROM order_identities WHERE order_identities.order_id = orders.id) AS marks
    FROM orders LEFT JOIN members ON members.id = orders.member_id
    WHERE source_id = :source_id AND orders.order_id = :order_id
""")
_PUT = text("""
    INSERT INTO orders (id, source_id, order_id, member_id, customer_id, eligible_minor, refunded_minor, earned, kept,
                        refunds, singles, snapshot_minor, snapshot_gross,
                        fulfilled_at, purchase, paid_at, cancelled, version, award, tier,
                        program_version, forgiven, counted_minor,
                        counted)
    VALUES (:id, :source_id, :order_id, :member_id, :customer_id, :eligible_minor, :refunded_minor, :earned, :kept,
            CAST(:refunds AS jsonb), CAST(:singles AS jsonb), :snapshot_minor, :snapshot_gross,
            :fulfilled_at, CAST(:purchase AS jsonb), :paid_at,
            :cancelled, :version, CAST(:award AS jsonb), :tier, :program_version,
            :forgiven, :counted_minor, :counted)
    ON CONFLICT (source_id, order_id) DO UPDATE
    SET member_id = excluded.member_id, customer_id = excluded.customer_id, eligible_minor = excluded.eligible_minor,
        refunded_minor = excluded.refunded_minor, earned = excluded.earned, kept = excluded.kept,
        refunds = excluded.refunds, singles = excluded.singles, snapshot_minor = excluded.snapshot_minor,
        snapshot_gross = excluded.snapshot_gross,
        fulfilled_at = excluded.fulfilled_at,
        purchase = excluded.purchase, paid_at = excluded.paid_at, cancelled = excluded.cancelled,
        version = excluded.version, award = excluded.award, tier = excluded.tier,
        program_version = excluded.program_version, forgiven = excluded.forgiven,
        counted_minor = excluded.counted_minor, counted = excluded.counted
""")
_MATCH = text("""
    UPDATE orders
    SET member_id = :member_id, customer_id = NULL, earned = :earned, kept = :kept, award = CAST(:award AS jsonb),
        tier = :tier, program_version = :program_version, forgiven = :forgiven, counted_minor = :counted_minor,
        counted = :counted
    WHERE id = :id
""")
_FORGIVEN = text("""
    SELECT orders.id, orders.order_id, program_version, forgiven, coalesce(since.points, 0) AS since
    FROM orders
    LEFT JOIN (
        SELECT ledger_transactions.order_id, -sum(points)::bigint AS points
        FROM ledger_transactions
        JOIN ledger_entries ON transaction_id = ledger_transactions.id
        JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE ledger_transactions.member_id = :member_id AND ledger_transactions.order_id = ANY(:ids)
          AND ledger_transactions.id > coalesce((
              SELECT min(transaction_id) FROM lot_allocations
              WHERE hold_id = coalesce(CAST(:hold_id AS bigint), (
                  SELECT min(hold_id) FROM lot_allocations WHERE transaction_id = :transaction_id
              ))
          ), CAST(:transaction_id AS bigint))
          AND kind = 'forgiven'
        GROUP BY ledger_transactions.order_id
    ) AS since ON since.order_id = orders.id
    WHERE orders.id = ANY(:ids) AND forgiven > 0
""")
_ABSORB = text("UPDATE orders SET forgiven = forgiven - :points WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Named:
    """An order with the source that told of it, and our id of the member whose it is, if it is somebody's."""

    dialect: str
    source: str
    member_id: str | None
    order: Order


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom an order belongs to (`matched`) or waits for: the merchant's own id of a customer, and marks of one."""

    matched: bool
    owner: str | None
    marks: frozenset[bytes]


def unmatched(tx: Connection, program_id: int, customer_id: str | None, marks: Sequence[bytes] = ()) -> list[Order]:
    """Return the orders that wait for this customer: for the merchant's own id, or one of these marks."""
    values = {"program_id": program_id, "customer_id": customer_id, "marks": list(marks)}
    return [order_of(row) for row in tx.execute(_UNMATCHED, values)]


def any_unmatched(tx: Connection, program_id: int, customer_ids: Sequence[str], marks: Sequence[bytes]) -> bool:
    """Whether an order waits for one of these customers, given as `unmatched` takes each."""
    values = {"program_id": program_id, "customer_ids": list(customer_ids), "marks": list(marks)}
    waits: bool = tx.execute(_ANY_UNMATCHED, values).scalar_one()
    return waits


def forgiven(tx: Connection, ids: Collection[int], *, member_id: int, since: Hold | int) -> Sequence[Row[Any]]:
    """Return id, order_id, program_version and what is forgiven of these orders, in all and since points went.

    `since` is a hold of their member's that is over, or our row id of the transaction that used them up, held or not.
    """
    hold_id, transaction_id = (since.id, None) if isinstance(since, Hold) else (None, since)
    values = {"ids": list(ids), "member_id": member_id, "hold_id": hold_id, "transaction_id": transaction_id}
    return tx.execute(_FORGIVEN, values).all()


def absorb(tx: Connection, absorbed: Mapping[int, int]) -> None:
    """Note that so many points that were forgiven of orders were taken back; their member is locked already."""
    values = [{"id": each, "points": points} for each, points in sorted(absorbed.items()) if points]
    if values:
        tx.execute(_ABSORB, values)


def of_member(tx: Connection, member_id: int) -> list[Order]:
    """Return all orders of a member, in the order in which they were first heard of."""
    return [order_of(row) for row in tx.execute(_OF_MEMBER, {"member_id": member_id})]


def paid_back(tx: Connection, member_id: int, order_id: str) -> Order | None:
    """Return the member's order of that number, as far as some of it was paid back; None where it was not."""
    found = (order_of(row) for row in tx.execute(_PAID_BACK, {"member_id": member_id, "order_id": order_id}))
    return next((each for each in found if each.paid_back), None)


def named(tx: Connection, merchant_id: int, order_id: str) -> list[Named]:
    """Return every order that has this id at a source of the merchant's."""
    rows = tx.execute(_NAMED, {"order_id": order_id, "merchant_id": merchant_id})
    return [Named(row.dialect, row.name, row.public_id, order_of(row)) for row in rows]


def whose(tx: Connection, source_id: int, order_id: str) -> Whose | None:
    """Return whom an order belongs to, or waits for; None for an order that is not known."""
    row = tx.execute(_WHOSE, {"source_id": source_id, "order_id": order_id}).first()
    return Whose(row.matched, row.owner, frozenset(bytes(each) for each in row.marks)) if row else None


def put(tx: Connection, source_id: int, order: Order, *, member_id: int | None, customer_id: str | None) -> None:
    """Write the order as it stands."""
    purchase = order.purchase
    values = {
        "source_id": source_id,
        "order_id": order.order_id,
        "member_id": member_id,
        "customer_id": customer_id,
        "eligible_minor": purchase.eligible_minor if purchase else None,
        "purchase": orjson.dumps(_said(purchase)).decode() if purchase else None,
        "paid_at": purchase.paid_at if purchase else None,
        "refunded_minor": order.refunded_minor,
        "refunds": orjson.dumps(order.refunds).decode(),
        "singles": orjson.dumps(order.singles).decode(),
        "snapshot_gross": order.snapshot_gross,
        "snapshot_minor": order.snapshot_minor,
        "fulfilled_at": order.fulfilled_at,
        "cancelled": order.cancelled,
        "version": order.version,
    }
    tx.execute(_PUT, values | _evaluated(order))


def match(tx: Connection, order: Order, *, member_id: int) -> None:
    """Give an order that came too early to the member it belongs to."""
    tx.execute(_MATCH, {"member_id": member_id} | _evaluated(order))


def _evaluated(order: Order) -> dict[str, Any]:
    award: dict[str, Any] = {"rule": order.rule, "of": order.evaluated_minor, **ledger.award_of(order.grounds)}
    if order.taken is not None:
        award["taken"] = {name: each for name in Taken.__struct_fields__ if (each := getattr(order.taken, name))}
    return {
        "id": order.row_id,
        "earned": order.earned,
        "kept": order.kept,
        "award": None if order.earned is None else orjson.dumps(award).decode(),
        "tier": order.tier,
        "program_version": order.program_version,
        "forgiven": order.forgiven,
        "counted_minor": order.counted_minor,
        "counted": order.counted,
    }


def _said(purchase: Purchase) -> dict[str, Any]:
    """Return what was said of a purchase beyond its amount and time."""
    said: dict[str, Any] = {
        name: value
        for name in ("tax_minor", "total_minor", "partner", "location", "version")
        if (value := getattr(purchase, name)) is not None
    }
    if purchase.lines:
        said["lines"] = [[line.sku, line.net_minor, line.quantity, line.tags, line.earns] for line in purchase.lines]
    return said


def order_of(row: Row[tuple[object, ...]]) -> Order:
    """Return the order that a row with `COLUMNS` tells of."""
    award = row.award or {}
    purchase = None if row.eligible_minor is None else _purchase(row)
    return Order(
        order_id=row.order_id,
        row_id=row.id,
        purchase=purchase,
        refunds=tuple((datetime.fromisoformat(at), minor) for at, minor in row.refunds),
        snapshot_minor=row.snapshot_minor,
        snapshot_gross=row.snapshot_gross,
        singles=tuple(_single(**each) for each in row.singles),
        fulfilled_at=row.fulfilled_at,
        cancelled=row.cancelled,
        version=row.version,
        earned=row.earned,
        evaluated_minor=award.get("of"),
        rule=award.get("rule"),
        grounds=ledger.grounds_of(row.award),
        tier=row.tier,
        program_version=row.program_version,
        evaluated=None if row.earned is None else purchase,  # what is kept was settled before
        taken=_taken(**award["taken"]) if "taken" in award else None,
        kept=row.kept,
        forgiven=row.forgiven,
        counted_minor=row.counted_minor,
        counted=row.counted,
    )


def _taken(*, segments: Iterable[str] = (), idle: bool = False, **pairs: Iterable[tuple[str, Any]]) -> Taken:
    taken = {name: tuple((code, what) for code, what in each) for name, each in pairs.items()}
    return Taken(tuple(segments), idle=idle, **taken)


def _single(*, version: str, **said: Any) -> Refund:
    return Refund(version=datetime.fromisoformat(version), **said)


def _purchase(row: Row[tuple[object, ...]]) -> Purchase:
    said = dict(row.purchase or {})
    lines = tuple(
        Line(sku, net_minor, quantity, tuple(tags), earns)
        for sku, net_minor, quantity, tags, earns in said.pop("lines", ())
    )
    version = said.pop("version", None)
    return Purchase(
        row.order_id,
        row.paid_at,
        row.eligible_minor,
        lines,
        version=datetime.fromisoformat(version) if version else None,
        **said,
    )
