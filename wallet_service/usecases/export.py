"""A statement as a document or a table: the same for an operator at the command line and for the member's page."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from datetime import date

from wallet_service.domain.sheet import guarded
from wallet_service.usecases.statement import Line, LotNow, Move, Part, Statement, Uncounted


def for_member(statement: Statement) -> Statement:
    """Return the statement without what is the merchant's own: who of the staff did something, and their note on it."""
    lines = (replace(each, actor=None, reason=None, operation=None) for each in statement.lines)
    return replace(statement, lines=tuple(lines))


def as_json(statement: Statement, *, only_lots: bool = False) -> str:
    """Return `lines`, oldest first, and `lots` as a JSON object; or the lots alone."""
    lines = {} if only_lots else {"lines": [asdict(each) for each in statement.lines]}
    return json.dumps(lines | {"lots": [asdict(each) for each in statement.lots]}, indent=2, default=str)


def as_csv(statement: Statement, *, only_lots: bool = False) -> str:
    """Return the lines, or the lots, as a table with a head; no cell begins like a formula."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    kind = LotNow if only_lots else Line
    rows: Iterable[Line | LotNow] = statement.lots if only_lots else statement.lines
    table.writerow([each.name for each in fields(kind)])
    for row in rows:
        table.writerow([cell(getattr(row, each.name)) for each in fields(kind)])
    return text.getvalue()


def cell(value: object) -> object:
    """Return a value as a cell; a text that a spreadsheet would take for a formula is kept a text."""
    if isinstance(value, tuple):
        return cell("; ".join(map(_said, value)))
    if isinstance(value, str):
        return guarded(value)
    return value.isoformat() if isinstance(value, date) else value


def _said(each: Move | Part | Uncounted) -> str:
    match each:
        case Move():
            return move(each)
        case Part():
            return f"{each.code} {each.points}"
        case _:
            return f"{each.code} {each.reason}"


def move(each: Move) -> str:
    """Return what was moved in a lot, in one line."""
    buckets = (("available", each.available), ("pending", each.pending), ("held", each.held), ("gone", each.gone))
    moved = ", ".join(f"{name} {points:+,}" for name, points in buckets if points)
    return f"{'opens ' if each.opened else ''}lot {each.lot}: {moved}; {until(each.dies_on)}"


def until(dies_on: date | None) -> str:
    """Return until when points can be spent."""
    return f"until {dies_on}" if dies_on else "does not die by itself"
