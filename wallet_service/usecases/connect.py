"""A merchant's source is connected to a programme, or given a new secret."""

import base64
import secrets
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownSource
from wallet_service.domain.template import Template
from wallet_service.storage import merchants, programs, sources
from wallet_service.storage.merchants import MAIN
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault

DIALECT = "standard"
OWN_PROGRAMS = "api"  # the dialect of a programme's source for its API: there is no address to post to
OPENED = "opened"  # who published the rules with which a programme begins


def open_program(tx: Connection, template: Template, *, merchant: str = MAIN, actor: str, now: datetime) -> int:
    """Make sure that the template's programme exists and has rules; return its id.

    The first time, the rules of the template's files are published as version 1, and the programme is the merchant's
    from then on. Later rules are published by hand.
    Raises `UnknownMerchant` and `ProgramTaken`.
    """
    owner = merchants.require(tx, merchant, begins_at=now)
    program = template.program
    program_id = programs.open_program(
        tx, code=program.program.code, template=template.name, merchant_id=owner.id, now=now
    )
    if programs.lock_version(tx, program_id) == 0:
        partners = [each.code for each in program.partner]
        programs.publish(tx, program_id, template.definition, number=1, partners=partners, actor=actor, now=now)
    return program_id


def connect(
    tx: Connection,
    *,
    vault: Vault,
    template: Template,
    name: str,
    now: datetime,
    dialect: str = DIALECT,
    secret: str | None = None,
    test_mode: bool = False,
    merchant: str = MAIN,
    actor: str = OPENED,
) -> str | None:
    """Open the template's programme if need be and connect a source to it.

    Shop systems that make the secret themselves give it; otherwise one is made. In `test_mode` test orders count, too.
    Returns the new source's secret, or None if a source of that name was connected before.
    Raises `UnknownMerchant` and `ProgramTaken`.
    """
    program_id = open_program(tx, template, merchant=merchant, actor=actor, now=now)
    secret = secret or new_secret()
    added = sources.add(
        tx,
        program_id=program_id,
        dialect=dialect,
        name=name,
        secret=vault.seal(secret),
        test_mode=test_mode,
        now=now,
    )
    return secret if added else None


def rotate(tx: Connection, *, vault: Vault, name: str, dialect: str = DIALECT, secret: str | None = None) -> str:
    """Give the source a new secret and return it; the one before stays live until the next rotation.

    Raises `UnknownSource`.
    """
    secret = secret or new_secret()
    if not sources.rotate(tx, dialect=dialect, name=name, secret=vault.seal(secret)):
        raise UnknownSource(f"No source {name!r} is connected; see `wallet-service source list`.")
    return secret


def own_source(tx: Connection, *, vault: Vault, program_id: int, dialect: str, name: str, now: datetime) -> Source:
    """Return a source by which a programme enters what nobody posts; it is made when it is first needed."""
    found = sources.find(tx, dialect, name)
    if found is None:
        nobodys = vault.seal(new_secret())
        sources.add(tx, program_id=program_id, dialect=dialect, name=name, secret=nobodys, now=now)
        found = sources.find(tx, dialect, name)
    assert found is not None
    return found


def connected(tx: Connection) -> list[Source]:
    """Return every source that somebody posts to."""
    return [each for each in sources.every(tx) if each.dialect != OWN_PROGRAMS]


def new_secret() -> str:
    """Return a fresh secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
