"""What is told of a member, wherever a member is told of."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from wallet_service.links import add_url
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Model
from wallet_service.wiring import Found


class Dying(Model):
    """What dies next: so many points, after their last day."""

    points: int
    last_day: date


class Balance(Model):
    """Points that can be spent, that wait to become spendable, and that are set apart."""

    available: int
    pending: int
    held: int
    dying: Dying | None


class TierNow(Model):
    """The tier in which a member is, and its last day if it has one."""

    code: str
    since: date
    last_day: date | None


class Card(Model):
    """A card; `add_url` is where its holder chooses a wallet for it."""

    serial_number: str
    code: str
    revision: int
    revised_at: datetime
    valid: bool
    add_url: str


class Member(Model):
    """A member as the card shows it; `merged_into` is your own id of the member that this one has become one with.

    `qualifying` is what counts towards the next tier.
    """

    id: str
    program: str
    external_id: str
    enrolled_at: datetime
    name: str | None
    locale: str | None
    birthday: Annotated[str | None, Field(description="Month and day, such as 06-01.")]
    balance: Balance
    tier: TierNow | None
    qualifying: int
    cards: tuple[Card, ...]
    merged_into: str | None


class Account(Model):
    """Where a member stands after what was asked for; `tier_until` where the tier was set by hand."""

    member_id: str
    balance: int
    pending: int
    held: int
    tier: str | None
    tier_until: date | None
    revision: int


def member_of(call: Call, found: Found) -> Member:
    """Return a member as it stands; settle it first, where the calendar may have work."""
    member, position = found.member, found.member.position
    birthday, rank = member.profile.birthday, position.rank
    return Member(
        id=member.public_id,
        program=call.service.in_force.of_card(found).program.program.code,
        external_id=member.external_id,
        enrolled_at=member.enrolled_at,
        name=member.profile.name,
        locale=member.profile.locale,
        birthday=f"{birthday[0]:02}-{birthday[1]:02}" if birthday else None,
        balance=balance_of(found),
        tier=TierNow(code=rank.tier, since=rank.since, last_day=position.tier_last_day) if rank else None,
        qualifying=position.qualifying,
        cards=(Card(**card_of(call, found)),),
        merged_into=member.merged_into,
    )


def balance_of(found: Found) -> Balance:
    """Return a member's points, as they stand."""
    position = found.member.position
    dying = Dying(points=position.dying, last_day=position.dying_on) if position.dying_on else None
    return Balance(available=position.available, pending=position.pending, held=position.held, dying=dying)


def card_of(call: Call, found: Found) -> dict[str, Any]:
    """Return what a `Card` says."""
    member, card = found.member, found.member.card
    return {
        "serial_number": card.serial_number,
        "code": member.card_code,
        "revision": card.revision,
        "revised_at": card.modified_at,
        "valid": not member.voided,
        "add_url": link_of(call, card.serial_number),
    }


def link_of(call: Call, serial_number: str) -> str:
    """Return where the holder of a card chooses a wallet for it."""
    return add_url(call.service.settings.base_url, call.service.secret_key, serial_number)


def account_of(told: Mapping[str, Any]) -> Account:
    """Return where a member stands, as operations answer it: in JSON's terms."""
    return Account.model_validate(told, strict=False)
