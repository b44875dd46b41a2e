"""An import of members is asked for: the file is laid down, and a job waits to be done with it."""

import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from wallet_service.domain.errors import OperationConflict
from wallet_service.domain.member_row import COLUMNS, NEEDED, OWN, TOLD
from wallet_service.domain.sheet import Kind
from wallet_service.storage import jobs
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, operate
from wallet_service.usecases.upload import Begin, Uploaded, forget, upload

IMPORT = "import"
JOB_PREFIX = "job_"


@dataclass(frozen=True, slots=True)
class Asked:
    """The job that will be done, and how many rows its file seems to have."""

    job: str
    rows: int


def ask_import(
    begin: Begin,
    pieces: Iterable[bytes],
    *,
    program: OpenProgram,
    name: str,
    kind: Kind | None,
    dry_run: bool,
    key: str,
    actor: str,
    most: int,
    now: datetime,
) -> Operated:
    """Take a file of members that comes in pieces, and have workers enter it; the answer is that of `Asked`.

    `name` is what the file is called; `kind` is guessed unless it is given. A `dry_run` says what would come of it.
    The same file again under the same key is the same job.
    Raises `SheetRefused`, `SheetTooLarge`, and `OperationConflict` for a key that was used for another file.
    """
    uploaded = upload(
        begin,
        pieces,
        vault=program.vault,
        program_id=program.id,
        name=name,
        kind=kind,
        known={*COLUMNS, OWN, *TOLD},
        needed=NEEDED,
        most=most,
        now=now,
    )
    try:
        asked = operate(
            begin,
            program=program,
            key=key,
            kind=IMPORT,
            content={"digest": uploaded.digest, "kind": uploaded.form.kind, "dry_run": dry_run},
            actor=actor,
            now=now,
            act=lambda operation: _ask(operation, uploaded, name=name, dry_run=dry_run),
        )
    except OperationConflict:
        forget(begin, uploaded.file_id)
        raise
    if asked.replayed:
        forget(begin, uploaded.file_id)
    return asked


def _ask(operation: Operation, uploaded: Uploaded, *, name: str, dry_run: bool) -> Asked:
    job = jobs.add(
        operation.tx,
        public_id=f"{JOB_PREFIX}{secrets.token_hex(10)}",
        program_id=operation.open.id,
        operation_id=operation.row_id,
        kind=IMPORT,
        asked={"file": name, "dry_run": dry_run, "form": asdict(uploaded.form)},
        asked_by=operation.actor,
        file_id=uploaded.file_id,
        total=uploaded.rows,
        cursor=asdict(uploaded.form.start),
        now=operation.now,
    )
    return Asked(job.public_id, uploaded.rows)
