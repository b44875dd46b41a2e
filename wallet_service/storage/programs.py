"""Programmes that have been opened, and the accounts that each of them keeps."""

from datetime import datetime
from typing import get_args

from sqlalchemy import Connection, text

from wallet_service.domain.ledger import ProgramAccount

_OPEN = text("""
    INSERT INTO programs (code, template, created_at) VALUES (:code, :template, :now)
    ON CONFLICT (code) DO UPDATE SET template = excluded.template
    RETURNING id
""")
_ACCOUNTS = text("""
    INSERT INTO ledger_accounts (program_id, kind) SELECT :program_id, unnest(CAST(:kinds AS text[]))
    ON CONFLICT DO NOTHING
""")


def open_program(tx: Connection, *, code: str, template: str, now: datetime) -> int:
    """Make sure that the programme and its accounts exist; return its id."""
    program_id: int = tx.execute(_OPEN, {"code": code, "template": template, "now": now}).scalar_one()
    tx.execute(_ACCOUNTS, {"program_id": program_id, "kinds": list(get_args(ProgramAccount))})
    return program_id
