"""Letters to people wait in an outbox, and addresses that nobody may write to are kept as marks."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# A letter waits while it has a time at which it is due; under a lease, that is the lease's end. Address and content are
# kept, sealed, for as long as it waits; of the address a mark stays, so that one job writes to it once. What somebody
# waits for goes before what nobody has asked for.
TABLES = """
    CREATE TABLE letters (
        id bigint GENERATED ALWAYS AS IDENTITY,
        public_id text DEFAULT 'let_' || replace(gen_random_uuid()::text, '-', '') NOT NULL,
        program_id bigint NOT NULL,
        member_id bigint,
        campaign_id bigint,
        job_id bigint,
        mark bytea NOT NULL,
        channel text NOT NULL CHECK (channel IN ('email', 'sms')),
        kind text NOT NULL CHECK (kind IN ('verify', 'sign_in', 'campaign')),
        sealed bytea,
        state text NOT NULL CHECK (state IN ('waiting', 'sent', 'dead', 'dropped')),
        created_at timestamptz NOT NULL,
        until timestamptz,
        due_at timestamptz,
        lease uuid,
        attempts integer DEFAULT 0 NOT NULL,
        last_error text,
        message_id text,
        settled_at timestamptz,
        sent_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        CONSTRAINT due_while_it_waits CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
        CONSTRAINT sealed_while_it_waits CHECK ((state = 'waiting') = (sealed IS NOT NULL)),
        CONSTRAINT settled_once_it_does_not CHECK ((state = 'waiting') = (settled_at IS NULL)),
        CONSTRAINT sent_at_a_time CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (campaign_id) REFERENCES link_campaigns (id),
        FOREIGN KEY (job_id) REFERENCES jobs (id)
    );

    CREATE UNIQUE INDEX letters_once ON letters (job_id, mark) WHERE job_id IS NOT NULL;

    CREATE INDEX letters_due ON letters (channel, (kind = 'campaign'), due_at, id) WHERE due_at IS NOT NULL;
    CREATE INDEX letters_settled ON letters (settled_at) WHERE settled_at IS NOT NULL;
    CREATE INDEX letters_member ON letters (member_id) WHERE member_id IS NOT NULL;
    CREATE INDEX letters_program ON letters (program_id, id);

    CREATE TABLE suppressed (
        merchant_id bigint NOT NULL,
        mark bytea NOT NULL,
        reason text NOT NULL CHECK (reason IN ('unsubscribed', 'bounced', 'complained', 'by_hand')),
        at timestamptz NOT NULL,
        PRIMARY KEY (merchant_id, mark, reason),
        FOREIGN KEY (merchant_id) REFERENCES merchants (id)
    );
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop what waits to be sent, and forget who wanted no more."""
    op.execute("DROP TABLE suppressed, letters")
