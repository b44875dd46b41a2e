"""Pages and downloads for customers: a card by its signed link."""

from flask import Blueprint, Response, render_template
from itsdangerous import BadSignature

from wallet_service.domain.errors import UnknownCard
from wallet_service.links import card_links
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web.apple import dated, pass_response
from wallet_service.wiring import Service


def blueprint(service: Service) -> Blueprint:
    """Return the public routes; a card is shown to whoever holds its link."""
    routes = Blueprint("public", __name__)
    links = card_links(service.secret_key)

    @routes.get("/")
    def index() -> str:
        settings = service.settings
        phone = f"http://{settings.host}:{settings.sandbox_port}/" if settings.sandbox else None
        return render_template("index.html", phone_url=phone)

    # The address ends in .pkpass, and may be asked for again: browsers hand it over to Wallet, which fetches it anew.
    @routes.get("/cards/<token>/card.pkpass")
    def download(token: str) -> Response:
        try:
            serial = links.loads(token)
        except BadSignature:
            raise UnknownCard from None
        with service.read() as tx:
            found = card_by_serial(tx, serial)
        signed = service.sign(found.member, service.template(found.template))
        return dated(pass_response(bytes(signed)), found.member.card)

    return routes
