"""Points that a person gives keep points alive, as earned ones do."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Whoever was given points since the last activity is looked at anew: now, and not as of long ago, or whatever the rules
# give monthly or by days would be given for all that time.
FILL = """
    UPDATE balances SET active_at = given.at,
        due_at = CASE WHEN merged_into IS NULL AND erased_at IS NULL THEN least(due_at, now()) ELSE due_at END
    FROM members, (
        SELECT ledger_transactions.member_id, max(ledger_transactions.effective_at) AS at
        FROM lots JOIN ledger_transactions ON ledger_transactions.id = lots.transaction_id
        WHERE type = 'adjust' AND lots.expires_at IS NULL GROUP BY ledger_transactions.member_id
    ) AS given
    WHERE members.id = balances.member_id AND given.member_id = balances.member_id
        AND (active_at IS NULL OR active_at < given.at)
"""
FILL_BEFORE = """
    UPDATE balances SET active_at = acted.at,
        due_at = CASE WHEN merged_into IS NULL AND erased_at IS NULL THEN least(due_at, now()) ELSE due_at END
    FROM members, (
        SELECT balances.member_id, max(ledger_transactions.effective_at) AS at
        FROM balances LEFT JOIN ledger_transactions
            ON ledger_transactions.member_id = balances.member_id AND type IN ('earn', 'redeem', 'transfer_in')
        GROUP BY balances.member_id
    ) AS acted
    WHERE members.id = balances.member_id AND acted.member_id = balances.member_id
        AND active_at IS DISTINCT FROM acted.at
"""


def upgrade() -> None:
    """Take each member's last activity from given points where those came later."""
    op.execute(FILL)


def downgrade() -> None:
    """Take it from what was earned and used alone."""
    op.execute(FILL_BEFORE)
