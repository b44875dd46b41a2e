"""Jobs: what is to be done piece by piece, how far it is, and which worker is at it.

A piece is one transaction: it holds the job's row, does the work, and moves the job on. So a worker that is killed
leaves the job as it was before the piece, and one that slept past its lease moves nothing on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, RowMapping, text

from wallet_service.domain.job import Job, Progress

_COLUMNS = """
    jobs.id, jobs.public_id, jobs.program_id, operation_id, kind, asked, asked_by, file_id, state, total, done, refused,
    cursor, result, not_before, lease, attempts, last_error, jobs.created_at, started_at, finished_at
"""
_ADD = text(f"""
    INSERT INTO jobs (public_id, program_id, operation_id, kind, asked, asked_by, file_id, state, total, done, refused,
                      cursor, result, not_before, attempts, created_at)
    VALUES (:public_id, :program_id, :operation_id, :kind, CAST(:asked AS jsonb), :asked_by, :file_id, 'waiting',
            :total, 0, 0, CAST(:cursor AS jsonb), '{{}}', :now, 0, :now)
    RETURNING {_COLUMNS}
""")
_CLAIM = text(f"""
    UPDATE jobs
    SET state = 'running', lease = :lease, lease_until = :until, attempts = attempts + 1,
        started_at = coalesce(started_at, :now), turn = nextval('job_turns')
    FROM (
        SELECT id AS next_id FROM jobs
        WHERE finished_at IS NULL AND kind = ANY(:kinds) AND not_before <= :now
          AND (lease_until IS NULL OR lease_until <= :now)
          AND (CAST(:only AS text) IS NULL OR public_id = :only)
        ORDER BY turn
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS next
    WHERE jobs.id = next_id
    RETURNING {_COLUMNS}
""")
# A worker whose machine is gone would keep its locks until the network notices.
_HOLD = text("""
    SELECT id, set_config('idle_in_transaction_session_timeout', '60s', true) FROM jobs
    WHERE id = :id AND lease = :lease
    FOR UPDATE
""")
_GET_ON = text("""
    UPDATE jobs
    SET cursor = CAST(:cursor AS jsonb), done = done + :done, refused = refused + :refused,
        result = CAST(:result AS jsonb), attempts = 0, last_error = NULL, lease = NULL, lease_until = NULL,
        state = CASE WHEN :over THEN 'done' ELSE state END,
        finished_at = CASE WHEN :over THEN CAST(:now AS timestamptz) END,
        total = CASE WHEN :over THEN done + :done ELSE greatest(total, done + :done) END
    WHERE id = :id
""")
_PUT_OFF = text("""
    UPDATE jobs SET not_before = :not_before, last_error = :reason, lease = NULL, lease_until = NULL
    WHERE id = :id AND lease = :lease
""")
_FAIL = text("""
    UPDATE jobs
    SET state = 'failed', finished_at = :now, last_error = coalesce(last_error, :reason), lease = NULL,
        lease_until = NULL
    WHERE id = :id AND lease = :lease
""")
_CANCEL = text(f"""
    UPDATE jobs SET state = 'cancelled', finished_at = :now, lease = NULL, lease_until = NULL
    WHERE id = :id AND finished_at IS NULL
    RETURNING {_COLUMNS}
""")
_FIND = text(f"""
    SELECT {_COLUMNS} FROM jobs JOIN programs ON programs.id = jobs.program_id
    WHERE jobs.public_id = :public_id AND (CAST(:merchant_id AS bigint) IS NULL OR merchant_id = :merchant_id)
""")
_LIST = text(f"""
    SELECT {_COLUMNS} FROM jobs JOIN programs ON programs.id = jobs.program_id
    WHERE (CAST(:merchant_id AS bigint) IS NULL OR merchant_id = :merchant_id)
      AND (CAST(:program_id AS bigint) IS NULL OR jobs.program_id = :program_id)
      AND (CAST(:before AS bigint) IS NULL OR jobs.id < :before)
    ORDER BY jobs.id DESC LIMIT :most
""")
_TALLY = text("""
    SELECT state, count(*) AS number FROM jobs
    WHERE finished_at IS NULL OR (state = 'failed' AND finished_at > :since) GROUP BY state
""")
_FAILED = text(f"""
    SELECT {_COLUMNS} FROM jobs WHERE state = 'failed' AND finished_at > :since ORDER BY finished_at DESC LIMIT :most
""")


def add(
    tx: Connection,
    *,
    public_id: str,
    program_id: int,
    operation_id: int | None,
    kind: str,
    asked: Mapping[str, Any],
    asked_by: str,
    file_id: int | None,
    total: int,
    cursor: Mapping[str, Any],
    now: datetime,
) -> Job:
    """Add a job that waits, and return it."""
    values = {
        "public_id": public_id,
        "program_id": program_id,
        "operation_id": operation_id,
        "kind": kind,
        "asked": _json(asked),
        "asked_by": asked_by,
        "file_id": file_id,
        "total": total,
        "cursor": _json(cursor),
        "now": now,
    }
    return _job(tx.execute(_ADD, values).mappings().one())


def claim(
    tx: Connection, *, kinds: Sequence[str], lease: UUID, until: datetime, now: datetime, only: str | None = None
) -> Job | None:
    """Lease the job whose turn it is, or only that one; nobody else takes it on before `until`.

    The turn goes around: whichever job was taken on longest ago is next.
    """
    values = {"kinds": list(kinds), "lease": lease, "until": until, "now": now, "only": only}
    row = tx.execute(_CLAIM, values).mappings().first()
    return _job(row) if row else None


def hold(tx: Connection, job: Job) -> bool:
    """Keep everybody else from the job until the transaction ends; False where it is no longer this worker's."""
    return tx.execute(_HOLD, {"id": job.id, "lease": job.lease}).first() is not None


def get_on(tx: Connection, job: Job, progress: Progress, *, now: datetime) -> None:
    """Move a job on that is held, and let go of it."""
    result = {
        name: job.result.get(name, 0) + progress.result.get(name, 0) for name in {**job.result, **progress.result}
    }
    values = {
        "id": job.id,
        "cursor": _json(progress.cursor),
        "done": progress.done,
        "refused": progress.refused,
        "result": _json(result),
        "over": progress.over,
        "now": now,
    }
    tx.execute(_GET_ON, values)


def put_off(tx: Connection, job: Job, *, not_before: datetime, reason: str) -> None:
    """Let go of a job that did not get on, and leave it alone until then."""
    tx.execute(_PUT_OFF, {"id": job.id, "lease": job.lease, "not_before": not_before, "reason": reason})


def fail(tx: Connection, job: Job, *, reason: str, now: datetime) -> None:
    """End a job that does not get on; what kept it the last time is the reason, if that is known."""
    tx.execute(_FAIL, {"id": job.id, "lease": job.lease, "reason": reason, "now": now})


def cancel(tx: Connection, job_id: int, *, now: datetime) -> Job | None:
    """End a job, after the piece at hand; None where it is over already."""
    row = tx.execute(_CANCEL, {"id": job_id, "now": now}).mappings().first()
    return _job(row) if row else None


def find(tx: Connection, public_id: str, *, merchant_id: int | None) -> Job | None:
    """Return the job of that id, if it is the merchant's or nobody asks whose it is."""
    row = tx.execute(_FIND, {"public_id": public_id, "merchant_id": merchant_id}).mappings().first()
    return _job(row) if row else None


def newest(
    tx: Connection, *, merchant_id: int | None, program_id: int | None = None, before: int | None = None, most: int
) -> list[Job]:
    """Return up to `most` jobs, newest first, from the one `before` on: a merchant's, a programme's, or all."""
    values = {"merchant_id": merchant_id, "program_id": program_id, "before": before, "most": most}
    return [_job(row) for row in tx.execute(_LIST, values).mappings()]


def tally(tx: Connection, *, since: datetime) -> dict[str, int]:
    """Count jobs that are not over, and those that have failed since then, by their state; none is not among them."""
    return {row.state: row.number for row in tx.execute(_TALLY, {"since": since})}


def failed(tx: Connection, *, since: datetime, most: int) -> list[Job]:
    """Return up to `most` jobs that have failed since then, newest first."""
    return [_job(row) for row in tx.execute(_FAILED, {"since": since, "most": most}).mappings()]


def _job(row: RowMapping) -> Job:
    return Job(**row)


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
