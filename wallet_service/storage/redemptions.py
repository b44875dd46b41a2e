"""Redemptions and what they draw on: who took which reward, how it ended, and how many there are left."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from wallet_service.domain.redemption import Ended, NewRedemption, Redemption, Status

_COLUMNS = """
    redemptions.id, redemptions.public_id, redemptions.member_id, taken_by, reward, kind, points, redemptions.status,
    redemptions.created_at, value_minor, hold_id, transaction_id, code_id, valid_until, partner, cause, order_id,
    serial, month, refunded
"""
_ADD = text("""
    WITH told AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:redemptions AS jsonb)) AS told (
            id bigint, public_id text, reward text, kind text, points bigint, value_minor bigint, status text,
            hold_id bigint, transaction_id bigint, code_id bigint, stocked boolean, valid_until timestamptz,
            partner text, cause text, order_id text, serial bigint, month date, created_at timestamptz)
    ), added AS (
        INSERT INTO redemptions (id, public_id, program_id, member_id, taken_by, reward, kind, points, value_minor,
                                 status, hold_id, transaction_id, code_id, stocked, valid_until, partner, cause,
                                 order_id, serial, month, created_at)
        SELECT id, public_id, :program_id, :member_id, :member_id, reward, kind, points, value_minor, status, hold_id,
               transaction_id, code_id, stocked, valid_until, partner, cause, order_id, serial, month, created_at
        FROM told
        RETURNING id, status, created_at
    )
    INSERT INTO redemption_changes (redemption_id, status, refunded, at) SELECT id, status, 0, created_at FROM added
""")
# What comes back unused goes where it came from: a piece to the stock, a code of a pool to the pool. A code that was
# made for it, or has died, is void, and stays with the redemption.
_CHANGE = text("""
    WITH told AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS told (
            id bigint, status text, points bigint, value_minor bigint, transaction_id bigint, order_id text,
            refunded bigint, returned boolean, partner text, actor text, reason text)
    ), before AS MATERIALIZED (
        SELECT redemptions.id, reward, code_id, returned AND stocked AS stocked,
               returned AND pool IS NOT NULL AND (expires_at IS NULL OR expires_at > :now) AS freed
        FROM told JOIN redemptions ON redemptions.id = told.id LEFT JOIN coupon_codes ON coupon_codes.id = code_id
    ), changed AS (
        UPDATE redemptions
        SET status = told.status, points = coalesce(told.points, redemptions.points),
            value_minor = coalesce(told.value_minor, redemptions.value_minor),
            transaction_id = coalesce(redemptions.transaction_id, told.transaction_id),
            order_id = coalesce(told.order_id, redemptions.order_id),
            partner = coalesce(redemptions.partner, told.partner),
            refunded = coalesce(told.refunded, redemptions.refunded),
            code_id = CASE WHEN before.freed THEN NULL ELSE redemptions.code_id END,
            stocked = redemptions.stocked AND NOT before.stocked,
            ended_at = coalesce(ended_at, :now)
        FROM told JOIN before ON before.id = told.id WHERE redemptions.id = told.id
        RETURNING redemptions.id, redemptions.status, redemptions.refunded, told.actor, told.reason, public_id, kind,
                  redemptions.points, redemptions.value_minor, redemptions.order_id
    ), noted AS (
        INSERT INTO redemption_changes (redemption_id, status, refunded, actor, reason, at)
        SELECT id, status, refunded, actor, reason, :now FROM changed
    ), codes AS (
        UPDATE coupon_codes
        SET status = CASE WHEN told.status IN ('used', 'refunded') THEN 'used' WHEN freed THEN 'free' ELSE 'void' END
        FROM told JOIN before ON before.id = told.id WHERE coupon_codes.id = before.code_id
    )
    SELECT public_id, reward, kind, status, points, refunded, value_minor, order_id, stocked
    FROM before JOIN changed ON changed.id = before.id ORDER BY reward, before.id
""")
_FIND = text(f"""
    SELECT {_COLUMNS} FROM redemptions WHERE program_id = :program_id AND redemptions.public_id = :public_id
""")
_PROGRAM_OF = text("SELECT program_id FROM redemptions WHERE public_id = :public_id")
_BY_CODE = text(f"""
    SELECT {_COLUMNS} FROM redemptions JOIN coupon_codes ON coupon_codes.id = code_id
    WHERE redemptions.program_id = :program_id AND code_hash = ANY(:hashes)
""")
_BY_HOLDS = text(f"SELECT {_COLUMNS} FROM redemptions WHERE hold_id = ANY(:holds) ORDER BY id")
_OF = text(f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = :member_id ORDER BY id")
_PAGE = text(f"""
    SELECT {_COLUMNS} FROM redemptions
    WHERE member_id = :member_id AND id < coalesce(
        (SELECT id FROM redemptions AS before WHERE before.public_id = :before), 9223372036854775807)
    ORDER BY id DESC LIMIT :most
""")
_LAPSED = text(f"""
    SELECT {_COLUMNS} FROM redemptions
    WHERE member_id = :member_id AND status = 'issued' AND valid_until <= :now ORDER BY id
""")
_OWNERS = text("""
    SELECT members.external_id, takers.external_id AS taker
    FROM redemptions JOIN members ON members.id = member_id JOIN members AS takers ON takers.id = taken_by
    WHERE redemptions.id = :id
""")
_GRANTED = text("SELECT reward FROM redemptions WHERE member_id = :member_id AND status = 'issued' ORDER BY id")
# What was given back counts as not taken: cancelled, refunded, or a hold that timed out; and so does what was given for
# no points, which has neither hold nor transaction.
_USES = text("""
    SELECT reward, count(*) AS uses
    FROM redemptions
    JOIN unnest(CAST(:rewards AS text[]), CAST(:since AS timestamptz[])) AS needed (code, since) ON reward = code
    WHERE member_id = :member_id AND status NOT IN ('cancelled', 'refunded')
      AND (transaction_id IS NOT NULL OR (hold_id IS NOT NULL AND status <> 'expired'))
      AND (since IS NULL OR created_at >= since)
    GROUP BY reward
""")
_PAID = text("""
    SELECT coalesce(sum(value_minor * (points - refunded) / nullif(points, 0)), 0) FROM redemptions
    WHERE member_id = :member_id AND order_id = :order_id AND kind = 'pay_with_points' AND status IN ('held', 'used')
""")
_SET_CODE = text("UPDATE redemptions SET code_id = :code_id WHERE id = :id")
_TAKE_OVER = text("UPDATE redemptions SET member_id = :survivor_id WHERE member_id = :member_id")
_OPEN_STOCK = text("""
    INSERT INTO reward_stock (program_id, reward, used, issued)
    SELECT :program_id, unnest(CAST(:rewards AS text[])), 0, 0 ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    UPDATE reward_stock SET used = used + 1, issued = issued + 1
    WHERE program_id = :program_id AND reward = :reward AND used < coalesce(CAST(:total AS bigint), used + 1)
    RETURNING issued
""")
_RETURN = text("""
    UPDATE reward_stock SET used = used - 1 WHERE program_id = :program_id AND reward = :reward
""")
_STOCK = text("SELECT reward, used FROM reward_stock WHERE program_id = :program_id AND reward = ANY(:rewards)")
_LOCK_STOCK = text("""
    SELECT reward FROM reward_stock WHERE program_id = :program_id AND reward = ANY(:rewards) ORDER BY reward FOR UPDATE
""")
_BATCHES = text("""
    SELECT month, reward, cause, count(*) AS gifts, sum(points - refunded)::bigint AS points,
           sum(value_minor * (points - refunded) / points)::bigint AS value_minor
    FROM redemptions
    WHERE program_id = :program_id AND month IS NOT NULL AND status <> 'cancelled' AND refunded < points
    GROUP BY month, reward, cause ORDER BY month, reward, cause
""")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a redemption. `returned`: what it drew on is given back unused; `points`, `value_minor`: the
    part that was used of what was held; `transaction_row`: how the points went; `partner`: who has accepted them.
    """

    id: int
    status: Status
    points: int | None = None
    value_minor: int | None = None
    transaction_row: int | None = None
    order_id: str | None = None
    refunded: int | None = None
    returned: bool = False
    partner: str | None = None
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """All that went to one cause in one month by one reward."""

    month: date
    reward: str
    cause: str | None
    gifts: int
    points: int
    value_minor: int | None


def add(tx: Connection, new: Sequence[tuple[int, NewRedemption]], *, program_id: int, member_id: int) -> None:
    """Write redemptions under their row ids; their holds and transactions have been posted."""
    rows = [_row(row_id, each) for row_id, each in new]
    tx.execute(_ADD, {"redemptions": _json(rows), "program_id": program_id, "member_id": member_id})


def change(tx: Connection, changes: Sequence[Change], *, program_id: int, now: datetime) -> list[Ended]:
    """Write what becomes of redemptions, and give back what they drew on where it is returned unused.

    Return each of them as it stands then.
    """
    told = [
        {
            "id": each.id,
            "status": each.status,
            "points": each.points,
            "value_minor": each.value_minor,
            "transaction_id": each.transaction_row,
            "order_id": each.order_id,
            "refunded": each.refunded,
            "returned": each.returned,
            "partner": each.partner,
            "actor": each.actor,
            "reason": each.reason,
        }
        for each in changes
    ]
    rows = tx.execute(_CHANGE, {"changes": _json(told), "now": now}).all()
    for row in rows:
        if row.stocked:
            tx.execute(_RETURN, {"program_id": program_id, "reward": row.reward})
    return [Ended(*row[:-1]) for row in rows]


def find(tx: Connection, program_id: int, public_id: str) -> Redemption | None:
    """Return the redemption with that id of ours."""
    row = tx.execute(_FIND, {"program_id": program_id, "public_id": public_id}).first()
    return Redemption(*row) if row else None


def program_of(tx: Connection, public_id: str) -> int | None:
    """Return the programme to which the redemption of that id belongs."""
    found: int | None = tx.execute(_PROGRAM_OF, {"public_id": public_id}).scalar()
    return found


def find_by_code(tx: Connection, program_id: int, hashes: Sequence[bytes]) -> Redemption | None:
    """Return the redemption whose code has one of these hashes."""
    row = tx.execute(_BY_CODE, {"program_id": program_id, "hashes": list(hashes)}).first()
    return Redemption(*row) if row else None


def of_holds(tx: Connection, holds: Sequence[int]) -> list[Redemption]:
    """Return the redemptions for which these holds set points apart."""
    return [Redemption(*row) for row in tx.execute(_BY_HOLDS, {"holds": list(holds)})]


def of(tx: Connection, member_id: int) -> list[Redemption]:
    """Return all redemptions of a member, oldest first."""
    return [Redemption(*row) for row in tx.execute(_OF, {"member_id": member_id})]


def page(tx: Connection, member_id: int, *, before: str | None, most: int) -> list[Redemption]:
    """Return up to `most` redemptions of a member, newest first, from the one of the id `before` on."""
    return [Redemption(*row) for row in tx.execute(_PAGE, {"member_id": member_id, "before": before, "most": most})]


def lapsed(tx: Connection, member_id: int, *, now: datetime) -> list[Redemption]:
    """Return what was issued to a member and can no longer be used."""
    return [Redemption(*row) for row in tx.execute(_LAPSED, {"member_id": member_id, "now": now})]


def owners(tx: Connection, row_id: int) -> tuple[str, str]:
    """Return the merchant's own ids of whose a redemption is, and of who paid it with points."""
    row = tx.execute(_OWNERS, {"id": row_id}).one()
    return row.external_id, row.taker


def granted(tx: Connection, member_id: int) -> tuple[str, ...]:
    """Return the codes of the rewards that lie ready for a member, the oldest first; one twice if there are two."""
    return tuple(tx.execute(_GRANTED, {"member_id": member_id}).scalars())


def uses(tx: Connection, member_id: int, since: Mapping[str, datetime | None]) -> dict[str, int]:
    """Return how often a member has taken each of these rewards since the moment beside it; None: ever."""
    values = {"member_id": member_id, "rewards": list(since), "since": list(since.values())}
    return {row.reward: row.uses for row in tx.execute(_USES, values)}


def paid(tx: Connection, member_id: int, order_id: str) -> int:
    """Return how much of an order a member pays in points, held ones too, in minor units."""
    return int(tx.execute(_PAID, {"member_id": member_id, "order_id": order_id}).scalar_one())


def set_code(tx: Connection, row_id: int, code_row: int) -> None:
    """Give a redemption its code."""
    tx.execute(_SET_CODE, {"id": row_id, "code_id": code_row})


def take_over(tx: Connection, member_id: int, survivor_id: int) -> None:
    """Have all that a member has taken belong to the one that the member was merged into."""
    tx.execute(_TAKE_OVER, {"member_id": member_id, "survivor_id": survivor_id})


def take_piece(tx: Connection, *, program_id: int, reward: str, total: int | None) -> int | None:
    """Take one piece of a reward of which there are `total`, and return its serial number; None if there is none left.

    Its stock is locked: after the customer, and before the card.
    """
    values = {"program_id": program_id, "reward": reward, "total": total}
    taken: int | None = tx.execute(_TAKE, values).scalar()
    return taken


def return_piece(tx: Connection, *, program_id: int, reward: str) -> None:
    """Lay back a piece that was taken just now."""
    tx.execute(_RETURN, {"program_id": program_id, "reward": reward})


def used_stock(tx: Connection, program_id: int, rewards: Sequence[str]) -> dict[str, int]:
    """Return how many pieces of these rewards are taken."""
    rows = tx.execute(_STOCK, {"program_id": program_id, "rewards": list(rewards)})
    return dict.fromkeys(rewards, 0) | {row.reward: row.used for row in rows}


def lock_stock(tx: Connection, program_id: int, rewards: Collection[str]) -> None:
    """Let nobody else draw on these stocks; all who may draw on several take them in one order, before the first."""
    values = {"program_id": program_id, "rewards": sorted(rewards)}
    tx.execute(_OPEN_STOCK, values)
    tx.execute(_LOCK_STOCK, values).all()


def batches(tx: Connection, program_id: int) -> list[Batch]:
    """Return what was given month by month, to each cause, without what has come back."""
    return [Batch(*row) for row in tx.execute(_BATCHES, {"program_id": program_id})]


def _row(row_id: int, each: NewRedemption) -> dict[str, Any]:
    taken = each.taken
    return {
        "id": row_id,
        "public_id": each.public_id,
        "reward": each.reward.code,
        "kind": each.reward.kind,
        "points": each.points,
        "value_minor": each.value_minor,
        "status": each.status,
        "hold_id": each.hold.id if each.hold else None,
        "transaction_id": taken.id if taken else None,
        "code_id": each.code_row,
        "stocked": each.stocked,
        "valid_until": each.valid_until,
        "partner": each.reward.partner,
        "cause": each.cause,
        "order_id": each.order_id,
        "serial": each.serial,
        "month": each.month,
        "created_at": each.at,
    }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
