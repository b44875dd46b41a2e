"""Google is never told of points that the calendar has taken already."""

from pathlib import Path

import pytest
from actors import Clock, Shop
from google_actors import Running
from held_actors import Holder, copied_template, delivered, looked

from wallet_service.wiring import Service


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Templates whose points die after a month."""
    expiry = '[points]\nexpiry = { mode = "rolling", period = "P1M" }\n'
    return copied_template(tmp_path / "dying", "[points]\n", expiry, file="program.toml")


def test_a_card_is_settled_before_it_is_written(
    ann: Holder, shop: Shop, service: Service, clock: Clock, sandbox: Running
) -> None:
    """A change that waited until its points were dead is written as the card is then, by one request."""
    shop.buy(12_000, order="1")
    clock.on(days=40)

    assert delivered(service).sent == 1
    assert sandbox.calls == ["PATCH loyaltyObject"]
    assert (ann.balance(), ann.tier()) == (0, "Chapter")
    assert service.calendar().settle().settled == 0
    clock.on(minutes=1)
    delivered(service)
    assert looked(service).good
