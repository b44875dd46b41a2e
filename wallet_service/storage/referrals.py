"""Who brought whom: codes of members, and how far each referral has come."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Row, text

Status = Literal["joined", "qualified", "rewarded", "rejected"]

_CODE_OF = text("SELECT code FROM referral_codes WHERE member_id = :member_id")
_ADD_CODE = text("""
    INSERT INTO referral_codes (member_id, program_id, code, created_at)
    VALUES (:member_id, :program_id, :code, :now) ON CONFLICT DO NOTHING RETURNING code
""")
_OWNER = text("""
    SELECT coalesce(merged_into, members.id) FROM referral_codes JOIN members ON members.id = member_id
    WHERE referral_codes.program_id = :program_id AND code = :code
""")
_JOIN = text("""
    INSERT INTO referrals (program_id, referee_id, referrer_id, status, reason, created_at, changed_at)
    VALUES (:program_id, :referee_id, :referrer_id, :status, :reason, :now, :now)
    ON CONFLICT (referee_id) DO NOTHING
""")
_OF = text("""
    SELECT referrals.id, referee_id, coalesce(members.merged_into, referrer_id) AS referrer_id, status, reason,
           order_id, hold_until
    FROM referrals LEFT JOIN members ON members.id = referrer_id
    WHERE referee_id = :referee_id
""")
_WAS_REWARDED = text("""
    SELECT EXISTS (
        SELECT FROM members JOIN referrals ON referee_id = members.id
        WHERE status = 'rewarded' AND (members.id = ANY(:member_ids) OR merged_into = ANY(:member_ids))
    )
""")
_CHANGE = text("""
    UPDATE referrals
    SET status = :status, reason = :reason, order_id = :order_id, hold_until = :hold_until, changed_at = :now
    WHERE id = :id
""")
_DUE_ROWS = """
    SELECT referrals.id, referrals.program_id, referee.id AS referee_id, referee.external_id AS referee,
           referrer.id AS referrer_id, referrer.external_id AS referrer, order_id, attempts
    FROM referrals
    JOIN programs ON programs.id = referrals.program_id
    JOIN members AS told_referee ON told_referee.id = referee_id
    JOIN members AS referee ON referee.id = coalesce(told_referee.merged_into, told_referee.id)
    JOIN members AS told_referrer ON told_referrer.id = referrer_id
    JOIN members AS referrer ON referrer.id = coalesce(told_referrer.merged_into, told_referrer.id)
    WHERE status = 'qualified' AND hold_until <= :now
"""
_DUE = text(f"""
    {_DUE_ROWS} AND programs.template = ANY(:templates) ORDER BY hold_until, referrals.id LIMIT :most
""")
_STILL_DUE = text(f"{_DUE_ROWS} AND referrals.id = :id")
_BROUGHT = text("UPDATE referrals SET referee_id = :referee_id WHERE id = :id")
_PUT_OFF = text("UPDATE referrals SET attempts = attempts + 1, hold_until = :until WHERE id = :id")
# Two cards in one phone's wallet are one person's, as far as we can see.
_SHARE_A_PHONE = text("""
    SELECT EXISTS (
        SELECT FROM wallets AS mine JOIN cards AS my_card ON my_card.id = mine.card_id
        JOIN wallets AS other ON other.device = mine.device AND other.platform = mine.platform
        JOIN cards AS other_card ON other_card.id = other.card_id
        WHERE mine.platform = 'apple' AND my_card.member_id = :one AND other_card.member_id = :other
    )
""")
_STANDING = text("""
    SELECT id, paid_at FROM orders
    WHERE member_id = :member_id AND counted AND counted_minor >= :min_order AND paid_at >= :since AND id <> :but
    ORDER BY paid_at, id LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Referral:
    """How far it has come: `order_row` is what qualified it, `hold_until` when it is rewarded unless that comes back.

    `referrer_id` is None where the code was nobody's; it is whoever is left where that one has become one with another.
    """

    id: int
    referee_id: int
    referrer_id: int | None
    status: Status
    reason: str | None
    order_row: int | None
    hold_until: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it may still be rewarded."""
        return self.status in ("joined", "qualified")


@dataclass(frozen=True, slots=True)
class DueReferral:
    """A referral whose time has come, with both members by our ids and the merchant's own.

    Where one of them has become one with another, it is the one that is left.
    """

    id: int
    program_id: int
    referee_id: int
    referee: str
    referrer_id: int
    referrer: str
    order_row: int | None
    attempts: int


def code_of(tx: Connection, member_id: int) -> str | None:
    """Return the member's own code, if there is one yet."""
    found: str | None = tx.execute(_CODE_OF, {"member_id": member_id}).scalar()
    return found


def add_code(tx: Connection, *, program_id: int, member_id: int, code: str, now: datetime) -> bool:
    """Give the member a code; False where it has one, or somebody else has this one."""
    values = {"program_id": program_id, "member_id": member_id, "code": code, "now": now}
    return tx.execute(_ADD_CODE, values).first() is not None


def owner(tx: Connection, program_id: int, code: str) -> int | None:
    """Return the member whose code it is."""
    found: int | None = tx.execute(_OWNER, {"program_id": program_id, "code": code}).scalar()
    return found


def join(
    tx: Connection,
    *,
    program_id: int,
    referee_id: int,
    referrer_id: int | None,
    status: Status,
    reason: str | None,
    now: datetime,
) -> None:
    """Note who brought a member; nothing changes where somebody has already."""
    values = {"program_id": program_id, "referee_id": referee_id, "referrer_id": referrer_id}
    tx.execute(_JOIN, values | {"status": status, "reason": reason, "now": now})


def of_referee(tx: Connection, referee_id: int) -> Referral | None:
    """Return how the member was brought."""
    row = tx.execute(_OF, {"referee_id": referee_id}).first()
    return _referral(row) if row else None


def was_rewarded(tx: Connection, member_ids: Collection[int]) -> bool:
    """Whether any of these members, or one that has become one with them, was brought and rewarded for it."""
    found: bool = tx.execute(_WAS_REWARDED, {"member_ids": list(member_ids)}).scalar_one()
    return found


def change(
    tx: Connection,
    referral_id: int,
    status: Status,
    *,
    reason: str | None = None,
    order_row: int | None = None,
    hold_until: datetime | None = None,
    now: datetime,
) -> None:
    """Write how far a referral has come; the referee's customer is locked."""
    values = {"id": referral_id, "status": status, "reason": reason, "order_id": order_row, "hold_until": hold_until}
    tx.execute(_CHANGE, values | {"now": now})


def due(tx: Connection, *, templates: Collection[str], now: datetime, most: int) -> list[DueReferral]:
    """Return up to `most` referrals that have stood long enough."""
    rows = tx.execute(_DUE, {"templates": list(templates), "now": now, "most": most})
    return [DueReferral(*row) for row in rows]


def is_due(tx: Connection, referral: DueReferral, *, now: datetime) -> bool:
    """Whether a referral is still due, and between the same members, whose customers are locked."""
    return any(DueReferral(*row) == referral for row in tx.execute(_STILL_DUE, {"id": referral.id, "now": now}))


def brought(tx: Connection, referral_id: int, referee_id: int) -> None:
    """Note that it was this member who was brought, and nobody else brought it; its customer is locked."""
    tx.execute(_BROUGHT, {"id": referral_id, "referee_id": referee_id})


def put_off(tx: Connection, referral_id: int, until: datetime) -> None:
    """Note that a referral could not be rewarded, and is to be tried again then."""
    tx.execute(_PUT_OFF, {"id": referral_id, "until": until})


def share_a_phone(tx: Connection, one: int, other: int) -> bool:
    """Whether the cards of two members are in one phone's wallet."""
    found: bool = tx.execute(_SHARE_A_PHONE, {"one": one, "other": other}).scalar_one()
    return found


def standing_order(
    tx: Connection, member_id: int, *, min_order: int, since: datetime, but: int
) -> tuple[int, datetime] | None:
    """Return row and time of the member's first order of that size since then, but for one."""
    values = {"member_id": member_id, "min_order": min_order, "since": since, "but": but}
    row = tx.execute(_STANDING, values).first()
    return (row.id, row.paid_at) if row else None


def _referral(row: Row[tuple[object, ...]]) -> Referral:
    return Referral(row.id, row.referee_id, row.referrer_id, row.status, row.reason, row.order_id, row.hold_until)
