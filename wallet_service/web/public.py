"""Pages and downloads for customers: a card by its signed link, for either wallet."""

import structlog
from flask import Blueprint, Response, current_app, redirect, render_template, request, send_from_directory
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import CardNotOffered
from wallet_service.usecases.visit import Step, clicked
from wallet_service.web.apple import dated, pass_response
from wallet_service.web.card_page import card_of, card_page
from wallet_service.web.choices import who
from wallet_service.web.followed import counted
from wallet_service.wiring import Found, Service

log = structlog.get_logger(__name__)

RETRY_AFTER = "30"
WEEK = 7 * 24 * 60 * 60  # seconds


def blueprint(service: Service) -> Blueprint:
    """Return the public routes; a card is shown to whoever holds its link."""
    routes = Blueprint("public", __name__)

    @routes.get("/")
    def index() -> str:
        settings = service.settings
        phone = f"http://{settings.host}:{settings.sandbox_port}/" if settings.sandbox else None
        return render_template("index.html", phone_url=phone)

    # Our pages name the icon; browsers ask for it here beside a file or a picture that is no page.
    @routes.get("/favicon.ico")
    def favicon() -> AnyResponse:
        return send_from_directory(str(current_app.static_folder), "icon.svg", max_age=WEEK)

    @routes.get("/cards/<token>")
    def add(token: str) -> Response:
        return card_page(service, card_of(service, token), token)

    # The address ends in .pkpass, and may be asked for again: browsers hand it over to Wallet, which fetches it anew.
    @routes.get("/cards/<token>/card.pkpass")
    def download(token: str) -> Response:
        found = card_of(service, token)
        _count(service, found, "downloaded")
        signed = service.sign(found.member, service.in_force.of_card(found))
        return dated(pass_response(bytes(signed)), found.member.card)

    # Made when it is followed: the link that leads on to Google has no end, and the card must be there by then. Whoever
    # asks for the headers alone is a mail program that looks at links, not a customer.
    @routes.get("/cards/<token>/google")
    def save(token: str) -> AnyResponse:
        found = card_of(service, token)
        if request.method == "HEAD":
            return Response(headers={"Cache-Control": "no-store"})
        if found.member.voided:
            page = card_page(service, found, token)
            page.status_code = 410
            return page
        _count(service, found, "save_clicked")
        try:
            onward = redirect(service.google_wallet().add_link(found), 303)
        except CardNotOffered as error:
            log.error("card.not_offered", serial_number=found.member.card.serial_number, reason=str(error))
            page = card_page(service, found, token, later=True)
            page.status_code = 503
            page.headers["Retry-After"] = RETRY_AFTER
            return page
        onward.headers["Cache-Control"] = "no-store"
        onward.headers["Referrer-Policy"] = "no-referrer"
        return onward

    return routes


def _count(service: Service, found: Found, step: Step) -> None:
    """Count the step for the link by which the member joined not long ago, if there is one."""
    by, program = who(), service.in_force.of_card(found).program
    if by.machine is None and counted():
        with service.begin() as tx:
            clicked(tx, found, step, by, program, now=service.clock())
