"""Files over the API: rows, taken in piece by piece and given out line by line, as CSV or JSON Lines; and pictures."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from flask import Request, Response
from werkzeug.exceptions import UnsupportedMediaType

from wallet_service.domain.errors import SheetTooLarge
from wallet_service.domain.sheet import Kind
from wallet_service.posters.drawn import Form

KINDS: Mapping[str, Kind] = {"text/csv": "csv", "application/x-ndjson": "jsonl"}
PICTURES: Mapping[str, Form] = {"image/png": "png", "image/svg+xml": "svg", "application/pdf": "pdf"}
SUFFIXES: Mapping[Kind, str] = {"csv": "csv", "jsonl": "ndjson"}
PIECE = 64 * 1024  # bytes that are read of a body at once
NO_LIMIT = 2**62  # of the application's own; how large a file may be is a setting


@dataclass(frozen=True, slots=True)
class File:
    """A file that comes in: how it is written, and its bytes in pieces, each read when it is asked for.

    More than `most` bytes are refused.
    """

    kind: Kind
    pieces: Iterator[bytes]
    most: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that goes out: what it is called, how it is written, and its lines, each made when it is sent."""

    name: str
    kind: Kind
    lines: Iterable[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that goes out, or a page to print: what it is called, of which type, and its bytes."""

    name: str
    mimetype: str
    content: bytes


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
    return File(kind, _pieces(request), most)


def _pieces(request: Request) -> Iterator[bytes]:
    while piece := request.stream.read(PIECE):
        yield piece


def seen(file: File) -> tuple[Iterator[bytes], Callable[[], str]]:
    """Return the pieces of a file, and what tells the digest of those that have been read.

    Reading on raises `SheetTooLarge`.
    """
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        size = 0
        for piece in file.pieces:
            size += len(piece)
            if size > file.most:
                raise SheetTooLarge(file.most)
            digest.update(piece)
            yield piece

    return pieces(), digest.hexdigest


def whole(lines: Iterable[str]) -> Iterator[str]:
    """Return lines of which none is given before all are made: what is refused on the way is refused as a whole.

    Meanwhile they lie in a file without a name, that nobody else can open; nothing is open while they are sent.
    """
    file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - it is closed once it is sent
    try:
        file.writelines(lines)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    sent = _sent(file)
    next(sent)  # from here on whoever closes it closes the file
    return sent


def _sent(file: IO[str]) -> Iterator[str]:
    with file:
        yield ""
        yield from file


def given(sheet: Sheet | Picture) -> Response:
    """Return the answer that sends a file, rows while they are made."""
    if isinstance(sheet, Picture):
        response = Response(sheet.content, mimetype=sheet.mimetype)
        response.headers.set("Content-Disposition", "inline", filename=f"{sheet.name}.{PICTURES[sheet.mimetype]}")
        return response
    mimetype = next(name for name, kind in KINDS.items() if kind == sheet.kind)
    response = Response(sheet.lines, mimetype=mimetype)
    response.headers.set("Content-Disposition", "attachment", filename=f"{sheet.name}.{SUFFIXES[sheet.kind]}")
    return response
