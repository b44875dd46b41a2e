"""Terms of paid memberships: only ever added to."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, text

_ADD = text("""
    INSERT INTO membership_terms (member_id, kind, reference, starts_on, ends_on, price_minor, created_at)
    VALUES (:member_id, :kind, :reference, :starts_on, :ends_on, :price_minor, :now)
    ON CONFLICT (member_id, reference, kind) DO NOTHING
    RETURNING id
""")
_OF = text("""
    SELECT kind, reference, starts_on, ends_on FROM membership_terms WHERE member_id = :member_id ORDER BY id
""")


@dataclass(frozen=True, slots=True)
class Term:
    """One paid period, first and last day; or, `cancelled`, the last day on which it still counts."""

    kind: Literal["paid", "cancelled"]
    reference: str
    starts_on: date
    ends_on: date


def add(tx: Connection, member_id: int, term: Term, *, price_minor: int | None, now: datetime) -> bool:
    """Add a term; False, and nothing is added, where this reference has one of that kind."""
    values = {
        "member_id": member_id,
        "kind": term.kind,
        "reference": term.reference,
        "starts_on": term.starts_on,
        "ends_on": term.ends_on,
        "price_minor": price_minor,
        "now": now,
    }
    return tx.execute(_ADD, values).first() is not None


def of(tx: Connection, member_id: int) -> list[Term]:
    """Return all terms of a member in the order in which they came."""
    return [Term(*row) for row in tx.execute(_OF, {"member_id": member_id})]
