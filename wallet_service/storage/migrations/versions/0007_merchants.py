"""Programmes belong to merchants, who never see one another, and whose programs enter with keys."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Programmes that were there before belong to one merchant; where there are none, it comes with the first of them.
TABLES = """
    CREATE TABLE merchants (
        id bigint GENERATED ALWAYS AS IDENTITY,
        code text NOT NULL,
        name text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (code)
    );

    INSERT INTO merchants (code, name, created_at) SELECT 'main', 'Main', now() WHERE EXISTS (SELECT FROM programs);

    ALTER TABLE programs ADD COLUMN merchant_id bigint REFERENCES merchants (id);
    UPDATE programs SET merchant_id = (SELECT id FROM merchants WHERE code = 'main');
    ALTER TABLE programs ALTER COLUMN merchant_id SET NOT NULL;
    CREATE INDEX programs_merchant ON programs (merchant_id);

    CREATE TABLE api_keys (
        id bigint GENERATED ALWAYS AS IDENTITY,
        merchant_id bigint NOT NULL,
        public_id text NOT NULL,
        name text NOT NULL,
        secret_hash bytea NOT NULL,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        FOREIGN KEY (merchant_id) REFERENCES merchants (id)
    );

    CREATE INDEX api_keys_merchant ON api_keys (merchant_id, id);
"""


def upgrade() -> None:
    """Make the tables, and give every programme to one merchant."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop merchants and their keys; programmes are nobody's again."""
    op.execute("""
        DROP TABLE api_keys;
        ALTER TABLE programs DROP COLUMN merchant_id;
        DROP TABLE merchants;
    """)
