"""Clicks that come at once, and beside a worker: nobody is sent away, and nothing is written twice."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from actors import Clock, connected_shop
from google_actors import Running
from held_actors import Holder, delivered, enrolled, looked, templates_with_extra

from wallet_service.config import Settings
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.web import create_app
from wallet_service.wiring import Service

Member = Callable[..., Holder]
Another = Callable[[Settings], Service]


def clicked(service: Service, holders: list[Holder]) -> list[int]:
    """Follow all these links at the same moment, and return the answers' statuses."""
    ready = threading.Barrier(len(holders), timeout=30)
    app = create_app(service)

    def click(holder: Holder) -> int:
        ready.wait()
        return app.test_client().get(f"{holder.page}/google").status_code

    with ThreadPoolExecutor(len(holders)) as pool:
        return list(pool.map(click, holders))


def test_two_first_clicks_on_one_card(
    member: Member, service: Service, google: SandboxGoogle, sandbox: Running
) -> None:
    """Two clicks on the very first card at once lead both on, and the card is made once."""
    ann = member("ann")
    google.behave(Behaviour(delay=0.2))

    assert clicked(service, [ann, ann]) == [303, 303]
    assert len(google.all("loyaltyObject")) == 1
    assert sandbox.asked.count("POST loyaltyObject") == 1
    assert looked(service).good


def test_first_clicks_of_several_members(
    member: Member, service: Service, google: SandboxGoogle, sandbox: Running
) -> None:
    """Members who come first, all at once, are all led on, and the class is made once."""
    holders = [member(f"member {number}") for number in range(4)]
    google.behave(Behaviour(delay=0.1))

    assert clicked(service, holders) == [303] * 4
    assert sandbox.asked.count("POST loyaltyClass") == 1
    assert len(google.all("loyaltyObject")) == 4


def test_click_while_a_worker_is_at_it(
    member: Member, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """A card that a worker is just writing is waited for, and then led on to."""
    ann = member("ann")
    google.behave(Behaviour(status=503))
    ann.click()
    clock.on(minutes=20)
    google.behave(Behaviour())
    delivered_class = threading.Event()
    google.listen(lambda _: delivered_class.set())
    google.behave(Behaviour(delay=0.4))
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(delivered, service)
        assert delivered_class.wait(5)
        while ann.row()["lease"] is None and not worker.done():
            time.sleep(0.005)
        answer = ann.click()

    assert worker.result().sent == 1
    assert answer.status_code == 303
    assert sandbox.asked.count("POST loyaltyObject") == 2  # the one that was refused, and the worker's


def test_click_waits_for_no_other_programme(
    ann: Holder, member: Member, settings: Settings, another: Another, tmp_path: Path, sandbox: Running
) -> None:
    """A click puts the class of its own card if need be, and no other that is behind."""
    newer = another(settings.model_copy(update={"templates": templates_with_extra(tmp_path)}))
    extra = connected_shop(newer, create_app(newer).test_client(), "extra", template="extra")
    ann.google.behave(Behaviour(status=400))
    assert enrolled(newer, ann.google, extra, "eve").click().status_code == 503
    ann.google.behave(Behaviour())
    sandbox.asked.clear()
    bob = replace(member("bob"), service=newer, client=create_app(newer).test_client())

    assert bob.click().status_code == 303
    assert sandbox.calls == ["POST loyaltyObject"]
