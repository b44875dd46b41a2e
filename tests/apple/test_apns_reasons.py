"""Every answer of Apple's push service has one meaning for the wallet that was pushed to."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.apple.apns_reasons import outcome
from wallet_service.domain.push import Gone, Later, Outcome, Sent, Stop

TABLE: list[tuple[int, str, type[Outcome]]] = [
    (400, "BadCollapseId", Stop),
    (400, "BadDeviceToken", Gone),
    (400, "BadExpirationDate", Stop),
    (400, "BadMessageId", Stop),
    (400, "BadPriority", Stop),
    (400, "BadTopic", Stop),
    (400, "DeviceTokenNotForTopic", Gone),
    (400, "DuplicateHeaders", Stop),
    (400, "IdleTimeout", Later),
    (400, "InvalidPushType", Stop),
    (400, "MissingDeviceToken", Stop),
    (400, "MissingTopic", Stop),
    (400, "PayloadEmpty", Stop),
    (400, "TopicDisallowed", Stop),
    (403, "BadCertificate", Stop),
    (403, "BadCertificateEnvironment", Stop),
    (403, "ExpiredProviderToken", Stop),
    (403, "Forbidden", Stop),
    (403, "InvalidProviderToken", Stop),
    (403, "MissingProviderToken", Stop),
    (404, "BadPath", Stop),
    (405, "MethodNotAllowed", Stop),
    (410, "ExpiredToken", Gone),
    (410, "Unregistered", Gone),
    (413, "PayloadTooLarge", Stop),
    (429, "TooManyProviderTokenUpdates", Later),
    (429, "TooManyRequests", Later),
    (500, "InternalServerError", Later),
    (503, "ServiceUnavailable", Later),
    (503, "Shutdown", Later),
]
JUNK = [b"", b"{", b"[]", b"null", b'"BadDeviceToken"', b'{"reason":7}', b"\xff\xfe", b"[" * 100_000, b"<html></html>"]


def body(reason: str, **more: object) -> bytes:
    """A refusal's body."""
    return json.dumps({"reason": reason, **more}).encode()


@pytest.mark.parametrize(("status", "reason", "kind"), TABLE)
def test_each_reason_of_apples_table(status: int, reason: str, kind: type[Outcome]) -> None:
    """Each reason has one of the four outcomes, and the outcome names it."""
    end = outcome(status, body(reason))
    assert isinstance(end, kind)
    assert not isinstance(end, Sent)
    assert reason in end.reason


def test_ok_is_sent() -> None:
    """A 200 is sent, with or without a body."""
    assert outcome(200, b"") == outcome(200, b"junk") == Sent()


def test_gone_carries_the_moment() -> None:
    """A 410 says since when the token is dead, as an aware datetime."""
    end = outcome(410, body("Unregistered", timestamp=1_700_000_000_123))
    assert end == Gone("410 Unregistered", datetime(2023, 11, 14, 22, 13, 20, 123000, UTC))


@pytest.mark.parametrize("timestamp", [None, "soon", True, 1e400, -1e300, 10**30, [], {}])
def test_gone_without_a_usable_moment(timestamp: object) -> None:
    """A moment that is none is left out."""
    raw = json.dumps({"reason": "Unregistered", "timestamp": timestamp}).encode()
    assert outcome(410, raw) == Gone("410 Unregistered", None)


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Later) for status in (0, 204, 301, 400, 418, 429, 500, 502)),
        *((status, Stop) for status in (403, 404, 405, 413)),
        (410, Gone),
    ],
)
def test_without_a_usable_reason_the_status_decides(status: int, kind: type[Outcome], junk: bytes) -> None:
    """Junk in place of a reason leaves the decision to the status, and drops no wallet but for a 410."""
    assert isinstance(outcome(status, junk), kind)


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_dead_token_needs_status_and_reason(status: int) -> None:
    """BadDeviceToken with another status than its own drops nothing."""
    assert isinstance(outcome(status, body("BadDeviceToken")), Later)


def test_waits() -> None:
    """A server's fault is left to the back-off, a throttled token waits minutes, what is not understood longer."""
    waits = [outcome(503, b""), outcome(429, body("TooManyRequests")), outcome(400, body("NewReason"))]
    assert [end.wait for end in waits if isinstance(end, Later)] == [timedelta(minutes=n) for n in (0, 5, 15)]


def test_stop_says_what_to_do() -> None:
    """A Stop names the setting to look at."""
    end = outcome(403, body("BadCertificate"))
    assert isinstance(end, Stop)
    assert "WALLET_APPLE_CERTIFICATE" in end.reason


def test_hostile_reason_is_not_repeated() -> None:
    """A reason that does not look like one of Apple's words does not reach a log."""
    end = outcome(500, body("line\nbreak"))
    assert end == Later("500 without a reason")


@given(st.integers(0, 999), st.binary() | st.builds(body, st.text(), timestamp=st.integers() | st.floats() | st.text()))
def test_nothing_raises(status: int, raw: bytes) -> None:
    """No status and body make it raise."""
    assert isinstance(outcome(status, raw), Sent | Gone | Later | Stop)
