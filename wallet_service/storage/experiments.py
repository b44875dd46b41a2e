"""Who has really been exposed to an experiment: a row for each member the first time."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import Connection, text

from wallet_service.domain.qualifying import Amounts

STREAMED = 1000  # rows that are in memory at a time

_EXPOSE = text("""
    INSERT INTO exposures (experiment, member_id, arm, created_at) VALUES (:experiment, :member_id, :arm, :now)
    ON CONFLICT (experiment, member_id) DO NOTHING RETURNING arm
""")
_COUNT = text("SELECT arm, count(*) AS members FROM exposures WHERE experiment = :experiment GROUP BY arm ORDER BY arm")
_BEGUN = text("SELECT min(created_at) FROM exposures WHERE experiment = :experiment")
_DONE = text("""
    SELECT public_id, coalesce(sum(spend), 0)::bigint, coalesce(sum(points), 0)::bigint,
           coalesce(sum(orders), 0)::bigint, coalesce(sum(referrals), 0)::bigint
    FROM members LEFT JOIN qualification_days ON member_id = members.id AND day >= :since
    WHERE program_id = :program_id AND merged_into IS NULL AND erased_at IS NULL
    GROUP BY members.id
""")


def expose(tx: Connection, experiment: str, member_id: int, arm: str, *, now: datetime) -> bool:
    """Note that the member met its arm; False where it had before."""
    values = {"experiment": experiment, "member_id": member_id, "arm": arm, "now": now}
    return tx.execute(_EXPOSE, values).first() is not None


def exposed(tx: Connection, experiment: str) -> dict[str, int]:
    """Return how many members have met each arm."""
    return {row.arm: row.members for row in tx.execute(_COUNT, {"experiment": experiment})}


def begun_at(tx: Connection, experiment: str) -> datetime | None:
    """Return when the first member met an arm; None where nobody has."""
    found: datetime | None = tx.execute(_BEGUN, {"experiment": experiment}).scalar_one()
    return found


def done_since(tx: Connection, program_id: int, since: date) -> Iterator[tuple[str, Amounts]]:
    """Yield our public id of each member of the programme, and what it has done from the day `since` on."""
    rows = tx.execute(_DONE.execution_options(yield_per=STREAMED), {"program_id": program_id, "since": since})
    for public_id, *done in rows:
        yield public_id, Amounts(*done)
