"""What triggers remind of is written by letters, too, which nobody has asked for."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = """
    ALTER TABLE letters DROP CONSTRAINT letters_kind_check;
    ALTER TABLE letters ADD CONSTRAINT letters_kind_check
        CHECK (kind IN ('verify', 'sign_in', 'campaign', 'reminder'));
    DROP INDEX letters_due;
    CREATE INDEX letters_due ON letters (channel, (kind IN ('campaign', 'reminder')), due_at, id)
        WHERE due_at IS NOT NULL;
"""
TABLES_BEFORE = """
    DROP INDEX letters_due;
    DELETE FROM letters WHERE kind = 'reminder';
    CREATE INDEX letters_due ON letters (channel, (kind = 'campaign'), due_at, id) WHERE due_at IS NOT NULL;
    ALTER TABLE letters DROP CONSTRAINT letters_kind_check;
    ALTER TABLE letters ADD CONSTRAINT letters_kind_check CHECK (kind IN ('verify', 'sign_in', 'campaign'));
"""


def upgrade() -> None:
    """Allow letters of reminders, and let them, too, wait behind what somebody has asked for."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop letters of reminders, sent or not."""
    op.execute(TABLES_BEFORE)
