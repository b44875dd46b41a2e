"""Points that were used up come back: to their own lots, as far as the programme lets them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from wallet_service.domain.errors import RedemptionOver
from wallet_service.domain.ledger import Lot
from wallet_service.domain.member import Membership
from wallet_service.domain.period import local_day, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.redeeming import last_taken
from wallet_service.storage import holds, lots
from wallet_service.storage.events import Raced
from wallet_service.storage.redemptions import Change
from wallet_service.usecases.book import Book
from wallet_service.usecases.move import move_everything
from wallet_service.usecases.operate import Operation, books_by_name, close_all, positive, refused


@dataclass(frozen=True, slots=True)
class Spent:
    """Points that a transaction used up: by whom, and whose what they bought is now, by the merchant's own ids.

    The two differ once a member has become one with another. `hold_row` is None where they were never held.
    """

    taker: str
    owner: str
    points: int
    transaction_row: int
    hold_row: int | None
    partner: str | None


def give_back(
    operation: Operation,
    spent: Spent,
    *,
    points: int | None,
    reason: str,
    change: Change | None = None,
    restore: bool | None = None,
) -> tuple[Membership, int]:
    """Return points, all that are left or so many; those that were taken last come back first.

    Points of a lot that has died since die again at once, or come in a new lot for the programme's `grace_days`. Return
    the member and how many came back: none where the programme forfeits them, unless `restore` says otherwise. `change`
    is what becomes of the redemption that they were spent on.
    Raises `RedemptionOver` where nothing is left to come back, `OperationRefused` for more than that, and `Raced`.
    """
    names = dict.fromkeys((spent.owner, spent.taker))
    books = dict(zip(names, books_by_name(operation, *names), strict=True))
    owner, taker = books[spent.owner], books[spent.taker]
    if owner.member.merged_into:
        raise Raced  # it happened between the look and the lock
    left = spent.points - holds.given_back(operation.tx, spent.transaction_row)
    if left <= 0:
        raise RedemptionOver("All of it has come back before.")
    back = left if points is None else positive(points)
    if back > left:
        raise refused("points", f"is {back}; {left} are left that can come back")
    policy = operation.program.points.refund.spent == "restore" if restore is None else restore
    if policy:
        with _as_active_as(taker, owner):
            _return(operation, taker, spent, back=back, left=left, reason=reason)
    if change:
        owner.ended.append(change)
    owner.automatic = taker.automatic = False
    if taker is not owner:
        move_everything(taker, owner, actor=operation.actor, reason=reason)
    return close_all(operation, *books.values())[0], back if policy else 0


@contextmanager
def _as_active_as(taker: Book, owner: Book) -> Iterator[None]:
    """Let points that come back live as long as the person has kept points alive, whichever member it was active as."""
    own = taker.account.active_at
    taker.account.active_at = max((each for each in (own, owner.account.active_at) if each), default=None)
    yield
    taker.account.active_at = own


def _return(operation: Operation, taker: Book, spent: Spent, *, back: int, left: int, reason: str) -> None:
    account = taker.account
    account.give_back(
        last_taken(_parts(taker, spent), taken=spent.points, before=spent.points - left, points=back),
        at=operation.now,
        reverses=spent.transaction_row,
        partner=spent.partner,
        grace_until=grace_of(operation.program, operation.now),
        actor=operation.actor,
        reason=reason,
    )
    account.settle(operation.now, since=operation.now)


def _parts(taker: Book, spent: Spent) -> list[tuple[Lot, int]]:
    if spent.hold_row is not None:
        return lots.set_apart(taker.tx, spent.hold_row, taker.account.lots)
    return lots.used(taker.tx, spent.transaction_row, taker.account.lots)


def grace_of(program: Program, now: datetime) -> datetime | None:
    """Return until when points of a dead lot live once more: today, and the days of grace after it."""
    days = program.points.grace_days
    return start_of(local_day(now, program.zone) + timedelta(days=days + 1), program.zone) if days else None
