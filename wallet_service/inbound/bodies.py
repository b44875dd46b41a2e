"""Bodies of our own events: read strictly where it matters, and open to keys that we do not know.

They are named as the API describes them.
"""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from wallet_service.domain import event
from wallet_service.domain.delivery import Said
from wallet_service.domain.event import Fact
from wallet_service.domain.identity import Identity, identity
from wallet_service.domain.purchase import Line
from wallet_service.domain.values import Birthday, Code, Day, Email, Id, Key, Locale, Phone, Words
from wallet_service.inbound.reading import Currency, Minor, Moment, Table, validated

ACTIVITY = "activity."  # what follows is the type that earning rules name


def kind_of(body: bytes) -> str:
    """Return the type of event that a body names.

    Raises `EventRefused` with every fault.
    """
    return validated(_Kind, body).type


def read(kind: str, body: bytes) -> Said | None:
    """Return what a body of that type says, or None for a type of event that we do not know.

    Raises `EventRefused` with every fault.
    """
    table = ActivityDone if kind.startswith(ACTIVITY) else TABLES.get(kind)
    if table is None:
        return None
    said: Any = validated(_enveloped(table), body)
    return Said(kind, said.timestamp, said.data.fact(said))


Property = str | int | bool


class _Kind(Table):
    type: Id


Data = TypeVar("Data")


class _Envelope(_Kind, Generic[Data]):
    timestamp: Moment
    data: Data


@cache
def _enveloped(table: Any) -> Any:
    """Return the envelope with that table; pydantic forgets what it has made, and making one takes milliseconds."""
    return _Envelope[table]


def _identities(email: str | None, phone: str | None) -> tuple[Identity, ...]:
    found = (identity("email", email or ""), identity("phone", phone or ""))
    return tuple(each for each in found if each)


class Customer(Table):
    """Who is meant; an address that is none says nothing, where an id says enough."""

    id: Id | None = None
    member_id: Id | None = None
    card_code: Id | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What else is known of the person."""
        return _identities(self.email, self.phone)

    @model_validator(mode="after")
    def _one(self) -> "Customer":
        ids = [self.id, self.member_id, self.card_code]
        if ids.count(None) < 2 or (ids.count(None) == 3 and not self.identities):
            raise ValueError("needs exactly one of id, member_id, card_code; or email or phone")
        return self

    def noun(self) -> event.Customer:
        """Return who is meant, as events say it."""
        code = self.card_code.replace(" ", "").upper() if self.card_code else None
        return event.Customer(self.id, self.member_id, code, self.identities)


class Consent(Table):
    """What a member agrees to, or no longer does."""

    purpose: Key
    granted: bool
    channel: Key | None = None
    text_version: Id | None = None

    def noun(self) -> event.Consent:
        """Return the consent, as events say it."""
        return event.Consent(self.purpose, self.granted, self.channel, self.text_version)


Consents = Annotated[tuple[Consent, ...], Field(strict=False, max_length=20)]


class NewCustomer(Table):
    """Who joins: an id of the merchant's own, or an address."""

    id: Id | None = None
    email: Email | None = None
    phone: Phone | None = None
    name: Words | None = None
    locale: Locale | None = None
    birthday: Birthday | None = None
    cause: Code | None = None
    referral_code: Id | None = None

    @model_validator(mode="after")
    def _somebody(self) -> "NewCustomer":
        if self.id is None and self.email is None and self.phone is None:
            raise ValueError("needs an id, email or phone")
        return self


class MemberEnrolled(Table):
    """Somebody has joined."""

    customer: NewCustomer
    consents: Consents = ()

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        who = self.customer
        return event.MemberEnrolled(
            event.Customer(id=who.id, identities=_identities(who.email, who.phone)),
            who.name,
            who.locale,
            who.birthday,
            who.cause,
            who.referral_code,
            tuple(each.noun() for each in self.consents),
        )


class MemberUpdated(Table):
    """What is known of a member has changed; what is left out stays as it is."""

    customer: Customer
    name: Words | None = None
    locale: Locale | None = None
    birthday: Birthday | None = None
    cause: Code | None = None
    consents: Consents = ()

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return event.MemberUpdated(
            self.customer.noun(),
            self.name,
            self.locale,
            self.birthday,
            self.cause,
            tuple(each.noun() for each in self.consents),
        )


class OrderLine(Table):
    """A line of an order; `net_minor` is what it costs, `earns` whether that counts."""

    sku: Id
    net_minor: Minor
    quantity: Annotated[int, Field(ge=0, le=100_000)] = 1
    tags: Annotated[tuple[Id, ...], Field(strict=False, max_length=50)] = ()
    earns: bool = True

    def noun(self) -> Line:
        """Return the line, as events say it."""
        return Line(self.sku, self.net_minor, self.quantity, self.tags, self.earns)


class _Bought(Table):
    """What was bought: either what earns of it, or the lines that it is the sum of, or both."""

    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], Field(strict=False, max_length=1000)] = ()
    eligible_minor: Annotated[Minor | None, Field(validate_default=True)] = None
    tax_minor: Minor | None = None
    total_minor: Minor | None = None
    partner: Code | None = None
    location: Id | None = None

    @field_validator("eligible_minor")
    @classmethod
    def _sums_up(cls, given: int | None, info: ValidationInfo) -> int | None:
        lines = info.data.get("lines")
        if lines is None:
            return given  # they have a fault of their own
        if given is None and not lines:
            raise ValueError("is missing")
        earning = sum(line.net_minor for line in lines if line.earns)
        if lines and given not in (None, earning):
            raise ValueError(f"is {given}, and the lines that earn make {earning}")
        return given

    @property
    def earning(self) -> int:
        return sum(line.net_minor for line in self.lines if line.earns)

    def bought(self, order_id: str, customer: event.Customer, paid_at: datetime | None) -> event.OrderPaid:
        return event.OrderPaid(
            customer=customer,
            order_id=order_id,
            currency=self.currency,
            eligible_minor=self.earning if self.eligible_minor is None else self.eligible_minor,
            lines=tuple(line.noun() for line in self.lines),
            tax_minor=self.tax_minor,
            total_minor=self.total_minor,
            partner=self.partner,
            location=self.location,
            paid_at=paid_at,
        )


class OrderPaid(_Bought):
    """An order was paid: either `eligible_minor` or the lines say what earns."""

    order_id: Id
    customer: Customer
    paid_at: Moment | None = None

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return self.bought(self.order_id, self.customer.noun(), self.paid_at)


class OrderRefunded(Table):
    """An order was paid back, up to so much in all."""

    order_id: Id
    refunded_minor: Minor
    customer: Customer | None = None

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        customer = self.customer.noun() if self.customer else None
        return event.OrderRefunded(self.order_id, self.refunded_minor, customer)


class OrderUpdated(_Bought):
    """An order as a whole, as it stood at `version`."""

    order_id: Id
    customer: Customer
    version: Moment
    paid: bool
    paid_at: Moment | None = None
    refunded_minor: Minor = 0
    cancelled: bool = False

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        customer = self.customer.noun()
        bought = self.bought(self.order_id, customer, self.paid_at) if self.paid else None
        return event.OrderUpdated(self.order_id, self.version, customer, bought, self.refunded_minor, self.cancelled)


class OrderFulfilled(Table):
    """An order was handed over or sent."""

    order_id: Id

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return event.OrderFulfilled(self.order_id)


class OrderClaimed(Table):
    """An order that nobody was named with is this customer's."""

    order_id: Id
    customer: Customer

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return event.OrderClaimed(self.order_id, self.customer.noun())


class PointsAdjusted(Table):
    """A person has corrected a balance."""

    customer: Customer
    points: Annotated[int, Field(ge=-(10**9), le=10**9)]
    actor: Words
    reason: Words

    @model_validator(mode="after")
    def _not_zero(self) -> "PointsAdjusted":
        if self.points == 0:
            raise ValueError("points should not be 0")
        return self

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return event.PointsAdjusted(self.customer.noun(), self.points, self.actor, self.reason)


class ActivityDone(Table):
    """A member has done what a rule may name: a review, a survey."""

    customer: Customer
    properties: Annotated[dict[Key, Property], Field(max_length=50)] = Field(default_factory=dict)

    def fact(self, said: _Kind) -> Fact:
        """Return what this says, as events say it."""
        properties = tuple(sorted(self.properties.items()))
        return event.ActivityDone(self.customer.noun(), said.type.removeprefix(ACTIVITY), properties)


class SubscriptionPaid(Table):
    """The fee of a paid membership has come in."""

    customer: Customer
    reference: Id
    starts_on: Day | None = None
    ends_on: Day | None = None
    price_minor: Minor | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "SubscriptionPaid":
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("ends_on should not lie before starts_on")
        return self

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return event.SubscriptionPaid(
            self.customer.noun(), self.reference, self.starts_on, self.ends_on, self.price_minor
        )


class SubscriptionCancelled(Table):
    """A paid membership is not to be renewed."""

    customer: Customer
    reference: Id

    def fact(self, _: _Kind) -> Fact:
        """Return what this says, as events say it."""
        return event.SubscriptionCancelled(self.customer.noun(), self.reference)


# What each type of event has to tell; that of activities is `ActivityDone`.
TABLES: dict[str, type[Table]] = {
    "member.enrolled": MemberEnrolled,
    "member.updated": MemberUpdated,
    "order.paid": OrderPaid,
    "order.refunded": OrderRefunded,
    "order.updated": OrderUpdated,
    "order.fulfilled": OrderFulfilled,
    "order.claimed": OrderClaimed,
    "points.adjusted": PointsAdjusted,
    "subscription.paid": SubscriptionPaid,
    "subscription.cancelled": SubscriptionCancelled,
}
