"""Shopify's dialect: whole orders and single refunds, signed with the app's secret; and what privacy law asks for.

https://shopify.dev/docs/apps/build/webhooks
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised, Said
from wallet_service.domain.event import (
    Customer,
    OrderFulfilled,
    OrderPaid,
    OrderUpdated,
    PrivacyRequested,
    Refund,
    RefundUpdated,
)
from wallet_service.domain.purchase import Line
from wallet_service.inbound.lines import bought, named
from wallet_service.inbound.money import NOTHING, Amount, in_minor
from wallet_service.inbound.persons import customer
from wallet_service.inbound.reading import (
    Count,
    Currency,
    Listed,
    Moment,
    Table,
    Text,
    VendorId,
    happened,
    refused,
    validated,
)
from wallet_service.inbound.signature import by_name, check, in_base64, keys, plain

_ORDERS = (
    "orders/create",
    "orders/paid",
    "orders/updated",
    "orders/cancelled",
    "orders/fulfilled",
    "orders/partially_fulfilled",
)
_PAID = ("paid", "partially_refunded", "refunded")
_NOT_SENT = ("cancelled", "error", "failure")
_SHIPPING = "shipping_refund"


def verify(
    headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], arrangement: Arrangement, now: datetime
) -> Delivery:
    """Return the delivery, once one of the secrets is shown to have signed these very bytes.

    Shopify signs neither time nor headers: who holds an old delivery can send it again, under any topic. Raises
    `SignatureRefused`.
    """
    headers = by_name(headers)
    check(in_base64(keys(secrets), body), [headers.get("x-shopify-hmac-sha256", "").strip()])
    return Delivery(plain(headers.get("x-shopify-topic")) or "", plain(headers.get("x-shopify-webhook-id")))


def normalise(delivery: Delivery, body: bytes, *, arrangement: Arrangement, now: datetime) -> Normalised:
    """Return what a verified body says.

    Raises `EventRefused` with every fault of a body that says something impossible.
    """
    match delivery.topic:
        case topic if topic in _ORDERS:
            return _order(validated(_Order, body), arrangement, now)
        case "refunds/create":
            return Normalised((_refund(validated(_Refund, body), now),))
        case "orders/edited":
            return Normalised(ignored="an edit tells only what has changed; orders/updated tells the order")
        case "customers/data_request":
            return _private(validated(_DataRequest, body).request, now)
        case "customers/redact":
            return _private(validated(_Redaction, body).request, now)
        case "shop/redact":
            return _private(validated(_ShopRedaction, body).request, now)
        case _:
            return Normalised(ignored="nothing is read from this topic")


class _ShopMoney(Table):
    currency_code: Currency


class _Money(Table):
    shop_money: _ShopMoney | None = None


class _TaxLine(Table):
    price: Amount = NOTHING
    rate: Amount | None = None


class _Allocation(Table):
    amount: Amount


class _Line(Table):
    """A line of an order; its price is that of one piece, before discounts, with the tax in it in some shops."""

    price: Amount
    quantity: Count
    sku: Text = None
    variant_id: VendorId | None = None
    product_id: VendorId | None = None
    gift_card: bool | None = None
    tip_payment_gateway: Text = None
    tip_payment_method: Text = None
    discount_allocations: Listed[_Allocation] = ()
    tax_lines: Listed[_TaxLine] = ()

    @property
    def earns(self) -> bool:
        return not (self.gift_card or self.tip_payment_gateway or self.tip_payment_method)

    @property
    def discounted(self) -> Decimal:
        return self.price * self.quantity - sum((each.amount for each in self.discount_allocations), NOTHING)

    @property
    def tax(self) -> Decimal:
        return sum((each.price for each in self.tax_lines), NOTHING)

    @property
    def taxed_inside(self) -> bool:
        """Whether the price includes the tax, judged by which of both ways of taxing it comes nearer to the tax."""
        rate = sum((each.rate or NOTHING for each in self.tax_lines), NOTHING)
        outside = self.discounted * rate
        return rate > 0 and abs(outside / (1 + rate) - self.tax) < abs(outside - self.tax)


class _OldLine(_Line):
    """A line as a refund repeats it, if it does."""

    price: Amount = NOTHING
    quantity: Count = 0


class _RefundLine(Table):
    subtotal: Amount
    total_tax: Amount = NOTHING
    subtotal_set: _Money | None = None
    line_item: _OldLine | None = None


class _Adjustment(Table):
    """What was paid back besides the lines: less than nothing if more than these came to."""

    amount: Amount
    kind: Text = None
    amount_set: _Money | None = None


class _Transaction(Table):
    currency: Text = None


class _Refund(Table):
    id: VendorId
    order_id: VendorId
    created_at: Moment
    refund_line_items: Listed[_RefundLine]
    order_adjustments: Listed[_Adjustment] = ()
    transactions: Listed[_Transaction] = ()

    @property
    def currency(self) -> str | None:
        """The shop's currency, where the refund says it; it may hold nothing that has one."""
        sets = [each.subtotal_set for each in self.refund_line_items]
        sets += [each.amount_set for each in self.order_adjustments]
        said = [each.shop_money.currency_code for each in sets if each and each.shop_money]
        return next(iter([*said, *(each.currency for each in self.transactions if each.currency)]), None)

    def net(self, *, taxed_inside: bool | None = None) -> Decimal:
        """What was paid back for goods, as far as it can be told without tax and shipping.

        What came back but was not paid for yet is in an adjustment, and so is what is paid for it later.
        """
        net = NOTHING
        for each in self.refund_line_items:
            line = each.line_item or _OldLine()
            inside = line.taxed_inside if taxed_inside is None else taxed_inside
            if line.earns:
                net += each.subtotal - (each.total_tax if inside else NOTHING)
        return net - sum((each.amount for each in self.order_adjustments if each.kind != _SHIPPING), NOTHING)


class _Fulfillment(Table):
    created_at: Moment
    status: Text = None


class _Person(Table):
    id: VendorId | None = None
    email: Text = None
    phone: Text = None


class _Attribute(Table):
    name: Text = None
    value: Text = None


class _Order(Table):
    id: VendorId
    updated_at: Moment
    created_at: Moment
    processed_at: Moment | None = None
    cancelled_at: Moment | None = None
    financial_status: Text = None
    fulfillment_status: Text = None
    test: bool | None = None
    taxes_included: bool | None = None
    currency: Currency
    total_price: Amount
    line_items: Listed[_Line]
    refunds: Listed[_Refund] = ()
    fulfillments: Listed[_Fulfillment] = ()
    customer: _Person | None = None
    email: Text = None
    phone: Text = None
    note_attributes: Listed[_Attribute] = ()
    location_id: VendorId | None = None

    def who(self) -> Customer | None:
        person = self.customer or _Person()
        put_in = {each.name: each.value for each in self.note_attributes}
        return customer(
            "shopify",
            vendor_id=person.id,
            email=person.email or self.email,
            phone=person.phone or self.phone,
            member_id=put_in.get("member_id"),
            card_code=put_in.get("card_code"),
        )

    def bought(self, who: Customer | None, now: datetime) -> OrderPaid:
        inside = bool(self.taxes_included)
        lines = [
            Line(
                sku=named(each.sku, each.variant_id, each.product_id),
                net_minor=in_minor(
                    each.discounted - (each.tax if inside else NOTHING), self.currency, f"line_items.{place}"
                ),
                quantity=each.quantity,
                earns=each.earns,
            )
            for place, each in enumerate(self.line_items)
        ]
        tax = sum((each.tax for each in self.line_items if each.earns), NOTHING)
        return bought(
            who,
            order_id=self.id,
            currency=self.currency,
            lines=lines,
            tax_minor=in_minor(tax, self.currency, "line_items"),
            total_minor=in_minor(self.total_price, self.currency, "total_price"),
            location=self.location_id,
            paid_at=happened(self.processed_at or self.created_at, "processed_at", now=now),
        )


class _DataRequest(Table):
    """The bodies of these topics have different keys, so that none can be sent again as another."""

    shop_id: VendorId
    shop_domain: Text
    customer: _Person
    data_request: dict[str, Any]

    @property
    def request(self) -> PrivacyRequested:
        return PrivacyRequested("export", _somebody(self.customer))


class _Redaction(Table):
    shop_id: VendorId
    shop_domain: Text
    customer: _Person
    orders_to_redact: Listed[Any]

    @property
    def request(self) -> PrivacyRequested:
        return PrivacyRequested("erase", _somebody(self.customer))


class _ShopRedaction(Table):
    shop_id: VendorId
    shop_domain: Text
    customer: None = None

    @property
    def request(self) -> PrivacyRequested:
        return PrivacyRequested("erase_shop")


def _order(order: _Order, arrangement: Arrangement, now: datetime) -> Normalised:
    if order.test and not arrangement.test_mode:
        return Normalised(ignored="a test order, and the source is not in test mode")
    cancelled = order.cancelled_at is not None
    is_paid = order.financial_status in _PAID
    if not is_paid and not cancelled and not order.refunds:
        return Normalised(ignored="the order is not paid yet")
    version = happened(order.updated_at, "updated_at", now=now)
    who = order.who()
    fact = OrderUpdated(
        order_id=order.id,
        version=version,
        customer=who,
        paid=order.bought(who, now) if is_paid else None,
        cancelled=cancelled,
        refunds=tuple(
            Refund(
                id=each.id,
                minor=in_minor(each.net(taxed_inside=bool(order.taxes_included)), order.currency, f"refunds.{place}"),
                version=version,
            )
            for place, each in enumerate(order.refunds)
        ),
    )
    said = [Said("order.updated", version, fact)]
    if order.fulfillment_status == "fulfilled":
        sent = [each.created_at for each in order.fulfillments if each.status not in _NOT_SENT]
        sent_at = max(sent, default=order.updated_at)
        said.append(Said("order.fulfilled", happened(sent_at, "fulfillments", now=now), OrderFulfilled(order.id)))
    return Normalised(tuple(said))


def _refund(refund: _Refund, now: datetime) -> Said:
    net = refund.net()
    if net and refund.currency is None:
        raise refused("refund_line_items", "name no currency")
    version = happened(refund.created_at, "created_at", now=now)
    minor = in_minor(net, refund.currency or "", "refund_line_items")
    return Said("refund.updated", version, RefundUpdated(refund.order_id, Refund(refund.id, minor, version)))


def _somebody(person: _Person) -> Customer:
    who = customer("shopify", vendor_id=person.id, email=person.email, phone=person.phone)
    if who is None:
        raise refused("customer", "is nobody: it has neither id nor address")
    return who


def _private(request: PrivacyRequested, now: datetime) -> Normalised:
    """Return what is asked for; its body tells no time, so it is said when it is heard."""
    return Normalised((Said("privacy.requested", now, request),))
