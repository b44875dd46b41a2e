"""Years of entries in seconds: the rows that paid orders leave behind, written by SQL."""

from sqlalchemy import Connection, text

POINTS = 42  # of each order

# An order every so often, the last one yesterday; each takes four ids, as when it is entered. What its lot is worth
# dies after the time that is given, or never.
_TOLD = """
    CREATE TEMPORARY TABLE told ON COMMIT DROP AS
    SELECT members.id AS member_id, members.program_id, sources.id AS source_id, n,
           base.id + 4 * row_number() OVER (ORDER BY n, members.id) AS id,
           now() - (:orders - n + 1) * CAST(:days AS interval) / :orders - interval '1 day' AS at,
           date_trunc('day', now() - (:orders - n + 1) * CAST(:days AS interval) / :orders + CAST(:alive AS interval))
               AS expires_at,
           own.id AS own_account, issuance.id AS issuance_account
    FROM members
    CROSS JOIN generate_series(1, CAST(:orders AS integer)) AS n
    CROSS JOIN (SELECT last_value AS id FROM ledger_ids) AS base
    JOIN sources ON sources.program_id = members.program_id
    JOIN ledger_accounts AS own ON own.member_id = members.id AND own.kind = 'available'
    JOIN ledger_accounts AS issuance
      ON issuance.program_id = members.program_id AND issuance.kind = 'issuance' AND issuance.member_id IS NULL
    WHERE members.external_id = ANY(:customers)
"""
_ROWS = f"""
    SELECT setval('ledger_ids', (SELECT max(id) + 4 FROM told));
    INSERT INTO events (id, source_id, event_id, type, content_hash, occurred_at, received_at, body, answer)
    SELECT id, source_id, 'told ' || id, 'order.paid', '\\x00', at, at, '{{}}', '{{}}' FROM told;
    INSERT INTO orders (id, source_id, order_id, member_id, eligible_minor, refunded_minor, earned, kept, purchase,
                        paid_at, counted_minor, counted)
    SELECT id + 1, source_id, 'told ' || id, member_id, {POINTS}00, 0, {POINTS}, {POINTS}, '{{}}', at, {POINTS}00, true
    FROM told;
    INSERT INTO ledger_transactions (id, program_id, member_id, event_id, position, order_id, type, rule, effective_at,
                                     created_at)
    SELECT id + 2, program_id, member_id, id, 0, id + 1, 'earn', 'purchase', at, at FROM told;
    INSERT INTO ledger_entries (transaction_id, account_id, points)
    SELECT id + 2, own_account, {POINTS} FROM told UNION ALL SELECT id + 2, issuance_account, -{POINTS} FROM told;
    INSERT INTO lots (id, member_id, transaction_id, points, rule, order_id, effective_at, expires_at)
    SELECT id + 3, member_id, id + 2, {POINTS}, 'purchase', id + 1, at, expires_at FROM told;
    INSERT INTO lot_balances (lot_id, member_id, pending, available, held, expires_at)
    SELECT id + 3, member_id, 0, {POINTS}, 0, expires_at FROM told;
    INSERT INTO lot_allocations (transaction_id, lot_id, bucket, delta)
    SELECT id + 2, id + 3, 'available', {POINTS} FROM told;
    INSERT INTO expiry_days (member_id, expires_at, available)
    SELECT member_id, expires_at, sum({POINTS}) FROM told WHERE expires_at IS NOT NULL GROUP BY member_id, expires_at;
    INSERT INTO qualifications (member_id, transaction_id, order_id, day, spend, points, orders, occurred_at)
    SELECT member_id, id + 2, id + 1, at::date, {POINTS}00, {POINTS}, 1, at FROM told;
    INSERT INTO qualification_days (member_id, day, spend, points, orders, referrals)
    SELECT member_id, day, sum(spend), sum(points), sum(orders), 0
    FROM qualifications WHERE member_id IN (SELECT member_id FROM told) GROUP BY member_id, day
    ON CONFLICT (member_id, day) DO UPDATE
    SET spend = excluded.spend, points = excluded.points, orders = excluded.orders;
    UPDATE balances SET available = available + {POINTS} * orders, earned_total = earned_total + {POINTS} * orders,
        spend_total = spend_total + {POINTS}00 * orders, orders_total = orders_total + orders, active_at = newest,
        due_at = now()
    FROM (SELECT member_id, count(*) AS orders, max(at) AS newest FROM told GROUP BY member_id) AS summed
    WHERE balances.member_id = summed.member_id;
    UPDATE members SET enrolled_at = oldest - interval '1 day'
    FROM (SELECT member_id, min(at) AS oldest FROM told GROUP BY member_id) AS first WHERE id = first.member_id;
    UPDATE balances SET tier_since = enrolled_at::date, tier_measured_to = enrolled_at::date
    FROM members WHERE id = member_id AND tier IS NOT NULL AND member_id IN (SELECT member_id FROM told);
    SET LOCAL session_replication_role = origin
"""


def tell(tx: Connection, customers: list[str], *, orders: int, days: int, alive: str | None) -> None:
    """Write so many paid orders of each customer, spread over the last days; points live as `alive` says ("P6M").

    Each leaves two entries in the ledger. What the rows refer to is known to be there, and is not looked for.
    """
    tx.execute(text("SET LOCAL session_replication_role = replica"))
    values = {"customers": customers, "orders": orders, "days": f"{days} days", "alive": alive}
    tx.execute(text(_TOLD), values)
    for statement in _ROWS.split(";"):
        tx.execute(text(statement.replace(":", "\\:")))
