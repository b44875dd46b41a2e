"""Who has really been exposed to an experiment: a row for each member the first time."""

from datetime import datetime

from sqlalchemy import Connection, text

_EXPOSE = text("""
    INSERT INTO exposures (experiment, member_id, arm, created_at) VALUES (:experiment, :member_id, :arm, :now)
    ON CONFLICT (experiment, member_id) DO NOTHING RETURNING arm
""")
_COUNT = text("SELECT arm, count(*) AS members FROM exposures WHERE experiment = :experiment GROUP BY arm ORDER BY arm")


def expose(tx: Connection, experiment: str, member_id: int, arm: str, *, now: datetime) -> bool:
    """Note that the member met its arm; False where it had before."""
    values = {"experiment": experiment, "member_id": member_id, "arm": arm, "now": now}
    return tx.execute(_EXPOSE, values).first() is not None


def exposed(tx: Connection, experiment: str) -> dict[str, int]:
    """Return how many members have met each arm."""
    return {row.arm: row.members for row in tx.execute(_COUNT, {"experiment": experiment})}
