"""Files that jobs read or make, and rows that jobs refused: in the database, where a worker on any machine finds them.

Both tell of persons, so both are sealed.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from wallet_service.domain.sheet import LONGEST
from wallet_service.storage.vault import Vault

EXPORT = "export"  # a kind of job: the only one that makes a file
PART = LONGEST  # bytes: the first part holds the head of a file
NEGLECTED = timedelta(days=1)  # after which a file that no job asks for was given up half-way

_ADD = text("""
    INSERT INTO job_files (program_id, name, created_at) VALUES (:program_id, :name, :now) RETURNING id
""")
_ADD_PART = text("INSERT INTO job_file_parts (file_id, position, sealed) VALUES (:file_id, :position, :sealed)")
_PART = text("SELECT sealed FROM job_file_parts WHERE file_id = :file_id AND position = :position")
_DROP = text("DELETE FROM job_files WHERE id = :id")
_DROP_OLD = text("""
    DELETE FROM job_files
    WHERE (created_at < :neglected AND NOT EXISTS (SELECT FROM jobs WHERE file_id = job_files.id))
       OR id IN (SELECT file_id FROM jobs WHERE finished_at < :over)
""")
_REFUSE = text("""
    INSERT INTO job_refusals (job_id, row_number, sealed)
    SELECT :job_id, row_number, sealed
    FROM unnest(CAST(:rows AS bigint[]), CAST(:sealed AS bytea[])) AS told (row_number, sealed)
""")
_REFUSED = text("""
    SELECT row_number, sealed FROM job_refusals WHERE job_id = :job_id AND row_number > :after
    ORDER BY row_number LIMIT :most
""")
_END_EXPORTS = text("""
    UPDATE jobs
    SET state = 'failed', finished_at = :now, lease = NULL, lease_until = NULL,
        last_error = 'a member was erased meanwhile; ask for another export'
    WHERE program_id = :program_id AND kind = :kind AND finished_at IS NULL
""")
_DROP_EXPORTS = text("""
    DELETE FROM job_files WHERE id IN (SELECT file_id FROM jobs WHERE program_id = :program_id AND kind = :kind)
""")
_FORGET = text("DELETE FROM job_refusals USING jobs WHERE jobs.id = job_id AND finished_at < :over")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that a job refused: what was wrong in which column ("" for all of it), and what the row said."""

    row: int
    faults: tuple[tuple[str, str], ...]
    said: dict[str, Any]


def add(tx: Connection, *, program_id: int, name: str, now: datetime) -> int:
    """Begin a file and return its id."""
    file_id: int = tx.execute(_ADD, {"program_id": program_id, "name": name, "now": now}).scalar_one()
    return file_id


def add_part(tx: Connection, vault: Vault, file_id: int, position: int, body: bytes) -> None:
    """Add a part: of what comes in `PART` bytes unless it is the last, of what goes out as many as there are."""
    tx.execute(_ADD_PART, {"file_id": file_id, "position": position, "sealed": vault.seal_bytes(body)})


def part(tx: Connection, vault: Vault, file_id: int, position: int) -> bytes | None:
    """Return a part of a file, None where it has no more."""
    sealed = tx.execute(_PART, {"file_id": file_id, "position": position}).scalar()
    return None if sealed is None else vault.open_bytes(bytes(sealed))


def pieces(tx: Connection, vault: Vault, file_id: int, offset: int) -> Iterator[bytes]:
    """Yield the bytes of a file from an offset on, each part when it is asked for."""
    position, skipped = divmod(offset, PART)
    while (body := part(tx, vault, file_id, position)) is not None:
        yield body[skipped:]
        position, skipped = position + 1, 0


def drop(tx: Connection, file_id: int) -> None:
    """Drop a file."""
    tx.execute(_DROP, {"id": file_id})


def refuse(tx: Connection, vault: Vault, job_id: int, refusals: Sequence[Refusal]) -> None:
    """Note rows that a job refuses."""
    if refusals:
        sealed = [vault.seal(json.dumps([each.faults, each.said])) for each in refusals]
        tx.execute(_REFUSE, {"job_id": job_id, "rows": [each.row for each in refusals], "sealed": sealed})


def refused(tx: Connection, vault: Vault, job_id: int, *, after: int, most: int) -> list[Refusal]:
    """Return up to `most` rows that a job refused, in their order, from the row `after` on."""
    rows = tx.execute(_REFUSED, {"job_id": job_id, "after": after, "most": most})
    return [_refusal(row.row_number, *json.loads(vault.open(bytes(row.sealed)))) for row in rows]


def prune(tx: Connection, *, over: datetime, now: datetime) -> int:
    """Drop the files of jobs that ended before `over`, with the rows that they refused; return how many files.

    So are files that were never asked for, once nobody can be at it any more.
    """
    tx.execute(_FORGET, {"over": over})
    return tx.execute(_DROP_OLD, {"over": over, "neglected": now - NEGLECTED}).rowcount


def drop_exports(tx: Connection, program_id: int, *, now: datetime) -> None:
    """Drop the files that exports of a programme have made, and end those that are at it.

    It waits for the piece at hand, which waits for nobody.
    """
    values = {"program_id": program_id, "kind": EXPORT}
    tx.execute(_END_EXPORTS, values | {"now": now})
    tx.execute(_DROP_EXPORTS, values)


def _refusal(row: int, faults: Iterable[tuple[str, str]], said: dict[str, Any]) -> Refusal:
    return Refusal(row, tuple((column, reason) for column, reason in faults), said)
