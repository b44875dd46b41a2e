"""Orders as far as they are known, per source."""

from sqlalchemy import Connection, Row, text

from wallet_service.domain.earning import Order

_COLUMNS = "id, order_id, member_id, customer_id, eligible_minor, refunded_minor, earned, kept"
_FIND = text(f"SELECT {_COLUMNS} FROM orders WHERE source_id = :source_id AND order_id = :order_id")
_OWNER = text("""
    SELECT coalesce(members.external_id, orders.customer_id)
    FROM orders LEFT JOIN members ON members.id = orders.member_id
    WHERE orders.source_id = :source_id AND order_id = :order_id
""")
_UNMATCHED = text(f"""
    SELECT {_COLUMNS} FROM orders
    WHERE member_id IS NULL AND customer_id = :customer_id
      AND source_id IN (SELECT id FROM sources WHERE program_id = :program_id)
    ORDER BY id
""")
_PUT = text("""
    INSERT INTO orders (source_id, order_id, member_id, customer_id, eligible_minor, refunded_minor, earned, kept)
    VALUES (:source_id, :order_id, :member_id, :customer_id, :eligible_minor, :refunded_minor, :earned, :kept)
    ON CONFLICT (source_id, order_id) DO UPDATE
    SET member_id = excluded.member_id, customer_id = excluded.customer_id, eligible_minor = excluded.eligible_minor,
        refunded_minor = excluded.refunded_minor, earned = excluded.earned, kept = excluded.kept
    RETURNING id
""")
_MATCH = text("UPDATE orders SET member_id = :member_id, earned = :earned, kept = :kept WHERE id = :id")


def find(tx: Connection, source_id: int, order_id: str) -> Order | None:
    """Return the order with the sender's id."""
    row = tx.execute(_FIND, {"source_id": source_id, "order_id": order_id}).first()
    return _order(row) if row else None


def owner(tx: Connection, source_id: int, order_id: str) -> str | None:
    """Return the merchant's own id of the order's customer, where one has been named."""
    found: str | None = tx.execute(_OWNER, {"source_id": source_id, "order_id": order_id}).scalar()
    return found


def unmatched(tx: Connection, program_id: int, customer_id: str) -> list[tuple[int, Order]]:
    """Return, with their row ids, the orders of a customer that came before the customer enrolled."""
    values = {"program_id": program_id, "customer_id": customer_id}
    return [(row.id, _order(row)) for row in tx.execute(_UNMATCHED, values)]


def put(tx: Connection, source_id: int, order: Order, *, member_id: int | None, customer_id: str | None) -> int:
    """Write the order as it stands and return its row id."""
    values = {
        "source_id": source_id,
        "order_id": order.order_id,
        "member_id": member_id,
        "customer_id": customer_id,
        "eligible_minor": order.eligible_minor,
        "refunded_minor": order.refunded_minor,
        "earned": order.earned,
        "kept": order.kept,
    }
    row_id: int = tx.execute(_PUT, values).scalar_one()
    return row_id


def match(tx: Connection, row_id: int, order: Order, *, member_id: int) -> None:
    """Give an order that came too early to the member it belongs to."""
    tx.execute(_MATCH, {"id": row_id, "member_id": member_id, "earned": order.earned, "kept": order.kept})


def _order(row: Row[tuple[object, ...]]) -> Order:
    return Order(row.order_id, row.eligible_minor, row.refunded_minor, row.earned, row.kept)
