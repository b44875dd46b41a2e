"""What to write of a card at a vendor who holds it: its face as it is now, and whether its holder is told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.face import Face
from wallet_service.domain.member import Membership
from wallet_service.domain.push import Push
from wallet_service.domain.template import Template
from wallet_service.storage import holdings, members, notices

Channel = Callable[[Face, str], str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A card ready to be written: `told` is the field whose change the holder is told of, by `channel`.

    `aloud` says that there is a notification left for it today; otherwise it is written without one.
    """

    revision: int
    template: Template
    member: Membership
    face: Face
    told: str | None = None
    channel: str = ""
    aloud: bool = False


def prepare(
    tx: Connection, push: Push, templates: dict[str, Template], *, channel: Channel, now: datetime
) -> Prepared | None:
    """Return the pushed wallet's card as it stands, or None if it cannot be drawn here.

    `channel` says how the vendor tells of a field; each way has a number of notifications a day of its own.
    """
    found = members.find_by_cards(tx, [push.card_id]).get(push.card_id)
    template = templates.get(found.template) if found else None
    if found is None or template is None:
        return None
    member = found.member
    face = template.draw(member.standing, member.locale)
    prepared = Prepared(member.card.revision, template, member, face)
    announced = holdings.announced(tx, push.wallet_id)
    if announced is None or announced.field not in {each.key for each in face.fields()} or face.voided:
        return prepared
    way = channel(face, announced.field)
    aloud = notices.plan(tx, wallet_id=push.wallet_id, channel=way, revision=announced.revision, now=now)
    return Prepared(member.card.revision, template, member, face, announced.field, way, aloud)
