"""A shop that sells to the phone's owner and tells the service by signed webhooks."""

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from babel.numbers import get_currency_precision

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.timeline import Changes
from wallet_service.sandbox.webhook import Exchange, send

AMOUNT = re.compile(r"(\d{1,6})(?:[.,](\d{1,4}))?")
MOST_POINTS = 1_000_000
LONGEST_REASON = 200


class NotForSale(WalletError):
    """The page asked for something that the shop cannot send."""


@dataclass(frozen=True, slots=True)
class Shop:
    """Where the shop sends its webhooks, the secret that signs them, who buys, and the secret of its own endpoint."""

    webhook_url: str
    webhook_secret: str
    customer_id: str
    currency: str = "EUR"
    endpoint_secret: str | None = None

    def minor(self, amount: str) -> int:
        """Return an amount such as "42", "42.00" or "42,00" in minor units of the currency.

        Raises: NotForSale.
        """
        match = AMOUNT.fullmatch(amount.strip())
        precision = get_currency_precision(self.currency)
        if match is None or len(match[2] or "") > precision:
            raise NotForSale(f"{amount[:20]!r} is not an amount of {self.currency}. Write it as 42 or 42.50.")
        minor = int(match[1] + (match[2] or "").ljust(precision, "0"))
        if minor == 0:
            raise NotForSale("The amount must be more than 0.")
        return minor


class Till:
    """The shop's till: it remembers what was sold, so that it can be paid back. One webhook goes out at a time."""

    def __init__(self, shop: Shop, *, http: requests.Session, clock: Callable[[], datetime], changes: Changes) -> None:
        self.shop = shop
        self.last: Exchange | None = None
        self._http = http
        self._clock = clock
        self._changes = changes
        self._sending = threading.Lock()
        self._sold: list[tuple[str, int]] = []

    def buy(self, minor: int) -> Exchange:
        """Sell for an amount in minor units."""
        order_id = f"sandbox-{secrets.token_hex(5)}"
        customer = {"id": self.shop.customer_id}
        data = {"order_id": order_id, "customer": customer, "currency": self.shop.currency, "eligible_minor": minor}
        with self._sending:
            exchange = self._send("order.paid", data)
            if exchange.accepted:
                self._sold.append((order_id, minor))
        return exchange

    def refund(self) -> Exchange:
        """Pay the last order back in full; the one before it is next.

        Raises: NotForSale if nothing that was bought here is left to refund.
        """
        with self._sending:
            if not self._sold:
                raise NotForSale("There is no order to refund. Buy something first.")
            order_id, minor = self._sold[-1]
            exchange = self._send("order.refunded", {"order_id": order_id, "refunded_minor": minor})
            if exchange.accepted:
                self._sold.pop()
        return exchange

    def adjust(self, points: str, reason: str) -> Exchange:
        """Correct the balance by whole points, up or down, for a reason.

        Raises: NotForSale.
        """
        number = int(points) if re.fullmatch(r"\s*[+-]?\d{1,7}\s*", points) else 0
        if not 0 < abs(number) <= MOST_POINTS:
            raise NotForSale(f"{points[:20]!r} cannot be added. Write whole points such as 50 or -50.")
        if not reason.strip():
            raise NotForSale("An adjustment needs a reason.")
        data = {
            "customer": {"id": self.shop.customer_id},
            "points": number,
            "reason": reason.strip()[:LONGEST_REASON],
            "actor": "sandbox shop",
        }
        with self._sending:
            return self._send("points.adjusted", data)

    def _send(self, kind: str, data: dict[str, Any]) -> Exchange:
        shop = self.shop
        exchanges = send(
            kind, data, url=shop.webhook_url, secret=shop.webhook_secret, http=self._http, now=self._clock()
        )
        for exchange in exchanges:
            self.last = exchange
            self._changes.mark()
        return exchange
