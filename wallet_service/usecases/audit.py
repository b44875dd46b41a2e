"""Are the books sound, and do balances and cards say what they say? And what is projected, made anew."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.storage import audit as books
from wallet_service.storage import members
from wallet_service.storage.audit import Difference
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.revise import revise_all

PAGE = 200
Begin = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Books:
    """What is wrong with the ledger itself: the sum of everything, transactions that do not sum up, wrong balances."""

    total: int
    unsound: tuple[int, ...]
    differences: tuple[Difference, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.total or self.unsound or self.differences)


def audit(tx: Connection, *, most: int) -> Books:
    """Sum all entries up again, and compare every balance with its entries."""
    return Books(books.grand_total(tx), tuple(books.unsound(tx, most=most)), tuple(books.differences(tx)[:most]))


def wrong_faces(begin: Begin, in_force: InForce) -> Iterator[str]:
    """Yield the serial number of every card whose newest revision does not show what its member's account says."""
    for page in _pages(begin):
        with begin() as tx:
            found = members.find_by_cards(tx, page).values()
        for each in found:
            template = in_force.of_card(each) if in_force.knows(each) else None
            if template is None or each.template_version != template.version:
                continue  # another version of the template drew it: `publish` looks after that
            member = each.member
            if template.draw(member.standing, member.locale).digest() != member.face_digest:
                yield member.card.serial_number


def rebuild(begin: Begin, in_force: InForce, *, now: datetime) -> tuple[int, int]:
    """Make balances and cards anew from the entries; return how many balances and how many cards were otherwise."""
    with begin() as tx:
        balances = len(books.rebuild(tx))
    cards = 0
    for page in _pages(begin):
        with begin() as tx:
            cards += _redraw(tx, page, in_force, now)
    return balances, cards


def _redraw(tx: Connection, page: list[int], in_force: InForce, now: datetime) -> int:
    found = members.find_by_cards(tx, page).values()
    members.lock_customers(tx, [(each.program_id, each.member.external_id) for each in found])
    members.lock_cards(tx, page)
    revised = 0
    held = members.find_by_cards(tx, page).values()
    drawing = {each.program_id: in_force.of_card(each) for each in held if in_force.knows(each)}
    for program_id, template in drawing.items():
        mine = [
            each.member for each in held if each.program_id == program_id and each.template_version == template.version
        ]
        revised += len(revise_all(tx, [(member, member) for member in mine], template, now=now))
    return revised


def _pages(begin: Begin) -> Iterator[list[int]]:
    after = 0
    while True:
        with begin() as tx:
            page = members.cards_after(tx, after, most=PAGE)
        if not page:
            return
        yield page
        after = page[-1]
