"""A key admits its holder: it is made, listed, revoked, known again, and its requests are counted."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection

from wallet_service.domain.api_key import Caller, Scope, Token, new_token
from wallet_service.domain.errors import KeyRefused, UnknownKey
from wallet_service.storage import api_keys, merchants, rates
from wallet_service.storage.api_keys import ApiKey

NOTED_EVERY = timedelta(minutes=1)
WINDOW = timedelta(seconds=10)  # whose requests may come all at once
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Quota:
    """How many requests a key may still send at once; `restored_in` seconds it may send all of `limit` again.

    `retry_after` is None where this request may come, else the seconds after which one may.
    """

    limit: int
    window: int
    left: int
    restored_in: int
    retry_after: int | None


def give_key(
    tx: Connection,
    *,
    merchant: str,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
    token: Token | None = None,
    now: datetime,
) -> Token:
    """Give a merchant a key, and return it: nobody can read it again. A `token` that is told may be there already.

    Raises `UnknownMerchant`.
    """
    owner = merchants.require(tx, merchant)
    token = token or new_token()
    api_keys.add(
        tx,
        merchant_id=owner.id,
        public_id=token.public_id,
        name=name,
        secret_hash=token.secret_hash,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        now=now,
    )
    return token


def keys(tx: Connection) -> list[ApiKey]:
    """Return all keys."""
    return api_keys.every(tx)


def revoke_key(tx: Connection, public_id: str, *, now: datetime) -> None:
    """Have a key open nothing from now on.

    Raises `UnknownKey`.
    """
    if not api_keys.revoke(tx, public_id, now=now):
        raise UnknownKey(public_id)


def admit(tx: Connection, token: Token | None, *, now: datetime) -> Caller:
    """Return whom a key stands for, and note that it was used.

    Every statement may stand alone, so that nobody waits here for another request of the same key.
    Raises `KeyRefused` for one that is unknown, wrong, revoked or expired.
    """
    if token is None:
        raise KeyRefused("no key of ours was sent")
    found = api_keys.find(tx, token.public_id)
    # The hash is compared for an unknown key, too, so that it takes as long.
    if not token.matches(found.secret_hash if found else _NOBODY) or found is None:
        raise KeyRefused(f"{token.public_id} is unknown, or its secret is wrong")
    if not found.opens(now):
        raise KeyRefused(f"{token.public_id} was revoked or has expired")
    if found.last_used_at is None or now - found.last_used_at >= NOTED_EVERY:
        api_keys.used(tx, found.id, every=NOTED_EVERY, now=now)
    return Caller(found.merchant_id, found.merchant, found.id, found.public_id, frozenset(found.scopes))


def count(tx: Connection, caller: Caller, *, per_second: int, now: datetime) -> Quota:
    """Count a request of a key, for all processes together, and return whether it may come."""
    step = timedelta(seconds=1) / per_second
    may, spent_until = rates.spend(tx, f"key {caller.key_id}".encode(), step=step, window=WINDOW, now=now)
    spent = spent_until - now
    return Quota(
        limit=WINDOW // step,
        window=WINDOW // timedelta(seconds=1),
        left=max((WINDOW - spent) // step, 0) if may else 0,
        restored_in=max(ceil(spent / timedelta(seconds=1)), 0),
        retry_after=None if may else max(ceil((spent + step - WINDOW) / timedelta(seconds=1)), 1),
    )


def prune_counts(begin: Callable[[], AbstractContextManager[Connection]], *, now: datetime) -> int:
    """Drop what was counted, of keys and of all others, and is over; return how many buckets that were."""
    with begin() as tx:
        return rates.prune(tx, now=now)
