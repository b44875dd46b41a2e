"""Two members turn out to be one person: one takes over all that the other has, and stands for both."""

from dataclasses import dataclass
from datetime import date

from msgspec import structs

from wallet_service.domain.challenge import Progress
from wallet_service.domain.event import Customer
from wallet_service.domain.member import Membership, Profile
from wallet_service.domain.membership import span
from wallet_service.domain.tiering import Amounts
from wallet_service.storage import (
    awards,
    balances,
    holdings,
    identities,
    members,
    memberships,
    redemptions,
    triggers,
    typed_addresses,
)
from wallet_service.storage.ledger import Fact
from wallet_service.usecases import refer
from wallet_service.usecases.adjust import Adjusted, adjusted
from wallet_service.usecases.book import Book
from wallet_service.usecases.move import move_everything
from wallet_service.usecases.operate import Operation, books_of, show
from wallet_service.usecases.sign_in import forget_sign_ins


@dataclass(frozen=True, slots=True)
class MergedMembers:
    """The member that is left, and its card, which takes the place of the one that is void now."""

    merged: str
    survivor: Adjusted
    serial_number: str
    voided_serial_number: str


def merge(
    operation: Operation,
    *,
    merged: Customer,
    survivor: Customer,
    reason: str,
    leaving: frozenset[str] = frozenset(),
) -> MergedMembers:
    """Have `survivor` take over points, what counts for a tier, rewards, paid time, orders, limits and marks.

    All of it is `merged`'s. What one was known by, the other is known by from now on.
    Both keep their histories. What comes later for the merged member, under its id, member id or card code, is the
    survivor's; its card is void and says so. Holds that are open are given back first, and what is left of points that
    the rules `leaving` gave is taken back: the survivor has had them, too.
    Raises `UnknownMember` and `SameMember`.
    """
    gone, kept = books_of(operation, merged, survivor)
    gone.account.give_up_holds(at=operation.now, actor=operation.actor)
    _take_back(gone, leaving, actor=operation.actor, reason=reason)
    move_everything(gone, kept, actor=operation.actor, reason=reason)
    _hand_over_facts(gone, kept)
    _hand_over_membership(gone, kept)
    _hand_over_marks(gone, kept)
    _complete_profile(gone, kept)
    redemptions.take_over(operation.tx, gone.member.id, kept.member.id)
    identities.hand_over(operation.tx, gone.member.id, kept.member.id)
    typed_addresses.hand_over(operation.tx, gone.member.id, kept.member.id)
    _hand_over_reminders(gone, kept)
    refer.hand_over(operation.tx, gone.member, kept.member, now=operation.now)
    forget_sign_ins(operation.tx, gone.member.id)
    gone.regrant = kept.regrant = True
    void, after = _close(operation, gone, kept)
    members.merge(operation.tx, gone.member.id, kept.member.id)
    return MergedMembers(
        merged=gone.member.public_id,
        survivor=adjusted(after),
        serial_number=after.card.serial_number,
        voided_serial_number=void.card.serial_number,
    )


def _take_back(gone: Book, rules: frozenset[str], *, actor: str, reason: str) -> None:
    for each in gone.account.lots:
        if each.rule in rules and each.left:
            gone.account.take_back(each, at=gone.now, actor=actor, reason=reason)


def _hand_over_facts(gone: Book, kept: Book) -> None:
    """Let what counted for one count for the other, on the days on which it was done."""
    for day, done in balances.days(gone.tx, gone.member.id, since=date.min).items():
        if done != Amounts():
            gone.facts.append(_fact(gone, day, done, -1))
            kept.facts.append(_fact(kept, day, done, 1))


def _fact(book: Book, day: date, done: Amounts, sign: int) -> Fact:
    return Fact(
        day,
        book.now,
        spend=sign * done.spend,
        points=sign * done.points,
        orders=sign * done.orders,
        referrals=sign * done.referrals,
    )


def _hand_over_reminders(gone: Book, kept: Book) -> None:
    """Remind the survivor of what the other was told: under their common limits it would not be told again."""
    known = {(each.trigger, each.day) for each in kept.member.position.reminders}
    for each in gone.member.position.reminders:
        if (each.trigger, each.day) not in known and each.until >= kept.today:
            triggers.fired(
                kept.tx, kept.member.id, each.trigger, day=each.day, points=None, told_through=each.until, now=kept.now
            )
            kept.reminders.append(structs.replace(each, at=kept.now))


def _hand_over_membership(gone: Book, kept: Book) -> None:
    for term in memberships.of(gone.tx, gone.member.id):
        memberships.add(kept.tx, kept.member.id, term, price_minor=None, now=kept.now)
    kept.paid_since, kept.paid_until = span(memberships.of(kept.tx, kept.member.id))


def _hand_over_marks(gone: Book, kept: Book) -> None:
    """Let the marks of challenges that go on count for the survivor."""
    own = awards.progress(kept.tx, kept.member.id)
    for code, progress in awards.progress(gone.tx, gone.member.id).items():
        awards.advance(kept.tx, kept.member.id, code, own.get(code, Progress()).joined(progress))
        awards.advance(gone.tx, gone.member.id, code, Progress(progress.round))


def _complete_profile(gone: Book, kept: Book) -> None:
    """Tell of the survivor what was only known of the other."""
    mine, other = kept.member.profile, gone.member.profile
    kept.told = Profile(
        name=None if mine.name else other.name,
        locale=None if mine.locale else other.locale,
        birthday=None if mine.birthday else other.birthday,
        cause=None if mine.cause else other.cause,
    )
    members.set_profile(kept.tx, member_id=kept.member.id, profile=kept.told)


def _close(operation: Operation, gone: Book, kept: Book) -> list[Membership]:
    """Close both books, the merged one for good, and make its card void."""
    closed, left = (each.close(cause=operation.cause, reason=operation.kind) for each in (gone, kept))
    members.lock_cards(operation.tx, [gone.member.card.id, kept.member.card.id])
    members.void(operation.tx, gone.member.card.id, now=operation.now)
    holdings.call_back(operation.tx, gone.member.card.id)  # what a vendor still holds of a removed card must go, too
    return show(operation, [(gone.member, structs.replace(closed, voided=True)), (kept.member, left)])
