"""A phone asks for a card: whose it is, whether it may, and that it has been fetched."""

import hmac
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import UnknownCard
from wallet_service.domain.member import Membership
from wallet_service.storage import members, registrations
from wallet_service.storage.members import Found


def card_of(tx: Connection, *, pass_type_identifier: str, serial_number: str, token: str | None) -> Found:
    """Return the card to whoever has the card's own token.

    Raises `UnknownCard` alike for an unknown card and for a wrong token, after a comparison in constant time.
    """
    found = members.find_by_serial(tx, serial_number)
    wanted = found.member.card.authentication_token if found else "no such card"
    matches = hmac.compare_digest(wanted.encode(), (token or "").encode("utf-8", "replace"))
    if found is None or not matches or found.member.card.pass_type_identifier != pass_type_identifier:
        raise UnknownCard
    return found


def card_by_serial(tx: Connection, serial_number: str) -> Found:
    """Return the card to one who has proved elsewhere that he may see it.

    Raises `UnknownCard`.
    """
    found = members.find_by_serial(tx, serial_number)
    if found is None:
        raise UnknownCard
    return found


def card_or_member(tx: Connection, name: str) -> Found:
    """Return the card to an operator, by its serial number or by our id of its member.

    Raises `UnknownCard`.
    """
    found = members.find_by_public_id(tx, name) if name.startswith(members.PUBLIC_ID_PREFIX) else None
    return found or card_by_serial(tx, name)


def note_fetched(tx: Connection, member: Membership, *, since: datetime | None, now: datetime) -> None:
    """Note that a phone now holds the card's newest revision; `since` is the date that its request repeated."""
    card = member.card
    registrations.fetched(
        tx, card_id=card.id, revision=card.revision, modified_at=card.modified_at, since=since, now=now
    )
