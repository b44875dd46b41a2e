"""A person corrects a balance, and says who and why."""

from datetime import datetime

from wallet_service.domain.earning import new_lot
from wallet_service.domain.expiry import expiry_of
from wallet_service.usecases.book import Book

RULE = "adjustment"


def correct(book: Book, points: int, *, actor: str, reason: str, at: datetime) -> None:
    """Add points, spendable at once and dying like earned ones, or take them away; it counts for no tier.

    Raises `InsufficientBalance` where the balance may not go so low.
    """
    if points > 0:
        lot = new_lot(book.program, expiry_of(book.program, book.tier), points, earned_at=at, rule=RULE)
        lot.activates_at, lot.expires_at = None, book.account.expiry.of_lot(at)
        book.account.grant(lot, actor=actor, reason=reason)
        return
    book.account.take(-points, at=at, actor=actor, reason=reason, floor=book.program.points.floor)
