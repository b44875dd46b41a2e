"""All members of a programme go out as a file, in the columns in which members come in."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.member import Membership
from wallet_service.domain.member_row import COLUMNS, OWN
from wallet_service.domain.program import Program
from wallet_service.domain.sheet import Kind, head_of, lines_of
from wallet_service.domain.template import Template
from wallet_service.storage import members

PAGE = 500  # members who are read at once
EXPORTED = (*COLUMNS, OWN, "pending", "held", "serial_number", "link")


def export_members(
    read: Callable[[], AbstractContextManager[Connection]],
    *,
    program_id: int,
    template: Template,
    kind: Kind,
    link: Callable[[str], str],
) -> Iterator[str]:
    """Yield the file line by line; members are read page by page, so that any number of them takes little memory.

    `link` makes of a serial number the address at which its holder adds the card; a void card has none. Members who
    have become one with another are left out.
    """
    yield head_of(kind, EXPORTED)
    after, more = 0, True
    while more:
        with read() as tx:
            page = members.page_of(tx, program_id, after=after, most=PAGE)
        rows = (_row(each, template.program, link) for each in page if each.merged_into is None)
        yield from lines_of(kind, EXPORTED, rows)
        more = len(page) == PAGE
        after = page[-1].id if page else after


def _row(member: Membership, program: Program, link: Callable[[str], str]) -> dict[str, Any]:
    position, profile = member.position, member.profile
    tier = position.rank.tier if position.rank else None
    return {
        "external_id": member.external_id,
        "name": profile.name,
        "locale": profile.locale,
        "birthday": "{:02}-{:02}".format(*profile.birthday) if profile.birthday else None,
        "cause": profile.cause,
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


def _expires_at(member: Membership, program: Program) -> str | None:
    """Return the last day of the balance where all of it dies by itself on one day; else no one day is true of it."""
    position = member.position
    whole = expiry_of(program, position.rank.tier if position.rank else None).whole
    if whole or position.dying_on is None or position.dying != position.available:
        return None
    return position.dying_on.isoformat()
