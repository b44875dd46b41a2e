"""The root keys of callbacks: fetched when needed, kept while they last, and never more often than is stated."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from actors import START, Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.errors import CallbackRefused, CallbackUndecided
from wallet_service.google.callback import Callback, verify
from wallet_service.google.callback_keys import MOST_BYTES, KeyRing, http_fetch
from wallet_service.google.callback_roots import MOST_KEYS, PROTOCOL, read_key, read_keys
from wallet_service.sandbox.google_callbacks import CallbackKeys

ISSUER = "3388000000022000001"
DAY = timedelta(hours=24)
FLOOD, THREADS = 1000, 8


@dataclass
class Google:
    """What is published, how often it was fetched, and a gate that holds fetches up."""

    keys: CallbackKeys
    fetches: int = 0
    fault: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def fetch(self) -> bytes:
        """Return the published keys."""
        self.fetches += 1  # unguarded on purpose: only one fetch at a time may be here
        self.arrived.set()
        assert self.gate.wait(10)
        if self.fault:
            raise self.fault
        return self.keys.published()

    def save(self, keys: CallbackKeys | None = None) -> bytes:
        """Return a callback signed with the published keys, or with others."""
        return (keys or self.keys).sign(
            "save",
            class_id=f"{ISSUER}.points",
            object_id=f"{ISSUER}.card",
            issuer_id=ISSUER,
            nonce="n",
            expires=START + 30 * DAY,
        )


@pytest.fixture
def google() -> Google:
    """A Google with fresh keys."""
    return Google(CallbackKeys.make(START, intermediate_lifetime=60 * DAY))


@pytest.fixture
def ring(google: Google, clock: Clock) -> KeyRing:
    """A key ring that fetches there."""
    return KeyRing(google.fetch, clock)


def check(envelope: bytes, ring: KeyRing, clock: Clock) -> Callback:
    """Verify a callback now."""
    return verify(envelope, keys=ring, issuer_id=ISSUER, now=clock.now)


def flood(envelope: bytes, ring: KeyRing, clock: Clock) -> int:
    """Verify an envelope a thousand times in eight threads, and return how often it was refused."""

    def refused(_: int) -> bool:
        try:
            check(envelope, ring, clock)
        except CallbackRefused:
            return True
        return False

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(refused, range(FLOOD)))


def test_keys_are_fetched_when_first_needed(google: Google, ring: KeyRing, clock: Clock) -> None:
    """Nothing is fetched before the first callback, and one fetch serves all that follow."""
    assert google.fetches == 0
    for _ in range(50):
        assert check(google.save(), ring, clock).event == "save"
    assert google.fetches == 1


def test_keys_are_kept_for_a_day_at_most(google: Google, ring: KeyRing, clock: Clock) -> None:
    """Keys that last a year are fetched again after 24 hours, and not a second earlier."""
    ring.current()
    clock.on(hours=23, minutes=59, seconds=59)
    ring.current()
    assert google.fetches == 1
    clock.on(seconds=1)
    ring.current()
    assert google.fetches == 2


def test_keys_are_kept_until_the_first_is_about_to_expire(clock: Clock) -> None:
    """The key that expires first decides; five minutes before that its successor is looked for."""
    old = CallbackKeys.make(START, root_lifetime=timedelta(hours=2))
    google = Google(old.rotated(START))
    ring = KeyRing(google.fetch, clock)
    assert len(ring.current()) == 2
    clock.on(hours=1, minutes=54, seconds=59)
    assert (len(ring.current()), google.fetches) == (2, 1)
    clock.on(seconds=1)
    assert (len(ring.current()), google.fetches) == (2, 2)


def test_keys_are_kept_for_a_minute_at_least(clock: Clock) -> None:
    """Keys that are about to expire are fetched once a minute, not for every callback; expired ones are not used."""
    google = Google(CallbackKeys.make(START, root_lifetime=timedelta(seconds=90)))
    ring = KeyRing(google.fetch, clock)
    found = []
    for _ in range(120):
        found.append(len(ring.current()))
        clock.on(seconds=1)
    assert google.fetches == 2
    assert found == [1] * 90 + [0] * 30


@pytest.mark.parametrize("stranger", [True, False])
def test_a_flood_of_bad_callbacks_causes_one_fetch_a_minute(
    google: Google, ring: KeyRing, clock: Clock, stranger: bool
) -> None:
    """A thousand well-formed forgeries from eight threads cause no fetch beyond one in each 60 seconds."""
    forgery = google.save(CallbackKeys.make(START)) if stranger else google.save().replace(b".card", b".cart")
    assert flood(forgery, ring, clock) == FLOOD
    assert google.fetches == 1
    clock.on(seconds=59)
    assert flood(forgery, ring, clock) == FLOOD
    assert google.fetches == 1
    clock.on(seconds=1)
    assert flood(forgery, ring, clock) == FLOOD
    # A forged message under a genuine key says nothing against the root keys.
    assert google.fetches == (2 if stranger else 1)


def test_a_flood_while_the_keys_are_out_of_reach_causes_few_fetches(
    google: Google, ring: KeyRing, clock: Clock
) -> None:
    """A flood during an outage causes a single fetch, and a later one is a single fetch again."""
    google.fault = OSError("unreachable")
    assert flood(google.save(), ring, clock) == FLOOD
    assert google.fetches == 1
    clock.on(seconds=60)
    assert flood(google.save(), ring, clock) == FLOOD
    assert google.fetches == 2


def test_a_rotation_gets_through(google: Google, ring: KeyRing, clock: Clock) -> None:
    """A callback under a new root is taken at once, if the keys are older than a minute."""
    ring.current()
    google.keys = google.keys.rotated(START)
    clock.on(seconds=60)
    assert check(google.save(), ring, clock).event == "save"
    assert google.fetches == 2


def test_both_roots_count_while_both_are_published(google: Google, ring: KeyRing, clock: Clock) -> None:
    """During a rotation callbacks under the old and the new root are taken alike."""
    old = google.save()
    google.keys = google.keys.rotated(START)
    assert check(old, ring, clock) == check(google.save(), ring, clock)
    assert google.fetches == 1


def test_a_key_is_not_tried_twice(google: Google, ring: KeyRing, clock: Clock) -> None:
    """Among newer keys are only those that were not tried in vain."""
    tried = ring.current()
    google.keys = google.keys.rotated(START)
    assert ring.newer(tried) == ()
    clock.on(seconds=60)
    (fresh,) = ring.newer(tried)
    assert fresh not in tried
    assert len(ring.current()) == 2


def test_a_root_that_is_withdrawn_counts_no_more(google: Google, ring: KeyRing, clock: Clock) -> None:
    """Once the keys were fetched anew, a root that is no longer published signs in vain."""
    old = google.save()
    check(old, ring, clock)
    google.keys = CallbackKeys.make(START, intermediate_lifetime=60 * DAY)
    clock.on(hours=24)
    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        check(old, ring, clock)


def test_a_rotation_right_after_a_fetch_waits_for_a_minute(google: Google, ring: KeyRing, clock: Clock) -> None:
    """The floor holds for genuine callbacks too, since nobody can tell yet that they are."""
    ring.current()
    google.keys = google.keys.rotated(START)
    clock.on(seconds=59)
    with pytest.raises(CallbackRefused, match="not signed by a root key"):
        check(google.save(), ring, clock)
    clock.on(seconds=1)
    assert check(google.save(), ring, clock).event == "save"


@pytest.mark.parametrize("fault", [OSError("unreachable"), requests.Timeout("slow"), ValueError("odd")])
def test_without_keys_nothing_is_decided(google: Google, ring: KeyRing, clock: Clock, fault: Exception) -> None:
    """When the keys cannot be had, a callback is refused as undecided, and taken once they can."""
    google.fault = fault
    with pytest.raises(CallbackUndecided):
        check(google.save(), ring, clock)
    google.fault = None
    clock.on(seconds=59)
    with pytest.raises(CallbackUndecided):
        check(google.save(), ring, clock)
    clock.on(seconds=1)
    assert check(google.save(), ring, clock).event == "save"


def test_a_failed_fetch_keeps_the_old_keys(google: Google, ring: KeyRing, clock: Clock) -> None:
    """During an outage the keys are used for as long as they are valid, though they are due."""
    check(google.save(), ring, clock)
    google.fault = OSError("unreachable")
    clock.on(days=3)
    assert check(google.save(), ring, clock).event == "save"
    assert google.fetches == 2


def test_expired_keys_are_not_used_during_an_outage(clock: Clock) -> None:
    """An outage does not make a key last longer than it says."""
    google = Google(CallbackKeys.make(START, root_lifetime=timedelta(hours=1)))
    ring = KeyRing(google.fetch, clock)
    assert len(ring.current()) == 1
    google.fault = OSError("unreachable")
    clock.on(minutes=59)
    assert len(ring.current()) == 1
    clock.on(minutes=1)
    assert ring.current() == ()


def test_failing_fetches_grow_rare(google: Google, ring: KeyRing, clock: Clock) -> None:
    """The pauses after fetches that fail are 60, 120, 240, 480 and from then on 600 seconds."""
    google.fault = OSError("unreachable")
    at = []
    for second in range(0, 2701, 10):
        before = google.fetches
        ring.current()
        ring.newer(())
        if google.fetches > before:
            at.append(second)
        clock.on(seconds=10)
    assert at == [0, 60, 180, 420, 900, 1500, 2100, 2700]


def test_after_an_outage_the_pauses_are_short_again(google: Google, ring: KeyRing, clock: Clock) -> None:
    """A fetch that succeeds ends the growing of the pauses."""
    google.fault = OSError("unreachable")
    for _ in range(3):
        ring.current()
        clock.on(minutes=10)
    google.fault = None
    assert len(ring.current()) == 1
    fetches, google.fault = google.fetches, OSError("unreachable")
    for seconds in (60, 60, 60):
        clock.on(seconds=seconds)
        ring.newer(())
    assert google.fetches == fetches + 2


def test_a_failed_fetch_is_logged(
    google: Google, ring: KeyRing, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator reads once for each fetch what failed and when it is tried again."""
    google.fault = OSError("unreachable")
    for _ in range(5):
        ring.current()
    (record,) = caplog.records
    assert "OSError: unreachable" in record.getMessage()
    assert "60 s" in record.getMessage()


def test_a_clock_set_back_does_not_block_fetches(google: Google, ring: KeyRing, clock: Clock) -> None:
    """After the clock was a year ahead, keys are fetched at once, not a year later."""
    clock.on(days=364)
    assert len(ring.current()) == 1
    clock.now = START
    assert len(ring.current()) == 1
    assert google.fetches == 2


def test_threads_that_have_no_keys_share_one_fetch(google: Google, ring: KeyRing, clock: Clock) -> None:
    """The first callbacks of a process, all at once, wait for the same fetch and are all taken."""
    google.gate.clear()
    with ThreadPoolExecutor(THREADS) as threads:
        checks = [threads.submit(check, google.save(), ring, clock) for _ in range(THREADS)]
        assert google.arrived.wait(10)
        google.gate.set()
        assert {each.result(10).event for each in checks} == {"save"}
    assert google.fetches == 1


def test_threads_that_have_no_keys_wait_for_them(google: Google, ring: KeyRing) -> None:
    """Nobody is told that there are no keys while the first fetch is under way."""
    google.gate.clear()
    with ThreadPoolExecutor(THREADS) as threads:
        asked = [threads.submit(ring.current) for _ in range(THREADS)]
        assert google.arrived.wait(10)
        google.gate.set()
        assert [len(each.result(10)) for each in asked] == [1] * THREADS
    assert google.fetches == 1


def test_nobody_waits_who_has_keys(google: Google, ring: KeyRing, clock: Clock) -> None:
    """While one thread fetches due keys, the others go on with the old ones."""
    old = ring.current()
    clock.on(hours=24)
    google.arrived.clear()
    google.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(ring.current)
        try:
            assert google.arrived.wait(10)
            assert ring.current() == old
            assert not slow.done()
        finally:
            google.gate.set()
    assert google.fetches == 2


def test_only_keys_of_our_protocol_with_a_future_count(google: Google) -> None:
    """Keys of other protocols, expired ones, those without an end and those that cannot be read are left out."""
    (good,) = google.keys.roots
    key = good.public() | {"protocolVersion": PROTOCOL}
    eternal = {name: value for name, value in key.items() if name != "keyExpiration"}
    others = [
        key | {"protocolVersion": "ECv2"},
        key | {"protocolVersion": "ECv1"},
        key | {"keyExpiration": str(int(START.timestamp() * 1000))},
        key | {"keyExpiration": "never"},
        eternal,
        key | {"keyValue": "AAAA"},
        key | {"keyValue": None},
        "key",
        None,
    ]
    (found,) = read_keys(json.dumps({"keys": [*others, key], "more": 1}).encode(), START)
    assert (found.key, found.expires_at) == (read_key(key["keyValue"]), good.expires)
    with pytest.raises(ValueError, match="no valid key"):
        read_keys(json.dumps({"keys": others}).encode(), START)


def test_only_so_many_keys_count(google: Google) -> None:
    """A list that goes on for ever does not make every callback slow."""
    document = json.loads(google.keys.published())
    assert len(read_keys(json.dumps({"keys": document["keys"] * 50}).encode(), START)) == MOST_KEYS


@pytest.mark.parametrize("published", [b"", b"<html>", b"null", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[]}', b"\xff"])
def test_an_answer_without_keys_is_a_failed_fetch(clock: Clock, published: bytes) -> None:
    """Whatever else is served at the address leaves the ring as it is."""
    answers = [CallbackKeys.make(START).published(), published]
    ring = KeyRing(lambda: answers.pop(0), clock)
    old = ring.current()
    clock.on(hours=24)
    assert ring.current() == old
    assert answers == []


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100) | st.text().map(lambda text: json.dumps({"keys": [{"keyValue": text}]}).encode()))
def test_any_answer_is_survived(published: bytes) -> None:
    """No answer at all gets out of the ring as an error."""
    assert KeyRing(lambda: published, Clock()).current() == ()


class Pages(BaseHTTPRequestHandler):
    """Answers for every way in which the keys' address may fail."""

    done = threading.Event()

    def do_GET(self) -> None:
        """Answer the page that was asked for."""
        if self.path == "/silent":
            self.done.wait(10)
            return
        self.send_response({"/missing": 404, "/moved": 302}.get(self.path, 200))
        self.send_header("Location", "/keys")
        body = b"x" * (MOST_BYTES + 1) if self.path == "/huge" else self.headers["Accept-Encoding"].encode()
        self.send_header("Content-Length", str(len(body) + (self.path == "/short")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of a web server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Pages.done.set()
        server.shutdown()
        thread.join()


def test_keys_come_over_http(site: str) -> None:
    """What is served with status 200 is returned to the byte, and asked for uncompressed."""
    with requests.Session() as session:
        assert http_fetch(f"{site}/keys", session) == b"identity"


@pytest.mark.parametrize(
    ("page", "error"),
    [
        ("missing", requests.HTTPError),
        ("moved", requests.HTTPError),
        ("huge", requests.RequestException),
        ("short", requests.exceptions.ChunkedEncodingError),
        ("silent", requests.Timeout),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(site: str, page: str, error: type[Exception]) -> None:
    """Other statuses, redirects, huge, short and missing answers raise what the ring takes for a failed fetch."""
    with requests.Session() as session, pytest.raises(error):
        http_fetch(f"{site}/{page}", session, timeouts=(2, 0.3))


def test_an_address_out_of_reach_is_a_failed_fetch(clock: Clock) -> None:
    """A server that is not there leaves the ring empty and raises nothing."""
    with requests.Session() as session:
        ring = KeyRing(lambda: http_fetch("http://127.0.0.1:9/keys", session, timeouts=(0.5, 0.5)), clock)
        assert ring.current() == ()
