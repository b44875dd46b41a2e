"""Bring a vendor's classes to how they are drawn: claim, put with no transaction open, settle.

There is one for each programme, so they go one after the other, and before any card that belongs to them.
"""

import random
from collections.abc import Callable, Mapping
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

Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class ClassDelivery:
    """All that delivering classes to one platform needs; `drawn` are those that this process can draw, by id."""

    platform: str
    drawn: Mapping[str, PassClass]
    put: Callable[[PassClass], Outcome]
    begin: Begin
    clock: Callable[[], datetime]
    lease: timedelta
    chance: random.Random = field(default_factory=random.Random)

    def deliver(self, *, at_once: bool = False) -> int:
        """Put every class that is behind and whose time has come, or `at_once`; return how many were taken."""
        now, lease = self.clock(), uuid4()
        with self.begin() as tx:
            stop = wallets.stopped(tx, self.platform)
            if stop and stop.until > now and not at_once:
                return 0
            claimed = pass_classes.claim(
                tx, self.platform, self.drawn.values(), lease=lease, until=now + self.lease, now=now, at_once=at_once
            )
        taken = 0
        for each in claimed:
            outcome = self.put(self.drawn[each.target])
            taken += isinstance(outcome, Sent)
            with self.begin() as tx:
                self._settle(tx, each, outcome, lease)
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
        pass_classes.settle_later(tx, drawn, lease=lease, reason=reason, until=now + wait)
