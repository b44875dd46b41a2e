"""Square's payments and refunds, as they are sent, become our facts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from changing import ABSENT, changed
from vendor_actors import fold, only, payload, refusal, say

from wallet_service.domain.delivery import Said
from wallet_service.domain.event import Customer, OrderPaid, OrderUpdated, Refund, RefundUpdated
from wallet_service.domain.identity import Identity

PAYMENT = "hYy9pRFVxpDsO1FB05SunFWUe9JZY"
JANA = Customer(
    id="QPTXM8PQNX3Q726ZYHPMNP46XC",
    identities=(Identity("square", "QPTXM8PQNX3Q726ZYHPMNP46XC"), Identity("email", "jana@mail.example")),
)
BOUGHT = OrderPaid(
    customer=JANA,
    order_id=PAYMENT,
    currency="USD",
    eligible_minor=4200,
    total_minor=4800,
    location="L88917AVBK2S5",
    paid_at=datetime(2026, 6, 1, 9, 58, 0, 187_000, tzinfo=UTC),
)
COMPLETED = payload("square", "payment_updated_completed")
IN_PAYMENT = "data.object.payment"
IN_REFUND = "data.object.refund"


def test_a_completed_payment_is_an_order_without_its_tip() -> None:
    """What was paid for earns, the tip does not, and both are what refunds are set against."""
    version = datetime(2026, 6, 1, 9, 58, 3, 527_000, tzinfo=UTC)
    assert only(say("square", "payment_updated_completed")) == Said(
        "order.updated", version, OrderUpdated(PAYMENT, version, JANA, BOUGHT, gross=True)
    )


def test_what_was_paid_back_is_cumulative() -> None:
    """Half of everything is half of what earns."""
    said = only(say("square", "payment_updated_refunded"))
    assert isinstance(said.fact, OrderUpdated)
    assert (said.fact.refunded_minor, said.fact.gross) == (2400, True)
    assert fold([said]).remaining_minor == 2100


@pytest.mark.parametrize(
    ("name", "second", "undone"),
    [("refund_created", 0, False), ("refund_updated_completed", 9, False), ("refund_updated_failed", None, True)],
)
def test_a_refund_counts_until_it_fails(name: str, second: int | None, undone: bool) -> None:
    """One that is pending counts, as it does in the payment; one that failed is undone."""
    at = datetime(2026, 6, 1, 11, 30 if second is None else 0, second or 0, 50_000, tzinfo=UTC)
    refund = Refund(f"{PAYMENT}_R1", 2400, at, undone=undone, gross=True)
    assert only(say("square", name)) == Said("refund.updated", at, RefundUpdated(PAYMENT, refund))


def test_a_rejected_refund_is_undone_too() -> None:
    """It has come to nothing as well."""
    said = changed(payload("square", "refund_updated_failed"), f"{IN_REFUND}.status", "REJECTED")
    fact = only(say("square", "refund_updated_failed", said)).fact
    assert isinstance(fact, RefundUpdated)
    assert fact.refund.undone


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("payment_created_approved", "merchant_id", "m"),
        ("payment_updated_completed", f"{IN_PAYMENT}.status", "CANCELED"),
        ("payment_updated_completed", f"{IN_PAYMENT}.status", "FAILED"),
        ("order_updated", "merchant_id", "m"),
        ("payment_updated_completed", "type", "customer.created"),
        ("payment_updated_completed", "type", "webhooks.test_notification"),
        ("refund_created", f"{IN_REFUND}.payment_id", None),
    ],
)
def test_what_does_not_matter_is_ignored_and_says_why(name: str, path: str, value: str | None) -> None:
    """Payments that are not completed, orders without amounts, refunds of no payment, other topics."""
    normalised = say("square", name, changed(payload("square", name), path, value))
    assert normalised.said == ()
    assert normalised.ignored


def paid_by(**more: Any) -> Any:
    """Return a payment about whose payer nothing else is known."""
    nobody = {"customer_id": None, "buyer_email_address": None, "reference_id": None}
    return changed(COMPLETED, IN_PAYMENT, COMPLETED["data"]["object"]["payment"] | nobody | more)


@pytest.mark.parametrize(
    ("said", "customer"),
    [
        (paid_by(), None),
        (paid_by(reference_id="till-7", note="for Jana"), None),
        (paid_by(note="mem_7k3zq0w9v8x7c6b5n4m3"), Customer(member_id="mem_7k3zq0w9v8x7c6b5n4m3")),
        (paid_by(reference_id="mem_7k3zq0w9v8x7c6b5n4m3", note="x"), Customer(member_id="mem_7k3zq0w9v8x7c6b5n4m3")),
        (paid_by(customer_id="a b"), None),
        (paid_by(buyer_email_address=7), None),
        (
            paid_by(buyer_email_address="Ann@mail.example"),
            Customer(identities=(Identity("email", "ann@mail.example"),)),
        ),
    ],
)
def test_a_customer_is_who_the_till_means(said: Any, customer: Customer | None) -> None:
    """A reference or note counts where it is an id of ours; somebody at the till may be nobody."""
    fact = only(say("square", "payment_updated_completed", said)).fact
    assert isinstance(fact, OrderUpdated)
    assert fact.customer == customer


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", ABSENT),
        ("data", ABSENT),
        ("data.object", {}),
        (f"{IN_PAYMENT}.id", None),
        (f"{IN_PAYMENT}.status", 1),
        (f"{IN_PAYMENT}.updated_at", "2026-06-01T12:05:01Z"),
        (f"{IN_PAYMENT}.created_at", "1960-01-01T00:00:00Z"),
        (f"{IN_PAYMENT}.amount_money.amount", 42.0),
        (f"{IN_PAYMENT}.amount_money.amount", "4200"),
        (f"{IN_PAYMENT}.amount_money.amount", -1),
        (f"{IN_PAYMENT}.amount_money.amount", 10**11 + 1),
        (f"{IN_PAYMENT}.amount_money.currency", "usd"),
        (f"{IN_PAYMENT}.total_money.amount", None),
    ],
)
def test_an_impossible_value_is_named_by_its_key(path: str, value: Any) -> None:
    """One wrong value is one fault at its key; a body without a type is not taken for one that is ignored."""
    said = changed(COMPLETED, path, value)
    if path == "type":
        said["type"] = ""
    found = refusal("square", "payment_updated_completed", said)
    assert list(found) == [f"{path}.payment" if value == {} else path]


def test_only_what_is_read_has_to_be_right() -> None:
    """Keys that we do not need may hold anything, and times may be told to the nanosecond."""
    said = changed(
        changed(COMPLETED, "created_at", "soon"), f"{IN_PAYMENT}.updated_at", "2026-06-01T09:58:03.527123456Z"
    )
    assert only(say("square", "payment_updated_completed", said)).occurred_at.microsecond == 527_123
