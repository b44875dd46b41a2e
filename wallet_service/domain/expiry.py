"""When points become spendable and when they die, by the programme's calendar."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from wallet_service.domain.period import Period, end_of, local_day, plus_months, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import ExpiryTable

ONE_DAY = timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)


class Expiry(Struct, frozen=True):
    """The rule by which points die; a moment of death is the start of the first day on which they are gone.

    `keeps` is the rule by which activity keeps points alive, where it is not the same.
    """

    table: ExpiryTable | None
    zone: ZoneInfo
    keeps: ExpiryTable | None = None

    @property
    def whole(self) -> bool:
        """Whether all points die together, once nothing has been earned or redeemed for a time."""
        return self.table is not None and self.table.mode == "inactivity"

    def of_lot(self, spendable_from: datetime) -> datetime | None:
        """Return when points that become spendable then die by themselves, or None."""
        if spendable_from == NEVER:
            return None  # an event starts the clock
        day = local_day(spendable_from, self.zone)
        match self.table:
            case ExpiryTable(mode="rolling", period=Period() as period) as table:
                return self._after(period.from_day(day) - ONE_DAY, table)
            case ExpiryTable(mode="calendar", date=str(text), years=years) as table:
                return self._after(_coming(day, text, years), table)
            case _:
                return None

    def kept_until(self, active_at: datetime | None) -> datetime | None:
        """Return until when the last activity keeps points alive; None where it does not matter."""
        table = self.table if self.whole else self.keeps or self.table
        if table is None or active_at is None:
            return None
        period = table.period if self.whole else table.extend_on_activity
        if period is None:
            return None
        return self._after(period.from_day(local_day(active_at, self.zone)) - ONE_DAY, table)

    def dies_at(self, own: datetime | None, active_at: datetime | None) -> datetime | None:
        """Return when spendable points die whose `own` date is that, after that last activity; None if they do not.

        The moment itself is too late.
        """
        kept_until = self.kept_until(active_at)
        if self.whole:
            return kept_until
        return own if own is None or kept_until is None else max(own, kept_until)

    def _after(self, last: date, table: ExpiryTable) -> datetime:
        """Return the end of the last day, rounded up as the programme says."""
        return end_of(_rounded(last, table.round), self.zone)


def expiry_of(program: Program, tier: str | None) -> Expiry:
    """Return the rule for points that somebody in that tier earns.

    Where the tier's own says nothing of activity, that keeps points alive as it does for everybody: or whoever rises
    would lose what it has kept alive until then.
    """
    found = program.tier_of(tier) if tier else None
    usual, own = program.points.expiry, found.points_expiry if found else None
    table = own or usual
    keeps = next((each for each in (own, usual) if isinstance(each, ExpiryTable) and each.extend_on_activity), None)
    return Expiry(table if isinstance(table, ExpiryTable) and table.mode != "none" else None, program.zone, keeps)


def activates_at(program: Program, earned_at: datetime) -> datetime | None:
    """Return when points earned then become spendable; None at once, `NEVER` where an event has to come first."""
    pending = program.points.pending
    if pending == "none":
        return None
    if pending.days is None:
        return NEVER
    return start_of(local_day(earned_at, program.zone) + timedelta(days=pending.days), program.zone)


def last_day(dies_at: datetime, zone: ZoneInfo) -> date:
    """Return the last day on which points that die then can be spent; the day to show."""
    return local_day(dies_at, zone) - ONE_DAY


def _coming(day: date, text: str, years: int) -> date:
    month, of_month = (int(part) for part in text.split("-"))
    this_year = _clamped(date(day.year, month, 1), of_month)
    year = day.year + years - (this_year >= day)
    return _clamped(date(year, month, 1), of_month)


def _clamped(first: date, of_month: int) -> date:
    last = plus_months(first, 1) - ONE_DAY
    return first.replace(day=min(of_month, last.day))


def _rounded(day: date, rounding: str | None) -> date:
    if rounding is None:
        return day
    months = {"end_of_month": 1, "end_of_quarter": 3, "end_of_year": 12}[rounding]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return plus_months(first, months) - ONE_DAY
