"""What a merchant reaches: its own programmes and who and what belongs to them; all else does not exist for it."""

from sqlalchemy import Connection

from wallet_service.domain.errors import ProgramNotNamed, UnknownHold, UnknownMember, UnknownProgram
from wallet_service.domain.event import Customer
from wallet_service.storage import holds, members, programs
from wallet_service.storage.members import Found
from wallet_service.storage.programs import Opened


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
    for each in programs.of_merchant(tx, merchant_id):
        if found is not None and each.id == found.program_id:
            return each
    raise UnknownMember(str(customer))


def member_of(tx: Connection, merchant_id: int, public_id: str) -> Found:
    """Return the member with that id of ours.

    Raises `UnknownMember` alike for one that is not there and for another merchant's.
    """
    found = members.find_by_public_id(tx, public_id)
    if found is None or all(each.id != found.program_id for each in programs.of_merchant(tx, merchant_id)):
        raise UnknownMember(f"member {public_id}")
    return found


def member_named(tx: Connection, opened: Opened, customer: Customer) -> Found | None:
    """Return the member of a programme who is named; who has become one with another is that one."""
    named = members.external_id(tx, opened.id, customer)
    member = members.find(tx, opened.id, members.survivor(tx, opened.id, named)) if named else None
    return members.find_by_members(tx, [member.id])[0] if member else None


def members_page(tx: Connection, opened: Opened, *, after: str | None, most: int) -> list[Found]:
    """Return up to `most` members of a programme in the order in which they joined, from the id of ours `after` on."""
    return members.listed(tx, opened.id, after=after, most=most)


def program_of_hold(tx: Connection, merchant_id: int, hold: str) -> Opened:
    """Return the programme to which a hold belongs.

    Raises `UnknownHold` alike for one that is not there and for another merchant's.
    """
    program_id = holds.program_of(tx, hold)
    for each in programs.of_merchant(tx, merchant_id):
        if each.id == program_id:
            return each
    raise UnknownHold(hold)
