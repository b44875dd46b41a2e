"""Programmes that have been opened, their published versions, and the accounts that each of them keeps."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from sqlalchemy import Connection, text

from wallet_service.domain.errors import ProgramTaken
from wallet_service.domain.ledger import ProgramAccount
from wallet_service.domain.program_version import ProgramVersion, digest_of, read_version

_OPEN = text("""
    INSERT INTO programs (code, template, merchant_id, created_at) VALUES (:code, :template, :merchant_id, :now)
    ON CONFLICT (code) DO NOTHING
""")
_FIND = text("SELECT id, template, version, merchant_id FROM programs WHERE code = :code")
_BY_ID = text("SELECT id, template, version, merchant_id FROM programs WHERE id = :program_id")
_CODE_OF = text("SELECT code FROM programs WHERE id = :program_id")
_OF_TEMPLATE = text("SELECT id, template, version, merchant_id FROM programs WHERE template = :template ORDER BY id")
_OF_MERCHANT = text(
    "SELECT id, template, version, merchant_id FROM programs WHERE merchant_id = :merchant_id ORDER BY id"
)
_EVERY = text("SELECT id, template, version, merchant_id FROM programs ORDER BY id")
_ACCOUNTS = text("""
    INSERT INTO ledger_accounts (program_id, kind) SELECT :program_id, unnest(CAST(:kinds AS text[]))
    ON CONFLICT DO NOTHING
""")
_PARTNERS = text("""
    INSERT INTO ledger_accounts (program_id, kind, partner)
    SELECT :program_id, 'partner', unnest(CAST(:partners AS text[]))
    ON CONFLICT DO NOTHING
""")
_LOCK = text("SELECT version FROM programs WHERE id = :program_id FOR UPDATE")
_PUBLISH = text("""
    WITH published AS (
        INSERT INTO program_versions (program_id, version, definition, digest, valid_from, published_at, published_by)
        VALUES (:program_id, :version, :definition, :digest, :now, :now, :actor)
    )
    UPDATE programs SET version = :version WHERE id = :program_id
""")
_VERSIONS = text("""
    SELECT version, valid_from, definition FROM program_versions
    WHERE program_id = :program_id AND version <= :newest ORDER BY version
""")


@dataclass(frozen=True, slots=True)
class Opened:
    """A programme that has been opened, and the number of its newest version; 0 while none is published."""

    id: int
    template: str
    version: int
    merchant_id: int


def open_program(tx: Connection, *, code: str, template: str, merchant_id: int, now: datetime) -> int:
    """Make sure that the programme and its accounts exist; return its id.

    Raises `ProgramTaken` when it was opened with another template, which would change its members' cards and rules,
    or for another merchant.
    """
    tx.execute(_OPEN, {"code": code, "template": template, "merchant_id": merchant_id, "now": now})
    program_id, opened_with, _, opened_for = tx.execute(_FIND, {"code": code}).one()
    if opened_with != template or opened_for != merchant_id:
        raise ProgramTaken(code, opened_with)
    tx.execute(_ACCOUNTS, {"program_id": program_id, "kinds": list(get_args(ProgramAccount))})
    return int(program_id)


def find(tx: Connection, code: str) -> Opened | None:
    """Return the programme of that code."""
    row = tx.execute(_FIND, {"code": code}).first()
    return Opened(*row) if row else None


def by_id(tx: Connection, program_id: int) -> Opened:
    """Return the programme of that id of ours."""
    return Opened(*tx.execute(_BY_ID, {"program_id": program_id}).one())


def code_of(tx: Connection, program_id: int) -> str:
    """Return the code of a programme that has been opened."""
    code: str = tx.execute(_CODE_OF, {"program_id": program_id}).scalar_one()
    return code


def of_template(tx: Connection, template: str) -> list[Opened]:
    """Return every programme that was opened with that template."""
    return [Opened(*row) for row in tx.execute(_OF_TEMPLATE, {"template": template})]


def of_merchant(tx: Connection, merchant_id: int) -> list[Opened]:
    """Return every programme of a merchant."""
    return [Opened(*row) for row in tx.execute(_OF_MERCHANT, {"merchant_id": merchant_id})]


def every(tx: Connection) -> list[Opened]:
    """Return all programmes."""
    return [Opened(*row) for row in tx.execute(_EVERY)]


def lock_version(tx: Connection, program_id: int) -> int:
    """Return the number of the newest version, and let nobody else publish until the transaction ends."""
    number: int = tx.execute(_LOCK, {"program_id": program_id}).scalar_one()
    return number


def publish(
    tx: Connection, program_id: int, definition: str, *, number: int, partners: Iterable[str], actor: str, now: datetime
) -> None:
    """Keep the text as the version of that number, in force from now on; the newest before it is locked.

    Every partner that it names has an account afterwards.
    """
    values = {"program_id": program_id, "version": number, "definition": definition, "digest": digest_of(definition)}
    tx.execute(_PUBLISH, values | {"actor": actor, "now": now})
    tx.execute(_PARTNERS, {"program_id": program_id, "partners": list(partners)})


def versions(tx: Connection, program_id: int, *, newest: int) -> tuple[ProgramVersion, ...]:
    """Return all versions up to the newest, in their order.

    Raises `TemplateRefused` where this release does not understand one.
    """
    rows = tx.execute(_VERSIONS, {"program_id": program_id, "newest": newest})
    return tuple(read_version(row.version, row.valid_from, row.definition) for row in rows)
