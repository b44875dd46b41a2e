"""A loyalty programme as its `program.toml` states it: unit, earning, tiers, rewards."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from wallet_service.domain.file_model import FileModel
from wallet_service.domain.program.earning_tables import Campaign, EarningRule, Many, PointsTable
from wallet_service.domain.program.reward_tables import (
    Cause,
    Experiment,
    Partner,
    ReferralTable,
    Reward,
    Segment,
    Trigger,
)
from wallet_service.domain.program.tier_tables import Benefit, MembershipTable, Tier, TiersTable
from wallet_service.domain.program.values import Code, Currency, Name, Whole, Zone, exponent

__all__ = ["EarningRule", "Program", "Tier", "exponent"]


class ProgramTable(FileModel):
    """`[program]`: who runs it, where and in which currency."""

    code: Code
    name: Name
    timezone: Zone
    currency: Currency


class UnitTable(FileModel):
    """`[unit]`: what is collected; with `is_money` one unit is one minor unit of the programme's currency.

    `cost_micros`: what a unit is expected to cost, in millionths of the currency, for the liability alone.
    """

    code: Code
    one: Name | None = None
    other: Name | None = None
    is_money: bool = False
    cost_micros: Whole | None = None


class CardTable(FileModel):
    """`[card]`: the first change of a card is pushed at once, later ones within the window go out together."""

    coalesce_seconds: Annotated[int, Field(ge=0, le=86_400)] = 30


class Program(FileModel):
    """One programme; immutable, and the same for every member."""

    schema_: Literal[1] = Field(alias="schema")
    program: ProgramTable
    unit: UnitTable | None = None
    points: PointsTable = PointsTable()
    card: CardTable = CardTable()
    earning_rule: Annotated[tuple[EarningRule, ...], Many] = ()
    campaign: Annotated[tuple[Campaign, ...], Many] = ()
    tiers: TiersTable | None = None
    tier: Annotated[tuple[Tier, ...], Many] = ()
    benefit: Annotated[tuple[Benefit, ...], Many] = ()
    reward: Annotated[tuple[Reward, ...], Many] = ()
    trigger: Annotated[tuple[Trigger, ...], Many] = ()
    membership: MembershipTable | None = None
    partner: Annotated[tuple[Partner, ...], Many] = ()
    cause: Annotated[tuple[Cause, ...], Many] = ()
    referral: ReferralTable | None = None
    experiment: Annotated[tuple[Experiment, ...], Many] = ()
    segment: Annotated[tuple[Segment, ...], Many] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the programme's dates are meant."""
        return ZoneInfo(self.program.timezone)

    def tier_of(self, code: str) -> Tier | None:
        """Return the tier of that code."""
        return next((each for each in self.tier if each.code == code), None)

    def rank(self, code: str | None) -> int:
        """Return how high a tier stands, from 0; -1 for none, or for one that the programme no longer has."""
        return next((index for index, each in enumerate(self.tier) if each.code == code), -1)

    def reward_of(self, code: str) -> Reward | None:
        """Return the reward of that code."""
        return next((each for each in self.reward if each.code == code), None)

    def partner_of(self, code: str | None) -> Partner | None:
        """Return the partner of that code."""
        return next((each for each in self.partner if each.code == code), None)

    def waits_for_deed(self, kind: str) -> bool:
        """Whether an earning rule, a challenge or the referral waits for that deed."""
        named = {each.on for each in self.earning_rule} | {each.goal.event for each in self.campaign if each.goal}
        return kind in named or (self.referral is not None and self.referral.qualifies_on == kind)

    def tier_at(self, qualifying: int) -> Tier | None:
        """Return the highest tier that the qualifying amount reaches; None in a programme without tiers."""
        reached = [tier for tier in self.tier if tier.threshold <= max(qualifying, 0)]
        return reached[-1] if reached else None

    def tier_after(self, qualifying: int) -> Tier | None:
        """Return the next tier that is still out of reach, or None at the top."""
        return next((tier for tier in self.tier if tier.threshold > max(qualifying, 0)), None)
