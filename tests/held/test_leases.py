"""A worker whose lease is nearly over begins nothing more, so that no older card arrives after a newer one."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from actors import Clock, Shop
from google_actors import Running
from held_actors import PAST_WINDOW, Holder, delivered, interrupted, later, looked, wallet_of
from sqlalchemy import text

from wallet_service.config import Settings
from wallet_service.usecases.turns import Turns
from wallet_service.wiring import Service
from wallet_service.wiring.google import FOR_PEOPLE


def test_lease_that_is_nearly_over(ann: Holder, shop: Shop, service: Service, sandbox: Running, clock: Clock) -> None:
    """Nothing is begun so late that another worker might be at it already, and nothing is lost by that."""
    delivery = wallet_of(service).delivery()
    shop.buy(1_000, order="1")
    slow = interrupted(service, lambda: clock.on(seconds=delivery.lease.total_seconds() - 24))

    assert slow.deliver().total == 0
    assert sandbox.calls == []
    assert delivered(service).sent == 1
    assert ann.balance() == 10


class TestScarceTurns:
    """Workers have one turn at Google among them."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Settings that leave workers one request a second."""
        return settings.model_copy(update={"google_requests_per_second": FOR_PEOPLE + 1})

    def test_turn_that_comes_when_the_lease_is_nearly_over(
        self, ann: Holder, shop: Shop, service: Service, sandbox: Running, clock: Clock
    ) -> None:
        """A card that was drawn in time, and then waited for its turn too long, is not sent as it was drawn."""
        lease = wallet_of(service).delivery().lease
        shop.buy(1_000, order="1")
        with ThreadPoolExecutor(1) as pool, service.begin() as tx:
            drawn = text("SELECT EXISTS (SELECT FROM notices)")
            margin = wallet_of(service).longest_request
            with Turns("google", 10, margin, 10.0, service.begin).turn():
                worker = pool.submit(delivered, service)
                while not tx.execute(drawn).scalar() and not worker.done():
                    time.sleep(0.005)
                shop.buy(2_000, order="2")
                clock.now += lease - margin / 2
            done = worker.result()

        assert sandbox.calls == []
        assert (done.sent, done.later) == (0, 1)
        assert later(service, clock, seconds=PAST_WINDOW).sent == 1
        assert ann.balance() == 30
        assert looked(service).good


def test_worker_that_died(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """What a dead worker had taken on is left alone until its lease ends, and then sent by another."""
    delivery = wallet_of(service).delivery()

    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    shop.buy(1_000, order="1")
    with pytest.raises(Died):
        interrupted(service, die).deliver()

    assert later(service, clock, seconds=delivery.lease.total_seconds() - 1).total == 0
    assert later(service, clock, seconds=1).sent == 1
    assert ann.balance() == 10


def test_worker_that_slept_past_its_lease(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """A worker that wakes up after its lease sends nothing and settles nothing."""
    delivery = wallet_of(service).delivery()

    def sleep() -> None:
        clock.now += delivery.lease
        assert delivered(service).sent == 1
        shop.buy(2_000, order="2")

    shop.buy(1_000, order="1")
    assert interrupted(service, sleep).deliver().total == 0
    assert (ann.balance(), ann.row()["sent"], ann.row()["wanted"]) == (10, 2, 3)
