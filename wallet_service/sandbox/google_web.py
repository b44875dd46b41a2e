"""The doors of the sandbox's Google: /token, /walletobjects/v1, the save page, and the keys of callbacks.

Source: https://developers.google.com/wallet/reference/rest
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.sandbox.google import Change, SandboxGoogle
from wallet_service.sandbox.google_accounts import TokenRefused
from wallet_service.sandbox.google_refusals import GoogleRefused, LinkNotSaved
from wallet_service.sandbox.google_store import Kind

API = "/walletobjects/v1/<any(loyaltyClass, loyaltyObject):kind>"
ONE = f"{API}/<resource_id>"
CHANGES: dict[str, Change] = {"POST": "insert", "PUT": "update", "PATCH": "patch"}
FILTERS: dict[str, str] = {"loyaltyClass": "issuerId", "loyaltyObject": "classId"}
LARGEST_BODY = 1024 * 1024
POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

log = logging.getLogger(__name__)


def create_google(google: SandboxGoogle) -> Flask:
    """Return an application that is nothing but the sandbox's Google."""
    app = Flask(__name__)
    app.register_blueprint(google_blueprint(google))
    return app


def serve_google(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Serve in a thread of its own and return the server: `.port` says where, `.shutdown()` ends it.

    Port 0 takes a free one; connections are kept alive, as Google keeps them.
    Raises: SystemExit if the port is taken.
    """
    server = make_server(host, port, app, threaded=True, request_handler=_KeepAlive)
    threading.Thread(target=server.serve_forever, args=(0.05,), name="sandbox-google", daemon=True).start()
    return server


class _KeepAlive(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body of an answer, sent apart, wait for each other

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002, the parent's words
        log.debug("%s %s %s", self.command, urlsplit(self.path).path.partition("/save/")[0], code)


def google_blueprint(google: SandboxGoogle) -> Blueprint:
    """Return all doors, to be registered on an application; give it a `url_prefix` beside others."""
    doors = Blueprint("google", __name__, template_folder="templates")
    doors.register_error_handler(GoogleRefused, lambda error: (error.body(), error.status))
    doors.register_error_handler(HTTPException, _in_googles_shape)
    _add_tokens(doors, google)
    _add_reading(doors, google)
    _add_writing(doors, google)
    _add_saving(doors, google)
    return doors


def _add_tokens(doors: Blueprint, google: SandboxGoogle) -> None:
    @doors.post("/token")
    def token() -> tuple[dict[str, Any], int]:
        request.max_content_length = LARGEST_BODY
        try:
            return google.accounts.grant(request.form), 200
        except TokenRefused as error:
            return {"error": error.code, "error_description": str(error)}, 400

    @doors.get("/keys")
    def keys() -> Response:
        return Response(google.callback_keys.published(), mimetype="application/json")


def _add_reading(doors: Blueprint, google: SandboxGoogle) -> None:
    @doors.get(API)
    def list_all(kind: Kind) -> AnyResponse:
        return _answer(google, lambda: _page(google, kind))

    @doors.get(ONE)
    def get_one(kind: Kind, resource_id: str) -> AnyResponse:
        return _answer(google, lambda: google.get(kind, resource_id))


def _add_writing(doors: Blueprint, google: SandboxGoogle) -> None:
    @doors.post(API)
    def insert(kind: Kind) -> AnyResponse:
        return _answer(google, lambda: google.change("insert", kind, "", _body()))

    @doors.route(ONE, methods=["PUT", "PATCH"])
    def change_one(kind: Kind, resource_id: str) -> AnyResponse:
        return _answer(google, lambda: google.change(CHANGES[request.method], kind, resource_id, _body()))

    @doors.post(f"{ONE}/addMessage")
    def add_message(kind: Kind, resource_id: str) -> AnyResponse:
        return _answer(google, lambda: {"resource": google.change("addMessage", kind, resource_id, _body())})


def _add_saving(doors: Blueprint, google: SandboxGoogle) -> None:
    """Add the page behind a save link; with `?tester` after it, it is a tester of the issuer's who follows the link."""

    @doors.get("/save/<jwt>")
    def save(jwt: str) -> AnyResponse:
        try:
            return _saved_page(google, 200, cards=google.save(jwt, tester="tester" in request.args))
        except LinkNotSaved as error:
            return _saved_page(google, 400, why=str(error))

    @doors.get("/saved/<object_id>")
    def saved(object_id: str) -> AnyResponse:
        return _saved_page(google, 200, cards=[google.get("loyaltyObject", object_id)])

    @doors.post("/saved/<object_id>/remove")
    def remove(object_id: str) -> AnyResponse:
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise GoogleRefused(403, "This page takes orders from itself alone. Use its own buttons.")
        google.remove(object_id)
        return redirect(url_for(".saved", object_id=object_id), 303)


def _answer(google: SandboxGoogle, work: Callable[[], dict[str, Any]]) -> AnyResponse:
    """Count the request, check its token, treat it as somebody wished, and else do its work."""
    google.traffic.count()
    google.accounts.check(request.headers.get("Authorization", ""))
    treatment = google.traffic.treatment(request.method)
    time.sleep(treatment.delay)
    if treatment.status != 200 and treatment.body is None:
        raise GoogleRefused(treatment.status, treatment.message, reason=treatment.reason)
    done = work() if treatment.status == 200 else {}
    return jsonify(done) if treatment.body is None else make_response(treatment.body, treatment.status)


def _body() -> Any:
    """Return the JSON of the request; that it is an object is for the schema to say."""
    request.max_content_length = LARGEST_BODY
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise GoogleRefused(400, "Invalid JSON payload received.", reason="parseError") from error


def _page(google: SandboxGoogle, kind: Kind) -> dict[str, Any]:
    """Return one page of the list that the query asks for; the token is the last id of the page before."""
    name = FILTERS[kind]
    wanted = request.args.get(name)
    if not wanted:
        raise GoogleRefused(400, f"{name} is required.", reason="required")
    after, most = request.args.get("token", ""), request.args.get("maxResults", type=int)
    found = [each for each in google.listed(kind, wanted) if each["id"] > after]
    page = found[:most] if most and most > 0 else found
    pagination: dict[str, Any] = {"resultsPerPage": len(page)}
    if len(page) < len(found):
        pagination["nextPageToken"] = page[-1]["id"]
    return {"resources": page, "pagination": pagination}


def _saved_page(google: SandboxGoogle, status: int, **facts: Any) -> AnyResponse:
    page = make_response(render_template("google_saved.html", demo=google.demo, **facts), status)
    page.headers["Content-Security-Policy"] = POLICY
    page.headers["Cache-Control"] = "no-store"
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def _in_googles_shape(error: HTTPException) -> tuple[dict[str, Any], int]:
    status = error.code or 500
    return GoogleRefused(status, error.description or error.name).body(), status
