"""What each answer of Apple's push service means for the wallet that was pushed to.

Source: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from wallet_service.domain.push import Gone, Later, Outcome, Sent, Stop

TOO_MANY_WAIT = timedelta(minutes=5)
UNKNOWN_WAIT = timedelta(minutes=15)

DEAD = {(400, "BadDeviceToken"), (400, "DeviceTokenNotForTopic")}

_RENEW = "Renew the pass certificate in Apple's developer portal, set WALLET_APPLE_CERTIFICATE and WALLET_APPLE_KEY."
_TOPIC = "Pushes must carry the pass type identifier that the certificate was issued for: compare the two."
_UNSEEN = "The pass certificate is not being presented: check WALLET_APPLE_CERTIFICATE and WALLET_APPLE_KEY."
_REQUEST = "The request itself is wrong, so every push would fail alike: report this as a fault of wallet_service."
_SETTING = "Correct the push type and priority in the settings: background goes with 5."

STOPS = {
    (400, "TopicDisallowed"): _TOPIC,
    (400, "MissingTopic"): _TOPIC,
    (400, "BadTopic"): _TOPIC,
    (400, "InvalidPushType"): _SETTING,
    (400, "BadPriority"): _SETTING,
    (400, "PayloadEmpty"): _REQUEST,
    (400, "BadExpirationDate"): _REQUEST,
    (400, "BadMessageId"): _REQUEST,
    (400, "BadCollapseId"): _REQUEST,
    (400, "DuplicateHeaders"): _REQUEST,
    (400, "MissingDeviceToken"): _REQUEST,
    (403, "BadCertificate"): _RENEW,
    (403, "BadCertificateEnvironment"): "Pass pushes work in production only: set WALLET_APPLE_APNS_URL accordingly.",
    (403, "ExpiredProviderToken"): _UNSEEN,
    (403, "InvalidProviderToken"): _UNSEEN,
    (403, "MissingProviderToken"): _UNSEEN,
}
STOPPING_STATUSES = {403: _RENEW, 404: "Check WALLET_APPLE_APNS_URL.", 405: _REQUEST, 413: _REQUEST}


def outcome(status: int, body: bytes) -> Outcome:
    """Return what the answer means; never raises, whatever the body holds.

    A wallet is dropped only if status and reason agree that its token is dead. A reason that is not in Apple's table
    holds back this one push for a quarter of an hour: it may be about one device, and must not stop the others.
    A 403, 404, 405 or 413 is about what all pushes have in common, whatever its reason.
    """
    if status == 200:
        return Sent()
    answer = _answer(body)
    reason = _reason(answer)
    said = f"{status} {reason}" if reason else f"{status} without a reason"
    if status == 410:
        return Gone(said, _moment(answer.get("timestamp")))
    if (status, reason) in DEAD:
        return Gone(said)
    advice = STOPS.get((status, reason)) or STOPPING_STATUSES.get(status)
    return Stop(f"{said}. {advice}") if advice else Later(said, _wait(status, reason))


def _wait(status: int, reason: str) -> timedelta:
    """Return the least wait; the delivery's own back-off may be longer, and grows to a quarter of an hour."""
    if status >= 500 or (status, reason) == (400, "IdleTimeout"):
        return timedelta(0)
    return TOO_MANY_WAIT if status == 429 else UNKNOWN_WAIT


def _answer(body: bytes) -> Mapping[str, object]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _reason(answer: Mapping[str, object]) -> str:
    """The reason goes into logs and a table: only what looks like one of Apple's words is let through."""
    reason = answer.get("reason")
    return reason if isinstance(reason, str) and reason.isascii() and reason.isalnum() and len(reason) <= 64 else ""


def _moment(milliseconds: object) -> datetime | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
