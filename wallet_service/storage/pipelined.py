"""Transactions in which nobody waits for an answer that nobody looks at.

The path of an event is a dozen short statements, and much of its time goes into round trips and into the general
machinery around them. Here a statement is sent at once, and its answer is fetched when somebody looks at it; a look
brings in the answers of all statements before it: https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import psycopg
from psycopg import Connection as DriverConnection
from psycopg import Cursor
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, TextClause, exc
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """Open a transaction: it is committed at the end, and rolled back if an error leaves it.

    What is given out does what this package asks of a connection, no more. The error of a statement is raised when
    somebody looks at the answer to it or to a later one, and at the end at the latest, as SQLAlchemy names it.
    """
    with engine.connect() as pooled:
        driver = cast("DriverConnection[Any]", pooled.connection.driver_connection)
        try:
            with driver.pipeline():
                yield cast(Connection, Pipelined(driver))
                driver.commit()
        except psycopg.Error as error:
            _undo(pooled, driver)
            raise _named(error) from error
        except BaseException:
            _undo(pooled, driver)
            raise


class Pipelined:
    """The part of SQLAlchemy's connection that the storage uses, on a driver connection in pipeline mode."""

    def __init__(self, driver: "DriverConnection[Any]") -> None:
        self._driver = driver

    def execute(
        self, statement: TextClause, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> "Answer":
        """Send a statement, or one for each of several sets of values."""
        query = _query(statement)
        cursor = self._driver.cursor(row_factory=namedtuple_row)
        if isinstance(values, Sequence):
            for each in values:
                cursor.execute(query, each)
        else:
            cursor.execute(query, values)
        return Answer(cursor)


class Answer:
    """The answer to a statement, fetched when it is looked at."""

    def __init__(self, cursor: Cursor[Any]) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor.fetchall())

    def all(self) -> list[Any]:
        """Return all rows."""
        return self._cursor.fetchall()

    def first(self) -> Any:
        """Return the first row, or None."""
        return self._cursor.fetchone()

    def one(self) -> Any:
        """Return the only row.

        Raises `LookupError`.
        """
        rows = self._cursor.fetchall()
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} rows where there must be one")
        return rows[0]

    def scalar(self) -> Any:
        """Return the first value of the first row, or None."""
        row = self._cursor.fetchone()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        """Return the first value of the only row."""
        return self.one()[0]

    def scalars(self) -> "list[Any]":
        """Return the first value of every row."""
        return [row[0] for row in self._cursor.fetchall()]

    def mappings(self) -> list[dict[str, Any]]:
        """Return every row by the names of its columns."""
        return [row._asdict() for row in self._cursor.fetchall()]


def _undo(pooled: Connection, driver: "DriverConnection[Any]") -> None:
    try:
        driver.rollback()
    except psycopg.Error:
        pooled.invalidate()  # the connection is lost, and nobody should get it again


def _named(error: psycopg.Error) -> exc.DBAPIError:
    """Return the driver's error under the name that SQLAlchemy has for its kind."""
    kinds = (exc.IntegrityError, exc.OperationalError, exc.ProgrammingError, exc.DataError, exc.InternalError)
    kind = next((each for each in kinds if isinstance(error, getattr(psycopg, each.__name__))), exc.DBAPIError)
    return kind(None, None, error, hide_parameters=True)


@cache
def _query(statement: TextClause) -> bytes:
    """Return the statement with the driver's placeholders; statements are constants, so each is made once."""
    return str(statement.compile(dialect=_DIALECT)).encode()
