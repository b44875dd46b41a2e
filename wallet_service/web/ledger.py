"""The ledger's newest head, for anybody who wants to keep it."""

from flask import Blueprint, Response, jsonify, request

from wallet_service.usecases.heads import newest
from wallet_service.wiring import Service

FRESH = 60  # seconds, as often as a worker seals


def blueprint(service: Service) -> Blueprint:
    """Return the route; it tells how much is sealed, and nothing of any member."""
    routes = Blueprint("ledger", __name__)

    @routes.get("/.well-known/ledger-head.json")
    def head() -> Response:
        with service.read() as tx:
            found = newest(tx)
        response = jsonify(found if found else {"position": 0, "transactions": 0})
        response.headers["Cache-Control"] = f"public, max-age={FRESH}"
        if found:
            response.set_etag(found["head"])
        response.make_conditional(request)
        return response

    return routes
