"""What members are known by, and which orders wait for whom: found by keyed hashes, readable with our key alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.domain.event import Customer
from wallet_service.domain.identity import Identity, Kind
from wallet_service.storage import members
from wallet_service.storage.vault import Vault

_OWNERS = text("""
    SELECT kind, coalesce(survivor.external_id, members.external_id) AS external_id
    FROM member_identities
    JOIN members ON members.id = member_id
    LEFT JOIN members AS survivor ON survivor.id = members.merged_into
    WHERE member_identities.program_id = :program_id AND mark = ANY(:marks)
""")
_OWNERS_OF = text("""
    SELECT mark, coalesce(survivor.external_id, members.external_id) AS external_id,
           coalesce(survivor.public_id, members.public_id) AS public_id
    FROM member_identities
    JOIN members ON members.id = member_id
    LEFT JOIN members AS survivor ON survivor.id = members.merged_into
    WHERE member_identities.program_id = :program_id AND mark = ANY(:marks)
""")
_ADD = text("""
    INSERT INTO member_identities (program_id, member_id, kind, mark, sealed, created_at)
    VALUES (:program_id, :member_id, :kind, :mark, :sealed, :now)
    ON CONFLICT (program_id, mark) DO NOTHING
    RETURNING mark
""")
_ADD_SEVERAL = text("""
    INSERT INTO member_identities (program_id, member_id, kind, mark, sealed, created_at)
    SELECT :program_id, member_id, kind, mark, sealed, :now
    FROM unnest(CAST(:member_ids AS bigint[]), CAST(:kinds AS text[]), CAST(:marks AS bytea[]),
                CAST(:sealed AS bytea[])) AS told (member_id, kind, mark, sealed)
""")
_KNOWN = text("SELECT mark FROM member_identities WHERE program_id = :program_id AND mark = ANY(:marks)")
_OF_MEMBER = text("SELECT kind, sealed, verified_at FROM member_identities WHERE member_id = :member_id ORDER BY id")
_OF_MEMBERS = text("""
    SELECT member_id, kind, sealed FROM member_identities WHERE member_id = ANY(:member_ids) ORDER BY id
""")
_KNOWN_AS = text("""
    SELECT DISTINCT ON (member_id) member_id, sealed FROM member_identities
    WHERE member_id = ANY(:member_ids) AND kind = :kind ORDER BY member_id, verified_at NULLS LAST, id
""")
_REMOVE = text("DELETE FROM member_identities WHERE member_id = :member_id AND mark = ANY(:marks) RETURNING mark")
_FORGET = text("DELETE FROM member_identities WHERE member_id = :member_id")
_VERIFY = text("""
    UPDATE member_identities SET verified_at = coalesce(verified_at, :now)
    WHERE member_id = :member_id AND mark = :mark
""")
_HAND_OVER = text("UPDATE member_identities SET member_id = :survivor_id WHERE member_id = :member_id")
_WAIT = text("""
    INSERT INTO order_identities (order_id, program_id, kind, mark, sealed)
    VALUES (:order_id, :program_id, :kind, :mark, :sealed) ON CONFLICT DO NOTHING
""")
# What waits for a customer, and what waits for an account that this names.
_REACH = text("""
    WITH RECURSIVE reached (mark) AS (
        SELECT unnest(CAST(:marks AS bytea[]))
        UNION
        SELECT order_identities.mark FROM orders
        JOIN order_identities ON order_identities.order_id = orders.id AND sealed IS NOT NULL
        WHERE program_id = :program_id AND member_id IS NULL AND customer_id = :customer_id
        UNION
        SELECT other.mark FROM reached
        JOIN order_identities AS one ON one.program_id = :program_id AND one.mark = reached.mark
        JOIN order_identities AS other ON other.order_id = one.order_id AND other.sealed IS NOT NULL
    )
    SELECT mark FROM reached
""")
_INHERIT = text("""
    INSERT INTO member_identities (program_id, member_id, kind, mark, sealed, created_at)
    SELECT DISTINCT ON (mark) program_id, CAST(:member_id AS bigint), kind, mark, sealed, CAST(:now AS timestamptz)
    FROM order_identities WHERE order_id = ANY(:order_ids) AND sealed IS NOT NULL
    ON CONFLICT (program_id, mark) DO NOTHING
    RETURNING mark
""")
_FOUND = text("DELETE FROM order_identities WHERE order_id = ANY(:order_ids)")

# Who is meant where identities belong to several members: what a shop system gives counts for more than what was typed.
_TRUST: tuple[Kind, ...] = ("shopify", "woocommerce", "square", "stripe", "email", "phone")


@dataclass(frozen=True, slots=True)
class Mark:
    """What an identity is found by: a hash that only this service can make; the identity itself is not shown."""

    mark: bytes
    identity: Identity = field(repr=False)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is known by something: the merchant's own id of the member, which is ours where it has none, and ours."""

    external_id: str
    public_id: str


def lock_name(mark: bytes) -> str:
    """Return the name under which a mark is locked, as customers are; no merchant's own id can look like it."""
    return f"\n{mark.hex()}"


def marks_of(vault: Vault, identities: Iterable[Identity]) -> tuple[Mark, ...]:
    """Return what these identities are found by."""
    return tuple(Mark(vault.mark(f"identity {each.kind} {each.value}"), each) for each in identities)


def owner(tx: Connection, program_id: int, marks: Sequence[Mark]) -> str | None:
    """Return the merchant's own id of the member who is known by one of them."""
    rows = tx.execute(_OWNERS, {"program_id": program_id, "marks": [each.mark for each in marks]})
    found = {row.kind: str(row.external_id) for row in rows}
    return next((found[kind] for kind in _TRUST if kind in found), None)


def named(tx: Connection, program_id: int, customer: Customer, marks: Sequence[Mark]) -> str | None:
    """Return the merchant's own id of whoever is meant: a member by any id, or else as the sender names it."""
    by_id = any((customer.id, customer.member_id, customer.card_code))
    name = members.external_id(tx, program_id, customer) if by_id else None
    if marks and (name is None or not members.exists(tx, program_id, name)):
        return owner(tx, program_id, marks) or name
    return name


def add(
    tx: Connection, vault: Vault, marks: Sequence[Mark], *, program_id: int, member_id: int, now: datetime
) -> list[bytes]:
    """Let a member be known by these, too, and return the marks that are new; what is another's stays the other's."""
    known = set(tx.execute(_KNOWN, {"program_id": program_id, "marks": [each.mark for each in marks]}).scalars())
    new = []
    for each in marks:
        if each.mark not in {bytes(one) for one in known}:
            values: dict[str, object] = {"program_id": program_id, "member_id": member_id, "now": now}
            values |= {"kind": each.identity.kind, "mark": each.mark, "sealed": vault.seal(each.identity.value)}
            new += [bytes(one) for one in tx.execute(_ADD, values).scalars()]
    return new


def owners(tx: Connection, program_id: int, marks: Iterable[Mark]) -> dict[bytes, Owner]:
    """Return the members who are known by these, by the mark."""
    rows = tx.execute(_OWNERS_OF, {"program_id": program_id, "marks": [each.mark for each in marks]})
    return {bytes(row.mark): Owner(row.external_id, row.public_id) for row in rows}


def add_several(
    tx: Connection, vault: Vault, known: Sequence[tuple[int, Mark]], *, program_id: int, now: datetime
) -> None:
    """Let members be known by marks that are locked, and nobody's yet."""
    if known:
        values = {
            "member_ids": [member_id for member_id, _ in known],
            "kinds": [each.identity.kind for _, each in known],
            "marks": [each.mark for _, each in known],
            "sealed": [vault.seal(each.identity.value) for _, each in known],
        }
        tx.execute(_ADD_SEVERAL, values | {"program_id": program_id, "now": now})


def of_members(tx: Connection, vault: Vault, member_ids: Sequence[int]) -> dict[int, list[Identity]]:
    """Return what several members are known by, in clear and in the order in which it was told, by the member."""
    found: dict[int, list[Identity]] = {}
    for row in tx.execute(_OF_MEMBERS, {"member_ids": list(member_ids)}):
        found.setdefault(row.member_id, []).append(Identity(row.kind, vault.open(bytes(row.sealed))))
    return found


def known_as(tx: Connection, vault: Vault, member_ids: Sequence[int], kind: Kind) -> dict[int, str]:
    """Return one identity of a kind of each of several members, in clear: one that was verified, if there is any."""
    rows = tx.execute(_KNOWN_AS, {"member_ids": list(member_ids), "kind": kind})
    return {row.member_id: vault.open(bytes(row.sealed)) for row in rows}


def of_member(tx: Connection, vault: Vault, member_id: int) -> list[tuple[Identity, datetime | None]]:
    """Return what a member is known by, in clear, and since when it is verified."""
    rows = tx.execute(_OF_MEMBER, {"member_id": member_id})
    return [(Identity(row.kind, vault.open(bytes(row.sealed))), row.verified_at) for row in rows]


def remove(tx: Connection, member_id: int, marks: Sequence[Mark]) -> int:
    """Let a member not be known by these any more, and return how many that were."""
    values = {"member_id": member_id, "marks": [each.mark for each in marks]}
    return len(tx.execute(_REMOVE, values).all())


def forget(tx: Connection, member_id: int) -> None:
    """Forget all that a member is known by."""
    tx.execute(_FORGET, {"member_id": member_id})


def verify(tx: Connection, member_id: int, mark: Mark, *, now: datetime) -> None:
    """Note that the member has shown to have the identity; the first time counts."""
    tx.execute(_VERIFY, {"member_id": member_id, "mark": mark.mark, "now": now})


def hand_over(tx: Connection, member_id: int, survivor_id: int) -> None:
    """Let another member be known by all that this one was known by."""
    tx.execute(_HAND_OVER, {"member_id": member_id, "survivor_id": survivor_id})


def wait(tx: Connection, vault: Vault, order_row: int, program_id: int, marks: Sequence[Mark]) -> None:
    """Have an order wait for whoever will be known by one of these."""
    for each in marks:
        sealed = vault.seal(each.identity.value) if each.identity.is_an_account else None
        values = {"order_id": order_row, "program_id": program_id, "kind": each.identity.kind, "mark": each.mark}
        tx.execute(_WAIT, values | {"sealed": sealed})


def reach(tx: Connection, program_id: int, customer_id: str | None, marks: Iterable[bytes]) -> frozenset[bytes]:
    """Return all marks that whoever is this customer, or known by these, will be known by.

    An order that waits for one of them may name an account, too, and another may wait for that.
    """
    values = {"program_id": program_id, "customer_id": customer_id, "marks": list(marks)}
    return frozenset(bytes(each) for each in tx.execute(_REACH, values).scalars())


def inherit(tx: Connection, member_id: int, order_rows: Sequence[int], *, now: datetime) -> list[bytes]:
    """Let a member be known by the accounts that these orders have waited for, and return the marks that are new."""
    values = {"member_id": member_id, "order_ids": list(order_rows), "now": now}
    return [bytes(each) for each in tx.execute(_INHERIT, values).scalars()]


def found(tx: Connection, order_rows: Sequence[int]) -> None:
    """Note that these orders wait for nobody any more."""
    tx.execute(_FOUND, {"order_ids": list(order_rows)})
