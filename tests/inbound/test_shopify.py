"""Shopify's orders, refunds and requests of privacy, as they are sent, become our facts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from changing import ABSENT, changed
from vendor_actors import NOW, SHOP, only, payload, refusal, say

from wallet_service.domain.delivery import Said
from wallet_service.domain.event import (
    Customer,
    OrderFulfilled,
    OrderPaid,
    OrderUpdated,
    PrivacyRequested,
    Refund,
    RefundUpdated,
)
from wallet_service.domain.identity import Identity
from wallet_service.domain.purchase import Line

JANA = Customer(
    id="115310627314723954",
    identities=(
        Identity("shopify", "115310627314723954"),
        Identity("email", "jana@mail.example"),
        Identity("phone", "+15555550100"),
    ),
)
BOUGHT = OrderPaid(
    customer=JANA,
    order_id="820982911946154508",
    currency="USD",
    eligible_minor=16490,
    lines=(Line("IPOD2008PINK", 16490, 2), Line("GIFT-50", 5000, 1, earns=False)),
    tax_minor=1499,
    total_minor=23989,
    paid_at=datetime(2026, 6, 1, 9, 58, 30, tzinfo=UTC),
)


def at(hour: int, minute: int, second: int = 0) -> datetime:
    """Return a time of the day in question."""
    return datetime(2026, 6, 1, hour, minute, second, tzinfo=UTC)


def order(name: str, said: Any = None) -> OrderUpdated:
    """Return what is said of an order."""
    fact = only(say("shopify", name, said)).fact
    assert isinstance(fact, OrderUpdated)
    return fact


def test_a_paid_order_is_told_with_its_lines() -> None:
    """Net of its discount it comes to the subtotal that Shopify gives; gift cards, tax and shipping earn nothing."""
    version = at(9, 59, 58)
    assert say("shopify", "orders_paid").said == (
        Said("order.updated", version, OrderUpdated(BOUGHT.order_id, version, JANA, BOUGHT)),
    )
    assert payload("shopify", "orders_paid")["subtotal_price"] == "164.90"


def test_a_refund_is_told_by_itself_and_with_the_order() -> None:
    """What was paid for goods is in it, and what was paid for shipping is not."""
    told = only(say("shopify", "refunds_create"))
    refund = Refund("929361464", 8245, at(11, 30))
    assert told == Said("refund.updated", at(11, 30), RefundUpdated(BOUGHT.order_id, refund))
    with_order = order("orders_updated_refunded")
    assert with_order.refunds == (replace(refund, version=at(11, 30, 2)),)
    assert (with_order.paid, with_order.refunded_minor, with_order.cancelled) == (BOUGHT, 0, False)


def test_a_cancelled_order_is_one() -> None:
    """It has a time of cancellation, whatever was paid back."""
    assert order("orders_cancelled").cancelled
    never_paid = changed(payload("shopify", "orders_cancelled"), "financial_status", "voided")
    assert (order("orders_cancelled", never_paid).paid, order("orders_cancelled", never_paid).cancelled) == (None, True)


def test_a_shop_whose_prices_include_the_tax() -> None:
    """Its lines are told without; what the till put in names the card, and what is handed over is fulfilled."""
    bought, fulfilled = say("shopify", "orders_fulfilled_taxes_included").said
    assert isinstance(bought.fact, OrderUpdated)
    assert bought.fact.customer == Customer(card_code="K7QM2XTD9F4GHJKM")
    paid = bought.fact.paid
    assert paid
    assert (paid.eligible_minor, paid.tax_minor, paid.total_minor, paid.location) == (5000, 1000, 6000, "905684977")
    assert fulfilled == Said("order.fulfilled", at(9, 59), OrderFulfilled("450789469"))


def test_a_currency_without_decimals() -> None:
    """Yen are whole; a line without a stock keeping unit is called by its variant, and a member by our id."""
    told = order("orders_paid_jpy")
    assert told.customer
    assert told.customer.member_id == "mem_7k3zq0w9v8x7c6b5n4m3"
    assert told.customer.identities == JANA.identities
    assert told.paid
    assert (told.paid.currency, told.paid.eligible_minor) == ("JPY", 3000)
    assert told.paid.lines == (Line("466157000", 3000, 2),)


@pytest.mark.parametrize(
    ("request_", "name", "phone"),
    [("export", "customers_data_request", None), ("erase", "customers_redact", "+15556251199")],
)
def test_a_customer_s_request_of_privacy_names_the_customer(request_: Any, name: str, phone: str | None) -> None:
    """It names the person by all that Shopify knows; a number without its country is none."""
    phones = (Identity("phone", phone),) if phone else ()
    who = Customer(
        id="191167",
        identities=(Identity("shopify", "191167"), Identity("email", "jana@mail.example"), *phones),
    )
    assert only(say("shopify", name)) == Said("privacy.requested", NOW, PrivacyRequested(request_, who))


def test_a_whole_shop_is_erased() -> None:
    """The request names nobody."""
    assert only(say("shopify", "shop_redact")).fact == PrivacyRequested("erase_shop")


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("customers_redact", "customers_data_request"),
        ("customers_redact", "orders_paid"),
        ("customers_data_request", "customers_redact"),
        ("shop_redact", "customers_redact"),
        ("refunds_create", "orders_paid"),
        ("orders_paid", "refunds_create"),
        ("orders_paid", "customers_redact"),
    ],
)
def test_a_body_is_not_read_under_another_s_topic(topic: str, body: str) -> None:
    """Shopify signs no topic: who holds a body cannot have it taken for something else, least of all to erase."""
    assert refusal("shopify", topic, payload("shopify", body))


def test_a_request_about_nobody_is_refused() -> None:
    """Without an id and an address there is nobody to erase."""
    assert refusal("shopify", "customers_redact", changed(payload("shopify", "customers_redact"), "customer", {})) == {
        "customer": "is nobody: it has neither id nor address"
    }


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("orders_create_pending", "name", "#9999"),
        ("orders_paid_test", "name", "#9999"),
        ("orders_edited", "order_edit.id", 1),
        ("orders_paid", "financial_status", "partially_paid"),
        ("orders_paid", "financial_status", "authorized"),
        ("orders_paid", "financial_status", None),
    ],
)
def test_what_does_not_matter_is_ignored_and_says_why(name: str, path: str, value: Any) -> None:
    """Orders that are not paid in full, test orders, and edits without the order they are of."""
    normalised = say("shopify", name, changed(payload("shopify", name), path, value))
    assert normalised.said == ()
    assert normalised.ignored


def test_other_topics_are_ignored() -> None:
    """A topic that nothing is read from is nobody's fault."""
    said = payload("shopify", "orders_paid")
    for name in ("products_update", "customers_create", "orders_delete"):
        assert say("shopify", name, said).ignored


def test_a_test_order_counts_in_test_mode() -> None:
    """A source that was connected for trying out takes it."""
    assert say("shopify", "orders_paid_test", arrangement=replace(SHOP, test_mode=True)).said


@pytest.mark.parametrize(
    ("kind", "key"), [("tip_payment_gateway", "shopify_payments"), ("tip_payment_method", "Visa"), ("gift_card", True)]
)
def test_tips_and_gift_cards_earn_nothing(kind: str, key: Any) -> None:
    """They are told as lines that do not earn."""
    paid = order("orders_paid", changed(payload("shopify", "orders_paid"), f"line_items.0.{kind}", key)).paid
    assert paid
    assert (paid.eligible_minor, [line.earns for line in paid.lines]) == (0, [False, False])


def test_a_line_that_takes_something_off_leaves_only_the_sum() -> None:
    """A part exchange lowers what earns; rules that look at lines find none."""
    paid = order("orders_paid", changed(payload("shopify", "orders_paid"), "line_items.1.price", "-20.00")).paid
    assert paid
    assert (paid.eligible_minor, paid.lines) == (16490, ())
    more = changed(payload("shopify", "orders_paid"), "line_items.1.price", "-20.00")
    paid = order("orders_paid", changed(more, "line_items.1.gift_card", False)).paid
    assert paid
    assert (paid.eligible_minor, paid.lines) == (14490, ())


def attributes(**put_in: str) -> Any:
    """Return a paid order into which the shop has put something."""
    rows = [{"name": name, "value": value} for name, value in put_in.items()]
    return changed(payload("shopify", "orders_paid"), "note_attributes", rows)


@pytest.mark.parametrize(
    ("said", "customer"),
    [
        (attributes(card_code="K7QM-2XTD-9F4G-HJKM"), replace(JANA, id=None, card_code="K7QM2XTD9F4GHJKM")),
        (
            attributes(member_id=" mem_7k3zq0w9v8x7c6b5n4m3 "),
            replace(JANA, id=None, member_id="mem_7k3zq0w9v8x7c6b5n4m3"),
        ),
        (
            attributes(member_id="mem_7k3zq0w9v8x7c6b5n4m3", card_code="K7QM2XTD9F4GHJKM"),
            replace(JANA, id=None, member_id="mem_7k3zq0w9v8x7c6b5n4m3"),
        ),
        (attributes(card_code="my birthday", member_id="me"), JANA),
        (changed(payload("shopify", "orders_paid"), "note_attributes", None), JANA),
        (
            changed(payload("shopify", "orders_paid"), "customer", None),
            Customer(identities=(Identity("email", "jana@mail.example"),)),
        ),
        (changed(changed(payload("shopify", "orders_paid"), "customer", None), "email", None), None),
        (changed(changed(payload("shopify", "orders_paid"), "customer", None), "email", "at the till"), None),
    ],
)
def test_a_customer_is_who_the_shop_means(said: Any, customer: Customer | None) -> None:
    """What a merchant put in counts first, junk in it counts for nothing, and a guest may be nobody."""
    assert order("orders_paid", said).customer == customer


@pytest.mark.parametrize(
    ("lines", "adjustments", "minor"),
    [
        ([], [("refund_discrepancy", "-10.00")], 1000),  # paid back for nothing in particular
        ([(82.45, 7.5)], [("refund_discrepancy", "20.00")], 6245),  # less than the goods: a fee was kept
        ([(82.45, 7.5)], [("refund_discrepancy", "82.45")], 0),  # the goods came back, and the money follows
        ([], [("shipping_refund", "-5.00")], 0),
        ([], [(None, "-10.00")], 1000),  # newer versions of the interface do not say the kind
        ([], [], 0),
    ],
)
def test_a_refund_is_what_was_paid_back_for_goods(
    lines: list[tuple[float, float]], adjustments: list[tuple[str | None, str]], minor: int
) -> None:
    """Lines that came back, less what was not paid for them, and what was paid besides; but no shipping."""
    said = payload("shopify", "refunds_create")
    row = said["refund_line_items"][0]
    said["refund_line_items"] = [row | {"subtotal": subtotal, "total_tax": tax} for subtotal, tax in lines]
    said["order_adjustments"] = [
        {"kind": kind, "amount": amount, "amount_set": {"shop_money": {"amount": amount, "currency_code": "USD"}}}
        for kind, amount in adjustments
    ]
    fact = only(say("shopify", "refunds_create", said)).fact
    assert isinstance(fact, RefundUpdated)
    assert fact.refund.minor == minor


@pytest.mark.parametrize(
    ("price", "rate", "tax", "subtotal", "minor"),
    [
        ("12.00", 0.2, "2.00", 12, 1000),  # the tax is in the price
        ("10.00", 0.2, "2.00", 10.0, 1000),  # it comes on top
        ("0.05", 0.2, "0.01", 0.05, 5),  # too little to tell
        ("10.00", 0, "0.00", 10.0, 1000),
    ],
)
def test_a_refund_alone_tells_by_its_line_whether_tax_is_in_the_price(
    price: str, rate: float, tax: str, subtotal: float, minor: int
) -> None:
    """The refund does not say it, but the line's tax is that of one way of taxing and not of the other."""
    said = payload("shopify", "refunds_create")
    row = said["refund_line_items"][0]
    row |= {"subtotal": subtotal, "total_tax": float(tax), "quantity": 1}
    row["line_item"] |= {
        "price": price,
        "quantity": 1,
        "discount_allocations": [],
        "tax_lines": [{"price": tax, "rate": rate, "title": "Tax"}],
    }
    fact = only(say("shopify", "refunds_create", said)).fact
    assert isinstance(fact, RefundUpdated)
    assert fact.refund.minor == minor


def test_a_returned_gift_card_takes_nothing_back() -> None:
    """What earned nothing is not taken off what did."""
    said = changed(payload("shopify", "refunds_create"), "refund_line_items.0.line_item.gift_card", True)
    fact = only(say("shopify", "refunds_create", said)).fact
    assert isinstance(fact, RefundUpdated)
    assert fact.refund.minor == 0


def test_a_refund_has_a_currency_or_nothing() -> None:
    """Its currency is that of its amounts or of its payment; without one, an amount is nothing that can be counted."""
    said = payload("shopify", "refunds_create")
    bare = changed(changed(said, "refund_line_items.0.subtotal_set", ABSENT), "order_adjustments", [])
    fact = only(say("shopify", "refunds_create", bare)).fact
    assert isinstance(fact, RefundUpdated)
    assert fact.refund.minor == 8245
    assert refusal("shopify", "refunds_create", changed(bare, "transactions", [])) == {
        "refund_line_items": "name no currency"
    }
    dinars = changed(changed(bare, "transactions.0.currency", "KWD"), "refund_line_items.0.subtotal", 8.245)
    fact = only(say("shopify", "refunds_create", dinars)).fact
    assert isinstance(fact, RefundUpdated)
    assert fact.refund.minor == 8245


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("id", None, "id"),
        ("id", True, "id"),
        ("id", 10**30, "id"),
        ("updated_at", ABSENT, "updated_at"),
        ("updated_at", "2026-06-01T09:59:58", "updated_at"),
        ("updated_at", "2026-06-01T12:05:01Z", "updated_at"),
        ("updated_at", 1780308000, "updated_at"),
        ("processed_at", "1969-12-31T23:59:59Z", "processed_at"),
        ("currency", "dollar", "currency"),
        ("total_price", "many", "total_price"),
        ("total_price", "NaN", "total_price"),
        ("total_price", "1E+99", "total_price"),
        ("total_price", "239.891", "total_price"),
        ("total_price", "9999999999999", "total_price"),
        ("total_price", "1000000000.01", "total_price"),
        ("line_items", ABSENT, "line_items"),
        ("line_items", payload("shopify", "orders_paid")["line_items"][:1] * 1001, "line_items"),
        ("line_items.0.quantity", -1, "line_items.0.quantity"),
        ("line_items.0.quantity", 100_001, "line_items.0.quantity"),
        ("line_items.0.price", None, "line_items.0.price"),
        ("line_items.0.price", "89.9575", "line_items.0"),
        ("line_items.0.discount_allocations.0.amount", "15.0000001", "line_items.0.discount_allocations.0.amount"),
    ],
)
def test_an_impossible_value_is_named_by_its_key(path: str, value: Any, key: str) -> None:
    """One wrong value is one fault, or one for each row that has it, in words without the value itself."""
    found = refusal("shopify", "orders_paid", changed(payload("shopify", "orders_paid"), path, value))
    assert key in found
    assert all(len(message) < 200 for message in found.values())


def test_a_body_of_faults_is_told_the_first_hundred() -> None:
    """Nobody reads thousands of them."""
    said = changed(payload("shopify", "orders_paid"), "line_items", [{}] * 1000)
    assert len(refusal("shopify", "orders_paid", said)) == 100


def test_an_amount_may_be_a_number_with_its_noise() -> None:
    """A number of JSON is what people wrote, however binary fractions spell it; more decimals are refused still."""
    said = payload("shopify", "refunds_create")
    for number, minor in ((82.45, 8245), (82.4500000000001, 8245), (82, 8200), ("82.450000", 8245)):
        fact = only(say("shopify", "refunds_create", changed(said, "refund_line_items.0.subtotal", number))).fact
        assert isinstance(fact, RefundUpdated)
        assert fact.refund.minor == minor
    assert refusal("shopify", "refunds_create", changed(said, "refund_line_items.0.subtotal", 82.455)) == {
        "refund_line_items": "has more decimals than USD"
    }
