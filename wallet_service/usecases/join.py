"""Somebody becomes a member by a link: an enrolment like any other, and the link is told of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain.errors import LinkOver
from wallet_service.domain.event import Customer, Event, MemberEnrolled, content_hash
from wallet_service.domain.template import Template
from wallet_service.storage import installs, links, members, objections
from wallet_service.storage.links import Seen
from wallet_service.storage.vault import Vault
from wallet_service.usecases.connect import own_source
from wallet_service.usecases.receive import receive
from wallet_service.usecases.visit import row_of, take

DIALECT = "link"  # of the source of all who join by links; nobody posts to it
KIND = "member.enrolled"


def join_by_link(
    begin: Callable[[], AbstractContextManager[Connection]],
    seen: Seen,
    mark: bytes | None,
    *,
    template: Template,
    vault: Vault,
    pass_type_identifier: str,
    now: datetime,
) -> Seen:
    """Enrol the prospect whom a link names, if need be, and return the link with its member.

    Twice is the same as once. The link is used by it; what follows within ten minutes belongs to the same use.
    Raises `LinkOver`, and what entering an event raises.
    """
    prospect = seen.link.prospect
    assert prospect is not None
    assert prospect.external_id is not None
    if seen.holder is not None:
        return seen
    with begin() as tx:
        row = row_of(tx, seen, mark, now=now)
        take(tx, seen, row, now=now)
        source = own_source(
            tx, vault=vault, program_id=seen.campaign.program_id, dialect=DIALECT, name=seen.program, now=now
        )
    fact = MemberEnrolled(Customer(id=prospect.external_id), prospect.name, prospect.locale)
    recorded = receive(
        begin,
        source=source,
        template=template,
        vault=vault,
        event=Event(f"link {row}", KIND, content_hash(KIND, fact), now, b"", fact),
        pass_type_identifier=pass_type_identifier,
        now=now,
    )
    with begin() as tx:
        found = members.find_by_public_id(tx, recorded.answer["member_id"])
        if found is None:
            raise LinkOver("gone")
        joined(tx, seen, row, found.member.id, now=now)
    return replace(seen, row=row, holder=found.member.id)


def joined(tx: Connection, seen: Seen, row: int, member_id: int, *, now: datetime) -> None:
    """Note that a new member came by a link; who objected on the link's page objects as a member, too."""
    if seen.objects:
        objections.add(tx, member_id, now=now)
        installs.forget(tx, member_id)
    links.joined(tx, row, member_id, now=now)


def joined_through(tx: Connection, seen: Seen, mark: bytes | None, member_id: int, *, now: datetime) -> None:
    """Note that somebody has just become a member through a link for anyone, which is one use of it.

    Raises `LinkOver` where it has been used as often as it may be; then nobody should become a member by it.
    """
    row = row_of(tx, seen, mark, now=now)
    take(tx, seen, row, lasts=timedelta(), now=now)
    joined(tx, seen, row, member_id, now=now)
