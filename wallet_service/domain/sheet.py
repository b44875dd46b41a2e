"""A file of rows, as CSV with a head or as JSON Lines: read record by record from any place in it.

What is read of it at once is never more than one record, and a record that is not well formed is a fault of its own.
"""

import csv
import io
import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from wallet_service.domain.errors import Fault, SheetRefused
from wallet_service.domain.member_row import RowFault

Kind = Literal["csv", "jsonl"]

LONGEST = 64 * 1024  # bytes of a record
DELIMITERS = (",", ";")
MARK = b"\xef\xbb\xbf"  # of UTF-8, as spreadsheets write it
# What others' files begin with.
FOREIGN = {
    b"\xff\xfe": "is UTF-16; save it as CSV UTF-8",
    b"\xfe\xff": "is UTF-16; save it as CSV UTF-8",
    b"PK\x03\x04": "is a spreadsheet's own file; save it as CSV UTF-8",
    b"\x1f\x8b": "is compressed; unpack it first",
}
# What a spreadsheet takes for the beginning of a formula, the wide forms too.
WIDE = (
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *WIDE)
TEXT = "'"  # before a text that would be taken for one


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written; `starts_at` is the byte at which its first record begins, which is row `first`."""

    kind: Kind
    columns: tuple[str, ...]
    delimiter: str
    starts_at: int

    @property
    def start(self) -> "Place":
        """The place before the first record; a head is row 1, as spreadsheets count."""
        return Place(self.starts_at, 1 if self.kind == "csv" else 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two records: the byte at which the next one begins, and the number of the row before it."""

    offset: int
    row: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is not empty: its row, the byte after it, its values by their columns, and what is wrong with it.

    Values of CSV are texts, those of JSON Lines whatever JSON can say.
    """

    row: int
    ends_at: int
    said: Mapping[str, Any]
    faults: tuple[RowFault, ...] = ()


def form_of(head: bytes, *, kind: Kind | None, known: Collection[str] | None = None, needed: str | None = None) -> Form:
    """Return how a file is written whose first bytes these are: all of them, or `LONGEST` at the least.

    Unless it is said, the kind is guessed: JSON Lines begin with a brace. Without `known` columns may be any.
    Raises `SheetRefused` for a file whose records cannot be read, or a head with other columns than are known.
    """
    for mark, message in FOREIGN.items():
        if head.startswith(mark):
            raise _refused(Fault("file", "", message))
    starts_at = len(MARK) if head.startswith(MARK) else 0
    head = head[starts_at:]
    if not head.strip():
        raise _refused(Fault("file", "", "is empty"))
    if kind == "jsonl" or (kind is None and head.lstrip().startswith(b"{")):
        return Form("jsonl", (), "", starts_at)
    return _csv_form(head, starts_at, known, needed)


def records(form: Form, pieces: Iterable[bytes], place: Place) -> Iterator[Record]:
    """Yield the records of a file from a place on; `pieces` are its bytes from there on, cut anywhere."""
    if form.kind == "jsonl":
        return _json_records(_lines(pieces), place)
    return _csv_records(form, _lines(pieces), place)


class RowCounter:
    """Counts the rows of a file that comes by in pieces; empty ones count, so there may be fewer."""

    def __init__(self, kind: Kind) -> None:
        self._quoting = kind == "csv"
        self._rows = -1 if kind == "csv" else 0
        self._inside = False
        self._open = False

    def see(self, piece: bytes) -> None:
        """Take a piece into account; of CSV, line ends between quotes end no row."""
        if not piece:
            return
        parts = piece.split(b'"') if self._quoting else [piece]
        for number, part in enumerate(parts):
            if number:
                self._inside = not self._inside
            if not self._inside:
                self._rows += part.count(b"\n")
        self._open = not piece.endswith(b"\n")

    @property
    def rows(self) -> int:
        """How many rows have come by."""
        return max(self._rows + self._open, 0)


def guarded(text: str) -> str:
    """Return a text as a cell of CSV that no spreadsheet takes for a formula; `plain` undoes it."""
    return f"{TEXT}{text}" if text.lstrip(TEXT).startswith(FORMULA) else text


def plain(cell: str) -> str:
    """Return what a cell of CSV says."""
    return cell[1:] if cell.startswith(TEXT) and cell.lstrip(TEXT).startswith(FORMULA) else cell


def lines_of(
    kind: Kind, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, guard: bool = True
) -> Iterator[str]:
    """Yield rows as lines of a file; those of CSV have just these columns, those of JSON Lines all that is not None.

    Without `guard` texts stay as they are, for programs: a spreadsheet may take one for a formula.
    """
    if kind == "jsonl":
        for row in rows:
            said = {name: value for name, value in row.items() if value is not None}
            yield json.dumps(said, ensure_ascii=False) + "\n"
        return
    text = io.StringIO()
    end = "\r\n"  # as the format has it: the writer quotes no other ends of lines than its own
    table = csv.writer(text, lineterminator=end)
    for row in rows:
        table.writerow([_cell(row.get(name), guard=guard) for name in columns])
        yield text.getvalue().removesuffix(end) + "\n"
        text.seek(0)
        text.truncate()


def head_of(kind: Kind, columns: Sequence[str]) -> str:
    """Return what a file of that kind begins with."""
    return ",".join(columns) + "\n" if kind == "csv" else ""


def _cell(value: object, *, guard: bool) -> object:
    if isinstance(value, str):
        return guarded(value) if guard else value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _refused(*faults: Fault) -> SheetRefused:
    return SheetRefused("The file cannot be read; nothing of it was done.", faults)


def _csv_form(head: bytes, starts_at: int, known: Collection[str] | None, needed: str | None) -> Form:
    line = head[:LONGEST].split(b"\n", 1)[0]
    if b"\r" in line.rstrip(b"\r"):
        raise _refused(Fault("head", "", "ends with CR alone, as all lines seem to; save the file with LF or CR LF"))
    read = {each: found for each in DELIMITERS if (found := _columns(head, each))}
    if not read:
        raise _refused(Fault("head", "", "is not well formed; the first line names the columns"))
    delimiter = max(read, key=lambda each: len(read[each][0]))
    columns, length = read[delimiter]
    faults = [_unknown(each, known) for each in columns if each not in known] if known is not None else []
    faults += [Fault("head", each, "stands in it twice") for each in set(columns) if columns.count(each) > 1]
    if needed is not None and needed not in columns:
        faults.append(Fault("head", needed, "is missing; the first line names the columns"))
    if faults:
        raise _refused(*faults)
    return Form("csv", columns, delimiter, starts_at + length)


def _columns(head: bytes, delimiter: str) -> tuple[tuple[str, ...], int] | None:
    """Return the names of the columns, and how many bytes they take; None where the delimiter is another one."""
    feed = _Feed(_lines([head]))
    feed.begin()
    try:
        cells = next(csv.reader(feed, delimiter=delimiter, strict=True))
    except (csv.Error, _TooLong):
        return None
    if feed.garbled:
        raise _refused(Fault("head", "", "is not UTF-8; save the file as CSV UTF-8"))
    return tuple(each.strip().lower() for each in cells), feed.size


def _unknown(column: str, known: Collection[str]) -> Fault:
    near = get_close_matches(column, sorted(known), 1)
    hint = f"did you mean {near[0]}?" if near else "remove it, or name it as one of those that are"
    return Fault("head", column or "(empty)", f"is no column that is known; {hint}")


class _TooLong(Exception):
    """A record has no end within `LONGEST`."""


Line = tuple[bytes | None, int]  # with its end, or None for one that is too long; and how many bytes it has


def _lines(pieces: Iterable[bytes]) -> Iterator[Line]:
    held, dropped = b"", 0
    for piece in pieces:
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            size = dropped + len(line) + 1
            yield (None if size > LONGEST else line + b"\n", size)
            dropped = 0
        if dropped + len(held) > LONGEST:
            held, dropped = b"", dropped + len(held)
    if size := dropped + len(held):
        yield (None if dropped else held, size)


class _Feed:
    """Gives lines to the reader of CSV, and knows what the record at hand has taken of them."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._taken: list[Line] = []
        self.size = 0  # bytes that the record has taken
        self.garbled = False

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line, size = self._again.popleft() if self._again else next(self._lines)
        self._taken.append((line, size))
        self.size += size
        if line is None or self.size > LONGEST:
            raise _TooLong
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.garbled = True
            return line.decode(errors="replace")

    def begin(self) -> None:
        """Begin a record."""
        self._taken, self.size, self.garbled = [], 0, False

    def give_back(self) -> None:
        """Let the record be its first line alone, and read what it took besides again: a quote was never closed."""
        self._again.extendleft(reversed(self._taken[1:]))
        self._taken = self._taken[:1]
        self.size = self._taken[0][1]


def _csv_records(form: Form, lines: Iterator[Line], place: Place) -> Iterator[Record]:
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=form.delimiter, strict=True)
    offset, row = place.offset, place.row
    while True:
        feed.begin()
        cells: list[str] = []
        faults: tuple[RowFault, ...] = ()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            faults = (RowFault("", _broken(error)),)
            feed.give_back()
        row, offset = row + 1, offset + feed.size
        if not faults and not any(each.strip() for each in cells):
            continue
        if not faults and feed.garbled:
            faults = (RowFault("", "is not UTF-8; save the file as CSV UTF-8"),)
        elif not faults and len(cells) != len(form.columns):
            faults = (RowFault("", f"has {len(cells)} cells, and the head {len(form.columns)}"),)
        said = {} if faults and not cells else dict(zip(form.columns, map(plain, cells), strict=False))
        yield Record(row, offset, said, faults)


def _broken(error: Exception) -> str:
    if isinstance(error, _TooLong):
        return f"is longer than {LONGEST:,} bytes, or a quote in it is not closed"
    return "is not well formed: a quote in it is not closed, or something follows one that is"


def _json_records(lines: Iterator[Line], place: Place) -> Iterator[Record]:
    offset, row = place.offset, place.row
    for line, size in lines:
        row, offset = row + 1, offset + size
        if line is None:
            yield Record(row, offset, {}, (RowFault("", f"is longer than {LONGEST:,} bytes"),))
        elif line.strip():
            yield _json_record(row, offset, line)


def _json_record(row: int, ends_at: int, line: bytes) -> Record:
    try:
        said = json.loads(line)
        json.dumps(said, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Record(row, ends_at, {}, (RowFault("", "is no JSON object in UTF-8 on one line"),))
    return Record(row, ends_at, said)
