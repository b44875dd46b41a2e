"""The page of a receipt: whoever bought without a card gets one with the points, or adds them to theirs."""

import hmac
import secrets

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import OrderClaimedBefore, UnknownMember, UnknownOrder, UnknownSource
from wallet_service.links import card_links, claim_signature
from wallet_service.usecases.claim import Claims
from wallet_service.usecases.receive import source_of
from wallet_service.web.card_page import private
from wallet_service.web.claim_words import WORDS
from wallet_service.web.words import language
from wallet_service.wiring import Service

LONGEST = 200  # of what a form says


def blueprint(service: Service) -> Blueprint:
    """Return the routes of receipts; whoever has the link may claim the order, once."""
    routes = Blueprint("claim", __name__)

    @routes.get("/receipts/<dialect>/<source>")
    def receipt(dialect: str, source: str) -> Response:
        claims, order_id = _claims(service, dialect, source)
        return _page(claims, claims.state(order_id))

    @routes.post("/receipts/<dialect>/<source>")
    def claim(dialect: str, source: str) -> AnyResponse:
        claims, order_id = _claims(service, dialect, source)
        code, form = (request.form.get(name, "").strip()[:LONGEST] for name in ("card_code", "form"))
        try:
            if code and not code.isprintable():
                raise UnknownMember("the card")  # PostgreSQL could not even look for it
            if code:
                claims.for_card(order_id, code)
                return _page(claims, "added")
            form = form if form.isalnum() else secrets.token_hex(8)
            claimed = claims.with_new_card(order_id, form=form, locale=_spoken())
        except UnknownMember:
            return _page(claims, "free", wrong_code=True)
        except UnknownOrder:
            return _page(claims, "unknown")
        except OrderClaimedBefore:
            return _page(claims, "claimed")
        token = card_links(service.secret_key).dumps(claimed["serial_number"])
        return private(make_response(redirect(url_for("public.add", token=token), 303)))

    return routes


def _claims(service: Service, dialect: str, name: str) -> tuple[Claims, str]:
    """Return what gives away the orders of a source, and the order, once it is shown that the source has signed it.

    Raises `UnknownOrder` alike for whatever is wrong with the link.
    """
    order_id, signature = request.args.get("order", ""), request.args.get("signature", "")
    wanted = claim_signature(service.secret_key, dialect, name, order_id)
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        raise UnknownOrder(order_id)
    try:
        with service.read() as tx:
            source = source_of(tx, dialect=dialect, name=name)
    except UnknownSource:
        raise UnknownOrder(order_id) from None
    claims = Claims(
        service.begin,
        source,
        service.in_force.of_source(source),
        service.vault,
        service.identity.pass_type_identifier,
        service.clock(),
    )
    return claims, order_id


def _spoken() -> str:
    return language(each for each, _ in request.accept_languages)


def _page(claims: Claims, state: str, *, wrong_code: bool = False) -> Response:
    spoken = _spoken()
    template = claims.template
    words = template.words[template.language(spoken)]
    page = render_template(
        "claim.html",
        lang=spoken,
        words=WORDS[spoken],
        organization=words.text(template.look.brand.organization),
        program=words.text(template.look.brand.program),
        state=state,
        wrong_code=wrong_code,
        form=secrets.token_hex(8),
    )
    response = private(make_response(page, 422 if wrong_code else 200))
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
