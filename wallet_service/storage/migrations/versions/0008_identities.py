"""Persons are known by more than one id, orders wait for them by any of those, and a member may get a new card."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What a person is known by is found by a keyed hash, and can be read only with the service's own key.
TABLES = """
    CREATE TABLE member_identities (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        member_id bigint NOT NULL,
        kind text NOT NULL,
        mark bytea NOT NULL,
        sealed bytea NOT NULL,
        verified_at timestamptz,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (program_id, mark),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX member_identities_member ON member_identities (member_id);

    CREATE TABLE order_identities (
        order_id bigint NOT NULL,
        program_id bigint NOT NULL,
        kind text NOT NULL,
        mark bytea NOT NULL,
        sealed bytea,
        PRIMARY KEY (order_id, mark),
        FOREIGN KEY (order_id) REFERENCES orders (id),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE INDEX order_identities_mark ON order_identities (program_id, mark);

    CREATE TABLE consents (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        purpose text NOT NULL,
        channel text,
        granted boolean NOT NULL,
        text_version text,
        source text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX consents_member ON consents (member_id, id);

    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consents
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

    ALTER TABLE orders ADD COLUMN singles jsonb DEFAULT '[]' NOT NULL;
    ALTER TABLE orders ADD COLUMN snapshot_gross boolean DEFAULT false NOT NULL;

    ALTER TABLE members ADD COLUMN erased_at timestamptz;

    ALTER TABLE cards ADD COLUMN replaced_at timestamptz;
    ALTER TABLE cards DROP CONSTRAINT cards_member_id_key;
    CREATE UNIQUE INDEX cards_member ON cards (member_id) WHERE replaced_at IS NULL;
    CREATE INDEX cards_replaced ON cards (member_id) WHERE replaced_at IS NOT NULL;
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop what persons were known by; cards that were replaced go with their wallets."""
    op.execute("""
        DELETE FROM wallets USING cards WHERE cards.id = card_id AND replaced_at IS NOT NULL;
        DELETE FROM cards WHERE replaced_at IS NOT NULL;
        DROP INDEX cards_replaced, cards_member;
        ALTER TABLE cards ADD CONSTRAINT cards_member_id_key UNIQUE (member_id);
        ALTER TABLE cards DROP COLUMN replaced_at;
        ALTER TABLE members DROP COLUMN erased_at;
        ALTER TABLE orders DROP COLUMN singles;
        ALTER TABLE orders DROP COLUMN snapshot_gross;
        DROP TABLE consents, order_identities, member_identities;
    """)
