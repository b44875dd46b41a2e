"""Values as an iPhone writes them: numbers, money and dates in the phone's own language and time zone.

Source: https://developer.apple.com/documentation/walletpasses/passfieldcontent
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from babel import dates, numbers

from wallet_service.sandbox.contents import read_date
from wallet_service.sandbox.refusals import PassUnusable

Length = Literal["full", "long", "medium", "short"]

LENGTHS: dict[str, Length] = {"Short": "short", "Medium": "medium", "Long": "long", "Full": "full"}
MOST_DIGITS = 30


def shown(field: dict[str, Any], *, language: str, now: datetime) -> str:
    """Return a field's value as the phone shows it; `now` gives the phone's time zone and what "in 2 days" is from.

    A number without a style is shown as its digits.
    """
    value = field["value"]
    if isinstance(value, str):
        return _date(field, value, language, now) if _has_date_style(field) else value
    if abs(Decimal(value).adjusted()) > MOST_DIGITS:
        return str(value)
    return _number(field, value, language)


def _number(field: dict[str, Any], value: int | Decimal, language: str) -> str:
    currency, style = field.get("currencyCode"), field.get("numberStyle")
    if isinstance(currency, str):
        return numbers.format_currency(value, currency, locale=language)
    if style == "PKNumberStylePercent":
        return numbers.format_percent(value, locale=language)
    if style == "PKNumberStyleScientific":
        return numbers.format_scientific(value, locale=language)
    if style is not None:
        # PKNumberStyleSpellOut has no data here, so its digits are grouped like PKNumberStyleDecimal.
        return numbers.format_decimal(value, locale=language)
    return str(value)


def _has_date_style(field: dict[str, Any]) -> bool:
    return "dateStyle" in field or "timeStyle" in field


def _date(field: dict[str, Any], value: str, language: str, now: datetime) -> str:
    try:
        moment = read_date(value, field["key"])
        local = moment if field.get("ignoresTimeZone") else moment.astimezone(now.tzinfo)
    except (PassUnusable, OverflowError):
        return value
    if field.get("isRelative"):
        return dates.format_timedelta(moment - now, add_direction=True, locale=language)
    day, time = _length(field.get("dateStyle")), _length(field.get("timeStyle"))
    parts = []
    if day:
        parts.append(dates.format_date(local, day, locale=language))
    if time:
        parts.append(dates.format_time(local, time, tzinfo=local.tzinfo, locale=language))
    return ", ".join(parts)


def _length(style: object) -> Length | None:
    return LENGTHS.get(style.removeprefix("PKDateStyle")) if isinstance(style, str) else None
