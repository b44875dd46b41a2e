"""Webhooks: where you are told what happens to your members, what was sent there, and what could not be."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from werkzeug.http import generate_etag

from wallet_service.domain.errors import EndpointRefused, UnknownEndpoint, UnknownMessage, VersionChanged
from wallet_service.usecases import endpoints, replay
from wallet_service.usecases.endpoints import Endpoint as Found
from wallet_service.usecases.once import Shown
from wallet_service.usecases.operate import Operated
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.model import Model, Whole
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import Done, Example, Resource

WEBHOOKS = Resource(
    "Webhooks",
    "Addresses of yours that are told what happens to your members, signed by Standard Webhooks.",
)

EndpointId = Annotated[
    str, StringConstraints(pattern=r"^whe_[0-9a-z]{1,40}$"), Field(description="Our id of an endpoint.")
]
MessageId = Annotated[
    str, StringConstraints(pattern=r"^msg_[0-9a-z]{1,40}$"), Field(description="Our id of a message.")
]
Url = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), Field(description="An address of yours, https://…")
]
Types = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    Field(max_length=50, description="What it is told, such as `points.*` or `tier.upgraded`; everything, if empty."),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), Field(description="A name for people.")]
Hours = Annotated[int, Field(ge=0, le=720), Whole]


class EndpointPath(Model):
    """Which endpoint."""

    endpoint_id: EndpointId


class MessagePath(Model):
    """Which message."""

    message_id: MessageId


class NewEndpoint(Model):
    """An address, and what it is to be told."""

    url: Url
    types: Types = ()
    name: Name | None = None


class ChangedEndpoint(Model):
    """What is to be otherwise; what is left out stays as it is. A name of null is taken away."""

    url: Url | None = None
    types: Types | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _something(self) -> "ChangedEndpoint":
        if not self.model_fields_set:
            raise ValueError("should have at least one of url, types, name")
        return self


class Rotation(Model):
    """How long the secret before still signs, beside the new one."""

    overlap_hours: Annotated[Hours, Field(description="0 if the secret has leaked.")] = 24


class Endpoint(Model):
    """An endpoint; `state` is `active`, `disabled` after it has failed for days, or `gone` once it has said so."""

    id: EndpointId
    url: str
    name: str | None
    types: tuple[str, ...]
    state: Literal["active", "disabled", "gone", "removed"]
    reason: str | None
    stopped_at: datetime | None
    failing_since: datetime | None
    created_at: datetime


class EndpointInFull(Endpoint):
    """An endpoint, with how many messages wait for it and how many were given up."""

    waiting: int
    dead: int


class Endpoints(Model):
    """All endpoints of yours, the oldest first."""

    data: tuple[EndpointInFull, ...]


class EndpointMade(Endpoint):
    """An endpoint and its `secret`, which verifies what it is sent and is not shown again."""

    secret: str


class NewSecret(Model):
    """The new secret of an endpoint, which is not shown again."""

    id: EndpointId
    secret: str


class Removed(Model):
    """An endpoint that is no more."""

    id: EndpointId


class Tried(Model):
    """What an endpoint has answered to a message that tells nothing: its `status`, or in a word why there is none."""

    taken: bool
    status: int | None
    error: str | None
    ms: int


class Attempt(Model):
    """One try to send a message."""

    message_id: MessageId
    type: str
    at: datetime
    status: int | None
    error: str | None
    ms: int


class Attempts(Model):
    """A page of tries, newest first."""

    data: tuple[Attempt, ...]
    next: Next


class Letter(Model):
    """A message that was given up after so many `attempts`."""

    message_id: MessageId
    type: str
    attempts: int
    last_error: str | None
    created_at: datetime


class Letters(Model):
    """A page of messages that were given up, oldest first."""

    data: tuple[Letter, ...]
    next: Next


class Again(Model):
    """How many messages are sent again, each under its own id."""

    messages: int


@WEBHOOKS.get("/webhook-endpoints", scope="webhooks:read")
def list_endpoints(call: Call) -> Endpoints:
    """List your endpoints, with what waits for each."""
    with call.service.read() as tx:
        found = endpoints.standing(tx, merchant_id=call.merchant_id)
    return Endpoints(
        data=tuple(EndpointInFull(**_facts(each.endpoint), waiting=each.waiting, dead=each.dead) for each in found)
    )


@WEBHOOKS.post(
    "/webhook-endpoints",
    scope="webhooks:write",
    status=201,
    problems=(EndpointRefused,),
    example=Example(body={"url": samples.ENDPOINT_URL, "types": ["points.*", "tier.upgraded"], "name": "our CRM"}),
)
def add_endpoint(call: Call, *, body: NewEndpoint) -> Done[EndpointMade]:
    """Add an address that is told what happens from now on; the answer has the secret that verifies it, once."""

    def act(tx: Any) -> Shown:
        added, secret = endpoints.add(
            tx,
            merchant_id=call.merchant_id,
            vault=call.service.vault,
            reach=call.service.settings.reach,
            url=body.url,
            types=body.types,
            name=body.name,
            now=call.now,
        )
        return Shown(_endpoint(added).model_dump(mode="json"), secret)

    done = call.once("webhook.add", act)
    answer = done.answer
    return Done(EndpointMade.model_validate(answer["said"] | {"secret": answer["secret"]}, strict=False), done.replayed)


@WEBHOOKS.get(
    "/webhook-endpoints/{endpoint_id}",
    scope="webhooks:read",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
    etag=True,
)
def get_endpoint(call: Call, *, path: EndpointPath) -> Endpoint:
    """Show an endpoint as it stands."""
    with call.service.read() as tx:
        return _endpoint(endpoints.find(tx, merchant_id=call.merchant_id, endpoint=path.endpoint_id))


@WEBHOOKS.patch(
    "/webhook-endpoints/{endpoint_id}",
    scope="webhooks:write",
    problems=(EndpointRefused, UnknownEndpoint, VersionChanged),
    example=Example(path={"endpoint_id": samples.ENDPOINT}, body={"types": ["reward.*"]}),
)
def change_endpoint(call: Call, *, path: EndpointPath, body: ChangedEndpoint) -> Done[Endpoint]:
    """Change an endpoint's address, types or name; what waits goes to the new address, too."""

    def act(tx: Any) -> Shown:
        found = endpoints.find(tx, merchant_id=call.merchant_id, endpoint=path.endpoint_id)
        if call.if_match and not call.if_match.contains(generate_etag(_endpoint(found).model_dump_json().encode())):
            raise VersionChanged
        changed = endpoints.change(
            tx,
            merchant_id=call.merchant_id,
            reach=call.service.settings.reach,
            endpoint=path.endpoint_id,
            url=body.url,
            types=body.types,
            name=body.name,
            unnamed="name" in body.model_fields_set and body.name is None,
        )
        return Shown(_endpoint(changed).model_dump(mode="json"))

    return _done(call.once("webhook.change", act))


@WEBHOOKS.delete(
    "/webhook-endpoints/{endpoint_id}",
    scope="webhooks:write",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
)
def remove_endpoint(call: Call, *, path: EndpointPath) -> Done[Removed]:
    """Remove an endpoint for good, with all that waits for it, and its log."""

    def act(tx: Any) -> Shown:
        endpoints.remove(tx, merchant_id=call.merchant_id, endpoint=path.endpoint_id, now=call.now)
        return Shown({"id": path.endpoint_id})

    done = call.once("webhook.remove", act)
    return Done(Removed(**done.answer["said"]), done.replayed)


@WEBHOOKS.post(
    "/webhook-endpoints/{endpoint_id}/rotate",
    scope="webhooks:write",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}, body={"overlap_hours": 24}),
)
def rotate_endpoint(call: Call, *, path: EndpointPath, body: Rotation) -> Done[NewSecret]:
    """Give an endpoint a new secret, which the answer has, once; for a while messages carry both signatures."""

    def act(tx: Any) -> Shown:
        secret = endpoints.rotate(
            tx,
            merchant_id=call.merchant_id,
            vault=call.service.vault,
            endpoint=path.endpoint_id,
            overlap=timedelta(hours=body.overlap_hours),
            now=call.now,
        )
        return Shown({"id": path.endpoint_id}, secret)

    done = call.once("webhook.rotate", act)
    return Done(NewSecret(**done.answer["said"], secret=done.answer["secret"]), done.replayed)


@WEBHOOKS.post(
    "/webhook-endpoints/{endpoint_id}/enable",
    scope="webhooks:write",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
)
def enable_endpoint(call: Call, *, path: EndpointPath) -> Done[Endpoint]:
    """Let messages go to an endpoint again that was stopped; what waited for it is sent now."""

    def act(tx: Any) -> Shown:
        found = endpoints.enable(tx, merchant_id=call.merchant_id, endpoint=path.endpoint_id, now=call.now)
        return Shown(_endpoint(found).model_dump(mode="json"))

    return _done(call.once("webhook.enable", act))


@WEBHOOKS.ask(
    "/webhook-endpoints/{endpoint_id}/test",
    scope="webhooks:write",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
)
def try_endpoint(call: Call, *, path: EndpointPath) -> Tried:
    """Send an endpoint a message of the type `endpoint.test`, stopped or not, and tell what it answers."""
    service = call.service
    answer = endpoints.try_out(
        service.begin,
        service.courier,
        service.vault,
        merchant_id=call.merchant_id,
        endpoint=path.endpoint_id,
        clock=service.clock,
    )
    return Tried(taken=answer.taken, status=answer.status, error=answer.error, ms=answer.ms)


@WEBHOOKS.get(
    "/webhook-endpoints/{endpoint_id}/attempts",
    scope="webhooks:read",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
)
def list_attempts(call: Call, *, path: EndpointPath, query: Paged) -> Attempts:
    """List the tries to send something to an endpoint, newest first, and what it answered."""
    this = f"attempts of {path.endpoint_id}"
    before = begins_after(call, query, this)
    with call.service.read() as tx:
        found = replay.log(
            tx,
            merchant_id=call.merchant_id,
            endpoint=path.endpoint_id,
            before=int(before) if before else None,
            most=query.limit + 1,
        )
    return Attempts(
        data=tuple(
            Attempt(
                message_id=each.message, type=each.type, at=each.at, status=each.status, error=each.error, ms=each.ms
            )
            for each in found[: query.limit]
        ),
        next=cursor(call, this, found, query, lambda last: last.row),
    )


@WEBHOOKS.get(
    "/webhook-endpoints/{endpoint_id}/dead-letters",
    scope="webhooks:read",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
)
def list_dead_letters(call: Call, *, path: EndpointPath, query: Paged) -> Letters:
    """List the messages to an endpoint that were given up, oldest first."""
    this = f"dead letters of {path.endpoint_id}"
    after = int(begins_after(call, query, this) or 0)
    with call.service.read() as tx:
        found = replay.dead(
            tx, merchant_id=call.merchant_id, endpoint=path.endpoint_id, after=after, most=query.limit + 1
        )
    return Letters(
        data=tuple(
            Letter(
                message_id=each.public_id,
                type=each.type,
                attempts=each.attempts,
                last_error=each.last_error,
                created_at=each.created_at,
            )
            for each in found[: query.limit]
        ),
        next=cursor(call, this, found, query, lambda last: last.row),
    )


@WEBHOOKS.post(
    "/webhook-endpoints/{endpoint_id}/replay",
    scope="webhooks:write",
    problems=(UnknownEndpoint,),
    example=Example(path={"endpoint_id": samples.ENDPOINT}),
)
def replay_dead_letters(call: Call, *, path: EndpointPath) -> Done[Again]:
    """Send all messages to an endpoint again that were given up; each keeps its id."""

    def act(tx: Any) -> Shown:
        number = replay.replay_dead(tx, merchant_id=call.merchant_id, endpoint=path.endpoint_id, now=call.now)
        return Shown({"messages": number})

    done = call.once("webhook.replay_dead", act)
    return Done(Again(**done.answer["said"]), done.replayed)


@WEBHOOKS.post(
    "/webhook-messages/{message_id}/replay",
    scope="webhooks:write",
    problems=(UnknownMessage,),
    example=Example(path={"message_id": samples.MESSAGE}),
)
def replay_message(call: Call, *, path: MessagePath) -> Done[Again]:
    """Send a message again that was delivered or given up, under the same id."""

    def act(tx: Any) -> Shown:
        replay.replay(tx, merchant_id=call.merchant_id, message=path.message_id, now=call.now)
        return Shown({"messages": 1})

    done = call.once("webhook.replay", act)
    return Done(Again(**done.answer["said"]), done.replayed)


def _done(done: Operated) -> Done[Endpoint]:
    return Done(Endpoint.model_validate(done.answer["said"], strict=False), done.replayed)


def _endpoint(found: Found) -> Endpoint:
    return Endpoint(**_facts(found))


def _facts(found: Found) -> dict[str, Any]:
    names = ("url", "name", "types", "state", "reason", "stopped_at", "failing_since", "created_at")
    return {"id": found.public_id} | {name: getattr(found, name) for name in names}
