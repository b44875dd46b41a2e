"""Merchants' webhooks: verify the raw bytes, then enter what they say, or store it first and enter it then."""

import traceback

import structlog
from flask import Blueprint, Response, abort, jsonify, request

from wallet_service.domain.delivery import Arrangement, Delivery, event_of
from wallet_service.domain.errors import SignatureRefused, WalletError
from wallet_service.inbound import DIALECTS, standard
from wallet_service.links import claim_url
from wallet_service.usecases.receive import receive, source_of
from wallet_service.wiring import Service, Source

log = structlog.get_logger(__name__)

STANDARD = "standard"


def blueprint(service: Service) -> Blueprint:
    """Return the routes below `/webhooks`; who may enter is whoever signs with a secret of the source."""
    routes = Blueprint("webhooks", __name__)

    @routes.post("/standard/<name>")
    def post_standard(name: str) -> tuple[Response, int]:
        source, delivery, body = verified(service, STANDARD, name)
        try:
            return _enter(service, source, delivery, body), 200
        except WalletError:
            raise  # the sender is a program that can do something about it, or send it again
        except Exception as error:
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("request.crashed", error=type(error).__name__, stack=stack)
            kept = service.intake.fail(source, delivery, body, error=error)
            return jsonify({"delivery": kept.public_id, "status": "failed", "detail": kept.detail}), 202

    @routes.post("/<dialect>/<name>")
    def post(dialect: str, name: str) -> Response:
        source, delivery, body = verified(service, dialect, name)
        outcome = service.intake.take_in(source, delivery, body)
        response = jsonify({"delivery": outcome.public_id, "status": outcome.status, "detail": outcome.detail})
        if outcome.replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    return routes


def verified(service: Service, dialect: str, name: str) -> tuple[Source, Delivery, bytes]:
    """Return who has sent what, once it is shown that they have.

    Raises `SignatureRefused` and `UnknownSource`, which senders cannot tell apart.
    """
    body = request.get_data()
    if dialect not in DIALECTS:
        abort(404)
    with service.look() as tx:
        source = source_of(tx, dialect=dialect, name=_plain(name))
    delivery = DIALECTS[dialect].verify(
        dict(request.headers),
        body,
        secrets=source.secrets(service.vault),
        arrangement=_arrangement(service, source),
        now=service.clock(),
    )
    return source, delivery, body


def _arrangement(service: Service, source: Source) -> Arrangement:
    url = f"{service.settings.base_url}/webhooks/{source.dialect}/{source.name}"
    return Arrangement(source.name, url, source.test_mode)


def _enter(service: Service, source: Source, delivery: Delivery, body: bytes) -> Response:
    """Enter an event of our own dialect at once; who sent it is told where its member stands."""
    now = service.clock()
    assert delivery.delivery_id is not None
    found = standard.normalise(delivery, body, arrangement=_arrangement(service, source), now=now)
    if not found.said:
        return jsonify({"event_id": delivery.delivery_id, "status": "ignored"})
    (said,) = found.said
    recorded = receive(
        service.begin_pipelined,
        source=source,
        template=service.in_force.of_source(source),
        vault=service.vault,
        event=event_of(said, event_id=delivery.delivery_id, body=body),
        pass_type_identifier=service.identity.pass_type_identifier,
        now=now,
    )
    # In one order always: an answer that was kept in the database has lost the order it was made in.
    answer = recorded.answer
    if "order_id" in answer:  # of nobody's yet; a receipt can carry this
        answer = answer | {"claim_url": _claim_url(service, source, answer["order_id"])}
    response = jsonify(dict(sorted(answer.items())))
    if recorded.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _claim_url(service: Service, source: Source, order_id: str) -> str:
    return claim_url(service.settings.base_url, service.secret_key, source.dialect, source.name, order_id)


def _plain(name: str) -> str:
    """Return the name, unless PostgreSQL could not even look for it.

    Raises `SignatureRefused`.
    """
    if not name.isprintable():
        raise SignatureRefused("the source's name is not printable")
    return name
