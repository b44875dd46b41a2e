"""Whoever brings many members at once: asks for an import, and has it worked off."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from wallet_service.domain.job import Job
from wallet_service.domain.sheet import Kind
from wallet_service.storage import jobs, programs
from wallet_service.usecases import oversee
from wallet_service.usecases.ask_import import IMPORT, ask_import
from wallet_service.usecases.export_members import export_members
from wallet_service.usecases.operate import OpenProgram
from wallet_service.usecases.work_off import WorkOff
from wallet_service.wiring import Service

MOST = 10**7

_numbers = itertools.count()


@dataclass
class Clerk:
    """Sends files to one programme of a service."""

    service: Service
    template: str = "points"

    def program(self) -> OpenProgram:
        """Return the programme, by the rules in force."""
        with self.service.read() as tx:
            (opened,) = programs.of_template(tx, self.template)
        return OpenProgram(opened.id, self.service.in_force.of_program(opened), self.service.vault)

    def ask(
        self,
        body: str | bytes | Iterable[bytes],
        *,
        key: str | None = None,
        kind: Kind | None = None,
        dry_run: bool = False,
        most: int = MOST,
    ) -> str:
        """Ask for an import, and return the id of its job."""
        pieces = [body.encode()] if isinstance(body, str) else [body] if isinstance(body, bytes) else body
        asked = ask_import(
            self.service.begin,
            pieces,
            program=self.program(),
            name="members.csv",
            kind=kind,
            dry_run=dry_run,
            key=key or f"key {next(_numbers)}",
            actor="clerk",
            most=most,
            now=self.service.clock(),
        )
        job: str = asked.answer["job"]
        return job

    def job(self, public_id: str) -> Job:
        """Return a job as it stands."""
        with self.service.read() as tx:
            return oversee.show(tx, public_id, merchant_id=None)

    def give_up(self, public_id: str) -> None:
        """Have a job fail that a worker has taken on."""
        now = self.service.clock()
        with self.service.begin() as tx:
            claimed = jobs.claim(tx, kinds=[IMPORT], lease=uuid4(), until=now, now=now, only=public_id)
            assert claimed
            jobs.fail(tx, claimed, reason="the disk is full", now=now)

    def bring(self, body: str | bytes, **more: Any) -> Job:
        """Have a file imported to its end, and return the job."""
        public_id = self.ask(body, **more)
        work_off(self.service.jobs())
        return self.job(public_id)

    def refused(self, job: Job) -> dict[int, str]:
        """Return what was wrong with the rows that a job refused, by their numbers."""
        lines = oversee.refused(self.service.read, self.service.vault, job, kind="jsonl")
        return {row["row"]: row["reason"] for row in map(json.loads, filter(None, lines))}

    def export(self, kind: Kind = "csv") -> str:
        """Return all members as a file."""
        program = self.program()
        lines = export_members(
            self.service.read,
            vault=self.service.vault,
            program_id=program.id,
            template=program.template,
            kind=kind,
            link=self.service.link,
        )
        return "".join(lines)


def work_off(worker: WorkOff, most: int = 1000) -> int:
    """Do all pieces that can be done now, and return how many that were."""
    done = next(number for number in range(most) if not worker.step())
    assert done < most - 1
    return done
