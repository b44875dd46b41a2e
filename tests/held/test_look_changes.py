"""A template with a new look: one change of its class at Google, and a push for each phone with Apple Wallet."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from actors import Clock, Device, Shop
from google_actors import ISSUER, Running
from held_actors import PAST_WINDOW, Holder, Vendor, copied_template, delivered, later, looked, wallet_of

from wallet_service.config import Settings
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.storage import pass_classes
from wallet_service.usecases.deliver import Delivery
from wallet_service.usecases.publish import publish, publish_classes
from wallet_service.web import create_app
from wallet_service.wiring import Service

CLASS = f"{ISSUER}.program-points"
PAINTED = ('background = "#2b1f3d"', 'background = "#1f3d2b"')
RELABELLED = ('label_balance = "Points"', 'label_balance = "Beans"')


@pytest.fixture
def changed(settings: Settings, another: Callable[[Settings], Service], tmp_path: Path) -> Callable[..., Service]:
    """A way to start a process with changed files."""

    def start(old: str, new: str, *, file: str = "pass.toml") -> Service:
        folder = copied_template(tmp_path / f"changed {new}", old, new, file=file)
        return another(settings.model_copy(update={"templates": folder}))

    return start


def published(service: Service) -> list[str]:
    """Publish the template as this process has it; return the classes that change."""
    drawn = wallet_of(service).drawings.class_of(service.template("points"))
    with service.begin() as tx:
        targets = publish_classes(tx, [drawn], now=service.clock())
    list(publish(service.begin, service.in_force, "points", now=service.clock()))
    return targets


def pushed(service: Service) -> list[int]:
    """Deliver to Apple's wallets, and return the revisions that were pushed."""
    vendor = Vendor()
    Delivery("apple", vendor, service.begin, service.clock, timedelta(seconds=90), 100).deliver()
    return [each.revision for each in vendor.got]


def test_new_look_is_one_request(
    ann: Holder,
    device: Device,
    service: Service,
    google: SandboxGoogle,
    sandbox: Running,
    changed: Callable[..., Service],
    clock: Clock,
) -> None:
    """A repainted template changes the class alone at Google, while an Apple wallet of the same card is pushed."""
    device.register(ann.card)
    pushed(service)
    clock.on(seconds=PAST_WINDOW)
    newer = changed(*PAINTED)

    assert published(newer) == [CLASS]
    delivered(newer)
    assert pushed(newer) == [2]
    assert sandbox.calls == ["PATCH loyaltyClass"]
    assert google.get("loyaltyClass", CLASS)["hexBackgroundColor"] == "#1f3d2b"
    assert (ann.row()["sent"], ann.row()["wanted"]) == (2, 2)
    assert looked(newer).late_classes == ()


def test_members_own_part_after_a_new_look(
    ann: Holder, shop: Shop, sandbox: Running, changed: Callable[..., Service], clock: Clock
) -> None:
    """After a new look, a change of a member's own part is one request for the card."""
    newer = changed(*PAINTED)
    published(newer)
    delivered(newer)
    clock.on(seconds=PAST_WINDOW)
    sandbox.asked.clear()
    replace(shop, client=create_app(newer).test_client()).buy(1_000, order="1")
    delivered(newer)

    assert sandbox.calls == ["PATCH loyaltyObject"]
    assert ann.balance() == 10
    assert looked(newer).good


def test_new_look_beside_a_change_that_waits(
    ann: Holder, shop: Shop, sandbox: Running, changed: Callable[..., Service]
) -> None:
    """A card that was behind before the look changed is still sent."""
    shop.buy(1_000, order="1")
    newer = changed(*PAINTED)
    published(newer)
    delivered(newer)

    assert sandbox.calls == ["PATCH loyaltyClass", "PATCH loyaltyObject"]
    assert ann.balance() == 10
    assert looked(newer).good


def test_new_words_of_the_members_own_part(ann: Holder, sandbox: Running, changed: Callable[..., Service]) -> None:
    """A label that stands on the card changes the card; class and card are one request each."""
    newer = changed(*RELABELLED, file="locales/en.toml")
    published(newer)
    delivered(newer)

    assert ann.shown()["loyaltyPoints"]["label"] == "Beans"
    assert sandbox.calls.count("PATCH loyaltyObject") == 1
    assert looked(newer).good


def test_published_twice_asks_google_once(ann: Holder, sandbox: Running, changed: Callable[..., Service]) -> None:
    """Publishing again what is published already asks nothing."""
    newer = changed(*PAINTED)
    published(newer)
    delivered(newer)
    sandbox.asked.clear()

    assert published(newer) == []
    delivered(newer)
    assert sandbox.calls == []


def test_older_process_does_not_bring_its_look_back(
    ann: Holder, service: Service, google: SandboxGoogle, sandbox: Running, changed: Callable[..., Service]
) -> None:
    """A process that still runs with older files neither wants its class back nor puts it."""
    newer = changed(*PAINTED)
    published(newer)
    delivered(newer)
    sandbox.asked.clear()
    with service.begin() as tx:
        drawn = wallet_of(service).drawings.class_of(service.template("points"))
        assert not pass_classes.want(tx, drawn, publish=False, now=service.clock())
    delivered(service)
    ann.click()

    assert sandbox.calls == []
    assert google.get("loyaltyClass", CLASS)["hexBackgroundColor"] == "#1f3d2b"


def test_older_process_leaves_a_newer_class_to_others(
    ann: Holder, service: Service, google: SandboxGoogle, sandbox: Running, changed: Callable[..., Service]
) -> None:
    """A class that is wanted in another drawing than one's own is put by a process that has that drawing."""
    newer = changed(*PAINTED)
    published(newer)
    delivered(service)

    assert sandbox.calls == []
    delivered(newer)
    assert google.get("loyaltyClass", CLASS)["hexBackgroundColor"] == "#1f3d2b"


def test_look_that_google_refuses(
    ann: Holder, shop: Shop, google: SandboxGoogle, changed: Callable[..., Service], clock: Clock
) -> None:
    """A class that Google refuses holds up no card, is named with the reason, and is taken once it is right."""
    newer = changed(*PAINTED)
    published(newer)
    google.behave(Behaviour(status=400, message="Image cannot be loaded: x", times=1))
    replace(shop, client=create_app(newer).test_client()).buy(1_000, order="1")

    assert delivered(newer).sent == 1
    assert "Image cannot be loaded: x" in looked(newer).late_classes[0].why
    clock.on(hours=6)
    delivered(newer)
    assert looked(newer).good
    assert google.get("loyaltyClass", CLASS)["hexBackgroundColor"] == "#1f3d2b"


def test_look_while_delivery_is_stopped(
    ann: Holder, shop: Shop, google: SandboxGoogle, sandbox: Running, changed: Callable[..., Service], clock: Clock
) -> None:
    """While delivery to Google is stopped no class is put either; afterwards it is."""
    newer = changed(*PAINTED)
    google.behave(Behaviour(status=403))
    shop.buy(1_000, order="1")
    delivered(newer)
    published(newer)
    google.behave(Behaviour())
    sandbox.asked.clear()
    delivered(newer)

    assert sandbox.calls == []
    later(newer, clock, minutes=5)
    assert google.get("loyaltyClass", CLASS)["hexBackgroundColor"] == "#1f3d2b"
    assert looked(newer).good


@pytest.mark.parametrize("options", [{"merchant_locations": False}])
def test_issuer_without_locations(member: Callable[..., Holder], google: SandboxGoogle, service: Service) -> None:
    """An issuer that may not use merchant locations has its class without them, and all is in step."""
    assert member("ann").click().status_code == 303
    assert "merchantLocations" not in google.get("loyaltyClass", CLASS)
    assert looked(service).good
