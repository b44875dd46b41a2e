"""A card that Google refuses as it is: it waits long, but not once it shows something else."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from actors import Clock, Shop
from google_actors import Running
from held_actors import PAST_WINDOW, Holder, delivered, later, looked

from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.storage import holdings
from wallet_service.wiring import Service

Member = Callable[..., Holder]
REFUSED = Behaviour(status=400, message="Invalid resource.")


@pytest.fixture
def refused(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running) -> Holder:
    """A member whose newest card Google has refused once; it would take it now."""
    google.behave(REFUSED)
    shop.buy(1_000, order="1")
    assert delivered(service).later == 1
    google.behave(Behaviour())
    sandbox.asked.clear()
    return ann


def test_refused_card_waits_six_hours(refused: Holder, service: Service, sandbox: Running, clock: Clock) -> None:
    """A card that was refused is not tried again for six hours, and then is."""
    assert "400 invalidResource: Invalid resource." in looked(service).late[0].why
    assert later(service, clock, hours=5, minutes=59).total == 0
    assert sandbox.calls == []
    assert later(service, clock, minutes=1).sent == 1
    assert refused.balance() == 10


def test_refused_card_is_alone(refused: Holder, member: Member, shop: Shop, service: Service, clock: Clock) -> None:
    """That one card is refused holds up no other."""
    bob = member("bob")
    bob.click()
    clock.on(seconds=PAST_WINDOW)
    shop.buy(3_000, order="2", customer="bob")

    assert delivered(service).sent == 1
    assert bob.balance() == 30


def test_new_content_is_sent_at_once(refused: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """Once a refused card shows something else, it waits no longer."""
    clock.on(seconds=PAST_WINDOW)
    shop.buy(2_000, order="2")

    assert delivered(service).sent == 1
    assert refused.balance() == 30
    assert looked(service).good


def test_content_that_is_refused_again_waits_again(
    refused: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """A second content that is refused, too, waits six hours of its own."""
    google.behave(REFUSED)
    clock.on(seconds=PAST_WINDOW)
    shop.buy(2_000, order="2")
    delivered(service)

    assert refused.row()["not_before"] == clock.now + timedelta(hours=6)


def test_content_that_changes_while_it_is_refused(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """What lands while Google is refusing the content before it is sent at once."""
    google.behave(Behaviour(status=400, times=1, delay=0.4))
    shop.buy(1_000, order="1")
    sandbox.asked.clear()
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(delivered, service)
        while "PATCH loyaltyObject" not in sandbox.asked:
            time.sleep(0.005)
        shop.buy(2_000, order="2")
        assert ann.row()["lease"] is not None
        assert worker.result().later == 1

    assert delivered(service).sent == 1
    assert ann.balance() == 30
    assert looked(service).good


def test_other_waits_are_not_cut_short(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle) -> None:
    """A wait that has nothing to do with the content goes on when the content changes."""
    google.behave(Behaviour(status=429, times=1))
    shop.buy(1_000, order="1")
    delivered(service)
    until = ann.row()["not_before"]
    shop.buy(2_000, order="2")

    assert ann.row()["not_before"] == until


def test_impatience_ends_the_wait(refused: Holder, service: Service, clock: Clock) -> None:
    """When somebody has mended what was refused, a reconciliation has it tried at once."""
    with service.begin() as tx:
        assert holdings.impatient(tx, now=clock.now) == 1

    assert delivered(service).sent == 1


def test_too_large_is_a_refusal(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock) -> None:
    """A card that is too large for Google is refused like one that is wrong."""
    google.behave(Behaviour(status=413, times=1))
    shop.buy(1_000, order="1")
    delivered(service)

    assert ann.row()["not_before"] == clock.now + timedelta(hours=6)


def test_refused_offer(member: Member, google: SandboxGoogle, shop: Shop, clock: Clock) -> None:
    """A card that was refused when it was first offered is tried again by the next click that is not at once."""
    ann = member("ann")
    google.behave(REFUSED)
    assert ann.click().status_code == 503
    google.behave(Behaviour())
    clock.on(seconds=5)

    assert ann.click().status_code == 303
