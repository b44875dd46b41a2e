"""Bring every wallet to the revision it should show: claim, send with no transaction open, settle.

A worker that dies leaves a lease that runs out. Results are settled in small groups as they arrive, so that a death
in the middle of a batch repeats at most one such group; a repeated push only makes a phone ask once more.
"""

import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection

from wallet_service.domain.push import (
    ENOUGH_TO_SUSPECT,
    Gone,
    Later,
    Outcome,
    Push,
    Refused,
    Sender,
    Sent,
    Stop,
    back_off,
    suspicious,
)
from wallet_service.storage import wallets
from wallet_service.storage.wallets import Behind, Verdict

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Connection]]

SETTLE_EVERY = 200
STOP_FOR = timedelta(minutes=5)


@dataclass(slots=True)
class Delivered:
    """How many wallets of a batch ended in which way; `stopped` says why all delivery stopped, if it did."""

    sent: int = 0
    gone: int = 0
    later: int = 0
    stopped: str | None = None

    @property
    def total(self) -> int:
        """How many wallets were settled."""
        return self.sent + self.gone + self.later


@dataclass(frozen=True)
class Delivery:
    """All that delivering to one platform needs; `chance` makes the jitter."""

    platform: str
    sender: Sender
    begin: Begin
    clock: Callable[[], datetime]
    lease: timedelta
    batch: int
    chance: random.Random = field(default_factory=random.Random)

    def deliver(self) -> Delivered:
        """Deliver one batch and tell how it went; an empty batch is nothing to do."""
        now = self.clock()
        done = Delivered()
        lease = uuid4()
        with self.begin() as tx:
            stop = wallets.stopped(tx, self.platform)
            if stop and stop.until > now:
                return done
            # After a stop, a few are tried first: enough to see whether the fault is still there, at little cost.
            behind = wallets.claim(
                tx,
                platform=self.platform,
                most=ENOUGH_TO_SUSPECT if stop else self.batch,
                lease=lease,
                until=now + self.lease,
                now=now,
            )
            if stop and not behind:
                wallets.resume(tx, self.platform)
        if not behind:
            return done
        by_id = {each.push.wallet_id: each for each in behind}
        with closing(self.sender.send([each.push for each in behind])) as results:
            while group := list(islice(results, SETTLE_EVERY)):
                fault = suspicious(group)
                if fault is None:
                    fault = next((outcome for _, outcome in group if isinstance(outcome, Stop)), None)
                    self._settle(group, by_id, done, lease, claimed_at=now)
                if fault:
                    return self._stop(fault, done, by_id, lease)
        self._finish(done, by_id, lease, was_stopped=stop is not None)
        return done

    def _settle(
        self,
        group: list[tuple[Push, Outcome]],
        by_id: dict[int, Behind],
        done: Delivered,
        lease: UUID,
        *,
        claimed_at: datetime,
    ) -> None:
        now = self.clock()
        sent, later, gone = [], [], []
        for push, outcome in group:
            match outcome:
                case Sent():
                    sent.append(Verdict(push.wallet_id, push.revision))
                case Gone(reason, since):
                    gone.append(Verdict(push.wallet_id, push.revision, since or claimed_at, reason))
                case Later(reason, wait):
                    pause = max(wait, back_off(by_id[push.wallet_id].attempts, self.chance))
                    later.append(Verdict(push.wallet_id, push.revision, now + pause, reason))
                case Refused(reason, wait):
                    later.append(Verdict(push.wallet_id, push.revision, now + wait, reason))
                case Stop():
                    continue  # it stays leased until the whole batch is given back
        with self.begin() as tx:
            if sent:
                wallets.settle_sent(tx, sent, lease=lease, now=now)
            if later:
                wallets.settle_later(tx, later, lease=lease)
            if gone:
                wallets.settle_gone(tx, gone, lease=lease)
        done.sent += len(sent)
        done.later += len(later)
        done.gone += len(gone)
        for verdict in gone:
            log.info("wallet.gone", wallet=verdict.wallet_id, reason=verdict.reason)

    def _finish(self, done: Delivered, by_id: Iterable[int], lease: UUID, *, was_stopped: bool) -> None:
        with self.begin() as tx:
            wallets.free(tx, by_id, lease=lease, reason="the phone registered again meanwhile")
            if was_stopped and done.total:
                wallets.resume(tx, self.platform)
                log.info("delivery.resumed", platform=self.platform)

    def _stop(self, fault: Stop, done: Delivered, by_id: Iterable[int], lease: UUID) -> Delivered:
        now = self.clock()
        with self.begin() as tx:
            wallets.stop(tx, self.platform, fault.reason, until=now + STOP_FOR, now=now)
            wallets.free(tx, by_id, lease=lease, reason=fault.reason)
        log.error("delivery.stopped", platform=self.platform, reason=fault.reason, minutes=STOP_FOR.seconds // 60)
        done.stopped = fault.reason
        return done
