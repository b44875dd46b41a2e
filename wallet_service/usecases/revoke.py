"""A card is revoked: every wallet shows that it is void, and a vendor who holds it keeps nothing of its member."""

from dataclasses import dataclass
from datetime import datetime

from msgspec import structs
from sqlalchemy import Connection

from wallet_service.domain.card import Card
from wallet_service.domain.template import Template
from wallet_service.storage import holdings, members
from wallet_service.storage.members import Found
from wallet_service.usecases.operate import Operation
from wallet_service.usecases.revise import revise


@dataclass(frozen=True, slots=True)
class Revoked:
    """The card that is void now."""

    member_id: str
    serial_number: str
    revision: int


def revoke_card(operation: Operation, *, found: Found) -> Revoked:
    """Make a card void as an operation, which has a key and somebody who asked for it."""
    card = revoke(operation.tx, found, operation.open.template, now=operation.now)
    return Revoked(found.member.public_id, card.serial_number, card.revision)


def revoke(tx: Connection, found: Found, template: Template, *, now: datetime) -> Card:
    """Make the card void for good and return its new revision; revoked twice it stays as it is.

    The member's account is not touched: what it holds is the ledger's business.
    """
    members.lock_customer(tx, found.program_id, found.member.external_id)
    member = members.find_by_cards(tx, [found.member.card.id])[found.member.card.id].member
    if member.voided:
        return member.card
    members.void(tx, member.card.id, now=now)
    holdings.call_back(tx, member.card.id)  # what a vendor still holds of a removed card must go, too
    after = structs.replace(member, voided=True)
    return revise(tx, member, after, template, now=now)
