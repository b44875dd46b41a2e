"""A look or the rules have changed: every card that is drawn otherwise now gets a new revision, its phones a push.

Where a vendor holds the template's part once for all cards, that is one change of the class there.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.member import Membership
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.template import Template
from wallet_service.domain.tiering import PROGRAM
from wallet_service.storage import members, pass_classes, programs
from wallet_service.storage.ledger import Cause
from wallet_service.storage.programs import Opened
from wallet_service.usecases.book import open_book
from wallet_service.usecases.celebrate import see_segments
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.revise import revise_all

GROUP = 200  # customers whose events wait meanwhile
PASSES = 3  # an event that was under way while the version changed may have drawn its card behind our back

Begin = Callable[[], AbstractContextManager[Connection]]


def publish(begin: Begin, in_force: InForce, name: str, *, now: datetime) -> Iterator[tuple[int, int]]:
    """Bring every card to its template and rules as they are now; yield from time to time how many it saw and changed.

    A group of cards is a transaction under their customers' locks, so that events go on meanwhile; stopped half-way,
    the rest is found again the next time. Where the rules are newer than a member's position, tier, rewards and dates
    are worked out anew. No points move: what new rules let die dies by the calendar, and rewards that come by
    themselves under them come with whatever happens to the member next.
    """
    with begin() as tx:
        opened = programs.of_template(tx, name)
    seen = changed = 0
    for program in opened:
        for more_seen, more_changed in _publish(begin, program, in_force.of_program(program), now):
            seen, changed = seen + more_seen, changed + more_changed
            yield seen, changed


def publish_classes(tx: Connection, drawn: Iterable[PassClass], *, now: datetime) -> list[str]:
    """Have the vendors hold these classes as they are drawn now; return the ids of those that change."""
    return [each.target for each in drawn if pass_classes.want(tx, each, publish=True, now=now)]


def stale(tx: Connection, in_force: InForce) -> int:
    """Return how many cards were drawn from another version of their template or rules than is in force here."""
    return sum(
        cards
        for program, version, number, cards in members.drawn_from(tx)
        if program.template not in in_force.templates
        or (in_force.of_program(program).version, program.version) != (version, number)
    )


def _publish(begin: Begin, program: Opened, template: Template, now: datetime) -> Iterator[tuple[int, int]]:
    last = passes = 0
    while passes < PASSES:
        with begin() as tx:
            waiting = members.stale(
                tx, program.id, version=template.version, number=template.rules, after=last, most=GROUP
            )
            members.lock_customers(tx, [(program_id, external_id) for program_id, external_id, _ in waiting])
            changed = _redraw(tx, [card_id for *_, card_id in waiting], template, now) if waiting else 0
        if waiting:
            yield len(waiting), changed
        elif last == 0:
            return
        passes += not waiting
        last = waiting[-1][2] if waiting else 0


def _redraw(tx: Connection, card_ids: list[int], template: Template, now: datetime) -> int:
    before = [each.member for each in members.find_by_cards(tx, card_ids).values()]
    changes = [(each, _ruled(tx, each, template, now)) for each in before]
    members.lock_cards(tx, card_ids)
    revised = revise_all(tx, changes, template, now=now)
    changed = {each.card.id for each in revised}
    unchanged = {
        member.card.id: template.draw(member.standing, member.locale).own_digest()
        for _, member in changes
        if member.card.id not in changed
    }
    members.keep_faces(tx, unchanged, template_version=template.version)
    return len(revised)


def _ruled(tx: Connection, member: Membership, template: Template, now: datetime) -> Membership:
    """Return the member as the rules in force have it; the calendar is left to whoever looks after it."""
    if member.position.program_version == template.rules:
        return member
    book = open_book(tx, member, template, now=now, settle=False)
    book.automatic = False
    see_segments(book)  # who is in a segment already does not enter it because a rule begins to wait for it
    return book.close(cause=Cause(), reason=PROGRAM)
