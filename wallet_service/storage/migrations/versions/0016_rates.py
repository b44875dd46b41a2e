"""What may come only so often is counted in one table: requests of a key, people who join."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Not logged: after a crash everybody may do again what they might have done anyway some time later. What a bucket of
# people counts can be told by nobody but us.
TABLES = """
    DROP TABLE api_rates, join_rates;
    CREATE UNLOGGED TABLE rates (
        bucket bytea NOT NULL,
        spent_until timestamptz NOT NULL,
        PRIMARY KEY (bucket)
    );
"""
TABLES_BEFORE = """
    DROP TABLE rates;
    CREATE UNLOGGED TABLE api_rates (
        key_id bigint NOT NULL,
        spent_until timestamptz NOT NULL,
        PRIMARY KEY (key_id)
    );
    CREATE TABLE join_rates (
        bucket bytea NOT NULL,
        spent_until timestamptz NOT NULL,
        PRIMARY KEY (bucket)
    );
"""


def upgrade() -> None:
    """Begin to count anew."""
    op.execute(TABLES)


def downgrade() -> None:
    """Count keys and people apart again, from the beginning."""
    op.execute(TABLES_BEFORE)
