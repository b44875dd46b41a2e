"""The card after an event: if what it shows has changed, a new revision, and every wallet should show it."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain.card import Card, next_modified_at
from wallet_service.domain.member import Membership
from wallet_service.domain.template import Template
from wallet_service.storage import members, wallets


def revise(tx: Connection, before: Membership, after: Membership, template: Template, *, now: datetime) -> Card:
    """Return the member's card as it stands after the change; nothing is written if its face is the same."""
    face = template.draw(after.standing, after.locale)
    digest = face.digest()
    if digest == before.face_digest:
        return before.card
    card = replace(
        before.card,
        revision=before.card.revision + 1,
        modified_at=next_modified_at(before.card.modified_at, now),
        announced=template.announcement(template.draw(before.standing, before.locale), face),
    )
    members.revise(tx, card, digest, template_version=template.version)
    window = timedelta(seconds=template.program.card.coalesce_seconds)
    wallets.want(tx, card_id=card.id, revision=card.revision, window=window, now=now)
    return card
