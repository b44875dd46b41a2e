"""A paid membership: a fee came in, or it is not to be renewed. The fee itself is somebody else's business."""

from datetime import datetime, timedelta

from wallet_service.domain import membership
from wallet_service.domain.errors import EventRefused, Fault
from wallet_service.domain.event import SubscriptionCancelled, SubscriptionPaid
from wallet_service.domain.membership import span
from wallet_service.domain.news import News
from wallet_service.domain.period import local_day
from wallet_service.domain.program.tier_tables import MembershipTable
from wallet_service.storage import memberships
from wallet_service.usecases.book import Book

ONE_DAY = timedelta(days=1)


def subscribe(book: Book, fact: SubscriptionPaid, *, at: datetime) -> None:
    """Lengthen the membership by the period that was paid; the same reference counts once."""
    until = book.paid_until
    term = membership.paid(_table(book), fact, day=local_day(at, book.program.zone), until=until)
    if memberships.add(book.tx, book.member.id, term, price_minor=fact.price_minor, now=book.now):
        follows = until is not None and term.starts_on <= until + ONE_DAY
        kind = "membership.renewed" if follows else "membership.started"
        facts = {"reference": fact.reference, "first_day": term.starts_on, "last_day": term.ends_on}
        book.news.append(News(kind, facts))
    book.paid_since, book.paid_until = span(memberships.of(book.tx, book.member.id))


def cancel(book: Book, fact: SubscriptionCancelled, *, at: datetime) -> None:
    """End the membership: at the end of what is paid, or at once where the programme says so."""
    day, paid_until = local_day(at, book.program.zone), book.paid_until
    term = membership.cancelled(_table(book), fact, day=day, until=paid_until)
    memberships.add(book.tx, book.member.id, term, price_minor=None, now=book.now)
    book.paid_since, book.paid_until = span(memberships.of(book.tx, book.member.id))
    if paid_until is not None and paid_until >= day and (book.paid_until is None or book.paid_until < day):
        book.news.append(News("membership.ended", {"last_day": term.ends_on}))


def _table(book: Book) -> MembershipTable:
    if book.program.membership is None:
        fault = Fault("body", "type", "is about a paid membership, and the programme has none")
        raise EventRefused("The event cannot be entered; nothing was stored.", [fault])
    return book.program.membership
