"""A pipelined transaction answers, commits, fails and rolls back as an ordinary one does."""

from collections.abc import Callable
from contextlib import AbstractContextManager
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

LOOKS: dict[str, Callable[[Any], Any]] = {
    "all": lambda answer: [tuple(row) for row in answer.all()],
    "iterated": lambda answer: [(row.n, row.tenfold) for row in answer],
    "first": lambda answer: tuple(answer.first()),
    "scalar": lambda answer: answer.scalar(),
    "scalars": lambda answer: list(answer.scalars()),
    "mappings": lambda answer: [dict(row) for row in answer.mappings()],
}


@pytest.mark.parametrize("look", LOOKS)
def test_answers_are_those_of_an_ordinary_connection(engine: Engine, look: str) -> None:
    """However the answer is looked at, it is the same."""
    with engine.begin() as plain, pipelined.begin(engine) as swift:
        ordinary, answer = (tx.execute(ROWS, {"most": 3}) for tx in (plain, swift))
        assert LOOKS[look](answer) == LOOKS[look](ordinary)


def test_the_only_row_is_the_only_one(engine: Engine) -> None:
    """Where there must be one row, more or fewer are refused, and none at all is nothing for the first."""
    with pipelined.begin(engine) as tx:
        assert tuple(tx.execute(ROWS, {"most": 1}).one()) == (1, 10)
        assert tx.execute(ROWS, {"most": 1}).scalar_one() == 1
        for most in (0, 2):
            with pytest.raises(LookupError, match=f"{most} rows"):
                tx.execute(ROWS, {"most": most}).one()
        none = tx.execute(ROWS, {"most": 0})
        assert (none.first(), none.scalar()) == (None, None)


def test_what_was_sent_is_there_after_the_end(engine: Engine) -> None:
    """Statements whose answers nobody looks at are done, in their order, one for each set of values."""
    with pipelined.begin(engine) as tx:
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
def test_an_error_undoes_all(engine: Engine, statement: str, error: type[Exception], looked_at: bool) -> None:
    """Whether its answer is looked at or not, a statement that fails is told by its kind, and nothing stays."""
    with engine.begin() as plain:
        plain.execute(TABLE)
        plain.execute(ADD, {"id": 1, "name": "one", "tags": None, "body": None})

    def fail() -> None:
        with pipelined.begin(engine) as tx:
            tx.execute(ADD, {"id": 2, "name": "two", "tags": None, "body": None})
            answer = tx.execute(text(statement))
            if looked_at:
                answer.all()

    with pytest.raises(error):
        fail()
    with engine.begin() as plain:
        assert [row.id for row in plain.execute(ALL)] == [1]


def test_an_error_of_the_caller_undoes_all(engine: Engine) -> None:
    """What is not the database's fault rolls back as well, and the connection serves again."""
    with engine.begin() as plain:
        plain.execute(TABLE)

    def fail() -> None:
        with pipelined.begin(engine) as tx:
            tx.execute(ADD, {"id": 1, "name": "one", "tags": None, "body": None})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pipelined.begin(engine) as tx:
        assert tx.execute(ALL).all() == []


def test_the_service_tells_a_missing_table_with_the_command(service: Service) -> None:
    """A database without our tables is unusable here, too; a fault in our own statement stays a crash."""
    begin: Callable[[], AbstractContextManager[Connection]] = service.begin_pipelined
    with pytest.raises(DatabaseUnusable, match="wallet-service migrate"), begin() as tx:
        tx.execute(text("SELECT * FROM nowhere"))
    with pytest.raises(ProgrammingError), begin() as tx:
        tx.execute(text("SELEKT 1"))
