"""New rules for a programme: what they change, whom they would move between tiers, and putting them in force."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import Fault, TemplateRefused
from wallet_service.domain.member import Position
from wallet_service.domain.program import Program
from wallet_service.domain.program_version import ProgramVersion
from wallet_service.domain.template import Template
from wallet_service.domain.tiering import PROGRAM
from wallet_service.storage import members, programs
from wallet_service.storage.programs import Opened
from wallet_service.usecases.book import Book, open_book
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.issue import comes

PAGE = 200
PLACE = "program.toml"

Begin = Callable[[], AbstractContextManager[Connection]]
Move = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Moved:
    """A member whom the new rules put into another tier; None is none."""

    public_id: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class Preview:
    """Whom the new rules would move, counted; `first` are the first of them.

    `dying_at_once` counts those of whose points the calendar would let some die as soon as the rules are in force,
    `rewarded_next` those to whom rewards would come by themselves with whatever happens to them next.
    """

    members: int = 0
    points: int = 0
    moves: Counter[Move] = field(default_factory=Counter)
    first: list[Moved] = field(default_factory=list)
    dying_at_once: int = 0
    rewarded_next: int = 0

    @property
    def moved(self) -> int:
        """How many members would change their tier."""
        return self.moves.total()


def differs(template: Template, in_force: Template) -> bool:
    """Whether the rules of the template's files say anything else than those in force; comments say nothing."""
    return template.program != in_force.program


def preview(begin: Begin, opened: Opened, in_force: InForce, *, most: int, now: datetime) -> Iterator[Preview]:
    """Yield after each page what the rules of the files would change for the members so far; nothing is written.

    The same code works it out as will when they are published. Raises `TemplateRefused` as `publish_program` does.
    """
    present = in_force.of_program(opened)
    files = in_force.templates[opened.template]
    _refuse_what_no_version_may_change(present, files)
    coming = ProgramVersion(opened.version + 1, now, files.program, files.definition)
    template = files.ruled_by((*present.versions, coming))
    found, last = Preview(), 0
    while True:
        with begin() as tx:
            page = members.page_of(tx, opened.id, after=last, most=PAGE)
            for member in page:
                _look_at(found, open_book(tx, member, template, now=now, settle=False), most)
        if not page:
            return
        last = page[-1].id
        yield found


def publish_program(tx: Connection, opened: Opened, in_force: InForce, *, actor: str, now: datetime) -> Opened | None:
    """Put the rules of the template's files in force, and return the programme with its new version.

    None if they say nothing else than those in force. The cards follow by `publish`. Raises `TemplateRefused` for what
    no version may change: the currency, and whether the unit is money, in which all that was ever posted is counted.
    """
    number = programs.lock_version(tx, opened.id)
    present = in_force.template(opened.template, opened.id, number)
    files = in_force.templates[opened.template]
    if number and not differs(files, present):
        return None
    _refuse_what_no_version_may_change(present, files)
    partners = [each.code for each in files.program.partner]
    programs.publish(tx, opened.id, files.definition, number=number + 1, partners=partners, actor=actor, now=now)
    return replace(opened, version=number + 1)


def _refuse_what_no_version_may_change(before: Template, after: Template) -> None:
    faults = []
    if _currency(before.program) != _currency(after.program):
        message = f"is {_currency(after.program)}; members have points for {_currency(before.program)}"
        faults.append(Fault(PLACE, "program.currency", message))
    if _is_money(before.program) != _is_money(after.program):
        faults.append(Fault(PLACE, "unit.is_money", "was otherwise when members got their points"))
    if faults:
        raise TemplateRefused("These rules cannot follow on those in force; open another programme.", faults)


def _look_at(found: Preview, book: Book, most: int) -> None:
    before, after = book.member.position, book.preview(reason=PROGRAM)
    # Rules change what points do, never how many there are.
    assert (after.available, after.pending, after.held) == (before.available, before.pending, before.held)
    found.members += 1
    found.points += after.available
    found.dying_at_once += after.dying > 0 and after.dying_on is not None and after.dying_on < book.today
    tiers = _tier(before), _tier(after)
    found.rewarded_next += comes(book.taking(tiers[1]))
    if tiers[0] != tiers[1]:
        found.moves[tiers] += 1
        if len(found.first) < most:
            found.first.append(Moved(book.member.public_id, *tiers))


def _tier(position: Position) -> str | None:
    return position.rank.tier if position.rank else None


def _currency(program: Program) -> str:
    return program.program.currency


def _is_money(program: Program) -> bool:
    return program.unit is not None and program.unit.is_money
