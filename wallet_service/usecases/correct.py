"""A person corrects a balance, and says who and why."""

from datetime import datetime

from wallet_service.domain.earning import new_lot
from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.ledger import Transaction
from wallet_service.usecases.book import Book

RULE = "adjustment"


def correct(
    book: Book, points: int, *, actor: str, reason: str, at: datetime, dies_at: datetime | None = None
) -> Transaction:
    """Add points, spendable at once, or take them away; it counts for no tier.

    What is added dies like earned points, unless it is said when.
    Raises `InsufficientBalance` where the balance may not go so low.
    """
    if points > 0:
        lot = new_lot(book.program, expiry_of(book.program, book.tier), points, earned_at=at, rule=RULE)
        lot.activates_at, lot.expires_at = None, dies_at or book.account.expiry.of_lot(at)
        return book.account.grant(lot, actor=actor, reason=reason)
    return book.account.take(-points, at=at, actor=actor, reason=reason, floor=book.program.points.floor)
