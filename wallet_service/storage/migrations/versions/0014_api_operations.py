"""What a merchant asks for that belongs to no programme is done once for its key, too."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = """
    CREATE TABLE api_operations (
        id bigint GENERATED ALWAYS AS IDENTITY,
        merchant_id bigint NOT NULL,
        key text NOT NULL,
        kind text NOT NULL,
        content_hash bytea NOT NULL,
        actor text NOT NULL,
        answer json NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (merchant_id, key),
        FOREIGN KEY (merchant_id) REFERENCES merchants (id)
    );
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop it; what was done before and is asked for again is done again."""
    op.execute("DROP TABLE api_operations")
