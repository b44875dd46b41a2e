"""How a member rises, stays and falls through the tiers of a programme, by what was done and by the calendar.

A day opens with what the calendar brings, judged by the facts of the days before it; then comes what holds on the day
with its own facts. So it does not matter how often, or how late, a member is looked at.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct, structs

from wallet_service.domain.period import Period
from wallet_service.domain.program import Program
from wallet_service.domain.program.tier_tables import TiersTable
from wallet_service.domain.qualifying import ONE_DAY, Amounts, Facts, Tally, measured, tally

__all__ = [
    "CALENDAR",
    "PROGRAM",
    "Amounts",
    "Change",
    "Facts",
    "Rank",
    "advance",
    "after",
    "boundary",
    "last_day",
    "measured",
    "recheck",
    "set_manually",
]

CALENDAR = "calendar"  # the cause of what comes by the passing of days alone
PROGRAM = "program"  # the cause of what comes by a new version of the programme

Kind = Literal["joined", "upgraded", "prolonged", "downgraded", "left", "set_manually"]


class Rank(Struct, frozen=True):
    """The newest line of a member's tier history.

    `since` is the line's day, `valid_until` the last day of the tier, without grace; None for ever. `measured_to` is
    the last day of the window that the tier was earned in. `manual`: a person's decision stands in this line. `floor`
    is the tier that a person set last, under which nothing takes the member up to and including `floor_until`.
    """

    tier: str
    since: date
    valid_until: date | None
    measured_to: date
    manual: bool = False
    floor: str | None = None
    floor_until: date | None = None


class Change(Struct, frozen=True):
    """A line for a member's tier history; what a `Rank` says follows from the lines alone."""

    kind: Kind
    day: date
    tier: str | None
    valid_until: date | None
    measured_to: date
    cause: str
    manual: bool = False


class _Claim(Struct, frozen=True):
    """A tier that a window gives, from 0, and until when; `measured_to` names the window."""

    level: int
    until: date | None
    measured_to: date


def after(rank: Rank | None, change: Change) -> Rank | None:
    """Return the rank after one more line."""
    if change.tier is None:
        return None
    floor, floor_until = _floor(rank) if rank else (None, None)
    if change.kind == "set_manually":
        floor, floor_until = change.tier, change.valid_until
    line = (change.tier, change.day, change.valid_until, change.measured_to, change.manual)
    return Rank(*line, floor=floor, floor_until=floor_until)


def advance(
    program: Program, rank: Rank | None, facts: Facts, today: date, *, cause: str
) -> tuple[Rank | None, list[Change]]:
    """Return the rank as it is today, and the lines since it was written, each dated on its own day.

    First on each day what the calendar brings, with the cause `CALENDAR`; then what holds on that day, with the given
    one. Who has no rank yet joins today, in the tier that the facts give. Who is in a tier that the programme no longer
    has joins anew, with the cause `PROGRAM`.
    """
    if program.tiers is None or not program.tier:
        return None, [Change("left", today, None, None, today, PROGRAM)] if rank else []
    course = _Course(program, program.tiers, tally(program, program.tiers, facts), today, cause)
    if rank is not None and program.rank(rank.tier) >= 0:
        return course.run(rank)
    found = course.run(course.anew(rank) if rank else course.first())[0]
    joined = _line("joined", today, found, PROGRAM if rank else cause)
    return after(rank, joined), [joined]


def recheck(
    program: Program, rank: Rank | None, facts: Facts, today: date, *, cause: str
) -> tuple[Rank | None, list[Change]]:
    """Return the rank after a refund, of a rank that is advanced to today: lower, if the tier is no longer earned.

    It is not, if the window that it was measured in gives less, and neither do the days since then.
    """
    if rank is None or program.tiers is None or program.tiers.on_refund == "keep":
        return rank, []
    course = _Course(program, program.tiers, tally(program, program.tiers, facts), today, cause)
    level = program.rank(rank.tier)
    if course.tally.momentary or level <= 0 or course.level(course.tally.amount(rank.measured_to)) >= level:
        return rank, []
    found = course.run(course.anew(rank))[0]
    if program.rank(found.tier) >= level:
        return rank, []
    fallen = _line("downgraded", today, found, cause)
    return after(rank, fallen), [fallen]


def set_manually(
    program: Program, rank: Rank | None, tier: str, until: date | None, today: date, *, reason: str
) -> tuple[Rank, list[Change]]:
    """Return the rank that a person decides on: a floor up to and including `until`, not a ceiling.

    Raises `ValueError` for a tier that the programme does not have.
    """
    if program.tier_of(tier) is None:
        raise ValueError(f"{tier} is no tier of {program.program.code}")
    change = Change("set_manually", today, tier, until, today, reason, manual=True)
    found = after(rank, change)
    assert found is not None
    return found, [change]


def last_day(program: Program, rank: Rank, facts: Facts) -> date | None:
    """Return the last day of the tier as it looks now, without grace, or None; a membership may end before its line."""
    if program.tiers is None:
        return rank.valid_until
    bound = not rank.manual and program.tiers.valid == "membership_period" and program.tiers.downgrade != "none"
    if not bound or program.rank(rank.tier) <= 0:
        return rank.valid_until
    return min(facts.member_until or date.min, rank.valid_until or date.max)


def boundary(program: Program, rank: Rank | None, facts: Facts, today: date) -> date | None:
    """Return the next day on which the calendar alone could change the rank, or the measured amount.

    Of a rank that is advanced to today; None if no such day can come.
    """
    if program.tiers is None or not program.tier:
        return today + ONE_DAY if rank else None
    if rank is None or program.rank(rank.tier) < 0:
        return today + ONE_DAY
    course = _Course(program, program.tiers, tally(program, program.tiers, facts), today, CALENDAR)
    return course.boundary(rank)


def _line(kind: Kind, day: date, rank: Rank, cause: str) -> Change:
    return Change(kind, day, rank.tier, rank.valid_until, rank.measured_to, cause, manual=rank.manual)


def _floor(rank: Rank) -> tuple[str | None, date | None]:
    """Return the tier that a person set last, and until when; a manual line says so itself."""
    return (rank.tier, rank.valid_until) if rank.manual else (rank.floor, rank.floor_until)


def _earliest(days: Iterable[date | None], *, later_than: date) -> date | None:
    return min((day for day in days if day is not None and day > later_than), default=None)


class _Course(Struct, frozen=True):
    """The way of one member through the days up to today."""

    program: Program
    tiers: TiersTable
    tally: Tally
    today: date
    cause: str

    @property
    def facts(self) -> Facts:
        return self.tally.facts

    @property
    def waits(self) -> bool:
        """Whether a tier begins with the next period; a state of the moment has no periods to wait for."""
        return self.tiers.start == "next_period" and not self.tally.momentary

    def run(self, rank: Rank) -> tuple[Rank, list[Change]]:
        """Return the rank of today, and the lines in between."""
        lines: list[Change] = []
        steps = [self._late(rank)]
        day: date | None = rank.since
        while day is not None and day <= self.today:
            for line in (*steps, self._open(rank, day)):
                rank, lines = self._write(rank, lines, line)
            rank, lines = self._write(rank, lines, self._hold(rank, day))
            steps, day = [], self._next(rank, day)
        return rank, lines

    def first(self) -> Rank:
        """Return the rank in which a member begins."""
        day = min(self.facts.joined, self.today)
        return Rank(self.program.tier[0].code, day, None, day)

    def anew(self, rank: Rank) -> Rank:
        """Return what the window gives in which a rank was measured, as if it had been so from the beginning."""
        if self.tally.momentary:
            return self.first()
        level = self.level(self.tally.amount(rank.measured_to))
        floor, floor_until = _floor(rank)
        if self.floor_level(rank, rank.since) > level and floor is not None:
            return Rank(floor, rank.since, floor_until, rank.since, True, floor, floor_until)
        until = self._until(level, rank.since, rank.measured_to)
        if until is not None and rank.valid_until is not None:
            until = min(until, rank.valid_until)
        tier = self.program.tier[level].code
        return Rank(tier, rank.since, until, rank.measured_to, floor=floor, floor_until=floor_until)

    def boundary(self, rank: Rank) -> date | None:
        counts = self.tally.amount(self.today) != 0
        yearly = not self.tally.momentary and self.tiers.window in ("calendar_year", "anniversary")
        changes = self.waits or (yearly and counts)
        days = (
            *self._ends(rank),
            *self._turns(rank),
            None if self.tally.momentary else self.tally.next_facts(self.today),
            self.tally.next_leaving(self.today),
            self.tally.next_period(self.today) if changes else None,
        )
        return _earliest(days, later_than=self.today)

    def level(self, amount: int) -> int:
        """Return the level that an amount reaches, from 0."""
        found = self.program.tier_at(amount)
        return max(self.program.rank(found.code if found else None), 0)

    def floor_level(self, rank: Rank, day: date) -> int:
        """Return the level under which a person's decision lets nobody fall on a day; -1 if there is none."""
        floor, until = _floor(rank)
        return self.program.rank(floor) if until is None or until >= day else -1

    def _write(self, rank: Rank, lines: list[Change], line: Change | None) -> tuple[Rank, list[Change]]:
        return (after(rank, line) or rank, [*lines, line]) if line else (rank, lines)

    def _next(self, rank: Rank, day: date) -> date | None:
        """Return the next day, up to today, on which anything can change."""
        matter = self._facts_matter(rank, day)
        days = (
            self.today,
            *self._ends(rank),
            *self._turns(rank),
            self.tally.next_facts(day) if matter else None,
            self.tally.next_relief(day) if matter else None,
            self.tally.next_period(day) if self.waits else None,
        )
        return _earliest(days, later_than=day)

    def _facts_matter(self, rank: Rank, day: date) -> bool:
        """Whether facts of later days could change the rank: let it rise, or begin anew once its time is over."""
        if self.tally.momentary:
            return False
        last = last_day(self.program, rank, self.facts)
        return (last is not None and day > last) or self.level(self.tally.most_after(day)) > self._level_of(rank)

    def _ends(self, rank: Rank) -> tuple[date, date] | tuple[()]:
        """Return the day after the tier's last, and the day on which its grace is over."""
        last = last_day(self.program, rank, self.facts)
        if last is None:
            return ()
        first, grace = last + ONE_DAY, self.tiers.grace_days
        if self.tiers.valid == "membership_period":
            grace = self.tally.grace
        # A person who names a day means that day.
        return first, first + timedelta(days=0 if rank.manual else grace)

    def _turns(self, rank: Rank) -> tuple[date, ...]:
        """Return the days on which what holds changes by itself.

        Where tiers depend on a membership, the days on which it begins and no longer counts; and where they follow a
        state of the moment, the day after a person's decision.
        """
        days: list[date] = []
        if self.tiers.measure == "membership" or self.tiers.valid == "membership_period":
            days += [self.facts.member_since] if self.facts.member_since else []
            days += [self.facts.member_until + timedelta(days=self.tally.grace + 1)] if self.facts.member_until else []
        floor_until = _floor(rank)[1]
        if self.tally.momentary and floor_until is not None:
            days.append(floor_until + ONE_DAY)
        return tuple(days)

    def _late(self, rank: Rank) -> Change | None:
        """Return the rise that facts bring which came after the window that they belong to had been judged."""
        if rank.measured_to >= rank.since or (self.waits and self.tally.period_start(rank.since) != rank.since):
            return None
        if self.tally.momentary or rank.manual:
            return None
        claim = self._claim(self.tally.amount(rank.measured_to), rank.since, rank.measured_to, rank.measured_to)
        over = claim.until is not None and claim.until < rank.since
        return None if over or claim.level <= self._level_of(rank) else self._claimed("upgraded", rank.since, claim)

    def _open(self, rank: Rank, day: date) -> Change | None:
        """Return what the calendar brings as a day begins."""
        level = self._level_of(rank)
        if self.waits and day == self.tally.period_start(day):
            claim = self._judged(day, day)
            if claim.level > level:
                return self._claimed("upgraded", day, claim, cause=CALENDAR)
        ends = self._ends(rank)
        if not ends:
            return None
        first, over = ends
        # What ended before the line was written is news of today: nobody knew of it then.
        is_over = day == (over if over > rank.since else self.today)
        if day != first and not is_over:
            return None
        claim = self._judged(day, first)
        if claim.level >= level:
            rises = claim.level > level and not self.waits
            return self._claimed("upgraded", day, claim, cause=CALENDAR) if rises else self._kept(rank, day, claim)
        return self._fallen(rank, day, first, claim) if is_over else None

    def _kept(self, rank: Rank, day: date, claim: _Claim) -> Change:
        level = self._level_of(rank)
        if claim.level > level:
            claim = structs.replace(claim, level=level)
        return self._claimed("prolonged", day, claim, cause=CALENDAR)

    def _fallen(self, rank: Rank, day: date, first: date, claim: _Claim) -> Change:
        """Return the line for a tier whose time and grace are over, and which is not earned any more."""
        level = self._level_of(rank)
        unpaid = self.tiers.valid == "membership_period" and not self.facts.paid(day)
        target = claim.level
        if self.tiers.downgrade == "none" and not rank.manual:
            target = level
        elif self.tiers.downgrade == "one_level" and not rank.manual and not unpaid:
            target = max(level - 1, claim.level)
        return self._lowered(rank, day, first, target, claim, cause=CALENDAR)

    def _lowered(self, rank: Rank, day: date, first: date, target: int, claim: _Claim, *, cause: str) -> Change:
        """Return the line for a target level, or for the floor where that is higher."""
        level, floor = self._level_of(rank), self.floor_level(rank, day)
        if floor > target:
            kind: Kind = "prolonged" if floor >= level else "downgraded"
            tier, until = self.program.tier[floor].code, _floor(rank)[1]
            return Change(kind, day, tier, until, day, cause, manual=True)
        if target != claim.level:
            until = self._until(target, day, first - ONE_DAY)
            if until is not None and until < day:
                until = self._until(target, day, day - ONE_DAY)
            claim = _Claim(target, until, claim.measured_to)
        return self._claimed("prolonged" if target >= level else "downgraded", day, claim, cause=cause)

    def _hold(self, rank: Rank, day: date) -> Change | None:
        """Return what a day's own facts bring."""
        if self.tally.momentary and day not in (self.today, *self._turns(rank)):
            return None  # only the present state is known
        level, claim = self._level_of(rank), self._claim(self.tally.amount(day), day, day, day, grace=True)
        if claim.level > level:
            return None if self.waits else self._claimed("upgraded", day, claim)
        if claim.level < level:
            return self._dropped(rank, day, claim)
        return self._claimed("prolonged", day, claim) if self._renewed(rank, day, claim) else None

    def _dropped(self, rank: Rank, day: date, claim: _Claim) -> Change | None:
        """Return the fall of a state of the moment for which no time is kept; so there is no level a time either."""
        at_once = self.tally.momentary and self.tiers.valid == "forever" and self.tiers.downgrade != "none"
        if not at_once or rank.manual or self.floor_level(rank, day) >= self._level_of(rank):
            return None
        cause = CALENDAR if day in self._turns(rank) else self.cause
        return self._lowered(rank, day, day, claim.level, claim, cause=cause)

    def _renewed(self, rank: Rank, day: date, claim: _Claim) -> bool:
        """Return whether a tier begins anew: in its days of grace, or because the membership was paid for longer."""
        last = last_day(self.program, rank, self.facts)
        if last is None or rank.manual or (claim.until is not None and claim.until <= last):
            return False
        paid_on = self.tiers.measure == "membership" and self.tiers.valid == "membership_period"
        return paid_on or last < day

    def _judged(self, day: date, first: date) -> _Claim:
        """Return the best that ended windows and the present one give as a day begins, after a term that ended.

        `first` is the day after that term: the window that ended then counts, and one that ended since.
        """
        windows = filter(None, map(self.tally.ended, dict.fromkeys((first, day))))
        claims = [self._claim(self.tally.amount(last), day, last, last) for last in windows]
        claims.append(self._claim(self.tally.amount(day, before=True), day, day - ONE_DAY, day))
        lasting = [each for each in claims if each.until is None or each.until >= day]
        return max(lasting, key=lambda each: (each.level, each.until or date.max))

    def _claim(self, amount: int, day: date, counted: date, measured_to: date, *, grace: bool = False) -> _Claim:
        """Return the tier that an amount gives from a day on, as if reached on the day `counted`."""
        member = self.facts.covered(day, self.tally.grace if grace else 0)
        level = self.level(amount) if self.tiers.valid != "membership_period" or member else 0
        return _Claim(level, self._until(level, day, counted), measured_to)

    def _claimed(self, kind: Kind, day: date, claim: _Claim, *, cause: str | None = None) -> Change:
        tier = self.program.tier[claim.level].code
        return Change(kind, day, tier, claim.until, claim.measured_to, cause or self.cause)

    def _until(self, level: int, day: date, counted: date) -> date | None:
        """Return the last day of a tier that begins on a day, and was reached in the year of the day `counted`."""
        if level == 0 or self.tiers.downgrade == "none":
            return None
        match self.tiers.valid:
            case "end_of_next_calendar_year":
                return date(counted.year + 1, 12, 31)
            case "membership_period":
                return self.facts.member_until
            case Period() as period:
                return period.from_day(day) - ONE_DAY
            case _:
                return None

    def _level_of(self, rank: Rank) -> int:
        return self.program.rank(rank.tier)
