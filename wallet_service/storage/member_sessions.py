"""Who is signed in: sessions by their hashes, each with its end, which moves on as long as somebody is there."""

from datetime import datetime

from sqlalchemy import Connection, text

_ADD = text("""
    INSERT INTO member_sessions (token_hash, member_id, began_at, ends_at)
    VALUES (:token_hash, :member_id, :now, :ends_at)
""")
_PROLONG = text("""
    UPDATE member_sessions SET ends_at = :ends_at
    FROM members
    WHERE token_hash = :token_hash AND ends_at > :now AND began_at > :since AND members.id = member_id
      AND members.program_id = :program_id
    RETURNING member_id
""")
_END = text("DELETE FROM member_sessions WHERE token_hash = :token_hash")
_FORGET = text("DELETE FROM member_sessions WHERE member_id = :member_id")
_PRUNE = text("DELETE FROM member_sessions WHERE ends_at <= :now")


def add(tx: Connection, token_hash: bytes, *, member_id: int, ends_at: datetime, now: datetime) -> None:
    """Sign a member in until then."""
    tx.execute(_ADD, {"token_hash": token_hash, "member_id": member_id, "ends_at": ends_at, "now": now})


def prolong(
    tx: Connection, token_hash: bytes, *, program_id: int, since: datetime, ends_at: datetime, now: datetime
) -> int | None:
    """Have a session last until then, and return whose it is; None for one that is over, or began before `since`."""
    values = {"token_hash": token_hash, "program_id": program_id, "since": since, "ends_at": ends_at, "now": now}
    member_id: int | None = tx.execute(_PROLONG, values).scalar()
    return member_id


def end(tx: Connection, token_hash: bytes) -> None:
    """Sign out."""
    tx.execute(_END, {"token_hash": token_hash})


def forget(tx: Connection, member_id: int) -> None:
    """Sign a member out everywhere."""
    tx.execute(_FORGET, {"member_id": member_id})


def prune(tx: Connection, *, now: datetime) -> int:
    """Drop the sessions that are over, and return how many."""
    return tx.execute(_PRUNE, {"now": now}).rowcount
