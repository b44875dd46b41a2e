"""A changed template reaches the cards that are out already."""

import shutil
from pathlib import Path

import pytest
from actors import Clock, Device, Shop, card_of
from flask.testing import FlaskClient
from sqlalchemy import Engine

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.usecases.drift import drift
from wallet_service.usecases.publish import publish
from wallet_service.web import create_app
from wallet_service.wiring import Service, build

STARTERS = Path(__file__).parents[2] / "pass_templates"


@pytest.fixture
def repainted(settings: Settings, engine: Engine, identity: Identity, clock: Clock, tmp_path: Path) -> Service:
    """The same service after a restart with another background colour."""
    shutil.copytree(STARTERS, tmp_path / "templates")
    look = tmp_path / "templates" / "points" / "pass.toml"
    look.write_text(look.read_text().replace("#2b1f3d", "#0b3d2e"))
    changed = settings.model_copy(update={"templates": tmp_path / "templates"})
    return build(changed, clock=clock, engine=engine, identity=identity)


def test_cards_follow_their_template(service: Service, repainted: Service, shop: Shop, device: Device) -> None:
    """Until it is published a new look is told by the drift; then every card has a new revision to fetch."""
    serials = [shop.enrol(f"customer {number}")["serial_number"] for number in range(3)]
    device.register(card_of(service, serials[0]))
    before = device.fetch(card_of(service, serials[0])).headers["Last-Modified"]
    with repainted.begin() as tx:
        assert drift(tx, repainted.in_force, most=10, now=repainted.clock()).stale == 3

    assert list(publish(repainted.begin, repainted.in_force, "points", now=repainted.clock())) == [(3, 3)]
    with repainted.begin() as tx:
        assert drift(tx, repainted.in_force, most=10, now=repainted.clock()).stale == 0
    phone = Device(create_app(repainted).test_client(), device.pass_type)
    assert phone.fetch(card_of(repainted, serials[0]), since=before).status_code == 200


def test_published_twice_changes_nothing(repainted: Service, shop: Shop, client: FlaskClient) -> None:
    """What is published already is not touched again."""
    shop.enrol("ann")
    list(publish(repainted.begin, repainted.in_force, "points", now=repainted.clock()))

    assert list(publish(repainted.begin, repainted.in_force, "points", now=repainted.clock())) == []


def test_unseen_change_pushes_nobody(
    service: Service, shop: Shop, settings: Settings, engine: Engine, identity: Identity, tmp_path: Path
) -> None:
    """A change of the template that no face shows moves the version and no revision."""
    serial = shop.enrol("ann")["serial_number"]
    shutil.copytree(STARTERS, tmp_path / "same")
    look = tmp_path / "same" / "points" / "pass.toml"
    look.write_text(look.read_text() + "\n# a comment\n")
    changed = settings.model_copy(update={"templates": tmp_path / "same"})
    same = build(changed, clock=service.clock, engine=engine, identity=identity)

    assert list(publish(same.begin, same.in_force, "points", now=same.clock())) == [(1, 0)]
    assert card_of(same, serial).revision == 1
