"""Which of its cards a phone should fetch, and the tag with which it asks the next time."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.storage import registrations
from wallet_service.storage.registrations import Changes

_TAG = re.compile(r"([0-9a-f]{8})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Listing:
    """Serial numbers to fetch, and the tag to hand back next time."""

    serial_numbers: tuple[str, ...]
    tag: str


def changes(
    tx: Connection, *, device: str, pass_type_identifier: str, since: str | None, now: datetime
) -> Listing | None:
    """Return what changed for the device since the tag, or None if nothing did.

    The tag is a lower bound of every transaction that was not finished when the list was read. A change is listed
    when its transaction is not below the tag, so that none is lost however late it commits; one may be listed twice,
    which costs a 304. A tag of another database, one that lies ahead of this one, or junk counts as no tag.
    """
    found = registrations.changes(tx, device=device, pass_type_identifier=pass_type_identifier)
    floor = _floor(since, found)
    changed = [each for each in found.cards if each.xid >= floor]
    if not changed:
        return None
    registrations.listed(tx, changed, now=now)
    return Listing(tuple(each.serial_number for each in changed), f"{_epoch(found)}-{found.xmin}")


def _floor(since: str | None, found: Changes) -> int:
    tag = _TAG.fullmatch(since or "")
    if tag is None or tag[1] != _epoch(found):
        return 0
    # A database that was set back to an older copy of itself keeps its epoch, but not what it numbered since.
    return int(tag[2]) if int(tag[2]) <= found.xmin else 0


def _epoch(found: Changes) -> str:
    """Return a name for this history of transaction ids; a restored or promoted copy has another one."""
    return hashlib.sha256(f"{found.cluster}/{found.timeline}".encode()).hexdigest()[:8]
