"""A template has changed: every card that it draws otherwise now gets a new revision, and its phones a push.

Where a vendor holds the template's part once for all cards, that is one change of the class there.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.template import Template
from wallet_service.storage import members, pass_classes
from wallet_service.usecases.revise import revise_all

GROUP = 200  # customers whose events wait meanwhile


def publish(
    begin: Callable[[], AbstractContextManager[Connection]], template: Template, *, now: datetime
) -> Iterator[tuple[int, int]]:
    """Bring every card to this version of its template, and yield from time to time how many were seen and changed.

    A group of cards is a transaction under their customers' locks, so that events go on meanwhile; stopped half-way,
    the rest is found again the next time.
    """
    seen = changed = last = 0
    while True:
        with begin() as tx:
            waiting = members.stale(tx, template=template.name, version=template.version, after=last, most=GROUP)
            if not waiting:
                return
            members.lock_customers(tx, [(program_id, external_id) for program_id, external_id, _ in waiting])
            changed += _redraw(tx, [card_id for *_, card_id in waiting], template, now)
        seen += len(waiting)
        last = waiting[-1][2]
        yield seen, changed


def publish_classes(tx: Connection, drawn: Iterable[PassClass], *, now: datetime) -> list[str]:
    """Have the vendors hold these classes as they are drawn now; return the ids of those that change."""
    return [each.target for each in drawn if pass_classes.want(tx, each, publish=True, now=now)]


def stale(tx: Connection, templates: dict[str, Template]) -> int:
    """Return how many cards were drawn from another version of their template than the one that is loaded."""
    return sum(
        cards
        for name, version, cards in members.versions(tx)
        if name not in templates or templates[name].version != version
    )


def _redraw(tx: Connection, card_ids: list[int], template: Template, now: datetime) -> int:
    members.lock_cards(tx, card_ids)
    found = [each.member for each in members.find_by_cards(tx, card_ids).values()]
    revised = revise_all(tx, [(member, member) for member in found], template, now=now)
    changed = {each.card.id for each in revised}
    unchanged = {
        member.card.id: template.draw(member.standing, member.locale).own_digest()
        for member in found
        if member.card.id not in changed
    }
    members.keep_faces(tx, unchanged, template_version=template.version)
    return len(revised)
