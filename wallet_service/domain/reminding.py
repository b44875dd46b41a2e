"""What a member is reminded of: told by a trigger with `notify`, and shown by the card as long as it is true."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from msgspec import structs

from wallet_service.domain.letters import Channel
from wallet_service.domain.period import Period
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import Trigger
from wallet_service.domain.standing import Reminder

DYING = "points.expiring"
CARD = ("pass",)
LETTERS: tuple[Channel, ...] = ("email", "sms")
SHOWN = Period(days=6)  # after the day on which it is told, where its occasion is over sooner


@dataclass(frozen=True, slots=True)
class Present:
    """What decides whether reminders are true: points by the first day on which they are dead, and the member."""

    dying: Mapping[date, int]
    active_at: datetime | None
    segments: frozenset[str]


def told_through(trigger: Trigger, *, closes: date, today: date) -> date | None:
    """Return through which day the card shows what a trigger reminds of; None if it reminds of nothing there.

    `closes` is the last day of the occasion.
    """
    return true_through(trigger, closes=closes, today=today) if "pass" in trigger.notify else None


def true_through(trigger: Trigger, *, closes: date, today: date) -> date:
    """Return through which day it may be said what a trigger reminds of, whose occasion `closes` on that day."""
    return closes if trigger.on == DYING else max(closes, SHOWN.from_day(today))


def tells(program: Program, by: Collection[str] = CARD) -> tuple[Trigger, ...]:
    """Return the triggers that remind by one of these ways; by the card, where nothing else is said."""
    return tuple(each for each in program.trigger if not set(by).isdisjoint(each.notify))


def letters_of(trigger: Trigger) -> tuple[Channel, ...]:
    """Return by which letters a trigger reminds."""
    return tuple(each for each in LETTERS if each in trigger.notify)


def kept(reminders: Iterable[Reminder], today: date) -> tuple[Reminder, ...]:
    """Return the reminders whose days are not over, oldest first."""
    return tuple(sorted((each for each in reminders if each.until >= today), key=lambda each: (each.at, each.trigger)))


def looked_at(triggers: Iterable[Trigger], reminders: Iterable[Reminder], present: Present) -> Iterator[Reminder]:
    """Yield each reminder as it is now: whether it stands by these triggers, and how many points it is about."""
    told = {each.code: each for each in triggers}
    for each in reminders:
        trigger = told.get(each.trigger)
        points = present.dying.get(each.day, 0) if trigger and trigger.on == DYING else 0
        yield structs.replace(
            each, points=points, stands=trigger is not None and _is_true(trigger, each, points, present)
        )


def about_points(triggers: Iterable[Trigger], reminders: Iterable[Reminder]) -> bool:
    """Whether one of them is about points that are going to die."""
    codes = {each.code for each in triggers if each.on == DYING}
    return any(each.trigger in codes for each in reminders)


def next_change(reminders: Iterable[Reminder]) -> date | None:
    """Return the first day on which one of them is not shown any more."""
    return min((each.until + timedelta(days=1) for each in reminders), default=None)


def _is_true(trigger: Trigger, reminder: Reminder, points: int, present: Present) -> bool:
    match trigger.on:
        case "points.expiring":
            return points > 0
        case "member.inactive":  # what the trigger itself gives counts as activity of that very moment
            return present.active_at is None or present.active_at <= reminder.at
        case "segment.entered":
            return trigger.segment in present.segments
        case _:
            return True
