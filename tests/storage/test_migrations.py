"""Migrations bring any database to the newest tables, and the tables hold the ledger's laws by themselves."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from actors import START, Device, Shop, card_of
from alembic.script import ScriptDirectory
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.account import Account
from wallet_service.domain.event import Customer, Event, Fact, OrderUpdated, PointsAdjusted, content_hash
from wallet_service.domain.expiry import Expiry
from wallet_service.domain.ledger import Lot
from wallet_service.domain.pass_class import PassClass
from wallet_service.storage import (
    device_logs,
    holdings,
    migrate,
    nonces,
    notices,
    pass_classes,
    revision,
    turns,
    wallets,
)
from wallet_service.storage import ledger as books
from wallet_service.storage.embedded import Embedded
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.receive import receive, source_of
from wallet_service.wiring import Service, build, open_engine

# Tables that are only ever added to, each with a column that an UPDATE may name.
APPEND_ONLY = {
    "ledger_transactions": "type",
    "ledger_entries": "points",
    "qualifications": "points",
    "program_versions": "definition",
    "lots": "points",
    "lot_allocations": "delta",
    "holds": "points",
    "hold_outcomes": "points",
    "tier_changes": "tier",
    "membership_terms": "ends_on",
    "award_uses": "key",
    "opening_balances": "points",
}
TABLES = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
FUNCTIONS = text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1")
COLUMNS = text("""
    SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position
""")
INDEXES = text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
CONSTRAINTS = text("""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
""")
TRIGGERS = text("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")

_names = itertools.count()


@pytest.fixture
def empty(cluster: Embedded) -> Iterator[Engine]:
    """An engine on a database without any tables."""
    name = f"empty_{os.getpid()}_{next(_names)}"
    server = create_engine(cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = open_engine(cluster.url(name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def history(service: Service, shop: Shop, device: Device) -> Service:
    """A service with at least one row in every table."""
    enrolled = shop.enrol("ann", name="Ann")
    shop.buy(8_040, order="o1")
    shop.refund(4_000, order="o1")
    shop.adjust(5)
    assert device.register(card_of(service, enrolled["serial_number"])).status_code == 201
    with service.begin() as tx:
        device_logs.add(tx, ["hello"], now=START)
        wallets.stop(tx, "apple", "a test", until=START, now=START)
        card = card_of(service, enrolled["serial_number"])
        offered = holdings.offer(tx, card_id=card.id, platform="google", target="1.card", revision=1, now=START)
        notices.plan(tx, wallet_id=offered.wallet_id, channel="fields", revision=1, now=START)
        pass_classes.want(tx, PassClass("google", "points", "1.program", b"drawn", {}), publish=True, now=START)
        turns.take(tx, platform="google", most=1, longest=timedelta(seconds=1))
        nonces.first(tx, "once", expires_at=START + timedelta(hours=1), now=START)
        tx.execute(text(REST))
    service.seal()
    return service


# A row for each table that the story above leaves empty.
REST = """
    INSERT INTO member_identities (program_id, member_id, kind, mark, sealed, created_at)
        SELECT program_id, id, 'email', 'mark', 'sealed', enrolled_at FROM members LIMIT 1;
    INSERT INTO order_identities (order_id, program_id, kind, mark)
        SELECT orders.id, program_id, 'email', 'mark' FROM orders JOIN sources ON sources.id = source_id LIMIT 1;
    INSERT INTO consents (member_id, purpose, granted, source, at)
        SELECT id, 'marketing', true, 'a test', enrolled_at FROM members;
    INSERT INTO deliveries (public_id, source_id, topic, delivery_id, status, attempts, received_at)
        SELECT 'inb_1', id, 'orders/paid', 'once', 'received', 0, created_at FROM sources;
    INSERT INTO api_keys (merchant_id, public_id, name, secret_hash, scopes, created_at)
        SELECT id, 'key_1', 'till', 'hash', '{members:read}', created_at FROM merchants;
    INSERT INTO operations (program_id, key, kind, content_hash, actor, answer, created_at)
        SELECT id, 'once', 'redeem', '', 'a test', '{}', created_at FROM programs;
    INSERT INTO typed_addresses (member_id, kind, sealed, typed_at) SELECT id, 'email', '', enrolled_at FROM members;
    INSERT INTO rates (bucket, spent_until) VALUES ('bucket', now());
    INSERT INTO link_campaigns (merchant_id, program_id, code, name, channel, created_at)
        SELECT merchant_id, id, 'spring', 'Spring', 'email', created_at FROM programs;
    INSERT INTO links (campaign_id, mark, kind, channel, member_id, made_at)
        SELECT link_campaigns.id, 'mark', 'member', 'email', members.id, created_at FROM link_campaigns, members;
    INSERT INTO link_joins (member_id, link_id, joined_at) SELECT member_id, id, made_at FROM links;
    INSERT INTO link_visits (link_id, step, device, member_id, day, times, first_at, last_at)
        SELECT id, 'opened', 'ios', member_id, '2026-06-01', 1, made_at, made_at FROM links;
    INSERT INTO link_counts (campaign_id, channel, day, what, times)
        SELECT id, 'email', '2026-06-01', 'sent', 1 FROM link_campaigns;
    INSERT INTO objections (member_id, since) SELECT id, enrolled_at FROM members;
    INSERT INTO expiry_days (member_id, expires_at, available) SELECT id, enrolled_at, 0 FROM members;
    WITH posted AS (SELECT member_id, min(id) AS id FROM ledger_transactions GROUP BY member_id),
        held AS (INSERT INTO holds (id, public_id, member_id, transaction_id, points, purpose, created_at, expires_at)
                 SELECT 1, 'hld_1', member_id, id, 1, 'reward', now(), now() FROM posted),
        opened AS (INSERT INTO open_holds (hold_id, member_id, expires_at) SELECT 1, member_id, now() FROM posted)
    INSERT INTO hold_outcomes (hold_id, outcome, points, transaction_id) SELECT 1, 'voided', 0, id FROM posted;
    INSERT INTO membership_terms (member_id, kind, reference, starts_on, ends_on, created_at)
        SELECT id, 'paid', 'once', '2026-06-01', '2027-05-31', enrolled_at FROM members;
    INSERT INTO activities (member_id, event_id, type, occurred_at, properties)
        SELECT members.id, events.id, 'review.approved', enrolled_at, '{}' FROM members CROSS JOIN events LIMIT 1;
    INSERT INTO award_uses (member_id, code, key, at) SELECT id, 'review', '', enrolled_at FROM members;
    INSERT INTO campaign_states (program_id, code, points, claims) SELECT id, 'double', 0, 0 FROM programs;
    INSERT INTO challenge_progress (member_id, code, round, marks) SELECT id, 'week', 1, '[]' FROM members;
    INSERT INTO calendar_delays (member_id, attempts, not_before, reason) SELECT id, 1, now(), 'a test' FROM members;
    INSERT INTO trigger_firings (member_id, code, day, points, created_at)
        SELECT id, 'gift', '2026-06-01', 1, now() FROM members;
    INSERT INTO reward_grants (member_id, reward, valid_until, reason, created_at)
        SELECT id, 'mug', '2026-06-01', 'gift', now() FROM members;
    INSERT INTO segment_members (member_id, code, entered_at) SELECT id, 'regulars', now() FROM members;
    INSERT INTO reward_stock (program_id, reward, used, issued) SELECT id, 'mug', 0, 1 FROM programs;
    INSERT INTO coupon_codes (program_id, code_hash, sealed, status, created_at)
        SELECT id, 'hash', 'sealed', 'void', created_at FROM programs;
    INSERT INTO redemptions (id, public_id, program_id, member_id, taken_by, reward, kind, points, status, stocked,
                             created_at)
        SELECT 1, 'rdm_1', program_id, id, id, 'mug', 'product', 0, 'cancelled', false, enrolled_at FROM members;
    INSERT INTO redemption_changes (redemption_id, status, refunded, at)
        SELECT id, status, refunded, created_at FROM redemptions;
    INSERT INTO referral_codes (member_id, program_id, code, created_at)
        SELECT id, program_id, 'ANN', now() FROM members;
    INSERT INTO referrals (program_id, referee_id, status, created_at, changed_at)
        SELECT program_id, id, 'rejected', now(), now() FROM members;
    INSERT INTO job_files (program_id, name, created_at) SELECT id, 'members.csv', created_at FROM programs;
    INSERT INTO job_file_parts (file_id, position, sealed) SELECT id, 0, 'sealed' FROM job_files;
    INSERT INTO jobs (public_id, program_id, kind, asked, asked_by, file_id, state, total, done, refused, cursor,
                      result, not_before, attempts, created_at)
        SELECT 'job_1', program_id, 'import', '{}', 'a test', id, 'waiting', 2, 1, 1, '{}', '{}', created_at, 0,
               created_at
        FROM job_files;
    INSERT INTO job_refusals (job_id, row_number, sealed) SELECT id, 2, 'sealed' FROM jobs;
    INSERT INTO opening_balances (member_id, points, transaction_id)
        SELECT member_id, 1, min(id) FROM ledger_transactions GROUP BY member_id;
    INSERT INTO api_operations (merchant_id, key, kind, content_hash, actor, answer, created_at)
        SELECT id, 'k1', 'webhook.add', sha256('k1'), 'key_1', '{}', now() FROM merchants LIMIT 1;
    INSERT INTO webhook_endpoints (merchant_id, public_id, url, types, secret, state, not_before, created_at)
        SELECT id, 'whe_1', 'https://shop.example/', '{}', 'sealed', 'active', now(), now() FROM merchants;
    INSERT INTO webhook_messages (endpoint_id, member_id, type, body, created_at, due_at)
        SELECT webhook_endpoints.id, members.id, 'points.earned', '{}', now(), now()
        FROM webhook_endpoints CROSS JOIN members;
    INSERT INTO webhook_attempts (message_id, endpoint_id, at, ms, error)
        SELECT id, endpoint_id, now(), 1, 'timeout' FROM webhook_messages;
    INSERT INTO letters (program_id, member_id, mark, channel, kind, sealed, state, created_at, due_at)
        SELECT program_id, id, 'mark', 'email', 'sign_in', 'sealed', 'waiting', now(), now() FROM members;
    INSERT INTO suppressed (merchant_id, mark, reason, at) SELECT id, 'mark', 'bounced', now() FROM merchants;
    INSERT INTO asked_letters (kind, program_id, sealed, locale, asked_at)
        SELECT 'sign_in', id, 'sealed', 'en', created_at FROM programs;
    INSERT INTO sign_ins (token_hash, kind, program_id, member_id, sealed, ends_at)
        SELECT 'hash', 'sign_in', program_id, id, 'sealed', now() FROM members;
    INSERT INTO member_sessions (token_hash, member_id, began_at, ends_at)
        SELECT 'hash', id, now(), now() FROM members;
    INSERT INTO exposures (experiment, member_id, arm, created_at) SELECT 'offer', id, 'holdout', now() FROM members;
"""


def schema(engine: Engine) -> dict[str, list[Any]]:
    """Return everything that migrations make: tables, columns, indexes, constraints, triggers, functions."""
    with engine.connect() as connection:
        queries = {
            "tables": TABLES,
            "columns": COLUMNS,
            "indexes": INDEXES,
            "constraints": CONSTRAINTS,
            "triggers": TRIGGERS,
            "functions": FUNCTIONS,
        }
        return {name: [tuple(row) for row in connection.execute(query)] for name, query in queries.items()}


def test_there_is_exactly_one_newest_revision() -> None:
    """No two migrations claim to be the last one, and it is the one that this code expects."""
    assert ScriptDirectory(str(revision.MIGRATIONS)).get_heads() == [revision.newest()]


def test_an_empty_database_is_brought_up(empty: Engine) -> None:
    """Before the first migration the database is not current, afterwards it is, and a second run changes nothing."""
    with empty.connect() as connection:
        assert not revision.is_current(connection)
    migrate.upgrade(empty)
    first = schema(empty)
    migrate.upgrade(empty)

    assert schema(empty) == first
    assert {table for (table,) in first["tables"]} >= {*APPEND_ONLY, "members", "cards", "wallets", "events", "orders"}
    with empty.connect() as connection:
        assert revision.is_current(connection)


def test_down_leaves_nothing_and_up_makes_the_same_again(history: Service) -> None:
    """With rows in every table everything goes down to nothing, and comes up again just as it was."""
    engine = history.engine
    first = schema(engine)
    with engine.connect() as connection:
        for (table,) in first["tables"]:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() > 0, table

    migrate.downgrade(engine, "base")
    bare = schema(engine)
    with engine.connect() as connection:
        assert not revision.is_current(connection)
    migrate.upgrade(engine)

    assert bare["tables"] == [("alembic_version",)]
    assert bare["functions"] == bare["triggers"] == []
    assert schema(engine) == first


def test_a_migration_that_fails_leaves_nothing_behind(empty: Engine) -> None:
    """Where one statement cannot be run, none of them was: the database is as it was before."""
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE ledger_entries (id bigint)"))
    with pytest.raises(DBAPIError):
        migrate.upgrade(empty)
    assert schema(empty)["tables"] == [("ledger_entries",)]


def test_processes_that_migrate_at_once_do_not_collide(empty: Engine) -> None:
    """Four that start together on an empty database all succeed, and the tables are made once."""
    together = Barrier(4, timeout=30)
    impatient = {"options": "-c statement_timeout=20s"}  # whoever waits for ever fails instead
    engines = [create_engine(empty.url, connect_args=impatient) for _ in range(4)]

    def start(engine: Engine) -> None:
        together.wait(timeout=30)
        migrate.upgrade(engine)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, engines))
    for engine in engines:
        engine.dispose()

    with empty.connect() as connection:
        assert revision.is_current(connection)
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


CHANGES = (
    "UPDATE {table} SET {column} = {column}",
    "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE false",
    "TRUNCATE {table} CASCADE",
)


def refused(service: Service, statement: str, reason: str) -> None:
    """Check that the database refuses a statement, in a transaction of its own."""
    with pytest.raises(IntegrityError, match=reason), service.begin() as tx:
        tx.execute(text(statement))


def test_the_ledger_is_only_added_to(history: Service) -> None:
    """UPDATE, DELETE and TRUNCATE are refused by the database itself, even where they would touch no row."""
    for (table, column), statement in itertools.product(APPEND_ONLY.items(), CHANGES):
        said = statement.format(table=table, column=column)
        refused(history, said, r"\w+ is append-only: post a correction" if "CASCADE" in said else f"{table} is append")


def test_nothing_that_the_ledger_refers_to_can_be_removed(history: Service) -> None:
    """Neither deleting nor truncating what entries point to gets around the rule."""
    for table in ("members", "events", "ledger_accounts", "orders", "programs", "sources"):
        refused(history, f"DELETE FROM {table}", "violates foreign key|violates RESTRICT")
        refused(history, f"TRUNCATE {table} CASCADE", "append-only")


def insert(tx: Connection, *points: int) -> None:
    """Insert entries of the newest transaction with one statement, all on one account."""
    tx.execute(
        text("""
            INSERT INTO ledger_entries (transaction_id, account_id, points)
            SELECT (SELECT max(id) FROM ledger_transactions), (SELECT min(id) FROM ledger_accounts), points
            FROM unnest(CAST(:points AS bigint[])) AS points
        """),
        {"points": list(points)},
    )


def test_an_unbalanced_insert_is_refused(history: Service) -> None:
    """Entries that do not sum to zero are not taken, whoever inserts them and however large they are."""
    for points in ((1,), (1, 1), (5, -4), (2**62, 2**62, -1)):
        with pytest.raises(IntegrityError, match="must sum to zero"), history.begin() as tx:
            insert(tx, *points)


def test_an_entry_of_zero_is_refused(history: Service) -> None:
    """An entry moves points or it is none."""
    for points in ((0,), (0, 0), (3, -3, 0)):
        with pytest.raises(IntegrityError, match="points_not_zero"), history.begin() as tx:
            insert(tx, *points)


def test_two_wrongs_make_no_right(history: Service) -> None:
    """Entries of two transactions that only cancel each other out are refused."""
    with pytest.raises(IntegrityError, match="must sum to zero"), history.begin() as tx:
        tx.execute(
            text("""
                INSERT INTO ledger_entries (transaction_id, account_id, points)
                SELECT id, (SELECT min(id) FROM ledger_accounts), CASE WHEN row_number() OVER () = 1 THEN 7 ELSE -7 END
                FROM ledger_transactions ORDER BY id LIMIT 2
            """)
        )


def test_a_wallet_is_never_ahead_of_what_is_wanted(history: Service) -> None:
    """More sent than was wanted is refused by the database."""
    with pytest.raises(IntegrityError, match="sent_at_most_wanted"), history.begin() as tx:
        tx.execute(text("UPDATE wallets SET sent = wanted + 1"))


def test_a_position_is_posted_once(history: Service) -> None:
    """The same event cannot enter the same transaction twice."""
    with history.read() as tx:
        member, event = tx.execute(text("SELECT member_id, event_id FROM ledger_transactions LIMIT 1")).one()
    with pytest.raises(IntegrityError, match="ledger_transactions_event"), history.begin() as tx:
        post(tx, gift(1), member=member, cause=Cause(event_id=event))


def test_a_transaction_has_one_cause(history: Service) -> None:
    """An event or an operation moves points, or the calendar does, but never two of them."""
    with history.read() as tx:
        member, event = member_and_event(tx)
        operation = tx.execute(text("SELECT id FROM operations")).scalar_one()
    with pytest.raises(IntegrityError, match="one_cause"), history.begin() as tx:
        post(tx, gift(1), member=member, cause=Cause(event, operation))
    with history.begin() as tx:
        post(tx, gift(1), member=member, cause=Cause(operation_id=operation))
        post(tx, gift(1), member=member, cause=Cause())


def account() -> Account:
    """Return an account without a history, whose points never die."""
    return Account(Expiry(None, ZoneInfo("Europe/Prague")))


def gift(points: int) -> Account:
    """Return an account that was given points, or lost some that it had not, by a person's decision."""
    found = account()
    if points > 0:
        found.grant(Lot(points, START, rule="gift"), actor="a", reason="b")
    else:
        found.take(-points, at=START, actor="a", reason="b", floor=None)
    return found


def post(tx: Connection, what: Account, *, member: int, cause: Cause, program: int = 1) -> None:
    """Post what an account has noted to the books, as a use case does."""
    books.post(
        tx,
        what.posted,
        [],
        program_id=program,
        member_id=member,
        cause=cause,
        ids=iter(books.reserve(tx, 2 * len(what.posted) + 2)),
        now=START,
    )


def member_and_event(tx: Connection) -> tuple[int, int]:
    """Return the member, and an event that nothing was posted for."""
    member: int = tx.execute(text("SELECT min(id) FROM members")).scalar_one()
    event: int = tx.execute(text("SELECT min(id) FROM events WHERE type = 'member.enrolled'")).scalar_one()
    return member, event


def test_posting_to_nobody_is_refused(history: Service) -> None:
    """A transaction for a member that does not exist leaves nothing behind."""
    for points in (1, -1):
        with pytest.raises((DBAPIError, LookupError)), history.begin() as tx:
            post(tx, gift(points), member=10**9, cause=Cause())


def test_an_account_that_is_missing_is_no_place_for_points(history: Service) -> None:
    """Where the programme lacks one of the accounts, posting fails as a whole instead of entering a part."""
    with history.begin() as tx:
        tx.execute(text("UPDATE ledger_accounts SET kind = 'gone' WHERE kind = 'adjustment'"))
    with history.read() as tx:
        member, _ = member_and_event(tx)
    with pytest.raises((LookupError, IntegrityError)), history.begin() as tx:
        post(tx, gift(1), member=member, cause=Cause())


amounts = st.integers(1, 10**9)
ACTS = st.one_of(
    st.tuples(st.just("earn"), amounts),
    st.tuples(st.just("wait"), amounts),
    st.tuples(st.just("take"), amounts),
    st.tuples(st.just("reverse"), amounts),
)
SUMS = text("""
    SELECT kind, coalesce(sum(points), 0) AS points FROM ledger_accounts
    LEFT JOIN ledger_entries ON account_id = ledger_accounts.id
    WHERE member_id IS NOT NULL GROUP BY kind
""")
LOTS = text("""
    SELECT coalesce(sum(pending), 0) AS pending, coalesce(sum(available), 0) AS available FROM lot_balances
""")


def act(what: Account, kind: str, points: int, order_row: int) -> None:
    """Let an account earn, earn points that wait, lose some, or give back what an order earned."""
    match kind:
        case "earn" | "wait":
            until = START + timedelta(days=1) if kind == "wait" else None
            what.earn(Lot(points, START, activates_at=until, expires_at=START + timedelta(days=9), order_row=order_row))
        case "take":
            what.take(points, at=START, actor="a", reason="b", floor=None)
        case "reverse":
            what.reverse(points, order_row=order_row, at=START, rule="r")


def test_whatever_is_posted_the_books_balance(history: Service) -> None:
    """After any transactions entries sum to zero, and what a member has is what lies in lots, less a deficit."""

    @given(st.lists(ACTS, min_size=1, max_size=6))
    @settings(max_examples=25, deadline=None)
    def post_and_sum_up(several: list[tuple[str, int]]) -> None:
        with history.engine.connect() as tx:
            member, _ = member_and_event(tx)
            order_row = tx.execute(text("SELECT min(id) FROM orders")).scalar_one()
            before = {row.kind: int(row.points) for row in tx.execute(SUMS)}
            lots_before = tx.execute(LOTS).one()
            what = account()
            for kind, points in several:
                act(what, kind, points, order_row)
            post(tx, what, member=member, cause=Cause())
            after = {row.kind: int(row.points) for row in tx.execute(SUMS)}
            lots = tx.execute(LOTS).one()

            assert tx.execute(text("SELECT sum(points) FROM ledger_entries")).scalar_one() == 0
            assert after["available"] - before["available"] == what.available
            assert after["pending"] - before["pending"] == what.pending == lots.pending - lots_before.pending
            assert lots.available - lots_before.available == max(what.available, 0)
            expiring = tx.execute(text("SELECT sum(available) FROM expiry_days")).scalar_one()
            assert expiring == sum(lot.available for lot in what.lots)
            tx.rollback()

    post_and_sum_up()


def test_a_lot_never_holds_less_than_nothing(history: Service) -> None:
    """The database itself refuses a lot of which more was taken than it held."""
    for bucket in ("pending", "available", "held"):
        with pytest.raises(IntegrityError, match=f"lot_balances_{bucket}_check"), history.begin() as tx:
            tx.execute(text(f"UPDATE lot_balances SET {bucket} = -1"))


# The second tables as the code of their time filled them: ann bought, had a part refunded and was given 5; bob spent 80
# of 100 points before his order was refunded; cat's programme lets her owe 30; dan has only joined. One order earned
# nothing, one waits for a customer, and one has been heard of by a refund alone.
BEFORE_LOTS = """
    INSERT INTO programs (code, template, created_at) VALUES ('points', 'points', :now), ('other', 'other', :now);
    INSERT INTO sources (program_id, dialect, name, secret, created_at)
        SELECT id, 'standard', code || ' shop', '', :now FROM programs;
    INSERT INTO members (program_id, public_id, external_id, enrolled_at)
        SELECT program, 'mem_' || name, name, :now
        FROM (VALUES (1, 'ann'), (1, 'bob'), (2, 'cat'), (1, 'dan')) AS told (program, name);
    INSERT INTO ledger_accounts (program_id, kind)
        SELECT id, kind FROM programs CROSS JOIN unnest(ARRAY['issuance', 'adjustment', 'forgiven']) AS kind;
    INSERT INTO ledger_accounts (program_id, kind, member_id) SELECT program_id, 'available', id FROM members;
    INSERT INTO cards (member_id, serial_number, authentication_token, code, pass_type_identifier, revision,
                       modified_at, face_digest, template_version, created_at)
        SELECT id, external_id, 'token', external_id, 'pass.example', 1, :now, '', 'v1', :now FROM members;
    INSERT INTO events (source_id, event_id, type, content_hash, occurred_at, received_at, body, answer)
        SELECT told.source, 'evt' || told.number, told.type, '',
               CAST(:now AS timestamptz) + told.number * '1 h'::interval, :now, '{}', '{}'
        FROM (VALUES (1, 1, 'order.paid'), (1, 2, 'order.refunded'), (1, 3, 'points.adjusted'), (1, 4, 'order.paid'),
                     (1, 5, 'points.adjusted'), (1, 6, 'order.refunded'), (2, 7, 'order.paid'),
                     (2, 8, 'points.adjusted'), (2, 9, 'order.refunded')) AS told (source, number, type);
    INSERT INTO orders (source_id, order_id, member_id, customer_id, eligible_minor, refunded_minor, earned, kept)
        VALUES (1, 'a', 1, NULL, 8040, 4000, 80, 40), (1, 'b', 2, NULL, 10000, 10000, 100, 0),
               (2, 'c', 3, NULL, 3000, 3000, 30, 0), (1, 'small', 1, NULL, 99, 0, 0, 0),
               (1, 'waiting', NULL, 'eve', 5000, 0, NULL, 0), (1, 'refund', NULL, NULL, NULL, 700, NULL, 0);
    INSERT INTO ledger_transactions (member_id, event_id, position, order_id, type, rule, actor, reason, effective_at,
                                     created_at)
        SELECT told.member, told.event, 0, told.orders, told.type, told.rule, told.actor, told.actor,
               occurred_at, :now
        FROM (VALUES (1, 1, 1, 'earn', 'purchase', NULL), (1, 2, 1, 'earn_reversal', 'purchase', NULL),
                     (1, 3, NULL, 'adjust', NULL, 'till'), (2, 4, 2, 'earn', 'purchase', NULL),
                     (2, 5, NULL, 'adjust', NULL, 'till'), (2, 6, 2, 'earn_reversal', 'purchase', NULL),
                     (3, 7, 3, 'earn', 'purchase', NULL), (3, 8, NULL, 'adjust', NULL, 'till'),
                     (3, 9, 3, 'earn_reversal', 'purchase', NULL)) AS told (member, event, orders, type, rule, actor)
        JOIN events ON events.id = told.event ORDER BY event;
    INSERT INTO ledger_entries (transaction_id, account_id, points)
        SELECT told.posted, account.id, told.points
        FROM (VALUES (1, 'issuance', -80), (1, 'available', 80), (2, 'issuance', 40), (2, 'available', -40),
                     (3, 'adjustment', -5), (3, 'available', 5), (4, 'issuance', -100), (4, 'available', 100),
                     (5, 'adjustment', 80), (5, 'available', -80), (6, 'issuance', 100), (6, 'available', -20),
                     (6, 'forgiven', -80), (7, 'issuance', -30), (7, 'available', 30), (8, 'adjustment', 30),
                     (8, 'available', -30), (9, 'issuance', 30), (9, 'available', -30)) AS told (posted, kind, points)
        JOIN ledger_transactions ON ledger_transactions.id = told.posted
        JOIN members ON members.id = ledger_transactions.member_id
        JOIN ledger_accounts AS account ON account.program_id = members.program_id AND account.kind = told.kind
             AND (account.member_id IS NULL OR account.member_id = members.id);
    INSERT INTO qualifications (member_id, transaction_id, amount, occurred_at)
        SELECT member_id, id, amount, effective_at FROM ledger_transactions
        JOIN (VALUES (1, 80), (2, -40), (4, 100), (6, -100), (7, 30), (9, -30)) AS told (posted, amount) ON posted = id;
    INSERT INTO balances (member_id, available, qualifying) VALUES (1, 45, 40), (2, 0, 0), (3, -30, 0), (4, 0, 0);
"""
BALANCES = text("""
    SELECT external_id, available, coalesce((
        SELECT sum(lot_balances.available) FROM lot_balances WHERE lot_balances.member_id = members.id
    ), 0) AS in_lots, (
        SELECT coalesce(sum(delta), 0) FROM lot_allocations JOIN lots ON lots.id = lot_id
        WHERE lots.member_id = members.id
    ) AS allocated, spend_total, earned_total, orders_total
    FROM members JOIN balances ON balances.member_id = members.id ORDER BY members.id
""")
BROUGHT_FORWARD = [
    ("ann", 45, 45, 45, 4040 + 99, 40, 2),
    ("bob", 0, 0, 0, 0, 0, 0),
    ("cat", -30, 0, 0, 0, 0, 0),
    ("dan", 0, 0, 0, 0, 0, 0),
]


def rows(engine: Engine, query: Any) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query) if isinstance(query, str) else query)]


@pytest.fixture
def before_lots(empty: Engine) -> Engine:
    """An engine on a database of the second tables, with a history in it."""
    migrate.upgrade(empty, "0002")
    with empty.begin() as connection:
        for statement in BEFORE_LOTS.split(";\n"):
            if statement.strip():
                connection.execute(text(statement), {"now": START} if ":now" in statement else {})
    return empty


def test_a_history_is_carried_into_lots(before_lots: Engine) -> None:
    """Up, down and up again every balance survives, and lots come to just what can be spent."""
    old = rows(before_lots, "SELECT member_id, available, qualifying FROM balances ORDER BY 1")
    entries = rows(before_lots, "SELECT transaction_id, account_id, points FROM ledger_entries ORDER BY id")

    migrate.upgrade(before_lots)
    assert rows(before_lots, BALANCES) == BROUGHT_FORWARD
    migrate.downgrade(before_lots, "0002")
    assert rows(before_lots, "SELECT member_id, available, qualifying FROM balances ORDER BY 1") == old
    assert rows(before_lots, "SELECT transaction_id, account_id, points FROM ledger_entries ORDER BY id") == entries
    migrate.upgrade(before_lots)
    assert rows(before_lots, BALANCES) == BROUGHT_FORWARD


def test_orders_of_before_are_carried_over(before_lots: Engine) -> None:
    """What an order counted for, gave, and was forgiven is known again, and one that waits is not dated to long ago."""
    migrate.upgrade(before_lots)
    known = rows(
        before_lots,
        "SELECT order_id, forgiven, counted, counted_minor, award ->> 'rule' FROM orders ORDER BY id",
    )
    assert known == [
        ("a", 0, True, 4040, "purchase"),
        ("b", 80, False, 0, "purchase"),
        ("c", 0, False, 0, "purchase"),
        ("small", 0, True, 99, None),
        ("waiting", 0, False, 0, None),
        ("refund", 0, False, 0, None),
    ]
    paid = dict(rows(before_lots, "SELECT order_id, paid_at FROM orders"))
    assert paid["a"] == START + timedelta(hours=1)
    assert paid["refund"] is None
    assert paid["waiting"] > START - timedelta(days=365)
    facts = "SELECT member_id, sum(spend)::int, sum(points)::int, sum(orders)::int FROM {} GROUP BY 1 ORDER BY 1"
    for table in ("qualifications", "qualification_days"):
        assert rows(before_lots, facts.format(table)) == [(1, 4139, 40, 2), (2, 0, 0, 0), (3, 0, 0, 0)]


def tell(service: Service, kind: str, fact: Fact) -> dict[str, Any]:
    """Enter an event of the first shop's and return the answer."""
    with service.read() as tx:
        source = source_of(tx, dialect="standard", name="points shop")
    return receive(
        service.begin,
        source=source,
        template=service.template("points"),
        event=Event(f"later {fact}", kind, content_hash(kind, fact), START, b"{}", fact),
        pass_type_identifier="pass.example",
        vault=service.vault,
        now=START + timedelta(days=1),
    ).answer


def test_members_of_before_go_on(before_lots: Engine, settings: Settings, identity: Identity) -> None:
    """Everybody is due; the first event finds tiers anew, and a refund undone gives back no more than it took."""
    migrate.upgrade(before_lots)
    service = build(settings, clock=lambda: START, engine=before_lots, identity=identity)
    assert rows(before_lots, "SELECT count(*) FROM balances WHERE due_at < now() AND tier IS NULL") == [(4,)]

    answer = tell(service, "points.adjusted", PointsAdjusted(Customer(id="ann"), -40, "till", "a voucher"))
    assert (answer["balance"], answer["tier"]) == (5, "page")
    undone = OrderUpdated("b", START + timedelta(hours=20), None, None, refunded_minor=0)
    answer = tell(service, "order.updated", undone)
    assert (answer["balance"], answer["points"], answer["tier"]) == (20, 20, "chapter")
    assert rows(before_lots, "SELECT tier FROM balances ORDER BY member_id") == [
        ("page",),
        ("chapter",),
        (None,),
        (None,),
    ]
    assert [row[:3] for row in rows(before_lots, BALANCES)[:2]] == [("ann", 5, 5), ("bob", 20, 20)]


def test_points_given_before_keep_points_alive(before_lots: Engine, settings: Settings, identity: Identity) -> None:
    """Whoever was given points since was active then, and is looked at anew, as of now; who is no more is not."""
    migrate.upgrade(before_lots)
    service = build(settings, clock=lambda: START, engine=before_lots, identity=identity)
    for name, points in (("dan", 7), ("bob", 5), ("ann", -1)):
        tell(service, "points.adjusted", PointsAdjusted(Customer(id=name), points, "till", "a gift"))
    found = "SELECT external_id, active_at, due_at < now() FROM balances JOIN members ON members.id = member_id"
    after = sorted(rows(before_lots, found))
    with before_lots.begin() as tx:
        tx.execute(text("UPDATE members SET merged_into = 1 WHERE external_id = 'bob'"))
        tx.execute(text("UPDATE balances SET due_at = NULL"))
    migrate.downgrade(before_lots, "0023")
    assert [row[1] for row in sorted(rows(before_lots, found)) if row[0] == "dan"] == [None]
    with before_lots.begin() as tx:
        tx.execute(text("UPDATE balances SET due_at = NULL"))
    migrate.upgrade(before_lots)
    assert [row[:2] for row in sorted(rows(before_lots, found))] == [row[:2] for row in after]
    due = rows(before_lots, found.replace("due_at < now()", "now() - due_at < '1 hour'"))
    assert {row[0]: row[2] for row in due} == {"ann": True, "bob": None, "cat": None, "dan": True}


def test_going_back_keeps_what_the_tables_before_can_say(
    before_lots: Engine, settings: Settings, identity: Identity
) -> None:
    """What was earned and corrected since stays, with its balance; ids go on where they were."""
    migrate.upgrade(before_lots)
    service = build(settings, clock=lambda: START, engine=before_lots, identity=identity)
    tell(service, "points.adjusted", PointsAdjusted(Customer(id="ann"), -40, "till", "a voucher"))
    tell(service, "points.adjusted", PointsAdjusted(Customer(id="dan"), 7, "till", "a gift"))
    migrate.downgrade(before_lots, "0002")

    assert rows(before_lots, "SELECT available FROM balances ORDER BY member_id") == [(5,), (0,), (-30,), (7,)]
    assert rows(before_lots, "SELECT sum(points) FROM ledger_entries") == [(0,)]
    with before_lots.begin() as tx:
        newest = tx.execute(text("SELECT max(id) FROM events")).scalar_one()
        added = tx.execute(
            text("""
                INSERT INTO events (source_id, event_id, type, content_hash, occurred_at, received_at, body, answer)
                VALUES (1, 'next', 'order.paid', '', now(), now(), '', '{}') RETURNING id
            """)
        ).scalar_one()
    assert added > newest
    migrate.upgrade(before_lots)
    assert [row[:3] for row in rows(before_lots, BALANCES)] == [
        ("ann", 5, 5),
        ("bob", 0, 0),
        ("cat", -30, 0),
        ("dan", 7, 7),
    ]
