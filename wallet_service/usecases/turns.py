"""Wait for a turn at a vendor who admits so many requests a second, for all processes together."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from wallet_service.storage import turns
from wallet_service.storage.turns import Wait

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.2  # seconds


@dataclass(frozen=True)
class Turns:
    """Turns at one vendor: `most` at once, each ended by the database after `longest` if we die with it.

    `patience` is how long to wait for one, in seconds; `pause` does the waiting.
    """

    platform: str
    most: int
    longest: timedelta
    patience: float
    begin: Callable[[], AbstractContextManager[Connection]]
    pause: Callable[[float], object] = time.sleep
    chance: random.Random = field(default_factory=random.Random)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a turn around one request and its answer.

        Raises `TimeoutError` when none comes in time.
        """
        taken = self._take()
        try:
            yield
        finally:
            with self.begin() as tx:
                turns.give_back(tx, taken)

    def _take(self) -> int:
        waited = 0.0
        while waited <= self.patience:
            with self.begin() as tx:
                taken = turns.take(tx, platform=self.platform, most=self.most, longest=self.longest)
            if not isinstance(taken, Wait):
                return taken
            # All who wait would come back at the same moment, and all but one in vain.
            soon = min(taken.at_most.total_seconds(), LONGEST_PAUSE)
            pause = max(soon, SHORTEST_PAUSE) * self.chance.uniform(1.0, 1.5)
            self.pause(pause)
            waited += pause
        raise TimeoutError(f"no turn at {self.platform} within {self.patience:.0f} s")
