"""A till scans a card: in one look, all that it needs to know of whoever holds it."""

from datetime import date, datetime

from wallet_service.domain.errors import ProgramNotNamed, UnknownMember, UnknownProgram
from wallet_service.domain.event import Customer
from wallet_service.usecases.look_up import look_up
from wallet_service.usecases.operate import OpenProgram
from wallet_service.usecases.reach import member_named, program_of_customer
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import InLanguage, MemberName, Model, ProgramCode
from wallet_service.web.api.rewards import Benefit, RewardNow, benefits_of, rewards_of
from wallet_service.web.api.routes import Example, Resource

LOOK_UPS = Resource("Look-ups", "A till scans a card, and is told in one answer all that it needs.")


class LookUpWanted(InLanguage):
    """Whose card was scanned, and in which language the till calls things."""

    member: MemberName
    program: ProgramCode | None = None


class Ready(Model):
    """A reward that the member has taken and not used yet."""

    id: str
    reward: str
    kind: str
    value_minor: int | None
    valid_until: datetime | None


class LookUp(Model):
    """What a till is told of a card: `name` if the member has agreed to that, `active` false for a void card.

    `benefits` come with the tier, `ready` was taken before, and `rewards` can be taken now.
    """

    member_id: str
    external_id: str
    name: str | None
    locale: str | None
    serial_number: str
    active: bool
    balance: int
    pending: int
    held: int
    tier: str | None
    tier_until: date | None
    benefits: tuple[Benefit, ...]
    ready: tuple[Ready, ...]
    rewards: tuple[RewardNow, ...]


@LOOK_UPS.ask(
    "/look-ups",
    scope="points:read",
    problems=(ProgramNotNamed, UnknownMember, UnknownProgram),
    example=Example(body={"member": {"card_code": samples.CARD_CODE}}),
)
def look_member_up(call: Call, *, body: LookUpWanted) -> LookUp:
    """Tell of a scanned card whose it is, where they stand, and what they could take.

    The code of a card that was replaced, or has another code by now, is nobody's.
    """
    named = body.member.customer()
    with call.service.read() as tx:
        opened = program_of_customer(tx, call.merchant_id, named, body.program)
        found = member_named(tx, opened.id, named, vault=call.service.vault)
    if found is None:
        raise UnknownMember(str(named))
    found = call.service.settled(found)
    program = OpenProgram(opened.id, call.service.in_force.of_card(found), call.service.vault)
    customer = Customer(member_id=found.member.public_id)
    with call.service.snapshot() as tx:
        told = look_up(tx, program=program, customer=customer, now=call.now)
    return LookUp(
        member_id=told.member_id,
        external_id=told.customer_id,
        name=told.name,
        locale=told.locale,
        serial_number=told.serial_number,
        active=told.active,
        balance=told.balance,
        pending=told.pending,
        held=told.held,
        tier=told.tier,
        tier_until=told.tier_until,
        benefits=tuple(benefits_of(told.benefits, program.template, body.language)),
        ready=tuple(Ready.model_validate(each, from_attributes=True) for each in told.ready),
        rewards=tuple(rewards_of(told.rewards, program.template, body.language)),
    )
