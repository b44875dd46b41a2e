"""A person corrects a balance, or puts a member into a tier, and says who and why."""

from dataclasses import dataclass
from datetime import date

from wallet_service.domain.errors import UnknownTier
from wallet_service.domain.event import Customer
from wallet_service.domain.member import Membership
from wallet_service.usecases.correct import correct
from wallet_service.usecases.operate import Operation, books_of, close, refused


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The member after it."""

    member_id: str
    balance: int
    pending: int
    held: int
    tier: str | None
    tier_until: date | None
    revision: int


def adjust(operation: Operation, *, customer: Customer, points: int, reason: str) -> Adjusted:
    """Add points, or take them away; they count for no tier.

    Raises `UnknownMember`, `OperationRefused` for nothing at all, and `InsufficientBalance`.
    """
    if points == 0:
        raise refused("points", "is 0, and changes nothing")
    (book,) = books_of(operation, customer)
    correct(book, points, actor=operation.actor, reason=reason, at=operation.now)
    return adjusted(close(operation, book))


def set_tier(operation: Operation, *, customer: Customer, tier: str, until: date | None, reason: str) -> Adjusted:
    """Put a member into a tier, below which nothing takes the member through the day `until`; None: ever.

    Raises `UnknownMember`, `UnknownTier`, and `OperationRefused` for a day that is over.
    """
    (book,) = books_of(operation, customer)
    if until is not None and until < book.today:
        raise refused("until", f"is {until}, which is over")
    try:
        book.set_tier(tier, until, reason=f"{operation.actor}: {reason}")
    except ValueError:
        raise UnknownTier(tier) from None
    return adjusted(close(operation, book))


def adjusted(after: Membership) -> Adjusted:
    """Return what is told of a member."""
    position = after.position
    return Adjusted(
        member_id=after.public_id,
        balance=position.available,
        pending=position.pending,
        held=position.held,
        tier=position.rank.tier if position.rank else None,
        tier_until=position.rank.valid_until if position.rank else None,
        revision=after.card.revision,
    )
