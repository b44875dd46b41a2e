"""Addresses that somebody has typed who joined, and not shown to be theirs: kept for the member, finding nobody."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.domain.identity import Identity
from wallet_service.storage.vault import Vault

_ADD = text("""
    INSERT INTO typed_addresses (member_id, kind, sealed, typed_at) VALUES (:member_id, :kind, :sealed, :now)
    ON CONFLICT (member_id, kind) DO NOTHING
""")
_OF_MEMBER = text("SELECT kind, sealed, typed_at FROM typed_addresses WHERE member_id = :member_id ORDER BY kind")
_REMOVE = text("DELETE FROM typed_addresses WHERE member_id = :member_id AND kind = :kind")
_FORGET = text("DELETE FROM typed_addresses WHERE member_id = :member_id")
_HAND_OVER = text("""
    INSERT INTO typed_addresses (member_id, kind, sealed, typed_at)
    SELECT :survivor_id, kind, sealed, typed_at FROM typed_addresses WHERE member_id = :member_id
    ON CONFLICT (member_id, kind) DO NOTHING
""")


def add(tx: Connection, vault: Vault, member_id: int, addresses: Iterable[Identity], *, now: datetime) -> None:
    """Keep the addresses that a member has typed, one of a kind."""
    for each in addresses:
        values = {"member_id": member_id, "kind": each.kind, "sealed": vault.seal(each.value), "now": now}
        tx.execute(_ADD, values)


def of_member(tx: Connection, vault: Vault, member_id: int) -> list[tuple[Identity, datetime]]:
    """Return what a member has typed, in clear, and when."""
    rows = tx.execute(_OF_MEMBER, {"member_id": member_id})
    return [(Identity(row.kind, vault.open(bytes(row.sealed))), row.typed_at) for row in rows]


def remove(tx: Connection, vault: Vault, member_id: int, address: Identity) -> None:
    """Forget one address that a member has typed, if it is this one."""
    if any(each == address for each, _ in of_member(tx, vault, member_id)):
        tx.execute(_REMOVE, {"member_id": member_id, "kind": address.kind})


def forget(tx: Connection, member_id: int) -> None:
    """Forget what a member has typed."""
    tx.execute(_FORGET, {"member_id": member_id})


def hand_over(tx: Connection, member_id: int, survivor_id: int) -> None:
    """Let another member have them, who keeps what they have of a kind."""
    tx.execute(_HAND_OVER, {"member_id": member_id, "survivor_id": survivor_id})
    forget(tx, member_id)
