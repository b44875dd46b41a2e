"""Send people their letters: claim, send with no transaction open, settle one by one, and on to the next.

A letter is settled right after it was taken. A worker that dies in between leaves a lease that runs out, and the letter
is sent once more under the same Message-ID: at least once towards the server, but one row.
"""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection

from wallet_service.domain.errors import SettingsRefused
from wallet_service.domain.letters import (
    Carrier,
    Channel,
    Letter,
    Mail,
    Outcome,
    State,
    Suppression,
    Why,
    held_back,
    next_try,
)
from wallet_service.domain.push import back_off
from wallet_service.storage import letters, suppressed, wallets
from wallet_service.storage.letters import Claimed
from wallet_service.storage.vault import Vault
from wallet_service.usecases.deliver import STOP_FOR, Delivered

log = structlog.get_logger(__name__)

BATCH = 20
SHARE = 0.5  # of its lease after which what is left of a batch is given back

Begin = Callable[[], AbstractContextManager[Connection]]
Unsubscribe = Callable[[int, int | None, bytes], str]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A letter under the lease, read: its address, what it says, and the mark of the address."""

    claimed: Claimed
    to: str = field(repr=False)
    letter: Letter
    mark: bytes
    why: Why | None


@dataclass
class Post:
    """All that sending letters of one channel needs; one worker's own.

    `unsubscribe` returns the address at which a programme's member, or nobody, with the mark of an address wants no
    more. `lease` must be longer than a few letters may take; `chance` makes the jitter.
    """

    channel: Channel
    carrier: Carrier
    begin: Begin
    vault: Vault
    clock: Callable[[], datetime]
    unsubscribe: Unsubscribe
    lease: timedelta
    batch: int = BATCH
    chance: random.Random = field(default_factory=random.Random)
    _failures: int = field(default=0, init=False)
    _rests_until: datetime | None = field(default=None, init=False)

    def deliver(self) -> Delivered:
        """Send one batch and tell how it went; an empty one is nothing to do."""
        now, lease, done = self.clock(), uuid4(), Delivered()
        if self._rests_until and now < self._rests_until:
            return done
        with self.begin() as tx:
            stop = wallets.stopped(tx, self.channel)
            if stop and stop.until > now:
                return done
            # After a stop one letter is tried first: enough to see whether the fault is still there.
            claimed = letters.claim(
                tx, self.channel, most=1 if stop else self.batch, lease=lease, until=now + self.lease, now=now
            )
            if stop and not claimed:
                wallets.resume(tx, self.channel)
            found = self._read(tx, claimed, lease, now)
        self._send(found, lease, done, give_up_at=now + self.lease * SHARE, was_stopped=stop is not None)
        return done

    def _read(self, tx: Connection, claimed: list[Claimed], lease: UUID, now: datetime) -> list[_Opened]:
        """Open what was claimed, and look whom it may not be sent to; what cannot be opened waits for its key."""
        found = []
        for each in claimed:
            try:
                to, letter = letters.opened(self.vault, each.sealed)
            except SettingsRefused as error:
                log.error("letter.not_opened", letter=each.public_id, detail=str(error))
                letters.give_back(tx, [each], lease=lease, due_at=now + STOP_FOR, reason="sealed under another key")
                continue
            marks = suppressed.marks_of(self.vault, to)
            against = suppressed.of(tx, each.merchant_id, marks).values()
            why = _why_not(each, letter, [one for some in against for one in some], now)
            found.append(_Opened(each, to, letter, marks[0], why))
        return found

    def _send(
        self, found: list[_Opened], lease: UUID, done: Delivered, *, give_up_at: datetime, was_stopped: bool
    ) -> None:
        for number, each in enumerate(found):
            now = self.clock()
            if now >= give_up_at:
                self._give_back(found[number:], lease, due_at=now, reason=None)
                return
            if each.why:
                self._settle(each, Outcome("refused", each.why), lease, done, dropped=True)
                continue
            outcome = self._carried(each, now)
            if outcome.fate in ("away", "stop"):
                self._fail(found[number:], outcome, lease, done)
                return
            self._failures, self._rests_until = 0, None
            if was_stopped:
                was_stopped = False
                with self.begin() as tx:
                    wallets.resume(tx, self.channel)
            self._settle(each, outcome, lease, done)

    def _carried(self, each: _Opened, now: datetime) -> Outcome:
        """Have a letter carried; a fault of ours in one must not keep all others waiting."""
        claimed = each.claimed
        url = None
        if each.letter.marketing and self.channel == "email":
            url = self.unsubscribe(claimed.program_id, claimed.member_id, each.mark)
        try:
            return self.carrier.send(Mail(claimed.public_id, each.to, each.letter, url), at=now)
        except Exception as error:  # whose text may quote the letter
            log.error("letter.fault", letter=claimed.public_id, error=type(error).__name__)
            return Outcome("refused", f"cannot be sent: {type(error).__name__}")

    def _settle(self, each: _Opened, outcome: Outcome, lease: UUID, done: Delivered, *, dropped: bool = False) -> None:
        claimed, now = each.claimed, self.clock()
        again = next_try(claimed.attempts, now, self.chance) if outcome.fate == "later" else None
        with self.begin() as tx:
            if again:
                letters.put_off(tx, claimed, lease=lease, due_at=again, reason=outcome.reason)
            else:
                state: State = "dropped" if dropped else "sent" if outcome.fate == "sent" else "dead"
                letters.settle(
                    tx, claimed, state, lease=lease, reason=outcome.reason, message_id=outcome.message_id, now=now
                )
            if outcome.fate == "bounced":
                suppressed.add(tx, claimed.merchant_id, each.mark, "bounced", now=now)
        done.sent += outcome.fate == "sent"
        done.later += again is not None
        done.gone += again is None and outcome.fate != "sent"
        if outcome.fate != "sent":
            log.info(
                "letter.not_sent", letter=claimed.public_id, reason=outcome.reason, attempts=claimed.attempts,
                again=again is not None,
            )  # fmt: skip

    def _fail(self, left: list[_Opened], outcome: Outcome, lease: UUID, done: Delivered) -> None:
        """Nothing can be carried now: leave the carrier alone for a while, or stop all workers and call somebody."""
        now = self.clock()
        self._failures += 1
        pause = STOP_FOR if outcome.fate == "stop" else back_off(self._failures, self.chance)
        self._rests_until = now + pause
        self._give_back(left, lease, due_at=now, reason=outcome.reason)
        if outcome.fate == "stop":
            with self.begin() as tx:
                wallets.stop(tx, self.channel, str(outcome.reason), until=now + STOP_FOR, now=now)
            log.error(
                "letters.stopped", channel=self.channel, reason=outcome.reason, hint="run `wallet-service doctor`"
            )
        else:
            log.warning("letters.wait", channel=self.channel, reason=outcome.reason, failures=self._failures)
        done.stopped = outcome.reason

    def _give_back(self, left: list[_Opened], lease: UUID, *, due_at: datetime, reason: str | None) -> None:
        with self.begin() as tx:
            letters.give_back(tx, [each.claimed for each in left], lease=lease, due_at=due_at, reason=reason)


def _why_not(claimed: Claimed, letter: Letter, against: list[Suppression], now: datetime) -> Why | None:
    if claimed.until is not None and now > claimed.until:
        return "too_late"
    if claimed.over:
        return claimed.over
    return held_back(
        marketing=letter.marketing,
        suppressions=against,
        word=claimed.word,
        of_member=claimed.member_id is not None,
    )


def prune_letters(begin: Begin, *, keep: timedelta, now: datetime) -> int:
    """Delete what became of letters longer ago than that, and return how many they were."""
    pruned = 0
    while True:
        with begin() as tx:
            some = letters.prune(tx, before=now - keep)
        pruned += some
        if some < letters.PRUNED:
            return pruned
