"""Errors become answers here and nowhere else: problem documents for programs, plain pages for people (RFC 9457)."""

import traceback
from typing import Any

import structlog
from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from wallet_service.domain import errors
from wallet_service.domain.errors import FaultsError, WalletError

log = structlog.get_logger(__name__)

Row = tuple[type[WalletError], int, str, str]

# status, type, title; the first class that fits counts.
KINDS: tuple[Row, ...] = (
    (errors.SignatureRefused, 401, "not-signed", "This request is not signed by a source that we know."),
    (errors.UnknownSource, 401, "not-signed", "This request is not signed by a source that we know."),
    (
        errors.CallbackUndecided,
        503,
        "callback-undecided",
        "The callback cannot be judged now. Send it again.",
    ),
    (errors.CallbackRefused, 401, "callback-not-signed", "This callback is not signed for us."),
    (errors.KeyRefused, 401, "key-refused", "This needs a key of ours that is in force. Send it as a bearer token."),
    (errors.ScopeMissing, 403, "scope-missing", "This key may not do that."),
    (errors.TooManyRequests, 429, "too-many-requests", "This key has sent all requests that it may for now."),
    (errors.RequestRefused, 422, "request-refused", "The request cannot be understood; nothing was done."),
    (errors.VersionChanged, 412, "version-changed", "It has changed since you looked."),
    (errors.IdentityTaken, 409, "identity-taken", "Another member is known by this address."),
    (errors.IdempotencyKeyMissing, 400, "idempotency-key-missing", "What changes something needs an Idempotency-Key."),
    (errors.OperationConflict, 409, "idempotency-conflict", "This Idempotency-Key was used for another request."),
    (errors.OperationRefused, 409, "operation-refused", "This cannot be done as things stand; nothing was done."),
    (errors.SameMember, 409, "same-member", "Two members are needed, and both are the same one."),
    (errors.InsufficientBalance, 409, "insufficient-balance", "The member cannot spend as many points."),
    (errors.HoldResolved, 409, "hold-resolved", "The hold has ended, or holds less."),
    (errors.RewardUnavailable, 409, "reward-unavailable", "The member cannot have this reward now."),
    (errors.CodeRefused, 409, "code-refused", "What was redeemed cannot be used here and now."),
    (errors.RedemptionOver, 409, "redemption-over", "The redemption has come to its end in another way."),
    (
        errors.ProgramNotNamed,
        409,
        "program-not-named",
        "You have not exactly one programme. Name the one that is meant.",
    ),
    (errors.ProgramTaken, 409, "program-taken", "The programme belongs to somebody or something else."),
    (errors.UnknownTier, 409, "unknown-tier", "The programme has no such tier."),
    (errors.UnknownProgram, 404, "unknown-program", "There is no such programme."),
    (errors.UnknownHold, 404, "unknown-hold", "There is no such hold."),
    (errors.UnknownDelivery, 404, "unknown-delivery", "There is no such delivery, or its body is no longer kept."),
    (errors.UnknownJob, 404, "unknown-job", "There is no such job."),
    (errors.FileGone, 404, "file-not-found", "The job has no file: not yet, or no more."),
    (errors.EndpointRefused, 422, "endpoint-refused", "The endpoint cannot be used; nothing was done."),
    (errors.UnknownEndpoint, 404, "unknown-endpoint", "There is no such endpoint."),
    (errors.UnknownMessage, 404, "unknown-message", "There is no such message, or it still waits."),
    (errors.JobOver, 409, "job-over", "The job has ended."),
    (errors.SheetRefused, 422, "file-refused", "The file cannot be read; nothing of it was done."),
    (errors.SheetTooLarge, 413, "file-too-large", "The file is larger than is taken; nothing of it was done."),
    (errors.UnknownReward, 404, "unknown-reward", "The programme has no such reward."),
    (errors.UnknownRedemption, 404, "unknown-redemption", "There is no such redemption."),
    (errors.UnknownExperiment, 404, "unknown-experiment", "The programme has no such experiment."),
    (errors.UnknownLanguage, 409, "unknown-language", "Nothing is told in that language."),
    (errors.WalletNotServed, 404, "wallet-not-served", "Cards are not offered for this wallet here."),
    (errors.CardVoid, 410, "card-void", "This card is no longer valid."),
    (errors.UnknownCard, 401, "not-authorised", "The token does not open this card."),
    (errors.UnknownOrder, 404, "unknown-order", "No order answers to this link."),
    (errors.OrderClaimedBefore, 409, "order-claimed", "The order is a member's already."),
    (errors.EventConflict, 409, "event-conflict", "This event id was used for other content."),
    (errors.EventRefused, 422, "event-refused", "The event cannot be entered."),
    (errors.UnknownMember, 422, "unknown-member", "The event names nobody who is a member."),
    (
        errors.CardNotOffered,
        503,
        "card-not-offered",
        "The wallet cannot take the card now. Try again shortly.",
    ),
    (errors.VendorSilent, 503, "vendor-silent", "The wallet's vendor does not answer now. Try again shortly."),
    (errors.DatabaseUnusable, 503, "database-unusable", "The service cannot reach its database. Try again shortly."),
    (errors.UnknownTemplate, 503, "not-drawable", "Cards of this programme cannot be drawn at the moment."),
    (errors.TemplateRefused, 503, "not-drawable", "Cards of this programme cannot be drawn at the moment."),
    (errors.SettingsRefused, 503, "settings-refused", "The service is not set up completely. The operator knows."),
    (errors.MailNotSetUp, 503, "mail-not-set-up", "Letters cannot be sent here. The operator has to set that up."),
    (errors.LetterRefused, 422, "letter-refused", "The letter cannot be written."),
    (errors.UnknownLink, 404, "link-does-not-work", "This link does not work."),
    (errors.LinkOver, 410, "link-over", "This link does not work any more."),
    (errors.UnknownCampaign, 404, "unknown-campaign", "There is no such campaign."),
    (errors.CampaignTaken, 409, "campaign-taken", "There is a campaign of that code already."),
    (errors.LinkRefused, 422, "link-refused", "The links cannot be made."),
    (errors.PosterRefused, 422, "poster-refused", "The code cannot be drawn."),
    (errors.PassRefused, 503, "pass-refused", "This card cannot be signed at the moment. The operator knows."),
    (errors.IdentityRefused, 503, "identity-refused", "Cards cannot be signed at the moment. The operator knows."),
)
# Whom and what the API is asked for by an id: another merchant's is answered as one that is nowhere, to the letter.
API_KINDS: tuple[Row, ...] = (
    (errors.UnknownMember, 404, "member-not-found", "There is no such member."),
    (errors.UnknownCard, 404, "card-not-found", "There is no such card."),
    (errors.UnknownOrder, 404, "order-not-found", "There is no such order."),
    (errors.UnknownSource, 404, "source-not-found", "There is no such source."),
    *KINDS,
)
# What a problem says beside its detail, for programs.
MORE: dict[type[WalletError], tuple[str, ...]] = {
    errors.ScopeMissing: ("scope",),
    errors.InsufficientBalance: ("needed", "available"),
    errors.CodeRefused: ("reason",),
    errors.IdentityTaken: ("identity", "member_id"),
}
SCHEMES = {"not-authorised": "ApplePass", "key-refused": "Bearer"}
# The reason why a signature or token is refused is nobody's business but ours.
SILENT = (401,)
OURS = 500
API = "/api/"  # where nobody is a person
OFFERED = ("application/problem+json", "application/json", "text/html")


def install(app: Flask) -> None:
    """Answer every error of the application."""
    app.register_error_handler(WalletError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, kind: str, title: str, **more: Any) -> Response:
    """Return a problem document, or a page that says the same to a person."""
    if wants_page():
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


def wants_page() -> bool:
    """Whether a person is asking, who reads a page, and not a program."""
    return not request.path.startswith(API) and request.accept_mimetypes.best_match(OFFERED) == "text/html"


def kind_of(error: type[WalletError], kinds: tuple[Row, ...] = API_KINDS) -> Row | None:
    """Return the first row that fits an error, if one does."""
    return next((row for row in kinds if issubclass(error, row[0])), None)


def refused_in_the_api(error: WalletError) -> Response:
    """Answer an error at a door where ids are asked for."""
    return _answered(error, API_KINDS)


def _refused(error: WalletError) -> Response:
    return _answered(error, KINDS)


def _answered(error: WalletError, kinds: tuple[Row, ...]) -> Response:
    found = kind_of(type(error), kinds)
    _, status, kind, title = found or (WalletError, OURS, "internal", "Something went wrong on our side.")
    if status >= OURS:
        log.error("request.failed", error=type(error).__name__, detail=str(error))
        return problem(status, kind, title)
    if status in SILENT:
        log.info("request.refused", error=type(error).__name__, detail=str(error))
        response = problem(status, kind, title)
        response.headers["WWW-Authenticate"] = SCHEMES.get(kind, "Webhook")
        return response
    response = problem(status, kind, title, **_more(error, named=found in KINDS))
    if isinstance(error, errors.TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _more(error: WalletError, *, named: bool) -> dict[str, Any]:
    """Return what is said beside the title; of what is looked for by its id, nothing."""
    if isinstance(error, FaultsError):
        return {"errors": [{"field": fault.key, "message": fault.message} for fault in error.faults]}
    if isinstance(error, errors.RewardUnavailable):
        whys = [{name: getattr(why, name) for name in ("reason", "points", "tier")} for why in error.whys]
        return {"detail": str(error), "reasons": whys}
    said = {"detail": str(error)} if named else {}
    return said | {name: getattr(error, name) for name in MORE.get(type(error), ())}


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
