"""Terms of paid memberships: only ever added to."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import Connection, text

from wallet_service.domain.membership import Term

_ADD = text("""
    INSERT INTO membership_terms (member_id, kind, reference, starts_on, ends_on, price_minor, created_at)
    VALUES (:member_id, :kind, :reference, :starts_on, :ends_on, :price_minor, :now)
    ON CONFLICT (member_id, reference, kind) DO NOTHING
    RETURNING id
""")
_OF = text("""
    SELECT kind, reference, starts_on, ends_on FROM membership_terms WHERE member_id = :member_id ORDER BY id
""")
_EVERY = text("""
    SELECT public_id, paid_since, paid_until, kind, reference, starts_on, ends_on
    FROM balances JOIN members ON members.id = balances.member_id
    LEFT JOIN membership_terms ON membership_terms.member_id = members.id
    WHERE membership_terms.id IS NOT NULL OR paid_since IS NOT NULL OR paid_until IS NOT NULL
    ORDER BY members.id, membership_terms.id
""")


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


def every(tx: Connection) -> Iterator[tuple[str, tuple[date | None, date | None], list[Term]]]:
    """Yield the public id, what the balance says of it, and the terms of everybody who has or had a membership."""
    rows = tx.execute(_EVERY)
    for (public_id, since, until), mine in groupby(rows, key=lambda row: row[:3]):
        yield public_id, (since, until), [Term(*row[3:]) for row in mine if row.kind is not None]
