"""What was bought or done, as the rules of a programme look at it."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

ORDER_PAID = "order.paid"
ENROLLED = "member.enrolled"
PROFILE_COMPLETED = "member.profile_completed"  # a deed that is done once in a lifetime, whoever tells of it
YEARLY = ("member.birthday", "member.anniversary")  # deeds that come by the calendar
# Deeds that come by themselves; of all others that rules wait for a merchant's own tools have to tell.
OWN_DEEDS = (ENROLLED, PROFILE_COMPLETED, *YEARLY)


class Line(Struct, frozen=True):
    """One line of an order: `net_minor` after discounts, without tax; `earns` is false for gift cards and the like."""

    sku: str
    net_minor: int
    quantity: int = 1
    tags: tuple[str, ...] = ()
    earns: bool = True


class Purchase(Struct, frozen=True):
    """A paid order. Without `lines` only its amounts are known, and rules that match lines find none.

    `eligible_minor` is what earns: net of discounts, without tax, shipping and gift cards. `tax_minor` is the tax on
    that, `total_minor` all that was paid; None where the sender does not say. `version` is that of the whole snapshot
    that told of it, if one did.
    """

    order_id: str
    paid_at: datetime
    eligible_minor: int
    lines: tuple[Line, ...] = ()
    tax_minor: int | None = None
    total_minor: int | None = None
    partner: str | None = None
    location: str | None = None
    version: datetime | None = None


class Deed(Struct, frozen=True):
    """Something else that a member did: its `type`, as earning rules name it, when, and its properties."""

    type: str
    at: datetime
    properties: Mapping[str, str | int | bool] = field(default_factory=dict)


class Buyer(Struct, frozen=True):
    """What the rules know of a member: the tier before the event, the birthday as month and day, the segments."""

    tier: str | None = None
    birthday: tuple[int, int] | None = None
    segments: frozenset[str] = frozenset()
