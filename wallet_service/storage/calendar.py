"""Members for whom the calendar has work, and those for whom it failed and who wait until it is tried again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_DUE = text("""
    SELECT cards.id AS card_id, members.id AS member_id, members.program_id, external_id, public_id,
           coalesce(attempts, 0) AS attempts
    FROM balances
    JOIN members ON members.id = balances.member_id
    JOIN programs ON programs.id = members.program_id
    JOIN cards ON cards.member_id = members.id
    LEFT JOIN calendar_delays ON calendar_delays.member_id = members.id
    WHERE due_at <= :now AND (not_before IS NULL OR not_before <= :now) AND programs.template = ANY(:templates)
    ORDER BY due_at, balances.member_id LIMIT :most
""")
_DELAY = text("""
    INSERT INTO calendar_delays (member_id, attempts, not_before, reason)
    VALUES (:member_id, :attempts, :not_before, :reason)
    ON CONFLICT (member_id) DO UPDATE
    SET attempts = excluded.attempts, not_before = excluded.not_before, reason = excluded.reason
""")
_FORGET = text("DELETE FROM calendar_delays WHERE member_id = :member_id")
_DELAYED = text("""
    SELECT public_id, attempts, reason FROM calendar_delays JOIN members ON members.id = member_id
    ORDER BY member_id LIMIT :most
""")
_FIRST_DUE = text("""
    SELECT min(due_at) FROM balances JOIN members ON members.id = balances.member_id WHERE program_id = :program_id
""")


@dataclass(frozen=True, slots=True)
class Due:
    """A member for whom the calendar has work; `attempts` of it have failed."""

    card_id: int
    member_id: int
    program_id: int
    external_id: str
    public_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Delayed:
    """A member for whom the calendar's work failed, how often, and why the last time."""

    public_id: str
    attempts: int
    reason: str


def due(tx: Connection, *, templates: Collection[str], now: datetime, most: int) -> list[Due]:
    """Return up to `most` members of programmes with these templates, those who wait longest first."""
    rows = tx.execute(_DUE, {"templates": list(templates), "now": now, "most": most})
    return [Due(*row) for row in rows]


def delay(tx: Connection, member_id: int, *, attempts: int, not_before: datetime, reason: str) -> None:
    """Note that the member could not be settled, and is not to be tried before then."""
    values = {"member_id": member_id, "attempts": attempts, "not_before": not_before, "reason": reason}
    tx.execute(_DELAY, values)


def forget(tx: Connection, member_id: int) -> None:
    """Note that the member has been settled after all."""
    tx.execute(_FORGET, {"member_id": member_id})


def delayed(tx: Connection, *, most: int) -> list[Delayed]:
    """Return up to `most` members who could not be settled."""
    return [Delayed(*row) for row in tx.execute(_DELAYED, {"most": most})]


def first_due(tx: Connection, program_id: int) -> datetime | None:
    """Return when the calendar first has work with any member of a programme; None where it never has."""
    due_at: datetime | None = tx.execute(_FIRST_DUE, {"program_id": program_id}).scalar()
    return due_at
