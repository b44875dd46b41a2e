"""Points that a person gives keep points alive, as earned ones do."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Whoever was given points since the last activity is looked at anew, now.
FILL = """
    UPDATE balances SET active_at = given.at, due_at = 'epoch'
    FROM (
        SELECT ledger_transactions.member_id, max(ledger_transactions.effective_at) AS at
        FROM lots JOIN ledger_transactions ON ledger_transactions.id = lots.transaction_id
        WHERE type = 'adjust' GROUP BY ledger_transactions.member_id
    ) AS given
    WHERE given.member_id = balances.member_id AND (active_at IS NULL OR active_at < given.at)
"""


def upgrade() -> None:
    """Take each member's last activity from given points where those came later."""
    op.execute(FILL)


def downgrade() -> None:
    """Leave it: points that live a little longer harm nobody."""
