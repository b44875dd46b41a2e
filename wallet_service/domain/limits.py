"""How often a rule or a campaign may be used: since when uses count, under which key, and whether any is left."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from wallet_service.domain.basis import moment
from wallet_service.domain.period import Period, local_day, start_of
from wallet_service.domain.program.earning_tables import LimitTable
from wallet_service.domain.purchase import Deed, Purchase

Usage = Mapping[tuple[str, str], int]  # (code, key) -> uses so far
UNUSED: Usage = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Need:
    """Uses to be counted before an award: of `code` with `key` ("" if none) at or after `since`; None: ever."""

    code: str
    key: str
    since: datetime | None


def need(code: str, limit: LimitTable, what: Purchase | Deed, zone: ZoneInfo) -> Need:
    """Return which uses the limit asks about."""
    return Need(code, key_of(limit, what), since(limit.per, moment(what), zone))


def reached(code: str, limit: LimitTable | None, what: Purchase | Deed, usage: Usage) -> bool:
    """Return whether there have been as many uses as the limit allows; never where there is none."""
    return limit is not None and usage.get((code, key_of(limit, what)), 0) >= limit.times


def key_of(limit: LimitTable, what: Purchase | Deed) -> str:
    """Return the value apart from which uses are counted; "" for a limit without a key, and where it is missing."""
    if limit.key is None:
        return ""
    if isinstance(what, Purchase):
        return {"order_id": what.order_id, "location": what.location or ""}.get(limit.key, "")
    return str(what.properties.get(limit.key, ""))


def since(per: str | Period | None, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the moment from which uses count at the time `at`, in UTC; None: ever.

    Days and months are the zone's own and end with today, so that P1D is today; hours run by the clock.
    """
    match per:
        case Period(months=0, days=0):
            return at.astimezone(UTC) - timedelta(hours=per.hours)
        case Period():
            first = replace(per, hours=0).before(local_day(at, zone)) + timedelta(days=1)
            return start_of(first, zone) - timedelta(hours=per.hours)
        case "calendar_year":
            return start_of(date(local_day(at, zone).year, 1, 1), zone)
        case _:
            return None
