"""What is sent to endpoints: when it is tried again, when it rests, how room is shared, which addresses are taken."""

import random
from datetime import timedelta

import pytest
from actors import START
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.addresses import LOOPBACK, Reach
from wallet_service.domain.outbound import (
    LADDER,
    LONGEST_ASKED,
    LONGEST_PAUSE,
    LONGEST_REST,
    SUSPECT,
    Answer,
    Parcel,
    next_try,
    rest,
    shares,
    url_fault,
)

FAILED = Answer(500)
CHANCE = st.integers(0, 2**32).map(random.Random)


@given(CHANCE)
def test_the_ladder_takes_three_days(chance: random.Random) -> None:
    """A message is tried ten times, at first soon and then less and less, over three days and at most a tenth more."""
    now, waits = START, []
    for attempts in range(1, 100):
        again = next_try(FAILED, attempts, now, chance)
        if again is None:
            break
        waits.append(again - now)
        now = again
    assert len(waits) == 9
    assert waits == sorted(waits)
    assert all(step <= wait <= step * 1.1 for step, wait in zip(LADDER, waits, strict=True))
    assert timedelta(days=3) < now - START < timedelta(days=3.6)


@given(CHANCE, st.integers(1, 9), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=999)))
def test_what_an_endpoint_asks_for_is_honoured_within_bounds(
    chance: random.Random, attempts: int, asked: timedelta
) -> None:
    """It may have us wait longer than the ladder does, never shorter, and not for ever."""
    again = next_try(Answer(429, retry_after=asked), attempts, START, chance)
    assert again is not None
    assert max(LADDER[attempts - 1], min(asked, LONGEST_ASKED)) <= again - START
    assert again - START <= max(LADDER[attempts - 1] * 1.1, LONGEST_ASKED)
    assert rest(Answer(503, retry_after=asked), 1, chance) == min(asked, LONGEST_REST)


@given(CHANCE, st.integers(1, 10_000))
def test_an_endpoint_that_fails_rests_longer_and_longer(chance: random.Random, failures: int) -> None:
    """Single failures change nothing for other messages; many in a row have them all wait, at most 15 minutes."""
    pause = rest(FAILED, failures, chance)
    assert (pause == timedelta(0)) == (failures < SUSPECT)
    assert pause <= LONGEST_PAUSE
    assert rest(FAILED, failures + 30, chance) >= LONGEST_PAUSE / 2


WANTING = st.dictionaries(st.integers(1, 30), st.integers(0, 2 * SUSPECT), max_size=20)
UNDER_WAY = st.dictionaries(st.integers(1, 40), st.integers(0, 12), max_size=20)


@given(WANTING, UNDER_WAY, st.integers(0, 64), st.integers(1, 32))
def test_room_is_shared(wanting: dict[int, int], under_way: dict[int, int], free: int, most: int) -> None:
    """Nobody gets more than is free or than its limit, a suspect one at a time, and who has least comes first."""
    given = shares(wanting.items(), under_way, free=free, most=most)
    assert sum(given.values()) <= free
    for endpoint, number in given.items():
        has = under_way.get(endpoint, 0) + number
        assert 0 < has <= (1 if wanting[endpoint] >= SUSPECT else most)
    idle = [each for each in wanting if not under_way.get(each)]
    if free > len(wanting):
        assert given.keys() >= set(idle)


def test_slow_endpoints_leave_room_for_others() -> None:
    """However many messages nine endpoints have waiting that take their time, a tenth finds room at once."""
    under_way: dict[int, int] = {}
    free = 64
    for endpoint in range(10):
        given = shares([(each, 0) for each in range(endpoint + 1)], under_way, free=free, most=8)
        assert given[endpoint] >= 1
        for each, number in given.items():
            under_way[each] = under_way.get(each, 0) + number
        free -= sum(given.values())
        assert free >= 1


def test_an_answer_is_taken_or_not() -> None:
    """Only a success is; what leads elsewhere, and silence, is not."""
    assert [status for status in range(100, 600) if Answer(status).taken] == list(range(200, 300))
    assert not Answer(error="timeout").taken
    assert (str(Answer(503)), str(Answer(error="tls"))) == ("answered 503", "tls")


def test_a_parcel_does_not_show_what_it_carries() -> None:
    """Address, secrets and body of a message stay out of logs and tracebacks."""
    shown = repr(Parcel("msg_1", "https://shop.example/token-in-path", ("whsec_AAAA",), b"body"))
    assert shown == "Parcel(message_id='msg_1')"


GOOD = ("https://shop.example/webhooks?key=1", "https://SHOP.example:8443", "https://8.8.8.8/x", "https://a_b.example.")
BAD = {
    "http://shop.example/": "https",
    "ftp://shop.example/": "https",
    "shop.example": "https",
    "https://": "no host",
    "https://shop.example:0/": "no host",
    "https://shöp.example/": "printable",
    "https://shop.example/a b": "printable",
    "https://shop.example/\r\nx:y": "printable",
    "https://shop.example:99999/": "not an address",
    "https://[::1/": "not an address",
    "https://user@shop.example/": "user",
    "https://user:pass@shop.example/": "user",
    "https://shop.example/#part": "fragment",
    "https://127.0.0.1/": "private",
    "https://[::1]/": "private",
    "https://[::ffff:7f00:1]/": "private",
    "https://169.254.169.254/latest/meta-data/": "private",
    "https://a;b.example/": "no host",
    "https://a.example\\@b.example/": "user",
    "https://shop.example/" + "x" * 2000: "2000",
}


@pytest.mark.parametrize("url", GOOD)
def test_good_addresses_are_taken(url: str) -> None:
    """A host with or without a port, path and query."""
    assert url_fault(url, Reach()) is None


@pytest.mark.parametrize(("url", "why"), BAD.items())
def test_bad_addresses_are_refused_with_the_reason(url: str, why: str) -> None:
    """What is in clear, private, ambiguous, or carries a password is refused before anything is stored."""
    assert why in (url_fault(url, Reach()) or "")


def test_in_clear_only_where_private_networks_are_allowed() -> None:
    """An operator who allows loopback may be told there without TLS."""
    assert url_fault("http://127.0.0.1:9/x", Reach(LOOPBACK)) is None
    assert url_fault("http://shop.example/x", Reach(LOOPBACK)) is None  # by what it leads to: looked at when it is used
    assert "private" in (url_fault("http://10.0.0.1/", Reach(LOOPBACK)) or "")
    assert "private" in (url_fault("http://8.8.8.8/", Reach(LOOPBACK)) or "")
