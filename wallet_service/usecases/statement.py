"""Every point explained: what moved a member's balance, when, by which rule or person, and for which order."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.member import Membership
from wallet_service.storage import audit


@dataclass(frozen=True, slots=True)
class Line:
    """One transaction; `balance` is what could be spent after it, `qualifying` what it added to the way to a tier."""

    at: datetime
    type: str
    points: int
    balance: int
    qualifying: int
    rule: str | None
    order_id: str | None
    source: str
    event_id: str
    event_type: str
    actor: str | None
    reason: str | None


def statement(tx: Connection, member: Membership) -> list[Line]:
    """Return the member's statement, oldest first; its last balance is the member's."""
    lines, balance = [], 0
    for each in audit.statement(tx, member.id):
        balance += each.points
        lines.append(
            Line(
                at=each.effective_at,
                type=each.type,
                points=each.points,
                balance=balance,
                qualifying=each.qualifying,
                rule=each.rule,
                order_id=each.order_id,
                source=each.source,
                event_id=each.event_id,
                event_type=each.event_type,
                actor=each.actor,
                reason=each.reason,
            )
        )
    return lines
