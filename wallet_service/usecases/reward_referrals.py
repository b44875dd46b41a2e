"""Referrals whose order has stood long enough: both members get what the programme promises."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from wallet_service.domain import limits
from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.domain.limits import Need
from wallet_service.domain.member import Membership
from wallet_service.domain.program.reward_tables import SideTable
from wallet_service.domain.push import back_off
from wallet_service.storage import awards, members, referrals
from wallet_service.storage.ledger import Cause, Fact
from wallet_service.storage.members import Found
from wallet_service.storage.referrals import DueReferral
from wallet_service.usecases.book import Book, open_book
from wallet_service.usecases.evaluate import give
from wallet_service.usecases.granting import grant_reward
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.refer import SELF
from wallet_service.usecases.revise import revise_all
from wallet_service.usecases.settle_due import Settled

log = structlog.get_logger(__name__)

BATCH = 50
CODE = "referral"  # the code under which a referrer's rewards are counted, and the rule that the books name

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Referrals:
    """What rewards all referrals that are due; any number of processes may do it side by side.

    Each is a transaction under the locks of both customers. One that fails does not stop the others.
    """

    begin: Begin
    in_force: InForce
    clock: Callable[[], datetime]
    chance: random.Random = field(default_factory=random.Random)

    def settle(self) -> Settled:
        """Reward up to a batch of those that are due."""
        now = self.clock()
        with self.begin() as tx:
            due = referrals.due(tx, templates=self.in_force.templates, now=now, most=BATCH)
        done = Settled(more=len(due) == BATCH)
        for each in due:
            try:
                with self.begin() as tx:
                    done.settled += _reward(tx, self.in_force, each, now)
            except DatabaseUnusable:
                raise
            except Exception:
                log.exception("referral.not_rewarded", referral=each.id, attempts=each.attempts + 1)
                with self.begin() as tx:
                    referrals.put_off(tx, each.id, now + back_off(each.attempts + 1, self.chance))
                done.failed += 1
        return done


def _reward(tx: Connection, in_force: InForce, due: DueReferral, now: datetime) -> bool:
    """Reward one referral; False if it is not due any more. Who was erased meanwhile gets nothing."""
    members.lock_customers(tx, [(due.program_id, due.referee), (due.program_id, due.referrer)])
    if not referrals.is_due(tx, due, now=now):
        return False
    referee, referrer = _both(tx, due)
    template = in_force.of_card(referee)
    table = template.program.referral
    if table is None or _same_person(tx, due):
        reason = SELF if table else "no_referrals"
        referrals.change(tx, due.id, "rejected", reason=reason, order_row=due.order_row, now=now)
        return True
    theirs = open_book(tx, referee.member, template, now=now)
    ours = open_book(tx, referrer.member, template, now=now)
    _give(theirs, table.referee)
    limited = _limited(ours)
    if not ours.member.erased:
        ours.facts.append(Fact(ours.today, now, referrals=1))
    if not limited:
        _give(ours, table.referrer)
        awards.use(tx, ours.member.id, [(CODE, "")], at=now)
    # Both cards at once: who takes several takes them in their order, and their wallets after them.
    changes = [(book.member, book.close(cause=Cause(), reason=CODE)) for book in (theirs, ours)]
    members.lock_cards(tx, [member.card.id for member, _ in changes])
    revise_all(tx, changes, template, now=now)
    limit = "max_per_referrer" if limited else None
    referrals.change(tx, due.id, "rewarded", reason=limit, order_row=due.order_row, now=now)
    return True


def _same_person(tx: Connection, due: DueReferral) -> bool:
    """Whether one has brought oneself, as far as we can see."""
    return due.referee_id == due.referrer_id or referrals.share_a_phone(tx, due.referee_id, due.referrer_id)


def _both(tx: Connection, due: DueReferral) -> tuple[Found, Found]:
    found = [_card_of(tx, due.program_id, each) for each in (due.referee, due.referrer)]
    cards = members.find_by_cards(tx, [each.card.id for each in found])
    return cards[found[0].card.id], cards[found[1].card.id]


def _card_of(tx: Connection, program_id: int, external_id: str) -> Membership:
    found = members.find(tx, program_id, external_id)
    assert found is not None
    return found


def _limited(book: Book) -> bool:
    """Whether the referrer has had as much as the programme gives for bringing others."""
    table = book.program.referral
    limit = table.max_per_referrer if table else None
    if limit is None:
        return False
    since = limits.since(limit.per, book.now, book.program.zone)
    return awards.usage(book.tx, book.member.id, [Need(CODE, "", since)])[CODE, ""] >= limit.times


def _give(book: Book, side: SideTable) -> None:
    if book.member.erased:
        return
    if side.points:
        give(book, book.program, side.points, rule=CODE, at=book.now)
    if side.reward:
        grant_reward(book, side.reward, valid_until=None, reason=CODE)
