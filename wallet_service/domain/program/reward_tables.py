"""The tables that say what points are good for, and what happens by itself: rewards, causes, triggers, referrals."""

from typing import Annotated, Literal

from pydantic import Field

from wallet_service.domain.file_model import FileModel
from wallet_service.domain.period import PeriodText
from wallet_service.domain.program.earning_tables import LimitTable, Many, MatchTable
from wallet_service.domain.program.values import Code, EventType, Name, Points, Positive, Share, Whole, Word
from wallet_service.domain.purchase import ORDER_PAID

RewardKind = Literal[
    "percent_off",
    "amount_off",
    "product",
    "free_shipping",
    "service",
    "gift_card",
    "pay_with_points",
    "donation",
    "experience",
    "early_access",
    "collectible",
]
HOLDOUT = "holdout"  # what those are called who fall into no arm of an experiment
METRICS = ("points_earned", "spend", "orders", "repeat_purchase_rate")
Channel = Literal["pass", "email", "sms", "webhook"]


class RateTable(FileModel):
    """`rate`: so many points are worth so many minor units."""

    points: Positive
    value: Positive


class Reward(FileModel):
    """`[[reward]]`: what points are exchanged for.

    `cost` in points, or any amount by the `rate`. `value` in basis points (`percent_off`) or minor units. Codes come
    from the imported `pool`, or are made; they are good for `code_valid`. `auto`: issued as soon as the balance reaches
    the cost, or once a month. `min_tier` and `limit` say who may take it, and how often; a trigger or a referral gives
    it to whom these say, as often as those say.
    """

    code: Code
    kind: RewardKind
    name: Name | None = None
    cost: Positive | None = None
    value: Positive | None = None
    rate: RateTable | None = None
    min_points: Positive | None = None
    max_share_of_order: Share | None = None
    stock: Positive | None = None
    min_tier: Code | None = None
    match: MatchTable | None = None
    code_valid: PeriodText | None = None
    pool: Code | None = None
    auto: bool | Literal["monthly"] = False
    partner: Code | None = None
    limit: LimitTable | None = None
    choose: Literal["cause"] | None = None
    default: Code | None = None


class Cause(FileModel):
    """`[[cause]]`: what members may give to."""

    code: Code
    name: Name


class IssueTable(FileModel):
    """`issue`: a partner's `points` for every full `per` minor units; 0 where it only accepts."""

    points: Annotated[int, Field(ge=0, le=10_000)]
    per: Positive


class Partner(FileModel):
    """`[[partner]]`: a merchant who issues points, accepts them, or both."""

    code: Code
    name: Name | None = None
    issue: IssueTable
    accept: bool = True


class WindowTable(FileModel):
    """`window` of a trigger around its day."""

    before: PeriodText | None = None
    after: PeriodText | None = None


class Trigger(FileModel):
    """`[[trigger]]`: what a day, or an event of a member's, brings by itself: a `grant`ed reward, or `points`.

    `lead`: so long before points expire. `after`: so long without activity. `notify`: by `pass` the card reminds its
    holder, and the phone tells it; by `email` and `sms` members who agreed to it are written to. The merchant's
    endpoints are always told of points that expire; `webhook` is for a trigger that tells nobody else.
    """

    code: Code
    on: Literal["member.birthday", "member.anniversary", "points.expiring", "segment.entered", "member.inactive"]
    grant: Code | None = None
    points: Points | None = None
    window: WindowTable | None = None
    window_by_tier: dict[Code, PeriodText] = Field(default_factory=dict)
    lead: PeriodText | None = None
    after: PeriodText | None = None
    segment: Code | None = None
    limit: LimitTable | None = None
    notify: Annotated[tuple[Channel, ...], Many] = ()


class SideTable(FileModel):
    """What one side of a referral gets."""

    points: Points | None = None
    reward: Code | None = None


class ReferralTable(FileModel):
    """`[referral]`: a member brings another; both get theirs after an order of the other's has stood `hold_days`."""

    referrer: SideTable
    referee: SideTable
    qualifies_on: EventType = ORDER_PAID
    min_order: Whole = 0
    hold_days: Annotated[int, Field(ge=0, le=366)] = 0
    max_per_referrer: LimitTable | None = None


class Experiment(FileModel):
    """`[[experiment]]`: members fall into arms by a hash of their id; the shares with the `holdout` make one.

    `metric`: by what the arms are compared, for each member; `repeat_purchase_rate` is the share of those who ordered
    more than once among those who ordered.
    """

    code: Code
    unit: Literal["member"] = "member"
    holdout: Share
    arms: dict[Code, Share]
    metric: Word


class Segment(FileModel):
    """`[[segment]]`: members of whom all of these hold."""

    code: Code
    tiers: Annotated[tuple[Code, ...], Many] = ()
    min_orders: Whole | None = None
    max_orders: Whole | None = None
    min_spend: Whole | None = None
    inactive_for: PeriodText | None = None
    active_within: PeriodText | None = None
    birthday_month: bool = False
