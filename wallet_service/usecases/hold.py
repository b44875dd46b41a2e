"""Points are set apart, and then used up in part or whole, given back, or left to the calendar: each hold ends once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection

from wallet_service.domain.errors import HoldResolved, UnknownHold
from wallet_service.domain.event import Customer
from wallet_service.domain.ledger import Hold, Transaction
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.template import Template
from wallet_service.storage import holds, members
from wallet_service.usecases.book import Book, open_book
from wallet_service.usecases.give_back import Spent, give_back
from wallet_service.usecases.issue import HOLD_PREFIX, new_id
from wallet_service.usecases.operate import (
    OpenProgram,
    Operation,
    books_by_name,
    books_of,
    close,
    positive,
    refused,
)
from wallet_service.usecases.repay import repay_named

HoldStatus = Literal["open", "captured", "voided", "expired"]


@dataclass(frozen=True, slots=True)
class Held:
    """A hold and what the account then holds; `captured` of its points were used up, None if it was not captured.

    Of the points of an open one `lost_if_voided` would die at once if they were given back now. Of those that the
    operation gave back, `died` died at once; None where it ended no hold.
    """

    hold: str
    status: HoldStatus
    member_id: str
    points: int
    captured: int | None
    reference: str | None
    expires_at: datetime
    balance: int
    held: int
    lost_if_voided: int | None = None
    died: int | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """Points that came back after they had been used up; `returned` is 0 where the programme lets nobody have them."""

    member_id: str
    returned: int
    balance: int


def hold(
    operation: Operation, *, customer: Customer, points: int, reference: str | None = None, minutes: int | None = None
) -> Held:
    """Set points apart for an order to be paid, as long as the programme says or so many `minutes`.

    Raises `InsufficientBalance`, `OperationRefused` and `UnknownMember`.
    """
    positive(points)
    (book,) = books_of(operation, customer)
    length = timedelta(minutes=minutes or operation.program.points.hold_minutes)
    now = operation.now
    new = Hold(points, "pay_with_points", now, now + length, new_id(HOLD_PREFIX), reference)
    book.account.hold(new, actor=operation.actor)
    after = close(operation, book)
    return _held(new, "open", after, lost_if_voided=lost_if_given_back(book, new.id))


def capture(operation: Operation, *, hold: str, points: int | None = None, partner: str | None = None) -> Held:
    """Use up held points, all or so many, for the partner who accepts them if any; the rest goes back to its lots.

    Raises `UnknownHold`, `HoldResolved` and `OperationRefused`.
    """
    book, found, by_reward = _open(operation, hold)
    if partner is not None and by_reward is not None and partner != by_reward:
        raise refused("partner", f"is {partner!r}; what they are held for is handed over by {by_reward!r}")
    used = found.points if points is None else positive(points)
    if used < found.points and found.purpose == "reward":
        raise refused("points", f"is {used}; what they are held for costs {found.points}")
    book.account.capture(
        found, used, at=operation.now, partner=by_reward or accepting(operation.program, partner), actor=operation.actor
    )
    after = close(operation, book)
    after = repay_named(operation, after, found.reference)
    return _held(found, "captured", after, captured=used, died=died(book.caused))


def void(operation: Operation, *, hold: str) -> Held:
    """Give held points back to the lots they came from.

    Raises `UnknownHold` and `HoldResolved`.
    """
    book, found, _ = _open(operation, hold)
    book.account.release(found, at=operation.now, actor=operation.actor)
    after = close(operation, book)
    return _held(found, "voided", after, died=died(book.caused))


def refund(operation: Operation, *, hold: str, points: int | None = None, reason: str) -> Returned:
    """Give back captured points, all that are left or so many, as the programme's `refund.spent` says.

    Where the member has become one with another since, that one gets them.
    Raises `UnknownHold`, `HoldResolved` for a hold that was not captured, and `OperationRefused`.
    """
    found = holds.find(operation.tx, operation.open.id, hold)
    if found is None:
        raise UnknownHold(hold)
    if found.redemption:
        raise refused("hold", f"belongs to {found.redemption}; refund that")
    if found.outcome != "captured" or found.transaction_id is None or found.captured is None:
        raise HoldResolved(f"{hold} was not captured, so nothing of it can come back.")
    owner = members.survivor(operation.tx, operation.open.id, found.external_id)
    spent = Spent(found.external_id, owner, found.captured, found.transaction_id, found.id, found.partner)
    after, returned = give_back(operation, spent, points=points, reason=reason)
    return Returned(after.public_id, returned, after.position.available)


def look(tx: Connection, *, program: OpenProgram, hold: str, now: datetime) -> Held:
    """Return a hold as it stands.

    Raises `UnknownHold`.
    """
    found = holds.find(tx, program.id, hold)
    member = members.find(tx, program.id, members.survivor(tx, program.id, found.external_id)) if found else None
    if found is None or member is None:
        raise UnknownHold(hold)
    book = open_book(tx, member, program.template, now=now, settle=False)
    return Held(
        hold=hold,
        status=found.outcome or "open",
        member_id=member.public_id,
        points=found.points,
        captured=found.captured if found.outcome == "captured" else None,
        reference=found.reference,
        expires_at=found.expires_at,
        balance=member.position.available,
        held=member.position.held,
        lost_if_voided=None if found.outcome else lost_if_given_back(book, found.id),
    )


def lost_of_held(tx: Connection, member: Membership, template: Template, *, now: datetime) -> int:
    """Return how many of all points that a member has set apart would die at once if they were given back now."""
    return lost_if_given_back(open_book(tx, member, template, now=now, settle=False))


def lost_if_given_back(book: Book, hold_row: int | None = None) -> int:
    """Return how many points of a hold, or of all, would die if they were given back now; spoils the book for all else.

    It is foretold by what does it: points that come back may first have to cover what an order does not deserve.
    """
    account, now = book.account, book.now
    account.settle(now)
    before = len(account.posted)
    for each in [each for each in account.holds if hold_row in (None, each.id)]:
        account.release(each, at=now)
    account.settle(now)
    return died(account.posted[before:])


def died(posted: Sequence[Transaction]) -> int:
    """Return how many points these transactions let die."""
    return -sum(each.available for each in posted if each.type == "expire")


def accepting(program: Program, partner: str | None) -> str | None:
    """Return the partner.

    Raises `OperationRefused` for one that the programme does not have, or who accepts no points.
    """
    if partner is None:
        return None
    known = program.partner_of(partner)
    if known is None or not known.accept:
        raise refused("partner", f"{partner!r} is no partner who accepts points")
    return partner


def _open(operation: Operation, hold: str) -> tuple[Book, Hold, str | None]:
    """Return the book in which a hold is open, the hold, and the partner of the reward that it is for."""
    found = holds.find(operation.tx, operation.open.id, hold)
    if found is None:
        raise UnknownHold(hold)
    if found.outcome:
        raise HoldResolved(f"{hold} was {found.outcome} before.")
    (book,) = books_by_name(operation, found.external_id)
    known = next((each for each in book.account.holds if each.public_id == hold), None)
    if known is None:
        raise HoldResolved(f"{hold} is no longer open.")
    return book, known, found.partner


def _held(
    hold: Hold,
    status: HoldStatus,
    after: Membership,
    *,
    captured: int | None = None,
    lost_if_voided: int | None = None,
    died: int | None = None,
) -> Held:
    return Held(
        hold=hold.public_id,
        status=status,
        member_id=after.public_id,
        points=hold.points,
        captured=captured,
        reference=hold.reference,
        expires_at=hold.expires_at,
        balance=after.position.available,
        held=after.position.held,
        lost_if_voided=lost_if_voided,
        died=died,
    )
