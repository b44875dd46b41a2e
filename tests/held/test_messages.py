"""A template that announces what Google has no words for tells by messages: three aloud in a day, and ten kept."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from actors import Clock, Shop
from google_actors import Running
from held_actors import PAST_WINDOW, Holder, copied_template, delivered, later, looked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.wiring import Service

ANNOUNCED = 'value = "next_tier"\nchange = "On your way: %@"'
DAY = timedelta(hours=24)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """The starter, but that it announces the progress to the next tier and nothing else."""
    folder = copied_template(tmp_path / "templates", 'value = "next_tier"', ANNOUNCED)
    look = folder / "points" / "pass.toml"
    silent = look.read_text().replace('change = "@balance_changed"\n', "").replace('change = "@tier_changed"\n', "")
    look.write_text(silent)
    return folder


def messages(holder: Holder) -> list[dict[str, Any]]:
    """The messages on the card."""
    found: list[dict[str, Any]] = holder.shown().get("messages", [])
    return found


def test_announced_text_is_told_by_a_message(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running
) -> None:
    """The card is written first, and then the new value told in the template's words."""
    shop.buy(4_000, order="1")
    delivered(service)

    assert sandbox.calls == ["PATCH loyaltyObject", "POST loyaltyObject addMessage"]
    assert messages(ann) == [
        {
            "id": "revision-2",
            "header": "Papermoth Rewards",
            "body": "On your way: 60 points to Chapter",
            "messageType": "TEXT_AND_NOTIFY",
        }
    ]
    assert [each.channel for each in google.notices()] == ["message"]
    assert looked(service).good


def test_new_card_tells_nothing(
    member: Callable[..., Holder], shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """A card that changed before Google could take it tells of nothing when it is taken."""
    ann = member("ann")
    google.behave(Behaviour(status=503))
    ann.click()
    google.behave(Behaviour())
    shop.buy(4_000, order="1")
    later(service, clock, minutes=20)

    assert ann.balance() == 40
    assert messages(ann) == []
    assert google.notices() == []


def test_message_is_in_the_members_language(
    member: Callable[..., Holder], shop: Shop, service: Service, clock: Clock
) -> None:
    """The value in a message is in the member's language, as the card is."""
    jana = member("jana", locale="cs")
    jana.click()
    clock.on(seconds=PAST_WINDOW)
    shop.buy(4_000, order="1", customer="jana")
    delivered(service)

    face = service.template("points").words["cs"]
    assert face.names["tier"]["chapter"] in messages(jana)[0]["body"]


@pytest.mark.parametrize("options", [{}, {"strict_notices": True}], ids=["silent", "strict"])
def test_fourth_message_of_a_day_is_silent(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """Three messages of a day are told aloud, and the others are only to be read on the card."""
    for order in range(5):
        shop.buy(1_000, order=str(order))
        later(service, clock, seconds=PAST_WINDOW)

    assert [each["messageType"] for each in messages(ann)] == ["TEXT_AND_NOTIFY"] * 3 + ["TEXT"] * 2
    assert len(google.notices()) == 3
    assert 403 not in sandbox.statuses
    later(service, clock, hours=24)
    shop.buy(1_000, order="5")
    delivered(service)
    assert messages(ann)[-1]["messageType"] == "TEXT_AND_NOTIFY"


def test_oldest_messages_make_room(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """Of more than ten messages the newest ten stay, and no change is refused for them."""
    for order in range(14):
        shop.buy(500, order=str(order))
        assert later(service, clock, seconds=PAST_WINDOW).sent == 1

    assert [each["id"] for each in messages(ann)] == [f"revision-{number}" for number in range(6, 16)]
    assert looked(service).good


def test_message_is_added_once(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """A message whose answer was lost is not added again when the card is."""
    google.behave(Behaviour(body=b"lost", method="POST", times=1))
    shop.buy(1_000, order="1")
    assert delivered(service).later == 1
    assert later(service, clock, minutes=20).sent == 1

    assert [each["id"] for each in messages(ann)] == ["revision-2"]
    assert sandbox.calls.count("POST loyaltyObject addMessage") == 1
    assert len(google.notices()) == 1


def test_message_that_was_refused_is_added_later(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """Where the card was written and its message was not, the message comes with the next try, aloud."""
    google.behave(Behaviour(status=503, method="POST", times=1))
    shop.buy(1_000, order="1")
    assert delivered(service).later == 1
    assert ann.balance() == 10
    clock.now = ann.row()["not_before"]
    assert delivered(service).sent == 1

    assert [each["messageType"] for each in messages(ann)] == ["TEXT_AND_NOTIFY"]


def test_notifications_that_others_used_up(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle) -> None:
    """Where somebody else has used up the day's notifications, the message is added without one."""
    for number in range(3):
        news = {"id": f"news-{number}", "header": "H", "body": "B", "messageType": "TEXT_AND_NOTIFY"}
        google.change("addMessage", "loyaltyObject", ann.target, {"message": news})
    shop.buy(1_000, order="1")

    assert delivered(service).sent == 1
    assert messages(ann)[-1]["messageType"] == "TEXT"
    assert len(messages(ann)) == 4


def test_news_of_others_stays(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle) -> None:
    """A message that somebody wrote in Google's console outlasts our changes."""
    google.change("addMessage", "loyaltyObject", ann.target, {"message": {"id": "n", "header": "H", "body": "B"}})
    shop.buy(1_000, order="1")
    delivered(service)

    assert [each["id"] for each in messages(ann)] == ["n", "revision-2"]


def test_change_that_moves_nothing_announced_tells_nothing(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle
) -> None:
    """A correction of the points, which this template does not announce, adds no message."""
    shop.adjust(50)
    delivered(service)

    assert ann.balance() == 50
    assert messages(ann) == []
    assert google.notices() == []


STEPS = st.tuples(st.sampled_from([0, 503, 200]), st.sampled_from([timedelta(seconds=6), timedelta(hours=9), DAY]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(run=st.lists(STEPS, min_size=1, max_size=14))
def test_messages_whatever_happens(
    member: Callable[..., Holder],
    shop: Shop,
    service: Service,
    google: SandboxGoogle,
    clock: Clock,
    run: list[tuple[int, timedelta]],
) -> None:
    """Every revision is told once at the most, in order, by ten messages at the most, three a day aloud."""
    google.behave(Behaviour())
    holder = member(f"customer {clock.now.isoformat()}")
    holder.click()
    for number, (status, wait) in enumerate(run):
        clock.now += wait
        google.behave(
            Behaviour(status=status or 200, body=b"lost" if status == 200 else None, times=1 if status else 0)
        )
        shop.buy(300, order=f"{holder.name}/{number}", customer=holder.name)
        delivered(service)
    google.behave(Behaviour())
    later(service, clock, hours=25)

    told = [int(each["id"].removeprefix("revision-")) for each in messages(holder)]
    assert told == sorted(set(told))
    assert len(told) <= 10
    assert looked(service).good
    aloud = [each.at for each in google.notices() if each.resource_id == holder.target]
    assert all(sum(end - DAY < each <= end for each in aloud) <= 3 for end in aloud)
