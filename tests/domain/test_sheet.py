"""Files of rows: read record by record from any place, whatever is in them, and written so that they read the same."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.errors import SheetRefused
from wallet_service.domain.sheet import (
    LONGEST,
    Form,
    Kind,
    Record,
    RowCounter,
    form_of,
    guarded,
    head_of,
    lines_of,
    plain,
    records,
)

KNOWN = {"external_id", "name", "balance"}
COLUMNS = ("external_id", "name", "balance")
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
rows = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, texts)), max_size=12)


def form(body: bytes, kind: Kind | None = None) -> Form:
    """Return how a file is written."""
    return form_of(body, kind=kind, known=KNOWN, needed="external_id")


def read(body: bytes, kind: Kind | None = None) -> list[Record]:
    """Return all records of a file."""
    found = form(body, kind)
    return list(records(found, [body[found.starts_at :]], found.start))


def reasons(record: Record) -> str:
    """Return what is wrong with a record."""
    return "; ".join(map(str, record.faults))


def cut(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body in pieces."""
    return (body[at : at + size] for at in range(0, len(body), size))


def refusal(body: bytes, kind: Kind | None = None) -> str:
    """Return why a file is refused."""
    with pytest.raises(SheetRefused) as refused:
        form(body, kind)
    return str(refused.value)


@given(rows, st.integers(1, 40), st.sampled_from(["csv", "jsonl"]), st.data())
def test_what_was_written_is_read_from_any_place(
    rows: list[dict[str, str]], size: int, kind: Kind, data: st.DataObject
) -> None:
    """Whatever stands in cells, however the bytes are cut: each record says what was written, and so does the rest."""
    body = (head_of(kind, COLUMNS) + "".join(lines_of(kind, COLUMNS, rows))).encode()
    if not rows:
        return
    how = form(body, kind)
    found = list(records(how, cut(body[how.starts_at :], size), how.start))
    said = [row for row in rows if kind == "jsonl" or any(each.strip() for each in map(guarded, row.values()))]
    assert [dict(each.said) for each in found] == said
    assert not any(each.faults for each in found)
    if found:
        middle = data.draw(st.sampled_from(found))
        rest = list(records(how, cut(body[middle.ends_at :], size), type(how.start)(middle.ends_at, middle.row)))
        assert rest == [each for each in found if each.row > middle.row]


@given(texts)
def test_no_cell_begins_like_a_formula_and_each_is_undone(text: str) -> None:
    """What is guarded begins with no sign of a formula, and says the same when it is read."""
    assert plain(guarded(text)) == text
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")


@given(rows, st.sampled_from(["csv", "jsonl"]), st.integers(1, 30), st.booleans())
def test_rows_are_counted_as_they_come_by(rows: list[dict[str, str]], kind: Kind, size: int, ended: bool) -> None:
    """However they are cut, with or without an end to the last line, and whatever ends of lines stand in cells."""
    body = (head_of(kind, COLUMNS) + "".join(lines_of(kind, COLUMNS, rows))).encode()
    counter = RowCounter(kind)
    for piece in cut(body if ended else body[:-1], size):
        counter.see(piece)
    last_is_open = not ended and kind == "csv" and body.endswith(b'"\n')
    assert counter.rows == len(rows) or last_is_open


@pytest.mark.parametrize(
    ("body", "delimiter"),
    [
        (b"external_id,name\na,Ann\n", ","),
        (b"external_id;name\r\na;Ann\r\n", ";"),
        (b"\xef\xbb\xbfexternal_id;name\na;Ann\n", ";"),
        (b'\xef\xbb\xbf"External_ID"; Name\n"a";"Ann"', ";"),
        (b"name;external_id\n\n\nAnn;a\n;\n", ";"),
    ],
)
def test_heads_as_spreadsheets_write_them(body: bytes, delimiter: str) -> None:
    """Comma or semicolon, with a mark of UTF-8 or without, quoted or not, in any order and case; no empty rows."""
    assert form(body).delimiter == delimiter
    (record,) = read(body)
    assert record.said == {"external_id": "a", "name": "Ann"}


def test_rows_are_numbered_as_in_a_spreadsheet() -> None:
    """The head is row 1, an empty row counts, one with ends of lines in a cell is one; of JSON Lines it is lines."""
    found = read(b'external_id,name\na,"An\n\nn"\n\nb,Bob\n')
    assert [(each.row, each.said["name"]) for each in found] == [(2, "An\n\nn"), (4, "Bob")]
    found = read(b'{"external_id": "a"}\n\n  \n{"external_id": "b"}')
    assert [each.row for each in found] == [1, 4]


def test_a_broken_row_is_a_fault_of_its_own() -> None:
    """A quote that is not closed, a cell too many, a wrong encoding: the rows after it are read all the same."""
    body = b'external_id,name\na,"Ann\nb,Bob\nc,Cid,more\nd,\xe9\ne,E"ve\nf,"F"x\ng,Gus\n'
    found = read(body)
    assert [each.row for each in found] == [2, 3, 4, 5, 6, 7, 8]
    assert [each.said.get("external_id") for each in found] == [None, "b", "c", "d", "e", None, "g"]
    whys = [reasons(each) for each in found]
    assert "quote in it is not closed" in whys[0]
    assert "3 cells, and the head 2" in whys[2]
    assert "not UTF-8" in whys[3]
    assert "something follows" in whys[5]
    assert whys[1] == whys[4] == whys[6] == ""
    assert found[4].said["name"] == 'E"ve'


def test_a_line_of_json_lines_is_one_object() -> None:
    """Anything else is a fault of that line."""
    lines = (b"{", b"[1]", b"3", b'{"external_id": "\\ud800"}', b'{"external_id": "\xff"}', b"[" * 30_000, b'{"a":1}')
    found = read(b'{"external_id": "a"}\n' + b"\n".join(lines))
    assert [reasons(each) for each in found[1:-1]] == ["is no JSON object in UTF-8 on one line"] * (len(lines) - 1)
    assert found[-1].said == {"a": 1}


def test_a_row_without_end_takes_no_memory_and_stops_nothing() -> None:
    """A line that is longer than is taken is refused while little of it is held, and the rows after it are read."""
    body = b"external_id,name\na,Ann\n" + b"b," + b"x" * (20 * LONGEST) + b"\nc,Cid\n"
    how = form(body)
    pieces = list(cut(body[how.starts_at :], LONGEST))
    tracemalloc.start()
    found = list(records(how, pieces, how.start))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [each.said.get("external_id") for each in found] == ["a", None, "c"]
    assert "longer than" in reasons(found[1])
    assert found[-1].ends_at == len(body)
    assert peak < 8 * LONGEST


def test_a_quote_that_nothing_closes_costs_one_row() -> None:
    """However many rows come after it, its own alone is refused."""
    after = LONGEST // 5
    body = b'external_id,name\na,"x\n' + b"d,Dan\n" * after
    found = read(body)
    assert ("a quote in it is not closed" in reasons(found[0]), len(found)) == (True, 1 + after)
    assert not any(each.faults for each in found[1:])
    assert found[-1].ends_at == len(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        (b"\xff\xfee\x00x\x00", "is UTF-16"),
        (b"PK\x03\x04....", "spreadsheet's own file"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"name,balance\nAnn,1\n", "external_id: is missing"),
        (b"external_id,blance\n", "did you mean balance?"),
        (b"external_id,shoe size\n", "shoe size: is no column that is known"),
        (b"external_id,name,name\n", "stands in it twice"),
        (b"external_id,name,\n", "(empty): is no column"),
        (b"external_id,name\ra,Ann\r", "CR alone"),
        (b"external_id,n\xe9\n", "is not UTF-8"),
        (b'"external_id,name\n' + b"x" * LONGEST, "is not well formed"),
    ],
)
def test_a_head_with_a_fault_refuses_the_file(body: bytes, why: str) -> None:
    """What is wrong is said before anything is read."""
    assert why in refusal(body)


def test_a_head_is_refused_with_all_its_faults() -> None:
    """Not one at a time."""
    said = refusal(b"blance;nmae;nmae\n")
    assert said.count("\n") == 5
    assert "did you mean name?" in said


def test_a_kind_that_is_said_is_not_guessed() -> None:
    """JSON Lines that begin oddly are read as such if they are said to be."""
    assert reasons(read(b"hello\n", "jsonl")[0]) == "is no JSON object in UTF-8 on one line"
    assert "is no column" in refusal(b'{"external_id": "a"}\n', "csv")


def test_what_is_written_any_program_reads() -> None:
    """CSV as Python's own reader has it, JSON Lines as JSON has it; None is an empty cell, and nothing in JSON."""
    row = {"external_id": "a", "name": 'O"Neill, =1', "balance": 5, "more": None}
    written = "".join(lines_of("csv", ("external_id", "name", "balance", "more"), [row]))
    assert list(csv.reader(io.StringIO(written))) == [["a", 'O"Neill, =1', "5", ""]]
    (line,) = lines_of("jsonl", (), [row])
    assert json.loads(line) == {"external_id": "a", "name": 'O"Neill, =1', "balance": 5}
