"""The calendar's work: points become spendable and die, holds time out, tiers end, days bring gifts.

Workers do it for everybody who is due, and whoever is about to show a card does it for that card first.
"""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.domain.member import Membership
from wallet_service.domain.push import back_off
from wallet_service.domain.template import Template
from wallet_service.domain.tiering import CALENDAR
from wallet_service.storage import calendar, members
from wallet_service.storage.calendar import Due
from wallet_service.storage.ledger import Cause
from wallet_service.storage.members import Found
from wallet_service.usecases.book import close_and_show, open_book
from wallet_service.usecases.celebrate import celebrate
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.remind import ReminderLetters

log = structlog.get_logger(__name__)

BATCH = 100
ROUNDS = 5  # of occasions that bring occasions

Begin = Callable[[], AbstractContextManager[Connection]]


class StillDue(Exception):
    """A member whom the calendar was done with is due again: a fault in our own dates, which must not turn for ever."""


@dataclass(slots=True)
class Settled:
    """How many members were settled, how many could not be, and whether there may be more who are due."""

    settled: int = 0
    failed: int = 0
    more: bool = False


def is_due(member: Membership, now: datetime) -> bool:
    """Whether the calendar has work in the member's book."""
    return member.position.due_at is not None and member.position.due_at <= now


def settle(
    tx: Connection, member: Membership, template: Template, *, letters: ReminderLetters | None = None, now: datetime
) -> Membership:
    """Do all that the calendar has brought, and have the card show it; the customer is locked already.

    What that brings in turn is done, too: points for a birthday may bring somebody into a segment. Without `letters`
    members are reminded by their cards alone.
    Raises `StillDue`.
    """
    after = member
    for _ in range(ROUNDS):
        book = open_book(tx, after, template, now=now)
        celebrate(book)
        after = close_and_show(book, cause=Cause(), reason=CALENDAR)
        if letters:
            letters.write(tx, after, template, book.letters, now=now)
        if not is_due(after, now):
            return after
        after = members.find_by_cards(tx, [member.card.id])[member.card.id].member
    raise StillDue(f"{after.public_id} is due at {after.position.due_at}")


def settled(
    begin: Begin, in_force: InForce, found: Found, *, letters: ReminderLetters | None = None, now: datetime
) -> Found:
    """Return the card as it may be shown: settled first, in a transaction of its own, if the calendar has work.

    Nothing is asked of the database otherwise.
    """
    if not is_due(found.member, now):
        return found
    with begin() as tx:
        members.lock_customer(tx, found.program_id, found.member.external_id)
        _settle_card(tx, in_force, found.member.card.id, letters, now)
        return members.find_by_cards(tx, [found.member.card.id])[found.member.card.id]


@dataclass(frozen=True)
class Calendar:
    """What settles everybody who is due; any number of processes may do it side by side.

    Each member is a transaction, under the customer's lock, which is only tried for: whoever holds it settles the
    member by what it does, or is another of us. One whose settling fails does not stop the others.
    """

    begin: Begin
    in_force: InForce
    clock: Callable[[], datetime]
    letters: ReminderLetters | None = None
    batch: int = BATCH
    chance: random.Random = field(default_factory=random.Random)

    def settle(self) -> Settled:
        """Settle up to a batch of those who are due."""
        now = self.clock()
        with self.begin() as tx:
            due = calendar.due(tx, templates=self.in_force.templates, now=now, most=self.batch)
        done = Settled(more=len(due) == self.batch)
        self.chance.shuffle(due)  # so that several of us seldom try the same one
        for each in due:
            try:
                done.settled += self._settle(each, now)
            except DatabaseUnusable:
                raise
            except Exception as error:
                log.exception("member.not_settled", member_id=each.public_id, attempts=each.attempts + 1)
                self._delay(each, f"{type(error).__name__}: {error}", now)
                done.failed += 1
        return done

    def _settle(self, due: Due, now: datetime) -> bool:
        """Settle one member; False where somebody else is at it, or was meanwhile."""
        with self.begin() as tx:
            if not members.try_lock_customer(tx, due.program_id, due.external_id):
                return False
            done = _settle_card(tx, self.in_force, due.card_id, self.letters, now)
            if due.attempts:
                calendar.forget(tx, due.member_id)
        return done

    def _delay(self, due: Due, reason: str, now: datetime) -> None:
        attempts = due.attempts + 1
        with self.begin() as tx:
            not_before = now + back_off(attempts, self.chance)
            calendar.delay(tx, due.member_id, attempts=attempts, not_before=not_before, reason=reason)


def _settle_card(
    tx: Connection, in_force: InForce, card_id: int, letters: ReminderLetters | None, now: datetime
) -> bool:
    found = members.find_by_cards(tx, [card_id])[card_id]
    if not is_due(found.member, now):
        return False
    settle(tx, found.member, in_force.of_card(found), letters=letters, now=now)
    return True
