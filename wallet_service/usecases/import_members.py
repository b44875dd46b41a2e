"""Members come in from a file, a piece of it at a time: enrolled, known better, with the balance they begin with."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.domain.job import Job, Progress
from wallet_service.domain.member_row import faults_in, read_row
from wallet_service.domain.program import Program
from wallet_service.domain.sheet import Form, Place, Record, records
from wallet_service.domain.template import Template
from wallet_service.storage import identities, job_files, jobs, programs
from wallet_service.storage.events import Raced
from wallet_service.storage.vault import Vault
from wallet_service.usecases.enter_rows import UNEXPECTED, Piece, Told
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.work_off import TakenAway, hold

log = structlog.get_logger(__name__)

ROWS = 100  # whose customers' events wait meanwhile
MOST_UNEXPECTED = 100  # rows that we cannot enter and do not know why; more than that is a fault of ours

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class MemberImport:
    """What does the next piece of an import of members.

    Rows of a piece are one transaction under all their customers' locks; the same use cases enter them as enter events.
    """

    begin: Begin
    begin_pipelined: Begin
    read: Begin
    in_force: InForce
    clock: Callable[[], datetime]
    vault: Vault
    pass_type_identifier: str
    rows: int = ROWS
    most_unexpected: int = MOST_UNEXPECTED

    def piece(self, job: Job) -> None:
        """Enter the rows after the job's cursor, as many as make a piece."""
        with self.read() as tx:
            opened = programs.by_id(tx, job.program_id)
        template = self.in_force.of_program(opened)
        now, form, place = self.clock(), _form(job), Place(**job.cursor)
        assert job.file_id is not None, "a job that is not over has its file"
        with self.read() as tx:
            found = records(form, job_files.pieces(tx, self.vault, job.file_id, place.offset), place)
            told = [self._read(each, template.program, now) for each in islice(found, self.rows)]
        self._attempt(job, template, told, last=len(told) < self.rows, now=now)

    def _read(self, record: Record, program: Program, now: datetime) -> Told:
        if record.faults:
            return Told(record, None, record.faults)
        row, faults = read_row(record.said)
        faults = faults if row is None else faults_in(row, program, now=now)
        if row is None or faults:
            return Told(record, None, faults)
        return Told(record, row, (), identities.marks_of(self.vault, row.identities))

    def _attempt(self, job: Job, template: Template, told: Sequence[Told], *, last: bool, now: datetime) -> None:
        """Enter the rows, or where that fails for a reason that is not theirs, fewer of them; one alone is refused."""
        try:
            self._enter(job, template, told, last=last, now=now)
        except (TakenAway, DatabaseUnusable, Raced):
            raise
        except Exception as error:
            about = {"job": job.public_id, "row": told[0].record.row if told else None, "rows": len(told)}
            if len(told) > 1:
                log.warning("job.rows_not_entered", **about, error=type(error).__name__)
                self._attempt(job, template, told[: len(told) // 2], last=False, now=now)
                return
            if not told or job.result.get("unexpected", 0) >= self.most_unexpected:
                raise
            log.exception("job.row_not_entered", **about)
            self._enter(job, template, [_unexpected(told[0])], last=last, now=now)

    def _enter(self, job: Job, template: Template, told: Sequence[Told], *, last: bool, now: datetime) -> None:
        dry_run = job.asked["dry_run"]
        with (self.begin if dry_run else self.begin_pipelined)() as tx:
            hold(tx, job)
            piece = Piece(tx, job, template, self.vault, self.pass_type_identifier, now)
            if dry_run:
                undone = tx.begin_nested()
                taken, came = piece.enter(told)
                undone.rollback()
            else:
                taken, came = piece.enter(told)
            over = last and len(taken) == len(told)
            job_files.refuse(tx, self.vault, job.id, came.refusals)
            place = Place(taken[-1].record.ends_at, taken[-1].record.row) if taken else Place(**job.cursor)
            progress = Progress(asdict(place), len(taken), len(came.refusals), came.result, over)
            jobs.get_on(tx, job, progress, now=now)
            if over and job.file_id is not None:
                job_files.drop(tx, job.file_id)


def _form(job: Job) -> Form:
    form = job.asked["form"]
    return Form(form["kind"], tuple(form["columns"]), form["delimiter"], form["starts_at"])


def _unexpected(told: Told) -> Told:
    return Told(told.record, None, UNEXPECTED)
