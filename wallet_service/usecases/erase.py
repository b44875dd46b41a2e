"""A member is forgotten: the books stay as they are, and nothing in them says any more whose they were."""

from dataclasses import dataclass

from msgspec import structs

from wallet_service.domain.event import Customer
from wallet_service.domain.member import Profile
from wallet_service.storage import (
    deliveries,
    holdings,
    identities,
    installs,
    job_files,
    letters,
    links,
    members,
    messages,
    typed_addresses,
)
from wallet_service.usecases.correct import correct
from wallet_service.usecases.operate import Operation, books_of, close
from wallet_service.usecases.revise import revise
from wallet_service.usecases.sign_in import forget_sign_ins

REASON = "erased"


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased, by our own id, the points that were given up with it, and the card that is void now."""

    member_id: str
    points: int
    voided_serial_number: str


def erase(operation: Operation, *, customer: Customer) -> Erased:
    """Forget a member's person: name, addresses, the merchant's own id, and what was sent about it.

    Holds are given back and points, pending ones too, taken out of the books by entries of their own; none of the
    ledger's rows is changed. Every card is void, and shows nothing of the person. Somebody of the same address who
    joins later is somebody new. Consents stay, without a name, to show what was agreed.
    It looks through the events of all members once. Files of exports, in which the person is, are dropped.
    Raises `UnknownMember`, also for somebody who was erased before.
    """
    (book,) = books_of(operation, customer)
    tx, now = operation.tx, operation.now
    for each in list(book.account.holds):
        book.account.release(each, at=now, actor=operation.actor)
    points = max(book.account.available, 0)
    if points:
        correct(book, -points, actor=operation.actor, reason=REASON, at=now)
    for lot in [each for each in book.account.lots if each.pending]:
        points += lot.pending
        book.account.take_back(lot, at=now, actor=operation.actor, reason=REASON)
    book.automatic = False
    member = close(operation, book)
    member = members.find_by_cards(tx, [member.card.id])[member.card.id].member
    members.erase(tx, member.id, now=now)
    identities.forget(tx, member.id)
    typed_addresses.forget(tx, member.id)
    forget_sign_ins(tx, member.id)
    deliveries.forget(tx, member.public_id)
    messages.forget(tx, member.id)
    letters.forget(tx, member.id, now=now)
    links.forget(tx, member.id)
    installs.forget(tx, member.id)
    members.void(tx, member.card.id, now=now)
    holdings.call_back(tx, member.card.id)
    nobody = structs.replace(member, profile=Profile(), voided=True, erased=True)
    revise(tx, member, nobody, operation.open.template, now=now)
    # The last thing: what an export read before this is in its file, and what one reads later has nobody of that name.
    job_files.drop_exports(tx, operation.open.id, now=now)
    return Erased(member.public_id, points, member.card.serial_number)
