"""What counts towards a tier: the facts of a member's days, summed over the window that the programme states."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from wallet_service.domain.period import plus_months
from wallet_service.domain.program import Program
from wallet_service.domain.program.tier_tables import TiersTable

ONE_DAY = timedelta(days=1)


class Amounts(NamedTuple):
    """The facts of one local day; what is taken back is negative, on the day of the original purchase.

    `spend` in minor units. A tuple, since hundreds of days are looked at for one event.
    """

    spend: int = 0
    points: int = 0
    orders: int = 0
    referrals: int = 0

    def plus(self, other: "Amounts") -> "Amounts":
        """Return both together."""
        return Amounts(
            self.spend + other.spend,
            self.points + other.points,
            self.orders + other.orders,
            self.referrals + other.referrals,
        )


# What of a day counts for each measure; what is a state of the moment has no days.
MEASURED: dict[str, Callable[[Amounts], int]] = {
    "spend": attrgetter("spend"),
    "points_earned": attrgetter("points"),
    "orders": attrgetter("orders"),
    "visits": lambda of_day: int(of_day.orders > 0),
    "referrals": attrgetter("referrals"),
    "balance": lambda _: 0,
    "membership": lambda _: 0,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a tier depends on; every date is a local day of the programme's.

    `balance` is the present one. `member_until` is the last paid day of a membership, without days of grace;
    `member_since` the first day of the time that it has lasted without a gap, where it is known.
    """

    joined: date
    days: Mapping[date, Amounts] = field(default_factory=dict)
    balance: int = 0
    member_until: date | None = None
    member_since: date | None = None
    _series: dict[str, "Series"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def series(self, measure: str) -> "Series":
        """Return the days in one measure; it is asked for several times, and worked out once."""
        if measure not in self._series:
            days = tuple(sorted(self.days))
            self._series[measure] = Series(days, tuple(map(MEASURED[measure], map(self.days.__getitem__, days))))
        return self._series[measure]

    def paid(self, day: date) -> bool:
        """Return whether a paid membership covers the day."""
        return self.covered(day, 0)

    def covered(self, day: date, grace: int) -> bool:
        """Return whether a membership and so many days of grace after it cover the day."""
        if self.member_until is None or (self.member_since is not None and day < self.member_since):
            return False
        return day <= self.member_until + timedelta(days=grace)


@dataclass(slots=True)
class Series:
    """Days in their order with the amount of each in one measure; `sums[n]` is the amount of the first n of them.

    `falls`: on some day more was taken back than was done.
    """

    days: tuple[date, ...]
    amounts: tuple[int, ...]
    sums: tuple[int, ...] = field(init=False)
    falls: bool = field(init=False)

    def __post_init__(self) -> None:
        self.sums = tuple(accumulate(self.amounts, initial=0))
        self.falls = min(self.amounts, default=0) < 0


class Tally(Struct, frozen=True):
    """A member's facts in the programme's measure, ready to be summed over any window.

    `sums[n]` is the amount of the first n of `days`. `relief` are the days on which one that counts below zero falls
    out of a rolling window: then the amount rises though nothing has happened.
    """

    tiers: TiersTable
    facts: Facts
    grace: int
    days: tuple[date, ...]
    sums: tuple[int, ...]
    relief: tuple[date, ...]

    @property
    def momentary(self) -> bool:
        """Whether the measure is a state of the moment, of which no past days are known."""
        return self.tiers.measure in ("balance", "membership")

    def amount(self, day: date, *, before: bool = False) -> int:
        """Return the measured amount in the window that counts on a day; with `before`, as that day begins."""
        if self.tiers.measure == "balance":
            return self.facts.balance
        if self.tiers.measure == "membership":
            return int(self.facts.covered(day, self.grace))
        first, last = self._first(day), (bisect_left if before else bisect_right)(self.days, day)
        start = 0 if first is None else bisect_left(self.days, first)
        return self.sums[max(last, start)] - self.sums[start]

    def most_after(self, day: date) -> int:
        """Return an amount that none is above which is measured on any later day."""
        first = self._first(day)
        start = 0 if first is None else bisect_left(self.days, first)
        return max(self.sums[bisect_right(self.days, day) :]) - min(self.sums[start:])

    def ended(self, day: date) -> date | None:
        """Return the last day of the latest window that was over as the day began; None where windows do not end."""
        if self.momentary or self.tiers.window not in ("calendar_year", "anniversary"):
            return None
        return self.period_start(day) - ONE_DAY

    def period_start(self, day: date) -> date:
        """Return the first day of the member's year, or of the calendar's, that the day lies in."""
        if self.tiers.window != "anniversary":
            return date(day.year, 1, 1)
        this_year = self._anniversary(day.year)
        return this_year if this_year <= day else self._anniversary(day.year - 1)

    def next_period(self, day: date) -> date:
        """Return the first day after this one on which a year of that kind begins."""
        if self.tiers.window != "anniversary":
            return date(day.year + 1, 1, 1)
        this_year = self._anniversary(day.year)
        return this_year if this_year > day else self._anniversary(day.year + 1)

    def next_facts(self, day: date) -> date | None:
        """Return the first day after this one that has facts."""
        return _next(self.days, day)

    def next_relief(self, day: date) -> date | None:
        """Return the first day after this one on which the amount rises by itself."""
        return _next(self.relief, day)

    def next_leaving(self, day: date) -> date | None:
        """Return the first day after this one on which a day's amount falls out of a rolling window."""
        if self.momentary or self.tiers.window != "rolling_12_months":
            return None
        found = range(bisect_left(self.days, plus_months(day, -12)), len(self.days))
        leaving = (_leaves(self.days[each]) for each in found if self.sums[each + 1] != self.sums[each])
        return next((each for each in leaving if each > day), None)

    def _first(self, day: date) -> date | None:
        """Return the first day of the window that counts on a day; None if all days count."""
        match self.tiers.window:
            case "calendar_year" | "anniversary":
                return self.period_start(day)
            case "rolling_12_months":
                return plus_months(day, -12) + ONE_DAY
            case _:
                return None

    def _anniversary(self, year: int) -> date:
        return plus_months(self.facts.joined, 12 * (year - self.facts.joined.year))


def tally(program: Program, tiers: TiersTable, facts: Facts) -> Tally:
    """Return the member's facts in the measure of the programme's tiers."""
    series = facts.series(tiers.measure)
    relief: Iterable[date] = ()
    if series.falls and tiers.window == "rolling_12_months":
        relief = (_leaves(day) for day, amount in zip(series.days, series.amounts, strict=True) if amount < 0)
    return Tally(tiers, facts, grace_days(program, tiers), series.days, series.sums, tuple(relief))


def grace_days(program: Program, tiers: TiersTable) -> int:
    """Return how many days a tier outlasts its time; a paid membership's own grace is not added, the longer counts."""
    paid = tiers.measure == "membership" or tiers.valid == "membership_period"
    return max(tiers.grace_days, program.membership.grace_days if paid and program.membership else 0)


def measured(program: Program, facts: Facts, today: date) -> int:
    """Return the amount that counts today towards a tier; 0 in a programme without tiers."""
    return tally(program, program.tiers, facts).amount(today) if program.tiers else 0


def _next(days: tuple[date, ...], day: date) -> date | None:
    index = bisect_right(days, day)
    return days[index] if index < len(days) else None


def _leaves(day: date) -> date:
    """Return the first day whose last twelve months no longer hold that day."""
    year_on = plus_months(day, 12)
    return year_on if plus_months(year_on, -12) >= day else year_on + ONE_DAY  # 29 February leaves on 1 March
