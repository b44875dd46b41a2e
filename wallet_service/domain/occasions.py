"""What a day brings a member by itself: a birthday, an anniversary, points about to die, a long silence, a new segment.

An occasion is open from its first to its last day, and happens once under its key. Whoever comes late still finds those
that opened since the calendar was last looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from wallet_service.domain.period import Period, plus_months
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import Segment, Trigger
from wallet_service.domain.program.tier_tables import Tier
from wallet_service.domain.purchase import YEARLY

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Person:
    """What the occasions of a member follow from, as it is today.

    `active_on` is the day of the last earning or redemption. `dying` are the first days on which some of the points
    that can be spent now are dead, `entered` the segments that the member belongs to and did not before.
    """

    enrolled_on: date
    birthday: tuple[int, int] | None = None
    tier: str | None = None
    active_on: date | None = None
    dying: tuple[date, ...] = ()
    entered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Occasion:
    """One occasion: of a `trigger`, or of the earning rules for `deed`.

    `code` and `once` are the key under which it happens once. `valid_until` is the last day of what it grants, None
    where the reward itself says.
    """

    code: str
    once: str
    day: date
    opens: date
    closes: date
    valid_until: date | None = None
    trigger: Trigger | None = None
    deed: str | None = None


def matter(program: Program) -> bool:
    """Whether days bring anything in this programme."""
    return bool(program.trigger) or bool(deeds(program))


def deeds(program: Program) -> tuple[str, ...]:
    """Return the yearly occasions that earning rules, and what counts for challenges, name as if they were deeds."""
    named = {each.on for each in program.earning_rule} | {each.goal.event for each in program.campaign if each.goal}
    return tuple(each for each in YEARLY if each in named)


def due(program: Program, person: Person, today: date, *, since: date) -> list[Occasion]:
    """Return what is open today, and what opened on the day `since` or later; used or not."""
    return [
        each
        for each in _around(program, person, today)
        if each.opens <= today
        and (today <= each.closes or each.opens >= since)
        and (each.valid_until is None or each.valid_until >= today)
    ]


def next_opening(program: Program, person: Person, today: date) -> date | None:
    """Return the next day after today on which an occasion opens, or a segment that a trigger names may change."""
    days = [each.opens for each in _around(program, person, today)]
    for segment in watched(program):
        days += _changes(segment, person, today)
    return min((day for day in days if day > today), default=None)


def watched(program: Program) -> tuple[Segment, ...]:
    """Return the segments that triggers wait for."""
    named = {each.segment for each in program.trigger if each.on == "segment.entered"}
    return tuple(each for each in program.segment if each.code in named)


def yearly(month: int, day: int, year: int) -> date:
    """Return a day of the year; 29 February is the 28th in a common year."""
    first = date(year, month, 1)
    return first + timedelta(days=min(day, (plus_months(first, 1) - first).days) - 1)


def _around(program: Program, person: Person, today: date) -> Iterator[Occasion]:
    for trigger in program.trigger:
        code = f"trigger:{trigger.code}"
        match trigger.on:
            case "member.birthday" | "member.anniversary":
                for day in _days(trigger.on, person, today):
                    yield _windowed(program, trigger, code, day, person)
            case "points.expiring":
                for day in person.dying:
                    opens = trigger.lead.before(day) if trigger.lead else day
                    yield Occasion(code, day.isoformat(), day, opens, day - ONE_DAY, trigger=trigger)
            case "member.inactive":
                base = person.active_on or person.enrolled_on
                day = trigger.after.from_day(base) if trigger.after else base
                yield Occasion(code, base.isoformat(), day, day, day, trigger=trigger)
            case "segment.entered":
                if trigger.segment in person.entered:
                    yield Occasion(code, "", today, today, today, trigger=trigger)
    for deed in deeds(program):
        for day in _days(deed, person, today):
            yield Occasion(f"deed:{deed}", str(day.year), day, day, day, deed=deed)


def _days(on: str, person: Person, today: date) -> Iterator[date]:
    """Yield the days around this year, as far as the member has lived them with us.

    The windows of last year's and of next year's may be open, and the one after that is the next to open then.
    """
    joined = person.enrolled_on
    birthday = on == "member.birthday"
    origin = person.birthday if birthday else (joined.month, joined.day)
    for year in range(today.year - 1, today.year + 3):
        day = yearly(*origin, year) if origin else None
        if day is not None and (day >= joined if birthday else day > joined):
            yield day


def _windowed(program: Program, trigger: Trigger, code: str, day: date, person: Person) -> Occasion:
    opens = closes = day
    valid_until = None
    if trigger.window:
        opens = trigger.window.before.before(day) if trigger.window.before else day
        closes = trigger.window.after.from_day(day) if trigger.window.after else day
        valid_until = closes
    elif trigger.window_by_tier:
        closes = valid_until = _through(trigger.window_by_tier, person.tier, program.tier, day)
    return Occasion(code, str(day.year), day, opens, closes, valid_until, trigger=trigger)


def _through(windows: dict[str, Period], tier: str | None, tiers: tuple[Tier, ...], day: date) -> date:
    """Return the last day of the tier's window, or of the next lower tier that has one; that day alone if none has."""
    codes = [each.code for each in tiers]
    reached = codes[: codes.index(tier) + 1] if tier in codes else []
    period = next((windows[code] for code in reversed(reached) if code in windows), None)
    return period.from_day(day) - ONE_DAY if period else day


def _changes(segment: Segment, person: Person, today: date) -> Iterator[date]:
    """Yield the days on which the passing of time alone may bring somebody into the segment, or out of it."""
    for period in (segment.inactive_for, segment.active_within):
        if period is not None and person.active_on is not None:
            near = period.from_day(person.active_on)
            days = (near + timedelta(days=step) for step in range(-3, 5))  # months are clamped at their ends
            yield from (day for day in days if period.before(day) >= person.active_on)
    if segment.birthday_month and person.birthday is not None:
        for year in (today.year, today.year + 1):
            first = date(year, person.birthday[0], 1)
            yield from (first, plus_months(first, 1))
