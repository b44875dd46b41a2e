"""The first tables: members and cards, an append-only ledger, and the wallets that must follow it."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
    CREATE TABLE delivery_stops (
        platform text NOT NULL,
        reason text NOT NULL,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (platform)
    );

    CREATE TABLE device_logs (
        id bigint GENERATED ALWAYS AS IDENTITY,
        received_at timestamptz NOT NULL,
        message text NOT NULL,
        PRIMARY KEY (id)
    );

    CREATE INDEX device_logs_received ON device_logs (received_at);

    CREATE TABLE programs (
        id bigint GENERATED ALWAYS AS IDENTITY,
        code text NOT NULL,
        template text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (code)
    );

    CREATE TABLE members (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        public_id text NOT NULL,
        external_id text NOT NULL,
        enrolled_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (program_id, external_id),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        UNIQUE (public_id)
    );

    CREATE TABLE sources (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        dialect text NOT NULL,
        name text NOT NULL,
        secret bytea NOT NULL,
        previous_secret bytea,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (dialect, name),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE TABLE balances (
        member_id bigint NOT NULL,
        available bigint NOT NULL,
        qualifying bigint NOT NULL,
        PRIMARY KEY (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE TABLE cards (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        serial_number text NOT NULL,
        authentication_token text NOT NULL,
        code text NOT NULL,
        pass_type_identifier text NOT NULL,
        revision integer NOT NULL,
        modified_at timestamptz NOT NULL,
        changed_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
        face_digest bytea NOT NULL,
        template_version text NOT NULL,
        announced text,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        UNIQUE (serial_number),
        UNIQUE (code)
    );

    CREATE TABLE events (
        id bigint GENERATED ALWAYS AS IDENTITY,
        source_id bigint NOT NULL,
        event_id text NOT NULL,
        type text NOT NULL,
        content_hash bytea NOT NULL,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        body bytea NOT NULL,
        answer jsonb NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (source_id, event_id),
        FOREIGN KEY (source_id) REFERENCES sources (id)
    );

    CREATE TABLE ledger_accounts (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        kind text NOT NULL,
        member_id bigint,
        PRIMARY KEY (id),
        UNIQUE NULLS NOT DISTINCT (program_id, kind, member_id),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY,
        source_id bigint NOT NULL,
        order_id text NOT NULL,
        member_id bigint,
        customer_id text,
        eligible_minor bigint,
        refunded_minor bigint NOT NULL,
        earned bigint,
        kept bigint NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (source_id, order_id),
        FOREIGN KEY (source_id) REFERENCES sources (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX orders_unmatched ON orders (source_id, customer_id) WHERE member_id IS NULL;

    CREATE TABLE profiles (
        member_id bigint NOT NULL,
        name text,
        locale text,
        PRIMARY KEY (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE TABLE ledger_transactions (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        event_id bigint NOT NULL,
        position smallint NOT NULL,
        order_id bigint,
        type text NOT NULL,
        rule text,
        actor text,
        reason text,
        effective_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (event_id, position),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (event_id) REFERENCES events (id),
        FOREIGN KEY (order_id) REFERENCES orders (id)
    );

    CREATE INDEX ledger_transactions_member ON ledger_transactions (member_id, id);

    CREATE TABLE wallets (
        id bigint GENERATED ALWAYS AS IDENTITY,
        card_id bigint NOT NULL,
        platform text NOT NULL,
        device text NOT NULL,
        target text NOT NULL,
        wanted integer NOT NULL,
        sent integer NOT NULL,
        listed integer NOT NULL,
        fetched integer NOT NULL,
        fetched_modified_at timestamptz,
        registered_at timestamptz NOT NULL,
        registered_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
        sent_at timestamptz,
        listed_at timestamptz,
        fetched_at timestamptz,
        coalesce_for interval NOT NULL,
        not_before timestamptz NOT NULL,
        lease uuid,
        lease_until timestamptz,
        attempts integer NOT NULL,
        last_error text,
        PRIMARY KEY (id),
        UNIQUE (card_id, platform, device),
        FOREIGN KEY (card_id) REFERENCES cards (id)
    );

    CREATE INDEX wallets_behind ON wallets (platform, not_before, id) WHERE wanted > sent;

    CREATE INDEX wallets_device ON wallets (device, platform);

    CREATE TABLE ledger_entries (
        id bigint GENERATED ALWAYS AS IDENTITY,
        transaction_id bigint NOT NULL,
        account_id bigint NOT NULL,
        points bigint NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id),
        FOREIGN KEY (account_id) REFERENCES ledger_accounts (id)
    );

    CREATE INDEX ledger_entries_account ON ledger_entries (account_id);

    CREATE INDEX ledger_entries_transaction ON ledger_entries (transaction_id);

    CREATE TABLE qualifications (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        transaction_id bigint NOT NULL,
        amount bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id)
    );

    CREATE INDEX qualifications_member ON qualifications (member_id);

"""

# The ledger is only ever added to. A wrong entry is corrected by another one.
APPEND_ONLY = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: post a correction instead of a %', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation';
    END $$;
"""
LEDGER = ("ledger_transactions", "ledger_entries", "qualifications")

# Entries of a transaction are inserted by one statement, so each statement can be checked as a whole.
BALANCED = """
    CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM added GROUP BY transaction_id HAVING sum(points) <> 0) THEN
            RAISE EXCEPTION 'the entries of a transaction must sum to zero' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$;

    CREATE TRIGGER balanced AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();

    ALTER TABLE ledger_entries ADD CONSTRAINT points_not_zero CHECK (points <> 0);
    ALTER TABLE wallets ADD CONSTRAINT sent_at_most_wanted CHECK (sent <= wanted);
"""


def upgrade() -> None:
    """Make the tables, and let the database itself hold the ledger's two laws."""
    op.execute(TABLES)
    op.execute(APPEND_ONLY)
    for table in LEDGER:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(BALANCED)


def downgrade() -> None:
    """Drop everything; there is nothing before this."""
    for table in (
        "device_logs",
        "delivery_stops",
        "wallets",
        "balances",
        "qualifications",
        "ledger_entries",
        "ledger_transactions",
        "ledger_accounts",
        "orders",
        "events",
        "cards",
        "profiles",
        "members",
        "sources",
        "programs",
    ):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_change, refuse_unbalanced")
