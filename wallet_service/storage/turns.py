"""Turns at a vendor who admits so many requests a second: a turn is a row, and there are never more of them at once.

A turn is held from before a request is sent until a second after its answer. Whatever arrives at the vendor within one
second is therefore held at that second's end, so that no second ever has more requests than there are turns, however
late or bunched together they arrive. Time is the database's own here, because all processes share it.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:platform, 4))")
_END = text("DELETE FROM turns WHERE platform = :platform AND until <= clock_timestamp()")
# Counted by a statement of its own after the lock, so that it sees the turns of whoever held the lock before.
_TAKE = text("""
    INSERT INTO turns (platform, until)
    SELECT :platform, clock_timestamp() + :longest
    WHERE (SELECT count(*) FROM turns WHERE platform = :platform) < :most
    RETURNING id
""")
_NEXT = text("SELECT min(until) - clock_timestamp() FROM turns WHERE platform = :platform")
_GIVE_BACK = text("UPDATE turns SET until = clock_timestamp() + interval '1 second' WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Wait:
    """There is no turn now; look again after that time at the latest."""

    at_most: timedelta


def take(tx: Connection, *, platform: str, most: int, longest: timedelta) -> int | Wait:
    """Take one of `most` turns and return its id; if it is not given back, it ends after `longest`."""
    tx.execute(_LOCK, {"platform": platform})
    tx.execute(_END, {"platform": platform})
    turn: int | None = tx.execute(_TAKE, {"platform": platform, "most": most, "longest": longest}).scalar()
    if turn is not None:
        return turn
    return Wait(tx.execute(_NEXT, {"platform": platform}).scalar() or timedelta(0))


def give_back(tx: Connection, turn: int) -> None:
    """Note that the answer has come; the turn ends a second later."""
    tx.execute(_GIVE_BACK, {"id": turn})
