"""What shop systems send is stored before anything is made of it."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
    ALTER TABLE sources ADD COLUMN test_mode boolean DEFAULT false NOT NULL;

    CREATE TABLE deliveries (
        id bigint GENERATED ALWAYS AS IDENTITY,
        public_id text NOT NULL,
        source_id bigint NOT NULL,
        topic text NOT NULL,
        delivery_id text NOT NULL,
        sealed bytea,
        status text NOT NULL
            CHECK (status IN ('received', 'processed', 'ignored', 'unmatched', 'failed', 'attention')),
        detail text,
        answers json,
        attempts integer NOT NULL,
        received_at timestamptz NOT NULL,
        settled_at timestamptz,
        not_before timestamptz,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        UNIQUE (source_id, delivery_id),
        FOREIGN KEY (source_id) REFERENCES sources (id)
    );

    CREATE INDEX deliveries_due ON deliveries (not_before, id) WHERE not_before IS NOT NULL;
    CREATE INDEX deliveries_status ON deliveries (status, id) WHERE status IN ('failed', 'unmatched', 'attention');
    CREATE INDEX deliveries_kept ON deliveries (settled_at) WHERE sealed IS NOT NULL;
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop what was delivered; what was made of it stays."""
    op.execute("""
        DROP TABLE deliveries;
        ALTER TABLE sources DROP COLUMN test_mode;
    """)
