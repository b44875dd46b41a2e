"""Points lie in lots, tiers have a history, programmes have versions, and operations have keys."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Rows whose ids must be known before they are written share one sequence.
TABLES = """
    CREATE SEQUENCE ledger_ids;

    ALTER TABLE programs ADD COLUMN version integer DEFAULT 0 NOT NULL;

    CREATE TABLE program_versions (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        version integer NOT NULL,
        definition text NOT NULL,
        digest bytea NOT NULL,
        valid_from timestamptz NOT NULL,
        published_at timestamptz NOT NULL,
        published_by text NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (program_id, version),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE TABLE operations (
        id bigint GENERATED ALWAYS AS IDENTITY,
        program_id bigint NOT NULL,
        key text NOT NULL,
        kind text NOT NULL,
        content_hash bytea NOT NULL,
        actor text NOT NULL,
        answer jsonb NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (program_id, key),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    ALTER TABLE members ADD COLUMN merged_into bigint REFERENCES members (id);

    ALTER TABLE profiles ADD COLUMN birth_month smallint, ADD COLUMN birth_day smallint, ADD COLUMN cause text;

    ALTER TABLE ledger_accounts
        ADD COLUMN partner text,
        DROP CONSTRAINT ledger_accounts_program_id_kind_member_id_key,
        ADD UNIQUE NULLS NOT DISTINCT (program_id, kind, member_id, partner);

    ALTER TABLE ledger_transactions
        ALTER COLUMN id DROP IDENTITY,
        ALTER COLUMN event_id DROP NOT NULL,
        ALTER COLUMN member_id DROP NOT NULL,
        ADD COLUMN program_id bigint REFERENCES programs (id),
        ADD COLUMN operation_id bigint REFERENCES operations (id),
        ADD COLUMN reverses_id bigint REFERENCES ledger_transactions (id),
        ADD COLUMN xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
        DROP CONSTRAINT ledger_transactions_event_id_position_key,
        ALTER CONSTRAINT ledger_transactions_event_id_fkey DEFERRABLE INITIALLY DEFERRED,
        ALTER CONSTRAINT ledger_transactions_order_id_fkey DEFERRABLE INITIALLY DEFERRED,
        ADD CONSTRAINT one_cause CHECK (num_nonnulls(event_id, operation_id) <= 1);

    CREATE UNIQUE INDEX ledger_transactions_event ON ledger_transactions (event_id, position)
        WHERE event_id IS NOT NULL;

    CREATE TABLE lots (
        id bigint NOT NULL,
        member_id bigint NOT NULL,
        transaction_id bigint NOT NULL,
        points bigint NOT NULL CHECK (points > 0),
        rule text,
        order_id bigint,
        partner text,
        effective_at timestamptz NOT NULL,
        activates_at timestamptz,
        expires_at timestamptz,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id),
        FOREIGN KEY (order_id) REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED
    );

    CREATE INDEX lots_member ON lots (member_id, id);

    CREATE TABLE holds (
        id bigint NOT NULL,
        public_id text NOT NULL,
        member_id bigint NOT NULL,
        transaction_id bigint NOT NULL,
        points bigint NOT NULL CHECK (points > 0),
        purpose text NOT NULL,
        reference text,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (public_id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id)
    );

    CREATE INDEX holds_member ON holds (member_id, id);

    CREATE TABLE open_holds (
        hold_id bigint NOT NULL,
        member_id bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (hold_id),
        FOREIGN KEY (hold_id) REFERENCES holds (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX open_holds_member ON open_holds (member_id, expires_at);

    CREATE TABLE hold_outcomes (
        hold_id bigint NOT NULL,
        outcome text NOT NULL CHECK (outcome IN ('captured', 'voided', 'expired')),
        points bigint NOT NULL,
        transaction_id bigint NOT NULL,
        PRIMARY KEY (hold_id),
        FOREIGN KEY (hold_id) REFERENCES holds (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id)
    );

    CREATE TABLE lot_allocations (
        id bigint GENERATED ALWAYS AS IDENTITY,
        transaction_id bigint NOT NULL,
        lot_id bigint NOT NULL,
        bucket text NOT NULL CHECK (bucket IN ('pending', 'available', 'held', 'out')),
        delta bigint NOT NULL CHECK (delta <> 0),
        hold_id bigint,
        expires_at timestamptz,
        PRIMARY KEY (id),
        FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (id),
        FOREIGN KEY (lot_id) REFERENCES lots (id),
        FOREIGN KEY (hold_id) REFERENCES holds (id) DEFERRABLE INITIALLY DEFERRED
    );

    CREATE INDEX lot_allocations_lot ON lot_allocations (lot_id);
    CREATE INDEX lot_allocations_transaction ON lot_allocations (transaction_id);
    CREATE INDEX lot_allocations_hold ON lot_allocations (hold_id) WHERE hold_id IS NOT NULL;

    CREATE TABLE lot_balances (
        lot_id bigint NOT NULL,
        member_id bigint NOT NULL,
        pending bigint NOT NULL CHECK (pending >= 0),
        available bigint NOT NULL CHECK (available >= 0),
        held bigint NOT NULL CHECK (held >= 0),
        activates_at timestamptz,
        expires_at timestamptz,
        PRIMARY KEY (lot_id),
        FOREIGN KEY (lot_id) REFERENCES lots (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    ) WITH (fillfactor = 80);

    CREATE INDEX lot_balances_live ON lot_balances (member_id) WHERE pending > 0 OR available > 0 OR held > 0;
    CREATE INDEX lot_balances_waiting ON lot_balances (member_id, activates_at) WHERE pending > 0;

    CREATE TABLE expiry_days (
        member_id bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        available bigint NOT NULL CHECK (available >= 0),
        PRIMARY KEY (member_id, expires_at),
        FOREIGN KEY (member_id) REFERENCES members (id)
    ) WITH (fillfactor = 80);

    ALTER TABLE qualifications RENAME COLUMN amount TO points;
    ALTER TABLE qualifications
        ALTER COLUMN transaction_id DROP NOT NULL,
        ADD COLUMN spend bigint DEFAULT 0 NOT NULL,
        ADD COLUMN orders integer DEFAULT 0 NOT NULL,
        ADD COLUMN referrals integer DEFAULT 0 NOT NULL,
        ADD COLUMN order_id bigint REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED,
        ADD COLUMN day date;

    CREATE TABLE qualification_days (
        member_id bigint NOT NULL,
        day date NOT NULL,
        spend bigint NOT NULL,
        points bigint NOT NULL,
        orders integer NOT NULL,
        referrals integer NOT NULL,
        PRIMARY KEY (member_id, day),
        FOREIGN KEY (member_id) REFERENCES members (id)
    ) WITH (fillfactor = 80);

    CREATE TABLE tier_changes (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        kind text NOT NULL,
        day date NOT NULL,
        tier text,
        valid_until date,
        measured_to date NOT NULL,
        manual boolean NOT NULL,
        cause text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX tier_changes_member ON tier_changes (member_id, id);

    CREATE TABLE membership_terms (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        kind text NOT NULL,
        reference text NOT NULL,
        starts_on date NOT NULL,
        ends_on date NOT NULL,
        price_minor bigint,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (member_id, reference, kind),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    ALTER TABLE events ALTER COLUMN id DROP IDENTITY;

    ALTER TABLE orders
        ALTER COLUMN id DROP IDENTITY,
        ADD COLUMN program_version integer,
        ADD COLUMN paid_at timestamptz,
        ADD COLUMN version timestamptz,
        ADD COLUMN cancelled boolean DEFAULT false NOT NULL,
        ADD COLUMN refunds jsonb DEFAULT '[]' NOT NULL,
        ADD COLUMN snapshot_minor bigint DEFAULT 0 NOT NULL,
        ADD COLUMN fulfilled_at timestamptz,
        ADD COLUMN forgiven bigint DEFAULT 0 NOT NULL,
        ADD COLUMN counted_minor bigint DEFAULT 0 NOT NULL,
        ADD COLUMN counted boolean DEFAULT false NOT NULL,
        ADD COLUMN tier text,
        ADD COLUMN purchase jsonb,
        ADD COLUMN award jsonb;

    CREATE TABLE activities (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        event_id bigint NOT NULL,
        type text NOT NULL,
        occurred_at timestamptz NOT NULL,
        properties jsonb NOT NULL,
        award jsonb,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id),
        FOREIGN KEY (event_id) REFERENCES events (id) DEFERRABLE INITIALLY DEFERRED
    );

    CREATE INDEX activities_member ON activities (member_id, type);

    CREATE TABLE award_uses (
        id bigint GENERATED ALWAYS AS IDENTITY,
        member_id bigint NOT NULL,
        code text NOT NULL,
        key text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    CREATE INDEX award_uses_member ON award_uses (member_id, code, key, at);

    CREATE TABLE campaign_states (
        program_id bigint NOT NULL,
        code text NOT NULL,
        points bigint NOT NULL CHECK (points >= 0),
        claims bigint NOT NULL CHECK (claims >= 0),
        PRIMARY KEY (program_id, code),
        FOREIGN KEY (program_id) REFERENCES programs (id)
    );

    CREATE TABLE challenge_progress (
        member_id bigint NOT NULL,
        code text NOT NULL,
        round integer NOT NULL,
        marks jsonb NOT NULL,
        PRIMARY KEY (member_id, code),
        FOREIGN KEY (member_id) REFERENCES members (id)
    );

    ALTER TABLE balances
        ADD COLUMN pending bigint DEFAULT 0 NOT NULL,
        ADD COLUMN held bigint DEFAULT 0 NOT NULL,
        ADD COLUMN active_at timestamptz,
        ADD COLUMN earned_total bigint DEFAULT 0 NOT NULL,
        ADD COLUMN spend_total bigint DEFAULT 0 NOT NULL,
        ADD COLUMN orders_total bigint DEFAULT 0 NOT NULL,
        ADD COLUMN referrals_total bigint DEFAULT 0 NOT NULL,
        ADD COLUMN tier text,
        ADD COLUMN tier_since date,
        ADD COLUMN tier_until date,
        ADD COLUMN tier_measured_to date,
        ADD COLUMN tier_manual boolean DEFAULT false NOT NULL,
        ADD COLUMN tier_floor text,
        ADD COLUMN tier_floor_until date,
        ADD COLUMN tier_last_day date,
        ADD COLUMN paid_since date,
        ADD COLUMN paid_until date,
        ADD COLUMN dying bigint DEFAULT 0 NOT NULL,
        ADD COLUMN dying_on date,
        ADD COLUMN movements jsonb DEFAULT '[]' NOT NULL,
        ADD COLUMN rewards text[] DEFAULT '{}' NOT NULL,
        ADD COLUMN granted text[] DEFAULT '{}' NOT NULL,
        ADD COLUMN due_at timestamptz,
        ADD COLUMN program_version integer DEFAULT 0 NOT NULL,
        ADD CONSTRAINT pending_not_negative CHECK (pending >= 0),
        ADD CONSTRAINT held_not_negative CHECK (held >= 0);
    ALTER TABLE balances SET (fillfactor = 80);

    CREATE INDEX balances_due ON balances (due_at) WHERE due_at IS NOT NULL;
"""
APPEND_ONLY = (
    "program_versions",
    "lots",
    "lot_allocations",
    "holds",
    "hold_outcomes",
    "tier_changes",
    "membership_terms",
    "award_uses",
)
# What was posted before there were lots: each member's balance becomes one lot, and facts get their days.
FILL = """
    ALTER TABLE ledger_transactions DISABLE TRIGGER append_only;
    ALTER TABLE qualifications DISABLE TRIGGER append_only;
    UPDATE ledger_transactions SET program_id = members.program_id
        FROM members WHERE members.id = ledger_transactions.member_id;
    UPDATE qualifications SET day = (occurred_at AT TIME ZONE 'UTC')::date;
    ALTER TABLE ledger_transactions ENABLE TRIGGER append_only;
    ALTER TABLE qualifications ENABLE TRIGGER append_only;
    ALTER TABLE ledger_transactions ALTER COLUMN program_id SET NOT NULL;
    ALTER TABLE qualifications ALTER COLUMN day SET NOT NULL;

    SELECT setval('ledger_ids', greatest(
        (SELECT coalesce(max(id), 0) FROM ledger_transactions),
        (SELECT coalesce(max(id), 0) FROM orders),
        (SELECT coalesce(max(id), 0) FROM events)
    ) + 1);

    WITH opened AS (
        INSERT INTO lots (id, member_id, transaction_id, points, rule, effective_at)
        SELECT nextval('ledger_ids'), member_id, last.id, available, 'brought forward', last.effective_at
        FROM balances CROSS JOIN LATERAL (
            SELECT id, effective_at FROM ledger_transactions
            WHERE ledger_transactions.member_id = balances.member_id ORDER BY id DESC LIMIT 1
        ) AS last
        WHERE available > 0
        RETURNING id, member_id, transaction_id, points
    ), allocated AS (
        INSERT INTO lot_allocations (transaction_id, lot_id, bucket, delta)
        SELECT transaction_id, id, 'available', points FROM opened
    )
    INSERT INTO lot_balances (lot_id, member_id, pending, available, held)
    SELECT id, member_id, 0, points, 0 FROM opened;

    -- When an order was paid is only known where something was posted for it; one that still waits for its customer
    -- counts from today, since its points would be dead already if they came long ago.
    UPDATE orders SET refunds = jsonb_build_array(jsonb_build_array('1970-01-01T00:00:00+00:00', refunded_minor))
        WHERE refunded_minor > 0;
    UPDATE orders SET paid_at = coalesce((
        SELECT min(effective_at) FROM ledger_transactions WHERE ledger_transactions.order_id = orders.id
    ), now()) WHERE eligible_minor IS NOT NULL;
    UPDATE orders SET forgiven = coalesce((
        SELECT -sum(points) FROM ledger_entries
        JOIN ledger_transactions ON ledger_transactions.id = transaction_id
        JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE ledger_transactions.order_id = orders.id AND kind = 'forgiven'
    ), 0), award = (
        SELECT jsonb_build_object('rule', rule, 'parts', '[]'::jsonb) FROM ledger_transactions
        WHERE ledger_transactions.order_id = orders.id AND type = 'earn' ORDER BY id LIMIT 1
    );
    UPDATE orders SET counted = eligible_minor > refunded_minor OR eligible_minor = 0,
        counted_minor = greatest(eligible_minor - refunded_minor, 0)
    WHERE earned IS NOT NULL AND member_id IS NOT NULL;

    -- What an order counts for besides points was not kept before.
    INSERT INTO qualifications (member_id, order_id, day, spend, points, orders, occurred_at)
    SELECT member_id, id, (paid_at AT TIME ZONE 'UTC')::date, counted_minor, 0, 1, paid_at FROM orders WHERE counted;
    INSERT INTO qualification_days (member_id, day, spend, points, orders, referrals)
    SELECT member_id, day, sum(spend), sum(points), sum(orders), sum(referrals)
    FROM qualifications GROUP BY member_id, day;

    INSERT INTO ledger_accounts (program_id, kind, member_id)
    SELECT program_id, kind, id FROM members CROSS JOIN unnest(ARRAY['pending', 'held']) AS kind;
    INSERT INTO ledger_accounts (program_id, kind)
    SELECT id, kind FROM programs CROSS JOIN unnest(ARRAY['redemption', 'breakage', 'transfer']) AS kind;

    UPDATE balances SET earned_total = qualifying,
        spend_total = coalesce((SELECT sum(spend) FROM qualification_days AS days
                                WHERE days.member_id = balances.member_id), 0),
        orders_total = coalesce((SELECT sum(orders) FROM qualification_days AS days
                                 WHERE days.member_id = balances.member_id), 0),
        active_at = (
            SELECT max(effective_at) FROM ledger_transactions
            WHERE ledger_transactions.member_id = balances.member_id AND type = 'earn'
        );
    -- Tiers are found again, and the days looked at, when a member is next settled: now.
    UPDATE balances SET due_at = 'epoch';
"""


def upgrade() -> None:
    """Make the tables, and carry what there is over into them."""
    op.execute(TABLES)
    op.execute(FILL)
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or what waits for the commit would keep later migrations out
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Keep balances and drop what lies behind them; transactions that the tables before could not hold go with it."""
    op.execute("""
        ALTER TABLE ledger_transactions DISABLE TRIGGER append_only;
        ALTER TABLE ledger_entries DISABLE TRIGGER append_only;
        ALTER TABLE qualifications DISABLE TRIGGER append_only;

        DROP TABLE challenge_progress, campaign_states, award_uses, activities, membership_terms, tier_changes,
            qualification_days, expiry_days, lot_balances, lot_allocations, hold_outcomes, open_holds, holds, lots;

        CREATE TEMP TABLE unknown ON COMMIT DROP AS
            SELECT id FROM ledger_transactions WHERE event_id IS NULL
                OR type NOT IN ('earn', 'earn_reversal', 'adjust')
                OR EXISTS (
                    SELECT FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
                    WHERE transaction_id = ledger_transactions.id
                      AND kind NOT IN ('available', 'issuance', 'adjustment', 'forgiven')
                );
        DELETE FROM qualifications WHERE transaction_id IS NULL OR transaction_id IN (SELECT id FROM unknown);
        DELETE FROM ledger_entries WHERE transaction_id IN (SELECT id FROM unknown);
        UPDATE ledger_transactions SET reverses_id = NULL WHERE reverses_id IS NOT NULL;
        DELETE FROM ledger_transactions WHERE id IN (SELECT id FROM unknown);
        DELETE FROM ledger_accounts WHERE kind NOT IN ('available', 'issuance', 'adjustment', 'forgiven');

        ALTER TABLE qualifications
            DROP COLUMN spend, DROP COLUMN orders, DROP COLUMN referrals, DROP COLUMN order_id, DROP COLUMN day,
            ALTER COLUMN transaction_id SET NOT NULL;
        ALTER TABLE qualifications RENAME COLUMN points TO amount;

        ALTER TABLE balances
            DROP COLUMN pending, DROP COLUMN held, DROP COLUMN active_at, DROP COLUMN earned_total,
            DROP COLUMN spend_total, DROP COLUMN orders_total, DROP COLUMN referrals_total, DROP COLUMN tier,
            DROP COLUMN tier_since, DROP COLUMN tier_until, DROP COLUMN tier_measured_to, DROP COLUMN tier_manual,
            DROP COLUMN tier_floor, DROP COLUMN tier_floor_until, DROP COLUMN tier_last_day,
            DROP COLUMN paid_since, DROP COLUMN paid_until, DROP COLUMN dying, DROP COLUMN dying_on,
            DROP COLUMN movements, DROP COLUMN rewards, DROP COLUMN granted, DROP COLUMN due_at,
            DROP COLUMN program_version, RESET (fillfactor);
        UPDATE balances SET available = coalesce((
            SELECT sum(points) FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
            WHERE ledger_accounts.member_id = balances.member_id
        ), 0), qualifying = coalesce((
            SELECT sum(amount) FROM qualifications WHERE qualifications.member_id = balances.member_id
        ), 0);

        DROP INDEX ledger_transactions_event;
        ALTER TABLE ledger_transactions
            DROP COLUMN program_id, DROP COLUMN operation_id, DROP COLUMN reverses_id, DROP COLUMN xid,
            ALTER CONSTRAINT ledger_transactions_event_id_fkey NOT DEFERRABLE,
            ALTER CONSTRAINT ledger_transactions_order_id_fkey NOT DEFERRABLE,
            ALTER COLUMN event_id SET NOT NULL,
            ALTER COLUMN member_id SET NOT NULL,
            ADD UNIQUE (event_id, position);
        ALTER TABLE ledger_accounts
            DROP COLUMN partner,
            ADD UNIQUE NULLS NOT DISTINCT (program_id, kind, member_id);
        ALTER TABLE orders
            DROP COLUMN program_version, DROP COLUMN paid_at, DROP COLUMN version, DROP COLUMN cancelled,
            DROP COLUMN refunds, DROP COLUMN snapshot_minor, DROP COLUMN fulfilled_at,
            DROP COLUMN forgiven, DROP COLUMN counted_minor, DROP COLUMN counted, DROP COLUMN tier,
            DROP COLUMN purchase, DROP COLUMN award;
        ALTER TABLE profiles DROP COLUMN birth_month, DROP COLUMN birth_day, DROP COLUMN cause;
        ALTER TABLE members DROP COLUMN merged_into;
        ALTER TABLE programs DROP COLUMN version;
        DROP TABLE operations, program_versions;
        DROP SEQUENCE ledger_ids;

        ALTER TABLE ledger_transactions ENABLE TRIGGER append_only;
        ALTER TABLE ledger_entries ENABLE TRIGGER append_only;
        ALTER TABLE qualifications ENABLE TRIGGER append_only;
    """)
    for table in ("events", "orders", "ledger_transactions"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY")
        op.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {table}))"
        )
