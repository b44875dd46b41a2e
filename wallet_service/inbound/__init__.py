"""Merchants' webhook dialects: each verifies raw bytes, then normalises them to our events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wallet_service.domain.delivery import Arrangement, Delivery, Normalised
from wallet_service.inbound import shopify, square, standard, stripe, woocommerce


class Verify(Protocol):
    """Shows that a request comes from its source."""

    def __call__(
        self,
        headers: Mapping[str, str],
        body: bytes,
        *,
        secrets: Sequence[str],
        arrangement: Arrangement,
        now: datetime,
    ) -> Delivery:
        """Return who sent what.

        Raises `SignatureRefused` for every fault alike, and nothing else, whatever headers and bytes are.
        """
        ...


class Normalise(Protocol):
    """Reads what a verified request says."""

    def __call__(self, delivery: Delivery, body: bytes, *, arrangement: Arrangement, now: datetime) -> Normalised:
        """Return it in our own terms.

        Raises `EventRefused` with faults, and nothing else, whatever the bytes are.
        """
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """The two functions that a dialect is made of."""

    verify: Verify
    normalise: Normalise


DIALECTS: Mapping[str, Dialect] = {
    "standard": Dialect(standard.verify, standard.normalise),
    "shopify": Dialect(shopify.verify, shopify.normalise),
    "woocommerce": Dialect(woocommerce.verify, woocommerce.normalise),
    "square": Dialect(square.verify, square.normalise),
    "stripe": Dialect(stripe.verify, stripe.normalise),
}
