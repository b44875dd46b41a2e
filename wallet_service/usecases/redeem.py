"""A reward is redeemed: taken for points, used at the till or in a shop, cancelled, or paid back after that."""

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection

from wallet_service.domain import codes as letters
from wallet_service.domain.errors import (
    CodeRefused,
    HoldResolved,
    RedemptionOver,
    RewardUnavailable,
    UnknownMember,
    UnknownRedemption,
    UnknownReward,
)
from wallet_service.domain.event import Customer
from wallet_service.domain.ledger import Hold
from wallet_service.domain.member import Membership
from wallet_service.domain.purchase import Line
from wallet_service.domain.redeeming import DONE_AT_ONCE, Why, Wish, cause_of, fits, whys
from wallet_service.domain.redemption import Redemption
from wallet_service.storage import codes, members, redemptions
from wallet_service.storage.events import Raced
from wallet_service.storage.redemptions import Change
from wallet_service.usecases.book import Book, open_book
from wallet_service.usecases.catalogue import chooser_of
from wallet_service.usecases.give_back import Spent, give_back
from wallet_service.usecases.hold import accepting, died, lost_if_given_back
from wallet_service.usecases.issue import issue
from wallet_service.usecases.operate import (
    SECRET,
    OpenProgram,
    Operation,
    books_by_name,
    books_of,
    close,
    positive,
    refused,
)
from wallet_service.usecases.repay import repay_named

OVER = {"used": "already_used", "cancelled": "cancelled", "expired": "expired", "refunded": "refunded"}
WITHOUT_CODE = (*DONE_AT_ONCE, "pay_with_points")


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption as it stands, and the account after it.

    `status` is `held` while the till has still to hand it over, within `valid_until`; `issued` once it lies ready.
    Of points that are held for it `lost_if_cancelled` would die at once if they were given back now. Of held points
    that the operation gave back, `died` died at once; None where it ended no hold.
    """

    redemption: str
    member_id: str
    reward: str
    kind: str
    status: str
    points: int
    refunded: int
    value_minor: int | None
    code: str | None = field(metadata=SECRET)
    valid_until: datetime | None
    serial: int | None
    cause: str | None
    partner: str | None
    order_id: str | None
    balance: int
    held: int
    lost_if_cancelled: int | None = None
    died: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a member's redemptions, as a list shows it; its code is shown when asked for."""

    redemption: str
    reward: str
    kind: str
    status: str
    points: int
    refunded: int
    value_minor: int | None
    created_at: datetime
    valid_until: datetime | None
    serial: int | None
    cause: str | None
    partner: str | None
    order_id: str | None
    month: date | None


def redeem(
    operation: Operation,
    *,
    customer: Customer,
    reward: str,
    points: int | None = None,
    order_minor: int | None = None,
    cause: str | None = None,
    order_id: str | None = None,
    minutes: int | None = None,
) -> Redeemed:
    """Take a reward for points.

    `points` where it has no fixed cost, `order_minor` of the order that they pay a part of. What is handed over at the
    till is held for so many `minutes`, or as long as the programme says.
    Raises `UnknownMember`, `UnknownReward`, and `RewardUnavailable` with every reason.
    """
    (book,) = books_of(operation, customer)
    program = operation.program
    wanted = program.reward_of(reward)
    if wanted is None:
        raise UnknownReward(reward)
    if points is not None and wanted.rate is None:
        raise refused("points", f"are not asked for; {reward} has its cost")
    chooser = chooser_of(
        operation.tx, book.member, program, available=book.account.available, tier=book.tier, now=operation.now
    )
    paid = 0
    if wanted.kind == "pay_with_points" and order_id is not None:
        paid = redemptions.paid(operation.tx, book.member.id, order_id)
    found = whys(program, wanted, chooser, Wish(points, order_minor, paid))
    goes_to = None
    if wanted.kind == "donation":
        goes_to = cause_of(program, wanted, chosen=cause, usual=book.member.profile.cause)
        found = found if goes_to else (*found, Why("cause_needed"))
    if found:
        raise RewardUnavailable(reward, found)
    new = issue(
        book.taking(),
        wanted,
        points=(points or 0) if wanted.rate else (wanted.cost or 0),
        cause=goes_to,
        order_id=order_id,
        minutes=minutes,
        actor=operation.actor,
    )
    if new.code_row is None and wanted.kind not in WITHOUT_CODE:
        new.code_row = _make_code(operation.tx, operation.open, until=new.valid_until, now=operation.now)
    book.taken.append(new)
    after = close(operation, book)
    return _redeemed(operation.tx, operation.open, new.public_id, after, book=book)


def use(
    operation: Operation,
    *,
    code: str | None = None,
    redemption: str | None = None,
    order_id: str | None = None,
    lines: tuple[Line, ...] = (),
    points: int | None = None,
    partner: str | None = None,
) -> Redeemed:
    """Hand over what was redeemed, once, by its code or our id of it.

    What is only held is captured, all or so many `points`; of an order that was refunded before they come back at once.
    `lines` are the basket, where the reward is good for certain products; `partner` is who hands it over, and who gets
    held points that are used for a reward of nobody's own.
    Raises `UnknownRedemption`, `CodeRefused` with the reason, and `OperationRefused` for who is no partner.
    """
    found, owner, _ = _locked(operation, _find(operation, code=code, redemption=redemption))
    _check(operation, found, lines=lines, partner=partner)
    accepted = found.partner or accepting(operation.program, partner)
    (book,) = books_by_name(operation, owner)
    told = Change(found.id, "used", order_id=order_id, actor=operation.actor)
    if found.status == "held":
        held = _hold_of(book, found)
        if points not in (None, held.points) and found.kind != "pay_with_points":
            raise refused("points", f"are not asked for; {found.reward} costs {held.points}")
        book.account.capture(
            held,
            held.points if points is None else positive(points),
            at=operation.now,
            partner=accepted,
            rule=found.reward,
            actor=operation.actor,
        )
    elif points is not None:
        raise refused("points", "are spent already")
    book.ended.append(told)
    after = close(operation, book)
    if found.kind == "pay_with_points":
        after = repay_named(operation, after, order_id or found.order_id)
    lost = died(book.caused) if found.status == "held" else None
    return _redeemed(operation.tx, operation.open, found.public_id, after, died=lost)


def cancel(operation: Operation, *, redemption: str, reason: str) -> Redeemed:
    """Take back what has not been used: its points go back to their own lots, its piece and code to stock and pool.

    Raises `UnknownRedemption`, and `RedemptionOver` for what was used or is over, and for a gift card, whose code is
    money in the hand of whoever has read it.
    """
    found, owner, taker = _locked(operation, _find(operation, redemption=redemption))
    if found.status not in ("held", "issued"):
        raise RedemptionOver(f"{redemption} is {found.status}.")
    if _is_over(found, operation.now):
        raise RedemptionOver(f"{redemption} is expired.")
    if found.kind == "gift_card":
        raise RedemptionOver(f"{redemption} is a gift card, and its code has been handed over.")
    told = Change(found.id, "cancelled", returned=True, actor=operation.actor, reason=reason)
    if found.status == "issued" and found.transaction_row is not None:
        spent = Spent(taker, owner, found.points, found.transaction_row, found.hold_row, found.partner)
        after, _ = give_back(operation, spent, points=None, reason=reason, change=told, restore=True)
        return _redeemed(operation.tx, operation.open, redemption, after)
    (book,) = books_by_name(operation, owner)
    if found.status == "held":
        book.account.release(_hold_of(book, found), at=operation.now, actor=operation.actor)
    book.ended.append(told)
    after = close(operation, book)
    lost = died(book.caused) if found.status == "held" else None
    return _redeemed(operation.tx, operation.open, redemption, after, died=lost)


def refund(operation: Operation, *, redemption: str, points: int | None = None, reason: str) -> Redeemed:
    """Pay back what was used, all or so many points of it, as the programme's `refund.spent` says.

    Raises `UnknownRedemption`, `RedemptionOver` for what was not used or has come back, and `OperationRefused`.
    """
    found, owner, taker = _locked(operation, _find(operation, redemption=redemption))
    if found.status != "used" or found.transaction_row is None:
        raise RedemptionOver(f"{redemption} is {found.status}; only what was used for points is paid back.")
    left = found.points - found.refunded
    back = left if points is None else points
    restore = operation.program.points.refund.spent == "restore"
    told = Change(
        found.id,
        "refunded" if back >= left else "used",
        refunded=found.refunded + back if restore else None,
        actor=operation.actor,
        reason=reason,
    )
    spent = Spent(taker, owner, found.points, found.transaction_row, found.hold_row, found.partner)
    after, _ = give_back(operation, spent, points=points, reason=reason, change=told)
    return _redeemed(operation.tx, operation.open, redemption, after)


def code_of(tx: Connection, *, program: OpenProgram, redemption: str, now: datetime) -> str | None:
    """Return the code of a redemption, which is made when it is first asked for; None where it has none, or is over.

    Raises `UnknownRedemption`.
    """
    found = redemptions.find(tx, program.id, redemption)
    if found is None:
        raise UnknownRedemption
    if found.status not in ("held", "issued"):
        return None
    if found.code_row is None and found.kind not in WITHOUT_CODE:
        members.lock_customer(tx, program.id, redemptions.owners(tx, found.id)[0])
        found = redemptions.find(tx, program.id, redemption)
        assert found is not None
        if found.code_row is None and found.status in ("held", "issued"):
            code_row = _make_code(tx, program, until=found.valid_until, now=now)
            redemptions.set_code(tx, found.id, code_row)
            return program.vault.open(codes.sealed(tx, code_row))
    return program.vault.open(codes.sealed(tx, found.code_row)) if found.code_row is not None else None


@dataclass(frozen=True, slots=True)
class Shown:
    """The code of a redemption, None where it has none."""

    code: str | None = field(metadata=SECRET)


def show_code(operation: Operation, *, redemption: str) -> Shown:
    """Return the code of a redemption as an operation, which says who asked for it; made if need be.

    Raises `UnknownRedemption`.
    """
    return Shown(code_of(operation.tx, program=operation.open, redemption=redemption, now=operation.now))


def look(tx: Connection, *, program: OpenProgram, redemption: str, now: datetime) -> Redeemed:
    """Return a redemption as it stands.

    Raises `UnknownRedemption`.
    """
    found = redemptions.find(tx, program.id, redemption)
    member = members.find(tx, program.id, redemptions.owners(tx, found.id)[0]) if found else None
    if member is None:
        raise UnknownRedemption
    book = open_book(tx, member, program.template, now=now, settle=False)
    return _redeemed(tx, program, redemption, member, book=book)


def redeemed(tx: Connection, *, program: OpenProgram, customer: Customer) -> tuple[Listed, ...]:
    """Return all that a member has redeemed, oldest first.

    Raises `UnknownMember`.
    """
    return tuple(_listed(each) for each in redemptions.of(tx, _member(tx, program, customer).id))


def redeemed_page(
    tx: Connection, *, program: OpenProgram, customer: Customer, before: str | None, most: int
) -> tuple[Listed, ...]:
    """Return up to `most` of what a member has redeemed, newest first, from the one of the id `before` on.

    Raises `UnknownMember`.
    """
    found = redemptions.page(tx, _member(tx, program, customer).id, before=before, most=most)
    return tuple(_listed(each) for each in found)


def _member(tx: Connection, program: OpenProgram, customer: Customer) -> Membership:
    named = members.external_id(tx, program.id, customer)
    member = members.find(tx, program.id, members.survivor(tx, program.id, named)) if named else None
    if member is None:
        raise UnknownMember(str(customer))
    return member


def _find(operation: Operation, *, code: str | None = None, redemption: str | None = None) -> Redemption:
    tx, program_id, vault = operation.tx, operation.open.id, operation.open.vault
    found = None
    if redemption is not None:
        found = redemptions.find(tx, program_id, redemption)
    elif code is not None:
        spellings = {code.strip(), letters.as_made(code) or code.strip()}
        found = redemptions.find_by_code(
            tx, program_id, [each for spelt in sorted(spellings) for each in vault.marks(spelt)]
        )
    if found is None:
        raise UnknownRedemption
    return found


def _locked(operation: Operation, found: Redemption) -> tuple[Redemption, str, str]:
    """Return a redemption as it is under the locks of all whom it touches: whose it is, and who paid it."""
    tx, program_id = operation.tx, operation.open.id
    owners = redemptions.owners(tx, found.id)
    members.lock_customers(tx, {(program_id, each) for each in owners})
    now = redemptions.find(tx, program_id, found.public_id)
    if now is None or redemptions.owners(tx, found.id) != owners:
        raise Raced  # one of them has become one with another meanwhile
    return now, *owners


def _hold_of(book: Book, found: Redemption) -> Hold:
    """Return the open hold of a redemption.

    Raises `HoldResolved`.
    """
    held = next((each for each in book.account.holds if each.id == found.hold_row), None)
    if held is None:
        raise HoldResolved(f"The hold of {found.public_id} is no longer open.")
    return held


def _check(operation: Operation, found: Redemption, *, lines: tuple[Line, ...], partner: str | None) -> None:
    """Refuse what cannot be used here and now.

    Raises `CodeRefused`.
    """
    if found.status in OVER:
        raise CodeRefused(OVER[found.status])
    if _is_over(found, operation.now):
        raise CodeRefused("expired")
    if partner is not None and found.partner is not None and partner != found.partner:
        raise CodeRefused("wrong_partner")
    reward = operation.program.reward_of(found.reward)
    if reward is not None and not fits(reward, lines, at=operation.now):
        raise CodeRefused("wrong_product")


def _is_over(found: Redemption, now: datetime) -> bool:
    return found.valid_until is not None and found.valid_until <= now


def _make_code(tx: Connection, program: OpenProgram, *, until: datetime | None, now: datetime) -> int:
    while True:  # 54 random bits: the second turn will hardly ever come
        code = letters.code_of("".join(secrets.choice(letters.ALPHABET) for _ in range(letters.BODY)))
        kept = (program.vault.mark(code), program.vault.seal(code))
        made = codes.make(tx, program_id=program.id, code=kept, expires_at=until, now=now)
        if made is not None:
            return made


def _redeemed(
    tx: Connection,
    program: OpenProgram,
    public_id: str,
    after: Membership,
    *,
    book: Book | None = None,
    died: int | None = None,
) -> Redeemed:
    found = redemptions.find(tx, program.id, public_id)
    assert found is not None
    ready = found.status in ("held", "issued") and found.code_row is not None
    holds = found.status == "held" and found.hold_row is not None
    return Redeemed(
        redemption=found.public_id,
        member_id=after.public_id,
        reward=found.reward,
        kind=found.kind,
        status=found.status,
        points=found.points,
        refunded=found.refunded,
        value_minor=found.value_minor,
        code=program.vault.open(codes.sealed(tx, found.code_row)) if ready and found.code_row else None,
        valid_until=found.valid_until,
        serial=found.serial,
        cause=found.cause,
        partner=found.partner,
        order_id=found.order_id,
        balance=after.position.available,
        held=after.position.held,
        lost_if_cancelled=lost_if_given_back(book, found.hold_row) if book and holds else None,
        died=died,
    )


def _listed(found: Redemption) -> Listed:
    return Listed(
        redemption=found.public_id,
        reward=found.reward,
        kind=found.kind,
        status=found.status,
        points=found.points,
        refunded=found.refunded,
        value_minor=found.value_minor,
        created_at=found.created_at,
        valid_until=found.valid_until,
        serial=found.serial,
        cause=found.cause,
        partner=found.partner,
        order_id=found.order_id,
        month=found.month,
    )
