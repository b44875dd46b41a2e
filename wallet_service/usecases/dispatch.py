"""Send merchants what they are to be told: claim, send with no transaction open, settle, and on to the next.

Messages are settled as soon as they were answered, and whatever became free is filled again, so that an endpoint that
takes its time keeps nobody else waiting. A worker that dies leaves leases that run out; what it had sent
and not settled is sent again under the same id.
"""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import SettingsRefused
from wallet_service.domain.outbound import (
    GIVEN_UP_AFTER,
    GONE,
    Answer,
    Courier,
    Parcel,
    State,
    next_try,
    rest,
    shares,
)
from wallet_service.storage import endpoints, messages
from wallet_service.storage.endpoints import live_secrets
from wallet_service.storage.messages import Claimed, Settlement
from wallet_service.storage.vault import Vault
from wallet_service.usecases.deliver import Delivered

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Connection]]

ROOM = 128  # messages under way at once, of all endpoints together
GROUP = 100  # answers that are settled together
PATIENCE = 0.05  # seconds to wait for an answer before what else is due is looked for


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message under the lease, when it went out, and what was answered."""

    claimed: Claimed
    lease: UUID
    at: datetime
    answer: Answer


@dataclass
class Dispatch:
    """All that sending messages needs; one worker's own. `most` is what one endpoint has under way at once.

    `lease` must be longer than a request may take. `chance` makes the jitter.
    """

    courier: Courier
    vault: Vault
    begin: Begin
    clock: Callable[[], datetime]
    lease: timedelta
    most: int
    room: int = ROOM
    chance: random.Random = field(default_factory=random.Random)
    _under_way: dict["Future[_Sent]", int] = field(default_factory=dict, init=False)
    _answered: list[_Sent] = field(default_factory=list, init=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)

    def deliver(self) -> Delivered:
        """Take on what there is room for, wait a moment for answers, and settle and tell of those that have come."""
        self._take_on()
        self._hear(PATIENCE)
        done = Delivered()
        self._settle(done)
        return done

    def finish(self) -> Delivered:
        """Take on nothing more, and settle all that is under way."""
        done = Delivered()
        while self._under_way or self._answered:
            self._hear(None)
            self._settle(done)
        if self._pool:
            self._pool.shutdown()
            self._pool = None
        return done

    def _take_on(self) -> None:
        free = self.room - len(self._under_way)
        if free <= 0:
            return
        now, lease = self.clock(), uuid4()
        with self.begin() as tx:
            wanting = messages.wanting(tx, now=now)
            rooms = shares(wanting, Counter(self._under_way.values()), free=free, most=self.most)
            claimed = messages.claim(tx, rooms, lease=lease, until=now + self.lease, now=now) if rooms else []
        for each in claimed:
            self._send(each, lease)

    def _send(self, claimed: Claimed, lease: UUID) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.room, thread_name_prefix="message")
        now = self.clock()
        try:
            secrets = live_secrets(self.vault, claimed.sealed, claimed.sealed_before, claimed.previous_until, now=now)
        except SettingsRefused as error:
            log.error("message.not_signed", message=claimed.public_id, detail=str(error))
            self._answered.append(_Sent(claimed, lease, now, Answer(error="secret")))
            return
        parcel = Parcel(claimed.public_id, claimed.url, secrets, claimed.body.encode())
        sending = self._pool.submit(lambda: _Sent(claimed, lease, now, self._carry(parcel, now)))
        self._under_way[sending] = claimed.endpoint_id

    def _carry(self, parcel: Parcel, now: datetime) -> Answer:
        """Have a message carried; a fault of ours in one must not keep all others waiting."""
        try:
            return self.courier.send(parcel, at=now)
        except Exception:
            log.exception("message.fault", message=parcel.message_id)
            return Answer(error="fault")

    def _hear(self, patience: float | None) -> None:
        ended, _ = wait(self._under_way, timeout=patience, return_when=FIRST_COMPLETED)
        for each in ended:
            del self._under_way[each]
            self._answered.append(each.result())

    def _settle(self, done: Delivered) -> None:
        """Settle what was answered, in one transaction; what cannot be settled now is kept for the next time."""
        while self._answered:
            now, group = self.clock(), self._answered[:GROUP]
            settlements = [self._verdict(each, now) for each in group]
            with self.begin() as tx:
                ours = messages.settle(tx, settlements, now=now)
                mine = [each for each in settlements if each.claimed.id in ours]
                failing = [each for each in mine if not each.answer.taken]
                well = {each.claimed.endpoint_id for each in mine if each.answer.taken}
                endpoints.lock(tx, failing=[each.claimed.endpoint_id for each in failing], well=well)
                endpoints.well(tx, well, now=now)
                for each in failing:
                    self._judge(tx, each.claimed, each.answer, now)
            del self._answered[: len(group)]
            for each in mine:
                self._tell(each, done)

    def _verdict(self, sent: _Sent, now: datetime) -> Settlement:
        claimed, answer = sent.claimed, sent.answer
        if answer.taken:
            return Settlement(claimed, sent.lease, sent.at, answer, "delivered")
        # Of an endpoint that is gone everything waits, and goes out if it is ever enabled again.
        again = now if answer.status == GONE else next_try(answer, claimed.attempts, now, self.chance)
        return Settlement(claimed, sent.lease, sent.at, answer, "waiting" if again else "dead", again)

    def _tell(self, settled: Settlement, done: Delivered) -> None:
        done.sent += settled.state == "delivered"
        done.later += settled.state == "waiting"
        done.gone += settled.state == "dead"
        if settled.state != "delivered":
            claimed = settled.claimed
            log.info(
                "message.not_taken",
                message=claimed.public_id,
                endpoint=claimed.endpoint,
                answer=str(settled.answer),
                attempts=claimed.attempts,
                state=settled.state,
            )

    def _judge(self, tx: Connection, claimed: Claimed, answer: Answer, now: datetime) -> None:
        """Leave an endpoint alone for a while, or for good: if it says that it is gone, or has failed for days."""
        failing = endpoints.failed(tx, claimed.endpoint_id, now=now)
        if answer.status == GONE:
            self._stop(tx, claimed, "gone", f"it answered {GONE}, which means that it wants nothing more", now)
        elif now - failing.since >= GIVEN_UP_AFTER:
            reason = f"it has taken nothing since {failing.since:%Y-%m-%d %H:%M} UTC; lately: {answer}"
            self._stop(tx, claimed, "disabled", reason, now)
        else:
            pause = rest(answer, failing.failures, self.chance)
            if pause:
                endpoints.rest(tx, claimed.endpoint_id, until=now + pause)

    def _stop(self, tx: Connection, claimed: Claimed, state: State, reason: str, now: datetime) -> None:
        if endpoints.stop(tx, claimed.endpoint_id, state=state, reason=reason, now=now):
            log.error("endpoint.stopped", endpoint=claimed.endpoint, state=state, reason=reason)
