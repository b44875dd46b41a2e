"""Apple's web service for passes: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes.

Anything that is not registered, unknown or another's is answered alike with 401, so that nothing can be tried out.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, jsonify, request
from werkzeug.datastructures import Headers

from wallet_service.domain.card import Card
from wallet_service.domain.errors import UnknownCard
from wallet_service.usecases.changes import changes
from wallet_service.usecases.follow import follow, unfollow
from wallet_service.usecases.hear import hear
from wallet_service.usecases.serve import card_of, note_fetched
from wallet_service.wiring import Service

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PKPASS = "application/vnd.apple.pkpass"
REGISTRATION = "/devices/<device>/registrations/<pass_type>/<serial>"

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,399}")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,400}")


def blueprint(service: Service) -> Blueprint:
    """Return the routes below `/apple/v1`; each says itself whether the card's token is asked for."""
    routes = Blueprint("apple", __name__)

    @routes.post(REGISTRATION)
    def register(device: str, pass_type: str, serial: str) -> tuple[str, int]:
        _check(device, serial)
        token = _push_token()
        with service.begin() as tx:
            found = card_of(tx, pass_type_identifier=pass_type, serial_number=serial, token=_authorization())
            new = follow(tx, found.member.card, device=device, target=token, now=service.clock())
        return "", 201 if new else 200

    @routes.delete(REGISTRATION)
    def unregister(device: str, pass_type: str, serial: str) -> tuple[str, int]:
        _check(device, serial)
        with service.begin() as tx:
            found = card_of(tx, pass_type_identifier=pass_type, serial_number=serial, token=_authorization())
            unfollow(tx, found.member.card, device=device, now=service.clock())
        return "", 200

    @routes.get("/devices/<device>/registrations/<pass_type>")
    def list_changes(device: str, pass_type: str) -> Response:
        _check(device, pass_type)
        since = request.args.get("passesUpdatedSince")
        with service.begin() as tx:
            listing = changes(tx, device=device, pass_type_identifier=pass_type, since=since, now=service.clock())
        if listing is None:
            return _private(Response(status=204))
        return _private(jsonify({"serialNumbers": listing.serial_numbers, "lastUpdated": listing.tag}))

    @routes.get("/passes/<pass_type>/<serial>")
    def get_pass(pass_type: str, serial: str) -> Response:
        _check(serial)
        since = _http_date(request.headers.get("If-Modified-Since"))
        with service.read() as tx:
            found = card_of(tx, pass_type_identifier=pass_type, serial_number=serial, token=_authorization())
        found = service.settled(found)
        card = found.member.card
        unchanged = since is not None and since >= card.modified_at
        response = (
            Unchanged(status=304)
            if unchanged
            else pass_response(bytes(service.sign(found.member, service.in_force.of_card(found))))
        )
        if found.unfetched and request.method == "GET":
            with service.begin() as tx:
                note_fetched(tx, found.member, since=since, now=service.clock())
        return dated(response, card)

    @routes.post("/log")
    def log() -> tuple[str, int]:
        lines = _json().get("logs")
        if not isinstance(lines, list):
            abort(400, 'The body should be {"logs": ["…"]}.')
        with service.begin() as tx:
            hear(tx, [each for each in lines if isinstance(each, str)], now=service.clock())
        return "", 200

    return routes


class Unchanged(Response):
    """An answer of 304 that keeps its date; by itself werkzeug takes the date off."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        """Return the headers as they are sent."""
        headers = super().get_wsgi_headers(environ)
        headers["Last-Modified"] = self.headers["Last-Modified"]
        return headers


def pass_response(signed: bytes) -> Response:
    """Return a pass as phones want it: with its type, without a charset, and with its length."""
    response = Response(signed, content_type=PKPASS)
    response.headers["Content-Disposition"] = 'inline; filename="card.pkpass"'
    return response


def dated(response: Response, card: Card) -> Response:
    """Give the answer the date of the card's revision, which phones repeat in If-Modified-Since."""
    response.headers["Last-Modified"] = format_datetime(card.modified_at.astimezone(UTC), usegmt=True)
    return _private(response)


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _check(*parts: str) -> None:
    """Refuse what no phone sends and PostgreSQL cannot hold, before anything is looked up.

    Raises `UnknownCard`.
    """
    if not all(_PRINTABLE.fullmatch(each) for each in parts):
        raise UnknownCard


def _authorization() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "applepass" else None


def _push_token() -> str:
    token = _json().get("pushToken")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        abort(400, 'The body should be {"pushToken": "…"} with the token of the device.')
    return token


def _json() -> dict[str, Any]:
    # Devices send the right type, but other wallets are known to forget it.
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        abort(400, "The body should be a JSON object.")
    return body


def _http_date(given: str | None) -> datetime | None:
    """Return the date of an HTTP header, or None where it is none; a fault here only costs a download."""
    try:
        date = parsedate_to_datetime(given or "")
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
