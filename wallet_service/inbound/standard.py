"""The Standard Webhooks dialect, for shops and tills that speak our own events.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised
from wallet_service.domain.errors import EventRefused, SignatureRefused
from wallet_service.inbound import bodies
from wallet_service.inbound.reading import TOLERANCE, happened
from wallet_service.inbound.signature import MOST_SIGNATURES, by_name, check, in_base64, plain

SECRET_PREFIX = "whsec_"  # noqa: S105 - the scheme's own mark, not a secret

_TIMESTAMP = re.compile(r"[0-9]{1,11}")


def verify(
    headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], arrangement: Arrangement, now: datetime
) -> Delivery:
    """Return the delivery, once one of the secrets is shown to have signed these very bytes at about `now`.

    The topic is empty where the body names no type. Raises `SignatureRefused` for every fault alike; its message is
    for our own log.
    """
    headers = by_name(headers)
    event_id = plain(headers.get("webhook-id"))
    timestamp = headers.get("webhook-timestamp", "")
    if event_id is None or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("webhook-id or webhook-timestamp is missing or malformed")
    given = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = in_base64([_key(secret) for secret in secrets if secret], signed)
    check(expected, [each[3:] for each in given if each.startswith("v1,")])
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise SignatureRefused("webhook-timestamp is more than five minutes from now")
    return Delivery(_topic(body), event_id)


def sign(secret: str, *, event_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers with which the holder of the secret sends the body."""
    seconds = str(int(timestamp.timestamp()))
    digest = hmac.digest(_key(secret), f"{event_id}.{seconds}.".encode() + body, "sha256")
    return {
        "webhook-id": event_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def normalise(delivery: Delivery, body: bytes, *, arrangement: Arrangement, now: datetime) -> Normalised:
    """Return what a verified body says, if it is of a type of event that we know.

    Raises `EventRefused` with every fault of a body that says something impossible.
    """
    said = bodies.read(delivery.topic or bodies.kind_of(body), body)
    if said is None:
        return Normalised(ignored="events of this type are not known")
    happened(said.occurred_at, "timestamp", now=now)
    return Normalised((said,))


def _topic(body: bytes) -> str:
    try:
        return bodies.kind_of(body)
    except EventRefused:
        return ""  # what is wrong with it is said when it is read


def _key(secret: str) -> bytes:
    """Return the bytes that a secret stands for; its padding may be missing, as the reference library has it."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX) + "==")
    except ValueError:
        key = b""
    return key or secret.encode()
