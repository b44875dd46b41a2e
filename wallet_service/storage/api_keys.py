"""Keys of the API: whose they are, what they may do, and when they were last used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, text

_ADD = text("""
    INSERT INTO api_keys (merchant_id, public_id, name, secret_hash, scopes, created_at, expires_at)
    VALUES (:merchant_id, :public_id, :name, :secret_hash, :scopes, :now, :expires_at)
    ON CONFLICT (public_id) DO NOTHING
""")
_SELECT = """
    SELECT api_keys.id, public_id, api_keys.name, merchant_id, merchants.code AS merchant, secret_hash, scopes,
           api_keys.created_at, expires_at, revoked_at, last_used_at
    FROM api_keys JOIN merchants ON merchants.id = merchant_id
"""
_FIND = text(f"{_SELECT} WHERE public_id = :public_id")
_EVERY = text(f"{_SELECT} ORDER BY merchants.code, api_keys.id")
_REVOKE = text("UPDATE api_keys SET revoked_at = coalesce(revoked_at, :now) WHERE public_id = :public_id RETURNING id")
# Whoever finds the row taken leaves it: another request is just noting the same.
_USED = text("""
    UPDATE api_keys SET last_used_at = :now
    WHERE id = (SELECT id FROM api_keys WHERE id = :id FOR UPDATE SKIP LOCKED)
      AND (last_used_at IS NULL OR last_used_at <= CAST(:now AS timestamptz) - :every)
""")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept."""

    id: int
    public_id: str
    name: str
    merchant_id: int
    merchant: str
    secret_hash: bytes
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def opens(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add(
    tx: Connection,
    *,
    merchant_id: int,
    public_id: str,
    name: str,
    secret_hash: bytes,
    scopes: Sequence[str],
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """Keep a key; one of that id that is there already stays as it is."""
    values = {"merchant_id": merchant_id, "public_id": public_id, "name": name, "secret_hash": secret_hash}
    tx.execute(_ADD, values | {"scopes": list(scopes), "expires_at": expires_at, "now": now})


def find(tx: Connection, public_id: str) -> ApiKey | None:
    """Return the key of that id."""
    row = tx.execute(_FIND, {"public_id": public_id}).first()
    return _key(row._mapping) if row else None


def every(tx: Connection) -> list[ApiKey]:
    """Return all keys, by their merchants and then in the order in which they were made."""
    return [_key(row) for row in tx.execute(_EVERY).mappings()]


def revoke(tx: Connection, public_id: str, *, now: datetime) -> bool:
    """Have the key open nothing from now on; return False where there is none of that id."""
    return tx.execute(_REVOKE, {"public_id": public_id, "now": now}).first() is not None


def used(tx: Connection, key_id: int, *, every: timedelta, now: datetime) -> None:
    """Note that the key was used, unless that was noted less than `every` ago."""
    tx.execute(_USED, {"id": key_id, "every": every, "now": now})


def _key(row: RowMapping) -> ApiKey:
    known = dict(row)
    return ApiKey(**known | {"secret_hash": bytes(known["secret_hash"]), "scopes": tuple(known["scopes"])})
