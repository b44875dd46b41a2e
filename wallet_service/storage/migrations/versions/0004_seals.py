"""Seals make changes of the ledger evident."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# `floor` is a bound of PostgreSQL's transaction ids, in the numbering of `cluster`: of all that was committed below it
# everything is sealed. It is null where a seal had to stop before it had taken all that there was.
TABLES = """
    CREATE TABLE ledger_seals (
        position bigint NOT NULL,
        transaction_ids bigint[] NOT NULL,
        leaves bytea NOT NULL,
        root bytea NOT NULL,
        before bigint NOT NULL,
        previous bytea NOT NULL,
        head bytea NOT NULL,
        sealed_at timestamptz NOT NULL,
        public_key bytea NOT NULL,
        signature bytea NOT NULL,
        cluster text NOT NULL,
        floor xid8,
        PRIMARY KEY (position)
    );

    CREATE INDEX ledger_seals_complete ON ledger_seals (position) WHERE floor IS NOT NULL;
    CREATE INDEX ledger_seals_time ON ledger_seals (sealed_at);

    CREATE TABLE sealed_transactions (
        transaction_id bigint NOT NULL,
        seal bigint NOT NULL,
        PRIMARY KEY (transaction_id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id),
        FOREIGN KEY (seal) REFERENCES ledger_seals (position)
    );

    CREATE INDEX ledger_transactions_xid ON ledger_transactions (xid);
    CREATE INDEX qualifications_transaction ON qualifications (transaction_id);
"""
APPEND_ONLY = ("ledger_seals", "sealed_transactions")


def upgrade() -> None:
    """Make the tables; what was posted before them is sealed first."""
    op.execute(TABLES)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Drop the seals; what they prove can be proved no more."""
    op.execute("""
        DROP INDEX qualifications_transaction, ledger_transactions_xid;
        DROP TABLE sealed_transactions, ledger_seals;
    """)
