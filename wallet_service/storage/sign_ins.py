"""Links that letters carry to members, by their hashes; and the letters that were asked for and not written yet."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Row, text

Kind = Literal["sign_in", "verify"]

_ASK = text("""
    INSERT INTO asked_letters (kind, program_id, member_id, sealed, locale, asked_at)
    VALUES (:kind, :program_id, :member_id, :sealed, :locale, :now)
""")
_TAKE_ASKED = text("""
    DELETE FROM asked_letters
    WHERE id = (SELECT id FROM asked_letters ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING kind, program_id, member_id, sealed, locale, asked_at
""")
_ADD = text("""
    INSERT INTO sign_ins (token_hash, kind, program_id, member_id, sealed, ends_at)
    VALUES (:token_hash, :kind, :program_id, :member_id, :sealed, :ends_at)
""")
_WORKS = "token_hash = :token_hash AND kind = :kind AND program_id = :program_id AND ends_at > :now"
_FIND = text(f"SELECT member_id, sealed FROM sign_ins WHERE {_WORKS}")
_TAKE = text(f"DELETE FROM sign_ins WHERE {_WORKS} RETURNING member_id, sealed")
_FORGET = (
    text("DELETE FROM asked_letters WHERE member_id = :member_id"),
    text("DELETE FROM sign_ins WHERE member_id = :member_id"),
)
_PRUNE = text("DELETE FROM sign_ins WHERE ends_at <= :now")


@dataclass(frozen=True, slots=True)
class Asked:
    """A letter that was asked for: to `sealed` address, which belongs to `member_id` only if it is to be verified."""

    kind: Kind
    program_id: int
    member_id: int | None
    sealed: bytes = field(repr=False)
    locale: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A link of a letter that works: whose it is, and the address to which it was sent, sealed."""

    member_id: int
    sealed: bytes = field(repr=False)


def ask(
    tx: Connection,
    kind: Kind,
    *,
    program_id: int,
    member_id: int | None = None,
    sealed: bytes,
    locale: str,
    now: datetime,
) -> None:
    """Have a letter written; nothing is looked up."""
    values = {"kind": kind, "program_id": program_id, "member_id": member_id, "sealed": sealed, "locale": locale}
    tx.execute(_ASK, values | {"now": now})


def take_asked(tx: Connection) -> Asked | None:
    """Take the oldest letter that is asked for and that nobody else is writing; it is there again if this fails."""
    row = tx.execute(_TAKE_ASKED).first()
    if row is None:
        return None
    return Asked(row.kind, row.program_id, row.member_id, bytes(row.sealed), row.locale, row.asked_at)


def add(
    tx: Connection, kind: Kind, token_hash: bytes, *, program_id: int, member_id: int, sealed: bytes, ends_at: datetime
) -> None:
    """Have a link work until then."""
    values = {"kind": kind, "token_hash": token_hash, "program_id": program_id, "member_id": member_id}
    tx.execute(_ADD, values | {"sealed": sealed, "ends_at": ends_at})


def find(tx: Connection, kind: Kind, token_hash: bytes, *, program_id: int, now: datetime) -> Opened | None:
    """Return a link that works, and leave it so."""
    values = {"kind": kind, "token_hash": token_hash, "program_id": program_id, "now": now}
    return _opened(tx.execute(_FIND, values).first())


def take(tx: Connection, kind: Kind, token_hash: bytes, *, program_id: int, now: datetime) -> Opened | None:
    """Use a link up, and return it; of two at once one gets it."""
    values = {"kind": kind, "token_hash": token_hash, "program_id": program_id, "now": now}
    return _opened(tx.execute(_TAKE, values).first())


def forget(tx: Connection, member_id: int) -> None:
    """Have none of a member's links work any more, and write no letter that is still to be written."""
    for each in _FORGET:
        tx.execute(each, {"member_id": member_id})


def prune(tx: Connection, *, now: datetime) -> int:
    """Drop the links that are over, and return how many."""
    return tx.execute(_PRUNE, {"now": now}).rowcount


def _opened(row: Row[tuple[object, ...]] | None) -> Opened | None:
    return Opened(row.member_id, bytes(row.sealed)) if row else None
