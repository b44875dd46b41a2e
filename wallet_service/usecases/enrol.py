"""A member joins: an account, a card, and whatever orders came before."""

import secrets
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.card import Card
from wallet_service.domain.member import Membership, Profile
from wallet_service.domain.news import News
from wallet_service.domain.template import Standing, Template
from wallet_service.storage import members
from wallet_service.usecases.tell import tell

# Crockford's base 32 without the letters that are misread; a till's operator can type it.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def enrol(
    tx: Connection,
    *,
    program_id: int,
    template: Template,
    pass_type_identifier: str,
    external_id: str | None,
    profile: Profile,
    now: datetime,
    enrolled_at: datetime | None = None,
) -> Membership:
    """Add a member with a first card that shows an empty account; the customer is locked already.

    Whom the merchant has no own id for goes by ours. Whoever was a member elsewhere before has `enrolled_at`; everybody
    else has joined now.
    """
    joined_at = enrolled_at or now
    public_id = f"{members.PUBLIC_ID_PREFIX}{_random(20).lower()}"
    external_id = external_id or public_id
    member_id = members.add(tx, program_id=program_id, public_id=public_id, external_id=external_id, now=joined_at)
    members.set_profile(tx, member_id=member_id, profile=profile)
    lowest = next(iter(template.program.tier), None)
    code = new_code()
    standing = Standing(
        balance=0,
        qualifying=0,
        member_name=profile.name,
        member_since=joined_at,
        card_code=code,
        tier=lowest.code if lowest else None,
        cause=profile.cause,
    )
    members.add_card(
        tx,
        member_id=member_id,
        card=new_card(pass_type_identifier, now=now),
        code=code,
        face=template.draw(standing, profile.locale),
        template_version=template.version,
        now=now,
    )
    enrolled = members.find(tx, program_id, external_id)
    assert enrolled is not None
    tell(tx, template.program.program.code, enrolled, [News("member.enrolled", {"tier": standing.tier})], now=now)
    return enrolled


def new_card(pass_type_identifier: str, *, now: datetime) -> Card:
    """Return a card that nobody holds yet; the database gives it its id."""
    return Card(
        id=0,
        serial_number=_random(24).lower(),
        authentication_token=secrets.token_urlsafe(32),
        pass_type_identifier=pass_type_identifier,
        revision=1,
        modified_at=now.replace(microsecond=0),
    )


def new_code() -> str:
    """Return a code for a card: what its barcode holds, which tells nothing and cannot be guessed."""
    return _random(16)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
