"""Members: who they are, where they stand, which cards they hold, and every point explained."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from wallet_service.domain.errors import ProgramNotNamed, UnknownMember, UnknownProgram
from wallet_service.domain.event import Customer
from wallet_service.links import add_url
from wallet_service.usecases.reach import member_named, member_of, members_page, program_of
from wallet_service.usecases.statement import statement
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import CardCode, ExternalId, MemberId, Model, ProgramCode
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Example, Resource
from wallet_service.wiring import Found

MEMBERS = Resource("Members", "The people who have joined, their cards, and where they stand.")


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


class Members(Model):
    """A page of members, in the order in which they joined."""

    data: tuple[Member, ...]
    next: Next


class MemberPath(Model):
    """Which member."""

    member_id: MemberId


class Which(Paged):
    """Which members: all of a programme, or whoever has that id or card."""

    program: ProgramCode | None = None
    external_id: ExternalId | None = None
    card_code: CardCode | None = None


class Part(Model):
    """A share of what an order has earned: a rule or campaign, and exact points ("201/2")."""

    code: str
    kind: str
    points: str


class Move(Model):
    """What was moved in one lot; `gone` has left the member, `dies_on` is the last day of the lot's points."""

    lot: int
    opened: bool
    pending: int
    available: int
    held: int
    gone: int
    dies_on: date | None


class Line(Model):
    """One transaction: what the balance gained by it, what it was then, and everything that explains it."""

    transaction: int
    at: datetime
    posted_at: datetime
    type: str
    points: int
    pending: int
    held: int
    balance: int
    qualifying: int
    cause: Literal["event", "operation", "calendar"]
    rule: str | None
    parts: tuple[Part, ...]
    order_id: str | None
    source: str | None
    event_id: str | None
    event_type: str | None
    operation: str | None
    operation_kind: str | None
    actor: str | None
    reason: str | None
    reverses: int | None
    lots: tuple[Move, ...]


class Statement(Model):
    """A page of a member's transactions, newest first."""

    data: tuple[Line, ...]
    next: Next


@MEMBERS.get(
    "/members",
    scope="members:read",
    problems=(ProgramNotNamed, UnknownProgram),
    example=Example(query={"external_id": samples.EXTERNAL}),
)
def list_members(call: Call, *, query: Which) -> Members:
    """List the members of a programme, or find one.

    With `external_id` or `card_code` the list holds the member who is meant, or nobody. Who has become one with
    another member is found as that one.
    """
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, query.program)
        if query.external_id is not None or query.card_code is not None:
            wanted = [Customer(id=query.external_id), Customer(card_code=query.card_code)]
            named = [member_named(tx, opened, each) for each in wanted if each != Customer()]
            meant = named[0] if all(each == named[0] for each in named) else None
            return Members(data=(_member(call, meant),) if meant else (), next=None)
        this = f"members of {call.program(opened).template.program.program.code}"
        after = begins_after(call, query, this)
        found = members_page(tx, opened, after=after, most=query.limit + 1)
    return Members(
        data=tuple(_member(call, each) for each in found[: query.limit]),
        next=cursor(call, this, found, query, lambda last: last.member.public_id),
    )


@MEMBERS.get(
    "/members/{member_id}",
    scope="members:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
    etag=True,
)
def get_member(call: Call, *, path: MemberPath) -> Member:
    """Show a member: profile, balance, tier and cards, as they are now."""
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    return _member(call, found)


@MEMBERS.get(
    "/members/{member_id}/statement",
    scope="points:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}, query={"limit": "20"}),
)
def get_statement(call: Call, *, path: MemberPath, query: Paged) -> Statement:
    """Explain every point of a member: rule, order, lot, and who or what moved it."""
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    found = call.service.settled(found)
    this = f"statement of {path.member_id}"
    after = begins_after(call, query, this)
    program = call.service.in_force.of_card(found).program
    with call.service.read() as tx:
        before = int(after) if after is not None else None
        told = statement(tx, found.member, program, most=query.limit + 1, before=before)
    lines = told.lines[::-1]
    return Statement(
        data=tuple(Line.model_validate(each, from_attributes=True) for each in lines[: query.limit]),
        next=cursor(call, this, lines, query, lambda last: last.transaction),
    )


def _member(call: Call, found: Found) -> Member:
    """Return a member as the card may show it: settled first, if the calendar has work."""
    found = call.service.settled(found)
    member, position = found.member, found.member.position
    birthday, rank = member.profile.birthday, position.rank
    settings, secret_key = call.service.settings, call.service.secret_key
    card = Card(
        serial_number=member.card.serial_number,
        code=member.card_code,
        revision=member.card.revision,
        revised_at=member.card.modified_at,
        valid=not member.voided,
        add_url=add_url(settings.base_url, secret_key, member.card.serial_number),
    )
    dying = Dying(points=position.dying, last_day=position.dying_on) if position.dying_on else None
    return Member(
        id=member.public_id,
        program=call.service.in_force.of_card(found).program.program.code,
        external_id=member.external_id,
        enrolled_at=member.enrolled_at,
        name=member.profile.name,
        locale=member.profile.locale,
        birthday=f"{birthday[0]:02}-{birthday[1]:02}" if birthday else None,
        balance=Balance(available=position.available, pending=position.pending, held=position.held, dying=dying),
        tier=TierNow(code=rank.tier, since=rank.since, last_day=position.tier_last_day) if rank else None,
        qualifying=position.qualifying,
        cards=(card,),
        merged_into=member.merged_into,
    )
