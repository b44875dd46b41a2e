"""Links of campaigns: a row for each that was used, what was counted of them, and cards that came into wallets."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# A link that nobody has used has no row. One that was written down for print has a code in place of the mark of its
# token. Openings by programs, and what was made and never opened, are only counted.
TABLES = """
    CREATE TABLE link_campaigns (
        id bigint GENERATED ALWAYS AS IDENTITY,
        merchant_id bigint NOT NULL,
        program_id bigint NOT NULL,
        code text NOT NULL,
        name text NOT NULL,
        channel text NOT NULL,
        utm_source text,
        utm_medium text,
        utm_campaign text,
        utm_term text,
        utm_content text,
        valid_until date,
        use_limit integer CHECK (use_limit > 0),
        created_at timestamptz NOT NULL,
        revoked_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (merchant_id, code),
        FOREIGN KEY (merchant_id) REFERENCES merchants (id),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE INDEX link_campaigns_program ON link_campaigns (program_id);

    CREATE TABLE links (
        id bigint GENERATED ALWAYS AS IDENTITY,
        campaign_id bigint NOT NULL,
        mark bytea,
        code text,
        kind text NOT NULL CHECK (kind IN ('anyone', 'member', 'prospect')),
        channel text NOT NULL,
        content text,
        member_id bigint,
        valid_until date,
        use_limit integer CHECK (use_limit > 0),
        uses integer DEFAULT 0 NOT NULL,
        in_use_until timestamptz,
        unmeasured boolean DEFAULT false NOT NULL,
        made_at timestamptz NOT NULL,
        revoked_at timestamptz,
        PRIMARY KEY (id),
        UNIQUE (mark),
        UNIQUE (code),
        CONSTRAINT found_by_one_name CHECK (num_nonnulls(mark, code) = 1),
        FOREIGN KEY (campaign_id) REFERENCES link_campaigns (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX links_campaign ON links (campaign_id, id);
    CREATE INDEX links_member ON links (member_id) WHERE member_id IS NOT NULL;

    CREATE TABLE link_joins (
        member_id bigint NOT NULL,
        link_id bigint NOT NULL,
        joined_at timestamptz NOT NULL,
        PRIMARY KEY (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (link_id) REFERENCES links (id)
    );

    CREATE INDEX link_joins_link ON link_joins (link_id);

    CREATE TABLE link_visits (
        link_id bigint NOT NULL,
        step text NOT NULL CHECK (step IN ('opened', 'downloaded', 'save_clicked')),
        device text NOT NULL,
        app text,
        member_id bigint,
        day date NOT NULL,
        times bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        UNIQUE NULLS NOT DISTINCT (link_id, step, member_id, device, app, day),
        FOREIGN KEY (link_id) REFERENCES links (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX link_visits_member ON link_visits (member_id, step, first_at) WHERE member_id IS NOT NULL;

    CREATE TABLE link_counts (
        campaign_id bigint NOT NULL,
        channel text NOT NULL,
        day date NOT NULL,
        what text NOT NULL CHECK (what IN ('sent', 'preview', 'scanner', 'prefetch', 'crawler')),
        times bigint NOT NULL,
        PRIMARY KEY (campaign_id, channel, day, what),
        FOREIGN KEY (campaign_id) REFERENCES link_campaigns (id)
    );

    CREATE TABLE installs (
        id bigint GENERATED ALWAYS AS IDENTITY,
        card_id bigint NOT NULL,
        platform text NOT NULL,
        device text,
        installed_at timestamptz NOT NULL,
        removed_at timestamptz,
        PRIMARY KEY (id),
        FOREIGN KEY (card_id) REFERENCES cards (id)
    );

    CREATE UNIQUE INDEX installs_now ON installs (card_id, platform, device) WHERE removed_at IS NULL;
    CREATE INDEX installs_card ON installs (card_id, installed_at);

    CREATE TABLE objections (
        member_id bigint NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (member_id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX orders_member_paid ON orders (member_id, paid_at) WHERE member_id IS NOT NULL;

    INSERT INTO installs (card_id, platform, device, installed_at)
    SELECT card_id, platform, device, CASE platform WHEN 'apple' THEN registered_at ELSE installed_at END
    FROM wallets WHERE removed_at IS NULL AND (platform = 'apple' OR installed_at IS NOT NULL);
"""


def upgrade() -> None:
    """Make the tables; cards that are in wallets now count as installed when they came there last."""
    op.execute(TABLES)


def downgrade() -> None:
    """Forget campaigns and all that was counted; links that are out do not work any more."""
    op.execute("""
        DROP INDEX orders_member_paid;
        DROP TABLE objections, installs, link_counts, link_visits, link_joins, links, link_campaigns;
    """)
