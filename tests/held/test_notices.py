"""How often Google tells a card's holder of changed points: three times in any 24 hours, and never less is shown."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from actors import Clock, Shop
from google_actors import Running
from held_actors import PAST_WINDOW, Holder, copied_template, delivered, later, looked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wallet_service.sandbox.google import Behaviour, Notice, SandboxGoogle
from wallet_service.wiring import Service

Member = Callable[..., Holder]
BOTH_WAYS = pytest.mark.parametrize("options", [{}, {"strict_notices": True}], ids=["silent", "strict"])
DAY = timedelta(hours=24)


def most_in_a_day(notices: list[Notice]) -> int:
    """The most notices of one card and channel in any 24 hours."""
    found: Counter[tuple[str, str, datetime]] = Counter()
    for end in notices:
        for each in notices:
            if (each.resource_id, each.channel) == (end.resource_id, end.channel) and end.at - DAY < each.at <= end.at:
                found[end.resource_id, end.channel, end.at] += 1
    return max(found.values(), default=0)


@BOTH_WAYS
def test_fourth_change_is_silent_and_there(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, sandbox: Running, clock: Clock
) -> None:
    """Of four changes in a day the holder is told of three; the fourth is shown all the same, at one request each."""
    for order in range(4):
        shop.buy(1_000, order=str(order))
        assert later(service, clock, seconds=PAST_WINDOW).sent == 1

    assert len(google.notices()) == 3
    assert ann.balance() == 40
    assert sandbox.calls == ["PATCH loyaltyObject"] * 4
    assert looked(service).good


@BOTH_WAYS
def test_after_a_day_the_holder_is_told_again(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """When 24 hours have passed since the first notice, one more is given, and not two."""
    for order in range(3):
        shop.buy(1_000, order=str(order))
        later(service, clock, hours=1)
    told = [each.at for each in google.notices()]
    clock.now = told[0] + DAY
    for order in range(3, 5):
        shop.buy(1_000, order=str(order))
        later(service, clock, seconds=PAST_WINDOW)

    assert len(google.notices()) == 4
    assert most_in_a_day(google.notices()) == 3
    assert ann.balance() == 50


def test_another_try_is_no_other_notice(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """A change that is tried several times before Google takes it uses up one notice."""
    google.behave(Behaviour(status=503, times=5))
    shop.buy(1_000, order="0")
    for _ in range(5):
        assert delivered(service).later == 1
        clock.now = ann.row()["not_before"]
    delivered(service)
    for order in range(1, 4):
        shop.buy(1_000, order=str(order))
        later(service, clock, seconds=PAST_WINDOW)

    assert len(google.notices()) == 3
    assert ann.balance() == 40


def test_change_that_came_to_nothing_costs_nothing(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """Changes that are overtaken while Google is away use up no notice of the day."""
    google.behave(Behaviour(status=503))
    for order in range(5):
        shop.buy(1_000, order=str(order))
        delivered(service)
        clock.now = max(ann.row()["not_before"], clock.on(seconds=PAST_WINDOW))
    google.behave(Behaviour())
    delivered(service)
    for order in range(5, 8):
        shop.buy(1_000, order=str(order))
        later(service, clock, seconds=PAST_WINDOW)

    assert len(google.notices()) == 3
    assert ann.balance() == 80


@BOTH_WAYS
def test_answers_that_are_lost(ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock) -> None:
    """Where Google wrote a change and its answer was lost, later changes are shown all the same."""
    for order in range(5):
        google.behave(Behaviour(body=b"lost", times=1))
        shop.buy(1_000, order=str(order))
        assert delivered(service).total == 1
        clock.on(minutes=20)
    shop.buy(1_000, order="5")
    delivered(service)

    assert ann.balance() == 60
    assert most_in_a_day(google.notices()) == 3
    assert looked(service).good


def test_new_card_tells_nobody(member: Member, shop: Shop, google: SandboxGoogle, service: Service) -> None:
    """A card that has just been made tells of nothing, whatever it shows."""
    ann = member("ann")
    shop.buy(12_000, order="1")
    ann.click()
    delivered(service)

    assert ann.balance() == 120
    assert google.notices() == []


def test_unannounced_change_tells_nobody(ann: Holder, shop: Shop, google: SandboxGoogle, service: Service) -> None:
    """A change that no field of the template announces, such as a name, is shown silently."""
    shop.enrol("ann", name="Anna")
    delivered(service)

    assert ann.shown()["accountName"] == "Anna"
    assert google.notices() == []


class TestTemplateThatAnnouncesTiersAlone:
    """A template whose points may be corrected without a word."""

    @pytest.fixture
    def templates(self, tmp_path: Path) -> Path:
        """The starter without words for changed points."""
        return copied_template(tmp_path / "templates", 'change = "@balance_changed"\n', "")

    def test_correction_tells_nobody(
        self, ann: Holder, shop: Shop, google: SandboxGoogle, service: Service, clock: Clock
    ) -> None:
        """Corrected points are shown silently, and a new tier is told."""
        shop.adjust(50)
        later(service, clock, seconds=PAST_WINDOW)
        assert (ann.balance(), google.notices()) == (50, [])

        shop.buy(12_000, order="1")
        later(service, clock, seconds=PAST_WINDOW)
        assert (ann.tier(), len(google.notices())) == ("Chapter", 1)


STEPS = st.sampled_from(["buy", "correct", "refund", "rename", "away", "lost answer", "back"])
TIMES = st.sampled_from([timedelta(seconds=6), timedelta(minutes=16), timedelta(hours=5), timedelta(hours=24)])
RUNS = st.lists(st.tuples(STEPS, TIMES), min_size=1, max_size=14)


class TestWhateverHappens:
    """Laws that hold for every sequence of changes, troubles and waits."""

    @pytest.fixture(params=[False, True], ids=["silent", "strict"])
    def options(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """A Google of either kind."""
        return {"strict_notices": request.param}

    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
    )
    @given(run=RUNS)
    def test_google_never_refuses_and_never_tells_too_often(
        self, member: Member, shop: Shop, service: Service, sandbox: Running, clock: Clock, run: list[Any]
    ) -> None:
        """No run of changes is refused, tells more than three times a day, or ends out of step.

        Only after an answer was lost can Google be asked for a notice too many, since nobody knows if one was given.
        """
        google = sandbox.google
        google.behave(Behaviour())
        sandbox.statuses.clear()
        holder = member(f"customer {next(NUMBERS)}")
        assert holder.click().status_code == 303
        balance = 0
        for number, (step, wait) in enumerate(run):
            clock.now += wait
            order = f"{holder.name}/{number}"
            if step == "buy":
                balance = shop.buy(1_000, order=order, customer=holder.name)["balance"]
            elif step == "correct":
                balance = shop.adjust(7, customer=holder.name)["balance"]
            elif step == "refund":
                shop.buy(3_000, order=order, customer=holder.name)
                balance = shop.refund(3_000, order=order)["balance"]
            elif step == "rename":
                shop.enrol(holder.name, name=f"Name {number}")
            else:
                google.behave({"away": AWAY, "lost answer": LOST, "back": Behaviour()}[step])
            delivered(service)
        google.behave(Behaviour())
        later(service, clock, hours=1)

        assert "lost answer" in dict(run) or 403 not in sandbox.statuses
        assert holder.balance() == balance
        assert looked(service).good
        assert most_in_a_day([each for each in google.notices() if each.resource_id == holder.target]) <= 3


AWAY = Behaviour(status=503)
LOST = Behaviour(body=b"lost", times=1)
NUMBERS = count()
