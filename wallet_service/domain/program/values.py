"""What the tables of a programme are made of: codes, whole numbers, exact factors, currencies and zones."""

import re
from fractions import Fraction
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39}){1,3}$")]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Sku = Annotated[str, Field(min_length=1, max_length=200)]
Whole = Annotated[int, Field(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Points = Annotated[int, Field(ge=1, le=10_000)]  # with the largest order still far inside the database's bigint
BasisPoints = Annotated[int, Field(ge=1, le=10_000)]  # hundredths of a percent

# Decimals of the currencies that do not have two; ISO 4217.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
_DECIMAL = re.compile(r"\d{1,6}(\.\d{1,6})?")


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


def _exact(given: Any) -> Any:
    """Refuse floats: "1.25" is exact, 1.25 is a binary fraction beside it."""
    if not isinstance(given, str) or not _DECIMAL.fullmatch(given):
        raise ValueError('should be a decimal number in quotes such as "1.25"')
    return Fraction(given)


Zone = Annotated[str, AfterValidator(_known_zone)]
Factor = Annotated[Fraction, BeforeValidator(_exact), Field(gt=0, le=1000)]
Share = Annotated[Fraction, BeforeValidator(_exact), Field(ge=0, le=1)]
