"""Codes that somebody else has made are laid into a pool, from which rewards draw them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from wallet_service.storage import codes
from wallet_service.usecases.operate import Operation, refused

GROUP = 1000
LONGEST = 200  # letters


@dataclass(frozen=True, slots=True)
class Laid:
    """How many codes came in, how many of them the programme had before, and how many the pool now holds."""

    pool: str
    added: int
    known: int
    left: int


def lay_codes(operation: Operation, *, pool: str, given: Iterable[str], expires_at: datetime | None = None) -> Laid:
    """Lay codes into a pool that a reward draws on; empty lines are left out, and a known code counts once.

    Raises `OperationRefused` for a pool that no reward names, no codes at all, or one that is too long.
    """
    if pool not in {each.pool for each in operation.program.reward}:
        raise refused("pool", f"{pool!r} is the pool of no reward")
    clean = list(dict.fromkeys(each.strip() for each in given if each.strip()))
    if not clean:
        raise refused("codes", "are none")
    if any(len(each) > LONGEST for each in clean):
        raise refused("codes", f"may have {LONGEST} letters each")
    vault, added = operation.open.vault, 0
    for at in range(0, len(clean), GROUP):
        group = [(vault.mark(each), vault.seal(each)) for each in clean[at : at + GROUP]]
        added += codes.add(
            operation.tx, program_id=operation.open.id, pool=pool, codes=group, expires_at=expires_at, now=operation.now
        )
    left = codes.left(operation.tx, operation.open.id, [pool], now=operation.now)[pool]
    return Laid(pool, added, len(clean) - added, left)
