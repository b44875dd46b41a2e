"""A merchant begins a campaign of links, looks at all of them, and ends one or its links."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection

from wallet_service.domain.errors import CampaignTaken, Fault, LinkRefused, UnknownCampaign, UnknownLink
from wallet_service.domain.links import CHANNELS, FIRST_DAY, LAST_DAY, LONGEST, MOST_USES, Channel, Link, Utm
from wallet_service.storage import link_campaigns, links, programs
from wallet_service.storage.link_campaigns import OfProgram
from wallet_service.storage.links import Seen

__all__ = [
    "OfProgram",
    "Seen",
    "add_campaign",
    "campaign_of",
    "campaigns",
    "campaigns_page",
    "check_terms",
    "link_of",
    "refused",
    "revoke_campaign",
    "revoke_link",
    "revoke_short",
    "short_of",
]

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def add_campaign(
    tx: Connection,
    *,
    merchant_id: int,
    program: str,
    code: str,
    name: str,
    channel: Channel = "other",
    utm: Utm | None = None,
    until: date | None = None,
    limit: int | None = None,
    now: datetime,
) -> OfProgram:
    """Begin a campaign whose links lead into a programme of the merchant's, and return it.

    `until` is the last day of all its links, in the programme's time zone, `limit` how often each may be used.
    Raises `LinkRefused` with all that is wrong, and `CampaignTaken`.
    """
    opened = programs.find(tx, program)
    if opened is None or opened.merchant_id != merchant_id:
        raise refused("program", f"{program!r} is no programme of this merchant")
    utm = utm or Utm()
    faults = [
        *([] if _CODE.fullmatch(code) else [("code", "may have small letters, digits, - and _")]),
        *([] if 0 < len(name.strip()) <= LONGEST else [("name", f"needs 1 to {LONGEST} letters")]),
        *_faults(channel, until, limit),
        *((key, f"may have {LONGEST} letters") for key, value in utm.query().items() if len(value) > LONGEST),
    ]
    if faults:
        raise LinkRefused("The campaign was not made.", [Fault("campaign", *each) for each in faults])
    added = link_campaigns.add(
        tx,
        merchant_id=merchant_id,
        program_id=opened.id,
        code=code,
        name=name.strip(),
        channel=channel,
        utm=utm,
        until=until,
        limit=limit,
        now=now,
    )
    if not added:
        raise CampaignTaken(code)
    return campaign_of(tx, merchant_id, code)


def campaign_of(tx: Connection, merchant_id: int, code: str) -> OfProgram:
    """Return the merchant's campaign of that code.

    Raises `UnknownCampaign`.
    """
    found = link_campaigns.find(tx, merchant_id, code)
    if found is None:
        raise UnknownCampaign(code)
    return found


def campaigns(tx: Connection, merchant_id: int) -> Sequence[OfProgram]:
    """Return all campaigns of a merchant, oldest first."""
    return link_campaigns.every(tx, merchant_id)


def campaigns_page(tx: Connection, merchant_id: int, *, after: str | None, most: int) -> Sequence[OfProgram]:
    """Return up to `most` campaigns of a merchant, oldest first, from the one of the code `after` on."""
    return link_campaigns.page(tx, merchant_id, after=after, most=most)


def revoke_campaign(tx: Connection, merchant_id: int, code: str, *, now: datetime) -> None:
    """End a campaign: none of its links works from now on, made or not yet made.

    Raises `UnknownCampaign`.
    """
    if not link_campaigns.revoke(tx, merchant_id, code, now=now):
        raise UnknownCampaign(code)


def link_of(tx: Connection, merchant_id: int, link: Link, mark: bytes) -> Seen:
    """Return how a link of the merchant's stands, which its token told.

    Raises `UnknownLink` for a link of another merchant's.
    """
    seen = links.look(tx, link, mark)
    if seen is None or seen.merchant_id != merchant_id:
        raise UnknownLink
    return seen


def short_of(tx: Connection, merchant_id: int, code: str) -> Seen:
    """Return how the link of a short code stands.

    Raises `UnknownLink` for a code that is none of the merchant's.
    """
    seen = links.look_up(tx, code)
    if seen is None or seen.merchant_id != merchant_id:
        raise UnknownLink
    return seen


def revoke_link(tx: Connection, merchant_id: int, link: Link, mark: bytes, *, now: datetime) -> Seen:
    """End one link, used or not, that its token told, and return how it stood.

    Raises `UnknownLink` for a link of another merchant's.
    """
    seen = link_of(tx, merchant_id, link, mark)
    row = seen.row or links.add(tx, link, mark=mark, code=None, member_id=seen.holder, now=now)
    assert row is not None
    links.revoke(tx, row, now=now)
    return seen


def revoke_short(tx: Connection, merchant_id: int, code: str, *, now: datetime) -> Seen:
    """End the link of a short code, and return how it stood.

    Raises `UnknownLink` for a code that is none of the merchant's.
    """
    seen = short_of(tx, merchant_id, code)
    assert seen.row is not None
    links.revoke(tx, seen.row, now=now)
    return seen


def check_terms(channel: Channel, until: date | None, limit: int | None) -> None:
    """Make sure that links can be made for a channel, a last day and a number of uses.

    Raises `LinkRefused` with all that is wrong.
    """
    faults = _faults(channel, until, limit)
    if faults:
        raise LinkRefused("The links were not made.", [Fault("link", *each) for each in faults])


def refused(key: str, message: str) -> LinkRefused:
    """Return the error that names what of a link or campaign cannot be."""
    return LinkRefused("This cannot be done; nothing was made.", [Fault("link", key, message)])


def _faults(channel: str, until: date | None, limit: int | None) -> list[tuple[str, str]]:
    known = ", ".join(CHANNELS)
    return [
        *([] if channel in CHANNELS else [("channel", f"{channel!r} is none; there are {known}")]),
        *([] if until is None or FIRST_DAY <= until <= LAST_DAY else [("until", f"goes to {LAST_DAY}")]),
        *([] if limit is None or 1 <= limit <= MOST_USES else [("limit", f"is at least 1 and at most {MOST_USES:,}")]),
    ]
