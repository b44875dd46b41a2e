"""A member's account: points pending, available and held, the lots they lie in, and every way they move.

Nothing here reads a clock or a database. Each method changes the account and notes the transaction that says so; the
notes are then entered in the books as they are.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from wallet_service.domain.errors import HoldResolved, InsufficientBalance
from wallet_service.domain.expiry import NEVER, Expiry
from wallet_service.domain.grounds import UNFOUNDED, Grounds
from wallet_service.domain.ledger import (
    MEMBER_ACCOUNTS,
    Allocation,
    Bucket,
    Entry,
    Hold,
    Lot,
    Outcome,
    Transaction,
    TransactionType,
)

Waiting = Literal["pending", "available"]
Due = tuple[datetime, int, Callable[[datetime], object]]


@dataclass(slots=True)
class Account:
    """A member's balances, with the lots and open holds behind them as far as they are needed.

    `load` brings those in; it is called once, when points are first taken. `available` may be below zero: that
    deficit is in no lot, and the next points cover it first. `expiry` says how `active_at`, the last earning or
    redemption, keeps points alive. `let_off` returns what was forgiven of orders, by our row ids, since a hold was
    opened or a transaction of a row id, and `absorbed` is what was taken of it in the end: from points that came back.
    """

    expiry: Expiry
    available: int = 0
    pending: int = 0
    held: int = 0
    active_at: datetime | None = None
    load: Callable[[], tuple[list[Lot], list[Hold]]] | None = None
    let_off: Callable[[Hold | int, Collection[int]], Mapping[int, int]] | None = None
    absorbed: Counter[int] = field(default_factory=Counter)
    posted: list[Transaction] = field(default_factory=list)
    _loaded: tuple[list[Lot], list[Hold]] | None = None
    _new: list[Lot] = field(default_factory=list)

    @property
    def lots(self) -> list[Lot]:
        """All lots that hold points, and those that were opened just now."""
        return self._bring_in()[0]

    @property
    def holds(self) -> list[Hold]:
        """All holds that are open."""
        return self._bring_in()[1]

    @property
    def only_new(self) -> list[Lot] | None:
        """The lots that were opened just now, while all others are as they were; None once those were asked for."""
        return self._new if self._loaded is None else None

    @property
    def deficit(self) -> int:
        """By how much the member has spent more than there was."""
        return max(0, -self.available)

    def dies_at(self, lot: Lot) -> datetime | None:
        """Return when the spendable points of a lot die; None if they do not. The moment itself is too late."""
        return self.expiry.dies_at(lot.expires_at, self.active_at)

    def spendable(self) -> list[Lot]:
        """Return the lots with spendable points: those that die soonest first, then the oldest."""
        lots = [lot for lot in self.lots if lot.available]
        return sorted(lots, key=lambda lot: (self.dies_at(lot) or NEVER, lot.effective_at, lot.id))

    def overdue(self, now: datetime) -> bool:
        """Whether the calendar has something to do to the lots that are known; others are not looked for."""
        lots, holds = self._loaded or (self._new, [])
        dates = [lot.activates_at for lot in lots if lot.pending] + [self.dies_at(lot) for lot in lots if lot.available]
        return any(date is not None and date <= now for date in (*dates, *(hold.expires_at for hold in holds)))

    # Points come in.

    def earn(
        self,
        lot: Lot,
        *,
        qualifying: int = 0,
        forgiven: int = 0,
        reason: str | None = None,
        grounds: Grounds = UNFOUNDED,
    ) -> Transaction:
        """Issue a lot's points: at once, or pending where it activates later.

        `forgiven` of them were let off before, for the same order, and are not given a second time.
        """
        returned = min(forgiven, lot.points)
        bucket, moves = self._open(lot, lot.points - returned)
        entries = [_issuer(-lot.points, lot.partner), Entry("forgiven", returned), Entry(bucket, lot.points - returned)]
        why = {"qualifying": qualifying, "rule": lot.rule, "order_row": lot.order_row, "reason": reason}
        return self._post("earn", lot.effective_at, entries, moves, opens=lot, grounds=grounds, **why)

    def grant(self, lot: Lot, *, actor: str, reason: str) -> Transaction:
        """Add points by a person's decision; they count for no tier, and are activity if no day ends them by itself."""
        bucket, moves = self._open(lot, lot.points)
        entries = [Entry("adjustment", -lot.points), Entry(bucket, lot.points)]
        return self._post("adjust", lot.effective_at, entries, moves, opens=lot, actor=actor, reason=reason)

    def receive(self, lot: Lot, *, actor: str, reason: str, at: datetime | None = None) -> Transaction:
        """Take over points from another member, when they were earned or later; the lot keeps its dates."""
        bucket, moves = self._open(lot, lot.points)
        entries = [Entry("transfer", -lot.points), Entry(bucket, lot.points)]
        return self._post("transfer_in", at or lot.effective_at, entries, moves, opens=lot, actor=actor, reason=reason)

    def activate(self, lots: Iterable[Lot], *, at: datetime) -> Transaction:
        """Make the pending points of these lots spendable; where an event had to come first, they begin to age now."""
        moves: list[Allocation] = []
        points = 0
        for lot in lots:
            part = lot.pending
            if lot.activates_at == NEVER:
                lot.activates_at, lot.expires_at = at, self.expiry.of_lot(at)
            moves += self._move(lot, part, "pending", "available")
            moves += self._move(lot, min(part, max(self.deficit - points, 0)), "available", "out")
            points += part
        return self._post("activate", at, [Entry("pending", -points), Entry("available", points)], moves)

    def activate_order(self, order_row: int, *, at: datetime) -> None:
        """Make spendable what an order earned that waits for an event; nothing where nothing waits."""
        if self.pending and (waiting := [lot for lot in self.lots if lot.pending and lot.order_row == order_row]):
            self.activate(waiting, at=at)

    # Points go out.

    def expire(self, lots: Iterable[Lot], *, at: datetime) -> Transaction:
        """Let the spendable points of these lots die."""
        moves: list[Allocation] = []
        points = 0
        for lot in lots:
            points += lot.available
            moves += self._move(lot, lot.available, "available", "out")
        return self._post("expire", at, [Entry("available", -points), Entry("breakage", points)], moves)

    def take(self, points: int, *, at: datetime, actor: str, reason: str, floor: int | None = 0) -> Transaction:
        """Take points away by a person's decision, down to `floor`, None for any depth.

        Raises `InsufficientBalance`.
        """
        if floor is not None and self.available - points < floor:
            raise InsufficientBalance(needed=points, available=self.available)
        moves, _ = self._drain(self.spendable(), points, "available", "out")
        entries = [Entry("available", -points), Entry("adjustment", points)]
        return self._post("adjust", at, entries, moves, actor=actor, reason=reason)

    def give(self, lot: Lot, points: int, *, at: datetime, actor: str, reason: str) -> Transaction:
        """Give so many of a lot's points, pending or spendable, to another member."""
        bucket: Waiting = "pending" if lot.pending else "available"
        moves = self._move(lot, points, bucket, "out")
        entries = [Entry(bucket, -points), Entry("transfer", points)]
        return self._post("transfer_out", at, entries, moves, actor=actor, reason=reason)

    def take_back(self, lot: Lot, *, at: datetime, actor: str, reason: str) -> Transaction:
        """Take away what is left of a lot, pending or spendable, by a person's decision."""
        pending, available = lot.pending, lot.available
        moves = [*self._move(lot, pending, "pending", "out"), *self._move(lot, available, "available", "out")]
        entries = [
            Entry("pending", -pending),
            Entry("available", -available),
            Entry("adjustment", pending + available),
        ]
        return self._post("adjust", at, entries, moves, actor=actor, reason=reason)

    def clear(self, *, at: datetime, actor: str, reason: str) -> int:
        """Take away all that is pending or spendable, let off what was spent too much, and return the points taken."""
        taken = max(self.available, 0)
        if taken:
            self.take(taken, at=at, actor=actor, reason=reason)
        if self.pending:
            for lot in [each for each in self.lots if each.pending]:
                taken += lot.pending
                self.take_back(lot, at=at, actor=actor, reason=reason)
        if self.deficit:
            entries = [Entry("adjustment", -self.deficit), Entry("available", self.deficit)]
            self._post("adjust", at, entries, [], actor=actor, reason=reason)
        return taken

    def hand_over_deficit(self, *, at: datetime, actor: str, reason: str) -> Transaction:
        """Let another member, who is the same person, answer for what was spent more than there was."""
        points = self.deficit
        entries = [Entry("transfer", -points), Entry("available", points)]
        return self._post("transfer_in", at, entries, [], actor=actor, reason=reason)

    def take_over_deficit(self, points: int, *, at: datetime, actor: str, reason: str) -> Transaction:
        """Answer for what the same person has spent too much as another member."""
        moves, _ = self._drain(self.spendable(), points, "available", "out")
        entries = [Entry("available", -points), Entry("transfer", points)]
        return self._post("transfer_out", at, entries, moves, actor=actor, reason=reason)

    def reverse(
        self,
        points: int,
        *,
        order_row: int,
        at: datetime,
        floor: int | None = 0,
        only_pending: bool = False,
        rule: str | None,
        partner: str | None = None,
    ) -> tuple[Transaction, int]:
        """Take back points that an order no longer deserves, for the partner who issued them if any.

        Return also how many had to be forgiven.
        The order's own lots give first, pending before spendable, then those that die soonest. What is lacking makes a
        deficit as far down as `floor`, None for any depth; and what is beyond that is forgiven.
        """
        own = [lot for lot in self.lots if lot.order_row == order_row]
        moves, left = self._drain(own, points, "pending", "out")
        pending, spendable = points - left, 0
        if not only_pending:
            spendable = left if floor is None else min(left, max(self.available - floor, 0))
            drained, lacking = self._drain(own, spendable, "available", "out")
            moves += drained + self._drain(self.spendable(), lacking, "available", "out")[0]
        forgiven = left - spendable
        entries = [
            Entry("pending", -pending),
            Entry("available", -spendable),
            _issuer(points, partner),
            Entry("forgiven", -forgiven),
        ]
        why = {"qualifying": -points, "rule": rule, "order_row": order_row}
        return self._post("earn_reversal", at, entries, moves, **why), forgiven

    # Points are set apart.

    def hold(self, hold: Hold, *, rule: str | None = None, actor: str | None = None) -> Transaction:
        """Set points apart, soonest to die first; the account is settled already.

        Raises `InsufficientBalance`.
        """
        if self.available < hold.points:
            raise InsufficientBalance(needed=hold.points, available=self.available)
        moves, _ = self._drain(self.spendable(), hold.points, "available", "held")
        hold.parts = [(each.lot, each.delta) for each in moves if each.bucket == "held"]
        self.holds.append(hold)
        entries = [Entry("available", -hold.points), Entry("held", hold.points)]
        return self._post("hold", hold.created_at, entries, moves, hold=hold, rule=rule, actor=actor)

    def give_up_holds(self, *, at: datetime, actor: str | None = None) -> None:
        """Give back all that is held; what would have died meanwhile dies now."""
        for hold in list(self.holds):
            self.release(hold, at=at, actor=actor)
        self.settle(at, since=at)

    def capture(
        self,
        hold: Hold,
        points: int,
        *,
        at: datetime,
        partner: str | None = None,
        rule: str | None = None,
        actor: str | None = None,
    ) -> Transaction:
        """Use up so many of the held points, for the partner who accepts them if any; the rest goes back to its lots.

        What an order does not deserve any more, and was let off, is taken of what comes back.
        Raises `HoldResolved` for a hold that is no longer open, or for more than was held.
        """
        if not 0 < points <= hold.points:
            raise HoldResolved(f"{hold.public_id} holds {hold.points} points; {points} cannot be captured.")
        self._close(hold)
        moves: list[Allocation] = []
        back: list[tuple[Lot, int]] = []
        left = points
        for lot, part in hold.parts:
            used = min(part, left)
            left -= used
            back.append((lot, part - used))
            moves += self._move(lot, used, "held", "out") + self._move(lot, part - used, "held", "available")
        entries = [Entry("held", -hold.points), _taker(points, partner), Entry("available", hold.points - points)]
        why = {"hold": hold, "outcome": "captured", "rule": rule, "actor": actor}
        posted = self._post("redeem", at, entries, moves + self._cover(), **why)
        self._absorb(hold, back, at=at)
        return posted

    def release(
        self, hold: Hold, *, at: datetime, outcome: Outcome = "voided", actor: str | None = None
    ) -> Transaction:
        """Give all held points back to the lots they came from.

        What an order does not deserve any more, and was let off, is taken of them.
        Raises `HoldResolved` for a hold that is no longer open.
        """
        self._close(hold)
        moves = [each for lot, part in hold.parts for each in self._move(lot, part, "held", "available")]
        entries = [Entry("held", -hold.points), Entry("available", hold.points)]
        kind: TransactionType = "hold_expire" if outcome == "expired" else "hold_void"
        posted = self._post(kind, at, entries, moves + self._cover(), hold=hold, outcome=outcome, actor=actor)
        self._absorb(hold, hold.parts, at=at)
        return posted

    def spend(
        self,
        points: int,
        *,
        at: datetime,
        partner: str | None = None,
        rule: str | None,
        order_row: int | None = None,
    ) -> Transaction:
        """Use up points at once, soonest to die first, for the partner who accepts them if any.

        `order_row` is our row id of an order that they pay for once more.
        Raises `InsufficientBalance`.
        """
        if self.available < points:
            raise InsufficientBalance(needed=points, available=self.available)
        moves, _ = self._drain(self.spendable(), points, "available", "out")
        entries = [Entry("available", -points), _taker(points, partner)]
        return self._post("redeem", at, entries, moves, rule=rule, order_row=order_row)

    def give_back(
        self,
        parts: Iterable[tuple[Lot, int]],
        *,
        at: datetime,
        reverses: int,
        partner: str | None = None,
        grace_until: datetime | None = None,
        order_row: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Transaction:
        """Return redeemed points to the very lots they came from, since the order of `order_row` was refunded if any.

        A lot that has died since dies again when settled; with `grace_until` its points come in a new lot until then,
        unless all points die together. What an order does not deserve any more, and was let off, is taken of them.
        """
        parts = list(parts)
        moves: list[Allocation] = []
        points = late = 0
        for lot, part in parts:
            if lot not in self.lots:
                self.lots.append(lot)
            dies_at = self.dies_at(lot)
            points += part
            if grace_until is not None and not self.expiry.whole and dies_at is not None and dies_at <= at:
                late += part
            else:
                moves += self._move(lot, part, "out", "available")
        opens = None
        if late:
            opens = Lot(late, at, available=late, expires_at=grace_until)
            self.lots.append(opens)
            moves.append(Allocation(opens, "available", late))
        entries = [_taker(-points, partner), Entry("available", points)]
        why = {"reverses": reverses, "opens": opens, "order_row": order_row, "actor": actor, "reason": reason}
        posted = self._post("redeem_reversal", at, entries, moves + self._cover(), **why)
        self._absorb(reverses, parts, at=at)
        return posted

    # The calendar moves points.

    def settle(self, now: datetime, *, since: datetime | None = None) -> None:
        """Do all that the calendar has brought by now, in its order: activate, time out, expire.

        Nothing of it counts before `since`: points that come back to a lot that is dead already die then.
        """
        moment = since
        while due := min(self._due(now), key=lambda each: each[:2], default=None):
            moment = max(due[0], moment or due[0])
            due[2](moment)

    def _due(self, now: datetime) -> Iterator[Due]:
        ripe: dict[datetime, list[Lot]] = {}
        dying: dict[datetime, list[Lot]] = {}
        for lot in self.lots:
            if lot.pending and lot.activates_at is not None and lot.activates_at <= now:
                ripe.setdefault(lot.activates_at, []).append(lot)
            dies_at = self.dies_at(lot) if lot.available else None
            if dies_at is not None and dies_at <= now:
                dying.setdefault(dies_at, []).append(lot)
        for when, lots in ripe.items():
            yield when, 0, lambda at, lots=lots: self.activate(lots, at=at)  # type: ignore[misc]
        for hold in self.holds:
            if hold.expires_at <= now:
                yield hold.expires_at, 1, lambda at, hold=hold: self.release(hold, at=at, outcome="expired")  # type: ignore[misc]
        for when, lots in dying.items():
            yield when, 2, lambda at, lots=lots: self.expire(lots, at=at)  # type: ignore[misc]

    # How it is done.

    def _bring_in(self) -> tuple[list[Lot], list[Hold]]:
        if self._loaded is None:
            lots, holds = self.load() if self.load else ([], [])
            self._loaded = [*lots, *self._new], holds
        return self._loaded

    def _close(self, hold: Hold) -> None:
        if hold not in self.holds:
            raise HoldResolved(f"{hold.public_id} is no longer open.")
        self.holds.remove(hold)

    def _open(self, lot: Lot, points: int) -> tuple[Waiting, list[Allocation]]:
        """Bring in a lot of which `points` are to stay; the rest goes straight out."""
        (self._new if self._loaded is None else self._loaded[0]).append(lot)
        bucket: Waiting = "available" if lot.activates_at is None else "pending"
        setattr(lot, bucket, points)
        moves = [Allocation(lot, bucket, points), Allocation(lot, "out", lot.points - points)]
        if bucket == "available":
            moves += self._move(lot, min(points, self.deficit), "available", "out")
        return bucket, moves

    def _cover(self) -> list[Allocation]:
        """Let points that came back cover a deficit that arose meanwhile."""
        return self._drain(self.spendable(), self.deficit, "available", "out")[0] if self.deficit else []

    def _absorb(self, since: Hold | int, parts: Iterable[tuple[Lot, int]], *, at: datetime) -> None:
        """Take back what was forgiven of orders while these parts of their lots were set apart, or used up.

        The balance ends no lower than it was before they came back.
        """
        back: Counter[int] = Counter()
        for lot, part in parts:
            if lot.order_row is not None and part:
                back[lot.order_row] += part
        forgiven = self.let_off(since, back) if self.let_off and back else {}
        for order_row, part in back.items():
            points = min(part, forgiven.get(order_row, 0))
            if points > 0:
                own = [lot for lot in self.lots if lot.order_row == order_row]
                moves, lacking = self._drain(own, points, "available", "out")
                moves += self._drain(self.spendable(), lacking, "available", "out")[0]
                entries = [Entry("available", -points), Entry("forgiven", points)]
                self._post("earn_reversal", at, entries, moves, rule=own[0].rule, order_row=order_row)
                self.absorbed[order_row] += points

    def _drain(self, lots: Iterable[Lot], points: int, bucket: Waiting, to: Bucket) -> tuple[list[Allocation], int]:
        """Move points out of a bucket of these lots, one after the other; return also how many they lacked."""
        moves: list[Allocation] = []
        left = points
        for lot in lots:
            part = min(left, getattr(lot, bucket))
            moves += self._move(lot, part, bucket, to)
            left -= part
        return moves, left

    def _move(self, lot: Lot, points: int, source: Bucket, to: Bucket) -> list[Allocation]:
        if points == 0:
            return []
        for bucket, delta in ((source, -points), (to, points)):
            if bucket != "out":
                setattr(lot, bucket, getattr(lot, bucket) + delta)
        return [Allocation(lot, source, -points), Allocation(lot, to, points)]

    def _post(
        self, kind: TransactionType, at: datetime, entries: Iterable[Entry], moves: list[Allocation], **why: Any
    ) -> Transaction:
        entries = tuple(each for each in entries if each.points)
        posted = Transaction(kind, at, entries, _summed(moves), **why)
        for account in MEMBER_ACCOUNTS:
            setattr(self, account, getattr(self, account) + posted.gained(account))
        if posted.is_activity:
            self.active_at = max(self.active_at or at, at)
        self.posted.append(posted)
        return posted


def _issuer(points: int, partner: str | None) -> Entry:
    return Entry("partner", points, partner) if partner else Entry("issuance", points)


def _taker(points: int, partner: str | None) -> Entry:
    return Entry("partner", points, partner) if partner else Entry("redemption", points)


def _summed(moves: list[Allocation]) -> tuple[Allocation, ...]:
    """Return one allocation for each bucket of a lot, without those that cancel out."""
    sums: dict[tuple[int, Bucket], tuple[Lot, int]] = {}
    for each in moves:
        key = id(each.lot), each.bucket
        sums[key] = each.lot, each.delta + (sums[key][1] if key in sums else 0)
    return tuple(Allocation(lot, bucket, delta) for (_, bucket), (lot, delta) in sums.items() if delta)
