"""What the tables of a programme are made of: codes, whole numbers, exact factors, currencies and zones."""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import datetime, time
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from operator import eq
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

_LEAP_YEAR = 2024


def _like(pattern: str, wanted: str) -> Callable[[str], str]:
    """Return the check that a text has a form, which says in words what is wanted and not in signs."""

    def checked(given: str) -> str:
        if not re.fullmatch(pattern, given):
            raise ValueError(f"should be {wanted}")
        return given

    return checked


Code = Annotated[
    str, AfterValidator(_like(r"[a-z0-9][a-z0-9_-]{0,39}", "a code of small letters, digits, - and _, 40 at the most"))
]
EventType = Annotated[
    str,
    AfterValidator(
        _like(
            r"[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39}){1,3}",
            "a type of event such as order.paid or review.approved",
        )
    ),
]
Word = Annotated[
    str, AfterValidator(_like(r"[a-z][a-z0-9_]{0,59}", "a word of small letters, digits and _ such as product_id"))
]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Sku = Annotated[str, Field(min_length=1, max_length=200)]
Whole = Annotated[int, Field(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Points = Annotated[int, Field(ge=1, le=10_000)]  # with the largest order still far inside the database's bigint

WHOLE_SHARE = 10_000  # basis points, hundredths of a percent

# Decimals of the currencies that do not have two; ISO 4217.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
# What people pay with, by ISO 4217: without funds, metals and what is kept for tests.
_PAID_WITH = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
    MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
    UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_PAID_WITH.split())
_DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def exponent(currency: str) -> int:
    """Return how many decimals the currency has: JPY 0, EUR 2, KWD 3."""
    return EXPONENTS.get(currency, 2)


def nearest_currency(code: str) -> str | None:
    """Return the currency that may be meant: the first that has two of the three letters in their places."""
    return next((each for each in sorted(CURRENCIES) if sum(map(eq, each, code)) > 1), None)


def _currency(given: str) -> str:
    """Take three capitals; of what is none, a currency in small letters or with more behind it is meant."""
    if not re.fullmatch(r"[A-Z]{3}", given):
        near = given.upper()[:3]
        raise ValueError(
            f"should be a currency of ISO 4217{f'; write {near!r}' if near in CURRENCIES else ' such as EUR'}"
        )
    return given


def exact(number: Fraction) -> str:
    """Return a number as people write it: 1.25; one without an end is cut at 4 digits."""
    whole, rest = divmod(abs(number), 1)
    places = f"{rest.numerator * 10**6 // rest.denominator:06d}" if 10**6 % rest.denominator == 0 else ""
    places = places or f"{rest.numerator * 10**4 // rest.denominator:04d}"
    return f"{'-' if number < 0 else ''}{whole}.{places}".rstrip("0").rstrip(".")


@cache
def _zones() -> set[str]:
    return available_timezones()  # looks through hundreds of files


def _known_zone(name: str) -> str:
    if name not in _zones():
        places = [each for each in _zones() if "/" in each and not each.startswith("Etc/")]  # whose clocks people know
        near = get_close_matches(name, places, n=1)
        raise ValueError(f"should be an IANA time zone such as {near[0] if near else 'Europe/Prague'}")
    return name


def _exact(given: Any) -> Any:
    """Refuse floats: "1.25" is exact, 1.25 is a binary fraction beside it."""
    if not isinstance(given, str) or not _DECIMAL.fullmatch(given):
        raise ValueError('should be a decimal number in quotes such as "1.25"')
    return Fraction(given)


def _day_of_year(text: str) -> str:
    """Take MM-DD of a leap year: 29 February means the last day of February."""
    found = re.fullmatch(r"([0-9]{2})-([0-9]{2})", text)
    month, day = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(_LEAP_YEAR, month)[1]:
        raise ValueError('should be a day of the year, month first, such as "12-31"')
    return text


def _without_zone(moment: Any) -> Any:
    if moment.tzinfo is not None:
        raise ValueError("should be without an offset; the programme's own time zone is meant")
    return moment


Currency = Annotated[str, AfterValidator(_currency)]
Zone = Annotated[str, AfterValidator(_known_zone)]
DayOfYear = Annotated[str, AfterValidator(_day_of_year)]
LocalMoment = Annotated[datetime, AfterValidator(_without_zone)]
LocalTime = Annotated[time, AfterValidator(_without_zone)]
Factor = Annotated[Fraction, BeforeValidator(_exact), Field(gt=0, le=1000)]
Share = Annotated[Fraction, BeforeValidator(_exact), Field(ge=0, le=1)]
