"""Errors become answers here and nowhere else: problem documents for programs, plain pages for people (RFC 9457)."""

import traceback
from typing import Any

import structlog
from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from wallet_service.domain import errors
from wallet_service.domain.errors import FaultsError, WalletError

log = structlog.get_logger(__name__)

# status, type, title; the first class that fits counts.
KINDS: tuple[tuple[type[WalletError], int, str, str], ...] = (
    (errors.SignatureRefused, 401, "not-signed", "This request is not signed by a source that we know."),
    (errors.UnknownSource, 401, "not-signed", "This request is not signed by a source that we know."),
    (
        errors.CallbackUndecided,
        503,
        "callback-undecided",
        "The callback cannot be judged now. Send it again.",
    ),
    (errors.CallbackRefused, 401, "callback-not-signed", "This callback is not signed for us."),
    (errors.WalletNotServed, 404, "wallet-not-served", "Cards are not offered for this wallet here."),
    (errors.CardVoid, 410, "card-void", "This card is no longer valid."),
    (errors.UnknownCard, 401, "not-authorised", "The token does not open this card."),
    (errors.UnknownOrder, 404, "unknown-order", "No order answers to this link."),
    (errors.OrderClaimedBefore, 409, "order-claimed", "The order is a member's already."),
    (errors.UnknownDelivery, 404, "unknown-delivery", "There is no such delivery."),
    (errors.EventConflict, 409, "event-conflict", "This event id was used for other content."),
    (errors.EventRefused, 422, "event-refused", "The event cannot be entered."),
    (errors.UnknownMember, 422, "unknown-member", "The event names nobody who is a member."),
    (
        errors.CardNotOffered,
        503,
        "card-not-offered",
        "The wallet cannot take the card now. Try again shortly.",
    ),
    (errors.DatabaseUnusable, 503, "database-unusable", "The service cannot reach its database. Try again shortly."),
    (errors.UnknownTemplate, 503, "not-drawable", "Cards of this programme cannot be drawn at the moment."),
    (errors.SettingsRefused, 503, "settings-refused", "The service is not set up completely. The operator knows."),
    (errors.PassRefused, 503, "pass-refused", "This card cannot be signed at the moment. The operator knows."),
    (errors.IdentityRefused, 503, "identity-refused", "Cards cannot be signed at the moment. The operator knows."),
)
# The reason why a signature or token is refused is nobody's business but ours.
SILENT = (401,)
OURS = 500
OFFERED = ("application/problem+json", "application/json", "text/html")


def install(app: Flask) -> None:
    """Answer every error of the application."""
    app.register_error_handler(WalletError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, kind: str, title: str, **more: Any) -> Response:
    """Return a problem document, or a page that says the same to a person."""
    if request.accept_mimetypes.best_match(OFFERED) == "text/html":
        page = render_template("problem.html", title=title, detail=more.get("detail"))
        response = Response(page, mimetype="text/html")
    else:
        response = jsonify({"type": f"urn:wallet-service:problem:{kind}", "title": title, "status": status, **more})
        response.mimetype = "application/problem+json"
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response


def _refused(error: WalletError) -> Response:
    status, kind, title = next(
        ((status, kind, title) for cls, status, kind, title in KINDS if isinstance(error, cls)),
        (OURS, "internal", "Something went wrong on our side."),
    )
    if status >= OURS:
        log.error("request.failed", error=type(error).__name__, detail=str(error))
        return problem(status, kind, title)
    if status in SILENT:
        log.info("request.refused", error=type(error).__name__, detail=str(error))
        response = problem(status, kind, title)
        response.headers["WWW-Authenticate"] = "ApplePass" if kind == "not-authorised" else "Webhook"
        return response
    more: dict[str, Any] = {"detail": str(error)}
    if isinstance(error, FaultsError):
        more = {"errors": [{"field": fault.key, "message": fault.message} for fault in error.faults]}
    return problem(status, kind, title, **more)


def _http(error: HTTPException) -> Response:
    status = error.code or OURS
    if error.response is not None or status < 400:
        return error.get_response()  # type: ignore[return-value]
    kind = error.name.lower().replace(" ", "-")
    response = problem(status, kind, error.name, detail=error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    # What the error says may quote a request or a row of the database; where it happened holds no secret.
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error("request.crashed", error=type(error).__name__, stack=stack)
    return problem(OURS, "internal", "Something went wrong on our side. Nothing of this request was kept.")
