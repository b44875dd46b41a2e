"""A member's points: how many, how every one came and went, and what people do with them."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from wallet_service.domain.errors import InsufficientBalance, OperationRefused, SameMember, UnknownMember, UnknownTier
from wallet_service.domain.event import Customer
from wallet_service.domain.values import Day
from wallet_service.usecases.adjust import adjust, set_tier
from wallet_service.usecases.reach import member_of, program_of_member
from wallet_service.usecases.statement import statement
from wallet_service.usecases.transfer import transfer
from wallet_service.web.api import answers, samples
from wallet_service.web.api.answers import Account, Balance
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import MOST_POINTS, Code, MemberName, MemberPath, Model, Points, Reason, Whole
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Done, Example, Resource
from wallet_service.wiring import Opened

POINTS = Resource("Points", "What members have, how every point came and went, and what people do with them.")

Signed = Annotated[int, Field(ge=-MOST_POINTS, le=MOST_POINTS), Whole]


class Part(Model):
    """A share of what an order has earned: a rule or campaign, and exact points ("201/2")."""

    code: str
    kind: str
    points: str


class Uncounted(Model):
    """A rule or campaign that applied to an order and did not count, or the order's cap ("cap"), and why.

    `limit_reached`; `budget_spent`; `not_stackable`: something in its stead gave more; `cap_reached`: no more orders
    earn; `capped`: the order earned less than it would have.
    """

    code: str
    reason: str


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
    refused: tuple[Uncounted, ...]
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


class Adjustment(Model):
    """Points to add, or below zero to take away."""

    points: Signed
    reason: Reason


class TierWanted(Model):
    """A tier, below which nothing takes the member through the day `until`; without a day, ever."""

    tier: Code
    until: Day | None = None
    reason: Reason


class Transfer(Model):
    """Points for another member of the same programme."""

    to: MemberName
    points: Points
    reason: Reason


class Transferred(Model):
    """Both members after it."""

    points: int
    giver: Account
    taker: Account


@POINTS.get(
    "/members/{member_id}/balance",
    scope="points:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
)
def get_balance(call: Call, *, path: MemberPath) -> Balance:
    """Show how many points a member has, and which of them die next."""
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    return answers.balance_of(call.service.settled(found))


@POINTS.get(
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


@POINTS.post(
    "/members/{member_id}/adjustments",
    scope="points:write",
    problems=(InsufficientBalance, OperationRefused, UnknownMember),
    example=Example(path={"member_id": samples.MEMBER}, body={"points": 25, "reason": "a complaint"}),
)
def adjust_points(call: Call, *, path: MemberPath, body: Adjustment) -> Done[Account]:
    """Correct a balance; it counts for no tier."""
    done = call.do(
        _program(call, path),
        "points.adjust",
        lambda operation: adjust(
            operation, customer=Customer(member_id=path.member_id), points=body.points, reason=body.reason
        ),
    )
    return Done(answers.account_of(done.answer), done.replayed)


@POINTS.put(
    "/members/{member_id}/tier",
    scope="points:write",
    problems=(OperationRefused, UnknownMember, UnknownTier),
    example=Example(
        path={"member_id": samples.MEMBER}, body={"tier": "bloom", "until": "2026-12-31", "reason": "a press trip"}
    ),
)
def put_tier(call: Call, *, path: MemberPath, body: TierWanted) -> Done[Account]:
    """Put a member into a tier by hand."""
    done = call.do(
        _program(call, path),
        "tier.set",
        lambda operation: set_tier(
            operation, customer=Customer(member_id=path.member_id), tier=body.tier, until=body.until, reason=body.reason
        ),
    )
    return Done(answers.account_of(done.answer), done.replayed)


@POINTS.post(
    "/members/{member_id}/transfers",
    scope="points:write",
    problems=(InsufficientBalance, OperationRefused, SameMember, UnknownMember),
    example=Example(
        path={"member_id": samples.MEMBER},
        body={"to": {"id": samples.OTHER_MEMBER}, "points": 100, "reason": "a present"},
    ),
)
def transfer_points(call: Call, *, path: MemberPath, body: Transfer) -> Done[Transferred]:
    """Give points of one member to another; each lot keeps its dates."""
    giver, taker = Customer(member_id=path.member_id), body.to.customer()
    done = call.do(
        _program(call, path),
        "points.transfer",
        lambda operation: transfer(operation, giver=giver, taker=taker, points=body.points, reason=body.reason),
    )
    return Done(Transferred.model_validate(done.answer, strict=False), done.replayed)


def _program(call: Call, path: MemberPath) -> Opened:
    with call.service.read() as tx:
        return program_of_member(tx, call.merchant_id, path.member_id)
