"""`drift` over cards and classes that Google holds: good when all is in step, and otherwise what is behind and why."""

from collections.abc import Callable
from pathlib import Path

import pytest
from actors import Clock, Device, Shop
from google_actors import ISSUER
from held_actors import Holder, copied_template, delivered, forgotten, looked

from wallet_service.config import Settings
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.usecases.publish import publish_classes
from wallet_service.wiring import Service

Member = Callable[..., Holder]
CLASS = f"{ISSUER}.program-points"


@pytest.fixture
def newer(settings: Settings, another: Callable[[Settings], Service], tmp_path: Path) -> Service:
    """A process with a repainted template."""
    folder = copied_template(tmp_path / "new", 'background = "#2b1f3d"', 'background = "#1f3d2b"')
    return another(settings.model_copy(update={"templates": folder}))


def test_in_step(ann: Holder, service: Service, member: Member) -> None:
    """Cards that Google holds as they are, and cards that nobody asked for, are in step."""
    member("bob")
    report = looked(service)

    assert report.good
    assert (report.tally.cards, report.in_step) == (2, 2)


def test_card_that_waits(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """A card that a worker has not sent yet is named, with what it waits for."""
    shop.buy(1_000, order="1")
    report = looked(service)

    assert not report.good
    assert [(each.wallet.serial_number, each.wallet.platform, each.why) for each in report.late] == [
        (ann.serial, "google", "waits for a worker")
    ]
    assert report.in_step == 0


def test_card_that_waits_for_its_window(ann: Holder, shop: Shop, service: Service) -> None:
    """A card that changes again within the window says until when it waits."""
    shop.buy(1_000, order="1")
    delivered(service)
    shop.buy(1_000, order="2")

    assert "waits for more changes until" in looked(service).late[0].why


def test_class_that_is_being_changed(ann: Holder, newer: Service) -> None:
    """A class that is published and not put yet is named, and its cards are not in step until it is."""
    with newer.begin() as tx:
        publish_classes(tx, newer.classes(), now=newer.clock())
    report = looked(newer)

    assert [(each.platform, each.target, each.why) for each in report.late_classes] == [
        ("google", CLASS, "waits for a worker")
    ]
    assert report.in_step == 0
    delivered(newer)
    assert looked(newer).late_classes == ()


def test_class_that_failed(ann: Holder, newer: Service, google: SandboxGoogle) -> None:
    """A class that Google refused is named with Google's reason and the time of the next try."""
    with newer.begin() as tx:
        publish_classes(tx, newer.classes(), now=newer.clock())
    google.behave(Behaviour(status=400, message="Image cannot be loaded: x"))
    delivered(newer)
    why = looked(newer).late_classes[0].why

    assert "attempt 1 failed (400 invalidResource: Image cannot be loaded: x)" in why
    assert "UTC" in why


def test_class_that_would_be_drawn_otherwise(ann: Holder, newer: Service) -> None:
    """A look that is not published is named with the command that publishes it."""
    report = looked(newer)

    assert [each.why for each in report.late_classes] == [
        "it would be drawn otherwise now; run `wallet-service publish points`"
    ]
    assert report.stale == 1


def test_class_whose_template_is_not_here(
    ann: Holder, settings: Settings, another: Callable[[Settings], Service], tmp_path: Path
) -> None:
    """A class of a template that this process does not have is named."""
    folder = copied_template(tmp_path / "other", 'code = "points"', 'code = "other"', file="program.toml")
    (folder / "points").rename(folder / "other")
    apart = another(settings.model_copy(update={"templates": folder}))

    assert "'points' is not loaded here" in looked(apart).late_classes[0].why


def test_class_that_google_has_lost(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle) -> None:
    """While a class is not there, both it and its cards are behind."""
    forgotten(google)
    shop.buy(1_000, order="1")
    delivered(service)
    report = looked(service)

    assert [each.target for each in report.late_classes] == [CLASS]
    assert "404 classNotFound" in report.late[0].why
    assert report.in_step == 0


def test_delivery_that_stopped(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock) -> None:
    """While delivery to Google is stopped, each card that is behind says so, and why."""
    google.behave(Behaviour(status=403, reason="accessNotConfigured"))
    shop.buy(1_000, order="1")
    delivered(service)
    report = looked(service)

    assert [each.platform for each in report.stops] == ["google"]
    assert "Enable the Google Wallet API" in report.late[0].why


def test_one_wallet_of_a_card_is_behind(ann: Holder, shop: Shop, device: Device, service: Service) -> None:
    """Of a card that is in both wallets only the wallet that is behind is named."""
    device.register(ann.card)
    device.fetch(ann.card)
    shop.buy(1_000, order="1")
    delivered(service)

    assert {each.wallet.platform for each in looked(service).late} == {"apple"}
