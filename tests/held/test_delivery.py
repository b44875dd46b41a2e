"""From a webhook to Google's card: what is written, when, and how often."""

from collections.abc import Callable
from pathlib import Path

import pytest
from actors import Clock, Shop, connected_shop
from google_actors import Running
from held_actors import (
    PAST_WINDOW,
    Holder,
    delivered,
    enrolled,
    forgotten,
    interrupted,
    later,
    looked,
    templates_with_extra,
)
from sqlalchemy import text

from wallet_service.config import Settings
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.usecases.deliver import STOP_FOR
from wallet_service.web import create_app
from wallet_service.wiring import Service
from wallet_service.wiring.google import BATCH

Member = Callable[..., Holder]
Another = Callable[[Settings], Service]
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"


def test_change_is_shown(ann: Holder, shop: Shop, service: Service, sandbox: Running) -> None:
    """An order changes points and tier of the card at Google by one request."""
    shop.buy(12_000, order="1")

    assert delivered(service).sent == 1
    assert (ann.balance(), ann.tier()) == (120, "Chapter")
    assert sandbox.calls == ["PATCH loyaltyObject"]
    assert looked(service).good


def test_nothing_changed_asks_nothing(ann: Holder, shop: Shop, service: Service, sandbox: Running) -> None:
    """An event that no card shows costs no request."""
    shop.buy(50, order="too small for a point")

    assert delivered(service).total == 0
    assert sandbox.calls == []


def test_newest_is_sent(ann: Holder, shop: Shop, service: Service, sandbox: Running) -> None:
    """What lands between the claim and the request goes out with it, and not once more."""
    shop.buy(1_000, order="1")
    delivery = interrupted(service, lambda: shop.buy(2_000, order="2"))

    assert delivery.deliver().sent == 1
    assert ann.balance() == 30
    assert ann.row()["sent"] == ann.card.revision == 3
    assert delivered(service).total == 0
    assert sandbox.calls == ["PATCH loyaltyObject"]


def test_change_during_the_request_is_sent_next(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """What lands while Google is answering is not taken for sent."""
    orders = iter(("2",))
    google.listen(lambda _: [shop.buy(2_000, order=each) for each in orders])
    shop.buy(1_000, order="1")
    delivered(service)

    assert (ann.balance(), ann.row()["sent"], ann.row()["wanted"]) == (10, 2, 3)
    later(service, clock, seconds=PAST_WINDOW)
    assert ann.balance() == 30
    assert looked(service).good


def test_changes_close_together_are_one_request(
    ann: Holder, shop: Shop, service: Service, sandbox: Running, clock: Clock
) -> None:
    """Twenty orders within the window are one request at once, and one at the window's end."""
    for order in range(20):
        shop.buy(100, order=str(order))
        later(service, clock, seconds=0.1)
    later(service, clock, seconds=PAST_WINDOW)

    assert ann.balance() == 20
    assert sandbox.calls == ["PATCH loyaltyObject"] * 2


def test_no_transaction_is_open_while_google_answers(
    member: Member, shop: Shop, service: Service, google: SandboxGoogle
) -> None:
    """While Google is asked for a class, a new card or a change, no connection of ours holds a transaction."""
    seen: list[object] = []

    def look(_: str) -> None:
        with service.read() as tx:
            seen.append(tx.execute(text(OPEN)).scalar())

    google.listen(look)
    member("ann").click()
    service.clock.on(seconds=PAST_WINDOW)  # type: ignore[attr-defined]
    shop.buy(1_000, order="1")
    delivered(service)

    assert seen == [0, 0, 0]


def test_token_that_google_accepts_no_more(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running
) -> None:
    """A token that was revoked is replaced at once, and the change is sent."""
    google.revoke_tokens()
    shop.buy(1_000, order="1")

    assert delivered(service).sent == 1
    assert ann.balance() == 10
    assert "POST token" in sandbox.asked


def test_access_that_was_taken_away(
    ann: Holder, member: Member, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """Where Google lets us in no more, delivery stops, loses nothing, and goes on once it does."""
    google.behave(Behaviour(status=403))
    shop.buy(1_000, order="1")

    assert "Invite the service account" in str(delivered(service).stopped)
    sandbox.asked.clear()
    assert later(service, clock, seconds=PAST_WINDOW).total == 0
    assert sandbox.calls == []

    google.behave(Behaviour())
    clock.now += STOP_FOR
    assert delivered(service).sent == 1
    assert ann.balance() == 10
    assert looked(service).stops == ()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_trouble_that_passes(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock, status: int
) -> None:
    """Trouble at Google puts a change off, names it, and in the end the change is there."""
    google.behave(Behaviour(status=status, times=3))
    shop.buy(1_000, order="1")
    for _ in range(3):
        assert delivered(service).later == 1
        assert str(status) in looked(service).late[0].why
        clock.now = ann.row()["not_before"]
    assert delivered(service).sent == 1

    assert ann.balance() == 10
    assert ann.row()["attempts"] == 0


def test_too_many_requests_wait_at_least_ten_seconds(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """What Google calls too much is not tried again for ten seconds."""
    google.behave(Behaviour(status=429, times=1))
    shop.buy(1_000, order="1")
    delivered(service)

    assert (ann.row()["not_before"] - clock.now).total_seconds() >= 10


def test_card_that_google_has_lost(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running
) -> None:
    """A card that is not there when it is to be changed is made anew."""
    forgotten(google, "loyaltyClass")
    shop.buy(1_000, order="1")

    assert delivered(service).sent == 1
    assert ann.balance() == 10
    assert sandbox.calls == ["PATCH loyaltyObject", "POST loyaltyObject"]


def test_class_that_google_has_lost(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """Where the class is not there, it is put again, and then the card."""
    forgotten(google)
    shop.buy(1_000, order="1")
    delivered(service)

    assert not looked(service).good
    later(service, clock, seconds=4)
    assert ann.balance() == 10
    assert looked(service).good


def test_class_that_cannot_be_put(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """While a class is missing and refused, its cards ask for it less and less often, and come right after it."""
    forgotten(google)
    google.behave(Behaviour(status=404, reason="classNotFound"))
    shop.buy(1_000, order="1")
    for _ in range(100):
        later(service, clock, seconds=6)
    asked = sandbox.calls.count("PATCH loyaltyObject")
    google.behave(Behaviour())
    later(service, clock, minutes=16)
    later(service, clock, minutes=16)

    assert 3 < asked < 25
    assert ann.balance() == 10
    assert looked(service).good


def test_card_that_cannot_be_drawn_here_blocks_no_other(
    ann: Holder,
    shop: Shop,
    service: Service,
    settings: Settings,
    another: Another,
    tmp_path: Path,
    clock: Clock,
) -> None:
    """Cards of a template that only another process knows are put off here, and those that are known here are sent."""
    newer = another(settings.model_copy(update={"templates": templates_with_extra(tmp_path)}))
    extra = connected_shop(newer, create_app(newer).test_client(), "extra", template="extra")
    for number in range(BATCH):
        assert enrolled(newer, ann.google, extra, f"member {number}").click().status_code == 303
    clock.on(seconds=PAST_WINDOW)
    for number in range(BATCH):
        extra.buy(1_000, order=str(number), customer=f"member {number}")
    clock.on(seconds=1)
    shop.buy(1_000, order="1")

    assert [delivered(service).sent for _ in range(2)] == [0, 1]
    assert ann.balance() == 10
    assert len([each for each in looked(service).late if "not loaded here" in each.why]) == BATCH
