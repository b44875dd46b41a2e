"""A template has changed: every card that it draws otherwise now gets a new revision, and its phones a push."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.template import Template
from wallet_service.storage import members
from wallet_service.usecases.revise import revise

GROUP = 500


def publish(
    begin: Callable[[], AbstractContextManager[Connection]], template: Template, *, now: datetime
) -> Iterator[tuple[int, int]]:
    """Bring every card to this version of its template, and yield from time to time how many were seen and changed.

    Each card is a transaction of its own under its customer's lock, so that events go on meanwhile; stopped half-way,
    the rest is found again the next time.
    """
    seen = changed = 0
    while True:
        with begin() as tx:
            waiting = members.stale(tx, template=template.name, version=template.version, most=GROUP)
        if not waiting:
            return
        for program_id, external_id in waiting:
            with begin() as tx:
                changed += _redraw(tx, program_id, external_id, template, now)
            seen += 1
        yield seen, changed


def stale(tx: Connection, templates: dict[str, Template]) -> int:
    """Return how many cards were drawn from another version of their template than the one that is loaded."""
    return sum(
        cards
        for name, version, cards in members.versions(tx)
        if name not in templates or templates[name].version != version
    )


def _redraw(tx: Connection, program_id: int, external_id: str, template: Template, now: datetime) -> bool:
    members.lock_customer(tx, program_id, external_id)
    member = members.find(tx, program_id, external_id)
    assert member is not None
    card = revise(tx, member, member, template, now=now)
    if card.revision == member.card.revision:
        members.keep_face(tx, card.id, template_version=template.version)
        return False
    return True
