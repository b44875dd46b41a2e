"""A job: work in many pieces that workers do one after the other, and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

State = Literal["waiting", "running", "done", "failed", "cancelled"]
OVER: tuple[State, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    `asked` is what is to be done, `cursor` where the next piece begins, both as the kind of job has them; `result` is
    what it has come to so far. `done` counts what was looked at, `refused` what of it could not be done; `total` is
    how many there are, which may be a little less in the end. `attempts` counts how often it was taken on since it
    last got on; until `not_before` it is left alone. `lease` is the worker's who is at it.
    """

    id: int
    public_id: str
    program_id: int
    operation_id: int | None
    kind: str
    asked: Mapping[str, Any]
    asked_by: str
    file_id: int | None
    state: State
    total: int
    done: int
    refused: int
    cursor: Mapping[str, Any]
    result: Mapping[str, int]
    not_before: datetime
    lease: UUID | None
    attempts: int
    last_error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def over(self) -> bool:
        """Whether nothing more will be done."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class Progress:
    """What a piece of a job has come to: where the next one begins, what was looked at, and what came of it."""

    cursor: Mapping[str, Any]
    done: int
    refused: int
    result: Mapping[str, int]
    over: bool
