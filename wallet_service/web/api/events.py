"""Events: whatever a merchant's program has to tell, in the words of our own webhooks."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, to_json

from wallet_service.domain.delivery import Arrangement, Delivery, event_of
from wallet_service.domain.errors import EventRefused, IdentityTaken, ProgramNotNamed, UnknownMember, UnknownProgram
from wallet_service.domain.event import Customer
from wallet_service.inbound import standard
from wallet_service.inbound.bodies import TABLES, ActivityDone
from wallet_service.inbound.reading import Moment
from wallet_service.usecases.connect import OWN_PROGRAMS
from wallet_service.usecases.enter import Entering
from wallet_service.usecases.reach import member_of, program_of_customer
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Model, ProgramCode
from wallet_service.web.api.orders import link_of
from wallet_service.web.api.routes import Done, Example, Resource

EVENTS = Resource("Events", "Orders, activities, fees: whatever webhooks can tell, by a key of yours.")

LONGEST_TYPE = 200
EventType = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]*([.][a-z0-9_]+)+$", max_length=LONGEST_TYPE),
    Field(description="Such as `order.paid`, `order.refunded`, `activity.review.approved`."),
]
_MOMENT: TypeAdapter[Any] = TypeAdapter(Moment)


def _is_a_moment(text: str) -> str:
    try:
        _MOMENT.validate_python(text)
    except ValidationError:
        raise ValueError("should be a date and time with its zone, such as 2026-06-01T10:00:00Z") from None
    return text


Timestamp = Annotated[
    str,
    AfterValidator(_is_a_moment),
    Field(max_length=64, description="When it happened.", json_schema_extra={"format": "date-time"}),
]


def _event(name: str, about: str, type_: Mapping[str, Any], data: Any) -> type[Model]:
    """Return what the description says of one type of event; it is read by `inbound/bodies.py`."""
    named: Any = Annotated[str, WithJsonSchema({"type": "string", **type_})]
    return create_model(
        name,
        __base__=Model,
        __doc__=about,
        type=(named, ...),
        timestamp=(Timestamp, ...),
        data=(data, ...),
        program=(ProgramCode | None, None),
    )


ACTIVITIES = {"pattern": r"^activity([.][a-z0-9_]+)+$", "maxLength": LONGEST_TYPE}
OTHERS = {
    "pattern": r"^[a-z][a-z0-9_]*([.][a-z0-9_]+)+$",
    "maxLength": LONGEST_TYPE,
    "not": {"anyOf": [{"enum": list(TABLES)}, {"pattern": r"^activity[.]"}]},
}
# A type of activity is what the programme's rules name, so that no list of values could tell the types apart.
KINDS: tuple[type[Model], ...] = (
    *(
        _event(
            f"{table.__name__}Event", f"`{kind}`", {"const": kind}, Annotated[table, Field(description=table.__doc__)]
        )
        for kind, table in TABLES.items()
    ),
    _event(
        "ActivityEvent", "`activity.…`", ACTIVITIES, Annotated[ActivityDone, Field(description=ActivityDone.__doc__)]
    ),
    _event("OtherEvent", "Any other type: it is answered as `ignored`.", OTHERS, dict[str, Any]),
)


class NewEvent(Model):
    """What has happened, when, and with what: as a webhook of the standard dialect says it."""

    type: EventType
    timestamp: Timestamp
    data: dict[str, Any]
    program: ProgramCode | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return one object for each type of event, with all that it can tell."""
        made = handler(schema)
        told = handler.resolve_ref_schema(made)
        about = told["description"]
        told.clear()
        told.update({"description": about, "oneOf": [handler(each.__pydantic_core_schema__) for each in KINDS]})
        return made


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


def _example(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": "2026-06-01T10:00:00Z", "data": data}


_MEMBER: Mapping[str, Any] = {"customer": {"member_id": samples.MEMBER}}
_ORDER: Mapping[str, Any] = {"order_id": samples.NEW_ORDER, **_MEMBER, "currency": "USD"}
_LINES = [
    {"sku": "serum-30", "net_minor": 3400, "quantity": 1, "tags": ["skin"]},
    {"sku": "gift-wrap", "net_minor": 800, "earns": False},
]
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    each["type"]: each
    for each in (
        _example(
            "member.enrolled",
            customer={"id": samples.NEW_EXTERNAL, "name": "Alex Example", "locale": "cs", "birthday": "06-01"},
            consents=[{"purpose": "news", "granted": True, "channel": "email"}],
        ),
        _example("member.updated", **_MEMBER, locale="ro"),
        _example("order.paid", **_ORDER, eligible_minor=4200),
        _example("order.refunded", order_id=samples.NEW_ORDER, refunded_minor=1000),
        _example("order.updated", **_ORDER, lines=_LINES, version="2026-06-01T10:00:00Z", paid=True),
        _example("order.fulfilled", order_id=samples.NEW_ORDER),
        _example("order.claimed", order_id=samples.NEW_ORDER, **_MEMBER),
        _example("points.adjusted", **_MEMBER, points=100, actor="desk", reason="a present"),
        _example("activity.review.approved", **_MEMBER, properties={"product_id": "serum-30", "has_photo": True}),
        _example("subscription.paid", **_MEMBER, reference="club-2026", ends_on="2027-05-31", price_minor=4900),
        _example("subscription.cancelled", **_MEMBER, reference="club-2026"),
    )
}


@EVENTS.post(
    "/events",
    scope="events:write",
    problems=(EventRefused, IdentityTaken, ProgramNotNamed, UnknownMember, UnknownProgram),
    example=Example(body=EXAMPLES["order.paid"], bodies=EXAMPLES),
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
