"""Jobs that workers do piece by piece, the files that they read, what they refused, and balances that were opened."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A job's turn comes by the order in which jobs were last worked on. A job that is over has no lease.
TABLES = """
    CREATE SEQUENCE job_turns;

    CREATE TABLE job_files (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        name text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE TABLE job_file_parts (
        file_id bigint NOT NULL,
        position integer NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (file_id, position),
        FOREIGN KEY (file_id) REFERENCES job_files (id) ON DELETE CASCADE
    );

    CREATE TABLE jobs (
        id bigint GENERATED ALWAYS AS IDENTITY,
        public_id text NOT NULL,
        program_id bigint NOT NULL,
        operation_id bigint,
        kind text NOT NULL,
        asked jsonb NOT NULL,
        asked_by text NOT NULL,
        file_id bigint,
        state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
        total bigint NOT NULL,
        done bigint NOT NULL,
        refused bigint NOT NULL,
        cursor jsonb NOT NULL,
        result jsonb NOT NULL,
        turn bigint DEFAULT nextval('job_turns') NOT NULL,
        not_before timestamptz NOT NULL,
        lease uuid,
        lease_until timestamptz,
        attempts integer NOT NULL,
        last_error text,
        created_at timestamptz NOT NULL,
        started_at timestamptz,
        finished_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (operation_id) REFERENCES operations (id),
        FOREIGN KEY (file_id) REFERENCES job_files (id) ON DELETE SET NULL,
        CONSTRAINT over_or_not CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'failed', 'cancelled'))),
        CONSTRAINT over_without_lease CHECK (finished_at IS NULL OR lease IS NULL),
        CONSTRAINT refused_at_most_done CHECK (refused <= done)
    );

    CREATE INDEX jobs_open ON jobs (turn) WHERE finished_at IS NULL;
    CREATE INDEX jobs_over ON jobs (finished_at) WHERE finished_at IS NOT NULL;
    CREATE INDEX jobs_program ON jobs (program_id, id);
    CREATE INDEX jobs_file ON jobs (file_id) WHERE file_id IS NOT NULL;

    CREATE TABLE job_refusals (
        job_id bigint NOT NULL,
        row_number bigint NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (job_id, row_number),
        FOREIGN KEY (job_id) REFERENCES jobs (id)
    );

    CREATE TABLE opening_balances (
        member_id bigint NOT NULL,
        points bigint NOT NULL CHECK (points > 0),
        transaction_id bigint NOT NULL,
        PRIMARY KEY (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id)
    );
"""
APPEND_ONLY = ("opening_balances",)


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Drop them; jobs under way are forgotten, and balances could be opened a second time."""
    op.execute("""
        DROP TABLE opening_balances, job_refusals, jobs, job_file_parts, job_files;
        DROP SEQUENCE job_turns;
    """)
