"""Senders of webhooks that cost little, so that a server can be measured on the machine which they share with it.

One thread holds all connections; what they send was signed before. A webhook that is not answered with 200 is sent
again until it is, as real senders do.
"""

import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from wallet_service.inbound import standard
from wallet_service.wiring import utc_now

PAUSE = 0.1  # seconds before a webhook is sent again
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Webhook:
    """A signed event as it goes over the wire."""

    event_id: str
    request: bytes


@dataclass
class Posted:
    """How it went: seconds until each answer, in the order of the answers, their bodies, and all statuses.

    `cut` counts what was under way when a connection broke, `refused` connections that were not taken, `replayed`
    answers to what had been entered before.
    """

    took: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    refused: int = 0
    replayed: int = 0

    def within(self, share: float) -> float:
        """Return the seconds within which that share of the webhooks was answered."""
        return sorted(self.took)[min(int(len(self.took) * share), len(self.took) - 1)]


def order_paid(url: str, secret: str, *, event_id: str, order: str, customer: str, minor: int) -> Webhook:
    """Return an order in euros that somebody has paid, signed now."""
    data = {"order_id": order, "customer": {"id": customer}, "currency": "EUR", "eligible_minor": minor}
    return signed(url, secret, event_id=event_id, kind="order.paid", data=data)


def signed(url: str, secret: str, *, event_id: str, kind: str, data: Any) -> Webhook:
    """Return an event, signed now."""
    to, now = urlsplit(url), utc_now()
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data}).encode()
    headers = standard.sign(secret, event_id=event_id, timestamp=now, body=body)
    headers |= {"host": to.netloc, "content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Webhook(event_id, f"POST {to.path} HTTP/1.1\r\n{head}\r\n".encode() + body)


def post(
    url: str, webhooks: Sequence[Webhook], *, connections: int, answered: Callable[[int], None] | None = None
) -> Posted:
    """Send all webhooks over so many connections until each was answered with 200.

    `answered` is told how many were, after each. Raises `TimeoutError` if that takes longer than anybody waits.
    """
    to = urlsplit(url)
    address = (to.hostname or "", to.port or 80)
    posted, left, end = Posted(), iter(webhooks), time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        lines = [_Line(address, selector, posted) for _ in range(connections)]
        for line in lines:
            line.webhook = next(left, None)
        try:
            while posted.statuses[200] < len(webhooks):
                if time.monotonic() > end:
                    raise TimeoutError(f"{len(webhooks) - posted.statuses[200]} webhooks are not answered")
                for line in lines:
                    line.send_if_due()
                for key, _ in selector.select(PAUSE):
                    line = key.data
                    if line.hear():
                        line.webhook = next(left, None)
                        line.send_if_due()
                        if answered:
                            answered(posted.statuses[200])
        finally:
            for line in lines:
                line.hang_up()
    return posted


class _Line:
    """A connection that is kept, with the webhook under way on it."""

    def __init__(self, address: tuple[str, int], selector: selectors.BaseSelector, posted: Posted) -> None:
        self._address = address
        self._selector = selector
        self._posted = posted
        self._socket: socket.socket | None = None
        self._heard = b""
        self._sent_at: float | None = None
        self._not_before = 0.0
        self.webhook: Webhook | None = None

    def send_if_due(self) -> None:
        """Send the webhook, unless it is under way, or has failed a moment ago."""
        now = time.perf_counter()
        if self.webhook is None or self._sent_at is not None or now < self._not_before:
            return
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, timeout=5)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._selector.register(self._socket, selectors.EVENT_READ, self)
            self._socket.sendall(self.webhook.request)
            self._sent_at = now
        except OSError:
            self._posted.refused += 1
            self.hang_up()

    def hear(self) -> bool:
        """Read what has come; return whether the webhook is done."""
        assert self._socket is not None
        try:
            came = self._socket.recv(65536)
        except OSError:
            came = b""
        if not came:
            self._posted.cut += self._sent_at is not None
            self.hang_up()
            return False
        self._heard += came
        head, found, body = self._heard.partition(b"\r\n\r\n")
        head = head.lower()
        if not found or len(body) < int(head.partition(b"content-length:")[2].partition(b"\r")[0]):
            return False
        status, self._heard = int(head[9:12]), b""
        self._posted.statuses[status] += 1
        now = time.perf_counter()
        took, self._sent_at = now - (self._sent_at or now), None
        if status != 200:
            self._not_before = now + PAUSE
            return False
        self._posted.took.append(took)
        self._posted.answers.append(body)
        self._posted.replayed += b"idempotent-replayed" in head
        return True

    def hang_up(self) -> None:
        """Close the connection; what was under way is sent again on another one."""
        if self._socket is not None:
            if self._socket in self._selector.get_map():
                self._selector.unregister(self._socket)
            self._socket.close()
        self._socket, self._sent_at, self._heard = None, None, b""
        self._not_before = time.perf_counter() + PAUSE
