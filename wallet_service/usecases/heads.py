"""The heads of the ledger, told to anybody: who keeps one can see later whether what lay under it was changed."""

from typing import Any

from sqlalchemy import Connection

from wallet_service.storage import seals
from wallet_service.storage.seals import Signed

ALGORITHM = "Ed25519"


def newest(tx: Connection) -> dict[str, Any] | None:
    """Return the newest head with its signature and public key, in hex; None before the first seal."""
    found = seals.last(tx)
    return told(found) if found else None


def daily(tx: Connection, *, most: int) -> list[dict[str, Any]]:
    """Return the first head of each UTC day that has any, newest first."""
    return [told(each) for each in seals.days(tx, most=most)]


def told(signed: Signed) -> dict[str, Any]:
    """Return a head in words that another programme can check."""
    head = signed.head
    return {
        "position": head.position,
        "transactions": head.before + head.count,
        "head": signed.stated.hex(),
        "sealed_at": head.sealed_at.isoformat(),
        "previous": head.previous.hex(),
        "root": head.root.hex(),
        "before": head.before,
        "count": head.count,
        "algorithm": ALGORITHM,
        "signature": signed.signature.hex(),
        "public_key": signed.public_key.hex(),
    }
