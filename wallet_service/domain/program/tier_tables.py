"""The tables that say what a member is entitled to: tiers, benefits and membership."""

from typing import Annotated, Literal

from pydantic import Field

from wallet_service.domain.file_model import FileModel
from wallet_service.domain.period import PeriodText
from wallet_service.domain.program.earning_tables import ExpiryTable, Many, MatchTable
from wallet_service.domain.program.values import Code, EventType, Name, Whole

PAID_ON, ENDED_ON = "subscription.paid", "subscription.cancelled"  # no other events begin or end a membership
Measure = Literal["spend", "points_earned", "orders", "visits", "referrals", "balance", "membership"]


class TiersTable(FileModel):
    """`[tiers]`: what counts towards a tier, over which time, and how a tier is kept and lost.

    `start`: 'immediately' and 'next_order' are the same, for an order is counted by the tier before it.
    """

    measure: Measure
    window: Literal["calendar_year", "rolling_12_months", "anniversary", "lifetime", "none"] = "lifetime"
    start: Literal["immediately", "next_order", "next_period"] = "immediately"
    valid: Literal["end_of_next_calendar_year", "forever", "membership_period"] | PeriodText = "forever"
    downgrade: Literal["to_qualified", "one_level", "none"] = "to_qualified"
    grace_days: Annotated[int, Field(ge=0, le=3660)] = 0
    on_refund: Literal["recheck", "keep"] = "recheck"


class Tier(FileModel):
    """`[[tier]]`: reached at `threshold` of the measure; `name` is used where a language has none of its own."""

    code: Code
    threshold: Whole
    name: Name | None = None
    benefits: Annotated[tuple[Code, ...], Many] = ()
    points_expiry: ExpiryTable | None = None


class Benefit(FileModel):
    """`[[benefit]]`: a standing privilege of a tier; `value` in basis points (`percent_off`) or minor units."""

    code: Code
    kind: Literal["percent_off", "amount_off", "free_shipping", "early_access", "access", "gift", "service"]
    name: Name | None = None
    value: Whole | None = None
    match: MatchTable | None = None
    exclude: MatchTable | None = None
    lead: PeriodText | None = None


class MembershipTable(FileModel):
    """`[membership]`: a paid club; billing is somebody else's, who tells us of `activate_on` and `end_on`."""

    kind: Literal["paid"]
    price: Whole
    period: PeriodText
    renews: bool = True
    grace_days: Annotated[int, Field(ge=0, le=366)] = 0
    activate_on: EventType = PAID_ON
    end_on: EventType = ENDED_ON
    on_cancel: Literal["end_of_period", "immediately"] = "end_of_period"
