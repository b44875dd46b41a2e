"""What happens at the same moment: a revoked card, older files, a stop, a Google that keeps others waiting."""

import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from actors import Clock, Shop
from google_actors import ISSUER
from held_actors import Holder, compared, copied_template, delivered, forgotten, later, looked, wallet_of
from sqlalchemy import text

from wallet_service.config import Settings
from wallet_service.domain.push import Outcome, Push, Stop
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.storage import holdings
from wallet_service.usecases.publish import publish, publish_classes
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web import create_app
from wallet_service.wiring import Service

Member = Callable[..., Holder]
Another = Callable[[Settings], Service]
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def test_removal_that_is_heard_while_a_card_is_revoked(ann: Holder, service: Service, clock: Clock) -> None:
    """However the two fall together, the void card is followed until Google holds nothing of its member any more."""

    def removed() -> None:
        with service.begin() as tx:
            until = clock() + timedelta(hours=1)
            holdings.heard(tx, platform="google", target=ann.target, saved=False, until=until, now=clock())

    with ThreadPoolExecutor(1) as pool:
        with service.begin() as tx:
            found = card_by_serial(tx, ann.serial)
            revoke(tx, found, service.in_force.of_card(found), now=clock())
            heard = pool.submit(removed)
            while not heard.done():
                with service.begin() as other:
                    if other.execute(WAITING).scalar():
                        break
        heard.result()

    assert later(service, clock, minutes=1).sent == 1
    assert (ann.shown()["state"], ann.shown().get("accountName")) == ("INACTIVE", None)


def test_worker_with_older_files_brings_no_card_back(
    ann: Holder, service: Service, settings: Settings, another: Another, tmp_path: Path, clock: Clock
) -> None:
    """After a new word for points is published, only a process that knows the word writes cards."""
    folder = copied_template(
        tmp_path / "new", 'label_balance = "Points"', 'label_balance = "Moths"', file="locales/en.toml"
    )
    newer = another(settings.model_copy(update={"templates": folder}))
    with newer.begin() as tx:
        publish_classes(tx, newer.classes(), now=clock())
    assert list(publish(newer.begin, newer.in_force, "points", now=clock())) == [(1, 1)]

    assert later(service, clock, minutes=1).sent == 0
    assert later(newer, clock, minutes=20).sent == 1
    assert ann.shown()["loyaltyPoints"]["label"] == "Moths"


def test_click_at_a_process_with_older_files_brings_no_class_back(
    member: Member, settings: Settings, another: Another, tmp_path: Path, clock: Clock, google: SandboxGoogle
) -> None:
    """A look that is published and not yet taken is not replaced by whoever is asked for a card first."""
    folder = copied_template(tmp_path / "new", 'background = "#2b1f3d"', 'background = "#1f3d2b"')
    newer = another(settings.model_copy(update={"templates": folder}))
    bob = member("bob")
    with newer.begin() as tx:
        publish_classes(tx, newer.classes(), now=clock())

    assert bob.click().status_code == 503
    delivered(newer)
    assert google.get("loyaltyClass", f"{ISSUER}.program-points")["hexBackgroundColor"] == "#1f3d2b"
    assert bob.click().status_code == 303


class OneFailsOneIsSlow:
    """A sender of which the first push shows a fault of ours, while the last is still on its way until it is closed."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look
        self.seen: list[object] = []

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Fail at once; when it is closed, see how things stand while the other request ends."""
        first, *_ = pushes
        try:
            yield first, Stop("403 permissionDenied")
        finally:
            self.seen.append(self._look())


def test_what_is_under_way_is_not_given_back_by_a_stop(
    member: Member, service: Service, shop: Shop, clock: Clock
) -> None:
    """While one card is still being written, a fault that stops all others does not hand it to somebody else."""
    holders = [member("one"), member("other")]
    for each in holders:
        each.click()
        shop.buy(1_000, order=each.name, customer=each.name)
    clock.on(minutes=1)
    sender = OneFailsOneIsSlow(lambda: holders[1].row()["lease"])
    delivery = replace(wallet_of(service).delivery(), sender=sender, settle_every=1)

    assert delivery.deliver().stopped == "403 permissionDenied"
    assert None not in sender.seen
    assert holders[1].row()["lease"] is None


def test_card_that_google_holds_waits_for_nobody(
    ann: Holder, member: Member, settings: Settings, another: Another, google: SandboxGoogle
) -> None:
    """While as many as may wait for a Google that hangs, a card that it holds already is led on to at once."""
    app = create_app(another(settings.model_copy(update={"web_threads": 2})))
    first = member("first")
    google.behave(Behaviour(delay=1.5))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: app.test_client().get(f"{first.page}/google").status_code)
        time.sleep(0.3)
        assert app.test_client().get(f"{ann.page}/google").status_code == 303
        assert not waiting.done()
        assert waiting.result() == 303


def test_cards_that_google_lost_though_their_class_is_there(
    member: Member, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """That most cards are gone is believed once Google says so of some of them one by one, and they are sent again."""
    holders = [member(f"member {number}") for number in range(21)]
    for each in holders:
        assert each.click().status_code == 303
    clock.on(minutes=1)
    forgotten(google, "loyaltyClass")

    assert {each.text for each in compared(service)} == {"the card is missing"}
    for _ in range(4):
        later(service, clock, minutes=1)
    assert looked(service).good
    assert len(google.all("loyaltyObject")) == 21
