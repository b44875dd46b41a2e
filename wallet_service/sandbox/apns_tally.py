"""What the sandbox's push service has seen, counted in bounded memory."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Counts:
    """Pushes that got a 200, different `apns-id`s among them, all other requests, and connections."""

    accepted: int
    distinct_ids: int
    other: int
    connections: int


class Tally:
    """Counts on the service's thread, and is read from any; forgets all but the last 100,000 tokens and ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted = self._distinct = self._other = self._connections = 0
        self._per_token: OrderedDict[str, int] = OrderedDict()
        self._ids: OrderedDict[str, None] = OrderedDict()

    def accepted(self, token: str, apns_id: str) -> None:
        """Count a push that was taken."""
        with self._lock:
            self._accepted += 1
            self._distinct += apns_id not in self._ids
            self._ids[apns_id] = None
            self._per_token[token] = self._per_token.pop(token, 0) + 1
            _trim(self._ids)
            _trim(self._per_token)

    def other(self) -> None:
        """Count a request that was not taken."""
        with self._lock:
            self._other += 1

    def connected(self) -> None:
        """Count a connection."""
        with self._lock:
            self._connections += 1

    def counts(self) -> Counts:
        """Return the counts as they stand."""
        with self._lock:
            return Counts(self._accepted, self._distinct, self._other, self._connections)

    def pushes_to(self, token: str) -> int:
        """Return how many pushes the token got, as far as it is remembered."""
        with self._lock:
            return self._per_token.get(token, 0)


def _trim(remembered: OrderedDict[str, Any]) -> None:
    if len(remembered) > REMEMBERED:
        remembered.popitem(last=False)
