"""The terms of a paid membership, and the time that they make up."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from wallet_service.domain.event import SubscriptionCancelled, SubscriptionPaid
from wallet_service.domain.program.tier_tables import MembershipTable

ONE_DAY = timedelta(days=1)


class Term(Struct, frozen=True):
    """One paid period, first and last day; or, `cancelled`, the last day on which it still counts."""

    kind: Literal["paid", "cancelled"]
    reference: str
    starts_on: date
    ends_on: date


def paid(table: MembershipTable, fact: SubscriptionPaid, *, day: date, until: date | None) -> Term:
    """Return the period that was paid on a day, by somebody who is a member `until` then.

    It follows on the one that runs, so that who pays early loses no day.
    """
    starts_on = fact.starts_on or (until + ONE_DAY if until is not None and until >= day else day)
    return Term("paid", fact.reference, starts_on, fact.ends_on or table.period.from_day(starts_on) - ONE_DAY)


def cancelled(table: MembershipTable, fact: SubscriptionCancelled, *, day: date, until: date | None) -> Term:
    """Return the end of a membership: that of what is paid, or at once where the programme says so."""
    last = until or day
    ends_on = last if table.on_cancel == "end_of_period" else min(last, day - ONE_DAY)
    return Term("cancelled", fact.reference, day, ends_on)


def span(terms: Iterable[Term]) -> tuple[date | None, date | None]:
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
