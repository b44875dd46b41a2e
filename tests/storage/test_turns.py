"""Turns at a vendor: never more in any second than there are, nearly as many as may be, and none lost for long."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from wallet_service.storage import turns
from wallet_service.storage.turns import Wait
from wallet_service.usecases.turns import Turns

MOST, WORKERS, SECONDS = 5, 8, 3.0
LONG = timedelta(seconds=45)
Span = tuple[float, float]


@pytest.fixture
def new(engine: Engine) -> Callable[..., Turns]:
    """A way to make turns of a process of its own."""

    def make(**changes: object) -> Turns:
        given = {"platform": "google", "most": MOST, "longest": LONG, "patience": 10.0, "begin": engine.begin}
        return Turns(**given | changes)  # type: ignore[arg-type]

    return make


def used(turns_of: Callable[[], Turns], busy: Callable[[], float]) -> list[Span]:
    """Have many use turns for a while, each for as long as `busy` says; return when each began and ended."""
    spans: list[Span] = []
    end = time.monotonic() + SECONDS

    def work() -> None:
        mine = turns_of()
        while time.monotonic() < end:
            with mine.turn():
                began = time.monotonic()
                time.sleep(busy())
                spans.append((began, time.monotonic()))

    with ThreadPoolExecutor(WORKERS) as pool:
        for each in [pool.submit(work) for _ in range(WORKERS)]:
            each.result()
    return spans


def busiest(spans: list[Span]) -> int:
    """The most requests that could have arrived within a second, each at any moment of its turn."""
    ends = sorted(end for _, end in spans)
    return max(sum(began < last + 1 and last <= end for began, end in spans) for last in ends)


@pytest.mark.parametrize("longest", [0.0, 0.05, 0.4])
def test_no_second_has_too_many(
    new: Callable[..., Turns], longest: float, record_property: Callable[[str, object], None]
) -> None:
    """Whenever in its turn each request arrives, no second gets more than there are turns."""
    chance = random.Random(1)
    spans = used(new, lambda: chance.uniform(0, longest))
    first, last = min(began for began, _ in spans), max(end for _, end in spans)
    whole = 1 + sum(end - began for began, end in spans) / len(spans)  # a turn lasts a second longer than its use
    possible = MOST * (last - first) / whole + MOST
    record_property(f"turns used of those possible, each {longest:.2f} s at the most", round(len(spans) / possible, 2))

    assert busiest(spans) <= MOST


def test_busiest_would_find_a_breach() -> None:
    """The check sees six turns that touch one second, and lets pass those that lie a second apart."""
    assert busiest([(0.0, 0.1)] * 6) == 6
    assert busiest([(0.0, 0.1)] * 5 + [(1.2, 1.3)] * 5) == 5
    assert busiest([(0.0, 0.5)] * 3 + [(1.2, 1.3)] * 3) == 6


def test_turn_of_the_dead(new: Callable[..., Turns]) -> None:
    """A turn that is never given back is free again after its longest time, and not before."""
    longest = timedelta(seconds=0.6)
    lent = [new(most=2, longest=longest) for _ in range(2)]
    began = time.monotonic()
    for each in lent:
        assert isinstance(each._take(), int)  # taken by a process that dies now
    with new(most=2, patience=5.0).turn():
        waited = time.monotonic() - began

    assert waited >= 0.6


def test_patience(new: Callable[..., Turns]) -> None:
    """Who gets no turn in time is told, and takes none with him."""
    taken = new(most=1).turn()
    with taken, pytest.raises(TimeoutError, match="no turn at google"), new(most=1, patience=0.5).turn():
        pytest.fail("there was no turn to be had")

    with new(most=1, patience=5.0).turn():
        pass


def test_platforms_do_not_share(new: Callable[..., Turns], engine: Engine) -> None:
    """Turns at one vendor leave those at another alone."""
    with new(most=1).turn(), new(most=1, platform="another", patience=0.0).turn(), engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM turns")).scalar() == 2


def test_turn_is_given_back_after_an_error(new: Callable[..., Turns]) -> None:
    """A request that fails gives its turn back like any other: it is free a second later."""
    with suppress(ZeroDivisionError), new(most=1).turn():
        raise ZeroDivisionError
    began = time.monotonic()
    with new(most=1).turn():
        pass

    assert time.monotonic() - began >= 0.8


def test_more_at_a_time_than_others_allow(new: Callable[..., Turns]) -> None:
    """Who may use more turns than others gets one where the others wait: so people go before workers."""
    with new(most=1).turn():
        with pytest.raises(TimeoutError), new(most=1, patience=0.2).turn():
            pass
        with new(most=2, patience=0.2).turn():
            pass


def test_wait_says_how_long(engine: Engine) -> None:
    """Who gets no turn is told when the next one ends at the latest."""
    with engine.begin() as tx:
        assert isinstance(turns.take(tx, platform="p", most=1, longest=timedelta(seconds=30)), int)
    with engine.begin() as tx:
        wait = turns.take(tx, platform="p", most=1, longest=LONG)

    assert isinstance(wait, Wait)
    assert timedelta(seconds=25) < wait.at_most <= timedelta(seconds=30)


def test_the_last_turn_is_taken_once(new: Callable[..., Turns]) -> None:
    """Of many who ask for the last turn at the same moment one gets it."""
    ready = threading.Barrier(WORKERS, timeout=30)
    impatient = new(most=1, patience=0.0)

    def ask() -> int:
        ready.wait()
        try:
            return impatient._take()
        except TimeoutError:
            return 0

    with ThreadPoolExecutor(WORKERS) as pool:
        taken = [each.result() for each in [pool.submit(ask) for _ in range(WORKERS)]]

    assert sum(map(bool, taken)) == 1
