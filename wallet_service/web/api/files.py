"""Files of rows over the API: taken in piece by piece, and given out line by line, as CSV or JSON Lines."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flask import Request, Response
from werkzeug.exceptions import UnsupportedMediaType

from wallet_service.domain.errors import SheetTooLarge
from wallet_service.domain.sheet import Kind

KINDS: Mapping[str, Kind] = {"text/csv": "csv", "application/x-ndjson": "jsonl"}
SUFFIXES: Mapping[Kind, str] = {"csv": "csv", "jsonl": "ndjson"}
PIECE = 64 * 1024  # bytes that are read of a body at once
NO_LIMIT = 2**62  # of the application's own; how large a file may be is a setting


@dataclass(frozen=True, slots=True)
class File:
    """A file that comes in: how it is written, and its bytes in pieces, each read when it is asked for."""

    kind: Kind
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that goes out: what it is called, how it is written, and its lines, each made when it is sent."""

    name: str
    kind: Kind
    lines: Iterable[str]


def taken(request: Request, *, most: int) -> File:
    """Return the file that a request brings; `most` is how many bytes it may have.

    Raises `UnsupportedMediaType`, and `SheetTooLarge` before anything is read where the request says its length.
    """
    kind = KINDS.get(request.mimetype)
    if kind is None:
        raise UnsupportedMediaType(f"Send {' or '.join(KINDS)}.")
    if request.content_length is not None and request.content_length > most:
        raise SheetTooLarge(most)
    request.max_content_length = NO_LIMIT
    return File(kind, _pieces(request))


def _pieces(request: Request) -> Iterator[bytes]:
    while piece := request.stream.read(PIECE):
        yield piece


def given(sheet: Sheet) -> Response:
    """Return the answer that sends a file while it is made."""
    mimetype = next(name for name, kind in KINDS.items() if kind == sheet.kind)
    response = Response(sheet.lines, mimetype=mimetype)
    response.headers.set("Content-Disposition", "attachment", filename=f"{sheet.name}.{SUFFIXES[sheet.kind]}")
    return response
