"""Where members sign in: they ask for a link, open it, and press; and where they say that an address is theirs.

Programs that look where a letter's link leads follow it, so nothing is used up but by a form.
"""

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.addresses import block_of
from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.identity import Identity, identity
from wallet_service.usecases.sign_in import ask_to_sign_in, begin_session, sign_in, sign_out
from wallet_service.usecases.verify_address import Verifying, disown_address, look_at_proof
from wallet_service.web.card_page import private
from wallet_service.web.choices import at, page_parts
from wallet_service.web.followed import fresh
from wallet_service.web.member_words import WORDS
from wallet_service.web.session import Visited, drop, from_here, keep, member_here, own_form, visited
from wallet_service.wiring import Service

log = structlog.get_logger(__name__)

LONGEST = 320  # characters of an address
A_MINUTE = 60  # seconds
ASK_AGAIN = ("sent", "signed_out")  # what is told beside the way to ask for a link


def blueprint(service: Service) -> Blueprint:
    """Return the routes by which members sign in and out; whoever has the link of a letter may use it once."""
    routes = Blueprint("members", __name__)

    @routes.get("/members/<program>")
    def ask(program: str) -> AnyResponse:
        if member_here(service, program) is not None:
            return fresh(redirect(at("member.me", program=program), 303))
        place = visited(service, program)
        return _asking(place) if service.settings.mails else _no_letters(place)

    @routes.post("/members/<program>")
    def send(program: str) -> AnyResponse:
        place = visited(service, program)
        if not service.settings.mails:
            return _no_letters(place)
        typed = request.form.get("email", "")[:LONGEST]
        address = identity("email", typed)
        if address is None:
            return _asking(place, typed, wrong=True, status=422)
        wait = _ask(service, place, address)
        if wait is not None:
            alert = WORDS[place.lang]["busy"].format(minutes=-(-wait // A_MINUTE))
            page = _asking(place, typed, alert=alert, status=429)
            page.headers["Retry-After"] = str(wait)
            return page
        return fresh(redirect(at("members.told", program=program, what="sent"), 303))

    @routes.get("/members/<program>/<any(sent, joined, disowned, signed_out, left):what>")
    def told(program: str, what: str) -> Response:
        return _page("told.html", visited(service, program), what=what, again=what in ASK_AGAIN)

    @routes.get("/members/<program>/sign-in/<token>")
    def arrive(program: str, token: str) -> Response:  # noqa: ARG001
        # Whether the link works is told by pressing: whoever only looks learns nothing.
        return _page("arrive.html", visited(service, program))

    @routes.post("/members/<program>/sign-in/<token>")
    def enter(program: str, token: str) -> AnyResponse:
        place = visited(service, program)
        if not from_here():
            return refused(place)
        try:
            with service.begin() as tx:
                session = sign_in(tx, token, program_id=place.opened.id, now=service.clock())
        except UnknownLink:
            return _over(place)
        log.info("member.signed_in", program=program)
        return _inside(service, program, session)

    @routes.get("/members/<program>/verify/<token>")
    def asked(program: str, token: str) -> Response:
        place = visited(service, program)
        try:
            with service.read() as tx:
                proof = look_at_proof(tx, service.vault, token, program_id=place.opened.id, now=service.clock())
        except UnknownLink:
            return _over(place)
        return _page("verify.html", place, address=proof.address.value, what="known" if proof.known else "verify")

    @routes.post("/members/<program>/verify/<token>")
    def answered(program: str, token: str) -> AnyResponse:
        place, now = visited(service, program), service.clock()
        if not from_here():
            return refused(place)
        try:
            if request.form.get("answer") == "no":
                with service.begin() as tx:
                    disown_address(tx, service.vault, token, program_id=place.opened.id, now=now)
                return fresh(redirect(at("members.told", program=program, what="disowned"), 303))
            identifier = service.identity.pass_type_identifier
            member_id = Verifying(service.begin, place.program(service), identifier, now).verify(token)
        except UnknownLink:
            return _over(place)
        with service.begin() as tx:
            session = begin_session(tx, member_id, now=now)
        return _inside(service, program, session)

    @routes.post("/members/<program>/sign-out")
    def leave(program: str) -> AnyResponse:
        signed = member_here(service, program)
        if signed is not None:
            if not own_form(service, signed):
                return refused(signed.place)
            with service.begin() as tx:
                sign_out(tx, signed.session)
        return drop(service, program, fresh(redirect(at("members.told", program=program, what="signed_out"), 303)))

    return routes


def refused(place: Visited) -> Response:
    """Answer a form that another site may have sent; nothing was done."""
    return _page("told.html", place, status=403, what="refused", again=True)


def _ask(service: Service, place: Visited, address: Identity) -> int | None:
    """Have a letter written; return the seconds to wait where too many were asked for."""
    settings = service.settings
    with service.begin() as tx:
        return ask_to_sign_in(
            tx,
            service.vault,
            program_id=place.opened.id,
            address=address,
            locale=place.lang,
            block=block_of(request.remote_addr),
            per_block=settings.sign_in_per_block,
            per_address=settings.letters_per_address,
            now=service.clock(),
        )


def _inside(service: Service, program: str, session: str) -> AnyResponse:
    return keep(service, program, fresh(redirect(at("member.me", program=program), 303)), session)


def _asking(
    place: Visited, typed: str = "", *, wrong: bool = False, alert: str | None = None, status: int = 200
) -> Response:
    return _page("ask.html", place, status=status, typed=typed, wrong=wrong, alert=alert)


def _over(place: Visited) -> Response:
    """Answer alike for every link that does not work, whatever is the matter with it."""
    return _page("told.html", place, status=404, what="over", again=True)


def _no_letters(place: Visited) -> Response:
    return _page("told.html", place, status=404, what="no_letters")


def _page(name: str, place: Visited, *, status: int = 200, **more: object) -> Response:
    parts = page_parts(place.lang) | {"brand": place.template.look.colors, "face": place.template.blank(place.lang)}
    page = render_template(
        f"members/{name}",
        **parts,
        said=WORDS[place.lang],
        ask_url=at("members.ask", program=place.code),
        **more,
    )
    return private(make_response(page, status))
