"""The whole round over HTTP: Google fetches our pictures, saves the card of our link, and calls us back."""

from collections.abc import Callable

import pytest
import requests
from actors import Clock, Shop
from google_actors import Running
from held_actors import PAST_WINDOW, Door, Holder, delivered, later, looked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wallet_service.sandbox.google import Behaviour, Called, SandboxGoogle
from wallet_service.wiring import Service

pytestmark = pytest.mark.usefixtures("at_home")
Member = Callable[..., Holder]


@pytest.fixture
def base_url(street: str) -> str:
    """Our public address: a port of this machine, which the sandbox does connect to."""
    return street


def test_link_saves_the_card(member: Member, google: SandboxGoogle, street: str, service: Service) -> None:
    """A browser that follows the button ends on Google's page, the card is saved, and we are told."""
    ann = member("ann", name="Ann")
    answer = requests.get(f"{street}{ann.page}/google", timeout=10)

    assert answer.status_code == 200
    assert "100 points to Chapter" in answer.text
    assert ann.shown()["hasUsers"]
    assert google.called() == [Called("save", ann.target, f"{street}/google/callback", 200)]
    assert ann.row()["installed_at"] is not None
    assert looked(service).good


def test_pictures_are_fetched(member: Member, google: SandboxGoogle, door: Door, clock: Clock) -> None:
    """Where Google cannot fetch our pictures no card can be offered; seconds after it can, a click works."""
    ann = member("ann")
    app, door.app = door.app, None
    refused = ann.click()
    door.app = app
    clock.on(seconds=5)

    assert refused.status_code == 503
    assert ann.click().status_code == 303
    assert len(google.all("loyaltyClass")) == 1


def test_removed_and_saved_again(
    member: Member, google: SandboxGoogle, shop: Shop, service: Service, sandbox: Running, clock: Clock
) -> None:
    """A card that is removed is left alone, and when it is saved again it shows what was missed."""
    ann = member("ann")
    link = ann.click().location
    requests.get(link, timeout=10)
    google.remove(ann.target)
    shop.buy(1_000, order="1")
    assert later(service, clock, seconds=PAST_WINDOW).total == 0
    requests.get(link, timeout=10)
    delivered(service)

    assert [(each.event, each.status) for each in google.called()] == [("save", 200), ("del", 200), ("save", 200)]
    assert ann.balance() == 10
    assert looked(service).good


ACTS = st.lists(st.sampled_from(["save", "remove", "buy", "deliver", "unheard"]), min_size=1, max_size=12)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(acts=ACTS)
def test_whoever_has_the_card_sees_it_as_it_is(
    member: Member,
    google: SandboxGoogle,
    shop: Shop,
    service: Service,
    clock: Clock,
    acts: list[str],
) -> None:
    """However saving, removing and changes follow each other, a card that somebody has comes to show the ledger."""
    holder = member(f"customer {clock.now.isoformat()}")
    link = holder.click().location
    balance, saved = 0, False
    for number, act in enumerate(acts):
        clock.on(seconds=PAST_WINDOW)
        if act == "save":
            requests.get(link, timeout=10)
            saved = True
        elif act == "remove":
            google.remove(holder.target)
            saved = False
        elif act == "buy":
            order = f"{holder.name}/{number}"
            balance = shop.buy(1_000, order=order, customer=holder.name)["balance"]
        else:
            google.behave(Behaviour(status=503, times=1) if act == "unheard" else Behaviour())
            delivered(service)
    google.behave(Behaviour())
    later(service, clock, minutes=20)

    assert (holder.row()["installed_at"] is not None) == saved
    assert not saved or holder.balance() == balance
    assert looked(service).good
