"""WooCommerce's orders, as they are sent, become our facts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from changing import ABSENT, changed
from vendor_actors import NOW, fold, only, payload, refusal, say

from wallet_service.domain.delivery import Said
from wallet_service.domain.event import Customer, OrderFulfilled, OrderPaid, OrderUpdated
from wallet_service.domain.identity import Identity
from wallet_service.domain.purchase import Line

JANA = Customer(
    id="26",
    identities=(
        Identity("woocommerce", "26"),
        Identity("email", "jana@mail.example"),
        Identity("phone", "+420555010000"),
    ),
)
BOUGHT = OrderPaid(
    customer=JANA,
    order_id="727",
    currency="EUR",
    eligible_minor=4500,
    lines=(Line("TEA-1", 2700, 3), Line("23", 1800, 1)),
    tax_minor=900,
    total_minor=6400,
    paid_at=datetime(2026, 6, 1, 9, 58, 30, tzinfo=UTC),
)
UPDATED = payload("woocommerce", "order_updated")


def order(name: str = "order_updated", said: Any = None) -> OrderUpdated:
    """Return what is said of an order, besides that it is fulfilled."""
    fact = say("woocommerce", name, said).said[0].fact
    assert isinstance(fact, OrderUpdated)
    return fact


def test_a_paid_order_is_told_with_its_lines() -> None:
    """Lines are after coupons and without tax; an order that was changed in that second is told as of that second."""
    said = only(say("woocommerce", "order_updated"))
    assert isinstance(said.fact, OrderUpdated)
    assert said == Said(
        "order.updated", said.fact.version, OrderUpdated("727", said.fact.version, JANA, BOUGHT, gross=True)
    )
    assert said.fact.version.replace(microsecond=0) == datetime(2026, 6, 1, 9, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "refunded", "remaining"),
    [("order_updated_refunded", 1600, 3375), ("order_updated_fully_refunded", 6400, 0)],
)
def test_refunds_are_totals_of_which_goods_are_a_part(name: str, refunded: int, remaining: int) -> None:
    """All that was paid back is told as one sum with tax and shipping; all of it is all of the goods."""
    told = order(name)
    assert (told.refunded_minor, told.gross, told.refunds) == (refunded, True, ())
    assert fold(list(say("woocommerce", name).said)).remaining_minor == remaining


def test_an_order_that_is_called_refunded_is() -> None:
    """Whatever refunds are listed, its state says that all was paid back."""
    assert order(said=changed(UPDATED, "status", "refunded")).refunded_minor == 6400


@pytest.mark.parametrize("status", ["pending", "on-hold", "failed", "cancelled", "trash", "checkout-draft"])
def test_an_order_can_go_back(status: str) -> None:
    """One that was paid and is not sure any more is held back like a cancelled one, and comes back when it is newer."""
    held = only(say("woocommerce", "order_updated_on_hold", changed(UPDATED, "status", status)))
    assert isinstance(held.fact, OrderUpdated)
    assert held.fact.cancelled
    assert held.fact.paid == BOUGHT
    later = changed(UPDATED, "date_modified_gmt", "2026-06-01T11:00:00")
    assert fold([held, only(say("woocommerce", "order_updated", later))]).remaining_minor == 4500


@pytest.mark.parametrize("status", ["processing", "completed", "packed", "wc-sent"])
def test_a_shop_may_have_states_of_its_own(status: str) -> None:
    """What was paid stays paid under a name that we do not know."""
    told = order(said=changed(UPDATED, "status", status))
    assert (told.cancelled, told.paid) == (False, BOUGHT)


def test_of_two_states_of_one_second_the_one_with_fewer_refunds_is_later() -> None:
    """Making a refund moves the order's time; deleting one does not, and would go unheard otherwise."""
    made = payload("woocommerce", "order_updated_refunded")
    deleted = changed(made, "refunds", made["refunds"][:1])
    both = [*say("woocommerce", "order_updated", made).said, *say("woocommerce", "order_updated", deleted).said]
    for news in (both, both[::-1]):
        assert fold(news).snapshot_minor == 1000


def test_a_completed_order_is_fulfilled() -> None:
    """Completed is WooCommerce's word for handed over; the till's card code names who bought."""
    told, fulfilled = say("woocommerce", "order_updated_completed_guest").said
    assert isinstance(told.fact, OrderUpdated)
    assert told.fact.customer == Customer(card_code="K7QM2XTD9F4GHJKM")
    assert fulfilled == Said("order.fulfilled", datetime(2026, 6, 1, 9, 58, 59, tzinfo=UTC), OrderFulfilled("728"))


def test_a_deleted_order_is_gone_since_it_is_heard() -> None:
    """The body holds only an id; an order that is restored later is there again."""
    gone = only(say("woocommerce", "order_deleted"))
    assert gone == Said("order.updated", NOW, OrderUpdated("727", NOW, None, None, cancelled=True))
    told = only(say("woocommerce", "order_updated"))
    restored = changed(UPDATED, "date_modified_gmt", "2026-06-01T12:01:00")
    again = only(say("woocommerce", "order_restored", restored, now=NOW + timedelta(minutes=2)))
    assert fold([gone, told]).remaining_minor == 0
    assert fold([again, gone, told]).remaining_minor == 4500


def test_an_order_cannot_be_sent_again_as_a_deleted_one() -> None:
    """WooCommerce signs no topic: only a body of nothing but an id deletes."""
    assert "status" in refusal("woocommerce", "order_deleted", UPDATED)
    assert refusal("woocommerce", "order_updated", payload("woocommerce", "order_deleted"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("order_created_pending", None),
        ("order_updated", changed(UPDATED, "date_paid_gmt", "")),
        ("customer_updated", {"id": 26}),
        ("product_updated", UPDATED),
        ("action_woocommerce", {"action": "woocommerce_add_to_cart", "arg": 1}),
    ],
)
def test_what_does_not_matter_is_ignored_and_says_why(name: str, said: Any) -> None:
    """Orders that nobody has paid for, and other topics."""
    normalised = say("woocommerce", name, said)
    assert normalised.said == ()
    assert normalised.ignored


def meta(**put_in: Any) -> Any:
    """Return an order into which the shop has put something."""
    return changed(UPDATED, "meta_data", [{"id": 1, "key": key, "value": value} for key, value in put_in.items()])


@pytest.mark.parametrize(
    ("said", "customer"),
    [
        (
            meta(wallet_member_id="mem_7k3zq0w9v8x7c6b5n4m3"),
            Customer(None, "mem_7k3zq0w9v8x7c6b5n4m3", None, JANA.identities),
        ),
        (meta(wallet_card_code="k7qm 2xtd 9f4g hjkm"), Customer(None, None, "K7QM2XTD9F4GHJKM", JANA.identities)),
        (meta(wallet_card_code={"a": 1}, wallet_member_id=7), JANA),
        (changed(UPDATED, "customer_id", 0), Customer(identities=JANA.identities[1:])),
        (changed(changed(UPDATED, "customer_id", 0), "billing", {"email": "", "phone": "603 555 010"}), None),
        (changed(changed(UPDATED, "customer_id", ABSENT), "billing", None), None),
    ],
)
def test_a_customer_is_who_the_shop_means(said: Any, customer: Customer | None) -> None:
    """What a merchant put in counts first, and a guest is known by an address, or not at all."""
    assert order(said=said).customer == customer


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("id", ABSENT, "id"),
        ("currency", "", "currency"),
        ("date_modified_gmt", None, "date_modified_gmt"),
        ("date_modified_gmt", "2026-06-01", "date_modified_gmt"),
        ("date_modified_gmt", "2026-06-01T12:05:01", "date_modified_gmt"),
        ("date_paid_gmt", "0000-00-00T00:00:00", "date_paid_gmt"),
        ("date_paid_gmt", "1969-12-31T23:59:59", "date_paid_gmt"),
        ("total", "64,00", "total"),
        ("total", "64.005", "total"),
        ("total", ABSENT, "total"),
        ("line_items.0.total", "27.001", "line_items.0.total"),
        ("line_items.0.total", True, "line_items.0.total"),
        ("line_items.0.quantity", "three", "line_items.0.quantity"),
        ("refunds", [{"total": "-1.999"}], "refunds"),
        ("refunds", [{"total": "-1.00"}] * 1001, "refunds"),
    ],
)
def test_an_impossible_value_is_named_by_its_key(path: str, value: Any, key: str) -> None:
    """One wrong value is one fault at its key."""
    assert list(refusal("woocommerce", "order_updated", changed(UPDATED, path, value))) == [key]


def test_half_a_metre_is_a_piece() -> None:
    """Shops that sell by measure tell fractions of a piece."""
    paid = order(said=changed(UPDATED, "line_items.0.quantity", 0.5)).paid
    assert paid
    assert paid.lines[0].quantity == 1
