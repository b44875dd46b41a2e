"""An order that is paid back in full gives back what it has used of limits."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# Code of before takes a mark for a name with a time, and knows no order that holds no uses for the time being.
BEFORE = """
    UPDATE orders SET award = award #- '{taken,idle}' #- '{taken,uses}' WHERE award->'taken' ? 'idle';
    UPDATE challenge_progress SET marks = coalesce((
        SELECT jsonb_agg(jsonb_build_array(name, at) ORDER BY at, name) FROM (
            SELECT mark->>0 AS name, max((mark->>1)::timestamptz) AS at
            FROM jsonb_array_elements(marks) AS mark GROUP BY mark->>0
        ) AS given
    ), '[]')
"""


def upgrade() -> None:
    """Let a row count as one use, or as one that was given back."""
    op.execute("ALTER TABLE award_uses ADD COLUMN times smallint NOT NULL DEFAULT 1 CHECK (times IN (1, -1))")


def downgrade() -> None:
    """Leave those that were given back out of the count, as far as each has a use to take away."""
    op.execute("ALTER TABLE award_uses DISABLE TRIGGER append_only")
    op.execute("""
        WITH numbered AS (
            SELECT id, times, row_number() OVER (PARTITION BY member_id, code, key, at, times ORDER BY id) AS number,
                   member_id, code, key, at
            FROM award_uses
        )
        DELETE FROM award_uses USING numbered AS used, numbered AS back
        WHERE used.times = 1 AND back.times = -1 AND used.number = back.number
          AND (used.member_id, used.code, used.key, used.at) = (back.member_id, back.code, back.key, back.at)
          AND award_uses.id IN (used.id, back.id)
    """)
    op.execute("DELETE FROM award_uses WHERE times = -1")
    op.execute("ALTER TABLE award_uses ENABLE TRIGGER append_only")
    op.execute("ALTER TABLE award_uses DROP COLUMN times")
    op.execute(BEFORE)
