"""What was sent to a merchant's endpoints, what could not be, and sending it again."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownMessage
from wallet_service.storage import messages
from wallet_service.storage.messages import Attempt, Message
from wallet_service.usecases.dispatch import Begin
from wallet_service.usecases.endpoints import find

REMOVED_FOR = timedelta(hours=1)  # before the rest of an endpoint goes


def log(
    tx: Connection,
    *,
    merchant_id: int,
    endpoint: str | None = None,
    message: str | None = None,
    before: int | None = None,
    most: int,
) -> list[Attempt]:
    """Return up to `most` tries, the newest first: all of a merchant's, those of an endpoint, or those of a message.

    A page of them begins after the row `before`. Raises `UnknownEndpoint`.
    """
    endpoint_id = _row(tx, merchant_id, endpoint)
    return messages.attempts(tx, merchant_id, endpoint_id=endpoint_id, message=message, before=before, most=most)


def dead(tx: Connection, *, merchant_id: int, endpoint: str | None = None, after: int = 0, most: int) -> list[Message]:
    """Return up to `most` dead letters, the oldest first: all of a merchant's, or those of an endpoint.

    A page of them begins after the row `after`. Raises `UnknownEndpoint`.
    """
    return messages.dead(tx, merchant_id, endpoint_id=_row(tx, merchant_id, endpoint), after=after, most=most)


def replay(tx: Connection, *, merchant_id: int, message: str, now: datetime) -> Message:
    """Send a message again that was delivered or given up, under the same id, and return it.

    Raises `UnknownMessage`.
    """
    again = messages.replay(tx, merchant_id, message=message, now=now)
    found = messages.find(tx, merchant_id, message)
    if not again or found is None:
        raise UnknownMessage(message)
    return found


def replay_dead(tx: Connection, *, merchant_id: int, endpoint: str, now: datetime) -> int:
    """Send all dead letters of an endpoint again, each under its own id, and return how many they are.

    Raises `UnknownEndpoint`.
    """
    found = find(tx, merchant_id=merchant_id, endpoint=endpoint)
    return messages.replay(tx, merchant_id, endpoint_id=found.id, now=now)


def prune_messages(begin: Begin, *, keep: timedelta, now: datetime) -> int:
    """Delete what was delivered or given up longer ago than that, with its tries; return how much it was."""
    pruned = 0
    while True:
        with begin() as tx:
            some = messages.prune(tx, before=now - keep, removed_before=now - REMOVED_FOR)
        pruned += some
        if some < messages.PRUNED:
            return pruned


def _row(tx: Connection, merchant_id: int, endpoint: str | None) -> int | None:
    return None if endpoint is None else find(tx, merchant_id=merchant_id, endpoint=endpoint).id
