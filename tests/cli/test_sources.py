"""`wallet-service source`, `inbound` and `member`: what they do, print, and refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from actors import Clock
from command_actors import Command, at, commands
from sqlalchemy import Engine, text
from vendor_actors import NOW, SECRET, payload

from wallet_service.domain.delivery import Delivery
from wallet_service.links import claim_url
from wallet_service.usecases.receive import source_of
from wallet_service.wiring import Service


@pytest.fixture
def command(service: Service) -> Command:
    """Type a command to a service with the same secret key, and get what it prints."""
    return commands(at(service, WALLET_BASE_URL="https://cards.example"))


def deliver(service: Service, clock: Clock, name: str, topic: str, **more: Any) -> str:
    """Have the shop deliver something, and return its id."""
    clock.now = NOW
    with service.read() as tx:
        source = source_of(tx, dialect="shopify", name="shop")
    body = json.dumps(payload("shopify", name) | more).encode()
    return service.intake.take_in(source, Delivery(topic), body).public_id


def test_a_shop_system_is_connected_with_its_own_secret(command: Command, service: Service, tmp_path: Path) -> None:
    """The secret comes from a file, the input or a question, and is never printed; what to subscribe to is."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    printed = [
        command("source", "add", "shop", "--dialect", "shopify", "--secret-file", str(file)),
        command("source", "add", "shop", "--dialect", "stripe", "--secret-file", "-", given=SECRET),
        command("source", "add", "shop", "--dialect", "square", "--test-mode", given=f"{SECRET}\n"),
    ]
    assert not [each for each in printed if SECRET in each]
    assert "post to   https://cards.example/webhooks/shopify/shop" in printed[0]
    assert "refunds/create" in printed[0]
    assert "square/shop  points  test orders count" in command("source", "list")
    with service.read() as tx:
        for dialect in ("shopify", "stripe", "square"):
            source = source_of(tx, dialect=dialect, name="shop")
            assert (source.secrets(service.vault), source.test_mode) == ([SECRET], dialect == "square")


def test_a_secret_is_made_where_the_shop_system_takes_one(command: Command, service: Service) -> None:
    """WooCommerce is given ours, like our own senders; it is printed once, and another can be made."""
    first = command("source", "add", "shop", "--dialect", "woocommerce").split("sign with ")[1].split()[0]
    second = command("source", "rotate", "shop", "--dialect", "woocommerce").strip()
    with service.read() as tx:
        assert source_of(tx, dialect="woocommerce", name="shop").secrets(service.vault) == [second, first]


def test_an_empty_secret_is_refused(command: Command) -> None:
    """Nothing is connected by it."""
    assert "empty" in command("source", "add", "shop", "--dialect", "stripe", "--secret-file", "-", given=" \n", ends=2)
    assert "stripe" not in command("source", "list")


def test_a_key_for_receipts_is_printed(command: Command, service: Service) -> None:
    """It signs the very links that the service makes; for an unknown source there is none."""
    command("source", "add", "till")
    link = command("source", "claim-key", "till", "--order", "o 1").strip()
    assert link.startswith("https://cards.example/receipts/standard/till?order=o%201&signature=")
    key = command("source", "claim-key", "till").split("sign with ")[1].split()[0]
    assert len(key) == 64
    assert "is connected" in command("source", "claim-key", "nobody", ends=1)
    assert claim_url("", "other key", "standard", "till", "o 1") not in link


def test_deliveries_are_listed_shown_and_replayed(command: Command, service: Service, clock: Clock) -> None:
    """What has failed ends the list with 1, tells why, can be tried out and entered again; bodies only on request."""
    assert "Nothing was delivered" in command("inbound", "list")
    command("source", "add", "shop", "--dialect", "shopify", "--secret-file", "-", given=SECRET)
    failed = deliver(service, clock, "orders_paid_jpy", "orders/paid")
    listed = command("inbound", "list", "--status", "failed", ends=1)
    assert failed in listed
    assert "counts in EUR" in listed
    assert json.loads(command("inbound", "list", "--json", ends=1))["status"] == "failed"
    shown = json.loads(command("inbound", "show", failed, "--json"))
    assert (shown["id"], shown["topic"], shown["body_kept"]) == (failed, "orders/paid", True)
    assert "JPY" in command("inbound", "show", failed, "--body")
    assert f"{failed}  would be failed" in command("inbound", "replay", failed, "--dry-run", ends=1)
    assert f"{failed}  failed" in command("inbound", "replay", "--failed", ends=1)
    assert "--failed" in command("inbound", "replay", ends=2)
    assert "is not known" in command("inbound", "show", "inb_none", ends=1)


def test_a_person_notes_what_was_done(command: Command, service: Service, clock: Clock) -> None:
    """A delivery that asks for a person is done once; one that does not is refused."""
    command("source", "add", "shop", "--dialect", "shopify", "--secret-file", "-", given=SECRET)
    asked = deliver(service, clock, "shop_redact", "shop/redact")
    command("inbound", "list", ends=1)
    command("inbound", "done", asked)
    command("inbound", "list")
    assert "asks nobody" in command("inbound", "done", asked, ends=1)


def test_a_member_is_found_replaced_told_and_erased(command: Command, engine: Engine, service: Service) -> None:
    """By an address; then another card, another code, a copy of everything, and nobody."""
    command("source", "add", "shop")
    from_shop = {"customer": {"id": "ann", "name": "Ann Example", "email": "ann@home.example"}}
    ann = _enrolled(service, from_shop)
    assert command("member", "find", "email", "ANN@home.example").strip() == ann
    assert "Nobody" in command("member", "find", "email", "bob@home.example", ends=1)
    assert "is no email" in command("member", "find", "email", "bob", ends=2)
    assert "serial number" in command("member", "replace-card", ann)
    assert "revision: 2" in command("member", "change-code", ann)
    told = json.loads(command("member", "export", ann))
    assert (told["member"]["name"], told["identities"][0]["value"]) == ("Ann Example", "ann@home.example")
    command("member", "erase", ann, given="n\n", ends=1)
    command("member", "erase", ann, "--yes")
    command("member", "export", ann, ends=1)
    with engine.begin() as tx:
        assert tx.execute(text("SELECT count(*) FROM profiles")).scalar_one() == 0


def _enrolled(service: Service, said: dict[str, Any]) -> str:
    """Enrol somebody as an event of our own does, and return our id of them."""
    from_body = json.dumps({"type": "member.enrolled", "timestamp": "2026-06-01T10:00:00Z", "data": said}).encode()
    with service.read() as tx:
        source = source_of(tx, dialect="standard", name="shop")
    outcome = service.intake.take_in(source, Delivery("member.enrolled", "evt_1"), from_body)
    return str(outcome.answers[0]["member_id"])
