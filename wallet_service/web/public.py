"""Pages and downloads for customers: a card by its signed link, for either wallet."""

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import CardNotOffered, UnknownCard
from wallet_service.links import card_links
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web.apple import dated, pass_response
from wallet_service.web.words import WORDS, language
from wallet_service.wiring import Found, Service

log = structlog.get_logger(__name__)

RETRY_AFTER = "30"


def blueprint(service: Service) -> Blueprint:
    """Return the public routes; a card is shown to whoever holds its link."""
    routes = Blueprint("public", __name__)
    links = card_links(service.secret_key)

    def card_of(token: str) -> Found:
        try:
            serial = links.loads(token)
        except BadSignature:
            raise UnknownCard from None
        with service.read() as tx:
            found = card_by_serial(tx, serial)
        return service.settled(found)

    @routes.get("/")
    def index() -> str:
        settings = service.settings
        phone = f"http://{settings.host}:{settings.sandbox_port}/" if settings.sandbox else None
        return render_template("index.html", phone_url=phone)

    @routes.get("/cards/<token>")
    def add(token: str) -> Response:
        return _page(service, card_of(token), token)

    # The address ends in .pkpass, and may be asked for again: browsers hand it over to Wallet, which fetches it anew.
    @routes.get("/cards/<token>/card.pkpass")
    def download(token: str) -> Response:
        found = card_of(token)
        signed = service.sign(found.member, service.in_force.of_card(found))
        return dated(pass_response(bytes(signed)), found.member.card)

    # Made when it is followed: the link that leads on to Google has no end, and the card must be there by then. Whoever
    # asks for the headers alone is a mail program that looks at links, not a customer.
    @routes.get("/cards/<token>/google")
    def save(token: str) -> AnyResponse:
        found = card_of(token)
        if request.method == "HEAD":
            return Response(headers={"Cache-Control": "no-store"})
        if found.member.voided:
            page = _page(service, found, token)
            page.status_code = 410
            return page
        try:
            onward = redirect(service.google_wallet().add_link(found), 303)
        except CardNotOffered as error:
            log.error("card.not_offered", serial_number=found.member.card.serial_number, reason=str(error))
            page = _page(service, found, token, later=True)
            page.status_code = 503
            page.headers["Retry-After"] = RETRY_AFTER
            return page
        onward.headers["Cache-Control"] = "no-store"
        onward.headers["Referrer-Policy"] = "no-referrer"
        return onward

    return routes


def _page(service: Service, found: Found, token: str, *, later: bool = False) -> Response:
    """Return the page with the buttons, in the reader's language; `later` says that Google could not take the card."""
    spoken = language([found.member.locale, *(each for each, _ in request.accept_languages)])
    template = service.in_force.of_card(found)
    face = template.draw(found.member.standing, spoken)
    page = render_template(
        "card.html",
        lang=spoken,
        words=WORDS[spoken],
        face=face,
        later=later,
        back_url=url_for("public.add", token=token) if later else None,
        apple_url=url_for("public.download", token=token) if service.settings.apple else None,
        google_url=url_for("public.save", token=token) if service.google else None,
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response
