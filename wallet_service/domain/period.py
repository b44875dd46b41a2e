"""Lengths of time as programmes state them (ISO 8601: P12M, P1D, PT48H), counted in a time zone's own days."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

LONGEST = 1200  # months, or the same in days or hours: a century
_FORM = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,3})W)?(?:(\d{1,5})D)?(?:T(\d{1,5})H)?")


@dataclass(frozen=True, slots=True)
class Period:
    """So many months, days and hours; month arithmetic clamps, so that 31 January + 1 month is the end of February."""

    months: int = 0
    days: int = 0
    hours: int = 0

    def __str__(self) -> str:
        """Return the period in ISO 8601."""
        parts = (f"{self.months}M" if self.months else "", f"{self.days}D" if self.days else "")
        return "P" + "".join(parts) + (f"T{self.hours}H" if self.hours else "")

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return the moment that much later, in UTC: months and days by the zone's calendar, hours by the clock."""
        local = moment.astimezone(zone)
        day = plus_months(local.date(), self.months) + timedelta(days=self.days)
        return at(day, local.time(), zone) + timedelta(hours=self.hours)

    def before(self, day: date) -> date:
        """Return the day that much earlier; a day that has begun counts whole, so that 36 hours are two days."""
        return plus_months(day, -self.months) - self._whole_days

    def from_day(self, day: date) -> date:
        """Return the day that much later; a day that has begun counts whole."""
        return plus_months(day, self.months) + self._whole_days

    @property
    def _whole_days(self) -> timedelta:
        return timedelta(days=self.days - -self.hours // 24)


def plus_months(day: date, months: int) -> date:
    """Return the same day of a month that many months on, or that month's last day."""
    month = day.year * 12 + day.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the moment at which the zone's clocks show that time, in UTC.

    A time that a clock change leaves out is read by the clocks as they were before it; of one that comes twice, the
    first is meant: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.5
    """
    return datetime.combine(day, clock.replace(tzinfo=None, fold=0), zone).astimezone(UTC)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which a day begins in the zone, in UTC."""
    return at(day, time(), zone)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which a day is over in the zone, in UTC; it belongs to the next one."""
    return start_of(day + timedelta(days=1), zone)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day that it is in the zone."""
    return moment.astimezone(zone).date()


def parse(text: str) -> Period:
    """Return the period that an ISO 8601 duration states.

    Raises `ValueError` with what it should look like.
    """
    found = _FORM.fullmatch(text)
    years, months, weeks, days, hours = (int(part or 0) for part in found.groups()) if found else (0,) * 5
    period = Period(years * 12 + months, weeks * 7 + days, hours)
    if period == Period() or period.months > LONGEST or period.days > LONGEST * 30 or period.hours > LONGEST * 30 * 24:
        raise ValueError("should be an ISO 8601 duration such as P12M, P30D or PT48H")
    return period


def _read(given: Any) -> Any:
    if isinstance(given, Period):
        return given
    return parse(given if isinstance(given, str) else "")


PeriodText = Annotated[Period, BeforeValidator(_read)]
