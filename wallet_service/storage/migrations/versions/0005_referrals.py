"""Members bring members, dates bring gifts, experiments show what they do, and whom the calendar failed waits."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
    CREATE TABLE calendar_delays (
        member_id bigint NOT NULL,
        attempts integer NOT NULL,
        not_before timestamptz NOT NULL,
        reason text NOT NULL,
        PRIMARY KEY (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE TABLE trigger_firings (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        code text NOT NULL,
        day date NOT NULL,
        points bigint,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX trigger_firings_member ON trigger_firings (member_id, id);

    CREATE TABLE reward_grants (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        reward text NOT NULL,
        valid_until date,
        reason text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX reward_grants_member ON reward_grants (member_id, id);

    CREATE TABLE segment_members (
        member_id bigint NOT NULL,
        code text NOT NULL,
        entered_at timestamptz NOT NULL,
        PRIMARY KEY (member_id, code),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE TABLE referral_codes (
        member_id bigint NOT NULL,
        program_id bigint NOT NULL,
        code text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (member_id),
        UNIQUE (program_id, code),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE TABLE referrals (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        referee_id bigint NOT NULL,
        referrer_id bigint,
        status text NOT NULL CHECK (status IN ('joined', 'qualified', 'rewarded', 'rejected')),
        reason text,
        order_id bigint,
        hold_until timestamptz,
        attempts integer DEFAULT 0 NOT NULL,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (referee_id),
        CONSTRAINT not_oneself CHECK (referrer_id <> referee_id),
        CONSTRAINT held_while_qualified CHECK ((status = 'qualified') <= (hold_until IS NOT NULL)),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (referee_id) REFERENCES members (id),
        FOREIGN KEY (referrer_id) REFERENCES members (id),
        FOREIGN KEY (order_id) REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED
    );

    CREATE INDEX referrals_referrer ON referrals (referrer_id);
    CREATE INDEX referrals_due ON referrals (hold_until) WHERE status = 'qualified';

    CREATE TABLE exposures (
        experiment text NOT NULL,
        member_id bigint NOT NULL,
        arm text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (experiment, member_id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );
"""
APPEND_ONLY = ("trigger_firings", "reward_grants", "exposures")


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Drop who brought whom and what came by itself; the ledger keeps the points."""
    op.execute("""
        DROP TABLE exposures, referrals, referral_codes, segment_members, reward_grants, trigger_firings,
            calendar_delays
    """)
