"""All members of a programme go out as a file, in the columns in which members come in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.identity import Identity
from wallet_service.domain.member import Membership
from wallet_service.domain.member_row import COLUMNS, OWN
from wallet_service.domain.program import Program
from wallet_service.domain.sheet import Kind, head_of, lines_of
from wallet_service.domain.template import Template
from wallet_service.storage import identities, members
from wallet_service.storage.vault import Vault

PAGE = 500  # members who are read at once
EXPORTED = (*COLUMNS, OWN, "pending", "held", "serial_number", "link")


def export_members(
    read: Callable[[], AbstractContextManager[Connection]],
    *,
    vault: Vault,
    program_id: int,
    template: Template,
    kind: Kind,
    link: Callable[[str], str],
) -> Iterator[str]:
    """Yield the file line by line; members are read page by page, so that any number of them takes little memory.

    `link` makes of a serial number the address at which its holder adds the card; a void card has none. Members who
    have become one with another, and those who were erased, are left out.
    """
    yield head_of(kind, EXPORTED)
    after, more = 0, True
    while more:
        with read() as tx:
            page = rows_after(
                tx, vault=vault, program_id=program_id, program=template.program, link=link, after=after, most=PAGE
            )
        yield from lines_of(kind, EXPORTED, page.rows)
        more, after = not page.last, page.after


@dataclass(frozen=True, slots=True)
class Page:
    """Some members as rows: how many were looked at, the row id of the last of them, and whether more may follow."""

    rows: Sequence[dict[str, Any]]
    seen: int
    after: int
    last: bool


def rows_after(
    tx: Connection,
    *,
    vault: Vault,
    program_id: int,
    program: Program,
    link: Callable[[str], str],
    after: int,
    most: int,
) -> Page:
    """Return up to `most` members whose row ids come after that one, as `export_members` writes them."""
    found = members.page_of(tx, program_id, after=after, most=most)
    known = identities.of_members(tx, vault, [each.id for each in found])
    rows = [_row(each, known.get(each.id, ()), program, link) for each in found if not each.is_over]
    return Page(rows, len(found), found[-1].id if found else after, len(found) < most)


def _row(member: Membership, known: Sequence[Identity], program: Program, link: Callable[[str], str]) -> dict[str, Any]:
    position, profile = member.position, member.profile
    tier = position.rank.tier if position.rank else None
    return {
        "external_id": member.external_id,
        "name": profile.name,
        "locale": profile.locale,
        "birthday": "{:02}-{:02}".format(*profile.birthday) if profile.birthday else None,
        "cause": profile.cause,
        "email": _first("email", known),
        "phone": _first("phone", known),
        "balance": position.available,
        "expires_at": _expires_at(member, program),
        "tier": tier,
        "tier_until": position.tier_last_day.isoformat() if tier and position.tier_last_day else None,
        "enrolled_at": member.enrolled_at.isoformat(),
        OWN: member.public_id,
        "pending": position.pending,
        "held": position.held,
        "serial_number": member.card.serial_number,
        "link": None if member.voided else link(member.card.serial_number),
    }


def _first(kind: str, known: Sequence[Identity]) -> str | None:
    return next((each.value for each in known if each.kind == kind), None)


def _expires_at(member: Membership, program: Program) -> str | None:
    """Return the last day of the balance where all of it dies by itself on one day; else no one day is true of it."""
    position = member.position
    whole = expiry_of(program, position.rank.tier if position.rank else None).whole
    if whole or position.dying_on is None or position.dying != position.available:
        return None
    return position.dying_on.isoformat()
