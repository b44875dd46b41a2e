"""Members' positions, projected from the books: written after each posting."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from wallet_service.domain.member import Position
from wallet_service.domain.standing import Reminder
from wallet_service.domain.tiering import Amounts, Change

_WRITE = text("""
    UPDATE balances
    SET available = :available, pending = :pending, held = :held, active_at = :active_at,
        spend_total = :spend_total, earned_total = :earned_total, orders_total = :orders_total,
        referrals_total = :referrals_total, qualifying = :qualifying, tier = :tier, tier_since = :tier_since,
        tier_until = :tier_until, tier_measured_to = :tier_measured_to, tier_manual = :tier_manual,
        tier_floor = :tier_floor, tier_floor_until = :tier_floor_until, tier_last_day = :tier_last_day,
        paid_since = :paid_since, paid_until = :paid_until, dying = :dying, dying_on = :dying_on,
        movements = CAST(:movements AS jsonb),
        rewards = :rewards, granted = :granted, reminders = CAST(:reminders AS jsonb), due_at = :due_at,
        program_version = :program_version
    WHERE member_id = :member_id
""")
_RANKED = text("""
    INSERT INTO tier_changes (member_id, kind, day, tier, valid_until, measured_to, manual, cause, created_at)
    VALUES (:member_id, :kind, :day, :tier, :valid_until, :measured_to, :manual, :cause, :now)
""")
# One value for all days: hundreds of rows would each be made into objects one by one.
_DAYS = text("""
    SELECT json_build_array(array_agg(day - DATE '0001-01-01' + 1), array_agg(spend), array_agg(points),
                            array_agg(orders), array_agg(referrals))
    FROM qualification_days WHERE member_id = :member_id AND day >= :since
""")


def write(tx: Connection, member_id: int, position: Position) -> None:
    """Write the position as it stands."""
    rank, totals = position.rank, position.totals
    movements = [[each.day.isoformat(), each.points, each.type] for each in position.movements]
    values = {
        "member_id": member_id,
        "available": position.available,
        "pending": position.pending,
        "held": position.held,
        "active_at": position.active_at,
        "spend_total": totals.spend,
        "earned_total": totals.points,
        "orders_total": totals.orders,
        "referrals_total": totals.referrals,
        "qualifying": position.qualifying,
        "tier": rank.tier if rank else None,
        "tier_since": rank.since if rank else None,
        "tier_until": rank.valid_until if rank else None,
        "tier_measured_to": rank.measured_to if rank else None,
        "tier_manual": rank.manual if rank else False,
        "tier_floor": rank.floor if rank else None,
        "tier_floor_until": rank.floor_until if rank else None,
        "tier_last_day": position.tier_last_day,
        "paid_since": position.paid_since,
        "paid_until": position.paid_until,
        "dying": position.dying,
        "dying_on": position.dying_on,
        "movements": orjson.dumps(movements).decode(),
        "rewards": list(position.rewards),
        "granted": list(position.granted),
        "reminders": orjson.dumps([_row(each) for each in position.reminders]).decode(),
        "due_at": position.due_at,
        "program_version": position.program_version,
    }
    tx.execute(_WRITE, values)


def reminder(told: Sequence[Any]) -> Reminder:
    """Return the reminder that an element of a balance's `reminders` tells of; one made anew says less of itself."""
    trigger, day, until, at, *found = told
    told_at = datetime.fromisoformat(at).astimezone(UTC)
    return Reminder(trigger, date.fromisoformat(day), date.fromisoformat(until), told_at, *found)


def _row(each: Reminder) -> list[Any]:
    told_at = each.at.astimezone(UTC).isoformat()
    return [each.trigger, each.day.isoformat(), each.until.isoformat(), told_at, each.points, each.stands]


def ranked(tx: Connection, member_id: int, changes: Iterable[Change], *, now: datetime) -> None:
    """Add to the history of the member's tier."""
    rows = [
        {
            "member_id": member_id,
            "kind": each.kind,
            "day": each.day,
            "tier": each.tier,
            "valid_until": each.valid_until,
            "measured_to": each.measured_to,
            "manual": each.manual,
            "cause": each.cause,
            "now": now,
        }
        for each in changes
    ]
    if rows:
        tx.execute(_RANKED, rows)


def days(tx: Connection, member_id: int, *, since: date) -> dict[date, Amounts]:
    """Return what counts for a tier, by day, from the day `since` on."""
    days, *done = tx.execute(_DAYS, {"member_id": member_id, "since": since}).scalar_one()
    if not days:
        return {}
    return dict(zip(map(date.fromordinal, days), map(Amounts._make, zip(*done, strict=True)), strict=True))
