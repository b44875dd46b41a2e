"""Whoever joins by the form: addresses that nobody has shown to be theirs, and how many have come lately."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# An address that was only typed finds nobody. What a bucket counts can be told by nobody but us, and not for long.
TABLES = """
    CREATE TABLE typed_addresses (
        member_id bigint NOT NULL,
        kind text NOT NULL CHECK (kind IN ('email', 'phone')),
        sealed bytea NOT NULL,
        typed_at timestamptz NOT NULL,
        PRIMARY KEY (member_id, kind),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE TABLE join_rates (
        bucket bytea NOT NULL,
        spent_until timestamptz NOT NULL,
        PRIMARY KEY (bucket)
    );
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Forget the addresses that were typed; their members stay."""
    op.execute("DROP TABLE join_rates, typed_addresses")
