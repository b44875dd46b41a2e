"""What to write of a card at a vendor who holds it: its face as it is now, and whether its holder is told."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.face import Face
from wallet_service.domain.member import Membership
from wallet_service.domain.push import Push
from wallet_service.domain.template import Template
from wallet_service.storage import holdings, members, notices
from wallet_service.storage.holdings import State
from wallet_service.storage.members import Found
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.settle_due import is_due

TRIES = 5  # between two looks of a transaction an event may change the card

Channel = Callable[[Face, str], str]


@dataclass(frozen=True, slots=True)
class Overdue:
    """A card that must be settled before it can be prepared: it would show what the calendar has taken already."""

    found: Found


@dataclass(frozen=True, slots=True)
class Told:
    """A field whose change the holder is told of by `channel`; `aloud` if a notification is left for it today."""

    field: str
    revision: int
    channel: str
    aloud: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A card ready to be written; `new` says that the vendor has not taken it before."""

    template: Template
    member: Membership
    face: Face
    new: bool
    told: Told | None = None


def prepare(
    tx: Connection, push: Push, in_force: InForce, *, channel: Channel, now: datetime
) -> Prepared | Overdue | None:
    """Return the pushed wallet's card as it stands, or None if it is not drawn here as it was when it was revised.

    `channel` says how the vendor tells of a field; each way has a number of notifications a day of its own.
    """
    found, state = _both(tx, push)
    if found is None or state is None or not in_force.knows(found):
        return None
    if is_due(found.member, now):
        return Overdue(found)
    template = in_force.of_card(found)
    face = template.draw(found.member.standing, found.member.locale)
    if found.member.own_digest not in (None, face.own_digest()):
        return None  # older or newer files than those that drew the card's revision
    prepared = Prepared(template, found.member, face, new=state.sent == 0)
    if not _has_news(state, face):
        return prepared
    told = Told(str(state.announced), state.announced_revision, channel(face, str(state.announced)))
    aloud = notices.plan(tx, wallet_id=push.wallet_id, channel=told.channel, revision=told.revision, now=now)
    return replace(prepared, told=replace(told, aloud=aloud))


def _both(tx: Connection, push: Push) -> tuple[Found | None, State | None]:
    """Return the card and its wallet as they were at one moment: what is told must be of the revision that is shown."""
    for _ in range(TRIES):
        found = members.find_by_cards(tx, [push.card_id]).get(push.card_id)
        state = holdings.state(tx, push.wallet_id)
        if found is None or state is None or found.member.card.revision == state.revision:
            return found, state
    return None, None


def _has_news(state: State, face: Face) -> bool:
    """Whether there is something to tell the holder: of a card that is new or void, nothing."""
    if state.sent == 0 or state.announced_revision <= state.sent or face.voided:
        return False
    return state.announced in {each.key for each in face.fields()}
