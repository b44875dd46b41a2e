"""Each transaction keeps why all was earned of which it gives the whole or a part."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it; what was posted before is not touched, and its seals hold."""
    op.execute("ALTER TABLE ledger_transactions ADD COLUMN award jsonb")


def downgrade() -> None:
    """Drop it; seals over transactions that have it do not hold any longer."""
    op.execute("ALTER TABLE ledger_transactions DROP COLUMN award")
