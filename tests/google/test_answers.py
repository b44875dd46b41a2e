"""Every answer of Google has one meaning for the class or object that was written."""

import json
from datetime import timedelta

import pytest
from google.auth.exceptions import RefreshError, TransportError
from hypothesis import given
from hypothesis import strategies as st
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import InvalidURL, SSLError

from wallet_service.domain.push import Gone, Later, Refused, Sent, Stop
from wallet_service.google.answers import (
    Answer,
    Exists,
    Meaning,
    Missing,
    NotifyQuota,
    read,
    refuses_locations,
    token_failure,
    transport_failure,
)

NOT_ALLOWLISTED = "Issuer not allowlisted for Merchant Locations. Please contact support."
TABLE: list[tuple[int, str, type[Meaning]]] = [
    (400, "invalidResource", Refused),
    (400, "parseError", Refused),
    (401, "authError", Stop),
    (403, "permissionDenied", Stop),
    (403, "accessNotConfigured", Stop),
    (403, "insufficientPermissions", Stop),
    (403, "quotaExceeded", Later),
    (403, "rateLimitExceeded", Later),
    (403, "userRateLimitExceeded", Later),
    (404, "resourceNotFound", Missing),
    (404, "classNotFound", Missing),
    (405, "httpMethodNotAllowed", Stop),
    (408, "timeout", Later),
    (409, "existingResource", Exists),
    (413, "uploadTooLarge", Refused),
    (418, "teapot", Later),
    (429, "rateLimitExceeded", Later),
    (500, "backendError", Later),
    (502, "badGateway", Later),
    (503, "backendError", Later),
    (504, "backendError", Later),
]
JUNK = [b"", b"{", b"[]", b"null", b'"reason"', b"7", b"\xff\xfe", b"[" * 100_000, b"<html></html>", b'{"error":[]}']


def body(status: int, reason: str, message: str = "") -> bytes:
    """A refusal's body, in Google's shape."""
    entry = {"message": message, "domain": "walletobjects", "reason": reason}
    return json.dumps({"error": {"code": status, "message": message, "errors": [entry]}}).encode()


@pytest.mark.parametrize(("status", "reason", "kind"), TABLE)
def test_each_reason_has_its_meaning(status: int, reason: str, kind: type[Meaning]) -> None:
    """Each status and reason has one meaning, which names both, and none says that a card is gone."""
    answer = read(status, body(status, reason))
    assert isinstance(answer.meaning, kind)
    assert not isinstance(answer.meaning, Sent | Gone)
    assert answer.meaning.reason.startswith(f"{status} {reason}")


def test_a_taken_write_brings_the_resource() -> None:
    """200 with a JSON object is the write as Google holds it."""
    assert read(200, b'{"id":"1.a"}') == Answer(Sent(), 200, {"id": "1.a"})


@pytest.mark.parametrize("junk", JUNK[:-1])
def test_success_without_a_resource_is_not_believed(junk: bytes) -> None:
    """200 with something else did not come from Google's Wallet API: the write is tried again."""
    assert isinstance(read(200, junk).meaning, Later)


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (401, Stop), (403, Stop), (404, Missing), (409, Exists)])
def test_junk_is_judged_by_its_status(status: int, kind: type[Meaning], junk: bytes) -> None:
    """A body that cannot be read leaves the status to judge by."""
    answer = read(status, junk)
    assert isinstance(answer.meaning, kind)
    assert answer.resource == {}


def test_a_404_to_an_insert_is_about_the_class_or_the_address() -> None:
    """In Google's words a class is missing; in any others it is not Google that answers."""
    assert read(404, body(404, "classNotFound"), class_alone=True).meaning == Missing("404 classNotFound")
    assert read(404, b'{"error": {"code": 404}}', class_alone=True).meaning == Missing("404")
    assert isinstance(read(404, b"<html>", class_alone=True).meaning, Stop)


@given(st.integers(100, 599), st.binary(max_size=300), st.booleans())
def test_nothing_breaks_it(status: int, junk: bytes, notifying: bool) -> None:
    """Any status with any body has a meaning."""
    assert read(status, junk, notifying=notifying).meaning


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda each: (
            st.lists(each)
            | st.dictionaries(st.sampled_from(["error", "errors", "details", "reason", "message", "status"]), each)
        ),
    )
)
def test_no_shape_breaks_it(shape: object) -> None:
    """Any JSON in any place of an error has a meaning."""
    assert read(403, json.dumps(shape).encode()).meaning
    assert read(400, json.dumps({"error": shape}).encode()).meaning


def test_a_refused_body_waits_long_and_says_why() -> None:
    """A refusal is of one card's content, which is kept with Google's words beside it, in one line."""
    meaning = read(400, body(400, "invalidResource", "Invalid\nresource ID: x" + "y" * 1000)).meaning
    assert isinstance(meaning, Refused)
    assert meaning.wait >= timedelta(hours=1)
    assert "Invalid resource ID: x" in meaning.reason
    assert len(meaning.reason) < 400


def test_only_a_request_that_notifies_can_use_up_the_days_notifications() -> None:
    """quotaExceeded means "write again silently" where a notification was asked for, and "later" elsewhere."""
    refused = body(403, "quotaExceeded", "Quota exceeded for issuer when adding TEXT_AND_NOTIFY message")
    assert isinstance(read(403, refused, notifying=True).meaning, NotifyQuota)
    assert isinstance(read(403, refused).meaning, Later)


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, "authError", "WALLET_GOOGLE_SERVICE_ACCOUNT"),
        (403, "permissionDenied", "Invite the service account"),
        (403, "accessNotConfigured", "Enable the Google Wallet API"),
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "fault of wallet_service"),
        (302, "moved", "WALLET_GOOGLE_API_URL"),
    ],
)
def test_a_stop_says_what_to_do(status: int, reason: str, words: str) -> None:
    """What stops all writes tells the operator what to do."""
    meaning = read(status, body(status, reason)).meaning
    assert isinstance(meaning, Stop)
    assert words in meaning.reason


def test_a_reason_in_the_details_counts() -> None:
    """Newer services of Google give the reason in `details`, beside a general status."""
    error = {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}
    meaning = read(403, json.dumps({"error": error}).encode()).meaning
    assert isinstance(meaning, Stop)
    assert "Enable" in meaning.reason


def test_a_reason_that_is_no_word_stays_out() -> None:
    """Reasons go into logs: only what looks like a word of Google's gets there."""
    meaning = read(403, body(403, "x\ny secret")).meaning
    assert isinstance(meaning, Stop)
    assert "secret" not in meaning.reason


def test_refused_locations_are_recognised() -> None:
    """The one refusal that a write without merchant locations gets round is told from the others."""
    assert refuses_locations(read(400, body(400, "invalidResource", NOT_ALLOWLISTED)))
    assert not refuses_locations(read(400, body(400, "invalidResource", "More than ten merchant locations")))
    assert not refuses_locations(read(403, body(403, "invalidResource", NOT_ALLOWLISTED)))


def test_no_answer_means_later_unless_it_can_never_come() -> None:
    """A broken connection is tried again; an address or a certificate that is wrong stops."""
    later = transport_failure(NoConnection("https://host/walletobjects/v1/loyaltyObject/1.secret"))
    assert isinstance(later, Later)
    assert "secret" not in later.reason
    assert isinstance(transport_failure(SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]")), Stop)
    assert isinstance(transport_failure(SSLError("EOF occurred")), Later)
    assert isinstance(transport_failure(InvalidURL()), Stop)


def test_no_token_means_stop_only_if_it_was_refused() -> None:
    """A refused key stops; a token service that is away or talks nonsense is asked again."""
    refused = token_failure(
        RefreshError("x", {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    )
    assert isinstance(refused, Stop)
    assert "invalid_grant: Invalid JWT Signature." in refused.reason
    assert isinstance(token_failure(RefreshError("<html>")), Stop)
    assert isinstance(token_failure(RefreshError("x", {}, retryable=True)), Later)
    assert isinstance(token_failure(TransportError("503")), Later)
    assert isinstance(token_failure(TypeError()), Later)
