"""What an order was paid with in points: each time that some were used up for it, and what of that has come back."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

# Points that come back by hand are of no order; those that follow an order's refunds are, as are those that are taken
# anew. Where another order of the member's has the same number, nobody knows which one was paid.
_OF_ORDER = text("""
    WITH used AS (
        SELECT transaction_id AS id, hold_id, redemptions.id AS redemption_id, reward AS rule, false AS anew
        FROM redemptions
        WHERE member_id = :member_id AND taken_by = :member_id AND order_id = :order_id AND kind = 'pay_with_points'
          AND status IN ('used', 'refunded') AND transaction_id IS NOT NULL
        UNION ALL
        SELECT hold_outcomes.transaction_id, holds.id, NULL, NULL, false
        FROM holds JOIN hold_outcomes ON hold_outcomes.hold_id = holds.id
        WHERE member_id = :member_id AND reference = :order_id AND purpose = 'pay_with_points' AND outcome = 'captured'
          AND NOT EXISTS (SELECT FROM redemptions WHERE redemptions.hold_id = holds.id)
        UNION ALL
        SELECT id, NULL, NULL, rule, true FROM ledger_transactions
        WHERE member_id = :member_id AND ledger_transactions.order_id = :order_row AND type = 'redeem'
    )
    SELECT used.id AS transaction_row, hold_id AS hold_row, redemption_id AS redemption_row, rule, anew,
           taken.points, taken.partner, coalesce(come.points, 0) AS returned, coalesce(come.by_hand, 0) AS by_hand
    FROM used
    CROSS JOIN LATERAL (
        SELECT sum(points)::bigint AS points, max(partner) AS partner
        FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE transaction_id = used.id AND kind IN ('redemption', 'partner')
    ) AS taken
    CROSS JOIN LATERAL (
        SELECT -sum(points)::bigint AS points,
               -(sum(points) FILTER (WHERE back.order_id IS NULL))::bigint AS by_hand
        FROM ledger_transactions AS back JOIN ledger_entries ON transaction_id = back.id
        JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE back.reverses_id = used.id AND kind IN ('redemption', 'partner')
    ) AS come
    WHERE NOT EXISTS (SELECT FROM orders WHERE member_id = :member_id AND order_id = :order_id AND id <> :order_row)
    ORDER BY used.id
""")


@dataclass(frozen=True, slots=True)
class Spending:
    """Points that a transaction used up for an order, for a `partner` if any, from a hold or at once.

    `rule` is the code of the reward by which they paid, None for a hold without one. `returned` of them have come back,
    `by_hand` of those by somebody's decision. `anew`: they had come back, and were taken again, since the refund was
    undone.
    """

    transaction_row: int
    hold_row: int | None
    redemption_row: int | None
    rule: str | None
    anew: bool
    points: int
    partner: str | None
    returned: int
    by_hand: int

    @property
    def left(self) -> int:
        """What is still spent."""
        return self.points - self.returned


def of_order(tx: Connection, *, member_id: int, order_row: int, order_id: str) -> list[Spending]:
    """Return what a member has paid for an order in points, oldest first."""
    values = {"member_id": member_id, "order_row": order_row, "order_id": order_id}
    return [Spending(*row) for row in tx.execute(_OF_ORDER, values)]
