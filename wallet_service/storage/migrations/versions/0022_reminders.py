"""Cards show what triggers remind their members of, and balances keep it as long as it may be shown."""

from alembic import op

revision = "0022"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = """
    ALTER TABLE trigger_firings ADD COLUMN told_through date;
    ALTER TABLE balances ADD COLUMN reminders jsonb DEFAULT '[]' NOT NULL;
"""
TABLES_BEFORE = """
    ALTER TABLE balances DROP COLUMN reminders;
    ALTER TABLE trigger_firings DROP COLUMN told_through;
"""


def upgrade() -> None:
    """Add the day through which a firing is shown; what fired before is shown nowhere."""
    op.execute(TABLES)


def downgrade() -> None:
    """Forget what cards remind of."""
    op.execute(TABLES_BEFORE)
