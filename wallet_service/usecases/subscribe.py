"""A paid membership: a fee came in, or it is not to be renewed. The fee itself is somebody else's business."""

from datetime import date, datetime, timedelta

from wallet_service.domain.errors import EventRefused, Fault
from wallet_service.domain.event import SubscriptionCancelled, SubscriptionPaid
from wallet_service.domain.news import News
from wallet_service.domain.period import local_day
from wallet_service.domain.program.tier_tables import MembershipTable
from wallet_service.storage import memberships
from wallet_service.storage.memberships import Term
from wallet_service.usecases.book import Book

ONE_DAY = timedelta(days=1)


def subscribe(book: Book, fact: SubscriptionPaid, *, at: datetime) -> None:
    """Lengthen the membership by the period that was paid; the same reference counts once.

    A period follows on the one that runs, so that who pays early loses no day.
    """
    table = _table(book)
    day = local_day(at, book.program.zone)
    until = book.paid_until
    starts_on = fact.starts_on or (until + ONE_DAY if until is not None and until >= day else day)
    ends_on = fact.ends_on or table.period.from_day(starts_on) - ONE_DAY
    term = Term("paid", fact.reference, starts_on, ends_on)
    if memberships.add(book.tx, book.member.id, term, price_minor=fact.price_minor, now=book.now):
        follows = until is not None and starts_on <= until + ONE_DAY
        kind = "membership.renewed" if follows else "membership.started"
        facts = {"reference": fact.reference, "first_day": starts_on, "last_day": ends_on}
        book.news.append(News(kind, facts))
    book.paid_since, book.paid_until = span(memberships.of(book.tx, book.member.id))


def cancel(book: Book, fact: SubscriptionCancelled, *, at: datetime) -> None:
    """End the membership: at the end of what is paid, or at once where the programme says so."""
    table = _table(book)
    day = local_day(at, book.program.zone)
    paid_until = book.paid_until
    until = paid_until or day
    ends_on = until if table.on_cancel == "end_of_period" else min(until, day - ONE_DAY)
    term = Term("cancelled", fact.reference, day, ends_on)
    memberships.add(book.tx, book.member.id, term, price_minor=None, now=book.now)
    book.paid_since, book.paid_until = span(memberships.of(book.tx, book.member.id))
    if paid_until is not None and paid_until >= day and (book.paid_until is None or book.paid_until < day):
        book.news.append(News("membership.ended", {"last_day": ends_on}))


def span(terms: list[Term]) -> tuple[date | None, date | None]:
    """Return the first and last day of the time that the newest terms make up without a gap; nothing for none.

    What is cancelled ends on its last day, unless it is paid for again later; what ended at once lasts no longer.
    """
    since: date | None = None
    until: date | None = None
    for term in terms:
        if term.kind == "cancelled":
            until = term.ends_on if term.ends_on >= term.starts_on else None
        elif until is None or since is None or term.starts_on > until + ONE_DAY:
            since, until = term.starts_on, term.ends_on
        else:
            since, until = min(since, term.starts_on), max(until, term.ends_on)
    return (since, until) if until is not None else (None, None)


def _table(book: Book) -> MembershipTable:
    if book.program.membership is None:
        fault = Fault("body", "type", "is about a paid membership, and the programme has none")
        raise EventRefused("The event cannot be entered; nothing was stored.", [fault])
    return book.program.membership
