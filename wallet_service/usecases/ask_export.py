"""An export of members is asked for; workers write the file a piece at a time, and whoever asked fetches it."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import FileGone
from wallet_service.domain.job import Job, Progress
from wallet_service.domain.sheet import Kind, head_of, lines_of
from wallet_service.storage import job_files, jobs, members, programs
from wallet_service.storage.job_files import EXPORT
from wallet_service.storage.vault import Vault
from wallet_service.usecases.ask_import import JOB_PREFIX, Asked
from wallet_service.usecases.export_members import EXPORTED, PAGE, rows_after
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.operate import Operation
from wallet_service.usecases.work_off import TakenAway, hold

__all__ = ["EXPORT", "MemberExport", "ask_export", "exported"]

NAME = "members"

Begin = Callable[[], AbstractContextManager[Connection]]


def ask_export(operation: Operation) -> Asked:
    """Have workers write all members of the programme into a file, in the columns of `export_members`."""
    tx, now = operation.tx, operation.now
    number = members.number(tx, operation.open.id)
    job = jobs.add(
        tx,
        public_id=f"{JOB_PREFIX}{secrets.token_hex(10)}",
        program_id=operation.open.id,
        operation_id=operation.row_id,
        kind=EXPORT,
        asked={"file": NAME},
        asked_by=operation.actor,
        file_id=job_files.add(tx, program_id=operation.open.id, name=NAME, now=now),
        total=number,
        cursor={"after": 0, "part": 0},
        now=now,
    )
    return Asked(job.public_id, number)


@dataclass(frozen=True)
class MemberExport:
    """What does the next piece of an export: the next members, as a part of the file, in JSON Lines.

    The cursor says after which row of a member the next piece begins, and which part of the file it writes.
    """

    begin: Begin
    read: Begin
    in_force: InForce
    clock: Callable[[], datetime]
    vault: Vault
    link: Callable[[str], str]
    most: int = PAGE

    def piece(self, job: Job) -> None:
        """Write the members after the job's cursor, as many as make a piece."""
        with self.read() as tx:
            opened = programs.by_id(tx, job.program_id)
        program = self.in_force.of_program(opened).program
        with self.begin() as tx:
            hold(tx, job)
            if job.file_id is None:
                raise TakenAway(job.public_id)  # the file went as the job was claimed
            page = rows_after(
                tx,
                vault=self.vault,
                program_id=job.program_id,
                program=program,
                link=self.link,
                after=job.cursor["after"],
                most=self.most,
            )
            part = job.cursor["part"]
            text = "".join(lines_of("jsonl", EXPORTED, page.rows))
            job_files.add_part(tx, self.vault, job.file_id, part, text.encode())
            cursor = {"after": page.after, "part": part + 1}
            came = {"written": len(page.rows)}
            jobs.get_on(tx, job, Progress(cursor, page.seen, 0, came, page.last), now=self.clock())


def exported(read: Begin, vault: Vault, job: Job, *, kind: Kind) -> Iterator[str]:
    """Return the lines of the file that an export has made; parts are read one by one, when they are asked for.

    Raises `FileGone` at once where there is none.
    """
    if job.kind != EXPORT or job.state != "done" or job.file_id is None:
        raise FileGone(job.public_id)
    return _lines(read, vault, job.file_id, kind)


def _lines(read: Begin, vault: Vault, file_id: int, kind: Kind) -> Iterator[str]:
    yield head_of(kind, EXPORTED)
    position, more = 0, True
    while more:
        with read() as tx:
            part = job_files.part(tx, vault, file_id, position)
        rows = [json.loads(line) for line in (part or b"").decode().split("\n") if line]
        yield from lines_of(kind, EXPORTED, rows)
        position, more = position + 1, part is not None
