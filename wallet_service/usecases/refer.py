"""A member brings another: the code, the joining, and the order that has to stand for a while."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain.earning import Order
from wallet_service.domain.member import Membership
from wallet_service.domain.news import News
from wallet_service.domain.period import local_day, start_of
from wallet_service.domain.program.reward_tables import ReferralTable
from wallet_service.domain.purchase import Deed
from wallet_service.storage import members, referrals
from wallet_service.storage.referrals import Referral, Status
from wallet_service.usecases.book import Book
from wallet_service.usecases.enrol import ALPHABET

LENGTH = 8
TRIES = 5  # one in a trillion is taken already
ORDER = "order.paid"
BEFORE, SELF = "member_before", "self_referral"


def code_of(book: Book) -> str:
    """Return the code by which the member brings others; it is made when it is first asked for."""
    member, tx = book.member, book.tx
    for _ in range(TRIES):
        known = referrals.code_of(tx, member.id)
        if known is not None:
            return known
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        referrals.add_code(tx, program_id=member.program_id, member_id=member.id, code=code, now=book.now)
    raise LookupError(f"no code could be made for {member.public_id}")


def invitation(tx: Connection, member: Membership) -> str | None:
    """Return the code that a member has, None if none was made: the programme has no referrals, or had none then."""
    return referrals.code_of(tx, member.id)


def join(book: Book, code: str, *, new: bool) -> Status:
    """Note that the member came by somebody's code, and return how that stands.

    The first claim counts: another one is refused and changes nothing. So is one's own code, one that nobody has, and
    that of a member who was here before. The enrolment itself is not refused for it.
    """
    member = book.member
    owner = referrals.owner(book.tx, member.program_id, code.strip().upper())
    known = referrals.of_referee(book.tx, member.id)
    if known is not None:
        return known.status if owner == known.referrer_id else "rejected"
    reason = _reason_against(member, owner, new=new)
    status: Status = "rejected" if reason else "joined"
    referrals.join(
        book.tx,
        program_id=member.program_id,
        referee_id=member.id,
        referrer_id=None if owner == member.id else owner,
        status=status,
        reason=reason,
        now=book.now,
    )
    return status


def hand_over(tx: Connection, gone: Membership, kept: Membership, *, now: datetime) -> None:
    """Let the survivor of a merger have come as the other came, unless it was here before; nobody is brought twice.

    Of two that were brought, the survivor's own counts, and neither does once one was rewarded. Nor does it where one
    brought the other.
    """
    theirs, own = referrals.of_referee(tx, gone.id), referrals.of_referee(tx, kept.id)
    is_over = referrals.was_rewarded(tx, (gone.id, kept.id))
    for found in (theirs, own):
        if found is None or not found.is_open:
            continue
        if found.referrer_id in (gone.id, kept.id):
            reason = SELF
        elif is_over or (found is theirs and (own or kept.enrolled_at < gone.enrolled_at)):
            reason = BEFORE
        else:
            referrals.brought(tx, found.id, kept.id)
            continue
        referrals.change(tx, found.id, "rejected", reason=reason, order_row=found.order_row, now=now)


def look_at_order(book: Book, order: Order) -> None:
    """Let an order qualify the referral by which the member came, or take that back with the order."""
    table = book.program.referral
    if table is None or table.qualifies_on != ORDER or order.purchase is None:
        return
    found = referrals.of_referee(book.tx, book.member.id)
    if found is None:
        return
    paid_at = order.purchase.paid_at
    stands = order.counts and order.remaining_minor >= table.min_order
    if found.status == "joined" and stands and paid_at >= _joined(book):
        _qualify(book, found, table, order.row_id, paid_at)
    elif found.status == "qualified" and found.order_row == order.row_id and not stands:
        _look_for_another(book, found, table, order.row_id)


def look_at_deed(book: Book, deed: Deed) -> None:
    """Let a deed qualify the referral by which the member came, where the programme waits for one."""
    table = book.program.referral
    if table is None or table.qualifies_on != deed.type:
        return
    found = referrals.of_referee(book.tx, book.member.id)
    if found is not None and found.status == "joined":
        _qualify(book, found, table, None, deed.at)


def _reason_against(member: Membership, owner: int | None, *, new: bool) -> str | None:
    if owner is None:
        return "unknown_code"
    if owner == member.id:
        return SELF
    return None if new else BEFORE


def _qualify(book: Book, found: Referral, table: ReferralTable, order_row: int | None, at: datetime) -> None:
    until = at
    if table.hold_days:
        until = start_of(local_day(at, book.program.zone) + timedelta(days=table.hold_days), book.program.zone)
    referrals.change(book.tx, found.id, "qualified", order_row=order_row, hold_until=until, now=book.now)
    if book.member.listened:
        brought_by = members.find_by_members(book.tx, [found.referrer_id] if found.referrer_id else [])
        facts = {"referrer_member_id": brought_by[0].member.public_id} if brought_by else {}
        book.news.append(News("referral.qualified", {**facts, "stands_at": until}))


def _look_for_another(book: Book, found: Referral, table: ReferralTable, but: int) -> None:
    other = referrals.standing_order(book.tx, book.member.id, min_order=table.min_order, since=_joined(book), but=but)
    if other is not None:
        _qualify(book, found, table, *other)
    else:
        referrals.change(book.tx, found.id, "joined", now=book.now)


def _joined(book: Book) -> datetime:
    """Return the beginning of the day of joining: an order of that day may have been told before the enrolment."""
    return start_of(local_day(book.member.enrolled_at, book.program.zone), book.program.zone)
