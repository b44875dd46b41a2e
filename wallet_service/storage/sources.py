"""Merchants' sources of events: who may post to which programme, and with which secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from wallet_service.storage.vault import Vault

_ADD = text("""
    INSERT INTO sources (program_id, dialect, name, secret, test_mode, created_at)
    VALUES (:program_id, :dialect, :name, :secret, :test_mode, :now)
    ON CONFLICT (dialect, name) DO NOTHING
    RETURNING id
""")
_ROTATE = text("""
    UPDATE sources SET previous_secret = secret, secret = :secret WHERE dialect = :dialect AND name = :name
    RETURNING id
""")
_SELECT = """
    SELECT sources.id, dialect, name, program_id, programs.template, programs.version, secret, previous_secret,
           test_mode
    FROM sources JOIN programs ON programs.id = program_id
"""
_FIND = text(f"{_SELECT} WHERE dialect = :dialect AND name = :name")
_ALL = text(f"{_SELECT} ORDER BY dialect, name")


@dataclass(frozen=True, slots=True)
class Source:
    """A connected shop or till; `secrets` holds the live one first, then the one it replaced, if any.

    `program_version` is the newest version of its programme; `test_mode` says that test orders count, too.
    """

    id: int
    dialect: str
    name: str
    program_id: int
    template: str
    program_version: int
    sealed: tuple[bytes, ...]
    test_mode: bool = False

    def secrets(self, vault: Vault) -> list[str]:
        """Return every secret that the source may sign with now."""
        return [vault.open(each) for each in self.sealed]


def add(
    tx: Connection,
    *,
    program_id: int,
    dialect: str,
    name: str,
    secret: bytes,
    test_mode: bool = False,
    now: datetime,
) -> bool:
    """Connect a source; return False, and change nothing, where one of that name is already connected."""
    values = {"program_id": program_id, "dialect": dialect, "name": name, "secret": secret, "test_mode": test_mode}
    return tx.execute(_ADD, values | {"now": now}).first() is not None


def rotate(tx: Connection, *, dialect: str, name: str, secret: bytes) -> bool:
    """Give the source a new secret; the old one stays live until the next rotation. False if there is none."""
    return tx.execute(_ROTATE, {"dialect": dialect, "name": name, "secret": secret}).first() is not None


def find(tx: Connection, dialect: str, name: str) -> Source | None:
    """Return the source of that dialect and name."""
    row = tx.execute(_FIND, {"dialect": dialect, "name": name}).first()
    return _source(row) if row else None


def every(tx: Connection) -> Sequence[Source]:
    """Return all sources by dialect and name."""
    return [_source(row) for row in tx.execute(_ALL)]


def _source(row: Row[tuple[object, ...]]) -> Source:
    sealed = tuple(bytes(each) for each in (row.secret, row.previous_secret) if each is not None)
    return Source(row.id, row.dialect, row.name, row.program_id, row.template, row.version, sealed, row.test_mode)
