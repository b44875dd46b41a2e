"""Jobs are looked at, listed and cancelled, and what they refused is told."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.errors import JobOver, UnknownJob
from wallet_service.domain.job import Job
from wallet_service.domain.member_row import COLUMNS, OWN
from wallet_service.domain.sheet import Kind, head_of, lines_of
from wallet_service.storage import job_files, jobs
from wallet_service.storage.job_files import Refusal
from wallet_service.storage.vault import Vault
from wallet_service.usecases.operate import Operation

REPORTED = ("row", "reason")
PAGE = 500  # refused rows that are read at once

Begin = Callable[[], AbstractContextManager[Connection]]


def show(tx: Connection, public_id: str, *, merchant_id: int | None) -> Job:
    """Return a job of the merchant's, or anybody's to an operator, who is no merchant.

    Raises `UnknownJob`.
    """
    job = jobs.find(tx, public_id, merchant_id=merchant_id)
    if job is None:
        raise UnknownJob(public_id)
    return job


def newest(
    tx: Connection, *, merchant_id: int | None, program_id: int | None = None, before: Job | None = None, most: int
) -> list[Job]:
    """Return up to `most` jobs, newest first, from the one `before` on: a merchant's, a programme's, or all."""
    last = before.id if before else None
    return jobs.newest(tx, merchant_id=merchant_id, program_id=program_id, before=last, most=most)


def cancel(tx: Connection, public_id: str, *, merchant_id: int | None, now: datetime) -> Job:
    """End a job after the piece at hand; what it has done stays done, and its file is dropped.

    Raises `UnknownJob` and `JobOver`.
    """
    job = show(tx, public_id, merchant_id=merchant_id)
    cancelled = jobs.cancel(tx, job.id, now=now)
    if cancelled is None:
        raise JobOver(public_id, show(tx, public_id, merchant_id=merchant_id).state)
    if cancelled.file_id is not None:
        job_files.drop(tx, cancelled.file_id)
    return cancelled


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A job that was ended, and how far it was."""

    job: str
    done: int
    refused: int


def cancel_once(operation: Operation, *, job: str) -> Cancelled:
    """End a job, as an operation under a key; raises as `cancel` does."""
    cancelled = cancel(operation.tx, job, merchant_id=None, now=operation.now)
    return Cancelled(job, cancelled.done, cancelled.refused)


def refused(read: Begin, vault: Vault, job: Job, *, kind: Kind) -> Iterator[str]:
    """Yield the rows that a job refused as a file, each with its number, what is wrong, and all that it said.

    Once put right it can be imported as it is: the columns that are the report's own are not read.
    """
    told = job.asked.get("form", {}).get("columns") or (*COLUMNS, OWN)
    columns = (*REPORTED, *(each for each in told if each not in REPORTED))
    yield head_of(kind, columns)
    after, more = 0, True
    while more:
        with read() as tx:
            page = job_files.refused(tx, vault, job.id, after=after, most=PAGE)
        yield from lines_of(kind, columns, map(_row, page))
        more = len(page) == PAGE
        after = page[-1].row if page else after


def prune(begin: Begin, *, keep: timedelta, now: datetime) -> int:
    """Drop files, and rows that were refused, of jobs that ended longer than `keep` ago; return how many files."""
    with begin() as tx:
        return job_files.prune(tx, over=now - keep, now=now)


def _row(each: Refusal) -> Mapping[str, Any]:
    reason = "; ".join(f"{column} {said}" if column else said for column, said in each.faults)
    said = {name: value for name, value in each.said.items() if name not in REPORTED}
    return {"row": each.row, "reason": reason, **said}
