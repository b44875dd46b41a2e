"""What the service says to the database for one event, and a `pgbench` script that says the same for many."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from psycopg import sql
from sqlalchemy import Connection, TextClause, text

from bench.stand import FIRST_CARD, FIRST_MEMBER, Stand, customer

FIRST_ROW = 3_000_000_000
RAW_ROWS = 4_000_000_000  # rows of the script are numbered from here on
ORDER = "recorded order"
NAME = re.compile(r"(?<!:):(\w+)")
HEAD = """
\\set number random(0, {last})
\\set said :said + 1
\\set row {rows} + :client_id * 100000000 + :round * 1000000 + :said * 10
"""

Statement = tuple[str, Mapping[str, Any]]


class Recorder:
    """A connection that keeps what is said on it, in the groups that are sent together."""

    def __init__(self, tx: Connection, groups: list[list[Statement]]) -> None:
        self._tx = tx
        self._groups = groups

    def execute(self, statement: TextClause, values: Any = None) -> "Heard":
        """Ask, and keep what was asked."""
        several = values if isinstance(values, list) else [values or {}]
        self._groups[-1] += [(statement.text, each) for each in several]
        return Heard(self._tx.execute(statement, values), self._groups)


class Heard:
    """An answer; whoever first looks at one has all that was asked sent."""

    def __init__(self, answer: Any, groups: list[list[Statement]]) -> None:
        self._answer = answer
        self._groups = groups
        self._group = groups[-1]

    def __getattr__(self, name: str) -> Any:
        if self._group is self._groups[-1]:
            self._groups.append([])
        return getattr(self._answer, name)


def record(ready: Stand) -> list[list[Statement]]:
    """Return what is said for an order that a member pays, in groups that are sent together; the order is entered."""
    groups: list[list[Statement]] = [[]]

    @contextmanager
    def begin() -> Iterator[Connection]:
        with ready.service.begin_pipelined() as tx:
            yield cast(Connection, Recorder(tx, groups))

    with ready.service.begin() as tx:
        tx.execute(text(f"SELECT setval('ledger_ids', {FIRST_ROW}, false)"))
    ready.pay(customer(0), ORDER, begin=begin)
    return groups


def script(groups: list[list[Statement]], *, members: int, together: bool) -> str:
    """Return the script: a transaction for any of the members, whose statements are sent `together` or one by one.

    Run it with `-D said=0` and another `round` each time, or its rows would be there already.
    """
    lines = [HEAD.format(last=members - 1, rows=RAW_ROWS)]
    for number, group in enumerate(groups):
        said = [_said(*each) for each in group]
        first, last = number == 0, number == len(groups) - 1
        said = ["BEGIN;"] * first + said + ["COMMIT;"] * last
        lines += ["\\startpipeline", *said, "\\endpipeline"] if together else said
    return "\n".join(lines) + "\n"


def _said(statement: str, values: Mapping[str, Any]) -> str:
    return NAME.sub(lambda name: _value(values[name[1]]), statement.strip()) + ";"


def _value(value: Any) -> str:
    """Return a value as the script says it: what is this member's, or this event's own, by the script's variables."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        return sql.Literal(value).as_string()
    whole = _number(str(value))
    if whole and isinstance(value, int):
        return whole
    if isinstance(value, int):
        return str(value)
    pieces = [piece for piece in re.split(rf"(\d{{10}}|{ORDER}|{customer(0)}\b)", value) if piece]
    said = [_number(piece) or _text(piece) for piece in pieces] or ["''"]
    return said[0] if len(said) == 1 and not _number(pieces[0]) else f"concat({', '.join(said)})"


def _number(piece: str) -> str | None:
    """Return the variable that an id of the recorded event stands for."""
    if not re.fullmatch(r"\d{10}", piece):
        return None
    number = int(piece)
    if number in (FIRST_MEMBER, FIRST_CARD):
        return f"({number} + :number::bigint)"
    return f"(:row::bigint + {number - FIRST_ROW})" if FIRST_ROW <= number < FIRST_ROW + 10 else None


def _text(piece: str) -> str:
    if piece == ORDER:
        return "concat('said ', :row::bigint)"
    if piece == customer(0):
        return "concat('customer ', :number::bigint)"
    quoted = piece.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")  # a colon would begin a variable
    return f"E'{quoted}'"
