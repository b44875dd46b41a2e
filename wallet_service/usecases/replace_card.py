"""A member gets another card, or another code on it: what was lost or copied is worth nothing any more."""

from dataclasses import dataclass

from msgspec import structs

from wallet_service.domain.event import Customer
from wallet_service.domain.member import Membership
from wallet_service.storage import holdings, members
from wallet_service.usecases.enrol import new_card, new_code
from wallet_service.usecases.operate import Operation, books_of, close, refused
from wallet_service.usecases.revise import revise
from wallet_service.usecases.sign_in import forget_sign_ins


@dataclass(frozen=True, slots=True)
class Replaced:
    """The card that the member has now, and the one it takes the place of, which is void on every phone."""

    member_id: str
    serial_number: str
    voided_serial_number: str


@dataclass(frozen=True, slots=True)
class Recoded:
    """The card whose barcode holds another code now; the one before names nobody any more."""

    member_id: str
    serial_number: str
    revision: int


def replace_card(operation: Operation, *, customer: Customer) -> Replaced:
    """Give a member a new card with its own link, token and code, and make the present one void for good.

    The void one shows nothing of the member any more, since a stranger may have it, and with it a browser or a mailbox:
    all sessions of the member end, and links of letters work no more. A member whose card was revoked gets a valid
    one so.
    Raises `UnknownMember`.
    """
    (book,) = books_of(operation, customer)
    member = close(operation, book)
    tx, template, now = operation.tx, operation.open.template, operation.now
    # Looked at again, since closing the book may have drawn the card anew.
    member = members.find_by_cards(tx, [member.card.id])[member.card.id].member
    members.replaced(tx, member.card.id, now=now)
    holdings.call_back(tx, member.card.id)
    revise(tx, member, structs.replace(member, voided=True, replaced=True), template, now=now)
    forget_sign_ins(tx, member.id)
    serial_number = _add_card(operation, member)
    return Replaced(member.public_id, serial_number, member.card.serial_number)


def change_code(operation: Operation, *, customer: Customer) -> Recoded:
    """Give a member's card another code; phones show it with the next update, and the old one is refused at once.

    Raises `UnknownMember`, and `OperationRefused` for a void card.
    """
    (book,) = books_of(operation, customer)
    if book.member.voided:
        raise refused("card", "is void; replace it")
    member = close(operation, book)
    member = members.find_by_cards(operation.tx, [member.card.id])[member.card.id].member
    code = new_code()
    members.recode(operation.tx, member.card.id, code)
    card = revise(
        operation.tx, member, structs.replace(member, card_code=code), operation.open.template, now=operation.now
    )
    return Recoded(member.public_id, card.serial_number, card.revision)


def _add_card(operation: Operation, member: Membership) -> str:
    """Add a card that shows the member as it stands, and return its serial number."""
    code, template = new_code(), operation.open.template
    card = new_card(member.card.pass_type_identifier, now=operation.now)
    members.add_card(
        operation.tx,
        member_id=member.id,
        card=card,
        code=code,
        face=template.draw(structs.replace(member, voided=False, card_code=code).standing, member.locale),
        template_version=template.version,
        now=operation.now,
    )
    return card.serial_number
