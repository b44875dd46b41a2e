"""Somebody comes by a link: does it still work, what is counted of that, and whose card it opens."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain import links as rules
from wallet_service.domain.errors import LinkOver, UnknownLink
from wallet_service.domain.links import USE_LASTS, Link
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.visitors import Visitor
from wallet_service.storage import link_campaigns, links, members
from wallet_service.storage.links import Seen, Step
from wallet_service.storage.members import Found

__all__ = ["Seen", "Step", "card_of", "check", "clicked", "look", "look_up", "opened", "row_of", "take", "used"]

REMEMBERED = timedelta(days=7)  # for which what a new member does is put down to the link that led there


def look(tx: Connection, link: Link, mark: bytes) -> Seen:
    """Return how a link stands, which its token told.

    Raises `UnknownLink`.
    """
    seen = links.look(tx, link, mark)
    if seen is None:
        raise UnknownLink
    return seen


def look_up(tx: Connection, code: str) -> Seen:
    """Return how the link of a short code stands.

    Raises `UnknownLink`.
    """
    seen = links.look_up(tx, code)
    if seen is None:
        raise UnknownLink
    return seen


def check(seen: Seen, program: Program, *, now: datetime) -> None:
    """Make sure that a link still works.

    Raises `LinkOver`; whether there is a member behind it is looked at last, and not told.
    """
    rules.check(seen.link, seen.campaign, seen.usage, today=local_day(now, program.zone), now=now)
    if seen.void or (seen.link.kind == "member" and seen.holder is None):
        raise LinkOver("gone")


def opened(tx: Connection, seen: Seen, mark: bytes | None, by: Visitor, program: Program, *, now: datetime) -> None:
    """Count that a link was opened: by a person, with a row for the link, or by a program, without one."""
    day = local_day(now, program.zone)
    if by.machine:
        link_campaigns.count(tx, seen.campaign.id, seen.link.channel, by.machine, day=day)
    elif not seen.objects:
        links.visited(tx, row_of(tx, seen, mark, now=now), "opened", by, member_id=_person(seen), day=day, now=now)


def used(
    tx: Connection,
    seen: Seen,
    mark: bytes | None,
    step: Step,
    *,
    by: Visitor,
    program: Program,
    counted: bool = True,
    now: datetime,
) -> Found:
    """Use a link once, to bring its member's card into a wallet, and return the card.

    Whoever is not `counted` leaves nothing behind but that. Raises `LinkOver`.
    """
    assert seen.holder is not None
    row = row_of(tx, seen, mark, now=now)
    take(tx, seen, row, now=now)
    if counted and not seen.objects:
        day = local_day(now, program.zone)
        links.visited(tx, row, step, by, member_id=seen.holder, day=day, now=now)
    return card_of(tx, seen)


def card_of(tx: Connection, seen: Seen) -> Found:
    """Return the card of the member whom a link is for.

    Raises `LinkOver`.
    """
    found = members.find_by_members(tx, [seen.holder] if seen.holder is not None else [])
    if not found or found[0].member.voided:
        raise LinkOver("gone")
    return found[0]


def take(tx: Connection, seen: Seen, row: int, *, lasts: timedelta = USE_LASTS, now: datetime) -> None:
    """Use a link once, if it may still be used.

    Raises `LinkOver`.
    """
    if not links.take(tx, row, limit=rules.limit_of(seen.link, seen.campaign), lasts=lasts, now=now):
        raise LinkOver("used_up")


def clicked(tx: Connection, found: Found, step: Step, by: Visitor, program: Program, *, now: datetime) -> None:
    """Count a step on a member's own page for the link by which the member joined not long ago, if there is one."""
    if by.machine:
        return
    row = links.joined_by(tx, found.member.id, since=now - REMEMBERED)
    if row is not None:
        day = local_day(now, program.zone)
        links.visited(tx, row, step, by, member_id=found.member.id, day=day, now=now)


def row_of(tx: Connection, seen: Seen, mark: bytes | None, *, now: datetime) -> int:
    """Return the link's row, which it gets when it is first used."""
    if seen.row is not None:
        return seen.row
    row = links.add(tx, seen.link, mark=mark, code=None, member_id=seen.holder, now=now)
    assert row is not None
    return row


def _person(seen: Seen) -> int | None:
    """Return whose opening it is; of a link for anyone nobody knows."""
    return None if seen.link.kind == "anyone" else seen.holder
