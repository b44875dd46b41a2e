"""Rewards are redeemed: stock, codes, who took what, and how each of them ended."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# `issued` of a stock only rises: it numbers what comes in series, also after some have come back.
TABLES = """
    CREATE TABLE reward_stock (
        program_id bigint NOT NULL,
        reward text NOT NULL,
        used bigint NOT NULL CHECK (used >= 0),
        issued bigint NOT NULL CHECK (issued >= used),
        PRIMARY KEY (program_id, reward),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE TABLE coupon_codes (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        pool text,
        code_hash bytea NOT NULL,
        sealed bytea NOT NULL,
        status text NOT NULL CHECK (status IN ('free', 'assigned', 'used', 'void')),
        expires_at timestamptz,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (program_id, code_hash),
        CONSTRAINT free_ones_lie_in_a_pool CHECK (status <> 'free' OR pool IS NOT NULL),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE INDEX coupon_codes_free ON coupon_codes (program_id, pool, expires_at, id) WHERE status = 'free';

    CREATE TABLE redemptions (
        id bigint NOT NULL,
        public_id text NOT NULL,
        program_id bigint NOT NULL,
        member_id bigint NOT NULL,
        taken_by bigint NOT NULL,
        reward text NOT NULL,
        kind text NOT NULL,
        points bigint NOT NULL CHECK (points >= 0),
        value_minor bigint,
        status text NOT NULL CHECK (status IN ('held', 'issued', 'used', 'cancelled', 'expired', 'refunded')),
        hold_id bigint,
        transaction_id bigint,
        code_id bigint,
        stocked boolean NOT NULL,
        valid_until timestamptz,
        partner text,
        cause text,
        order_id text,
        serial bigint,
        month date,
        refunded bigint DEFAULT 0 NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        UNIQUE (code_id),
        UNIQUE (hold_id),
        UNIQUE (program_id, reward, serial),
        UNIQUE (taken_by, reward, month),
        CONSTRAINT refunded_at_most_taken CHECK (refunded BETWEEN 0 AND points),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (taken_by) REFERENCES members (id),
        FOREIGN KEY (hold_id) REFERENCES holds (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id),
        FOREIGN KEY (code_id) REFERENCES coupon_codes (id)
    );

    CREATE INDEX redemptions_member ON redemptions (member_id, id);
    CREATE INDEX redemptions_ready ON redemptions (member_id, valid_until) WHERE status = 'issued';
    CREATE INDEX redemptions_month ON redemptions (program_id, month) WHERE month IS NOT NULL;

    CREATE TABLE redemption_changes (
        id bigint GENERATED ALWAYS AS IDENTITY,
        redemption_id bigint NOT NULL,
        status text NOT NULL,
        refunded bigint NOT NULL,
        actor text,
        reason text,
        at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (redemption_id) REFERENCES redemptions (id)
    );

    CREATE INDEX redemption_changes_redemption ON redemption_changes (redemption_id, id);

    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON redemption_changes
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

    CREATE INDEX ledger_transactions_reverses ON ledger_transactions (reverses_id) WHERE reverses_id IS NOT NULL;
    CREATE INDEX members_merged_into ON members (merged_into) WHERE merged_into IS NOT NULL;

    -- A repeat gets the very same answer, its members in the same order.
    ALTER TABLE operations ALTER COLUMN answer TYPE json;
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop what was redeemed; the ledger keeps what it cost."""
    op.execute("""
        ALTER TABLE operations ALTER COLUMN answer TYPE jsonb;
        DROP INDEX members_merged_into;
        DROP INDEX ledger_transactions_reverses;
        DROP TABLE redemption_changes, redemptions, coupon_codes, reward_stock;
    """)
