"""Bring every wallet to the revision it should show: claim, send with no transaction open, settle.

A worker that dies leaves a lease that runs out. Results are settled in small groups as they arrive, so that a death
in the middle of a batch repeats at most one such group; a repeated push only makes a phone ask once more.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection

from wallet_service.domain.push import (
    ENOUGH_TO_SUSPECT,
    ClassMissing,
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
from wallet_service.storage import notices, pass_classes, wallets
from wallet_service.storage.wallets import Behind, Verdict
from wallet_service.usecases.tell import tell_of_card

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
    settle_every: int = SETTLE_EVERY

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
        self._send(behind, done, lease, claimed_at=now, was_stopped=stop is not None)
        return done

    def deliver_one(self, wallet_id: int) -> Delivered:
        """Deliver one wallet now, also while delivery is stopped; nothing is done if another worker is at it."""
        now, done, lease = self.clock(), Delivered(), uuid4()
        with self.begin() as tx:
            found = wallets.claim_one(tx, wallet_id=wallet_id, lease=lease, until=now + self.lease, now=now)
        self._send([found] if found else [], done, lease, claimed_at=now, was_stopped=False)
        return done

    def _send(
        self, behind: Sequence[Behind], done: Delivered, lease: UUID, *, claimed_at: datetime, was_stopped: bool
    ) -> None:
        """Send what was claimed and settle it in groups; a fault of ours ends it."""
        if not behind:
            return
        by_id = {each.push.wallet_id: each for each in behind}
        fault: Stop | None = None
        with closing(self.sender.send([each.push for each in behind])) as results:
            while fault is None and (group := list(islice(results, self.settle_every))):
                fault = suspicious(group)
                if fault is None:
                    fault = next((outcome for _, outcome in group if isinstance(outcome, Stop)), None)
                    self._settle(group, by_id, done, lease, claimed_at=claimed_at)
        # Only now is nothing under way any more: what is given back may be taken on by another at once.
        if fault:
            self._stop(fault, done, by_id, lease)
            return
        self._finish(done, by_id, lease, was_stopped=was_stopped)

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
        verdicts = _Verdicts()
        for push, outcome in group:
            self._judge(push, outcome, verdicts, by_id[push.wallet_id].attempts, claimed_at=claimed_at, now=now)
        with self.begin() as tx:
            verdicts.write(tx, lease, now, platform=self.platform)
        if verdicts.without_class:
            # On its own: whoever asks for a class holds it before a card's wallets.
            with self.begin() as tx:
                pass_classes.forget_of(tx, verdicts.without_class, now=now)
        done.sent += len(verdicts.sent)
        done.later += len(verdicts.later) + len(verdicts.refused)
        done.gone += len(verdicts.gone)
        for each in verdicts.gone:
            log.info("wallet.gone", wallet=each.wallet_id, reason=each.reason)
        for each in verdicts.refused:
            log.error("wallet.refused", wallet=each.wallet_id, reason=each.reason)

    def _judge(
        self, push: Push, outcome: Outcome, verdicts: "_Verdicts", attempts: int, *, claimed_at: datetime, now: datetime
    ) -> None:
        """Enter what becomes of one push; what stopped everything stays leased until the whole batch is given back."""
        told = partial(Verdict, push.wallet_id, push.revision)
        match outcome:
            case Sent():
                verdicts.sent.append(told())
            case Gone(reason, since):
                verdicts.gone.append(told(since or claimed_at, reason))
            case Later(reason, wait):
                verdicts.later.append(told(now + max(wait, back_off(attempts, self.chance)), reason))
            case Refused(reason, wait):
                verdicts.refused.append(told(now + wait, reason))
            case ClassMissing(reason):
                verdicts.later.append(told(now + back_off(attempts, self.chance), reason))
                verdicts.without_class.append(push.wallet_id)

    def _finish(self, done: Delivered, by_id: Iterable[int], lease: UUID, *, was_stopped: bool) -> None:
        with self.begin() as tx:
            wallets.free(tx, by_id, lease=lease, reason="not settled; tried again at once")
            if was_stopped and done.total:
                wallets.resume(tx, self.platform)
                log.info("delivery.resumed", platform=self.platform)

    def _stop(self, fault: Stop, done: Delivered, by_id: Iterable[int], lease: UUID) -> None:
        now = self.clock()
        with self.begin() as tx:
            wallets.stop(tx, self.platform, fault.reason, until=now + STOP_FOR, now=now)
            wallets.free(tx, by_id, lease=lease, reason=fault.reason)
        log.error("delivery.stopped", platform=self.platform, reason=fault.reason, minutes=STOP_FOR.seconds // 60)
        done.stopped = fault.reason


@dataclass(frozen=True)
class _Verdicts:
    """What became of a group of pushes, sorted by how it is written."""

    sent: list[Verdict] = field(default_factory=list)
    gone: list[Verdict] = field(default_factory=list)
    later: list[Verdict] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    without_class: list[int] = field(default_factory=list)

    def write(self, tx: Connection, lease: UUID, now: datetime, *, platform: str) -> None:
        # All of them first: each of the statements below keeps to the order within itself alone.
        settled = (*self.sent, *self.later, *self.refused, *self.gone)
        wallets.lock(tx, [each.wallet_id for each in settled])
        if self.sent:
            wallets.settle_sent(tx, self.sent, lease=lease, now=now)
            notices.told(tx, {each.wallet_id: each.revision for each in self.sent}, now=now)
        if self.later:
            wallets.settle_later(tx, self.later, lease=lease, now=now)
        if self.refused:
            wallets.settle_later(tx, self.refused, lease=lease, now=now, refused=True)
        if self.gone:
            cards = wallets.settle_gone(tx, self.gone, lease=lease, now=now)
            tell_of_card(tx, cards, "pass.removed", {"wallet": platform}, now=now)
