"""The Standard Webhooks dialect, for shops and tills that speak our own events.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from wallet_service.domain.errors import EventRefused, Fault, SignatureRefused
from wallet_service.domain.event import Event, content_hash
from wallet_service.inbound import bodies

TOLERANCE = timedelta(minutes=5)
MOST_SIGNATURES = 8  # while secrets rotate there are two; a longer list only costs us work
SECRET_PREFIX = "whsec_"  # noqa: S105 - the scheme's own mark, not a secret

_EVENT_ID = re.compile(r"[\x21-\x7e]{1,200}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)  # the first years of the calendar do not survive a change of time zone


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> str:
    """Return the event's id, once one of the secrets is shown to have signed these very bytes at about `now`.

    Raises `SignatureRefused` for every fault alike; its message is for our own log.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    event_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not _EVENT_ID.fullmatch(event_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("webhook-id or webhook-timestamp is missing or malformed")
    given = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
    candidates = [each[3:].encode("utf-8", "replace") for each in given if each.startswith("v1,")]
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = [base64.b64encode(hmac.digest(_key(secret), signed, "sha256")) for secret in secrets if secret]
    # Every pair is compared, so that the time taken does not tell which secret or signature was near.
    matches = [hmac.compare_digest(one, other) for one in expected for other in candidates]
    if not any(matches):
        raise SignatureRefused("no signature matches a secret of the source")
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise SignatureRefused("webhook-timestamp is more than five minutes from now")
    return event_id


def sign(secret: str, *, event_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers with which the holder of the secret sends the body."""
    seconds = str(int(timestamp.timestamp()))
    digest = hmac.digest(_key(secret), f"{event_id}.{seconds}.".encode() + body, "sha256")
    return {
        "webhook-id": event_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def normalise(event_id: str, body: bytes, *, now: datetime) -> Event | None:
    """Return what a verified body says, or None for a type of event that we do not know.

    Raises `EventRefused` with every fault of a body that says something impossible.
    """
    said = bodies.read(body)
    if said is None:
        return None
    if said.timestamp > now + TOLERANCE:
        raise _refused("lies in the future; send the time at which it happened")
    if said.timestamp < _EARLIEST:
        raise _refused("lies before 1970; send the time at which it happened")
    return Event(event_id, said.type, content_hash(said.type, said.fact), said.timestamp, body, said.fact)


def _refused(message: str) -> EventRefused:
    fault = Fault("body", "timestamp", message)
    return EventRefused("The event cannot be entered; nothing was stored.", [fault])


def _key(secret: str) -> bytes:
    """Return the bytes that a secret stands for; its padding may be missing, as the reference library has it."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX) + "==")
    except ValueError:
        key = b""
    return key or secret.encode()
