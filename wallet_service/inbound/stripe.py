"""Stripe's dialect: checkouts, refunds and disputes of their payments, and the fees of clubs.

https://docs.stripe.com/webhooks
"""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised, Said
from wallet_service.domain.errors import EventRefused, SignatureRefused
from wallet_service.domain.event import (
    Customer,
    OrderPaid,
    OrderUpdated,
    Refund,
    RefundUpdated,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.program import exponent
from wallet_service.domain.values import Id
from wallet_service.inbound.persons import as_member_id, customer
from wallet_service.inbound.reading import (
    LARGEST,
    TOLERANCE,
    Currency,
    Listed,
    Minor,
    Table,
    Text,
    happened,
    refused,
    validated,
)
from wallet_service.inbound.signature import MOST_SIGNATURES, by_name, check, keys, plain

_TIMESTAMP = re.compile(r"[1-9][0-9]{0,10}")
_THIN = "v2.core.event"
_DISPUTE = "dispute:"  # before a dispute's id, so that it is never taken for a refund
_FAILED = ("failed", "canceled")
_AGAINST = ("needs_response", "under_review", "lost")
_FOR = ("won", "warning_closed", "prevented")
# Where Stripe counts in other units than the currency's own.
_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}


def verify(
    headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], arrangement: Arrangement, now: datetime
) -> Delivery:
    """Return the delivery, once one of the secrets is shown to have signed these very bytes at about `now`.

    The topic is empty where the body names no type. Raises `SignatureRefused` for every fault alike.
    """
    parts = [each.partition("=") for each in by_name(headers).get("stripe-signature", "").split(",")]
    timestamp = next((value for name, _, value in parts if name == "t"), "")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("the signature's time is missing or malformed")
    signed = f"{timestamp}.".encode() + body
    expected = [hmac.digest(key, signed, "sha256").hex().encode() for key in keys(secrets)]
    check(expected, [value for name, _, value in parts if name == "v1"][:MOST_SIGNATURES])
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise SignatureRefused("the signature is more than five minutes from now")
    try:
        named = validated(_Named, body)
    except EventRefused:
        return Delivery("")  # what is wrong with it is said when it is read
    return Delivery(named.type, plain(named.id))


def normalise(delivery: Delivery, body: bytes, *, arrangement: Arrangement, now: datetime) -> Normalised:
    """Return what a verified body says.

    Raises `EventRefused` with every fault of a body that says something impossible.
    """
    event = validated(_Event, body)
    if event.object == _THIN:
        return Normalised(ignored="a thin event names only an id; let Stripe send snapshot events")
    read = _READERS.get(event.type)
    if read is None:
        return Normalised(ignored="nothing is read from this topic")
    if event.livemode is False and not arrangement.test_mode:
        return Normalised(ignored="an event in test mode, and the source is not")
    return read(body, now)


def _in_capitals(given: object) -> object:
    return given.upper() if isinstance(given, str) else given


def _id_of(given: object) -> object:
    """Return the id that stands for an object, or that of the object itself where it is sent whole."""
    return given.get("id") if isinstance(given, dict) else given


def _ours(given: object) -> object:
    """Return what we read of a merchant's own keys and values."""
    found = given if isinstance(given, dict) else {}
    return {key: value for key in ("member_id", "card_code") if isinstance(value := found.get(key), str)}


CurrencyInSmall = Annotated[Currency, BeforeValidator(_in_capitals)]
Seconds = Annotated[int, Field(ge=0, le=10**11)]
Reference = Annotated[Text, AfterValidator(plain), BeforeValidator(_id_of)]
Metadata = Annotated[dict[str, str], BeforeValidator(_ours)]
Held = TypeVar("Held")


class _Named(Table):
    type: Id
    id: Text = None


class _Event(_Named):
    object: Text = None
    livemode: bool | None = None


class _Data(Table, Generic[Held]):
    object: Held


class _About(Table, Generic[Held]):
    created: Seconds
    data: _Data[Held]


class _Details(Table):
    amount_tax: Minor | None = None
    amount_shipping: Minor | None = None


class _Person(Table):
    email: Text = None
    phone: Text = None


class _Session(Table):
    """A checkout; a merchant who wants points for somebody puts the member's id, or their own, into it."""

    id: Id
    mode: Text = None
    payment_status: Text = None
    payment_intent: Reference = None
    currency: CurrencyInSmall | None = None
    amount_total: Minor | None = None
    total_details: _Details | None = None
    customer: Reference = None
    customer_details: _Person | None = None
    client_reference_id: Text = None
    metadata: Metadata = Field(default_factory=dict)

    def who(self) -> Customer | None:
        details = self.customer_details or _Person()
        ours = as_member_id(self.client_reference_id)
        return customer(
            "stripe",
            vendor_id=self.customer,
            email=details.email,
            phone=details.phone,
            own_id=None if ours else self.client_reference_id,
            member_id=ours or self.metadata.get("member_id"),
            card_code=self.metadata.get("card_code"),
        )

    def bought(self, who: Customer | None, paid_at: datetime) -> OrderPaid:
        if self.currency is None or self.amount_total is None:
            raise refused("data.object.amount_total", "is missing, or its currency is")
        details = self.total_details or _Details()
        total, tax, shipping = (
            _minor(each or 0, self.currency, "data.object.amount_total")
            for each in (self.amount_total, details.amount_tax, details.amount_shipping)
        )
        return OrderPaid(
            customer=who or Customer(),
            order_id=self.payment_intent or self.id,
            currency=self.currency,
            eligible_minor=max(total - tax - shipping, 0),
            tax_minor=tax,
            total_minor=total,
            paid_at=paid_at,
        )


class _Charge(Table):
    payment_intent: Reference = None
    amount_refunded: Minor
    currency: CurrencyInSmall


class _Refunded(Table):
    id: Id
    payment_intent: Reference = None
    status: Text = None
    amount: Minor
    currency: CurrencyInSmall


class _Period(Table):
    start: Seconds
    end: Seconds


class _Parent(Table):
    type: Text = None


class _InvoiceLine(Table):
    """A line of an invoice; what it is of is told by `parent`, and before 2025 by `type`."""

    period: _Period
    type: Text = None
    parent: _Parent | None = None

    @property
    def is_fee(self) -> bool:
        return "subscription" in (self.type or "") or "subscription" in ((self.parent and self.parent.type) or "")


class _InvoiceLines(Table):
    data: Listed[_InvoiceLine]


class _Details2025(Table):
    metadata: Metadata = Field(default_factory=dict)


class _InvoiceParent(Table):
    subscription_details: _Details2025 | None = None


class _Invoice(Table):
    id: Id
    customer: Reference = None
    customer_email: Text = None
    customer_phone: Text = None
    currency: CurrencyInSmall
    amount_paid: Minor
    lines: _InvoiceLines
    metadata: Metadata = Field(default_factory=dict)
    subscription_details: _Details2025 | None = None
    parent: _InvoiceParent | None = None

    def who(self) -> Customer:
        details = self.subscription_details or (self.parent and self.parent.subscription_details) or _Details2025()
        return _payer(
            customer(
                "stripe",
                vendor_id=self.customer,
                email=self.customer_email,
                phone=self.customer_phone,
                **(self.metadata or details.metadata),
            )
        )


class _Subscription(Table):
    id: Id
    customer: Reference = None
    cancel_at_period_end: bool | None = None
    cancel_at: Seconds | None = None
    canceled_at: Seconds | None = None
    metadata: Metadata = Field(default_factory=dict)

    def who(self) -> Customer:
        return _payer(customer("stripe", vendor_id=self.customer, **self.metadata))


# Made once: pydantic forgets what nobody holds, and making one takes milliseconds.
_ABOUT_SESSION = _About[_Session]
_ABOUT_CHARGE = _About[_Charge]
_ABOUT_REFUNDED = _About[_Refunded]
_ABOUT_INVOICE = _About[_Invoice]
_ABOUT_SUBSCRIPTION = _About[_Subscription]


def _checkout(body: bytes, now: datetime) -> Normalised:
    about = validated(_ABOUT_SESSION, body)
    session = about.data.object
    if session.mode != "payment":
        return Normalised(ignored="no order: the fee of a subscription is told by its invoice")
    if session.payment_status != "paid":
        return Normalised(ignored="the checkout is not paid yet")
    at = _at(about.created, now)
    who = session.who()
    paid = session.bought(who, at)
    return Normalised((Said("order.updated", at, OrderUpdated(paid.order_id, at, who, paid)),))


def _charge_refunded(body: bytes, now: datetime) -> Normalised:
    about = validated(_ABOUT_CHARGE, body)
    charge, at = about.data.object, _at(about.created, now)
    if charge.payment_intent is None:
        return _NO_ORDER
    minor = _minor(charge.amount_refunded, charge.currency, "data.object.amount_refunded")
    fact = OrderUpdated(charge.payment_intent, at, None, None, refunded_minor=minor, gross=True)
    return Normalised((Said("order.updated", at, fact),))


def _refund(body: bytes, now: datetime) -> Normalised:
    """Return the refund; one that is pending counts already, as it does in the charge, and is undone if it fails."""
    return _paid_back(validated(_ABOUT_REFUNDED, body), now, undone=_FAILED)


def _dispute(body: bytes, now: datetime) -> Normalised:
    """Return the amount that a dispute holds back, or gives back where it was won."""
    about = validated(_ABOUT_REFUNDED, body)
    if about.data.object.status not in (*_AGAINST, *_FOR):
        return Normalised(ignored="an inquiry takes no money")
    return _paid_back(about, now, undone=_FOR, disputed=True)


def _paid_back(
    about: _About[_Refunded], now: datetime, *, undone: tuple[str, ...], disputed: bool = False
) -> Normalised:
    refund, at = about.data.object, _at(about.created, now)
    if refund.payment_intent is None:
        return _NO_ORDER
    fact = Refund(
        id=f"{_DISPUTE}{refund.id}" if disputed else refund.id,
        minor=_minor(refund.amount, refund.currency, "data.object.amount"),
        version=at,
        undone=refund.status in undone,
        gross=True,
        disputed=disputed,
    )
    return Normalised((Said("refund.updated", at, RefundUpdated(refund.payment_intent, fact)),))


def _fee(body: bytes, now: datetime) -> Normalised:
    about = validated(_ABOUT_INVOICE, body)
    invoice, at = about.data.object, _at(about.created, now)
    periods = [each.period for each in invoice.lines.data if each.is_fee]
    if not periods:
        return Normalised(ignored="an invoice of no subscription")
    starts, ends = min(each.start for each in periods), max(each.end for each in periods)
    fact = SubscriptionPaid(
        customer=invoice.who(),
        reference=invoice.id,
        starts_on=_moment(starts).date(),
        ends_on=_moment(ends).date(),
        price_minor=_minor(invoice.amount_paid, invoice.currency, "data.object.amount_paid"),
    )
    return Normalised((Said("subscription.paid", at, fact),))


def _changed(body: bytes, now: datetime) -> Normalised:
    about = validated(_ABOUT_SUBSCRIPTION, body)
    if not about.data.object.cancel_at_period_end and about.data.object.cancel_at is None:
        return Normalised(ignored="the subscription is to be renewed")
    return _cancelled(about, now)


def _ended(body: bytes, now: datetime) -> Normalised:
    return _cancelled(validated(_ABOUT_SUBSCRIPTION, body), now)


def _cancelled(about: _About[_Subscription], now: datetime) -> Normalised:
    """Return that it is not to be renewed; the end of what was cancelled before is the same cancellation."""
    subscription, at = about.data.object, _at(about.created, now)
    reference = f"{subscription.id}:{subscription.canceled_at or about.created}"
    return Normalised((Said("subscription.cancelled", at, SubscriptionCancelled(subscription.who(), reference)),))


def _payer(who: Customer | None) -> Customer:
    if who is None:
        raise refused("data.object.customer", "is missing")
    return who


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _at(seconds: int, now: datetime) -> datetime:
    return happened(_moment(seconds), "created", now=now)


def _minor(units: int, currency: str, key: str) -> int:
    """Return an amount of Stripe's in minor units of the currency.

    Raises `EventRefused` where these are too coarse for it.
    """
    own: int = 10 ** exponent(currency)
    theirs: int = 10 ** _EXPONENTS.get(currency, exponent(currency))
    exact, rest = divmod(units * own, theirs)
    if rest:
        raise refused(key, f"has more decimals than {currency}")
    if exact > LARGEST:
        raise refused(key, "is more than any order comes to")
    return exact


_NO_ORDER = Normalised(ignored="a payment without a payment intent, which no checkout has")
_READERS: Mapping[str, Callable[[bytes, datetime], Normalised]] = {
    **dict.fromkeys(("checkout.session.completed", "checkout.session.async_payment_succeeded"), _checkout),
    "charge.refunded": _charge_refunded,
    **dict.fromkeys(("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"), _refund),
    **dict.fromkeys(
        (f"charge.dispute.{each}" for each in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")),
        _dispute,
    ),
    "invoice.paid": _fee,
    "customer.subscription.updated": _changed,
    "customer.subscription.deleted": _ended,
}
