"""Members who object to being counted: nothing that they do with links and cards is written down for the funnel."""

from datetime import datetime

from sqlalchemy import Connection, text

_ADD = text("INSERT INTO objections (member_id, since) VALUES (:member_id, :now) ON CONFLICT DO NOTHING")
_DROP = text("DELETE FROM objections WHERE member_id = :member_id")
_FIND = text("SELECT since FROM objections WHERE member_id = :member_id")


def add(tx: Connection, member_id: int, *, now: datetime) -> None:
    """Note that the member objects; twice is the same as once."""
    tx.execute(_ADD, {"member_id": member_id, "now": now})


def drop(tx: Connection, member_id: int) -> None:
    """Note that the member does not object any more."""
    tx.execute(_DROP, {"member_id": member_id})


def since(tx: Connection, member_id: int) -> datetime | None:
    """Return since when the member objects; None if not."""
    found: datetime | None = tx.execute(_FIND, {"member_id": member_id}).scalar()
    return found
