"""What the phone did, for people to read, and a bell that rings at each change."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

LONGEST = 80

Kind = Literal[
    "added",
    "saved",
    "registered",
    "pushed",
    "listed",
    "fetched",
    "unchanged",
    "verified",
    "changed",
    "notified",
    "switched",
    "removed",
    "retrying",
    "failed",
    "refused",
]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing the phone did; the text never holds a token."""

    number: int
    at: datetime
    kind: Kind
    text: str


class Changes:
    """A count of changes that threads can wait on."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0
        self._closed = False

    @property
    def count(self) -> int:
        """How many changes there were."""
        with self._condition:
            return self._count

    @property
    def closed(self) -> bool:
        """Whether nobody needs to wait any more."""
        with self._condition:
            return self._closed

    def mark(self) -> None:
        """Count one change and wake all who wait."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def close(self) -> None:
        """Wake all who wait, for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def wait_past(self, seen: int, timeout: float) -> int:
        """Return the count once it is past `seen`, or as it stands after `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._count > seen, timeout)
            return self._count
