"""What Apple's push service refuses in a request for a pass, decided from the request alone.

Source: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns and
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

import json
import re
from dataclasses import dataclass

LARGEST_BODY = 4096
LONGEST_COLLAPSE_ID = 64
PUSH_TYPES = frozenset(
    (
        *("alert", "background", "complication", "controls", "fileprovider", "liveactivity"),
        *("location", "mdm", "pushtotalk", "voip", "widgets"),
    )
)
TARGET = re.compile(r"/3/device/([^/?]*)")
TOKEN = re.compile(r"([0-9a-fA-F]{2}){1,200}")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NO_ID = "00000000-0000-0000-0000-000000000000"
SECONDS = re.compile(r"[0-9]{1,19}")
PRIORITIES = (None, "1", "5", "10")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came off its stream; `body` may be cut short once it is too large."""

    method: str
    path: str
    headers: dict[str, str]
    repeated: bool
    body: bytes

    @property
    def token(self) -> str:
        """The device token in the path, "" where there is none."""
        match = TARGET.fullmatch(self.path)
        return match[1] if match else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status and the reason that Apple gives."""

    status: int
    reason: str


def refusal(request: Request, topic: str) -> Refusal | None:
    """Return why Apple would refuse the request over a certificate for `topic`, or None if it would not.

    Whether the token is known is for the caller to say.
    """
    if request.method != "POST":
        return Refusal(405, "MethodNotAllowed")
    if not TARGET.fullmatch(request.path):
        return Refusal(404, "BadPath")
    if len(request.body) > LARGEST_BODY:
        return Refusal(413, "PayloadTooLarge")
    reason = _header_fault(request) or _topic_fault(request.headers, topic) or _body_fault(request.body)
    if not reason and not request.token:
        reason = "MissingDeviceToken"
    return Refusal(400, reason) if reason else None


def is_well_formed(token: str) -> bool:
    """Tell whether the token could be one at all: hexadecimal digits, of any length."""
    return TOKEN.fullmatch(token) is not None


def _header_fault(request: Request) -> str | None:
    headers = request.headers
    push_type, priority = headers.get("apns-push-type", "alert"), headers.get("apns-priority")
    checks = {
        "DuplicateHeaders": request.repeated,
        "BadMessageId": not UUID.fullmatch(headers.get("apns-id", NO_ID)),
        "BadExpirationDate": not SECONDS.fullmatch(headers.get("apns-expiration", "0")),
        "BadCollapseId": len(headers.get("apns-collapse-id", "").encode()) > LONGEST_COLLAPSE_ID,
        "InvalidPushType": push_type not in PUSH_TYPES,
        "BadPriority": priority not in PRIORITIES or (push_type, priority) == ("background", "10"),
    }
    return next((reason for reason, wrong in checks.items() if wrong), None)


def _topic_fault(headers: dict[str, str], topic: str) -> str | None:
    """The topic may be left out, because a pass certificate has exactly one."""
    asked = headers.get("apns-topic", topic)
    if not asked:
        return "MissingTopic"
    return None if asked == topic else "TopicDisallowed"


def _body_fault(body: bytes) -> str | None:
    """Apple names no reason for a body that is not a JSON object; the nearest that it does name is given."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return "PayloadEmpty"
    return None if isinstance(payload, dict) else "PayloadEmpty"
