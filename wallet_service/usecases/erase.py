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
from wallet_service.storage.events import Raced
from wallet_service.usecases.book import ERASED
from wallet_service.usecases.operate import Operation, books_of, named, show
from wallet_service.usecases.sign_in import forget_sign_ins


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased, by our own id, the points that were given up with it, and the card that is void now."""

    member_id: str
    points: int
    voided_serial_number: str


def erase(operation: Operation, *, customer: Customer) -> Erased:
    """Forget a member's person: name, addresses, the merchant's own id, and what was sent about it.

    Holds are given back and points, pending ones too, taken out of the books by entries of their own, and so is what
    orders bring that change later; none of the ledger's rows is changed. Every card is void, and shows nothing of the
    person. So it is with all members that have become one with this one. Somebody of the same address who joins later
    is somebody new. Consents stay, without a name, to show what was agreed.
    It looks through the events of all members once. Files of exports, in which the person is, are dropped.
    Raises `UnknownMember`, also for somebody who was erased before.
    """
    tx, now = operation.tx, operation.now
    _lock_person(operation, named(operation, customer))
    (book,) = books_of(operation, customer)
    book.account.give_up_holds(at=now, actor=operation.actor)
    points = book.account.clear(at=now, actor=operation.actor, reason=ERASED)
    book.automatic = False
    member = book.close(cause=operation.cause, reason=operation.kind)
    everybody = [member, *members.merged_into(tx, member.id)]
    _forget(operation, [each.id for each in everybody])
    members.lock_cards(tx, [each.card.id for each in everybody])
    members.void(tx, member.card.id, now=now)
    holdings.call_back(tx, member.card.id)
    nobodies = [structs.replace(each, profile=Profile(), voided=True, erased=True) for each in everybody]
    card = show(operation, list(zip(everybody, nobodies, strict=True)))[0].card
    # The last thing: what an export read before this is in its file, and what one reads later has nobody of that name.
    job_files.drop_exports(tx, operation.open.id, now=now)
    return Erased(member.public_id, points, card.serial_number)


def _lock_person(operation: Operation, name: str) -> None:
    """Lock all members that are one person, in one order; nothing of any of them is entered meanwhile."""
    tx, program_id = operation.tx, operation.open.id
    names = members.person(tx, program_id, name)
    members.lock_customers(tx, [(program_id, each) for each in names])
    if members.person(tx, program_id, name) != names:
        raise Raced


def _forget(operation: Operation, member_ids: list[int]) -> None:
    """Drop what names a person, in what was sent, delivered and typed, too."""
    tx, now = operation.tx, operation.now
    members.erase(tx, member_ids, now=now)
    deliveries.forget(tx, member_ids)
    messages.forget(tx, member_ids)
    for each in member_ids:
        identities.forget(tx, each)
        typed_addresses.forget(tx, each)
        forget_sign_ins(tx, each)
        letters.forget(tx, each, now=now)
        links.forget(tx, each)
        installs.forget(tx, each)
