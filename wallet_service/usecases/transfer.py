"""A member gives points to another of the same programme."""

from dataclasses import dataclass

from wallet_service.domain.event import Customer
from wallet_service.usecases.adjust import Adjusted, adjusted
from wallet_service.usecases.move import move
from wallet_service.usecases.operate import Operation, books_of, close_all, positive


@dataclass(frozen=True, slots=True)
class Transferred:
    """Both members after it."""

    points: int
    giver: Adjusted
    taker: Adjusted


def transfer(operation: Operation, *, giver: Customer, taker: Customer, points: int, reason: str) -> Transferred:
    """Move spendable points, soonest to die first; each lot keeps its dates, and they count for no tier.

    Raises `UnknownMember`, `SameMember`, `OperationRefused` and `InsufficientBalance`.
    """
    positive(points)
    mine, others = books_of(operation, giver, taker)
    move(mine, others, points, actor=operation.actor, reason=reason)
    after, theirs = close_all(operation, mine, others)
    return Transferred(points, adjusted(after), adjusted(theirs))
