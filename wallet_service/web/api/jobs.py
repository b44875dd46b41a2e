"""Jobs: members brought in from files and given out as files, how far that is, and what was refused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from wallet_service.domain.errors import (
    FileGone,
    JobOver,
    ProgramNotNamed,
    SheetRefused,
    SheetTooLarge,
    UnknownJob,
    UnknownProgram,
)
from wallet_service.domain.job import Job as Found
from wallet_service.usecases import oversee
from wallet_service.usecases.ask_export import EXPORT, ask_export, exported
from wallet_service.usecases.ask_import import ask_import
from wallet_service.usecases.oversee import cancel_once
from wallet_service.usecases.reach import program_of, program_of_job, programs_of
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.files import KINDS, File, Sheet
from wallet_service.web.api.model import Flag, Model, ProgramCode
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Done, Example, Resource

JOBS = Resource("Jobs", "Many members at once, brought in and given out by workers, piece by piece.")
MEGABYTE = 2**20
THIS = "jobs"  # the list; a place in it is one however it is filtered

JobId = Annotated[str, StringConstraints(pattern=r"^job_[0-9a-z]{1,40}$"), Field(description="Our id of a job.")]
JobKind = Literal["import", "export", "campaign"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]


class JobPath(Model):
    """Which job."""

    job_id: JobId


class WhichJobs(Paged):
    """Which jobs: all of yours, or a programme's."""

    program: ProgramCode | None = None


class How(Model):
    """Into which programme, and whether it is only tried."""

    program: ProgramCode | None = None
    dry_run: Annotated[Flag, Field(description="Only say what would come of it; nothing is entered.")] = False


class NewExport(Model):
    """Whose members."""

    program: ProgramCode | None = None


class AskedJob(Model):
    """A job that workers will do, with about so many rows."""

    id: JobId
    rows: int


class Job(Model):
    """A job as it stands: of about `total` rows, `done` were looked at, and `refused` of them could not be entered.

    `result` counts what has come of it: `added`, `changed` and `same` members, balances `opened` and their `points`;
    members `written`. With `has_file` the file of an export can be fetched.
    """

    id: JobId
    kind: JobKind
    program: str
    state: State
    dry_run: bool
    asked_by: str
    total: int
    done: int
    refused: int
    result: dict[str, int]
    has_file: bool
    last_error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Jobs(Model):
    """A page of jobs, newest first."""

    data: tuple[Job, ...]
    next: Next


class CancelledJob(Model):
    """A job that was ended, and how far it was; what it has done stays done."""

    id: JobId
    done: int
    refused: int


@JOBS.get("/jobs", scope="jobs:read", problems=(UnknownProgram,), example=Example(query={"limit": "1"}))
def list_jobs(call: Call, *, query: WhichJobs) -> Jobs:
    """List jobs, newest first."""
    after = begins_after(call, query, THIS)
    with call.service.read() as tx:
        only = program_of(tx, call.merchant_id, query.program).id if query.program else None
        before = oversee.show(tx, after, merchant_id=call.merchant_id) if after else None
        found = oversee.newest(tx, merchant_id=call.merchant_id, program_id=only, before=before, most=query.limit + 1)
    codes = _codes(call)
    return Jobs(
        data=tuple(_job(each, codes) for each in found[: query.limit]),
        next=cursor(call, THIS, found, query, lambda last: last.public_id),
    )


@JOBS.post(
    "/imports",
    scope="jobs:write",
    status=202,
    problems=(ProgramNotNamed, SheetRefused, SheetTooLarge, UnknownProgram),
    example=Example(
        query={"dry_run": "true"},
        file="external_id,name,email,balance\r\ncustomer-2042,Alex Example,alex@home.example,500\r\n",
    ),
)
def import_members(call: Call, *, query: How, file: File) -> Done[AskedJob]:
    """Bring members in from a file, with the balances they begin with; workers enter it.

    CSV with a head in UTF-8, or JSON Lines with the same names: `external_id`, the only one that is needed, `name`,
    `locale`, `birthday`, `cause`, `email`, `phone`, `balance`, `expires_at`, `tier`, `tier_until`, `enrolled_at`.
    Balances are opened once for each member, ever, so that the same file again changes nothing.
    """
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, query.program)
    done = ask_import(
        call.service.begin,
        file.pieces,
        program=call.program(opened),
        name=f"a file from {call.caller.public_id}",
        kind=file.kind,
        dry_run=query.dry_run,
        key=call.key,
        actor=call.caller.public_id,
        most=call.service.settings.import_megabytes * MEGABYTE,
        now=call.now,
    )
    return Done(_asked(done.answer), done.replayed)


@JOBS.post(
    "/exports",
    scope="jobs:write",
    status=202,
    problems=(ProgramNotNamed, UnknownProgram),
    example=Example(body={"program": samples.PROGRAM}),
)
def export_members(call: Call, *, body: NewExport) -> Done[AskedJob]:
    """Have all members written into a file, in the columns in which members come in; fetch it when the job is done.

    It is kept encrypted, for a while, and only until a member of the programme is erased.
    """
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, body.program)
    done = call.do(opened, EXPORT, ask_export)
    return Done(_asked(done.answer), done.replayed)


@JOBS.get("/jobs/{job_id}", scope="jobs:read", problems=(UnknownJob,), example=Example(path={"job_id": samples.JOB}))
def get_job(call: Call, *, path: JobPath) -> Job:
    """Show how far a job is, and what has come of it."""
    return _job(_found(call, path), _codes(call))


@JOBS.post(
    "/jobs/{job_id}/cancel",
    scope="jobs:write",
    problems=(JobOver, UnknownJob),
    example=Example(path={"job_id": samples.WAITING_JOB}),
)
def cancel_job(call: Call, *, path: JobPath) -> Done[CancelledJob]:
    """End a job after the piece at hand; what it has done stays done, and its file is dropped."""
    with call.service.read() as tx:
        opened = program_of_job(tx, call.merchant_id, path.job_id)
    done = call.do(opened, "job.cancel", lambda operation: cancel_once(operation, job=path.job_id))
    answer = done.answer
    return Done(CancelledJob(id=answer["job"], done=answer["done"], refused=answer["refused"]), done.replayed)


@JOBS.get(
    "/jobs/{job_id}/refused",
    scope="files:read",
    problems=(UnknownJob,),
    example=Example(path={"job_id": samples.JOB}),
)
def get_refused(call: Call, *, path: JobPath) -> Sheet:
    """Fetch the rows that a job refused: each with its number, what is wrong, and all that it said.

    Once put right, the file can be imported as it is. Rows are kept for a while after the job's end.
    """
    service, kind = call.service, KINDS[call.accepted]
    return Sheet("refused", kind, oversee.refused(service.read, service.vault, _found(call, path), kind=kind))


@JOBS.get(
    "/jobs/{job_id}/file",
    scope="files:read",
    problems=(FileGone, UnknownJob),
    example=Example(path={"job_id": samples.EXPORT_JOB}),
)
def get_file(call: Call, *, path: JobPath) -> Sheet:
    """Fetch the file that an export has made: all members with balance, tier and the card's link."""
    service, kind = call.service, KINDS[call.accepted]
    return Sheet("members", kind, exported(service.read, service.vault, _found(call, path), kind=kind))


def _found(call: Call, path: JobPath) -> Found:
    with call.service.read() as tx:
        return oversee.show(tx, path.job_id, merchant_id=call.merchant_id)


def _codes(call: Call) -> dict[int, str]:
    """Return the codes of the merchant's programmes, by their rows."""
    with call.service.read() as tx:
        mine = programs_of(tx, call.merchant_id)
    return {each.id: call.program(each).template.program.program.code for each in mine}


def _asked(answer: Mapping[str, object]) -> AskedJob:
    return AskedJob.model_validate({"id": answer["job"], "rows": answer["rows"]})


def _job(job: Found, codes: Mapping[int, str]) -> Job:
    return Job.model_validate(
        {
            "id": job.public_id,
            "kind": job.kind,
            "program": codes[job.program_id],
            "state": job.state,
            "dry_run": bool(job.asked.get("dry_run")),
            "asked_by": job.asked_by,
            "total": job.total,
            "done": job.done,
            "refused": job.refused,
            "result": dict(job.result),
            "has_file": job.kind == EXPORT and job.state == "done" and job.file_id is not None,
            "last_error": job.last_error,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
        }
    )
