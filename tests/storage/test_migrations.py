"""Migrations bring any database to the newest tables, and the tables hold the ledger's laws by themselves."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from actors import START, Device, Shop, card_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from wallet_service.domain import ledger
from wallet_service.domain.ledger import Transaction
from wallet_service.domain.pass_class import PassClass
from wallet_service.storage import (
    device_logs,
    holdings,
    migrate,
    nonces,
    notices,
    pass_classes,
    turns,
    wallets,
)
from wallet_service.storage import ledger as books
from wallet_service.storage.embedded import Embedded
from wallet_service.wiring import Service, open_engine

LEDGER = ("ledger_transactions", "ledger_entries", "qualifications")
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
    return service


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
    """No two migrations claim to be the last one."""
    assert len(migrate.heads()) == 1


def test_an_empty_database_is_brought_up(empty: Engine) -> None:
    """Before the first migration the database is not current, afterwards it is, and a second run changes nothing."""
    with empty.connect() as connection:
        assert not migrate.is_current(connection)
    migrate.upgrade(empty)
    first = schema(empty)
    migrate.upgrade(empty)

    assert schema(empty) == first
    assert {table for (table,) in first["tables"]} >= {*LEDGER, "members", "cards", "wallets", "events", "orders"}
    with empty.connect() as connection:
        assert migrate.is_current(connection)


def test_down_leaves_nothing_and_up_makes_the_same_again(history: Service) -> None:
    """With rows in every table everything goes down to nothing, and comes up again just as it was."""
    engine = history.engine
    first = schema(engine)
    with engine.connect() as connection:
        for (table,) in first["tables"]:
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() > 0, table

    migrate.downgrade(engine, "base")
    bare = schema(engine)
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
        assert migrate.is_current(connection)
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


CHANGES = (
    "UPDATE {} SET id = DEFAULT",
    "UPDATE {} SET id = DEFAULT WHERE false",
    "DELETE FROM {}",
    "DELETE FROM {} WHERE id = -1",
    "TRUNCATE {} CASCADE",
)


def refused(service: Service, statement: str, reason: str) -> None:
    """Check that the database refuses a statement, in a transaction of its own."""
    with pytest.raises(IntegrityError, match=reason), service.begin() as tx:
        tx.execute(text(statement))


def test_the_ledger_is_only_added_to(history: Service) -> None:
    """UPDATE, DELETE and TRUNCATE are refused by the database itself, even where they would touch no row."""
    for table, statement in itertools.product(LEDGER, CHANGES):
        refused(history, statement.format(table), f"{table} is append-only: post a correction")


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
    with pytest.raises(IntegrityError, match="event_id_position"), history.begin() as tx:
        post(tx, [ledger.earn(1, rule="r")], member=member, event=event)


def post(tx: Connection, transactions: list[Transaction], *, member: int, event: int, program: int = 1) -> None:
    """Post transactions to the books as a use case does."""
    books.post(
        tx,
        [(each, None) for each in transactions],
        program_id=program,
        member_id=member,
        event_id=event,
        effective_at=START,
        now=START,
    )


def member_and_event(tx: Connection) -> tuple[int, int]:
    """Return the member, and an event that nothing was posted for."""
    member: int = tx.execute(text("SELECT min(id) FROM members")).scalar_one()
    event: int = tx.execute(text("SELECT min(id) FROM events WHERE type = 'member.enrolled'")).scalar_one()
    return member, event


def test_posting_to_nobody_is_refused(history: Service) -> None:
    """A transaction for a member that does not exist leaves nothing behind."""
    with pytest.raises(DBAPIError), history.begin() as tx:
        post(tx, [ledger.earn(1, rule="r")], member=10**9, event=member_and_event(tx)[1])


def test_an_account_that_is_missing_is_no_place_for_points(history: Service) -> None:
    """Where the programme lacks one of the accounts, posting fails as a whole instead of entering a part."""
    with history.read() as tx:
        member, event = member_and_event(tx)
    with pytest.raises(LookupError, match="an account of earn is missing"), history.begin() as tx:
        post(tx, [ledger.earn(1, rule="r")], member=member, event=event, program=10**9)


amounts = st.integers(1, 10**9)
postings = st.one_of(
    amounts.map(lambda each: ledger.earn(each, rule="r")),
    st.integers(-(10**9), 10**9).filter(bool).map(lambda each: ledger.adjust(each, actor="a", reason="b")),
    st.builds(
        ledger.reverse_earning, amounts, available=st.integers(-9, 10**9), clamp=st.booleans(), rule=st.just("r")
    ),
)


def test_whatever_is_posted_the_books_balance(history: Service) -> None:
    """After any transactions all entries sum to zero, and each projection is the sum of its entries."""

    @given(st.lists(postings, min_size=1, max_size=6))
    @settings(max_examples=25, deadline=None)
    def post_and_sum_up(several: list[Transaction]) -> None:
        with history.engine.connect() as tx:
            member, event = member_and_event(tx)
            before = tx.execute(text("SELECT available, qualifying FROM balances")).one()
            post(tx, several, member=member, event=event)
            after = tx.execute(text("SELECT available, qualifying FROM balances")).one()

            assert books.grand_total(tx) == 0
            assert books.differences(tx) == []
            gained = ledger.total(several)
            assert (after.available - before.available, after.qualifying - before.qualifying) == gained
            tx.rollback()

    post_and_sum_up()


def test_a_projection_that_was_tampered_with_is_found(history: Service) -> None:
    """A balance that is changed behind the ledger's back is named, with both figures."""
    assert books_differences(history) == []
    stolen = 13
    with history.begin() as tx:
        tx.execute(text("UPDATE balances SET available = available + :stolen"), {"stolen": stolen})
    (found,) = books_differences(history)
    assert found.available == found.entered + stolen
    assert found.qualifying == found.qualified


def books_differences(service: Service) -> list[books.Difference]:
    """Compare every projection with its entries."""
    with service.read() as tx:
        return books.differences(tx)
