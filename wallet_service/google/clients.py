"""Clients of the Wallet API, lent to one thread at a time, so that each keeps its connection and its token."""

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from wallet_service.google.client import WalletObjects, always
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
    def one(self, in_time: Callable[[], bool] = always) -> Iterator[WalletObjects]:
        """Lend a client that sends nothing any more once it is not `in_time`."""
        try:
            client = self._idle.get_nowait()
        except queue.Empty:
            client = WalletObjects(
                api_url=self._api_url, service_account=self._account, pace=self._pace, timeout=self._timeout
            )
        client.in_time = in_time
        try:
            yield client
        finally:
            client.in_time = always
            self._idle.put(client)

    def close(self) -> None:
        """Close those that nobody has at the moment."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()
