"""What merchants tell us, normalised: the same four events whatever dialect they came in."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """Who an event is about: exactly one of the merchant's own id, our member id, or the code on the card."""

    id: str | None = None
    member_id: str | None = None
    card_code: str | None = None

    def __str__(self) -> str:
        name, value = next(
            (name, value)
            for name, value in (("customer", self.id), ("member", self.member_id), ("card", self.card_code))
            if value is not None
        )
        return f"{name} {value}"


@dataclass(frozen=True, slots=True)
class MemberEnrolled:
    """Somebody joined; `name` and `locale` are shown on the card and kept apart from the ledger."""

    customer: Customer
    name: str | None
    locale: str | None


@dataclass(frozen=True, slots=True)
class OrderPaid:
    """An order was paid; `eligible_minor` is what earns: net of discounts, without tax, shipping and gift cards."""

    customer: Customer
    order_id: str
    currency: str
    eligible_minor: int


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """An order was paid back up to a cumulative amount; the customer may be left out, the order tells."""

    order_id: str
    refunded_minor: int
    customer: Customer | None = None


@dataclass(frozen=True, slots=True)
class PointsAdjusted:
    """A person corrected a balance by `points`, with a reason."""

    customer: Customer
    points: int
    actor: str
    reason: str


Fact = MemberEnrolled | OrderPaid | OrderRefunded | PointsAdjusted


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery: the sender's id, a hash of what it carried, when it happened, and what it says."""

    event_id: str
    type: str
    content_hash: bytes
    occurred_at: datetime
    body: bytes
    fact: Fact


def content_hash(kind: str, fact: Fact) -> bytes:
    """Return a hash of what an event says; a repeat that only differs in spacing or time of sending has the same."""
    return hashlib.sha256(repr((kind, fact)).encode()).digest()
