"""Requests of a key are counted in one place for all processes."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Not logged: after a crash every key may do again what it might have done anyway some seconds later.
TABLES = """
    CREATE UNLOGGED TABLE api_rates (
        key_id bigint NOT NULL,
        spent_until timestamptz NOT NULL,
        PRIMARY KEY (key_id)
    );
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE api_rates")
