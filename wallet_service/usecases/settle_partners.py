"""What partners owe each other: who issued points, who accepted them, and what evens it out."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.ledger import Entry, Transaction
from wallet_service.domain.program import Program, exponent
from wallet_service.storage import ledger, partners
from wallet_service.usecases.book import fresh_ids
from wallet_service.usecases.operate import OpenProgram, Operation

MICROS = 1_000_000
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """A partner's points since the beginning, and what is open: `net` above 0 is owed to the partner, below 0 by it.

    `net_minor` is its worth in minor units of the programme's currency; None where a unit has no price.
    """

    partner: str
    issued: int
    accepted: int
    settled: int
    net: int
    net_minor: int | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """All partners, and the operator, who stands for all points that no partner has issued or accepted.

    All `net` sum to zero, and all `net_minor` do.
    """

    currency: str
    cost_micros: int | None
    at: datetime
    lines: tuple[PartnerLine, ...]


def settlement(tx: Connection, *, program: OpenProgram, now: datetime) -> Settlement:
    """Return what partners owe now; nothing is written."""
    return _settlement(program.template.program, partners.balances(tx, program.id), now)


def settle_partners(operation: Operation) -> Settlement:
    """Even out what all partners owe, once it has been paid; return what it was."""
    tx, program_id = operation.tx, operation.open.id
    partners.lock(tx, program_id)
    found = _settlement(operation.program, partners.balances(tx, program_id), operation.now)
    transactions = [
        Transaction(
            "partner_settlement",
            operation.now,
            (Entry("partner", -each.net, each.partner), Entry("adjustment", each.net)),
            actor=operation.actor,
        )
        for each in found.lines
        if each.net and each.partner != OPERATOR
    ]
    ledger.post(
        tx,
        transactions,
        (),
        program_id=program_id,
        member_id=None,
        cause=operation.cause,
        ids=fresh_ids(tx),
        now=operation.now,
    )
    return found


def _settlement(program: Program, found: list[partners.Balance], now: datetime) -> Settlement:
    price = program.unit.cost_micros if program.unit else None
    currency = program.program.currency
    lines = [
        PartnerLine(each.partner, each.issued, each.accepted, each.settled, each.net, _minor(each.net, price, currency))
        for each in found
    ]
    rest = -sum(each.net for each in lines)
    in_money = None if price is None else -sum(each.net_minor or 0 for each in lines)
    if lines:
        lines.append(PartnerLine(OPERATOR, 0, 0, 0, rest, in_money))
    return Settlement(currency, price, now, tuple(lines))


def _minor(points: int, cost_micros: int | None, currency: str) -> int | None:
    """Return what points are worth, towards zero; the operator bears what is cut off."""
    if cost_micros is None:
        return None
    worth: int = abs(points) * cost_micros * 10 ** exponent(currency) // MICROS
    return worth if points >= 0 else -worth
