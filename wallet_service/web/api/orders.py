"""Orders: what one has earned, and the link by which whoever has its receipt claims it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from wallet_service.domain.errors import ProgramNotNamed, UnknownOrder, UnknownProgram, UnknownSource
from wallet_service.links import claim_url
from wallet_service.usecases.connect import OWN_PROGRAMS
from wallet_service.usecases.reach import OrderFound, orders_of, program_of, programs_of, source_of_merchant
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Model, OrderId, ProgramCode
from wallet_service.web.api.points import Part, Uncounted
from wallet_service.web.api.routes import Example, Resource
from wallet_service.wiring import Opened

ORDERS = Resource("Orders", "What orders have earned, and links for receipts.")

SourceName = Annotated[
    str,
    StringConstraints(min_length=3, max_length=200, pattern=r"^[a-z]{1,40}/[^\x00-\x1f\x7f]+$"),
    Field(description="Where the order comes from, such as `shopify/my-shop`; if not given, from this API."),
]


class OrderPath(Model):
    """Which order."""

    order_id: OrderId


class Earned(Model):
    """An order and what has become of it: `earned` points when it was paid, by the `parts` of rules and campaigns.

    `points` of them are left after refunds. `member_id` is null while it is nobody's.
    """

    order_id: str
    source: str
    member_id: str | None
    paid_at: datetime | None
    eligible_minor: int | None
    refunded_minor: int
    cancelled: bool
    fulfilled_at: datetime | None
    earned: int | None
    points: int
    parts: tuple[Part, ...]
    refused: tuple[Uncounted, ...]
    tier: str | None
    program_version: int | None


class EarnedOrders(Model):
    """The orders of that id: mostly one; several where several of your shops count alike."""

    data: tuple[Earned, ...]


class Receipt(Model):
    """The order of a receipt; it may be told of later."""

    order_id: OrderId
    source: SourceName | None = None
    program: ProgramCode | None = None


class ClaimLink(Model):
    """Where whoever has the receipt takes the order's points: with the card they have, or with a new one."""

    url: str


@ORDERS.get(
    "/orders/{order_id}/earned",
    scope="points:read",
    problems=(UnknownOrder,),
    example=Example(path={"order_id": samples.ORDER}),
)
def get_earned(call: Call, *, path: OrderPath) -> EarnedOrders:
    """Show what an order has earned, by which rules, and what is left of it."""
    with call.service.read() as tx:
        found = orders_of(tx, call.merchant_id, path.order_id)
    return EarnedOrders(data=tuple(_earned(each) for each in found))


@ORDERS.ask(
    "/claim-links",
    scope="links:write",
    problems=(ProgramNotNamed, UnknownProgram, UnknownSource),
    example=Example(body={"order_id": samples.NEW_ORDER}),
)
def make_claim_link(call: Call, *, body: Receipt) -> ClaimLink:
    """Make the link to print on a receipt, or to put into a mail: whoever follows it takes the order's points, once."""
    with call.service.read() as tx:
        if body.source is None:
            dialect, name = OWN_PROGRAMS, _code(call, program_of(tx, call.merchant_id, body.program))
        else:
            dialect, _, name = body.source.partition("/")
            if dialect != OWN_PROGRAMS or name not in [_code(call, each) for each in programs_of(tx, call.merchant_id)]:
                source_of_merchant(tx, call.merchant_id, dialect, name)
    return ClaimLink(url=link_of(call, dialect, name, body.order_id))


def link_of(call: Call, dialect: str, source: str, order_id: str) -> str:
    """Return the address at which an order of a source is claimed."""
    return claim_url(call.service.settings.base_url, call.service.secret_key, dialect, source, order_id)


def _code(call: Call, opened: Opened) -> str:
    return call.program(opened).template.program.program.code


def _earned(found: OrderFound) -> Earned:
    order, purchase = found.order, found.order.purchase
    return Earned(
        order_id=order.order_id,
        source=found.source,
        member_id=found.member_id,
        paid_at=purchase.paid_at if purchase else None,
        eligible_minor=purchase.eligible_minor if purchase else None,
        refunded_minor=order.refunded_minor,
        cancelled=order.cancelled,
        fulfilled_at=order.fulfilled_at,
        earned=order.earned,
        points=order.kept,
        parts=tuple(Part(code=code, kind=kind, points=points) for code, kind, points in order.grounds.parts),
        refused=tuple(Uncounted(code=each.code, reason=each.reason) for each in order.grounds.refused),
        tier=order.tier,
        program_version=order.program_version,
    )
