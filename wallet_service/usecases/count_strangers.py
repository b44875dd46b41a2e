"""Whoever nobody knows may do only so much in an hour; what is counted tells nobody who they were."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection

from wallet_service.storage import rates
from wallet_service.storage.vault import Vault

WINDOW = timedelta(hours=1)


def count(tx: Connection, vault: Vault, buckets: Iterable[tuple[str, int]], *, now: datetime) -> int | None:
    """Count one in each of these buckets, given with how many come within an hour, until one of them is full.

    Return after how many seconds there is room again in that one, None where there was some in all. Of a bucket's name
    only a keyed hash is kept.
    """
    for name, most in buckets:
        step = WINDOW / most
        may, spent_until = rates.spend(tx, vault.mark(name), step=step, window=WINDOW, now=now)
        if not may:
            return max(ceil((spent_until + step - WINDOW - now) / timedelta(seconds=1)), 1)
    return None
