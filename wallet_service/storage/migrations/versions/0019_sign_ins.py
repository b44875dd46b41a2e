"""Members sign in by links in letters: who asked for one, the links that work, and who is signed in."""

from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

# Of links and sessions only hashes are kept. Whether an address is somebody's is looked up when the letter is written,
# and never by whoever asks for it.
TABLES = """
    CREATE TABLE asked_letters (
        id bigint GENERATED ALWAYS AS IDENTITY,
        kind text NOT NULL CHECK (kind IN ('sign_in', 'verify')),
        program_id bigint NOT NULL,
        member_id bigint,
        sealed bytea NOT NULL,
        locale text NOT NULL,
        asked_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        CHECK ((kind = 'verify') = (member_id IS NOT NULL))
    );
    CREATE INDEX asked_letters_of_member ON asked_letters (member_id) WHERE member_id IS NOT NULL;

    CREATE TABLE sign_ins (
        token_hash bytea NOT NULL,
        kind text NOT NULL CHECK (kind IN ('sign_in', 'verify')),
        program_id bigint NOT NULL,
        member_id bigint NOT NULL,
        sealed bytea NOT NULL,
        ends_at timestamptz NOT NULL,
        PRIMARY KEY (token_hash),
        FOREIGN KEY (program_id) REFERENCES programs (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );
    CREATE INDEX sign_ins_of_member ON sign_ins (member_id);

    CREATE TABLE member_sessions (
        token_hash bytea NOT NULL,
        member_id bigint NOT NULL,
        began_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        PRIMARY KEY (token_hash),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );
    CREATE INDEX member_sessions_of_member ON member_sessions (member_id);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Sign everybody out, and forget the links that were sent."""
    op.execute("DROP TABLE member_sessions, sign_ins, asked_letters")
