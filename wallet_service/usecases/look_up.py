"""A till scans a card: in one look, whose it is, what they are entitled to, and what they could take."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from wallet_service.domain.entitlements import benefits_of
from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import Customer
from wallet_service.domain.period import Period
from wallet_service.domain.program.earning_tables import MatchTable
from wallet_service.storage import consents, members, redemptions
from wallet_service.usecases.book import account_of
from wallet_service.usecases.catalogue import Choice, catalogue
from wallet_service.usecases.operate import OpenProgram

NAME = "name_at_till"  # the purpose for which a member lets the till see their name


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A standing benefit of the member's tier; `value` in basis points (`percent_off`) or minor units.

    It holds for lines of an order that `match` and do not `exclude`, and `lead` before others. Of one that the
    programme merely names nothing is known but its code; its kind is `other`.
    """

    code: str
    kind: str = "other"
    name: str | None = None
    value: int | None = None
    match: MatchTable | None = None
    exclude: MatchTable | None = None
    lead: Period | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A reward that the member has taken and not used yet."""

    id: str
    reward: str
    kind: str
    value_minor: int | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class LookUp:
    """What a till is told of a card; `name` only if the member has agreed to that, `active` false for a void card."""

    member_id: str
    customer_id: str
    name: str | None
    locale: str | None
    serial_number: str
    active: bool
    balance: int
    pending: int
    held: int
    tier: str | None
    tier_until: date | None
    benefits: tuple[Entitlement, ...]
    ready: tuple[Ready, ...]
    rewards: tuple[Choice, ...]


def look_up(tx: Connection, *, program: OpenProgram, customer: Customer, now: datetime) -> LookUp:
    """Return where the member stands, by the code that was scanned or any of their ids; nothing is written.

    Raises `UnknownMember`, also for the code of a card that was replaced.
    """
    choices = catalogue(tx, program=program, customer=customer, now=now)
    named = members.external_id(tx, program.id, customer)
    member = members.find(tx, program.id, members.survivor(tx, program.id, named)) if named else None
    if member is None:
        raise UnknownMember(str(customer))
    agreed = {each.consent.purpose: each.consent.granted for each in consents.standing(tx, member.id)}
    position, rank, account = member.position, member.position.rank, account_of(tx, member, program.template)
    if position.due_at is not None and position.due_at <= now:
        account.settle(now)
    return LookUp(
        member_id=member.public_id,
        customer_id=member.external_id,
        name=member.profile.name if agreed.get(NAME) else None,
        locale=member.locale,
        serial_number=member.card.serial_number,
        active=not member.voided,
        balance=account.available,
        pending=account.pending,
        held=account.held,
        tier=rank.tier if rank else None,
        tier_until=position.tier_last_day,
        benefits=entitlements(program, rank.tier if rank else None),
        ready=tuple(
            Ready(each.public_id, each.reward, each.kind, each.value_minor, each.valid_until)
            for each in redemptions.of(tx, member.id)
            if each.status == "issued"
        ),
        rewards=tuple(each for each in choices if each.available),
    )


def entitlements(program: OpenProgram, tier: str | None) -> tuple[Entitlement, ...]:
    """Return the benefits of a tier, as a shop's programs can act on them."""
    rules = program.template.program
    found = rules.tier_of(tier) if tier else None
    known = {
        each.code: Entitlement(each.code, each.kind, each.name, each.value, each.match, each.exclude, each.lead)
        for each in benefits_of(rules, tier)
    }
    return tuple(known.get(code) or Entitlement(code) for code in (found.benefits if found else ()))
