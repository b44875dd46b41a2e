"""Transactions in which nobody waits for an answer that nobody looks at.

The path of an event is a dozen short statements, and much of its time goes into round trips and into the general
machinery around them. Here statements gather until somebody looks at an answer; then all of them are sent together, and
the answers up to that one are fetched: https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

from collections import deque, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, cast

import orjson
import psycopg
from psycopg import Connection as DriverConnection
from psycopg import abc, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import PipelineAborted, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.types.json import set_json_loads
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from sqlalchemy import Connection, Engine, PoolProxiedConnection, TextClause, create_engine, event, exc
from sqlalchemy.dialects.postgresql.base import PGDialect

FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
_DIALECT = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def open_engine(engine: Engine) -> Engine:
    """Return an engine for pipelined transactions on the same database, which is closed with that engine.

    Its connections are its own: the driver drops all prepared statements of a connection on which it rolls back others.
    """
    pipelined = create_engine(
        engine.url,
        pool_size=10,
        max_overflow=20,
        pool_reset_on_return=None,  # whoever gives a connection back has ended its transaction
        connect_args={
            "application_name": "wallet_service",
            "options": "-c timezone=UTC",
            "prepare_threshold": None,  # what is prepared here, the driver does not know of
        },
    )
    event.listen(engine, "engine_disposed", lambda _: pipelined.dispose())
    return pipelined


def begin(engine: Engine) -> AbstractContextManager[Connection]:
    """Open a transaction on an engine of `open_engine`: committed at the end, rolled back if an error leaves it.

    What is given out does what this package asks of a connection, no more. The error of a statement is raised when
    somebody looks at the answer to it or to a later one, and at the end at the latest, as SQLAlchemy names it.
    """
    return _opened(engine, Pipelined)


def look(engine: Engine) -> AbstractContextManager[Connection]:
    """Open a connection on an engine of `open_engine` where each look at an answer ends what was asked until then.

    That is for looking: one round trip for a question, and nothing is committed or rolled back afterwards. Errors are
    raised as in `begin`.
    """
    return _opened(engine, _Looking)


@contextmanager
def _opened(engine: Engine, kind: "type[Pipelined]") -> Iterator[Connection]:
    try:
        pooled = engine.raw_connection()
    except psycopg.Error as error:
        raise _named(error) from error
    with closing(pooled):
        tx = kind(_line(pooled))
        try:
            tx.begin()
            yield cast(Connection, tx)
            tx.commit()
        except psycopg.Error as error:
            _undo(pooled, tx)
            raise _named(error) from error
        except BaseException:
            _undo(pooled, tx)
            raise


@dataclass(slots=True)
class _Query:
    """A statement as the database reads it, and the names of the values that it calls $1, $2 and so on.

    `row` makes a row of its answer; what that has for columns is known when the first comes.
    """

    sql: bytes
    names: tuple[str, ...]
    formats: tuple[PyFormat, ...]
    row: Callable[[Iterable[Any]], Any] | None = None

    def row_of(self, result: PGresult) -> Callable[[Iterable[Any]], Any]:
        """Return what makes a row; the columns of a statement are always the same."""
        if self.row is None:
            self.row = _row(*(result.fname(number) or b"" for number in range(result.nfields)))
        return self.row


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The name by which the database knows a statement, and its values' types; 0 where the database infers one."""

    name: bytes
    types: tuple[int, ...]


@dataclass(slots=True)
class _Line:
    """A driver's connection and what it has prepared; `named` counts the names that were given."""

    driver: "DriverConnection[Any]"
    transformer: abc.Transformer
    prepared: dict[bytes, _Prepared] = field(default_factory=dict)
    named: int = 0


class Pipelined:
    """The part of SQLAlchemy's connection that the storage uses, on a driver's connection in pipeline mode."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._server = line.driver.pgconn
        self._fresh: dict[bytes, _Prepared] = {}
        self._awaited: deque[Callable[[PGresult], None]] = deque()

    def begin(self) -> None:
        """Begin the transaction; nothing is sent yet."""
        self._server.enter_pipeline_mode()
        self._command(b"BEGIN")

    def execute(
        self, statement: TextClause, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> "Answer":
        """Ask a statement, or one for each of several sets of values."""
        query = _query(statement)
        answer = Answer(self.fetch, self._line.transformer, query)
        for each in values if isinstance(values, Sequence) else (values or {},):
            self._ask(query, [each[name] for name in query.names])
            self._awaited.append(answer.arrive)
        return answer

    def fetch(self, enough: Callable[[], bool]) -> None:
        """Send what has gathered, and wait for answers until they are enough.

        Raises the first error among them.
        """
        self._server.send_flush_request()
        self._line.driver.wait(self._fetching(enough))

    def commit(self) -> None:
        """End the transaction, and hear of all that nobody has looked at."""
        self._command(b"COMMIT")
        self._sync()
        self._line.driver.wait(self._fetching(self._is_over))
        self._server.exit_pipeline_mode()

    def rollback(self) -> None:
        """Undo everything; the connection then serves again, whatever has failed on it."""
        self._sync()
        self._line.driver.wait(self._fetching(self._is_over, heed=False))
        self._server.exit_pipeline_mode()
        self._line.driver.rollback()

    def _ask(self, query: _Query, values: list[Any]) -> None:
        line = self._line
        dumped = line.transformer.dump_sequence(values, query.formats)
        types, formats = line.transformer.types or (), line.transformer.formats
        prepared = self._fresh.get(query.sql) or line.prepared.get(query.sql)
        if prepared is None or not _fits(types, prepared.types):
            prepared = self._prepare(query, types, prepared)
        self._server.send_query_prepared(prepared.name, dumped, param_formats=formats)

    def _prepare(self, query: _Query, types: tuple[int, ...], before: _Prepared | None) -> _Prepared:
        """Let the database prepare the statement; a value that was nothing before may have shown its type by now."""
        if before is not None:
            types = tuple(new or old for new, old in zip(types, before.types, strict=True))
        self._line.named += 1
        prepared = self._fresh[query.sql] = _Prepared(b"pipelined_%d" % self._line.named, types)
        self._server.send_prepare(prepared.name, query.sql, types)
        # What fails, or is skipped after a failure, is not there to be used again.
        self._awaited.append(lambda _: self._line.prepared.update({query.sql: prepared}))
        return prepared

    def _command(self, command: bytes) -> None:
        self._server.send_query_params(command, None)
        self._awaited.append(_ignore)

    def _sync(self) -> None:
        self._server.pipeline_sync()
        self._awaited.append(_ignore)

    def _is_over(self) -> bool:
        return not self._awaited

    def _fetching(self, enough: Callable[[], bool], *, heed: bool = True) -> abc.PQGen[None]:
        """Send and receive; errors of statements are raised if there is anybody to `heed` them."""
        yield from generators.send(self._server)
        while not enough():
            results = yield from generators.fetch_many(self._server)
            if not results:
                raise psycopg.OperationalError("the connection is lost")
            arrive, result = self._awaited.popleft(), results[0]
            if result.status not in FAILED:
                arrive(result)
            elif heed:
                raise _error(result)


class _Looking(Pipelined):
    """Without a transaction's begin and end, the database ends what was asked at each point of synchronisation."""

    def begin(self) -> None:
        """Get ready to ask; nothing is sent yet."""
        self._server.enter_pipeline_mode()

    def fetch(self, _: Callable[[], bool]) -> None:
        """Send what has gathered, and wait for all the answers.

        Raises the first error among them.
        """
        self._sync()
        self._line.driver.wait(self._fetching(self._is_over))

    def commit(self) -> None:
        """Hear of all that nobody has looked at."""
        if self._awaited:
            self.fetch(self._is_over)
        self._server.exit_pipeline_mode()


class Answer:
    """The answer to a statement, fetched when it is looked at."""

    def __init__(
        self, fetch: Callable[[Callable[[], bool]], None], transformer: abc.Transformer, query: _Query
    ) -> None:
        self._fetch = fetch
        self._transformer = transformer
        self._query = query
        self._result: PGresult | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def all(self) -> list[Any]:
        """Return all rows."""
        if self._result is None:
            self._fetch(self._is_here)
        result = self._result
        if result is None or not result.nfields:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, self._query.row_of(result))

    def first(self) -> Any:
        """Return the first row, or None."""
        return next(iter(self.all()), None)

    def one(self) -> Any:
        """Return the only row.

        Raises `LookupError`.
        """
        rows = self.all()
        if len(rows) != 1:
            raise LookupError(f"{len(rows)} rows where there must be one")
        return rows[0]

    def scalar(self) -> Any:
        """Return the first value of the first row, or None."""
        row = self.first()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        """Return the first value of the only row."""
        return self.one()[0]

    def scalars(self) -> "list[Any]":
        """Return the first value of every row."""
        return [row[0] for row in self.all()]

    def mappings(self) -> list[dict[str, Any]]:
        """Return every row by the names of its columns."""
        return [row._asdict() for row in self.all()]

    def arrive(self, result: PGresult) -> None:
        """Take what the database has answered."""
        self._result = result

    def _is_here(self) -> bool:
        return self._result is not None


def _undo(pooled: PoolProxiedConnection, tx: Pipelined) -> None:
    try:
        tx.rollback()
    except psycopg.Error:
        pooled.invalidate()  # the connection is lost, and nobody should get it again


def _line(pooled: PoolProxiedConnection) -> _Line:
    """Return the driver's connection with what is remembered of it."""
    remembered = pooled.info
    if __name__ not in remembered:
        driver = cast("DriverConnection[Any]", pooled.driver_connection)
        context = driver.cursor()
        # By default the size of a number decides its type, and each mix of sizes would be prepared anew.
        context.adapters.register_dumper(int, Int8Dumper)
        context.adapters.register_dumper(int, Int8BinaryDumper)
        set_json_loads(orjson.loads, context)
        remembered[__name__] = _Line(driver, Transformer(context))
    line: _Line = remembered[__name__]
    return line


def _fits(types: tuple[int, ...], prepared: tuple[int, ...]) -> bool:
    """Whether values of these types can be given for the prepared ones; nothing (0) can be given for any."""
    return types == prepared or all(not new or new == old for new, old in zip(types, prepared, strict=True))


def _error(result: PGresult) -> psycopg.Error:
    if result.status == ExecStatus.PIPELINE_ABORTED:
        return PipelineAborted("a statement before this one has failed")
    return error_from_result(result)


def _ignore(_: PGresult) -> None:
    """Be content that nothing has failed."""


def _named(error: psycopg.Error) -> exc.DBAPIError:
    """Return the driver's error under the name that SQLAlchemy has for its kind."""
    kinds = (exc.IntegrityError, exc.OperationalError, exc.ProgrammingError, exc.DataError, exc.InternalError)
    kind = next((each for each in kinds if isinstance(error, getattr(psycopg, each.__name__))), exc.DBAPIError)
    return kind(None, None, error, hide_parameters=True)


@cache
def _row(*names: bytes) -> Callable[[Iterable[Any]], Any]:
    """Return what makes a row of its values; the class's own `_make` would only count them again."""
    return partial(tuple.__new__, namedtuple("Row", [name.decode() for name in names], rename=True))


@cache
def _query(statement: TextClause) -> _Query:
    """Return the statement with the database's placeholders; statements are constants, so each is made once."""
    compiled = statement.compile(dialect=_DIALECT)
    names = tuple(compiled.positiontup or ())
    return _Query(str(compiled).encode(), names, (PyFormat.AUTO,) * len(names))
