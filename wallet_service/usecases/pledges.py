"""What was given by itself month by month: the batches in which it is paid out."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from wallet_service.domain.period import start_of
from wallet_service.storage import calendar, redemptions
from wallet_service.usecases.operate import OpenProgram


@dataclass(frozen=True, slots=True)
class Pledges:
    """A batch: all that goes to one cause for one month by one reward.

    `value_minor` is what to pay out. `complete`: the calendar has been to every member, so that nothing more comes in.
    """

    month: date
    reward: str
    cause: str | None
    gifts: int
    points: int
    value_minor: int | None
    complete: bool


def pledges(tx: Connection, *, program: OpenProgram) -> tuple[Pledges, ...]:
    """Return all batches, the oldest month first."""
    first_due = calendar.first_due(tx, program.id)
    zone = program.template.program.zone
    return tuple(
        Pledges(
            each.month,
            each.reward,
            each.cause,
            each.gifts,
            each.points,
            each.value_minor,
            complete=first_due is None or first_due > start_of(each.month, zone),
        )
        for each in redemptions.batches(tx, program.id)
    )
