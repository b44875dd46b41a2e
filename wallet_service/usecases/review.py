"""What shops have delivered is looked over: what became of it, entering it anew, and noting what a person has done."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownDelivery
from wallet_service.storage import deliveries
from wallet_service.storage.deliveries import Kept
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, answered, operate, refused
from wallet_service.usecases.take_in import Intake

__all__ = ["Came", "Kept", "done", "note_done", "page", "replay", "show", "told"]

REPLAY = "inbound.replay"
DONE = "inbound.done"
# What of each thing that was entered is told: our own ids and figures, nothing of a person.
TOLD = ("type", "status", "detail", "member_id", "order_id", "points", "balance")


@dataclass(frozen=True, slots=True)
class Came:
    """What a delivery has come to: how it stands, why, and each thing that it said."""

    id: str
    status: str
    detail: str | None
    said: tuple[Mapping[str, Any], ...]


def page(tx: Connection, *, merchant_id: int, status: str | None, after: str | None, most: int) -> list[Kept]:
    """Return up to `most` deliveries of a merchant's, newest first, from the one with the id `after` on."""
    before = show(tx, after, merchant_id=merchant_id).id if after else 0
    return list(deliveries.page(tx, merchant_id=merchant_id, status=status, before=before, most=most))


def show(tx: Connection, delivery: str, *, merchant_id: int | None = None) -> Kept:
    """Return a delivery of the merchant's, or anybody's to an operator, who is no merchant.

    Raises `UnknownDelivery`.
    """
    kept = deliveries.find(tx, delivery, merchant_id=merchant_id)
    if kept is None:
        raise UnknownDelivery(delivery)
    return kept


def told(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be told of a thing that was entered."""
    return {name: said[name] for name in TOLD if name in said}


def replay(
    begin: Callable[[], AbstractContextManager[Connection]],
    intake: Intake,
    *,
    program: OpenProgram,
    merchant_id: int,
    delivery: str,
    dry_run: bool,
    key: str,
    content: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> Operated:
    """Enter a delivery anew, or only say what that would come to; a repeat is answered as before.

    What is entered has its own transactions, and is entered once however often it is tried. So the key is kept after
    it: who dies in between, or comes at the same moment, tries again, and nothing is entered twice.
    Raises `UnknownDelivery`, also for one whose body is no longer kept, and `OperationConflict`.
    """
    with begin() as tx:
        before = answered(tx, program=program, key=key, kind=REPLAY, content=content)
    if before is not None:
        return before
    outcome = intake.replay(delivery, merchant_id=merchant_id, dry_run=dry_run)
    came = Came(outcome.public_id, outcome.status, outcome.detail, tuple(told(each) for each in outcome.answers))
    return operate(
        begin, program=program, key=key, kind=REPLAY, content=content, actor=actor, now=now, act=lambda _: came
    )


def done(operation: Operation, *, delivery: str) -> Came:
    """Note that a person has done what a delivery asks for.

    Raises `UnknownDelivery`, and `OperationRefused` for one that asks nobody for anything.
    """
    return note_done(operation.tx, delivery, now=operation.now)


def note_done(tx: Connection, delivery: str, *, now: datetime) -> Came:
    """Note that a person has done what a delivery asks for, whoever's it is.

    Raises as `done` does.
    """
    kept = show(tx, delivery)
    if kept.status != "attention":
        raise refused("delivery", f"asks nobody for anything; it is {kept.status}")
    deliveries.done(tx, kept.id, now=now)
    return Came(delivery, "processed", kept.detail, tuple(told(each) for each in kept.answers))
