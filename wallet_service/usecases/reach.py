"""What a merchant reaches: its own programmes and who and what belongs to them; all else does not exist for it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from wallet_service.domain.earning import Order
from wallet_service.domain.errors import (
    ProgramNotNamed,
    UnknownCard,
    UnknownDelivery,
    UnknownHold,
    UnknownJob,
    UnknownMember,
    UnknownOrder,
    UnknownProgram,
    UnknownRedemption,
    UnknownSource,
)
from wallet_service.domain.event import Customer
from wallet_service.storage import deliveries, holds, identities, jobs, members, orders, programs, redemptions, sources
from wallet_service.storage.members import Found
from wallet_service.storage.programs import Opened
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class OrderFound:
    """An order with the source that told of it ("shopify/my-shop"), and our id of its member, if it has one."""

    source: str
    member_id: str | None
    order: Order


def programs_of(tx: Connection, merchant_id: int) -> list[Opened]:
    """Return the merchant's programmes in the order in which they were opened."""
    return programs.of_merchant(tx, merchant_id)


def program_of(tx: Connection, merchant_id: int, code: str | None) -> Opened:
    """Return the merchant's programme of that code, or its only one where no code is given.

    Raises `UnknownProgram`, and `ProgramNotNamed` where there are several.
    """
    if code is None:
        mine = programs.of_merchant(tx, merchant_id)
        if len(mine) != 1:
            raise ProgramNotNamed(len(mine))
        return mine[0]
    found = programs.find(tx, code)
    if found is None or found.merchant_id != merchant_id:
        raise UnknownProgram(code)
    return found


def program_of_customer(tx: Connection, merchant_id: int, customer: Customer, code: str | None) -> Opened:
    """Return the merchant's programme of that code, or without one that of whoever is named by our id, or its only one.

    Raises `UnknownMember`, `UnknownProgram` and `ProgramNotNamed`.
    """
    if code is not None or customer.member_id is None:
        return program_of(tx, merchant_id, code)
    found = members.find_by_public_id(tx, customer.member_id)
    opened = _mine(tx, merchant_id, found.program_id) if found else None
    if opened is None:
        raise UnknownMember(str(customer))
    return opened


def member_of(tx: Connection, merchant_id: int, public_id: str) -> Found:
    """Return the member with that id of ours.

    Raises `UnknownMember` alike for one that is not there and for another merchant's.
    """
    found = members.find_by_public_id(tx, public_id)
    if found is None or _mine(tx, merchant_id, found.program_id) is None:
        raise UnknownMember(f"member {public_id}")
    return found


def program_of_member(tx: Connection, merchant_id: int, public_id: str) -> Opened:
    """Return the programme to which a member belongs, or belonged before it was erased: what was done can be repeated.

    Raises `UnknownMember` alike for one that is not there and for another merchant's.
    """
    opened = _mine(tx, merchant_id, members.program_of(tx, public_id))
    if opened is None:
        raise UnknownMember(f"member {public_id}")
    return opened


def member_named(tx: Connection, program_id: int, customer: Customer, *, vault: Vault) -> Found | None:
    """Return the member of a programme who is named, by an id or what else is known of the person.

    Who has become one with another is that one.
    """
    named = identities.named(tx, program_id, customer, identities.marks_of(vault, customer.identities))
    member = members.find(tx, program_id, members.survivor(tx, program_id, named)) if named else None
    return members.find_by_members(tx, [member.id])[0] if member else None


def members_page(tx: Connection, opened: Opened, *, after: str | None, most: int) -> list[Found]:
    """Return up to `most` members of a programme in the order in which they joined, from the id of ours `after` on."""
    return members.listed(tx, opened.id, after=after, most=most)


def program_of_hold(tx: Connection, merchant_id: int, hold: str) -> Opened:
    """Return the programme to which a hold belongs.

    Raises `UnknownHold` alike for one that is not there and for another merchant's.
    """
    opened = _mine(tx, merchant_id, holds.program_of(tx, hold))
    if opened is None:
        raise UnknownHold(hold)
    return opened


def program_of_redemption(tx: Connection, merchant_id: int, redemption: str) -> Opened:
    """Return the programme to which a redemption belongs.

    Raises `UnknownRedemption` alike for one that is not there and for another merchant's.
    """
    opened = _mine(tx, merchant_id, redemptions.program_of(tx, redemption))
    if opened is None:
        raise UnknownRedemption
    return opened


def program_of_delivery(tx: Connection, merchant_id: int, delivery: str) -> Opened:
    """Return the programme for which something was delivered.

    Raises `UnknownDelivery` alike for what is not there and for another merchant's.
    """
    kept = deliveries.find(tx, delivery, merchant_id=merchant_id)
    opened = _mine(tx, merchant_id, kept.program_id) if kept else None
    if opened is None:
        raise UnknownDelivery(delivery)
    return opened


def program_of_job(tx: Connection, merchant_id: int, job: str) -> Opened:
    """Return the programme for which a job is done.

    Raises `UnknownJob` alike for one that is not there and for another merchant's.
    """
    found = jobs.find(tx, job, merchant_id=merchant_id)
    opened = _mine(tx, merchant_id, found.program_id) if found else None
    if opened is None:
        raise UnknownJob(job)
    return opened


def card_of(tx: Connection, merchant_id: int, serial_number: str) -> Found:
    """Return the card with that serial number, replaced or not.

    Raises `UnknownCard` alike for one that is nowhere, for another merchant's, and for one of a member who was erased.
    """
    found = members.find_by_serial(tx, serial_number)
    if found is None or found.member.erased or _mine(tx, merchant_id, found.program_id) is None:
        raise UnknownCard
    return found


def orders_of(tx: Connection, merchant_id: int, order_id: str) -> list[OrderFound]:
    """Return the orders that have this id at the merchant's sources; shops may well count alike.

    Raises `UnknownOrder` where there is none.
    """
    found = orders.named(tx, merchant_id, order_id)
    if not found:
        raise UnknownOrder(order_id)
    return [OrderFound(f"{each.dialect}/{each.source}", each.member_id, each.order) for each in found]


def source_of_merchant(tx: Connection, merchant_id: int, dialect: str, name: str) -> Source:
    """Return a source of one of the merchant's programmes.

    Raises `UnknownSource` alike for one that is not there and for another merchant's.
    """
    found = sources.find(tx, dialect, name)
    if found is None or _mine(tx, merchant_id, found.program_id) is None:
        raise UnknownSource(f"No source {name!r} of the dialect {dialect!r} is connected.")
    return found


def _mine(tx: Connection, merchant_id: int, program_id: int | None) -> Opened | None:
    return next((each for each in programs.of_merchant(tx, merchant_id) if each.id == program_id), None)
