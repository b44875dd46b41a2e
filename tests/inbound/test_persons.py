"""Who a shop system means: what merchants put in counts where it can be one of ours."""

import pytest
from actors import Shop
from changing import changed
from vendor_actors import only, payload, say

from wallet_service.domain.event import Customer, OrderUpdated
from wallet_service.inbound.persons import as_card_code, as_member_id, customer
from wallet_service.wiring import Service


def test_ids_and_codes_of_ours_are_known_as_such(shop: Shop, service: Service) -> None:
    """The id of a member and the code of a card, as they are given out, name their member in every dialect."""
    enrolled = shop.enrol()
    with service.read() as tx:
        code = tx.exec_driver_sql(
            "SELECT code FROM cards WHERE serial_number = %s", (enrolled["serial_number"],)
        ).scalar_one()
    assert as_member_id(enrolled["member_id"]) == enrolled["member_id"]
    assert as_card_code(code) == as_card_code(f" {code[:4]}-{code[4:].lower()}") == code

    said = payload("shopify", "orders_paid")
    for name, value in (("member_id", enrolled["member_id"]), ("card_code", code)):
        named = changed(said, "note_attributes", [{"name": name, "value": value}])
        fact = only(say("shopify", "orders_paid", named)).fact
        assert isinstance(fact, OrderUpdated)
        assert fact.customer
        assert (fact.customer.id, getattr(fact.customer, name)) == (None, value)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "me",
        "mem_",
        "mem_1",
        "mem_" + "x" * 41,
        "MEM_7K3ZQ0W9V8",
        "mem_7k3zq0w9\n8",
        "mém_7k3zq0w9v8",
        "xmem_7k3zq0w9v8",
    ],
)
def test_other_texts_are_no_ids(text: str | None) -> None:
    """Buyers can type anything into such a field."""
    assert as_member_id(text) is None
    assert customer("shopify", member_id=text, card_code="?") is None


@pytest.mark.parametrize(
    "text", [None, "", " - ", "K7QM2XTD", "K7QM2XTD9F4GHJKMK7QM2XTD9", "K7QM2XTD9F4GHJKÉ", "?" * 16]
)
def test_other_texts_are_no_codes(text: str | None) -> None:
    """A code has letters and digits, and not many more or fewer than ours have."""
    assert as_card_code(text) is None


def test_junk_does_not_hide_who_is_known() -> None:
    """What cannot be ours is left out, and the vendor's own id counts."""
    assert customer(
        "square", vendor_id="Q1", email="no", phone="1", own_id=" ", member_id="me", card_code="1"
    ) == Customer(id="Q1", identities=customer("square", vendor_id="Q1").identities)
