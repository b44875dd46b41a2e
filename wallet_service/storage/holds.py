"""Points set apart: whose they are, and how it ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

_FIND = text("""
    SELECT holds.id, external_id, holds.points, purpose, reference, holds.expires_at, outcome,
           hold_outcomes.points AS captured, hold_outcomes.transaction_id, redemptions.public_id AS redemption,
           coalesce(redemptions.partner, (
               SELECT max(ledger_accounts.partner) FROM ledger_entries
               JOIN ledger_accounts ON ledger_accounts.id = account_id
               WHERE ledger_entries.transaction_id = hold_outcomes.transaction_id
           )) AS partner
    FROM holds JOIN members ON members.id = holds.member_id
    LEFT JOIN hold_outcomes ON hold_outcomes.hold_id = holds.id
    LEFT JOIN redemptions ON redemptions.hold_id = holds.id
    WHERE holds.public_id = :public_id AND members.program_id = :program_id
""")
_PROGRAM = text("""
    SELECT program_id FROM holds JOIN members ON members.id = holds.member_id WHERE holds.public_id = :public_id
""")
_GIVEN_BACK = text("""
    SELECT coalesce(-sum(points), 0) FROM ledger_transactions
    JOIN ledger_entries ON transaction_id = ledger_transactions.id
    JOIN ledger_accounts ON ledger_accounts.id = account_id
    WHERE reverses_id = :transaction_id AND ledger_accounts.kind IN ('redemption', 'partner')
""")


@dataclass(frozen=True, slots=True)
class Found:
    """A hold: the merchant's own id of its member, and its outcome with the points captured; None while it is open.

    `partner` is who accepts or has accepted its points, None where that is nobody of the partners.
    """

    id: int
    external_id: str
    points: int
    purpose: str
    reference: str | None
    expires_at: datetime
    outcome: Literal["captured", "voided", "expired"] | None
    captured: int | None
    transaction_id: int | None
    redemption: str | None
    partner: str | None


def find(tx: Connection, program_id: int, public_id: str) -> Found | None:
    """Return the hold with that id of ours."""
    row = tx.execute(_FIND, {"program_id": program_id, "public_id": public_id}).first()
    return Found(*row) if row else None


def program_of(tx: Connection, public_id: str) -> int | None:
    """Return the programme to which the hold of that id belongs."""
    found: int | None = tx.execute(_PROGRAM, {"public_id": public_id}).scalar()
    return found


def given_back(tx: Connection, transaction_id: int) -> int:
    """Return how many of the points that a transaction used up have come back."""
    return int(tx.execute(_GIVEN_BACK, {"transaction_id": transaction_id}).scalar_one())
