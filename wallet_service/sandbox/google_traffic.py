"""How many requests the sandbox's Wallet API gets a second, and which of them fail because somebody wished so."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from wallet_service.sandbox.google_refusals import GoogleRefused

SECOND = 1.0
TOO_MANY = "Quota exceeded for quota metric 'Requests' and limit 'Requests per second'."


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How requests that carry a good token are treated: all of them, or those of `method`, or the next `times`.

    Any `status` but 200 refuses with it, before anything is written; `reason` and `message` are its usual ones unless
    given. `body` is sent instead of what should be, also with 200, then after the write. `delay` is in seconds.
    """

    status: int = 200
    reason: str = ""
    message: str = "Refused, as the sandbox was told to."
    method: str | None = None
    times: int | None = None
    delay: float = 0.0
    body: bytes | None = None


class Traffic:
    """Counts requests in every sliding second, and picks those that are to be treated specially."""

    def __init__(self, *, most_per_second: int | None, timer: Callable[[], float] = time.monotonic) -> None:
        self.busiest_second = 0
        self.requests = 0
        self._most = most_per_second
        self._timer = timer
        self._lock = threading.Lock()
        self._lately: deque[float] = deque()
        self._behaviour = Behaviour()
        self._left: int | None = None

    def behave(self, behaviour: Behaviour) -> None:
        """Treat requests in this way from now on, in place of any other; `Behaviour()` is the ordinary way."""
        with self._lock:
            self._behaviour, self._left = behaviour, behaviour.times

    def count(self) -> None:
        """Count a request, whatever becomes of it.

        Raises: GoogleRefused if there were too many within a second.
        """
        with self._lock:
            now = self._timer()
            self._lately.append(now)
            while self._lately[0] <= now - SECOND:
                self._lately.popleft()
            self.requests += 1
            self.busiest_second = max(self.busiest_second, len(self._lately))
            too_many = self._most is not None and len(self._lately) > self._most
        if too_many:
            raise GoogleRefused(429, TOO_MANY)

    def treatment(self, method: str) -> Behaviour:
        """Return how a request is to be treated, which uses up one of the wished times."""
        with self._lock:
            if self._behaviour.method not in (None, method) or self._left == 0:
                return Behaviour()
            if self._left is not None:
                self._left -= 1
            return self._behaviour
