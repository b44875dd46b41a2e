"""Are the books sound, and do balances and cards say what they say? And what is projected, made anew."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from msgspec import structs
from sqlalchemy import Connection

from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.member import Membership, Position
from wallet_service.domain.membership import span
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import ExpiryTable
from wallet_service.domain.standing import Reminder
from wallet_service.domain.template import Template
from wallet_service.domain.tiering import CALENDAR
from wallet_service.storage import audit as books
from wallet_service.storage import members, memberships, programs, projections, triggers
from wallet_service.storage.audit import Debit, Difference
from wallet_service.storage.ledger import Cause
from wallet_service.storage.members import Found
from wallet_service.usecases.book import MOVEMENTS, open_book
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.revise import revise_all
from wallet_service.usecases.settle_due import is_due

PAGE = 200
FIGURES = ("qualifying", "tier_last_day", "dying", "dying_on", "rewards", "reminders")
Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Books:
    """What is wrong in the ledger or in what is projected from it; each check names so many at the most.

    `unchecked` are the codes of programmes whose template is not loaded: it was not looked whether points were spent
    there after they had died.
    """

    differences: tuple[Difference, ...]
    unchecked: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.differences


def audit(tx: Connection, in_force: InForce, *, most: int) -> Books:
    """Hold every law of the books against all rows, and every projection against what the books make."""
    templates = _ruling(tx, in_force)
    fixed = [name for name, each in templates.items() if not _lives_on(each.program)]
    found = books.differences(tx, zones=_zones(templates), fixed=fixed, movements=MOVEMENTS, most=most)
    found += islice(_wrong_memberships(tx), most)
    found += islice(_dead(tx, in_force), most)
    unknown = [each for each in programs.every(tx) if each.template not in in_force.templates]
    return Books(tuple(found), tuple(programs.code_of(tx, each.id) for each in unknown))


def _dead(tx: Connection, in_force: InForce) -> Iterator[Difference]:
    """Yield what was taken of points that had died by every rule by which they can have been taken."""
    after = 0
    while ids := [member_id for member_id, *_ in projections.page(tx, after, most=PAGE)]:
        after = ids[-1]
        found = books.debits(tx, ids)
        # Read after the rows, none of which is of a newer version then.
        loaded = [each for each in programs.every(tx) if each.template in in_force.templates]
        templates = {each.id: in_force.of_program(each) for each in loaded}
        for each in found:
            template = templates.get(each.program_id)
            died_at = _died_at(template, each) if template else None
            if died_at is not None:
                what = "it takes points that had died"
                yield Difference(each.member, each.lot, each.transaction, what, str(each.at), str(died_at))


def _died_at(template: Template, debit: Debit) -> datetime | None:
    """Return when the points had died by the kindest rule by which they can have been taken; None if they lived."""
    ends = []
    for version in template.rules_between(debit.since, debit.until):
        for tier in (None, *debit.tiers):
            dies_at = expiry_of(version.program, tier).dies_at(debit.own, debit.active_at)
            if dies_at is None or dies_at > debit.at:
                return None
            ends.append(dies_at)
    return max(ends)


def wrong_positions(begin: Begin, in_force: InForce, *, now: datetime) -> Iterator[Difference]:
    """Yield each figure of a member that follows from books, rules and calendar, and is not what they say.

    That is what counts for the tier and its last day, what dies next, rewards within reach, and reminders. Left out is
    who was erased or is another by now, whom the calendar leaves alone; who is due, since it has yet to change the
    figures; whose template is not loaded or has newer rules; and who is written to meanwhile.
    """
    after = 0
    while True:
        with begin() as tx:
            ids = [member_id for member_id, *_ in projections.page(tx, after, most=PAGE)]
            found = [each for each in members.find_by_members(tx, ids) if _is_settled(each, in_force, now)]
            told = triggers.reminders(tx, [each.member.id for each in found])
            made = [(each.member, _worked_out(tx, each, told, in_force, now)) for each in found]
            unchanged = {each.member.id: each.member.position for each in members.find_by_members(tx, ids)}
        if not ids:
            return
        after = ids[-1]
        for member, position in made:
            if unchanged.get(member.id) == member.position:
                yield from _differing(member, position)


def _is_settled(found: Found, in_force: InForce, now: datetime) -> bool:
    if found.member.is_over or is_due(found.member, now) or not in_force.knows(found):
        return False
    return found.member.position.program_version == in_force.of_card(found).rules


def _worked_out(
    tx: Connection, found: Found, told: Mapping[int, tuple[Reminder, ...]], in_force: InForce, now: datetime
) -> Position:
    member = found.member
    member = structs.replace(member, position=structs.replace(member.position, reminders=told.get(member.id, ())))
    return open_book(tx, member, in_force.of_card(found), now=now, settle=False).preview(reason=CALENDAR)


def _differing(member: Membership, made: Position) -> Iterator[Difference]:
    for name in FIGURES:
        said, should = getattr(member.position, name), getattr(made, name)
        if said != should:
            what = f"its {name} is not what books, rules and calendar make"
            yield Difference(member.public_id, None, None, what, _shown(said), _shown(should))


def _shown(figure: object) -> str:
    if isinstance(figure, tuple):
        return ", ".join(each if isinstance(each, str) else _told(each) for each in figure) or "none"
    return "none" if figure is None else str(figure)


def _told(reminder: Reminder) -> str:
    return f"{reminder.trigger} of {reminder.day} ({reminder.points if reminder.stands else 'over'})"


def wrong_faces(begin: Begin, in_force: InForce) -> Iterator[str]:
    """Yield the serial number of every card whose newest revision does not show what its member's account says."""
    after = 0
    while True:
        with begin() as tx:
            page = members.cards_after(tx, after, most=PAGE)
            found = members.find_by_cards(tx, page).values()
        if not page:
            return
        after = page[-1]
        for each in found:
            template = in_force.of_card(each) if in_force.knows(each) else None
            if template is None or each.template_version != template.version:
                continue  # another version of the template drew it: `publish` looks after that
            member = each.member
            if template.draw(member.standing, member.locale).digest() != member.face_digest:
                yield member.card.serial_number


def rebuild(begin: Begin, in_force: InForce, *, now: datetime) -> tuple[int, int]:
    """Make all that is projected anew from the append-only tables, and the cards after it.

    Return for how many members it was otherwise before, and how many cards got a new revision. Each page of members is
    a transaction under their locks, so that events go on meanwhile. What the calendar has brought by now is entered
    on the way, as it would be whenever the members are next looked at.
    """
    changed = revised = after = 0
    with begin() as tx:
        templates = _ruling(tx, in_force)
    while True:
        with begin() as tx:
            page = projections.page(tx, after, most=PAGE)
            if not page:
                return changed, revised
            members.lock_customers(tx, [(program_id, external_id) for _, program_id, external_id in page])
            ids = [member_id for member_id, *_ in page]
            before = projections.prints(tx, ids)
            projections.remake(tx, ids, zones=_zones(templates), movements=MOVEMENTS, now=now)
            revised += _close_all(tx, ids, templates, now)
            prints = projections.prints(tx, ids)
            changed += sum(before.get(each) != prints[each] for each in ids)
        after = ids[-1]


def _close_all(tx: Connection, ids: list[int], templates: Mapping[str, Template], now: datetime) -> int:
    """Open and close the members' books, and draw the cards that their templates have drawn last."""
    found = members.find_by_members(tx, ids)
    members.lock_cards(tx, [each.member.card.id for each in found])
    pairs: dict[str, list[tuple[Membership, Membership]]] = {}
    for each in found:
        template = templates.get(each.template)
        if template is None or each.member.is_over:
            continue
        book = open_book(tx, each.member, template, now=now)
        book.paid_since, book.paid_until = span(memberships.of(tx, each.member.id))
        book.automatic = book.settled > 0  # rewards come with what moves points, which only the calendar does here
        after = book.close(cause=Cause(), reason=CALENDAR)
        if each.template_version == template.version:
            pairs.setdefault(each.template, []).append((each.member, after))
    return sum(len(revise_all(tx, several, templates[name], now=now)) for name, several in pairs.items())


def _ruling(tx: Connection, in_force: InForce) -> dict[str, Template]:
    """Return the templates of all opened programmes that are loaded here, with the rules in force."""
    opened = [each for each in programs.every(tx) if each.template in in_force.templates]
    return {each.template: in_force.of_program(each) for each in opened}


def _wrong_memberships(tx: Connection) -> Iterator[Difference]:
    for public_id, said, terms in memberships.every(tx):
        made = span(terms)
        if said != made:
            shown = [" to ".join(str(day or "none") for day in each) for each in (said, made)]
            yield Difference(public_id, None, None, "its paid membership is not what the books make", *shown)


def _zones(templates: Mapping[str, Template]) -> dict[str, str]:
    return {name: each.program.program.timezone for name, each in templates.items()}


def _lives_on(program: Program) -> bool:
    """Whether anybody's activity can keep points alive beyond their lot's own date."""
    given = (program.points.expiry, *(each.points_expiry for each in program.tier))
    tables = [each for each in given if isinstance(each, ExpiryTable)]
    return any(each.mode == "inactivity" or each.extend_on_activity is not None for each in tables)
