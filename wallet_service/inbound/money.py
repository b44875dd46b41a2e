"""Amounts of shop systems as whole minor units."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BeforeValidator

from wallet_service.domain.program import exponent
from wallet_service.inbound.reading import LARGEST, refused

_MOST_DIGITS = 12  # before the point
_MOST_DECIMALS = 6


def _amount(given: object) -> object:
    """Return the exact amount that a text or a number of JSON stands for.

    A number has been through somebody's binary fractions, so what lies beyond its sixth decimal is noise.
    """
    try:
        exact = Decimal(str(given)) if isinstance(given, str | int | float) and not isinstance(given, bool) else None
    except InvalidOperation:
        exact = None
    if exact is None or not exact.is_finite() or exact.adjusted() >= _MOST_DIGITS:
        raise ValueError("should be an amount such as 19.90")
    rounded = round(exact, _MOST_DECIMALS)
    if isinstance(given, str) and rounded != exact:
        raise ValueError(f"should have at most {_MOST_DECIMALS} decimals")
    return rounded


Amount = Annotated[Decimal, BeforeValidator(_amount)]
NOTHING = Decimal(0)


def in_minor(amount: Decimal, currency: str, key: str) -> int:
    """Return an amount in minor units.

    Raises `EventRefused` where the currency has fewer decimals, or where it is more than any order comes to.
    """
    exact = amount.scaleb(exponent(currency))
    whole = int(exact)
    if whole != exact:
        raise refused(key, f"has more decimals than {currency}")
    if abs(whole) > LARGEST:
        raise refused(key, "is more than any order comes to")
    return whole
