"""A reward is given to a member without points: by a day, or for bringing somebody."""

from datetime import date

from wallet_service.domain.errors import RewardUnavailable
from wallet_service.domain.period import end_of
from wallet_service.domain.redeeming import cause_of
from wallet_service.storage import triggers
from wallet_service.usecases.book import Book
from wallet_service.usecases.issue import issue


def grant_reward(book: Book, reward: str, *, valid_until: date | None, reason: str) -> None:
    """Give the member the reward of that code, through the last day `valid_until`, or as long as the reward says.

    It lies ready on the card; nothing is given of what has run out.
    """
    given = book.program.reward_of(reward)
    if given is not None:
        until = end_of(valid_until, book.program.zone) if valid_until else None
        cause = cause_of(book.program, given, chosen=None, usual=book.member.profile.cause)
        try:
            book.taken.append(issue(book.taking(), given, points=0, valid_until=until, cause=cause))
        except RewardUnavailable:
            return
    triggers.grant(book.tx, book.member.id, reward, valid_until=valid_until, reason=reason, now=book.now)
