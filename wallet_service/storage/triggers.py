"""What days have brought members, which segments they were last seen in, and the rewards that came by themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from wallet_service.domain.standing import Reminder

_FIRED = text("""
    INSERT INTO trigger_firings (member_id, code, day, points, told_through, created_at)
    VALUES (:member_id, :code, :day, :points, :told_through, :now)
""")
_GRANT = text("""
    INSERT INTO reward_grants (member_id, reward, valid_until, reason, created_at)
    VALUES (:member_id, :reward, :valid_until, :reason, :now)
""")
_GRANTED = text("""
    SELECT reward, valid_until, reason, created_at FROM reward_grants WHERE member_id = :member_id ORDER BY id
""")
_TOLD = text("""
    SELECT member_id, code, day, told_through, created_at FROM trigger_firings
    WHERE member_id = ANY(:ids) AND told_through IS NOT NULL ORDER BY id
""")
_SEGMENTS = text("SELECT code FROM segment_members WHERE member_id = :member_id")
_ENTER = text("""
    INSERT INTO segment_members (member_id, code, entered_at)
    SELECT :member_id, unnest(CAST(:codes AS text[])), :now ON CONFLICT DO NOTHING
""")
_LEAVE = text("DELETE FROM segment_members WHERE member_id = :member_id AND code <> ALL(:codes)")


@dataclass(frozen=True, slots=True)
class Grant:
    """A reward that was given without points, through the day `valid_until` where it is not the reward's own."""

    reward: str
    valid_until: date | None
    reason: str
    at: datetime


def fired(
    tx: Connection,
    member_id: int,
    code: str,
    *,
    day: date,
    points: int | None,
    told_through: date | None,
    now: datetime,
) -> None:
    """Note what an occasion brought, and through which day the card reminds of it."""
    values = {"member_id": member_id, "code": code, "day": day, "points": points, "now": now}
    tx.execute(_FIRED, values | {"told_through": told_through})


def grant(tx: Connection, member_id: int, reward: str, *, valid_until: date | None, reason: str, now: datetime) -> None:
    """Note that the member was given a reward."""
    values = {"member_id": member_id, "reward": reward, "valid_until": valid_until, "reason": reason, "now": now}
    tx.execute(_GRANT, values)


def granted(tx: Connection, member_id: int) -> list[Grant]:
    """Return the rewards that a member was given, oldest first."""
    return [Grant(*row) for row in tx.execute(_GRANTED, {"member_id": member_id})]


def reminders(tx: Connection, member_ids: Iterable[int]) -> dict[int, tuple[Reminder, ...]]:
    """Return by member what each was ever reminded of on the card, oldest first."""
    found: dict[int, list[Reminder]] = {}
    for member_id, *told in tx.execute(_TOLD, {"ids": list(member_ids)}):
        found.setdefault(member_id, []).append(Reminder(*told))
    return {member_id: tuple(told) for member_id, told in found.items()}


def segments(tx: Connection, member_id: int) -> frozenset[str]:
    """Return the segments in which the member was last seen, of those that somebody waits for."""
    return frozenset(tx.execute(_SEGMENTS, {"member_id": member_id}).scalars())


def see_in(tx: Connection, member_id: int, codes: Iterable[str], *, now: datetime) -> None:
    """Note the segments in which the member is seen now; the others have been left."""
    values = {"member_id": member_id, "codes": list(codes), "now": now}
    tx.execute(_LEAVE, values)
    tx.execute(_ENTER, values)
