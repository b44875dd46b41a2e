"""WooCommerce's dialect: whole orders, signed with the webhook's secret.

https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised, Said
from wallet_service.domain.event import Customer, OrderFulfilled, OrderPaid, OrderUpdated
from wallet_service.domain.purchase import Line
from wallet_service.inbound.lines import bought, named
from wallet_service.inbound.money import NOTHING, Amount, in_minor
from wallet_service.inbound.persons import customer
from wallet_service.inbound.reading import (
    MOST,
    Count,
    Currency,
    Listed,
    Moment,
    Table,
    Text,
    VendorId,
    happened,
    validated,
)
from wallet_service.inbound.signature import by_name, check, in_base64, keys, plain

PING = "ping"

_SIGNATURE = "x-wc-webhook-signature"
_FORM = "application/x-www-form-urlencoded"
_PING_BODY = re.compile(rb"webhook_id=[0-9]{1,20}")
_ORDERS = ("order.created", "order.updated", "order.restored")
# A shop may have more kinds of its own, such as "packed"; an order that was paid for stays paid for in these.
_NOT_PAID = ("pending", "on-hold", "failed", "cancelled", "trash", "checkout-draft", "draft", "auto-draft", "new")
_NO_CUSTOMER = "0"


def verify(
    headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], arrangement: Arrangement, now: datetime
) -> Delivery:
    """Return the delivery, once one of the secrets is shown to have signed these very bytes.

    Neither time nor headers are signed, and no id is the same in two deliveries of one event. A new webhook greets its
    address without a signature, and is only taken up if it is answered: that greeting is the topic `PING`, and says
    nothing. Raises `SignatureRefused`.
    """
    headers = by_name(headers)
    if _SIGNATURE not in headers and _is_ping(headers.get("content-type", ""), body):
        return Delivery(PING)
    check(in_base64(keys(secrets), body), [headers.get(_SIGNATURE, "").strip()])
    return Delivery(plain(headers.get("x-wc-webhook-topic")) or "")


def normalise(delivery: Delivery, body: bytes, *, arrangement: Arrangement, now: datetime) -> Normalised:
    """Return what a verified body says.

    Raises `EventRefused` with every fault of a body that says something impossible.
    """
    match delivery.topic:
        case topic if topic in _ORDERS:
            return _order(validated(_Order, body), now)
        case "order.deleted":
            return _deleted(validated(_Deleted, body), now)
        case topic if topic == PING:
            return Normalised(ignored="a new webhook greets its address")
        case _:
            return Normalised(ignored="nothing is read from this topic")


def _is_ping(content_type: str, body: bytes) -> bool:
    return content_type.partition(";")[0].strip().lower() == _FORM and _PING_BODY.fullmatch(body) is not None


def _in_utc(given: object) -> object:
    """Return a time with its zone, which these fields leave out; an empty one is none."""
    return f"{given}Z" if isinstance(given, str) and given else given or None


Utc = Annotated[Moment, BeforeValidator(_in_utc)]
UtcOrNone = Annotated[Moment | None, BeforeValidator(_in_utc)]


class _Line(Table):
    total: Amount
    total_tax: Amount = NOTHING
    quantity: Count = 1
    sku: Text = None
    variation_id: VendorId | None = None
    product_id: VendorId | None = None


class _Refund(Table):
    total: Amount


class _Billing(Table):
    email: Text = None
    phone: Text = None


class _Meta(Table):
    key: Text = None
    value: Text = None


class _Order(Table):
    id: VendorId
    status: Text = None
    currency: Currency
    date_modified_gmt: Utc
    date_paid_gmt: UtcOrNone = None
    date_completed_gmt: UtcOrNone = None
    total: Amount
    line_items: Listed[_Line]
    refunds: Listed[_Refund] = ()
    customer_id: VendorId = _NO_CUSTOMER
    billing: _Billing | None = None
    meta_data: Listed[_Meta] = ()

    def who(self) -> Customer | None:
        billing = self.billing or _Billing()
        put_in = {each.key: each.value for each in self.meta_data}
        return customer(
            "woocommerce",
            vendor_id=None if self.customer_id == _NO_CUSTOMER else self.customer_id,
            email=billing.email,
            phone=billing.phone,
            member_id=put_in.get("wallet_member_id"),
            card_code=put_in.get("wallet_card_code"),
        )

    def bought(self, who: Customer | None, paid_at: datetime) -> OrderPaid:
        lines = [
            Line(
                sku=named(each.sku, _some(each.variation_id), _some(each.product_id)),
                net_minor=in_minor(each.total, self.currency, f"line_items.{place}.total"),
                quantity=each.quantity,
            )
            for place, each in enumerate(self.line_items)
        ]
        tax = sum((each.total_tax for each in self.line_items), NOTHING)
        return bought(
            who,
            order_id=self.id,
            currency=self.currency,
            lines=lines,
            tax_minor=in_minor(tax, self.currency, "line_items"),
            total_minor=self.total_minor,
            paid_at=paid_at,
        )

    @property
    def total_minor(self) -> int:
        return in_minor(self.total, self.currency, "total")

    @property
    def refunded_minor(self) -> int:
        """All that was paid back, with tax and shipping: refunds are told below zero, and without lines."""
        told = -in_minor(sum((each.total for each in self.refunds), NOTHING), self.currency, "refunds")
        return max(told, self.total_minor if self.status == "refunded" else 0, 0)

    def version(self, now: datetime) -> datetime:
        """When it was changed last, in seconds.

        A refund that is deleted leaves that time as it is, while one that is made moves it: so, of two states of one
        second, that with fewer refunds is the later one.
        """
        changed = happened(self.date_modified_gmt, "date_modified_gmt", now=now)
        return changed + timedelta(microseconds=MOST - len(self.refunds))


class _Deleted(Table):
    """Nothing but an id: an order that is sent again under this topic is refused, since the topic is not signed."""

    model_config = ConfigDict(extra="forbid")

    id: VendorId


def _some(given: str | None) -> str | None:
    return None if given == "0" else given


def _order(order: _Order, now: datetime) -> Normalised:
    if order.date_paid_gmt is None:
        return Normalised(ignored="the order is not paid yet")
    version = order.version(now)
    who = order.who()
    fact = OrderUpdated(
        order_id=order.id,
        version=version,
        customer=who,
        paid=order.bought(who, happened(order.date_paid_gmt, "date_paid_gmt", now=now)),
        refunded_minor=order.refunded_minor,
        cancelled=order.status in _NOT_PAID,
        gross=True,
    )
    said = [Said("order.updated", version, fact)]
    if order.status == "completed":
        completed = order.date_completed_gmt or order.date_modified_gmt
        at = happened(completed, "date_completed_gmt", now=now)
        said.append(Said("order.fulfilled", at, OrderFulfilled(order.id)))
    return Normalised(tuple(said))


def _deleted(order: _Deleted, now: datetime) -> Normalised:
    """Return that an order is gone; the body tells no time, so that it is gone since it is heard."""
    fact = OrderUpdated(order.id, now, None, None, cancelled=True)
    return Normalised((Said("order.updated", now, fact),))
