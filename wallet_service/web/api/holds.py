"""Holds: points set apart for an order, and then used up in part or whole, or given back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from wallet_service.domain.errors import (
    HoldResolved,
    InsufficientBalance,
    OperationRefused,
    ProgramNotNamed,
    UnknownHold,
    UnknownMember,
    UnknownProgram,
)
from wallet_service.usecases import hold as holding
from wallet_service.usecases.operate import Operated, answer_of
from wallet_service.usecases.reach import member_of, program_of_customer, program_of_hold
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Code, HoldId, MemberName, Model, Points, ProgramCode, Reason, Text, Whole
from wallet_service.web.api.routes import Done, Example, Resource
from wallet_service.wiring import Opened

HOLDS = Resource(
    "Holds",
    "Points that are set apart while an order is paid. A hold ends once: captured, voided, or expired by itself. Held "
    "points do not die; given back, those do whose day has come meanwhile, which `lost_if_voided` foretells.",
)


Minutes = Annotated[int, Field(ge=1, le=525_600), Whole]


class HoldPath(Model):
    """Which hold."""

    hold_id: HoldId


class NewHold(Model):
    """What to set apart, whose, and for how long."""

    member: MemberName
    program: ProgramCode | None = None
    points: Points
    reference: Annotated[
        Text | None,
        Field(description="What the points are held for. With an order's number they come back when that is refunded."),
    ] = None
    minutes: Annotated[Minutes | None, Field(description="How long; what the programme says, if not given.")] = None


class Capture(Model):
    """How much of a hold to use up."""

    points: Annotated[Points | None, Field(description="All, if not given; what is not used goes back.")] = None
    partner: Annotated[Code | None, Field(description="The partner of the programme who accepts them.")] = None


class Hold(Model):
    """A hold; `captured` of its points were used up. `balance` and `held` are the member's after this request.

    Of an open hold `lost_if_voided` points would die at once if it were voided now. Of the points that this request has
    given back, `died` died at once.
    """

    id: HoldId
    status: holding.HoldStatus
    member_id: str
    points: int
    captured: int | None
    reference: str | None
    expires_at: datetime
    balance: int
    held: int
    lost_if_voided: int | None = None  # answers that were kept before they told it are repeated without
    died: int | None = None


class HoldRefund(Model):
    """How many of the captured points come back; all that are left, if not given."""

    points: Points | None = None
    reason: Reason


class Returned(Model):
    """What has come back; none where the programme lets nobody have it."""

    member_id: str
    returned: int
    balance: int


@HOLDS.post(
    "/holds",
    scope="points:write",
    status=201,
    problems=(InsufficientBalance, ProgramNotNamed, UnknownMember, UnknownProgram),
    example=Example(body={"member": {"id": samples.MEMBER}, "points": 500, "reference": "order-17"}),
)
def hold_points(call: Call, *, body: NewHold) -> Done[Hold]:
    """Set points apart for an order that is being paid.

    Nobody can spend them elsewhere until they are captured or voided, or the time is over.
    """
    with call.service.read() as tx:
        customer = body.member.customer()
        opened = program_of_customer(tx, call.merchant_id, customer, body.program)
    done = call.do(
        opened,
        "points.hold",
        lambda operation: holding.hold(
            operation, customer=customer, points=body.points, reference=body.reference, minutes=body.minutes
        ),
    )
    return _done(done)


@HOLDS.get(
    "/holds/{hold_id}", scope="points:read", problems=(UnknownHold,), example=Example(path={"hold_id": samples.HOLD})
)
def get_hold(call: Call, *, path: HoldPath) -> Hold:
    """Show a hold as it stands."""
    with call.service.snapshot() as tx:
        program = call.program(program_of_hold(tx, call.merchant_id, path.hold_id))
        seen = holding.look(tx, program=program, hold=path.hold_id, now=call.now)
        found = member_of(tx, call.merchant_id, seen.member_id)
    if call.service.settled(found) is not found:
        with call.service.snapshot() as tx:
            seen = holding.look(tx, program=program, hold=path.hold_id, now=call.now)
    return _hold(answer_of(seen))


@HOLDS.post(
    "/holds/{hold_id}/capture",
    scope="points:write",
    problems=(HoldResolved, OperationRefused, UnknownHold),
    example=Example(path={"hold_id": samples.HOLD}, body={"points": 300}),
)
def capture_hold(call: Call, *, path: HoldPath, body: Capture) -> Done[Hold]:
    """Use up held points, all or some; the rest goes back to where it came from."""
    done = call.do(
        _program_of_hold(call, path),
        "points.capture",
        lambda operation: holding.capture(operation, hold=path.hold_id, points=body.points, partner=body.partner),
    )
    return _done(done)


@HOLDS.post(
    "/holds/{hold_id}/void",
    scope="points:write",
    problems=(HoldResolved, UnknownHold),
    example=Example(path={"hold_id": samples.HOLD}),
)
def void_hold(call: Call, *, path: HoldPath) -> Done[Hold]:
    """Give held points back; they die when they would have died."""
    return _done(
        call.do(
            _program_of_hold(call, path), "points.void", lambda operation: holding.void(operation, hold=path.hold_id)
        )
    )


@HOLDS.post(
    "/holds/{hold_id}/refund",
    scope="points:write",
    problems=(HoldResolved, OperationRefused, UnknownHold),
    example=Example(path={"hold_id": samples.CAPTURED_HOLD}, body={"reason": "the order was returned"}),
)
def refund_hold(call: Call, *, path: HoldPath, body: HoldRefund) -> Done[Returned]:
    """Give captured points back, all that are left or some, as the programme lets them come back."""
    done = call.do(
        _program_of_hold(call, path),
        "points.refund",
        lambda operation: holding.refund(operation, hold=path.hold_id, points=body.points, reason=body.reason),
    )
    return Done(Returned(**done.answer), done.replayed)


def _program_of_hold(call: Call, path: HoldPath) -> Opened:
    with call.service.read() as tx:
        return program_of_hold(tx, call.merchant_id, path.hold_id)


def _done(done: Operated) -> Done[Hold]:
    return Done(_hold(done.answer), done.replayed)


def _hold(answer: Mapping[str, Any]) -> Hold:
    """Return what is said of a hold, as operations answer it: in JSON's terms."""
    told = {"id" if name == "hold" else name: value for name, value in answer.items()}
    return Hold.model_validate(told, strict=False)
