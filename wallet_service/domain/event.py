"""What merchants tell us, normalised: the same events whatever dialect they came in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Literal, get_args

from wallet_service.domain.identity import Identity
from wallet_service.domain.purchase import Line


@dataclass(frozen=True, slots=True, repr=False)
class Customer:
    """Who an event is about: at most one of the merchant's own id, our member id, or the code on the card.

    `identities` are what else is known of the person: whoever has one of them is meant, where no id says it.
    """

    id: str | None = None
    member_id: str | None = None
    card_code: str | None = None
    identities: tuple[Identity, ...] = ()

    def __str__(self) -> str:
        """Return what names the customer in a message; an identity's value is nobody's to read."""
        for name, value in (("customer", self.id), ("member", self.member_id), ("card", self.card_code)):
            if value is not None:
                return f"{name} {value}"
        return f"the customer with this {' or '.join(each.kind for each in self.identities)}"

    def __repr__(self) -> str:
        # Content hashes are made of this: where an id says who is meant, it reads as it did before identities came.
        more = f", identities={self.identities!r}" if not (self.id or self.member_id or self.card_code) else ""
        return f"Customer(id={self.id!r}, member_id={self.member_id!r}, card_code={self.card_code!r}{more})"


# A field that came later: where it says nothing, the event's content hash is what it was before there was the field.
LATER: Mapping[str, bool] = {"later": True}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a member agreed to, or no longer does: for what (`purpose`), by which `channel`, and what text was shown."""

    purpose: str
    granted: bool
    channel: str | None = None
    text_version: str | None = None


@dataclass(frozen=True, slots=True)
class MemberEnrolled:
    """Somebody joined; what is personal is kept apart from the ledger. `birthday` is month and day."""

    customer: Customer
    name: str | None
    locale: str | None
    birthday: tuple[int, int] | None = field(default=None, metadata=LATER)
    cause: str | None = field(default=None, metadata=LATER)
    referral_code: str | None = field(default=None, metadata=LATER)
    consents: tuple[Consent, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True)
class MemberUpdated:
    """What is known of a member has changed; what is None stays as it was, but for what `cleared` names."""

    customer: Customer
    name: str | None = None
    locale: str | None = None
    birthday: tuple[int, int] | None = None
    cause: str | None = None
    consents: tuple[Consent, ...] = field(default=(), metadata=LATER)
    cleared: tuple[str, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderPaid:
    """An order was paid; `eligible_minor` is what earns: net of discounts, without tax, shipping and gift cards."""

    customer: Customer
    order_id: str
    currency: str
    eligible_minor: int
    lines: tuple[Line, ...] = field(default=(), metadata=LATER)
    tax_minor: int | None = field(default=None, metadata=LATER)
    total_minor: int | None = field(default=None, metadata=LATER)
    partner: str | None = field(default=None, metadata=LATER)
    location: str | None = field(default=None, metadata=LATER)
    paid_at: datetime | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """An order was paid back up to a cumulative amount; the customer may be left out, the order tells."""

    order_id: str
    refunded_minor: int
    customer: Customer | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of an order, as it stood at `version`; `undone` where it failed, or was taken back, in the end.

    `gross` amounts count tax and shipping, too, and are set against `total_minor` of the order. What is `disputed` is
    held back until it is decided: no cumulative figure counts it. What came back without being paid for may be
    below zero, until another refund pays for it.
    """

    id: str
    minor: int
    version: datetime
    undone: bool = False
    gross: bool = False
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """An order as a whole, as it stood at `version`: what was bought, what was paid back, and whether it is cancelled.

    Unlike a refund it may take one back. `paid` is None while the order is not paid. `refunded_minor` is cumulative,
    and `gross` if it counts tax and shipping, too; `refunds` are those that the sender tells one by one, besides it.
    """

    order_id: str
    version: datetime
    customer: Customer | None
    paid: OrderPaid | None
    refunded_minor: int = 0
    cancelled: bool = False
    gross: bool = field(default=False, metadata=LATER)
    refunds: tuple[Refund, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True)
class RefundUpdated:
    """One refund of an order was made, has failed, or was taken back; it may be told before the order."""

    order_id: str
    refund: Refund
    customer: None = None


@dataclass(frozen=True, slots=True)
class OrderFulfilled:
    """An order was handed over or sent; points that wait for that can be spent from now on."""

    order_id: str
    customer: None = None


@dataclass(frozen=True, slots=True)
class OrderClaimed:
    """An order that nobody was named with is the customer's, who has shown its receipt."""

    order_id: str
    customer: Customer


@dataclass(frozen=True, slots=True)
class PointsAdjusted:
    """A person corrected a balance by `points`, with a reason."""

    customer: Customer
    points: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ActivityDone:
    """A member did something else that may earn: a review, a survey, whatever a rule names by `activity`."""

    customer: Customer
    activity: str
    properties: tuple[tuple[str, str | int | bool], ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriptionPaid:
    """The fee of a paid membership has come in, through `ends_on` where the sender says so."""

    customer: Customer
    reference: str
    starts_on: date | None = None
    ends_on: date | None = None
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionCancelled:
    """A paid membership is not to be renewed."""

    customer: Customer
    reference: str


@dataclass(frozen=True, slots=True)
class PrivacyRequested:
    """A shop hands on what a customer may ask for: `export` or `erase`; `erase_shop` is that of a whole shop."""

    request: Literal["export", "erase", "erase_shop"]
    customer: Customer | None = None


OrderFact = OrderPaid | OrderRefunded | OrderUpdated | RefundUpdated | OrderFulfilled | OrderClaimed
ABOUT_ORDERS: tuple[type[OrderFact], ...] = get_args(OrderFact)
Fact = (
    MemberEnrolled
    | MemberUpdated
    | OrderPaid
    | OrderRefunded
    | OrderUpdated
    | RefundUpdated
    | OrderFulfilled
    | OrderClaimed
    | PointsAdjusted
    | ActivityDone
    | SubscriptionPaid
    | SubscriptionCancelled
)


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
    said = ", ".join(
        f"{each.name}={getattr(fact, each.name)!r}"
        for each in fields(fact)
        if not each.metadata or getattr(fact, each.name) != each.default
    )
    return hashlib.sha256(f"({kind!r}, {type(fact).__name__}({said}))".encode()).digest()
