"""One service for all tests of the doors, on a database that is emptied before each of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from actors import Clock
from api_actors import World
from flask.testing import FlaskClient
from member_actors import Mailbox, Visitor
from slate import open_wiper, plan_once, wipe
from sqlalchemy import Engine, Row, TextClause, create_engine, event, text

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.storage.embedded import Embedded
from wallet_service.wiring import Service, build, open_engine

Contents = dict[str, tuple[int, str]]

PATIENCE = 30  # seconds for what other tests have under way on the same server
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")


@pytest.fixture(scope="session")
def built(
    cluster: Embedded,
    model: str,
    identity: Identity,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Service]:
    """A service whose certificate, templates and images are read once for the whole run."""
    database = f"web_{model}"
    admin = create_engine(cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {database} TEMPLATE {model}"))
    engine = open_engine(cluster.url(database))
    event.listen(engine, "connect", plan_once)
    settings = Settings(
        data_folder=tmp_path_factory.mktemp("data"),
        templates=Path(pytestconfig.rootpath) / "pass_templates",
        base_url="https://cards.example",
    )
    yield build(settings, engine=engine, identity=identity)
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {database} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def wiper(built: Service) -> Iterator[Engine]:
    """What empties the tables."""
    wiper = open_wiper(built.engine.url)
    yield wiper
    wiper.dispose()


@pytest.fixture
def engine(built: Service, wiper: Engine) -> Engine:
    """The engine of a database with empty tables."""
    with wiper.begin() as tx:
        wipe(tx)
    return built.engine


@pytest.fixture
def service(built: Service, engine: Engine, clock: Clock) -> Service:
    """The service, with this test's clock."""
    return replace(built, clock=clock)


@pytest.fixture
def world(service: Service, client: FlaskClient) -> World:
    """Two merchants for the API, each with a programme and a member."""
    return World(service, client)


@pytest.fixture
def contents(engine: Engine) -> Callable[[], Contents]:
    """How many rows each table holds, and a hash of all that stands in them.

    Under the same snapshot everything is the same, so that nothing is read again where nobody has written.
    """
    with engine.connect() as connection:
        names = sorted(connection.execute(_TABLES).scalars())
    parts = [
        f"SELECT '{name}', count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} AS t"
        for name in names
    ]
    query = text(" UNION ALL ".join(parts))
    read: dict[str, Contents] = {}

    def look() -> Contents:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            snapshot = connection.execute(text("SELECT pg_current_snapshot()::text")).scalar_one()
            if snapshot not in read:
                read[snapshot] = {name: (count, digest) for name, count, digest in connection.execute(query)}
            return read[snapshot]

    return look


@pytest.fixture
def wallets(engine: Engine) -> Callable[[], dict[tuple[str, str], Row[Any]]]:
    """The rows of the wallets table, by device and serial number."""
    query = text("SELECT serial_number, wallets.* FROM wallets JOIN cards ON cards.id = card_id")

    def look() -> dict[tuple[str, str], Row[Any]]:
        with engine.connect() as connection:
            return {(row.device, row.serial_number): row for row in connection.execute(query)}

    return look


@pytest.fixture
def quiet(engine: Engine) -> Callable[[], None]:
    """Wait until every change so far is older than any open transaction, so that lists name no more than need be.

    Transactions of a whole server count, and so those of other tests that run beside this one.
    """
    query = text("""
        SELECT pg_snapshot_xmin(pg_current_snapshot()) > ALL (
            SELECT changed_xid FROM cards UNION ALL SELECT registered_xid FROM wallets)
    """)

    return lambda: _wait_until_true(engine, query, "a transaction stays open on the server")


@pytest.fixture
def blocked(engine: Engine) -> Callable[[], None]:
    """Wait until a transaction of this database waits for another one."""
    query = text("""
        SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
    """)
    return lambda: _wait_until_true(engine, query, "nobody waits for a lock")


def _wait_until_true(engine: Engine, query: TextClause, otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with engine.connect() as connection:
            if connection.execute(query).scalar_one():
                return
        time.sleep(0.005)
    raise AssertionError(otherwise)


@pytest.fixture
def mailbox(service: Service) -> Mailbox:
    """All letters."""
    return Mailbox(service)


@pytest.fixture
def visitor(client: FlaskClient) -> Visitor:
    """Somebody with a browser."""
    return Visitor(client)
