"""What the sandbox's Google shows on locked phones: three messages and three changes of fields a day for each card.

Source: https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

MOST_A_DAY = 3
DAY = timedelta(hours=24)
TELLING = {
    "loyaltyClass": (("rewardsTier",), ("secondaryRewardsTier",), ("programName",)),
    "loyaltyObject": (("loyaltyPoints", "balance"), ("secondaryLoyaltyPoints", "balance")),
}

Channel = Literal["message", "fields"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification for the holders of a class or object, on account of a message or of changed fields."""

    resource_id: str
    channel: Channel
    at: datetime


class Notices:
    """The notifications so far. Messages and fields have budgets of their own. Not locked: the store does that."""

    def __init__(self) -> None:
        self.given: deque[Notice] = deque(maxlen=1000)
        self._lately: defaultdict[tuple[str, Channel], deque[datetime]] = defaultdict(lambda: deque(maxlen=MOST_A_DAY))

    def give(self, resource_id: str, channel: Channel, now: datetime) -> bool:
        """Notify and return true, or return false where the day's notifications are used up."""
        lately = self._lately[resource_id, channel]
        if len(lately) == MOST_A_DAY and lately[0] > now - DAY:
            return False
        lately.append(now)
        self.given.append(Notice(resource_id, channel, now))
        return True


def tells(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a change is of fields that Google notifies holders of."""
    return any(_at(before, path) != _at(after, path) for path in TELLING[kind])


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body
