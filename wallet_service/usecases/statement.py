"""Every point explained: what moved a balance, when, by which rule or person, for which order, in which lot."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection

from wallet_service.domain.account import Account
from wallet_service.domain.expiry import NEVER, expiry_of, last_day
from wallet_service.domain.grounds import Grounds, Reason
from wallet_service.domain.ledger import Lot
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.storage import statements
from wallet_service.storage.statements import Posted, Taken


@dataclass(frozen=True, slots=True)
class Part:
    """A share of an award: the rule or campaign by its code, what kind of thing that is, and exact points ("201/2")."""

    code: str
    kind: str
    points: str


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A rule or campaign that applied and did not count, by its code, or the order's cap ("cap"), and the reason."""

    code: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Move:
    """What a transaction moved in one lot, by where the points are; `gone` is what left the member.

    `dies_on` is the last day on which the lot's points can be spent, None if they do not die by themselves.
    """

    lot: int
    opened: bool
    pending: int
    available: int
    held: int
    gone: int
    dies_on: date | None


@dataclass(frozen=True, slots=True)
class Line:
    """One transaction; `points` is what the spendable balance gained by it, and `balance` what it was then.

    `parts` make what its order or deed had earned in all by then, and `refused` is what did not count of it, or not in
    full. `qualifying` is what it added to the way to a tier. `cause` is an event, somebody's operation, or the
    calendar; `reverses` the transaction that it takes back.
    """

    transaction: int
    at: datetime
    posted_at: datetime
    type: str
    points: int
    pending: int
    held: int
    balance: int
    qualifying: int
    cause: Literal["event", "operation", "calendar"]
    rule: str | None
    parts: tuple[Part, ...]
    refused: tuple[Uncounted, ...]
    order_id: str | None
    source: str | None
    event_id: str | None
    event_type: str | None
    operation: str | None
    operation_kind: str | None
    actor: str | None
    reason: str | None
    reverses: int | None
    lots: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class LotNow:
    """What is left of a lot, where it is from, when it can be spent, and the last day on which it can.

    `waits_until` is when pending points become spendable, None if they are already or an event has to come first;
    `dies_on` is None if the points do not die by themselves.
    """

    lot: int
    points: int
    pending: int
    available: int
    held: int
    rule: str | None
    order_id: str | None
    partner: str | None
    earned_at: datetime
    waits_until: datetime | None
    dies_on: date | None


@dataclass(frozen=True, slots=True)
class Statement:
    """Lines, oldest first, and the lots that still hold points; the newest line's balance is the member's.

    `total` is how many lines there are in all.
    """

    lines: tuple[Line, ...]
    lots: tuple[LotNow, ...]
    total: int


def statement(
    tx: Connection,
    member: Membership,
    program: Program,
    *,
    most: int | None = None,
    skip: int = 0,
    before: int | None = None,
) -> Statement:
    """Return the member's statement by the programme as it is now.

    It has all lines, or the newest `most` of them that come before the newest `skip`, or `before` the transaction of
    that number; and all lots.
    """
    position = member.position
    expiry = expiry_of(program, position.rank.tier if position.rank else None)
    account = Account(expiry, active_at=position.active_at)
    known = statements.lots(tx, member.id)
    ends = {lot.id: _dies_on(account, lot, program) for lot, _ in known}
    left = tuple(_now(lot, order_id, ends[lot.id]) for lot, order_id in known if lot.left)
    posted = statements.posted(tx, member.id, most=most, skip=skip, before=before)
    if not posted:
        return Statement((), left, statements.count(tx, member.id))
    first, last = posted[0].id, posted[-1].id
    moves: dict[int, list[Move]] = {}
    for each in statements.taken(tx, member.id, first=first, last=last):
        # One that was posted since the lots were read has no end here yet.
        moves.setdefault(each.transaction_id, []).append(_move(each, ends.get(each.lot_id)))
    lines, balance = [], statements.balance_before(tx, member.id, first)
    for one in posted:
        balance += one.available
        lines.append(_line(one, balance, tuple(moves.get(one.id, ()))))
    return Statement(tuple(lines), left, statements.count(tx, member.id))


def parts_of(grounds: Grounds) -> tuple[Part, ...]:
    """Return the parts that made what was earned."""
    return tuple(Part(*each) for each in grounds.parts)


def uncounted_of(grounds: Grounds) -> tuple[Uncounted, ...]:
    """Return what was not counted."""
    return tuple(Uncounted(each.code, each.reason) for each in grounds.refused)


def _dies_on(account: Account, lot: Lot, program: Program) -> date | None:
    """Return a lot's last day; of one that is used up, its own."""
    dies_at = account.dies_at(lot) if lot.left else lot.expires_at
    return last_day(dies_at, program.zone) if dies_at else None


def _move(each: Taken, dies_on: date | None) -> Move:
    return Move(
        lot=each.lot_id,
        opened=each.opened,
        pending=each.pending,
        available=each.available,
        held=each.held,
        gone=each.gone,
        dies_on=dies_on,
    )


def _line(posted: Posted, balance: int, moves: tuple[Move, ...]) -> Line:
    return Line(
        transaction=posted.id,
        at=posted.effective_at,
        posted_at=posted.created_at,
        type=posted.type,
        points=posted.available,
        pending=posted.pending,
        held=posted.held,
        balance=balance,
        qualifying=posted.qualifying,
        cause="event" if posted.event_id else "operation" if posted.operation else "calendar",
        rule=posted.rule,
        parts=parts_of(posted.grounds),
        refused=uncounted_of(posted.grounds),
        order_id=posted.order_id,
        source=posted.source,
        event_id=posted.event_id,
        event_type=posted.event_type,
        operation=posted.operation,
        operation_kind=posted.operation_kind,
        actor=posted.actor,
        reason=posted.reason,
        reverses=posted.reverses_id,
        lots=moves,
    )


def _now(lot: Lot, order_id: str | None, dies_on: date | None) -> LotNow:
    return LotNow(
        lot=lot.id,
        points=lot.points,
        pending=lot.pending,
        available=lot.available,
        held=lot.held,
        rule=lot.rule,
        order_id=order_id,
        partner=lot.partner,
        earned_at=lot.effective_at,
        waits_until=lot.activates_at if lot.pending and lot.activates_at != NEVER else None,
        dies_on=dies_on,
    )
