"""A file of rows is laid into the database part by part, so that a worker on any machine can read it."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy import Connection

from wallet_service.domain.errors import DatabaseUnusable, SheetTooLarge
from wallet_service.domain.sheet import Form, Kind, RowCounter, form_of
from wallet_service.storage import job_files
from wallet_service.storage.job_files import PART
from wallet_service.storage.vault import Vault

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file as it was laid down: how it is written, how many rows it seems to have, and the digest of its bytes."""

    file_id: int
    form: Form
    rows: int
    digest: str


def upload(
    begin: Begin,
    pieces: Iterable[bytes],
    *,
    vault: Vault,
    program_id: int,
    name: str,
    kind: Kind | None,
    known: Collection[str],
    needed: str,
    most: int,
    now: datetime,
) -> Uploaded:
    """Lay down a file that comes in pieces of any size; its head is looked at before anything is written.

    Each part is a transaction, and none is open while the next piece is waited for. A file that cannot be taken, or
    whose sender gives up, leaves nothing behind.
    Raises `SheetRefused`, and `SheetTooLarge` for more than `most` bytes.
    """
    parts = _parts(pieces, most)
    first = next(parts, b"")
    form = form_of(first, kind=kind, known=known, needed=needed)
    counter, digest = RowCounter(form.kind), hashlib.sha256()
    with begin() as tx:
        file_id = job_files.add(tx, program_id=program_id, name=name, now=now)
    try:
        for position, part in enumerate(chain((first,), parts)):
            counter.see(part)
            digest.update(part)
            with begin() as tx:
                job_files.add_part(tx, vault, file_id, position, part)
    except BaseException:
        with suppress(DatabaseUnusable):
            forget(begin, file_id)
        raise
    return Uploaded(file_id, form, counter.rows, digest.hexdigest())


def forget(begin: Begin, file_id: int) -> None:
    """Drop a file that nobody needs."""
    with begin() as tx:
        job_files.drop(tx, file_id)


def _parts(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield the bytes in parts of one size, but for the last."""
    held, size = bytearray(), 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise SheetTooLarge(most)
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)
