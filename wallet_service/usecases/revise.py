"""The card after an event: if what it shows has changed, a new revision, and every wallet should show it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import structs
from sqlalchemy import Connection

from wallet_service.domain.card import Card, Revised, next_modified_at
from wallet_service.domain.member import Membership
from wallet_service.domain.template import Template
from wallet_service.storage import members, wallets


def revise(tx: Connection, before: Membership, after: Membership, template: Template, *, now: datetime) -> Card:
    """Return the member's card as it stands after the change; nothing is written if its face is the same."""
    revised = revise_all(tx, [(before, after)], template, now=now)
    return revised[0].card if revised else before.card


def revise_all(
    tx: Connection, changes: Iterable[tuple[Membership, Membership]], template: Template, *, now: datetime
) -> list[Revised]:
    """Write a new revision of every card whose face has changed, and return those; all customers are locked already."""
    revised = [each for before, after in changes if (each := _revised(before, after, template, now))]
    if revised:
        members.revise(tx, revised, template_version=template.version)
        wallets.want(tx, revised, window=timedelta(seconds=template.program.card.coalesce_seconds), now=now)
    return revised


def _revised(before: Membership, after: Membership, template: Template, now: datetime) -> Revised | None:
    face = template.draw(after.standing, after.locale)
    digest = face.digest()
    if digest == before.face_digest:
        return None
    own_digest = face.own_digest()
    card = structs.replace(
        before.card,
        revision=before.card.revision + 1,
        modified_at=next_modified_at(before.card.modified_at, now),
        announced=template.announcement(before.standing, before.locale, after.standing, face),
    )
    return Revised(card, digest, own_digest, own_changed=own_digest != before.own_digest)
