"""What campaigns have given of their budgets can be held against what was given."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# What deeds and challenges took was not kept with them, so that what is not explained is left as it stands. Only where
# the tables went back and come again do transactions explain some of it.
FILL = """
    ALTER TABLE campaign_states
        ADD COLUMN points_before bigint NOT NULL DEFAULT 0, ADD COLUMN claims_before bigint NOT NULL DEFAULT 0;
    UPDATE campaign_states SET points_before = points, claims_before = claims;
    UPDATE campaign_states
    SET points_before = campaign_states.points - given.points, claims_before = campaign_states.claims - given.claims
    FROM (
        SELECT program_id, spent->>0 AS code, sum((spent->>1)::bigint) AS points, count(*) AS claims
        FROM (
            SELECT program_id, spent
            FROM orders JOIN sources ON sources.id = source_id, jsonb_array_elements(award->'taken'->'spent') AS spent
            UNION ALL
            SELECT program_id, spent
            FROM ledger_transactions, jsonb_array_elements(award->'spent') AS spent WHERE order_id IS NULL
        ) AS told
        GROUP BY program_id, spent->>0
    ) AS given
    WHERE given.program_id = campaign_states.program_id AND given.code = campaign_states.code
"""


def upgrade() -> None:
    """Keep what nothing explains."""
    op.execute(FILL)


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE campaign_states DROP COLUMN points_before, DROP COLUMN claims_before")
