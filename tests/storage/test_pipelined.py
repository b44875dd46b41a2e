"""A pipelined transaction answers, commits, fails and rolls back as an ordinary one does."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.storage import pipelined
from wallet_service.wiring import Service

ROWS = text("SELECT n, n * 10 AS tenfold FROM generate_series(1, :most) AS n")
TABLE = text("CREATE TABLE things (id integer PRIMARY KEY, name text NOT NULL, tags text[], body jsonb)")
ADD = text("INSERT INTO things (id, name, tags, body) VALUES (:id, :name, :tags, CAST(:body AS jsonb))")
ALL = text("SELECT id, name, tags, body FROM things ORDER BY id")


@pytest.fixture
def swift(engine: Engine) -> Engine:
    """An engine for pipelined transactions, closed with the other."""
    return pipelined.open_engine(engine)


LOOKS: dict[str, Callable[[Any], Any]] = {
    "all": lambda answer: [tuple(row) for row in answer.all()],
    "iterated": lambda answer: [(row.n, row.tenfold) for row in answer],
    "first": lambda answer: tuple(answer.first()),
    "scalar": lambda answer: answer.scalar(),
    "scalars": lambda answer: list(answer.scalars()),
    "mappings": lambda answer: [dict(row) for row in answer.mappings()],
}


@pytest.mark.parametrize("look", LOOKS)
def test_answers_are_those_of_an_ordinary_connection(engine: Engine, swift: Engine, look: str) -> None:
    """However the answer is looked at, it is the same."""
    with engine.begin() as plain, pipelined.begin(swift) as tx:
        ordinary, answer = (each.execute(ROWS, {"most": 3}) for each in (plain, tx))
        assert LOOKS[look](answer) == LOOKS[look](ordinary)


def test_the_only_row_is_the_only_one(swift: Engine) -> None:
    """Where there must be one row, more or fewer are refused, and none at all is nothing for the first."""
    with pipelined.begin(swift) as tx:
        assert tuple(tx.execute(ROWS, {"most": 1}).one()) == (1, 10)
        assert tx.execute(ROWS, {"most": 1}).scalar_one() == 1
        for most in (0, 2):
            with pytest.raises(LookupError, match=f"{most} rows"):
                tx.execute(ROWS, {"most": most}).one()
        none = tx.execute(ROWS, {"most": 0})
        assert (none.first(), none.scalar()) == (None, None)


def test_what_was_sent_is_there_after_the_end(engine: Engine, swift: Engine) -> None:
    """Statements whose answers nobody looks at are done, in their order, one for each set of values."""
    with pipelined.begin(swift) as tx:
        tx.execute(TABLE)
        tx.execute(ADD, [{"id": n, "name": f"{n} %", "tags": ["a", "b"], "body": '{"n": 1}'} for n in (1, 2)])
        tx.execute(text("UPDATE things SET name = 'two' WHERE id = 2"))
    with engine.begin() as plain:
        assert [tuple(row) for row in plain.execute(ALL)] == [
            (1, "1 %", ["a", "b"], {"n": 1}),
            (2, "two", ["a", "b"], {"n": 1}),
        ]


WRONG = [
    ("INSERT INTO things (id, name) VALUES (1, 'again')", IntegrityError),
    ("SELEKT 1", ProgrammingError),
    ("SELECT 1 / 0", DataError),
    ("SELECT pg_terminate_backend(pg_backend_pid())", OperationalError),
]


@pytest.mark.parametrize(("statement", "error"), WRONG)
@pytest.mark.parametrize("looked_at", [True, False])
def test_an_error_undoes_all(
    engine: Engine, swift: Engine, statement: str, error: type[Exception], looked_at: bool
) -> None:
    """Whether its answer is looked at or not, a statement that fails is told by its kind, and nothing stays."""
    with engine.begin() as plain:
        plain.execute(TABLE)
        plain.execute(ADD, {"id": 1, "name": "one", "tags": None, "body": None})

    def fail() -> None:
        with pipelined.begin(swift) as tx:
            tx.execute(ADD, {"id": 2, "name": "two", "tags": None, "body": None})
            answer = tx.execute(text(statement))
            if looked_at:
                answer.all()

    with pytest.raises(error):
        fail()
    with engine.begin() as plain:
        assert [row.id for row in plain.execute(ALL)] == [1]


def test_an_error_of_the_caller_undoes_all(engine: Engine, swift: Engine) -> None:
    """What is not the database's fault rolls back as well, and the connection serves again."""
    with engine.begin() as plain:
        plain.execute(TABLE)

    def fail() -> None:
        with pipelined.begin(swift) as tx:
            tx.execute(ADD, {"id": 1, "name": "one", "tags": None, "body": None})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pipelined.begin(swift) as tx:
        assert tx.execute(ALL).all() == []


def test_a_look_sees_what_is_committed_each_time(engine: Engine, swift: Engine) -> None:
    """There is no transaction around what is looked at: what another commits meanwhile is seen by the next look."""
    with engine.begin() as plain:
        plain.execute(TABLE)
    count = text("SELECT count(*) FROM things")
    idle = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND pid <> pg_backend_pid()")
    with pipelined.look(swift) as tx:
        assert tx.execute(count).scalar_one() == 0
        with engine.begin() as plain:
            assert plain.execute(idle).scalar_one() == 0
            plain.execute(ADD, {"id": 1, "name": "one", "tags": None, "body": None})
        assert tx.execute(count).scalar_one() == 1


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_look_that_fails_leaves_the_connection_as_it_was(swift: Engine, looked_at: bool) -> None:
    """The error is told, at the end at the latest, and whoever comes next on that connection is answered."""
    backend = text("SELECT pg_backend_pid()")
    with pipelined.look(swift) as tx:
        before = tx.execute(backend).scalar_one()
    with pytest.raises(DataError):
        _ask_the_impossible(swift, looked_at=looked_at)
    for open_again in (pipelined.look, pipelined.begin):
        with open_again(swift) as tx:
            assert tx.execute(backend).scalar_one() == before


def _ask_the_impossible(swift: Engine, *, looked_at: bool) -> None:
    with pipelined.look(swift) as tx:
        answer = tx.execute(text("SELECT 1 / 0"))
        if looked_at:
            answer.first()


def test_the_service_tells_a_missing_table_with_the_command(service: Service) -> None:
    """A database without our tables is unusable here, too; a fault in our own statement stays a crash."""
    begin: Callable[[], AbstractContextManager[Connection]] = service.begin_pipelined
    with pytest.raises(DatabaseUnusable, match="wallet-service migrate"), begin() as tx:
        tx.execute(text("SELECT * FROM nowhere"))
    with pytest.raises(ProgrammingError), begin() as tx:
        tx.execute(text("SELEKT 1"))


COUNTED = text("SELECT count(*) FROM pg_prepared_statements")


def test_each_statement_is_prepared_once_whatever_its_values(engine: Engine, swift: Engine) -> None:
    """Small and large numbers, and nothing, are given to the same prepared statement, on the same connection."""
    with engine.begin() as plain:
        plain.execute(text("CREATE TABLE things (id bigint, name text, day date)"))
    add = text("INSERT INTO things (id, name, day) VALUES (:id, :name, :day)")
    days = [date(2026, 6, 1), None]
    for number, day in itertools.product((1, 10**5, 10**12), days):
        with pipelined.begin(swift) as tx:
            tx.execute(add, {"id": number, "name": None if number == 1 else "name", "day": day})
    with pipelined.begin(swift) as tx:
        assert tx.execute(COUNTED).scalar_one() == 2  # the question itself is the other
    with engine.begin() as plain:
        rows = plain.execute(text("SELECT id, name, day FROM things ORDER BY id, day")).all()
    expected = itertools.product([(1, None), (10**5, "name"), (10**12, "name")], days)
    assert [tuple(row) for row in rows] == [(*named, day) for named, day in expected]


def test_what_was_nothing_at_first_is_prepared_again_with_its_type(engine: Engine, swift: Engine) -> None:
    """A statement that began with an empty value takes a real one later, and empty ones after that."""
    with engine.begin() as plain:
        plain.execute(text("CREATE TABLE things (at timestamptz, numbers bigint[], body bytea)"))
    add = text("INSERT INTO things (at, numbers, body) VALUES (:at, :numbers, :body)")
    at = datetime(2026, 6, 1, tzinfo=UTC)
    told = [(None, [], None), (at, [1, 10**12], b"\0\\x"), (None, None, b"")]
    for each in told:
        with pipelined.begin(swift) as tx:
            tx.execute(add, dict(zip(("at", "numbers", "body"), each, strict=True)))
    with engine.begin() as plain:
        rows = plain.execute(text("SELECT at, numbers, body FROM things")).all()
    assert [tuple(row) for row in rows] == told


def test_a_statement_that_was_never_prepared_is_prepared_anew(engine: Engine, swift: Engine) -> None:
    """What a failure before it has skipped, and what was undone, serves the next time."""
    for wrong, missing in ((text("SELECT 1 / 0"), 0), (None, 1)):
        with suppress(DataError, KeyError), pipelined.begin(swift) as tx:
            if wrong is not None:
                tx.execute(wrong)
            tx.execute(ROWS, {"most": 2 + missing})
            raise KeyError
        with pipelined.begin(swift) as tx:
            assert len(tx.execute(ROWS, {"most": 2}).all()) == 2


def test_much_that_nobody_looks_at_goes_through(engine: Engine, swift: Engine) -> None:
    """More than any buffer between here and the database holds, in both directions, blocks neither."""
    with engine.begin() as plain:
        plain.execute(text("CREATE TABLE things (name text)"))
    wide = text("INSERT INTO things VALUES (:name) RETURNING name")
    with pipelined.begin(swift) as tx:
        for _ in range(200):
            tx.execute(wide, {"name": "x" * 100_000})
    with engine.begin() as plain:
        assert plain.execute(text("SELECT sum(length(name)) FROM things")).scalar_one() == 200 * 100_000
