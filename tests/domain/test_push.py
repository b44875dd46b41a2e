"""Pushes are put off with growing, jittered pauses, and a refusal of nearly all of them is not believed."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.push import (
    ENOUGH_TO_SUSPECT,
    FIRST_WAIT,
    LONGEST_WAIT,
    Gone,
    Later,
    Outcome,
    Push,
    Sent,
    Stop,
    back_off,
    suspicious,
)

LEFT = Gone("Unregistered", datetime(2026, 6, 1, tzinfo=UTC))
REFUSED = Gone("BadDeviceToken")


def results(outcomes: Sequence[Outcome]) -> list[tuple[Push, Outcome]]:
    """Return each outcome as that of a phone of a card of its own."""
    return [(Push(n, f"{n:064x}", "pass.example", 1, card_id=1000 + n), each) for n, each in enumerate(outcomes)]


class Chance(random.Random):
    """A chance that always falls on the same number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def random(self) -> float:
        """Return the number."""
        return self.number


LEAST, MOST = Chance(0.0), Chance(1 - 2**-53)


@given(st.integers(0, 10**9), st.integers())
@settings(max_examples=200, deadline=None)
def test_waits_stay_within_bounds(attempts: int, seed: int) -> None:
    """However often it failed, a wallet waits a second at the least and a quarter of an hour at the most."""
    wait = back_off(attempts, random.Random(seed))
    assert FIRST_WAIT / 2 <= wait <= LONGEST_WAIT


def test_the_longest_wait_doubles_up_to_its_cap() -> None:
    """The most that each attempt may wait is 4, 8, 16 … seconds and stays at fifteen minutes."""
    longest = [back_off(attempts, MOST) for attempts in range(1, 20)]

    assert [round(each.total_seconds()) for each in longest[:8]] == [4, 8, 16, 32, 64, 128, 256, 512]
    assert {round(each.total_seconds()) for each in longest[8:]} == {900}
    assert longest == sorted(longest)


def test_the_jitter_covers_the_whole_span() -> None:
    """Wallets that failed together are spread from one second up to the longest wait."""
    chance = random.Random(7)
    waits = sorted(back_off(10, chance).total_seconds() for _ in range(2000))

    assert back_off(10, LEAST) == FIRST_WAIT / 2
    assert waits[0] < 10
    assert waits[-1] > 890
    assert 400 < waits[1000] < 500
    assert len(set(waits)) > 1900


@pytest.mark.parametrize(
    ("refused", "others", "stops"),
    [(19, 0, False), (20, 0, True), (20, 19, True), (20, 20, False), (21, 20, True), (2000, 0, True), (0, 2000, False)],
)
@pytest.mark.parametrize("other", [Sent(), LEFT, Later("TooManyRequests")])
def test_a_refusal_of_most_targets_stops_delivery(refused: int, others: int, stops: bool, other: Outcome) -> None:
    """Twenty or more refusals without a date, of more than half of all, are our own fault."""
    assert (suspicious(results([REFUSED] * refused + [other] * others)) is not None) == stops


def test_phones_that_left_are_believed() -> None:
    """Any number of refusals that say since when the phone is gone is no reason to stop."""
    assert suspicious(results([LEFT] * 1000)) is None


def test_one_card_with_many_invented_targets_stops_nobody() -> None:
    """Whoever registers a thousand invented targets for one card loses them, and delivery to others goes on."""
    invented = [(Push(number, "x", "pass.example", 1, card_id=7), REFUSED) for number in range(1000)]
    assert suspicious([*invented, *results([Sent()] * 20)]) is None


def test_a_stop_says_how_many_and_why() -> None:
    """The operator reads the numbers, the vendor's reason, and what to do."""
    stop = suspicious(results([REFUSED] * ENOUGH_TO_SUSPECT + [Sent()]))
    assert isinstance(stop, Stop)
    assert stop.reason == "the phones of 20 of 21 cards are refused together (BadDeviceToken); check the settings"


def test_nothing_sent_is_nothing_to_suspect() -> None:
    """No outcomes, no stop."""
    assert suspicious([]) is None
