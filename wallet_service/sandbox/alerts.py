"""What the lock screen says when a newer version of a pass has replaced an older one.

Source: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wallet_service.sandbox.contents import read_date
from wallet_service.sandbox.values import shown
from wallet_service.sandbox.verify import OpenedPass

PLACEHOLDER = "%@"
STYLE_WORDS = {
    "storeCard": "store card",
    "coupon": "coupon",
    "generic": "pass",
    "eventTicket": "event ticket",
    "boardingPass": "boarding pass",
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification; `number` counts them, `generic` means that no field's own words were used."""

    number: int
    at: datetime
    serial_number: str
    organization: str
    body: str
    generic: bool

    @property
    def text(self) -> str:
        """The words in one line; a generic notification needs the organisation to make sense."""
        return f"{self.organization}: {self.body}" if self.generic else self.body


def changed_fields(old: OpenedPass, new: OpenedPass) -> list[dict[str, Any]]:
    """Return the new fields whose value differs from the same key's old value; added and removed ones do not count."""
    before = {field["key"]: field["value"] for _, field in old.fields()}
    return [field for _, field in new.fields() if before.get(field["key"], field["value"]) != field["value"]]


def notify(old: OpenedPass, new: OpenedPass, *, number: int, language: str, now: datetime) -> Notification | None:
    """Return the notification for a change, or None where a phone stays quiet.

    Only changed fields with a `changeMessage` speak. More than one of them, or one without a place for its value,
    gives the generic sentence. Voided and expired passes are quiet.
    """
    speaking = [field for field in changed_fields(old, new) if field.get("changeMessage")]
    if not speaking or _is_void(new, now):
        return None
    message = str(speaking[0]["changeMessage"])
    generic = len(speaking) > 1 or PLACEHOLDER not in message
    if generic:
        body = f"{STYLE_WORDS[new.style]} changed"
    else:
        body = message.replace(PLACEHOLDER, shown(speaking[0], language=language, now=now))
    return Notification(number, now, new.serial_number, new.organization, body, generic)


def _is_void(card: OpenedPass, now: datetime) -> bool:
    expires = card.content.get("expirationDate")
    return bool(card.content.get("voided")) or (expires is not None and read_date(expires, "expirationDate") <= now)
