"""Redemptions: rewards that members take, and what becomes of them at the till or in a shop."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from wallet_service.domain.errors import (
    CodeRefused,
    HoldResolved,
    OperationRefused,
    ProgramNotNamed,
    RedemptionOver,
    RewardUnavailable,
    UnknownMember,
    UnknownProgram,
    UnknownRedemption,
    UnknownReward,
)
from wallet_service.domain.event import Customer
from wallet_service.usecases import redeem as redeeming
from wallet_service.usecases.operate import OpenProgram, Operated, answer_of
from wallet_service.usecases.reach import member_of, program_of, program_of_customer, program_of_redemption
from wallet_service.web.api import samples
from wallet_service.web.api.basket import Lines
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import (
    Code,
    MemberName,
    MemberPath,
    Minor,
    Model,
    OrderId,
    Points,
    ProgramCode,
    Reason,
    RedemptionId,
    Text,
    Whole,
)
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Done, Example, Resource
from wallet_service.wiring import Opened

REDEMPTIONS = Resource(
    "Redemptions",
    "Rewards that members take. What the till hands over is held until it is used; a code lies ready until it is.",
)

Minutes = Annotated[int, Field(ge=1, le=525_600), Whole]
Coupon = Annotated[Text, Field(description="The code of what was redeemed, as it was shown or scanned.")]


class RedemptionPath(Model):
    """Which redemption."""

    redemption_id: RedemptionId


class NewRedemption(Model):
    """What to take, and for whom: `points` and `order_minor` where a reward has no fixed cost."""

    member: MemberName
    program: ProgramCode | None = None
    reward: Code
    points: Points | None = None
    order_minor: Annotated[Minor | None, Field(description="The order that the points pay a part of.")] = None
    cause: Annotated[Code | None, Field(description="Whom a donation goes to.")] = None
    order_id: OrderId | None = None
    minutes: Annotated[
        Minutes | None, Field(description="How long it is held for the till; what the programme says, if not given.")
    ] = None


class Use(Model):
    """Where something is used: `lines` are the basket, if it is good for certain products only."""

    order_id: OrderId | None = None
    lines: Lines = ()
    points: Annotated[Points | None, Field(description="How many of the held points; all, if not given.")] = None
    partner: Annotated[Code | None, Field(description="The partner who hands it over.")] = None


class UseByCode(Use):
    """What is used, by its code."""

    code: Coupon
    program: ProgramCode | None = None


class Cancellation(Model):
    """Why something is taken back."""

    reason: Reason


class RefundWanted(Model):
    """How many of the points come back; all that are left, if not given."""

    points: Points | None = None
    reason: Reason


class Taken(Model):
    """A redemption: `points` is what it cost or what is held for it, `refunded` of them came back after its use.

    `status` is `held` until the till has handed it over, within `valid_until`, or `issued` once it lies ready, and then
    `used`, `cancelled`, `expired` or `refunded`.
    """

    id: str
    reward: str
    kind: str
    status: str
    points: int
    refunded: int
    value_minor: int | None
    valid_until: datetime | None
    serial: int | None
    cause: str | None
    partner: str | None
    order_id: str | None


class Redemption(Taken):
    """A redemption with its member; `balance` and `held` are the member's after this request.

    Of points that are held for it, `lost_if_cancelled` would die at once if it were cancelled now. Of held points that
    this request has given back, `died` died at once.
    """

    member_id: str
    balance: int
    held: int
    lost_if_cancelled: int | None = None  # answers that were kept before they told it are repeated without
    died: int | None = None


class Redeemed(Redemption):
    """A redemption that was taken just now; `code` is what to show or print, where it has one."""

    code: str | None


class TakenOnce(Taken):
    """One of a member's redemptions; `month` where it is a monthly gift."""

    created_at: datetime
    month: date | None


class Redemptions(Model):
    """A page of a member's redemptions, newest first."""

    data: tuple[TakenOnce, ...]
    next: Next


class RedemptionCode(Model):
    """The code of a redemption; null where it has none, or is over."""

    code: str | None


@REDEMPTIONS.post(
    "/redemptions",
    scope="rewards:write",
    status=201,
    problems=(OperationRefused, ProgramNotNamed, RewardUnavailable, UnknownMember, UnknownProgram, UnknownReward),
    example=Example(body={"member": {"id": samples.MEMBER}, "reward": "ten-off"}),
)
def redeem(call: Call, *, body: NewRedemption) -> Done[Redeemed]:
    """Take a reward for points; if it cannot be had, every reason is told."""
    customer = body.member.customer()
    with call.service.read() as tx:
        opened = program_of_customer(tx, call.merchant_id, customer, body.program)
    done = call.do(
        opened,
        "reward.redeem",
        lambda operation: redeeming.redeem(
            operation,
            customer=customer,
            reward=body.reward,
            points=body.points,
            order_minor=body.order_minor,
            cause=body.cause,
            order_id=body.order_id,
            minutes=body.minutes,
        ),
    )
    return Done(Redeemed.model_validate(_told(done.answer), strict=False), done.replayed)


@REDEMPTIONS.post(
    "/codes/use",
    scope="rewards:write",
    problems=(CodeRefused, HoldResolved, OperationRefused, ProgramNotNamed, UnknownProgram, UnknownRedemption),
    example=Example(body={"code": samples.COUPON, "order_id": samples.NEW_ORDER}),
)
def use_code(call: Call, *, body: UseByCode) -> Done[Redemption]:
    """Hand over what was redeemed, once, by the code that the till was shown."""
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, body.program)
    return _used(call, opened, body, code=body.code)


@REDEMPTIONS.get(
    "/redemptions/{redemption_id}",
    scope="points:read",
    problems=(UnknownRedemption,),
    example=Example(path={"redemption_id": samples.REDEMPTION}),
)
def get_redemption(call: Call, *, path: RedemptionPath) -> Redemption:
    """Show a redemption as it stands."""
    opened = _program(call, path)
    program = call.program(opened)
    with call.service.snapshot() as tx:
        seen = redeeming.look(tx, program=program, redemption=path.redemption_id, now=call.now)
        found = member_of(tx, call.merchant_id, seen.member_id)
    if call.service.settled(found) is not found:
        with call.service.snapshot() as tx:
            seen = redeeming.look(tx, program=program, redemption=path.redemption_id, now=call.now)
    return _redemption(answer_of(seen))


@REDEMPTIONS.post(
    "/redemptions/{redemption_id}/use",
    scope="rewards:write",
    problems=(CodeRefused, HoldResolved, OperationRefused, UnknownRedemption),
    example=Example(path={"redemption_id": samples.REDEMPTION}, body={"order_id": samples.NEW_ORDER}),
)
def use_redemption(call: Call, *, path: RedemptionPath, body: Use) -> Done[Redemption]:
    """Hand over what was redeemed, once."""
    return _used(call, _program(call, path), body, redemption=path.redemption_id)


@REDEMPTIONS.post(
    "/redemptions/{redemption_id}/cancel",
    scope="rewards:write",
    problems=(HoldResolved, RedemptionOver, UnknownRedemption),
    example=Example(path={"redemption_id": samples.REDEMPTION}, body={"reason": "changed their mind"}),
)
def cancel_redemption(call: Call, *, path: RedemptionPath, body: Cancellation) -> Done[Redemption]:
    """Take back what has not been used: points go to where they came from, and the piece to the stock."""
    done = call.do(
        _program(call, path),
        "reward.cancel",
        lambda operation: redeeming.cancel(operation, redemption=path.redemption_id, reason=body.reason),
    )
    return _done(done)


@REDEMPTIONS.post(
    "/redemptions/{redemption_id}/refund",
    scope="rewards:write",
    problems=(OperationRefused, RedemptionOver, UnknownRedemption),
    example=Example(path={"redemption_id": samples.USED_REDEMPTION}, body={"reason": "the order was returned"}),
)
def refund_redemption(call: Call, *, path: RedemptionPath, body: RefundWanted) -> Done[Redemption]:
    """Pay back the points of what was used, all or some, as the programme lets them come back."""
    done = call.do(
        _program(call, path),
        "reward.refund",
        lambda operation: redeeming.refund(
            operation, redemption=path.redemption_id, points=body.points, reason=body.reason
        ),
    )
    return _done(done)


@REDEMPTIONS.post(
    "/redemptions/{redemption_id}/code",
    scope="rewards:write",
    problems=(UnknownRedemption,),
    example=Example(path={"redemption_id": samples.REDEMPTION}),
)
def show_code(call: Call, *, path: RedemptionPath) -> Done[RedemptionCode]:
    """Tell the code of a redemption; of one that came by itself, it is made when it is first asked for."""
    done = call.do(
        _program(call, path),
        "reward.code",
        lambda operation: redeeming.show_code(operation, redemption=path.redemption_id),
    )
    return Done(RedemptionCode(**done.answer), done.replayed)


@REDEMPTIONS.get(
    "/members/{member_id}/redemptions",
    scope="points:read",
    problems=(UnknownMember,),
    example=Example(path={"member_id": samples.MEMBER}),
)
def list_redemptions(call: Call, *, path: MemberPath, query: Paged) -> Redemptions:
    """List all that a member has redeemed, newest first."""
    with call.service.read() as tx:
        found = member_of(tx, call.merchant_id, path.member_id)
    found = call.service.settled(found)
    program = OpenProgram(found.program_id, call.service.in_force.of_card(found), call.service.vault)
    this = f"redemptions of {path.member_id}"
    after = begins_after(call, query, this)
    with call.service.read() as tx:
        page = redeeming.redeemed_page(
            tx, program=program, customer=Customer(member_id=path.member_id), before=after, most=query.limit + 1
        )
    return Redemptions(
        data=tuple(TakenOnce.model_validate(_told(answer_of(each)), strict=False) for each in page[: query.limit]),
        next=cursor(call, this, page, query, lambda last: last.redemption),
    )


def _used(
    call: Call, opened: Opened, body: Use, *, code: str | None = None, redemption: str | None = None
) -> Done[Any]:
    done = call.do(
        opened,
        "reward.use",
        lambda operation: redeeming.use(
            operation,
            code=code,
            redemption=redemption,
            order_id=body.order_id,
            lines=tuple(each.noun() for each in body.lines),
            points=body.points,
            partner=body.partner,
        ),
    )
    return _done(done)


def _program(call: Call, path: RedemptionPath) -> Opened:
    with call.service.read() as tx:
        return program_of_redemption(tx, call.merchant_id, path.redemption_id)


def _done(done: Operated) -> Done[Redemption]:
    return Done(_redemption(done.answer), done.replayed)


def _redemption(answer: Mapping[str, Any]) -> Redemption:
    """Return a redemption as operations answer it, without its code, which is told to whoever takes or asks for it."""
    return Redemption.model_validate({k: v for k, v in _told(answer).items() if k != "code"}, strict=False)


def _told(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"id" if name == "redemption" else name: value for name, value in answer.items()}
