"""What is still to be pushed in one call, and what is known of it without asking Apple."""

from collections import deque
from collections.abc import Iterable

from wallet_service.apple.apns_stream import unsound
from wallet_service.domain.push import Later, Outcome, Push, Stop

Try = tuple[Push, int]


class Batch:
    """The pushes of one call, read lazily; second tries come before first ones."""

    def __init__(self, pushes: Iterable[Push]) -> None:
        self._fresh = iter(pushes)
        self._again: deque[Try] = deque()
        self._stopped: dict[str, Stop] = {}
        self._given_up: Later | None = None

    def next(self) -> Try | None:
        """Return the next push and which try of it this is, counted from 1; None when there is none left."""
        if self._again:
            return self._again.popleft()
        push = next(self._fresh, None)
        return None if push is None else (push, 1)

    def retry(self, push: Push, attempt: int) -> None:
        """Keep the push for another try."""
        self._again.append((push, attempt))

    def give_up(self, reason: Later) -> None:
        """Put off all that is left."""
        self._given_up = reason

    def settled(self, push: Push, end: Outcome) -> tuple[Push, Outcome]:
        """Take note of an outcome and return it with its push."""
        if isinstance(end, Stop):
            self._stopped[push.topic] = end
        return push, end

    def foregone(self, push: Push) -> Outcome | None:
        """Return the push's outcome if it is known without sending it."""
        return unsound(push) or self._stopped.get(push.topic) or self._given_up
