"""A database without a row: the last test's, wiped, which takes a few milliseconds where a copy takes fifty.

Its connections stay, too: a new one has to read the catalogues before its first statements, which takes longer.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

PATIENCE = 30  # seconds for a connection of the last test to end
LARGE = 64 * 1024  # bytes; a smaller table is quicker emptied row by row than by making all its files anew

FILLED = text("""
    SELECT quote_ident(relname) AS name, pg_relation_size(oid) > :large AS large
    FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
        AND pg_relation_size(oid) > 0
    ORDER BY 1
""")
REWIND = text("""
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
""")
SHAPE = text("""
    WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    SELECT md5(string_agg(part, '|' ORDER BY part)) FROM (
        SELECT concat_ws(' ', 'class', oid, relname, relkind, relnatts, relchecks, relhastriggers, relacl) FROM ours
        UNION ALL SELECT concat_ws(' ', 'column', attrelid, attnum, pg_attribute.xmin)
            FROM pg_attribute JOIN ours ON ours.oid = attrelid
        UNION ALL SELECT concat_ws(' ', 'default', oid, xmin) FROM pg_attrdef
        UNION ALL SELECT concat_ws(' ', 'constraint', oid, xmin) FROM pg_constraint
        UNION ALL SELECT concat_ws(' ', 'trigger', oid, xmin) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', 'sequence', seqrelid, xmin) FROM pg_sequence
        UNION ALL SELECT concat_ws(' ', 'function', oid, xmin) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'schema', oid, xmin) FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'
        UNION ALL SELECT concat_ws(' ', 'database', datacl) FROM pg_database WHERE datname = current_database()
    ) AS parts (part)
""")
REVISION = text("SELECT version_num FROM alembic_version")
OTHERS = text("""
    SELECT pid FROM pg_stat_activity, pg_terminate_backend(pid)
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND NOT (pid = ANY(:kept) AND state = 'idle')
""")
LIVING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid = ANY(:kept)")


def wipe(tx: Connection) -> None:
    """Delete all rows, with the ledger's guards asleep, and have every identity begin with 1 again.

    A connection on which the guards fall asleep or wake up forgets all its plans: the tests' own are left alone.
    """
    tx.execute(text("SET LOCAL session_replication_role = replica"))
    for name, large in tx.execute(FILLED, {"large": LARGE}).all():
        tx.execute(text(f"TRUNCATE {name} CASCADE" if large else f"DELETE FROM {name}"))
    tx.execute(REWIND)


def plan_once(made: psycopg.Connection, _: object = None) -> None:
    """Have a new connection keep the plan of every statement: planning takes longer than looking at a few rows."""
    made.prepare_threshold, made.prepared_max = 1, 2_000  # not at once: several statements in one cannot be prepared


def open_wiper(url: URL | str) -> Engine:
    """Return an engine on whose connections the ledger's guards are always asleep."""
    wiper = create_engine(url, connect_args={"options": "-c session_replication_role=replica"})
    event.listen(wiper, "connect", plan_once)
    return wiper


def shape(tx: Connection) -> str:
    """Return a digest of what the tables are, whatever stands in them; rights, triggers and the revision count."""
    return f"{tx.execute(SHAPE).scalar_one()} {tx.execute(REVISION).scalars().all()}"


def alone(engine: Engine, kept: Collection[int] = ()) -> set[int]:
    """Break all connections to this database but those that are `kept` and idle; return which, once they are gone."""
    end, broken = time.monotonic() + PATIENCE, set[int]()
    # A transaction sees the same connections as long as it lasts, so each look is one of its own.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while found := connection.execute(OTHERS, {"kept": list(kept)}).scalars().all():
            assert time.monotonic() < end, "a connection of another test does not end"
            broken.update(found)
            time.sleep(0.001)
    return broken


@dataclass
class Slate:
    """The database of the tests of one process, and its connections; `sound` is what its tables are.

    `engine` and `pipelined` are the tests' own, `wiper` is what empties the tables between them.
    """

    engine: Engine
    pipelined: Engine
    wiper: Engine
    sound: str = ""
    connections: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for each in self._engines:
            event.listen(each, "connect", self._met)
        event.listen(self.engine, "connect", plan_once)

    @property
    def _engines(self) -> tuple[Engine, ...]:
        return self.engine, self.pipelined, self.wiper

    def _met(self, made: psycopg.Connection, _: object) -> None:
        self.connections.add(made.info.backend_pid)

    def dispose(self) -> None:
        """Close all connections."""
        for each in self._engines:
            each.dispose()

    def wiped(self) -> bool:
        """Leave no row and no connection but those that wait for the next test; return whether the tables are sound."""
        if not self._wait():
            self.dispose()
            alone(self.wiper)
        with self.wiper.begin() as tx:
            if shape(tx) != self.sound:
                return False
            wipe(tx)
            return True

    def _wait(self) -> bool:
        """Break what a test has left open; return whether all connections that wait for the next one are whole."""
        try:
            if alone(self.wiper, self.connections) & self.connections:
                return False
            with self.wiper.connect() as connection:
                living = connection.execute(LIVING, {"kept": list(self.connections)}).scalar_one()
                waiting = sum(each.pool.checkedin() for each in self._engines)  # type: ignore[attr-defined]
                return bool(living == waiting + 1)
        except OperationalError:  # the last test has broken them, as a server does that stops
            return False

    @contextmanager
    def lent(self) -> Iterator[Engine]:
        """Give an engine out for one test: what listens to it, and what is closed with it, is the test's own."""
        lent, pool = self.engine.execution_options(), self.engine.pool
        yield lent
        if self.engine.pool is pool:
            lent.dispose(close=False)  # for those who are told of it
            self.engine.pool = pool
