"""Clients of the Wallet API, lent to one thread at a time, so that each keeps its connection and its token."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from wallet_service.google.client import WalletObjects
from wallet_service.google.pace import Pace
from wallet_service.google.service_account import ServiceAccount


class Clients:
    """As many clients as threads have needed at once. `timeout` is in seconds, to connect and between bytes."""

    def __init__(
        self, *, api_url: str, service_account: ServiceAccount, pace: Pace, timeout: tuple[float, float]
    ) -> None:
        self._api_url = api_url
        self._account = service_account
        self._pace = pace
        self._timeout = timeout
        self._idle: queue.SimpleQueue[WalletObjects] = queue.SimpleQueue()

    @contextmanager
    def one(self) -> Iterator[WalletObjects]:
        """Lend a client."""
        try:
            client = self._idle.get_nowait()
        except queue.Empty:
            client = WalletObjects(
                api_url=self._api_url, service_account=self._account, pace=self._pace, timeout=self._timeout
            )
        try:
            yield client
        finally:
            self._idle.put(client)

    def close(self) -> None:
        """Close those that nobody has at the moment."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()
