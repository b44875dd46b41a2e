"""Merchants: whose programmes, sources and keys they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from wallet_service.domain.errors import UnknownMerchant

MAIN = "main"  # whose a programme is where nobody says otherwise
CODE = re.compile("[a-z0-9][a-z0-9_-]{0,39}")

_ADD = text("""
    INSERT INTO merchants (code, name, created_at) VALUES (:code, :name, :now) ON CONFLICT (code) DO NOTHING
    RETURNING id
""")
_FIND = text("SELECT id, code, name FROM merchants WHERE code = :code")
_EVERY = text("SELECT id, code, name FROM merchants ORDER BY code")


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant: its code, which commands name it by, and its name."""

    id: int
    code: str
    name: str


def add(tx: Connection, *, code: str, name: str, now: datetime) -> bool:
    """Add a merchant; return False, and change nothing, where there is one of that code."""
    return tx.execute(_ADD, {"code": code, "name": name, "now": now}).first() is not None


def find(tx: Connection, code: str) -> Merchant | None:
    """Return the merchant of that code."""
    row = tx.execute(_FIND, {"code": code}).first()
    return Merchant(*row) if row else None


def require(tx: Connection, code: str, *, begins_at: datetime | None = None) -> Merchant:
    """Return the merchant of that code; the main one is there from when it is first named as one that begins.

    Raises `UnknownMerchant`.
    """
    if begins_at is not None and code == MAIN:
        add(tx, code=MAIN, name="Main", now=begins_at)
    found = find(tx, code)
    if found is None:
        raise UnknownMerchant(code)
    return found


def every(tx: Connection) -> Sequence[Merchant]:
    """Return all merchants by their codes."""
    return [Merchant(*row) for row in tx.execute(_EVERY)]
