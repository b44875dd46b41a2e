"""Merchants' webhooks: verify the raw bytes, normalise them, enter the event, answer."""

from flask import Blueprint, Response, jsonify, request

from wallet_service.domain.errors import SignatureRefused
from wallet_service.inbound import standard
from wallet_service.usecases.receive import receive, source_of
from wallet_service.wiring import Service


def blueprint(service: Service) -> Blueprint:
    """Return the routes below `/webhooks`; who may enter is whoever signs with a secret of the source."""
    routes = Blueprint("webhooks", __name__)

    @routes.post("/standard/<name>")
    def post_standard(name: str) -> Response:
        body = request.get_data()
        now = service.clock()
        with service.read() as tx:
            source = source_of(tx, dialect="standard", name=_plain(name))
        event_id = standard.verify(dict(request.headers), body, secrets=source.secrets(service.vault), now=now)
        event = standard.normalise(event_id, body, now=now)
        if event is None:
            return jsonify({"event_id": event_id, "status": "ignored"})
        recorded = receive(
            service.begin_pipelined,
            source=source,
            template=service.in_force.of_source(source),
            event=event,
            pass_type_identifier=service.identity.pass_type_identifier,
            vault=service.vault,
            now=now,
        )
        # In one order always: an answer that was kept in the database has lost the order it was made in.
        response = jsonify(dict(sorted(recorded.answer.items())))
        if recorded.replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    return routes


def _plain(name: str) -> str:
    """Return the name, unless PostgreSQL could not even look for it.

    Raises `SignatureRefused`.
    """
    if not name.isprintable():
        raise SignatureRefused("the source's name is not printable")
    return name
