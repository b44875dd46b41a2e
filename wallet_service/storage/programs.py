"""Programmes that have been opened, and the accounts that each of them keeps."""

from datetime import datetime
from typing import get_args

from sqlalchemy import Connection, text

from wallet_service.domain.errors import ProgramTaken
from wallet_service.domain.ledger import ProgramAccount

_OPEN = text("""
    INSERT INTO programs (code, template, created_at) VALUES (:code, :template, :now) ON CONFLICT (code) DO NOTHING
""")
_FIND = text("SELECT id, template FROM programs WHERE code = :code")
_ACCOUNTS = text("""
    INSERT INTO ledger_accounts (program_id, kind) SELECT :program_id, unnest(CAST(:kinds AS text[]))
    ON CONFLICT DO NOTHING
""")


def open_program(tx: Connection, *, code: str, template: str, now: datetime) -> int:
    """Make sure that the programme and its accounts exist; return its id.

    Raises `ProgramTaken` when it was opened with another template, which would change its members' cards and rules.
    """
    tx.execute(_OPEN, {"code": code, "template": template, "now": now})
    program_id, opened_with = tx.execute(_FIND, {"code": code}).one()
    if opened_with != template:
        raise ProgramTaken(code, opened_with)
    tx.execute(_ACCOUNTS, {"program_id": program_id, "kinds": list(get_args(ProgramAccount))})
    return int(program_id)
