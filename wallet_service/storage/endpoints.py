"""Merchants' endpoints: where they are told what happens, with which secrets, and how that goes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Row, text

from wallet_service.domain.outbound import State
from wallet_service.storage.vault import Vault

PREFIX = "whe_"

_COLUMNS = """
    id, merchant_id, public_id, url, name, types, secret, previous_secret, previous_until, state, reason, stopped_at,
    failures, failing_since, not_before, created_at
"""
_ADD = text(f"""
    INSERT INTO webhook_endpoints (merchant_id, public_id, url, name, types, secret, state, not_before, created_at)
    VALUES (:merchant_id, :public_id, :url, :name, :types, :secret, 'active', :now, :now)
    RETURNING {_COLUMNS}
""")
_FIND = text(f"""
    SELECT {_COLUMNS} FROM webhook_endpoints
    WHERE merchant_id = :merchant_id AND public_id = :public_id AND state <> 'removed'
""")
_OF = text(f"""
    SELECT {_COLUMNS} FROM webhook_endpoints WHERE merchant_id = :merchant_id AND state <> 'removed' ORDER BY id
""")
_STOPPED = text(f"""
    SELECT {_COLUMNS} FROM webhook_endpoints WHERE state IN ('disabled', 'gone') ORDER BY stopped_at, id
""")
_EVERY = text(f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE state <> 'removed' ORDER BY id")
_COUNT = text("SELECT count(*) FROM webhook_endpoints WHERE merchant_id = :merchant_id AND state <> 'removed'")
_CHANGE = text(f"""
    UPDATE webhook_endpoints SET url = :url, name = :name, types = CAST(:types AS text[]) WHERE id = :id
    RETURNING {_COLUMNS}
""")
_ROTATE = text("""
    UPDATE webhook_endpoints SET previous_secret = secret, previous_until = :until, secret = :secret WHERE id = :id
""")
_ENABLE = text("""
    UPDATE webhook_endpoints
    SET state = 'active', reason = NULL, stopped_at = NULL, failures = 0, failing_since = NULL, not_before = :now
    WHERE id = :id
""")
_REMOVE = text("""
    UPDATE webhook_endpoints SET state = 'removed', reason = 'removed', stopped_at = :now WHERE id = :id
""")
# Not FOR UPDATE, for which whoever writes a message for the endpoint would have to wait.
_LOCK = text("""
    SELECT id FROM webhook_endpoints WHERE id = ANY(:failing) OR (id = ANY(:well) AND failures > 0)
    ORDER BY id FOR NO KEY UPDATE
""")
_WELL = text("""
    UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, not_before = :now
    WHERE id = ANY(:ids) AND failures > 0
""")
_FAILED = text("""
    UPDATE webhook_endpoints SET failures = failures + 1, failing_since = coalesce(failing_since, :now)
    WHERE id = :id RETURNING failures, failing_since
""")
_REST = text("UPDATE webhook_endpoints SET not_before = greatest(not_before, :until) WHERE id = :id")
_STOP = text("""
    UPDATE webhook_endpoints SET state = :state, reason = :reason, stopped_at = :now
    WHERE id = :id AND state = 'active' RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A merchant's endpoint; `types` are its filters, none of them for everything.

    `state` is `active`, `disabled` after it has failed for days, or `gone` once it said so; `reason` says why, since
    `stopped_at`. It has failed so many times in a row, without a success `failing_since` then.
    """

    id: int
    merchant_id: int
    public_id: str
    url: str = field(repr=False)
    name: str | None
    types: tuple[str, ...]
    sealed: bytes = field(repr=False)
    sealed_before: bytes | None = field(repr=False)
    previous_until: datetime | None
    state: State
    reason: str | None
    stopped_at: datetime | None
    failures: int
    failing_since: datetime | None
    not_before: datetime
    created_at: datetime

    def secrets(self, vault: Vault, *, now: datetime) -> tuple[str, ...]:
        """Return the secret, and while it is being rotated the one before it.

        Raises `SettingsRefused`.
        """
        return live_secrets(vault, self.sealed, self.sealed_before, self.previous_until, now=now)


@dataclass(frozen=True, slots=True)
class Failing:
    """How often an endpoint has failed in a row, and since when it has taken nothing."""

    failures: int
    since: datetime


def live_secrets(
    vault: Vault, sealed: bytes, before: bytes | None, until: datetime | None, *, now: datetime
) -> tuple[str, ...]:
    """Return the secret, and the one before it as long as that is live.

    Raises `SettingsRefused`.
    """
    live = [sealed] + ([before] if before is not None and until is not None and until > now else [])
    return tuple(vault.open(each) for each in live)


def add(
    tx: Connection,
    *,
    merchant_id: int,
    public_id: str,
    url: str,
    name: str | None,
    types: Sequence[str],
    secret: bytes,
    now: datetime,
) -> Endpoint:
    """Add an endpoint that is told everything from now on that its filters let through."""
    values = {"merchant_id": merchant_id, "public_id": public_id, "url": url, "name": name, "types": list(types)}
    return _endpoint(tx.execute(_ADD, values | {"secret": secret, "now": now}).one())


def find(tx: Connection, merchant_id: int, public_id: str) -> Endpoint | None:
    """Return the merchant's endpoint of that id."""
    row = tx.execute(_FIND, {"merchant_id": merchant_id, "public_id": public_id}).first()
    return _endpoint(row) if row else None


def of_merchant(tx: Connection, merchant_id: int) -> list[Endpoint]:
    """Return all endpoints of a merchant, the oldest first."""
    return [_endpoint(row) for row in tx.execute(_OF, {"merchant_id": merchant_id})]


def every(tx: Connection) -> list[Endpoint]:
    """Return all endpoints of all merchants."""
    return [_endpoint(row) for row in tx.execute(_EVERY)]


def stopped(tx: Connection) -> list[Endpoint]:
    """Return all endpoints to which nothing is sent any more, those that stopped first before the others."""
    return [_endpoint(row) for row in tx.execute(_STOPPED)]


def count(tx: Connection, merchant_id: int) -> int:
    """Count the endpoints of a merchant."""
    number: int = tx.execute(_COUNT, {"merchant_id": merchant_id}).scalar_one()
    return number


def change(tx: Connection, row_id: int, *, url: str, name: str | None, types: Sequence[str]) -> Endpoint:
    """Give an endpoint another address, name and types, and return it."""
    values = {"id": row_id, "url": url, "name": name, "types": list(types)}
    return _endpoint(tx.execute(_CHANGE, values).one())


def rotate(tx: Connection, row_id: int, *, secret: bytes, until: datetime) -> None:
    """Give the endpoint a new secret; the one before it stays live until then."""
    tx.execute(_ROTATE, {"id": row_id, "secret": secret, "until": until})


def enable(tx: Connection, row_id: int, *, now: datetime) -> None:
    """Let messages go to the endpoint again; what waits for it is looked after before."""
    tx.execute(_ENABLE, {"id": row_id, "now": now})


def remove(tx: Connection, row_id: int, *, now: datetime) -> None:
    """Let the endpoint be no more: nothing is written for it or sent to it, and it is deleted later."""
    tx.execute(_REMOVE, {"id": row_id, "now": now})


def lock(tx: Connection, *, failing: Iterable[int], well: Iterable[int]) -> None:
    """Hold the endpoints still of which something will be noted, in their order."""
    tx.execute(_LOCK, {"failing": list(failing), "well": list(well)})


def well(tx: Connection, row_ids: Iterable[int], *, now: datetime) -> None:
    """Note that these endpoints took a message."""
    tx.execute(_WELL, {"ids": list(row_ids), "now": now})


def failed(tx: Connection, row_id: int, *, now: datetime) -> Failing:
    """Note that the endpoint did not take a message, and return how it has failed; its row is held from then on."""
    return Failing(*tx.execute(_FAILED, {"id": row_id, "now": now}).one())


def rest(tx: Connection, row_id: int, *, until: datetime) -> None:
    """Leave the endpoint alone until then."""
    tx.execute(_REST, {"id": row_id, "until": until})


def stop(tx: Connection, row_id: int, *, state: State, reason: str, now: datetime) -> bool:
    """Send nothing more to the endpoint; False where that was so before."""
    values = {"id": row_id, "state": state, "reason": reason, "now": now}
    return tx.execute(_STOP, values).first() is not None


def _endpoint(row: Row[tuple[object, ...]]) -> Endpoint:
    before = None if row.previous_secret is None else bytes(row.previous_secret)
    return Endpoint(
        id=row.id,
        merchant_id=row.merchant_id,
        public_id=row.public_id,
        url=row.url,
        name=row.name,
        types=tuple(row.types),
        sealed=bytes(row.secret),
        sealed_before=before,
        previous_until=row.previous_until,
        state=row.state,
        reason=row.reason,
        stopped_at=row.stopped_at,
        failures=row.failures,
        failing_since=row.failing_since,
        not_before=row.not_before,
        created_at=row.created_at,
    )
