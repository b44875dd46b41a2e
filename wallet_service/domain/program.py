"""A loyalty programme as its `program.toml` states it: unit, earning, tiers."""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import FileModel

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Whole = Annotated[int, Field(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Points = Annotated[int, Field(ge=1, le=10_000)]  # with the largest order still far inside the database's bigint

# Decimals of the currencies that do not have two; ISO 4217.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)


def exponent(currency: str) -> int:
    """Return how many decimals the currency has: JPY 0, EUR 2, KWD 3."""
    return EXPONENTS.get(currency, 2)


@cache
def _zones() -> set[str]:
    return available_timezones()  # looks through hundreds of files


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("should be an IANA time zone such as Europe/Prague")
    return name


class ProgramTable(FileModel):
    """`[program]`: who runs it, where and in which currency."""

    code: Code
    name: Annotated[str, Field(min_length=1, max_length=80)]
    timezone: Annotated[str, AfterValidator(_known_zone)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class UnitTable(FileModel):
    """`[unit]`: what is collected; with `is_money` one unit is one minor unit of the programme's currency."""

    code: Code
    is_money: bool = False


class RefundTable(FileModel):
    """`refund`: what becomes of points that were earned by an order which is paid back later."""

    earned: Literal["clamp_to_zero", "allow_negative"] = "clamp_to_zero"


class PointsTable(FileModel):
    """`[points]`: how the balance behaves."""

    refund: RefundTable = RefundTable()


class CardTable(FileModel):
    """`[card]`: the first change of a card is pushed at once, later ones within the window go out together."""

    coalesce_seconds: Annotated[int, Field(ge=0, le=86_400)] = 30


class EarningRule(FileModel):
    """`[[earning_rule]]`: `points` for every full `per` minor units of what an order says is eligible."""

    code: Code
    on: Literal["order.paid"]
    basis: Literal["net_items"]
    points: Points
    per: Positive
    round: Literal["floor"] = "floor"

    def earned(self, eligible_minor: int) -> int:
        """Return the points for an eligible amount in minor units: one floor, at the end."""
        return eligible_minor * self.points // self.per


class TiersTable(FileModel):
    """`[tiers]`: what counts towards a tier, apart from what can be spent."""

    measure: Literal["points_earned"]
    window: Literal["lifetime"]
    on_refund: Literal["recheck"] = "recheck"


class Tier(FileModel):
    """`[[tier]]`: reached at `threshold` of the measure."""

    code: Code
    threshold: Whole


class Program(FileModel):
    """One programme; immutable, and the same for every member."""

    schema_: Literal[1] = Field(alias="schema")
    program: ProgramTable
    unit: UnitTable
    points: PointsTable = PointsTable()
    card: CardTable = CardTable()
    earning_rule: Annotated[tuple[EarningRule, ...], Field(strict=False)] = ()
    tiers: TiersTable | None = None
    tier: Annotated[tuple[Tier, ...], Field(strict=False)] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the programme's dates are meant."""
        return ZoneInfo(self.program.timezone)

    def earned(self, eligible_minor: int) -> int:
        """Return what an order of that eligible amount earns by all rules together."""
        return sum(rule.earned(eligible_minor) for rule in self.earning_rule)

    def tier_at(self, qualifying: int) -> Tier | None:
        """Return the highest tier that the qualifying amount reaches; None in a programme without tiers."""
        reached = [tier for tier in self.tier if tier.threshold <= max(qualifying, 0)]
        return reached[-1] if reached else None

    def tier_after(self, qualifying: int) -> Tier | None:
        """Return the next tier that is still out of reach, or None at the top."""
        return next((tier for tier in self.tier if tier.threshold > max(qualifying, 0)), None)


def faults(program: Program, place: str) -> Iterator[Fault]:
    """Yield what no single key shows: repeated codes, thresholds that do not rise, tiers without a measure."""
    for table, codes in (
        ("earning_rule", [rule.code for rule in program.earning_rule]),
        ("tier", [tier.code for tier in program.tier]),
    ):
        for index, code in enumerate(codes):
            if code in codes[:index]:
                yield Fault(place, f"{table}[{index}].code", f"{code!r} is used twice; give each its own code")
    if bool(program.tier) != (program.tiers is not None):
        yield Fault(place, "tiers", "[tiers] and [[tier]] belong together; add the one that is missing")
    if program.tier and program.tier[0].threshold != 0:
        yield Fault(place, "tier[0].threshold", "must be 0, so that every member has a tier")
    for index in range(1, len(program.tier)):
        if program.tier[index].threshold <= program.tier[index - 1].threshold:
            yield Fault(place, f"tier[{index}].threshold", "must be higher than the tier's before it")
