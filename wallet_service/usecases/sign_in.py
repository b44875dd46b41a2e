"""A member signs in by the link of a letter: anybody may ask for one, members alone get one, and it works once."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.identity import Identity
from wallet_service.storage import member_sessions, members, sign_ins
from wallet_service.storage.members import Found
from wallet_service.storage.vault import Vault
from wallet_service.usecases.count_strangers import count

REST = timedelta(minutes=30)  # after which a session is over that nobody has used
LONGEST = timedelta(hours=12)  # of a session, used or not


def ask_to_sign_in(
    tx: Connection,
    vault: Vault,
    *,
    program_id: int,
    address: Identity,
    locale: str,
    block: str,
    per_block: int,
    per_address: int,
    now: datetime,
) -> int | None:
    """Have a letter written to an address if it is a member's, which is looked up later, by a worker.

    So there is the same work to do here whether it is or not. Return after how many seconds there is room again where
    too many have asked from the `block`. An address that has had `per_address` letters in an hour gets no more for now,
    and nobody is told.
    """
    wait = count(tx, vault, [(f"sign in {now.date()} {program_id} {block}", per_block)], now=now)
    if wait is None and may_have_letter(tx, vault, program_id, address, per_address=per_address, now=now):
        sealed = vault.seal(address.value)
        sign_ins.ask(tx, "sign_in", program_id=program_id, sealed=sealed, locale=locale, now=now)
    return wait


def may_have_letter(
    tx: Connection, vault: Vault, program_id: int, address: Identity, *, per_address: int, now: datetime
) -> bool:
    """Count a letter to an address that somebody has typed, and return whether it may have one more in this hour."""
    return count(tx, vault, [(f"letter {program_id} {address.value}", per_address)], now=now) is None


def sign_in(tx: Connection, token: str, *, program_id: int, now: datetime) -> str:
    """Use the link of a letter up, and return the token of a session.

    Raises `UnknownLink` for one that is over, was used, is another programme's, or was never made.
    """
    opened = sign_ins.take(tx, "sign_in", hashed(token), program_id=program_id, now=now)
    if opened is None:
        raise UnknownLink
    return begin_session(tx, opened.member_id, now=now)


def begin_session(tx: Connection, member_id: int, *, now: datetime) -> str:
    """Sign a member in, and return the token of the session."""
    token = new_token()
    member_sessions.add(tx, hashed(token), member_id=member_id, ends_at=now + REST, now=now)
    return token


def signed_in(tx: Connection, token: str, *, program_id: int, now: datetime) -> Found | None:
    """Return who is signed in to a programme by that session, which goes on; None once it is over."""
    member_id = member_sessions.prolong(
        tx, hashed(token), program_id=program_id, since=now - LONGEST, ends_at=now + REST, now=now
    )
    found = members.find_by_members(tx, [member_id]) if member_id is not None else []
    return found[0] if found else None


def sign_out(tx: Connection, token: str) -> None:
    """End a session."""
    member_sessions.end(tx, hashed(token))


def forget_sign_ins(tx: Connection, member_id: int) -> None:
    """End all sessions of a member, and have no letter's link work any more."""
    sign_ins.forget(tx, member_id)
    member_sessions.forget(tx, member_id)


def prune_sign_ins(begin: Callable[[], AbstractContextManager[Connection]], *, now: datetime) -> int:
    """Drop links and sessions that are over, and return how many."""
    with begin() as tx:
        return sign_ins.prune(tx, now=now) + member_sessions.prune(tx, now=now)


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> bytes:
    """Return what a token is known by here; the token cannot be made from it."""
    return hashlib.sha256(token.encode()).digest()
