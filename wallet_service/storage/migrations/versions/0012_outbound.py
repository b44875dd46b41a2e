"""Merchants are told what happens: their endpoints, the messages to them, and the log of all tries."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A message waits while it has a time at which it is due; under a lease, that is the lease's end. Whoever has a tier or
# a membership that will end is looked at once more, so that the calendar knows of the days on which that is told.
TABLES = """
    CREATE TABLE webhook_endpoints (
        id bigint GENERATED ALWAYS AS IDENTITY,
        merchant_id bigint NOT NULL,
        public_id text NOT NULL,
        url text NOT NULL,
        name text,
        types text[] NOT NULL,
        secret bytea NOT NULL,
        previous_secret bytea,
        previous_until timestamptz,
        state text NOT NULL CHECK (state IN ('active', 'disabled', 'gone', 'removed')),
        reason text,
        stopped_at timestamptz,
        failures integer DEFAULT 0 NOT NULL,
        failing_since timestamptz,
        not_before timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        FOREIGN KEY (merchant_id) REFERENCES merchants (id)
    );

    CREATE INDEX webhook_endpoints_merchant ON webhook_endpoints (merchant_id, id);

    CREATE TABLE webhook_messages (
        id bigint GENERATED ALWAYS AS IDENTITY,
        public_id text DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', '') NOT NULL,
        endpoint_id bigint NOT NULL,
        member_id bigint NOT NULL,
        type text NOT NULL,
        body text NOT NULL,
        state text DEFAULT 'waiting' NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
        created_at timestamptz NOT NULL,
        due_at timestamptz,
        lease uuid,
        attempts integer DEFAULT 0 NOT NULL,
        last_error text,
        settled_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        CONSTRAINT due_while_it_waits CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
        CONSTRAINT settled_once_it_does_not CHECK ((state = 'waiting') = (settled_at IS NULL)),
        FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX webhook_messages_due ON webhook_messages (endpoint_id, due_at, id) WHERE due_at IS NOT NULL;
    CREATE INDEX webhook_messages_lane ON webhook_messages (endpoint_id, member_id, id) WHERE due_at IS NOT NULL;
    CREATE INDEX webhook_messages_dead ON webhook_messages (endpoint_id, id) WHERE state = 'dead';
    CREATE INDEX webhook_messages_settled ON webhook_messages (settled_at) WHERE settled_at IS NOT NULL;

    CREATE TABLE webhook_attempts (
        id bigint GENERATED ALWAYS AS IDENTITY,
        message_id bigint NOT NULL,
        endpoint_id bigint NOT NULL,
        at timestamptz NOT NULL,
        status integer,
        ms integer NOT NULL,
        error text,
        PRIMARY KEY (id),
        FOREIGN KEY (message_id) REFERENCES webhook_messages (id) ON DELETE CASCADE,
        FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id)
    );

    CREATE INDEX webhook_attempts_message ON webhook_attempts (message_id, id);
    CREATE INDEX webhook_attempts_endpoint ON webhook_attempts (endpoint_id, id);

    UPDATE balances SET due_at = least(due_at, now())
    FROM members
    WHERE members.id = member_id AND merged_into IS NULL
      AND (paid_until >= current_date - 1 OR tier_last_day >= current_date - 1);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop endpoints, and with them all that they were and are to be told."""
    op.execute("DROP TABLE webhook_attempts, webhook_messages, webhook_endpoints")
