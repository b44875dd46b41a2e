"""Partners' accounts: what each has issued, accepted and evened out."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

_BALANCES = text("""
    SELECT partner,
           coalesce(-sum(points) FILTER (WHERE type IN ('earn', 'earn_reversal')), 0)::bigint AS issued,
           coalesce(sum(points) FILTER (WHERE type IN ('redeem', 'redeem_reversal')), 0)::bigint AS accepted,
           coalesce(-sum(points) FILTER (WHERE type = 'partner_settlement'), 0)::bigint AS settled,
           coalesce(sum(points), 0)::bigint AS net
    FROM ledger_accounts
    LEFT JOIN ledger_entries ON account_id = ledger_accounts.id
    LEFT JOIN ledger_transactions ON ledger_transactions.id = transaction_id
    WHERE ledger_accounts.program_id = :program_id AND kind = 'partner' AND partner IS NOT NULL
    GROUP BY partner ORDER BY partner
""")
_LOCK = text("""
    SELECT id FROM ledger_accounts WHERE program_id = :program_id AND kind = 'partner' ORDER BY id FOR NO KEY UPDATE
""")


@dataclass(frozen=True, slots=True)
class Balance:
    """A partner's points; `net` is what was accepted, less what was issued, as far as it has not been evened out."""

    partner: str
    issued: int
    accepted: int
    settled: int
    net: int


def balances(tx: Connection, program_id: int) -> list[Balance]:
    """Return the balance of each partner."""
    return [Balance(*row) for row in tx.execute(_BALANCES, {"program_id": program_id})]


def lock(tx: Connection, program_id: int) -> None:
    """Let nobody else even out the partners; points go on being issued and accepted meanwhile."""
    tx.execute(_LOCK, {"program_id": program_id}).all()
