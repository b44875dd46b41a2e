"""A merchant's source is connected to a programme, or given a new secret."""

import base64
import secrets
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownSource
from wallet_service.domain.template import Template
from wallet_service.storage import programs, sources
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault

DIALECT = "standard"


def connect(tx: Connection, *, vault: Vault, template: Template, name: str, now: datetime) -> str | None:
    """Open the template's programme if need be and connect a source to it.

    Returns the new source's secret, or None if a source of that name was connected before.
    """
    program_id = programs.open_program(tx, code=template.program.program.code, template=template.name, now=now)
    secret = new_secret()
    added = sources.add(tx, program_id=program_id, dialect=DIALECT, name=name, secret=vault.seal(secret), now=now)
    return secret if added else None


def rotate(tx: Connection, *, vault: Vault, name: str) -> str:
    """Give the source a new secret and return it; the one before stays live until the next rotation.

    Raises `UnknownSource`.
    """
    secret = new_secret()
    if not sources.rotate(tx, dialect=DIALECT, name=name, secret=vault.seal(secret)):
        raise UnknownSource(f"No source {name!r} is connected; see `wallet-service source list`.")
    return secret


def connected(tx: Connection) -> list[Source]:
    """Return every source."""
    return list(sources.every(tx))


def new_secret() -> str:
    """Return a fresh secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
