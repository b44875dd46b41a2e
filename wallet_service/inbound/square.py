"""Square's dialect: payments and their refunds, signed together with the address that they are sent to.

https://developer.squareup.com/docs/webhooks/overview
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised, Said
from wallet_service.domain.errors import EventRefused
from wallet_service.domain.event import Customer, OrderPaid, OrderUpdated, Refund, RefundUpdated
from wallet_service.domain.values import Id
from wallet_service.inbound.persons import as_member_id, customer
from wallet_service.inbound.reading import (
    Currency,
    Minor,
    Moment,
    Table,
    Text,
    VendorId,
    happened,
    validated,
)
from wallet_service.inbound.signature import by_name, check, in_base64, keys, plain

_PAYMENTS = ("payment.created", "payment.updated")
_REFUNDS = ("refund.created", "refund.updated")
_FAILED = ("REJECTED", "FAILED")


def verify(
    headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], arrangement: Arrangement, now: datetime
) -> Delivery:
    """Return the delivery, once one of the secrets is shown to have signed the address and these very bytes.

    The address is the one that was arranged, byte for byte, whatever proxies make of it. The topic is empty where the
    body names no type. Raises `SignatureRefused`.
    """
    expected = in_base64(keys(secrets), arrangement.url.encode() + body)
    check(expected, [by_name(headers).get("x-square-hmacsha256-signature", "").strip()])
    try:
        event = validated(_Event, body)
    except EventRefused:
        return Delivery("")  # what is wrong with it is said when it is read
    return Delivery(event.type, plain(event.event_id))


def normalise(delivery: Delivery, body: bytes, *, arrangement: Arrangement, now: datetime) -> Normalised:
    """Return what a verified body says.

    Raises `EventRefused` with every fault of a body that says something impossible.
    """
    match delivery.topic or validated(_Event, body).type:
        case topic if topic in _PAYMENTS:
            return _paid(validated(_ABOUT_PAYMENT, body).data.object.payment, now)
        case topic if topic in _REFUNDS:
            return _refunded(validated(_ABOUT_REFUND, body).data.object.refund, now)
        case "order.created" | "order.updated":
            return Normalised(ignored="orders are told without amounts; their payments tell them")
        case _:
            return Normalised(ignored="nothing is read from this topic")


class _Event(Table):
    type: Id
    event_id: Text = None


class _Money(Table):
    amount: Minor
    currency: Currency


class _Payment(Table):
    """A payment; `refunded_money` is cumulative, and counts refunds that are still pending."""

    id: VendorId
    status: Id
    created_at: Moment
    updated_at: Moment
    amount_money: _Money
    total_money: _Money | None = None
    refunded_money: _Money | None = None
    customer_id: Text = None
    buyer_email_address: Text = None
    reference_id: Text = None
    note: Text = None
    location_id: Text = None

    def who(self) -> Customer | None:
        return customer(
            "square",
            vendor_id=plain(self.customer_id),
            email=self.buyer_email_address,
            member_id=as_member_id(self.reference_id) or self.note,
        )

    def bought(self, who: Customer | None, now: datetime) -> OrderPaid:
        total = self.total_money or self.amount_money
        return OrderPaid(
            customer=who or Customer(),
            order_id=self.id,
            currency=self.amount_money.currency,
            eligible_minor=self.amount_money.amount,
            total_minor=total.amount,
            location=plain(self.location_id),
            paid_at=happened(self.created_at, "data.object.payment.created_at", now=now),
        )


class _Refunded(Table):
    id: VendorId
    payment_id: VendorId | None = None
    status: Id
    updated_at: Moment
    amount_money: _Money


class _HoldsPayment(Table):
    payment: _Payment


class _HoldsRefund(Table):
    refund: _Refunded


Held = TypeVar("Held")


class _Data(Table, Generic[Held]):
    object: Held


class _About(Table, Generic[Held]):
    data: _Data[Held]


# Made once: pydantic forgets what nobody holds, and making one takes milliseconds.
_ABOUT_PAYMENT = _About[_HoldsPayment]
_ABOUT_REFUND = _About[_HoldsRefund]


def _paid(payment: _Payment, now: datetime) -> Normalised:
    """Return the payment as an order of its own: it tells neither lines nor tax, and an order may have several."""
    if payment.status != "COMPLETED":
        return Normalised(ignored="the payment is not completed")
    version = happened(payment.updated_at, "data.object.payment.updated_at", now=now)
    who = payment.who()
    fact = OrderUpdated(
        order_id=payment.id,
        version=version,
        customer=who,
        paid=payment.bought(who, now),
        refunded_minor=payment.refunded_money.amount if payment.refunded_money else 0,
        gross=True,
    )
    return Normalised((Said("order.updated", version, fact),))


def _refunded(refund: _Refunded, now: datetime) -> Normalised:
    """Return the refund; one that is pending counts already, as it does in the payment, and is undone if it fails."""
    if refund.payment_id is None:
        return Normalised(ignored="the refund belongs to no payment")
    version = happened(refund.updated_at, "data.object.refund.updated_at", now=now)
    undone = refund.status in _FAILED
    fact = Refund(refund.id, refund.amount_money.amount, version, undone=undone, gross=True)
    return Normalised((Said("refund.updated", version, RefundUpdated(refund.payment_id, fact)),))
