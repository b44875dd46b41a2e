"""What each answer of Google's Wallet API means for the class or object that was written.

Source: https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes and
https://google.aip.dev/193 for the shape of errors.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.auth.exceptions import RefreshError, TransportError
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, SSLError

from wallet_service.domain.push import Later, Outcome, Refused, Sent, Stop
from wallet_service.google.pace import NoTurn

UNKNOWN_WAIT = timedelta(minutes=15)
TOO_MANY_WAIT = timedelta(seconds=10)
LONGEST_MESSAGE = 300
QUOTED = re.compile(r'"[^"]*"')

API_DISABLED = {"accessNotConfigured", "SERVICE_DISABLED"}
WRONG_SCOPE = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
TOO_MANY = {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"}
QUOTA = "quotaExceeded"
REFUSALS = (400, 413)  # of what was sent, and of nothing else

_INVITE = (
    "Invite the service account's e-mail address as Developer under Users in the Google Pay & Wallet Console of the "
    "issuer in WALLET_GOOGLE_ISSUER_ID, and wait some minutes."
)
_ENABLE = "Enable the Google Wallet API in the service account's Google Cloud project, and wait some minutes."
_NEW_KEY = (
    "Google does not accept the service account's key. Check this machine's clock; if it is right, make a new JSON key "
    "and set WALLET_GOOGLE_SERVICE_ACCOUNT."
)
_NO_TOKENS = "Check token_uri in WALLET_GOOGLE_SERVICE_ACCOUNT: what answers there is no token service."
_ADDRESS = "Check WALLET_GOOGLE_API_URL: what answers there is not Google's Wallet API."
_CERTIFICATE = (
    "Google's certificate is not trusted. Install the certifi package's current release, and check the addresses."
)
_REQUEST = "The request itself is wrong, so every write would fail alike: report this as a fault of wallet_service."


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such class or object, or the object's class does not exist yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Exists:
    """A class or object of that id is there already."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotifyQuota:
    """The card had its three notifications of the day, and nothing was written: write again without notifying."""

    reason: str


Meaning = Outcome | Missing | Exists | NotifyQuota


@dataclass(frozen=True, slots=True)
class Answer:
    """What Google said, what that means, and the class, object or page it sent; `status` is 0 where none came."""

    meaning: Meaning
    status: int = 0
    resource: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


def read(status: int, body: bytes, *, notifying: bool = False, class_alone: bool = False) -> Answer:
    """Return the answer and what it means; never raises, whatever the body holds.

    `notifying` says that the request asked for a notification: only then can it be the day's notifications that are
    used up. `class_alone` says that it names nothing that must exist but a class: a 404 without Google's words is then
    about the address. A 400 or 413 is about this one body, and others are taken.
    """
    said = _parsed(body)
    if status == 200 and said is not None:
        return Answer(Sent(), status, said)
    if status == 200:
        return Answer(Later(f"200 without a resource. {_ADDRESS}", UNKNOWN_WAIT), status)
    error = _mapping(_mapping(said).get("error"))
    reasons = list(_reasons(error))
    message = _plain(error.get("message"))
    if status == 404 and (error or not class_alone):
        return Answer(Missing(_said(status, reasons)), status, message=message)
    return Answer(_meaning(status, reasons, message, notifying=notifying), status, message=message)


def refuses_locations(answer: Answer) -> bool:
    """Whether a write was refused because Google has not allowed this issuer to use merchant locations."""
    message = answer.message.lower()
    return answer.status == 400 and "allowlisted" in message and "merchant location" in message


def transport_failure(error: OSError) -> Outcome:
    """Return what it means that no answer came; addresses in the error's own words may hold ids, so they stay out."""
    if isinstance(error, NoTurn):
        return Later(f"no turn to ask Google ({error})")
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Stop(_CERTIFICATE)
    if isinstance(error, InvalidURL | InvalidSchema | MissingSchema):
        return Stop(f"{type(error).__name__}. {_ADDRESS}")
    return Later(f"no answer ({type(error).__name__})")


def token_failure(error: Exception) -> Outcome:
    """Return what it means that the account's token address gave no token."""
    if isinstance(error, OSError):
        return transport_failure(error)
    if isinstance(error, TransportError):
        cause = error.__cause__
        return transport_failure(cause) if isinstance(cause, OSError) else Later(f"no token: {error}")
    if not isinstance(error, RefreshError) or error.retryable:
        return Later("no token: the token service's answer cannot be read", UNKNOWN_WAIT)
    details = _mapping(error.args[1] if len(error.args) > 1 else None)
    code, description = _plain(details.get("error")), _plain(details.get("error_description"))
    said = ": ".join(filter(None, ("no token", code, description)))
    return Stop(f"{said}. {_NEW_KEY if code else _NO_TOKENS}")


def _meaning(status: int, reasons: list[str], message: str, *, notifying: bool) -> Meaning:
    said = _said(status, reasons)
    if status == 403:
        return _forbidden(said, set(reasons), notifying=notifying)
    if status == 409:
        return Exists(said)
    advice = _stopping(status)
    if advice:
        return Stop(f"{said}. {advice}")
    why = f"{said}: {message}" if message else said
    return Refused(why) if status in REFUSALS else Later(why, _wait(status))


def _said(status: int, reasons: list[str]) -> str:
    return " ".join([str(status), *reasons[:1]])


def _forbidden(said: str, reasons: set[str], *, notifying: bool) -> Meaning:
    if reasons & TOO_MANY:
        return Later(said, TOO_MANY_WAIT)
    if QUOTA in reasons:
        return NotifyQuota(said) if notifying else Later(said, UNKNOWN_WAIT)
    if reasons & API_DISABLED:
        return Stop(f"{said}. {_ENABLE}")
    return Stop(f"{said}. {_REQUEST if reasons & WRONG_SCOPE else _INVITE}")


def _stopping(status: int) -> str:
    """Return what to do where every further write would fail alike, else nothing."""
    if status == 401:
        return _NEW_KEY
    if status == 405:
        return _REQUEST
    return _ADDRESS if status == 404 or 300 <= status < 400 else ""


def _wait(status: int) -> timedelta:
    """Return the least wait; the delivery's own back-off may be longer, and grows to a quarter of an hour."""
    if status >= 500 or status == 408:
        return timedelta(0)
    return TOO_MANY_WAIT if status == 429 else UNKNOWN_WAIT


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield every reason given, the Wallet API's own first; they go into logs and a table, so only words pass."""
    for part in ("errors", "details"):
        entries = error.get(part)
        for entry in entries if isinstance(entries, list) else []:
            yield from _word(_mapping(entry).get("reason"))
    yield from _word(error.get("status"))


def _word(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.isascii() and value.replace("_", "").isalnum() and len(value) <= 64:
        yield value


def _plain(message: object) -> str:
    if not isinstance(message, str):
        return ""
    # What stands in double quotes may be a member's name that Google quotes back.
    message = QUOTED.sub('"…"', message)
    printable = "".join(each if each.isprintable() else " " for each in message[: 2 * LONGEST_MESSAGE])
    return " ".join(printable.split())[:LONGEST_MESSAGE]
