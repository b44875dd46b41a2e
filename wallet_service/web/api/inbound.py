"""Inbound: what shops have delivered, what became of it, and entering again what could not be entered."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field, StringConstraints

from wallet_service.domain.errors import OperationRefused, UnknownDelivery
from wallet_service.usecases import review
from wallet_service.usecases.reach import program_of_delivery
from wallet_service.usecases.review import Kept
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Flag, Model
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Done, Example, Resource

INBOUND = Resource("Inbound", "What your shops have delivered by webhook, and what became of it; bodies stay here.")

THIS = "inbound"  # the list; a place in it is one however it is filtered

DeliveryId = Annotated[
    str, StringConstraints(pattern=r"^inb_[0-9a-z]{1,40}$"), Field(description="Our id of a delivery.")
]
Status = Literal["received", "processed", "ignored", "unmatched", "failed", "attention"]


class DeliveryPath(Model):
    """Which delivery."""

    delivery_id: DeliveryId


class WhichDeliveries(Paged):
    """Which deliveries: all, or those that stand so."""

    status: Annotated[Status | None, Field(description="Only those that stand so.")] = None


class Trial(Model):
    """Whether it is only tried."""

    dry_run: Annotated[Flag, Field(description="Only say what it would come to.")] = False


class Said(Model):
    """A thing that a delivery said, in the words of our own events, and what came of it."""

    type: str
    status: str
    detail: str | None = None
    member_id: str | None = None
    order_id: str | None = None
    points: int | None = None
    balance: int | None = None


class Delivery(Model):
    """A delivery; `topic` is the shop's own word for what it tells, `source` who has sent it.

    `status` is `received` until something was made of it, then `processed`, `ignored`, `unmatched` (nobody is known
    whom it is about), `failed` (it could not be entered) or `attention` (it asks a person for something; `detail` says
    for what). With `body_kept` it can be entered again.
    """

    id: DeliveryId
    source: str
    topic: str
    status: Status
    detail: str | None
    said: tuple[Said, ...]
    attempts: int
    body_kept: bool
    received_at: datetime
    settled_at: datetime | None


class Deliveries(Model):
    """A page of deliveries, newest first."""

    data: tuple[Delivery, ...]
    next: Next


class Came(Model):
    """What a delivery has come to, or in a dry run would come to."""

    id: DeliveryId
    status: Status
    detail: str | None
    said: tuple[Said, ...]


@INBOUND.get("/inbound", scope="inbound:read", example=Example(query={"limit": "1"}))
def list_deliveries(call: Call, *, query: WhichDeliveries) -> Deliveries:
    """List what was delivered, newest first."""
    after = begins_after(call, query, THIS)
    with call.service.read() as tx:
        found = review.page(tx, merchant_id=call.merchant_id, status=query.status, after=after, most=query.limit + 1)
    return Deliveries(
        data=tuple(_delivery(each) for each in found[: query.limit]),
        next=cursor(call, THIS, found, query, lambda last: last.public_id),
    )


@INBOUND.get(
    "/inbound/{delivery_id}",
    scope="inbound:read",
    problems=(UnknownDelivery,),
    example=Example(path={"delivery_id": samples.DELIVERY}),
)
def get_delivery(call: Call, *, path: DeliveryPath) -> Delivery:
    """Show what became of a delivery."""
    with call.service.read() as tx:
        return _delivery(review.show(tx, path.delivery_id, merchant_id=call.merchant_id))


@INBOUND.post(
    "/inbound/{delivery_id}/replay",
    scope="inbound:write",
    problems=(UnknownDelivery,),
    example=Example(path={"delivery_id": samples.DELIVERY}, query={"dry_run": "true"}),
)
def replay_delivery(call: Call, *, path: DeliveryPath, query: Trial) -> Done[Came]:
    """Enter a delivery again, as it came, or try what that would come to.

    What it said and was entered before is not entered twice. Bodies are kept for a while; then this is 404.
    """
    with call.service.read() as tx:
        opened = program_of_delivery(tx, call.merchant_id, path.delivery_id)
    done = review.replay(
        call.service.begin,
        call.service.intake,
        program=call.program(opened),
        merchant_id=call.merchant_id,
        delivery=path.delivery_id,
        dry_run=query.dry_run,
        key=call.key,
        content=call.content,
        actor=call.caller.public_id,
        now=call.now,
    )
    return Done(_came(done.answer), done.replayed)


@INBOUND.post(
    "/inbound/{delivery_id}/done",
    scope="inbound:write",
    problems=(OperationRefused, UnknownDelivery),
    example=Example(path={"delivery_id": samples.ASKING_DELIVERY}),
)
def finish_delivery(call: Call, *, path: DeliveryPath) -> Done[Came]:
    """Note that you have done what a delivery asks a person for, such as a copy of a customer's data."""
    with call.service.read() as tx:
        opened = program_of_delivery(tx, call.merchant_id, path.delivery_id)
    done = call.do(opened, review.DONE, lambda operation: review.done(operation, delivery=path.delivery_id))
    return Done(_came(done.answer), done.replayed)


def _came(answer: dict[str, Any]) -> Came:
    return Came.model_validate(answer, strict=False)


def _delivery(kept: Kept) -> Delivery:
    return Delivery(
        id=kept.public_id,
        source=f"{kept.dialect}/{kept.source}",
        topic=kept.topic,
        status=cast(Status, kept.status),
        detail=kept.detail,
        said=tuple(Said(**review.told(each)) for each in kept.answers),
        attempts=kept.attempts,
        body_kept=kept.sealed is not None,
        received_at=kept.received_at,
        settled_at=kept.settled_at,
    )
