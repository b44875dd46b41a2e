"""The Standard Webhooks dialect, for shops and tills that speak our own events.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from wallet_service.domain import event
from wallet_service.domain.errors import EventRefused, Fault, SignatureRefused
from wallet_service.domain.event import Event, Fact, content_hash

TOLERANCE = timedelta(minutes=5)
MOST_SIGNATURES = 8  # while secrets rotate there are two; a longer list only costs us work
SECRET_PREFIX = "whsec_"  # noqa: S105 - the scheme's own mark, not a secret

_EVENT_ID = re.compile(r"[\x21-\x7e]{1,200}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
# No-break space and the joiners of Persian, Hindi and emoji belong in names, though Python counts them as unprintable.
_JOINERS = dict.fromkeys(map(ord, "\u00a0\u200c\u200d"), " ")
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
    model = _TYPES.get(_read(_Kind, body).type)
    if model is None:
        return None
    said: _Body = _read(model, body)
    if said.timestamp > now + TOLERANCE:
        raise _refused([Fault("body", "timestamp", "lies in the future; send the time at which it happened")])
    if said.timestamp < _EARLIEST:
        raise _refused([Fault("body", "timestamp", "lies before 1970; send the time at which it happened")])
    fact = said.fact()
    return Event(event_id, said.type, content_hash(said.type, fact), said.timestamp, body, fact)


def _key(secret: str) -> bytes:
    """Return the bytes that a secret stands for; its padding may be missing, as the reference library has it."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX) + "==")
    except ValueError:
        key = b""
    return key or secret.encode()


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should hold printable characters only")
    return text


def _readable(text: str) -> str:
    if not _printable(text.translate(_JOINERS)).strip():
        raise ValueError("should hold something that can be read")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_printable)]
Words = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_readable)
]
Minor = Annotated[int, Field(ge=0, le=10**11)]


class _Table(BaseModel):
    """What we read of a table; other keys are left alone, for senders that say more than we need."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Customer(_Table):
    id: Id | None = None
    member_id: Id | None = None
    card_code: Id | None = None

    @model_validator(mode="after")
    def _one(self) -> "_Customer":
        if [self.id, self.member_id, self.card_code].count(None) != 2:
            raise ValueError("needs exactly one of id, member_id, card_code")
        return self

    def noun(self) -> event.Customer:
        code = self.card_code.replace(" ", "").upper() if self.card_code else None
        return event.Customer(self.id, self.member_id, code)


class _NewCustomer(_Table):
    id: Id
    name: Words | None = None
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] | None = None


class _Enrolled(_Table):
    customer: _NewCustomer

    def fact(self) -> Fact:
        who = self.customer
        return event.MemberEnrolled(event.Customer(id=who.id), who.name, who.locale)


class _Paid(_Table):
    order_id: Id
    customer: _Customer
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    eligible_minor: Minor

    def fact(self) -> Fact:
        return event.OrderPaid(self.customer.noun(), self.order_id, self.currency, self.eligible_minor)


class _Refunded(_Table):
    order_id: Id
    refunded_minor: Minor
    customer: _Customer | None = None

    def fact(self) -> Fact:
        customer = self.customer.noun() if self.customer else None
        return event.OrderRefunded(self.order_id, self.refunded_minor, customer)


class _Adjusted(_Table):
    customer: _Customer
    points: Annotated[int, Field(ge=-(10**9), le=10**9)]
    actor: Words
    reason: Words

    @model_validator(mode="after")
    def _not_zero(self) -> "_Adjusted":
        if self.points == 0:
            raise ValueError("points should not be 0")
        return self

    def fact(self) -> Fact:
        return event.PointsAdjusted(self.customer.noun(), self.points, self.actor, self.reason)


def _dated(timestamp: object) -> object:
    """Refuse numbers, which would be taken for seconds or milliseconds: "20260601" for a day in 1970."""
    if not isinstance(timestamp, str) or timestamp.strip().lstrip("+-").replace(".", "", 1).isdecimal():
        raise ValueError("should be a date and time with its zone, such as 2026-06-01T10:00:00Z")
    return timestamp


class _Kind(_Table):
    type: Id


class _Envelope(_Kind):
    timestamp: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_dated)]


class _EnrolledBody(_Envelope):
    data: _Enrolled

    def fact(self) -> Fact:
        return self.data.fact()


class _PaidBody(_Envelope):
    data: _Paid

    def fact(self) -> Fact:
        return self.data.fact()


class _RefundedBody(_Envelope):
    data: _Refunded

    def fact(self) -> Fact:
        return self.data.fact()


class _AdjustedBody(_Envelope):
    data: _Adjusted

    def fact(self) -> Fact:
        return self.data.fact()


_Body = _EnrolledBody | _PaidBody | _RefundedBody | _AdjustedBody
_TYPES: dict[str, type[_Body]] = {
    "member.enrolled": _EnrolledBody,
    "order.paid": _PaidBody,
    "order.refunded": _RefundedBody,
    "points.adjusted": _AdjustedBody,
}


def _read(model: type[Any], body: bytes) -> Any:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refused([_fault(each) for each in error.errors(include_url=False, include_input=False)]) from None


def _fault(error: Any) -> Fault:
    message = "is missing" if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
    return Fault("body", ".".join(str(part) for part in error["loc"]), message)


def _refused(faults: list[Fault]) -> EventRefused:
    return EventRefused("The event cannot be entered; nothing was stored.", faults)
