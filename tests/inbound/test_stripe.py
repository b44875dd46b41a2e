"""Stripe's checkouts, refunds, disputes and fees, as they are sent, become our facts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from changing import ABSENT, changed
from vendor_actors import SHOP, fold, only, payload, refusal, say

from wallet_service.domain.delivery import Said
from wallet_service.domain.event import (
    Customer,
    OrderPaid,
    OrderUpdated,
    Refund,
    RefundUpdated,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.identity import Identity

PAID_AT = datetime(2026, 6, 1, 9, 58, tzinfo=UTC)
MEMBER = "mem_7k3zq0w9v8x7c6b5n4m3"
IDENTITIES = (
    Identity("stripe", "cus_Invented1"),
    Identity("email", "jana@mail.example"),
    Identity("phone", "+420555010000"),
)
JANA = Customer(member_id=MEMBER, identities=IDENTITIES)
BOUGHT = OrderPaid(
    customer=JANA,
    order_id="pi_3Invented1",
    currency="EUR",
    eligible_minor=8040,
    tax_minor=1500,
    total_minor=10_000,
    paid_at=PAID_AT,
)
CHECKOUT = payload("stripe", "checkout_session_completed")
IN_OBJECT = "data.object"


def checkout(**more: Any) -> Any:
    """Return a checkout with some of it changed."""
    return changed(CHECKOUT, IN_OBJECT, CHECKOUT["data"]["object"] | more)


def order(name: str = "checkout_session_completed", said: Any = None) -> OrderUpdated:
    """Return what is said of an order."""
    fact = only(say("stripe", name, said)).fact
    assert isinstance(fact, OrderUpdated)
    return fact


def test_a_paid_checkout_is_an_order() -> None:
    """It goes by its payment; tax and shipping earn nothing."""
    assert only(say("stripe", "checkout_session_completed")) == Said(
        "order.updated", PAID_AT, OrderUpdated("pi_3Invented1", PAID_AT, JANA, BOUGHT)
    )


def test_a_checkout_may_be_paid_later() -> None:
    """Yen are whole; a reference that is no id of ours is the merchant's own."""
    told = order("checkout_session_async_payment_succeeded")
    assert told.customer == Customer(id="shopper-17", identities=IDENTITIES)
    assert told.paid
    assert (told.order_id, told.paid.currency, told.paid.eligible_minor) == ("pi_3Invented2", "JPY", 3000)


def test_refunds_are_told_by_the_charge_and_one_by_one() -> None:
    """Both are of the whole amount, of which goods are a part, and name nobody."""
    at = PAID_AT + timedelta(hours=1)
    assert only(say("stripe", "charge_refunded")) == Said(
        "order.updated", at, OrderUpdated("pi_3Invented1", at, None, None, 2500, gross=True)
    )
    refund = Refund("re_3Invented1", 2500, at, gross=True)
    assert only(say("stripe", "refund_created")) == Said("refund.updated", at, RefundUpdated("pi_3Invented1", refund))
    both = [only(say("stripe", each)) for each in ("checkout_session_completed", "charge_refunded", "refund_created")]
    assert fold(both).remaining_minor == 8040 - 2010


def test_a_failed_refund_is_undone() -> None:
    """The charge does not tell it, so the refund does."""
    names = ("checkout_session_completed", "charge_refunded", "refund_created", "refund_failed")
    news = [only(say("stripe", each)) for each in names]
    assert isinstance(news[-1].fact, RefundUpdated)
    assert news[-1].fact.refund.undone
    assert fold(news).remaining_minor == fold(news[::-1]).remaining_minor == 8040


def test_a_dispute_holds_back_until_it_is_decided() -> None:
    """It counts besides what was paid back; won, it gives back what it held, and lost, it stays."""
    created = only(say("stripe", "charge_dispute_created"))
    refund = Refund("dispute:du_1Invented1", 10_000, PAID_AT + timedelta(seconds=4000), gross=True, disputed=True)
    assert created.fact == RefundUpdated("pi_3Invented1", refund)
    paid, back = only(say("stripe", "checkout_session_completed")), only(say("stripe", "charge_refunded"))
    won, lost = only(say("stripe", "charge_dispute_closed_won")), only(say("stripe", "charge_dispute_closed_lost"))
    assert fold([paid, created]).remaining_minor == 0
    assert fold([paid, back, created, won]).remaining_minor == 8040 - 2010
    assert fold([paid, created, lost]).remaining_minor == 0


def test_a_fee_is_paid_for_its_period() -> None:
    """An invoice of a subscription is a fee, from the day on which its period begins through that on which it ends."""
    who = Customer(member_id=MEMBER, identities=IDENTITIES[:2])
    fact = SubscriptionPaid(who, "in_1Invented1", date(2026, 5, 31), date(2027, 5, 31), 4900)
    assert only(say("stripe", "invoice_paid")) == Said("subscription.paid", PAID_AT, fact)
    older = only(say("stripe", "invoice_paid_2024")).fact
    assert older == replace(
        fact, customer=Customer(id="cus_Invented1", identities=IDENTITIES[:2]), reference="in_1Invented2"
    )


def test_a_subscription_is_cancelled_once() -> None:
    """The end of one that was cancelled before is the same cancellation, by the same reference."""
    who = Customer(id="cus_Invented1", identities=IDENTITIES[:1])
    cancelled = SubscriptionCancelled(who, "sub_1Invented1:1780307980")
    assert only(say("stripe", "customer_subscription_updated")).fact == cancelled
    assert only(say("stripe", "customer_subscription_deleted")).fact == cancelled
    dated = changed(payload("stripe", "customer_subscription_updated_renews"), f"{IN_OBJECT}.cancel_at", 1811800800)
    assert only(say("stripe", "customer_subscription_updated_renews", dated)).type == "subscription.cancelled"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("checkout_session_completed_unpaid", None),
        ("checkout_session_completed_subscription", None),
        ("checkout_session_completed_test", None),
        ("checkout_session_completed", checkout(mode="setup")),
        ("checkout_session_completed", checkout(payment_status="no_payment_required")),
        ("charge_refunded", changed(payload("stripe", "charge_refunded"), f"{IN_OBJECT}.payment_intent", None)),
        ("refund_created", changed(payload("stripe", "refund_created"), f"{IN_OBJECT}.payment_intent", ABSENT)),
        ("charge_dispute_created_inquiry", None),
        ("invoice_paid_manual", None),
        ("customer_subscription_updated_renews", None),
        ("payment_intent_succeeded", None),
        ("thin", None),
    ],
)
def test_what_does_not_matter_is_ignored_and_says_why(name: str, said: Any) -> None:
    """What is not paid, told elsewhere, in test mode, without a payment, thin, or of other topics."""
    normalised = say("stripe", name, said)
    assert normalised.said == ()
    assert normalised.ignored


def test_a_test_event_counts_in_test_mode() -> None:
    """A source that was connected for trying out takes it."""
    assert say("stripe", "checkout_session_completed_test", arrangement=replace(SHOP, test_mode=True)).said


@pytest.mark.parametrize(
    ("said", "customer"),
    [
        (checkout(client_reference_id=None, metadata={"member_id": MEMBER}), JANA),
        (checkout(client_reference_id="s-1", metadata={"member_id": MEMBER}), JANA),
        (
            checkout(client_reference_id=None, metadata={"card_code": "k7qm-2xtd-9f4g-hjkm"}),
            Customer(card_code="K7QM2XTD9F4GHJKM", identities=IDENTITIES),
        ),
        (
            checkout(client_reference_id=None, metadata={"member_id": 7}),
            Customer("cus_Invented1", identities=IDENTITIES),
        ),
        (checkout(client_reference_id="  ", metadata=[]), Customer("cus_Invented1", identities=IDENTITIES)),
        (checkout(client_reference_id="s\u202e1"), Customer("cus_Invented1", identities=IDENTITIES)),
        (checkout(customer={"id": "cus_Invented1", "object": "customer"}), JANA),
        (
            checkout(client_reference_id=None, customer=None, customer_details={"email": "a@mail.example"}),
            Customer(identities=(Identity("email", "a@mail.example"),)),
        ),
        (checkout(client_reference_id=None, customer=None, customer_details=None), None),
    ],
)
def test_a_customer_is_who_the_merchant_means(said: Any, customer: Customer | None) -> None:
    """Our member counts first, then the card, the merchant's own id, Stripe's, an address; a guest may be nobody."""
    assert order(said=said).customer == customer


@pytest.mark.parametrize(
    ("currency", "units", "minor"),
    [("jpy", 500, 500), ("kwd", 5000, 5000), ("isk", 50_000, 500), ("ugx", 50_000, 500), ("mga", 500, 50_000)],
)
def test_stripe_counts_some_currencies_otherwise(currency: str, units: int, minor: int) -> None:
    """Its smallest unit is not always the currency's own."""
    paid = order(said=checkout(currency=currency, amount_total=units, total_details=None)).paid
    assert paid
    assert (paid.currency, paid.total_minor, paid.eligible_minor) == (currency.upper(), minor, minor)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("type", "", "type"),
        ("created", ABSENT, "created"),
        ("created", "1780307880", "created"),
        ("created", 1780315501, "created"),
        ("created", 10**12, "created"),
        ("livemode", "yes", "livemode"),
        (f"{IN_OBJECT}.id", None, f"{IN_OBJECT}.id"),
        (f"{IN_OBJECT}.currency", None, f"{IN_OBJECT}.amount_total"),
        (f"{IN_OBJECT}.currency", "€", f"{IN_OBJECT}.currency"),
        (f"{IN_OBJECT}.amount_total", None, f"{IN_OBJECT}.amount_total"),
        (f"{IN_OBJECT}.amount_total", 100.5, f"{IN_OBJECT}.amount_total"),
        (f"{IN_OBJECT}.total_details.amount_tax", -1, f"{IN_OBJECT}.total_details.amount_tax"),
    ],
)
def test_an_impossible_value_is_named_by_its_key(path: str, value: Any, key: str) -> None:
    """One wrong value is one fault at its key."""
    assert list(refusal("stripe", "checkout_session_completed", changed(CHECKOUT, path, value))) == [key]


def test_amounts_that_a_currency_does_not_have_are_refused() -> None:
    """Half a króna is none, and what is too much in the currency's own units is too much."""
    half = checkout(currency="isk", amount_total=50_050, total_details=None)
    key = f"{IN_OBJECT}.amount_total"
    assert refusal("stripe", "checkout_session_completed", half) == {key: "has more decimals than ISK"}
    much = checkout(currency="mga", amount_total=10**10, total_details=None)
    assert refusal("stripe", "checkout_session_completed", much) == {key: "is more than any order comes to"}


def test_a_fee_has_a_payer() -> None:
    """Nobody can be a member of a club."""
    said = changed(payload("stripe", "customer_subscription_deleted"), f"{IN_OBJECT}.customer", None)
    assert refusal("stripe", "customer_subscription_deleted", said) == {f"{IN_OBJECT}.customer": "is missing"}


def test_more_taken_off_than_there_is_leaves_nothing() -> None:
    """Tax and shipping beyond the total earn nothing, and take nothing."""
    paid = order(said=checkout(amount_total=100)).paid
    assert paid
    assert paid.eligible_minor == 0
