"""Somebody objects to being counted: what is known is forgotten, and nothing more is written down."""

from datetime import datetime

from sqlalchemy import Connection

from wallet_service.storage import installs, links, objections
from wallet_service.storage.links import Seen
from wallet_service.usecases.visit import row_of


def object_by_link(tx: Connection, seen: Seen, mark: bytes | None, *, now: datetime) -> None:
    """Count nothing more of a personal link, nor of the member whom it is for; the link works as before."""
    links.unmeasure(tx, row_of(tx, seen, mark, now=now))
    if seen.holder is not None:
        object_to_counting(tx, seen.holder, now=now)


def object_to_counting(tx: Connection, member_id: int, *, now: datetime) -> None:
    """Forget what a member did with links and when the card came into wallets, and count nothing more of it."""
    objections.add(tx, member_id, now=now)
    links.forget(tx, member_id)
    installs.forget(tx, member_id)


def withdraw(tx: Connection, member_id: int) -> None:
    """Count again what a member does from now on; what was forgotten stays so."""
    objections.drop(tx, member_id)
