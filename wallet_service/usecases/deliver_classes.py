"""Bring a vendor's classes to how they are drawn: claim, put with no transaction open, settle.

There is one for each programme, so they go one after the other, and before any card that belongs to them.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection

from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.push import ClassMissing, Gone, Later, Outcome, Refused, Sent, Stop, back_off
from wallet_service.storage import pass_classes, wallets
from wallet_service.storage.pass_classes import Claimed
from wallet_service.usecases.deliver import STOP_FOR

log = structlog.get_logger(__name__)

LONGEST_WAIT = timedelta(minutes=1)  # every card of a programme waits for its class, also for one that is refused
SHORTEST_WAIT = timedelta(seconds=5)

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class ClassDelivery:
    """All that delivering classes to one platform needs; `drawn` are those that this process can draw, by id.

    `put` is told until when it may begin anything: after that another worker may be at the same class.
    """

    platform: str
    drawn: Mapping[str, PassClass]
    put: Callable[[PassClass, datetime], Outcome]
    begin: Begin
    clock: Callable[[], datetime]
    lease: timedelta
    chance: random.Random = field(default_factory=random.Random)

    def deliver(self) -> int:
        """Put every class that is behind and whose time has come; return how many were taken."""
        now = self.clock()
        with self.begin() as tx:
            stop = wallets.stopped(tx, self.platform)
        return 0 if stop and stop.until > now else self._put(self.drawn.values(), due=now)

    def deliver_one(self, drawn: PassClass) -> int:
        """Put this class if it is behind, though it was put off and delivery may be stopped.

        Somebody waits for it; but one that the vendor refuses is not put for each of many who wait.
        """
        return self._put([drawn], due=self.clock() + LONGEST_WAIT - SHORTEST_WAIT)

    def _put(self, wished: Iterable[PassClass], *, due: datetime) -> int:
        now, lease = self.clock(), uuid4()
        until = now + self.lease
        with self.begin() as tx:
            claimed = pass_classes.claim(tx, self.platform, wished, lease=lease, until=until, now=now, due=due)
        taken = 0
        for each in claimed:
            outcome = self.put(self.drawn[each.target], until)
            taken += isinstance(outcome, Sent)
            with self.begin() as tx:
                self._settle(tx, each, outcome, lease)
            if isinstance(outcome, Sent):
                with self.begin() as tx:
                    pass_classes.hurry(tx, self.drawn[each.target], now=self.clock())
        return taken

    def _settle(self, tx: Connection, claimed: Claimed, outcome: Outcome, lease: UUID) -> None:
        now, drawn = self.clock(), self.drawn[claimed.target]
        wait = back_off(claimed.attempts, self.chance)
        match outcome:
            case Sent():
                pass_classes.settle_sent(tx, drawn, lease=lease, now=now)
                log.info("class.taken", platform=self.platform, target=claimed.target)
                return
            case Stop(reason):
                wallets.stop(tx, self.platform, reason, until=now + STOP_FOR, now=now)
                log.error("delivery.stopped", platform=self.platform, reason=reason, minutes=STOP_FOR.seconds // 60)
            case Later(reason, least) | Refused(reason, least):
                wait = max(wait, least)
                log.error("class.put_off", platform=self.platform, target=claimed.target, reason=reason)
            case Gone(reason) | ClassMissing(reason):
                log.error("class.put_off", platform=self.platform, target=claimed.target, reason=reason)
        until = now + min(wait, LONGEST_WAIT)
        pass_classes.settle_later(tx, drawn, lease=lease, reason=reason, until=until)
