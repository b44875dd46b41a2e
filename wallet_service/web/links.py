"""Links of campaigns: one address for every phone, that does nothing until a person presses a button.

Programs that look where a link leads follow every address of a page, so nobody is enrolled by anything but a form.
"""

import structlog
from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import CardNotOffered, LinkOver, UnknownLink, WalletError
from wallet_service.domain.visitors import Wallet
from wallet_service.terms import explain
from wallet_service.usecases.join import join_by_link
from wallet_service.usecases.object import object_by_link
from wallet_service.web.apple import dated, pass_response
from wallet_service.web.card_page import private
from wallet_service.web.choices import asked_language, at, page_parts
from wallet_service.web.errors import problem, wants_page
from wallet_service.web.followed import (
    Followed,
    by_code,
    by_token,
    fresh,
    landing,
    onward,
    page,
    taken,
    turned_back,
)
from wallet_service.wiring import Service

log = structlog.get_logger(__name__)

RETRY_AFTER = "30"
A_YEAR = 31_536_000  # seconds; the address of a picture changes with it
OVER = "This link does not work."
ENDPOINTS = {"apple": "links.download", "google": "links.save"}


def blueprint(service: Service) -> Blueprint:
    """Return the routes of links; they are open to whoever holds a link."""
    routes = Blueprint("links", __name__)
    routes.register_error_handler(UnknownLink, does_not_work)
    routes.register_error_handler(LinkOver, does_not_work)

    @routes.get("/l/<token>")
    def follow(token: str) -> AnyResponse:
        return landing(service, by_token(service, token))

    # Short codes are typed, and printed in capitals.
    @routes.get("/s/<code>")
    @routes.get("/S/<code>")
    def follow_short(code: str) -> AnyResponse:
        found = by_code(service, code)
        if found.seen.link.kind == "member":  # somebody's own: what is done by it is done by its token
            return fresh(redirect(at("links.follow", token=service.links.token(found.seen.link)), 303))
        return landing(service, found)

    @routes.post("/l/<token>/join/<any(apple, google):wallet>")
    def join(token: str, wallet: Wallet) -> AnyResponse:
        found = by_token(service, token)
        if not found.ready:
            return fresh(redirect(onward(service, found), 303))
        if found.by.machine:
            return turned_back(found)
        if found.seen.holder is None:
            _join(service, found)
        return fresh(redirect(at(ENDPOINTS[wallet], token=token), 303))

    # The address ends in .pkpass, and may be asked for again: browsers hand it over to Wallet, which fetches it anew.
    @routes.get("/l/<token>/card.pkpass")
    def download(token: str) -> AnyResponse:
        found = by_token(service, token)
        card = taken(service, found, "downloaded")
        if card is None:
            return turned_back(found)
        card = service.settled(card)
        signed = service.sign(card.member, service.in_force.of_card(card))
        return dated(pass_response(bytes(signed)), card.member.card)

    @routes.get("/l/<token>/google")
    def save(token: str) -> AnyResponse:
        found, google = by_token(service, token), service.google_wallet()
        card = taken(service, found, "save_clicked")
        if card is None:
            return turned_back(found)
        if request.method == "HEAD":
            return fresh(Response())
        try:
            return fresh(redirect(google.add_link(service.settled(card)), 303))
        except CardNotOffered as error:
            log.error("card.not_offered", serial_number=card.member.card.serial_number, reason=str(error))
            answer = page(service, found, later=True)
            answer.status_code = 503
            answer.headers["Retry-After"] = RETRY_AFTER
            return answer

    @routes.post("/l/<token>/objection")
    def object_to(token: str) -> AnyResponse:
        found = by_token(service, token)
        if found.seen.link.kind == "anyone":
            abort(404)
        with service.begin() as tx:
            object_by_link(tx, found.seen, found.mark, now=service.clock())
        return fresh(redirect(at("links.follow", token=token), 303))

    @routes.get("/l/<token>/terms")
    def terms(token: str) -> Response:
        found = by_token(service, token)
        lang, template = found.lang, found.template
        answer = render_template(
            "terms.html",
            **page_parts(lang),
            face=template.blank(lang),
            sections=explain(template.program, template.words.get(lang), lang),
            back_url=at("links.follow", token=token),
        )
        return private(make_response(answer))

    @routes.get("/badges/<name>")
    def badge(name: str) -> Response:
        found = service.badges.get(name)
        if found is None:
            abort(404)
        response = Response(found.content, mimetype=found.mimetype)
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        # A picture may bring its own styles, and nothing else.
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return response

    return routes


def _join(service: Service, found: Followed) -> None:
    join_by_link(
        service.begin,
        found.seen,
        found.mark,
        template=found.template,
        vault=service.vault,
        pass_type_identifier=service.identity.pass_type_identifier,
        now=service.clock(),
    )


def does_not_work(error: WalletError) -> Response:
    """Answer alike whatever the reason, but for the status; why is for our log."""
    status = 404 if isinstance(error, UnknownLink) else 410
    log.info("link.refused", error=type(error).__name__, reason=getattr(error, "reason", None))
    if not wants_page():
        return problem(status, "link-does-not-work", OVER)
    answer = make_response(render_template("over.html", **page_parts(asked_language())), status)
    return private(answer)
