"""What campaigns have given of their budgets can be held against what was given."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# What deeds and challenges took was not kept with them, so that what orders do not explain is left as it stands.
FILL = """
    ALTER TABLE campaign_states
        ADD COLUMN points_before bigint NOT NULL DEFAULT 0, ADD COLUMN claims_before bigint NOT NULL DEFAULT 0;
    UPDATE campaign_states SET points_before = points, claims_before = claims;
    UPDATE campaign_states
    SET points_before = campaign_states.points - given.points, claims_before = campaign_states.claims - given.claims
    FROM (
        SELECT program_id, spent->>0 AS code, sum((spent->>1)::bigint) AS points, count(*) AS claims
        FROM orders JOIN sources ON sources.id = source_id, jsonb_array_elements(award->'taken'->'spent') AS spent
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
