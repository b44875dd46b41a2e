"""Events: whatever a merchant's program has to tell, in the words of our own webhooks."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic_core import to_json

from wallet_service.domain.delivery import Arrangement, Delivery, event_of
from wallet_service.domain.errors import EventRefused, IdentityTaken, ProgramNotNamed, UnknownMember, UnknownProgram
from wallet_service.domain.event import Customer
from wallet_service.inbound import standard
from wallet_service.usecases.connect import OWN_PROGRAMS
from wallet_service.usecases.enter import Entering
from wallet_service.usecases.reach import member_of, program_of_customer
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Model, ProgramCode
from wallet_service.web.api.orders import link_of
from wallet_service.web.api.routes import Done, Example, Resource

EVENTS = Resource("Events", "Orders, activities, fees: whatever webhooks can tell, by a key of yours.")

EventType = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]*([.][a-z0-9_]+)+$", max_length=200),
    Field(description="Such as `order.paid`, `order.refunded`, `activity.review.approved`."),
]


class NewEvent(Model):
    """What has happened, when, and with what: as a webhook of the standard dialect says it."""

    type: EventType
    timestamp: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
    data: dict[str, Any]
    program: ProgramCode | None = None


class Entered(Model):
    """What came of an event: where its member stands now, and the `points` that came by it.

    `status` is `processed`; `unmatched` for an order of nobody's yet, whose `claim_url` can be printed on the receipt;
    or `ignored` for a type that nobody knows.
    """

    event_id: str
    type: str
    status: str
    member_id: str | None = None
    customer_id: str | None = None
    serial_number: str | None = None
    points: int | None = None
    balance: int | None = None
    pending: int | None = None
    tier: str | None = None
    revision: int | None = None
    order_id: str | None = None
    claim_url: str | None = None
    referral: str | None = None
    referral_code: str | None = None


@EVENTS.post(
    "/events",
    scope="events:write",
    problems=(EventRefused, IdentityTaken, ProgramNotNamed, UnknownMember, UnknownProgram),
    example=Example(
        body={
            "type": "order.paid",
            "timestamp": "2026-06-01T10:00:00Z",
            "data": {
                "order_id": samples.NEW_ORDER,
                "customer": {"member_id": samples.MEMBER},
                "currency": "USD",
                "eligible_minor": 4200,
            },
        }
    ),
)
def post_event(call: Call, *, body: NewEvent) -> Done[Entered]:
    """Enter an event, once for its `Idempotency-Key`, and tell where its member stands then.

    A till that was offline sends what has happened when it is back, each under its own key and with its own time; sent
    again, it is entered once. The same key with an event that says something else is a conflict.
    """
    raw = to_json({"type": body.type, "timestamp": body.timestamp, "data": body.data})
    arrangement = Arrangement("", "")
    found = standard.normalise(Delivery(body.type, call.key), raw, arrangement=arrangement, now=call.now)
    if not found.said:
        return Done(Entered(event_id=call.key, type=body.type, status="ignored"), replayed=False)
    (said,) = found.said
    event = event_of(said, event_id=call.key, body=raw)
    with call.service.read() as tx:
        opened = program_of_customer(tx, call.merchant_id, event.fact.customer or Customer(), body.program)
    done = call.enter(opened, Entering(event), kind="event", content={"said": event.content_hash.hex()})
    told: Mapping[str, Any] = done.answer["answer"]
    more: dict[str, Any] = {}
    if member_id := told.get("member_id"):
        more["customer_id"] = _own_id(call, member_id)
    if order_id := told.get("order_id"):
        program = call.program(opened).template.program.program.code
        more["claim_url"] = link_of(call, OWN_PROGRAMS, program, order_id)
    return Done(Entered(**told, **more), done.replayed)


def _own_id(call: Call, member_id: str) -> str | None:
    """Return the merchant's own id of a member, which is forgotten with it and so not kept with the answer."""
    try:
        with call.service.read() as tx:
            return member_of(tx, call.merchant_id, member_id).member.external_id
    except UnknownMember:
        return None
