"""A reward is given to a member without points: by a day, or for bringing somebody."""

from datetime import date

from wallet_service.storage import triggers
from wallet_service.usecases.book import Book


def grant_reward(book: Book, reward: str, *, valid_until: date | None, reason: str) -> None:
    """Give the member the reward of that code, through the last day `valid_until`, or as long as the reward says."""
    triggers.grant(book.tx, book.member.id, reward, valid_until=valid_until, reason=reason, now=book.now)
