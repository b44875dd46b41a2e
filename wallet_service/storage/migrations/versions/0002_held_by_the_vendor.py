"""Wallets that hold a card at their vendor: classes, turns, notices, what was heard of holders; and void cards."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what such a wallet needs; cards that are there get the digest of their own part when they are next drawn."""
    op.execute("""
        ALTER TABLE cards ADD COLUMN own_digest bytea, ADD COLUMN voided_at timestamptz;

        ALTER TABLE wallets
            ADD COLUMN refused boolean DEFAULT false NOT NULL,
            ADD COLUMN announced text,
            ADD COLUMN announced_revision integer DEFAULT 0 NOT NULL,
            ADD COLUMN installed_at timestamptz,
            ADD COLUMN removed_at timestamptz,
            ADD COLUMN heard_until timestamptz;

        DROP INDEX wallets_behind;
        CREATE INDEX wallets_behind ON wallets (platform, not_before, id) WHERE wanted > sent AND removed_at IS NULL;
        CREATE UNIQUE INDEX wallets_held ON wallets (platform, target) WHERE platform = 'google';

        CREATE TABLE pass_classes (
            id bigint GENERATED ALWAYS AS IDENTITY,
            platform text NOT NULL,
            program_id bigint NOT NULL,
            target text NOT NULL,
            wanted bytea NOT NULL,
            sent bytea,
            sent_at timestamptz,
            not_before timestamptz NOT NULL,
            lease uuid,
            lease_until timestamptz,
            attempts integer NOT NULL,
            last_error text,
            PRIMARY KEY (id),
            UNIQUE (platform, program_id),
            FOREIGN KEY (program_id) REFERENCES programs (id)
        );

        CREATE TABLE notices (
            wallet_id bigint NOT NULL,
            channel text NOT NULL,
            revision integer NOT NULL,
            planned_at timestamptz NOT NULL,
            told_at timestamptz,
            PRIMARY KEY (wallet_id, channel, revision),
            FOREIGN KEY (wallet_id) REFERENCES wallets (id) ON DELETE CASCADE
        );

        CREATE TABLE turns (
            id bigint GENERATED ALWAYS AS IDENTITY,
            platform text NOT NULL,
            until timestamptz NOT NULL,
            PRIMARY KEY (id)
        );

        CREATE INDEX turns_until ON turns (platform, until);

        CREATE TABLE nonces (
            nonce text NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (nonce)
        );

        CREATE INDEX nonces_expires ON nonces (expires_at);
    """)


def downgrade() -> None:
    """Forget the vendor's side; wallets that it holds cannot be told from phones any more, so they go."""
    op.execute("""
        DROP TABLE nonces, turns, notices, pass_classes;
        DROP INDEX wallets_held, wallets_behind;
        DELETE FROM wallets WHERE platform <> 'apple';
        CREATE INDEX wallets_behind ON wallets (platform, not_before, id) WHERE wanted > sent;
        ALTER TABLE wallets
            DROP COLUMN refused,
            DROP COLUMN announced,
            DROP COLUMN announced_revision,
            DROP COLUMN installed_at,
            DROP COLUMN removed_at,
            DROP COLUMN heard_until;
        ALTER TABLE cards DROP COLUMN own_digest, DROP COLUMN voided_at;
    """)
