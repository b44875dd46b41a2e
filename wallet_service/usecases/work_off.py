"""Jobs are worked off piece by piece, by any number of workers, each job in its turn.

A worker that dies leaves a lease that runs out. What it had done of its piece is undone with its transaction, so that
nothing is lost and nothing is done twice.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.domain.job import Job
from wallet_service.domain.push import back_off
from wallet_service.storage import jobs

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 8  # at one piece: it fails each time, or each worker that takes it on dies of it

Begin = Callable[[], AbstractContextManager[Connection]]
Piece = Callable[[Job], None]


class TakenAway(Exception):
    """The job was cancelled, or its lease ran out and another worker has it; nothing of the piece may be kept."""


def hold(tx: Connection, job: Job) -> None:
    """Hold the job in the transaction of its piece, before all other locks but those of operations' keys.

    Raises `TakenAway`.
    """
    if not jobs.hold(tx, job):
        raise TakenAway(job.public_id)


@dataclass(frozen=True)
class WorkOff:
    """What works jobs off: for each kind, what does its next piece, holds the job meanwhile, and gets it on."""

    begin: Begin
    clock: Callable[[], datetime]
    kinds: Mapping[str, Piece]
    lease: timedelta
    chance: random.Random = field(default_factory=random.Random)

    def step(self, only: str | None = None) -> bool:
        """Do a piece of the job whose turn it is, or of that one; False where there is none to be taken on."""
        now = self.clock()
        with self.begin() as tx:
            job = jobs.claim(tx, kinds=list(self.kinds), lease=uuid4(), until=now + self.lease, now=now, only=only)
        if job is None:
            return False
        if job.attempts > MOST_ATTEMPTS:
            self._fail(job)
            return True
        try:
            self.kinds[job.kind](job)
        except TakenAway:
            log.info("job.taken_away", job=job.public_id)
        except DatabaseUnusable as error:
            with suppress(DatabaseUnusable):
                self._put_off(job, error)
            raise
        except Exception as error:
            log.exception("job.stumbled", job=job.public_id, cursor=dict(job.cursor), attempts=job.attempts)
            self._put_off(job, error)
        return True

    def _put_off(self, job: Job, error: Exception) -> None:
        # An error's text may quote a row, so that stays in the log.
        with self.begin() as tx:
            not_before = self.clock() + back_off(job.attempts, self.chance)
            jobs.put_off(tx, job, not_before=not_before, reason=f"{type(error).__name__}; see the log of the workers")

    def _fail(self, job: Job) -> None:
        log.error("job.failed", job=job.public_id, cursor=dict(job.cursor))
        with self.begin() as tx:
            jobs.fail(tx, job, reason="each worker that took it on died of it", now=self.clock())
