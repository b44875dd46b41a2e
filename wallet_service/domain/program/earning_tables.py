"""The tables that say what is earned: rules, limits, campaigns, and how the balance behaves."""

from typing import Annotated, Literal

from pydantic import Field

from wallet_service.domain.file_model import FileModel
from wallet_service.domain.period import PeriodText
from wallet_service.domain.program.values import (
    Code,
    DayOfYear,
    EventType,
    Factor,
    LocalMoment,
    LocalTime,
    Points,
    Positive,
    Sku,
    Whole,
    Word,
)
from wallet_service.domain.purchase import ORDER_PAID

Many = Field(strict=False)  # TOML has lists, we keep tuples
Basis = Literal["net_items", "net_items_tax", "order_total", "quantity", "visit"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


FULFILLED = "order.fulfilled"  # the one event that points can wait for: their order is handed over or sent


class PendingTable(FileModel):
    """`pending`: how long new points wait before they can be spent."""

    mode: Literal["days", "event"]
    days: Annotated[int, Field(ge=1, le=3660)] | None = None
    on: EventType | None = None


class ExpiryTable(FileModel):
    """`expiry`: when points die.

    `rolling`: each lot `period` after it became spendable, `round`ed up; activity keeps all alive for another
    `extend_on_activity`. `inactivity`: the whole balance `period` after the last earning, gift or redemption.
    `calendar`: on the `date` (MM-DD; 02-29 is the last day of February) that comes `years` years on: 1 is the next time
    that the day comes.
    """

    mode: Literal["none", "rolling", "inactivity", "calendar"]
    period: PeriodText | None = None
    round: Literal["end_of_month", "end_of_quarter", "end_of_year"] | None = None
    extend_on_activity: PeriodText | None = None
    date: DayOfYear | None = None
    years: Annotated[int, Field(ge=1, le=50)] = 1


class RefundTable(FileModel):
    """`refund`: what becomes of points that an order earned, or that were spent on it, when it is paid back."""

    earned: Literal["only_pending", "clamp_to_zero", "allow_negative"] = "clamp_to_zero"
    spent: Literal["restore", "forfeit"] = "restore"


class CapTable(FileModel):
    """`cap`: an order earns `per_order` points at the most, and within `per` only `times` orders earn."""

    per_order: Positive | None = None
    per: PeriodText | None = None
    times: Annotated[int, Field(ge=1, le=10_000)] | None = None


class PointsTable(FileModel):
    """`[points]`: how the balance behaves; with `allow_negative` it may fall to `min_balance`, or to any depth."""

    pending: Literal["none"] | PendingTable = "none"
    expiry: Literal["none"] | ExpiryTable = "none"
    refund: RefundTable = RefundTable()
    min_balance: Annotated[int, Field(ge=-1_000_000_000, le=0)] | None = None
    cap: CapTable | None = None
    hold_minutes: Annotated[int, Field(ge=1, le=100_000)] = 30
    grace_days: Annotated[int, Field(ge=0, le=3660)] = 0

    def waits_for(self, event: str) -> bool:
        """Whether new points wait for that event before they can be spent."""
        return self.pending != "none" and self.pending.on == event

    @property
    def floor(self) -> int | None:
        """How far a balance may fall; None for any depth."""
        return self.min_balance if self.refund.earned == "allow_negative" else 0


class MatchTable(FileModel):
    """`match`, `exclude`: lines of an order, by any of these SKUs or tags."""

    skus: Annotated[tuple[Sku, ...], Many] = ()
    tags: Annotated[tuple[Sku, ...], Many] = ()


class LimitTable(FileModel):
    """`limit`: at most `times` within `per`, counted apart for each value of the property `key`.

    An order of which nothing is paid any more is not counted.
    """

    times: Annotated[int, Field(ge=1, le=1_000_000)]
    per: Literal["lifetime", "calendar_year", "campaign"] | PeriodText
    key: Word | None = None


class BonusTable(FileModel):
    """`bonus`: `points` more when the property `when` of the activity is true."""

    when: Word
    points: Points


class EarningRule(FileModel):
    """`[[earning_rule]]`: points for an order or an activity.

    For an order: `points` for every full `per` units of the `basis` (minor units of money, pieces, or visits), or by
    the `rate` of the partner where it was bought. For an activity: `points`, and each `bonus` whose property holds.
    Of rules that are not `stackable` only the one that gives most counts; `priority` decides between equals.
    """

    code: Code
    on: EventType
    basis: Basis | None = None
    points: Points | None = None
    per: Positive = 1
    rate: Literal["partner.issue"] | None = None
    round: Literal["floor"] = "floor"
    match: MatchTable | None = None
    exclude: MatchTable | None = None
    tier_multiplier: dict[Code, Factor] = Field(default_factory=dict)
    bonus: Annotated[tuple[BonusTable, ...], Many] = ()
    limit: LimitTable | None = None
    stackable: bool = True
    priority: Whole = 0

    @property
    def for_orders(self) -> bool:
        """Whether orders earn by this rule, and not activities."""
        return self.on == ORDER_PAID


class ActiveTable(FileModel):
    """One window of `active`, in the programme's own time: from, to (inclusive to the second), weekdays, hours."""

    from_: LocalMoment | None = Field(default=None, alias="from")
    to: LocalMoment | None = None
    weekdays: Annotated[tuple[Weekday, ...], Many] = ()
    start: LocalTime | None = None
    end: LocalTime | None = None


class WhenTable(FileModel):
    """`when`: what must hold of the member."""

    member: Literal["birthday", "birthday_month"]


class GoalTable(FileModel):
    """`goal` of a challenge: `times` events within `within`, counted once for each value of `distinct`."""

    event: EventType
    times: Annotated[int, Field(ge=2, le=1000)]
    within: PeriodText
    distinct: Literal["local_date", "location", "sku"] | None = None


class BudgetTable(FileModel):
    """`budget`: so many points, or so many claims, and then the campaign is over."""

    points: Positive | None = None
    stock: Positive | None = None


class Campaign(FileModel):
    """`[[campaign]]`: more for certain purchases, at certain times, or for a challenge.

    `stack`: `add` sums the bonuses on the base, `max` takes the best factor on what the tier gives, `exclusive` beats
    all others.
    """

    code: Code
    kind: Literal["multiplier", "addition", "challenge"]
    rules: Annotated[tuple[Code, ...], Many] = ()
    factor: Factor | None = None
    points: Points | None = None
    goal: GoalTable | None = None
    active: Annotated[tuple[ActiveTable, ...], Many] = ()
    when: WhenTable | None = None
    match: MatchTable | None = None
    segment: Code | None = None
    stack: Literal["add", "max", "exclusive"] = "add"
    budget: BudgetTable | None = None
    limit: LimitTable | None = None
