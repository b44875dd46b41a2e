"""A member's own page, for whoever is signed in: card, points, rewards, consents, data, and what one can do there."""

import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import UnknownRedemption
from wallet_service.domain.event import Customer
from wallet_service.links import card_links
from wallet_service.terms import telling_of
from wallet_service.usecases.agree import agree
from wallet_service.usecases.catalogue import catalogue
from wallet_service.usecases.erase import erase
from wallet_service.usecases.operate import Operation, operate
from wallet_service.usecases.portray import portray
from wallet_service.usecases.redeem import redeemed, show_code
from wallet_service.usecases.replace_card import replace_card
from wallet_service.usecases.sign_in import begin_session
from wallet_service.usecases.statement import statement
from wallet_service.web.agreed import agreements, changed
from wallet_service.web.card_page import case_of, lost_aside, private, standing
from wallet_service.web.choices import at, choices, page_parts, who
from wallet_service.web.drawn import drawn
from wallet_service.web.followed import fresh
from wallet_service.web.lines import Reader
from wallet_service.web.member_words import WORDS
from wallet_service.web.members import refused
from wallet_service.web.rewards import Shelf
from wallet_service.web.session import MARK, SignedIn, drop, keep, mark_of, member_here, own_form
from wallet_service.web.words import WORDS as CARD_WORDS
from wallet_service.wiring import Service

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ACTOR = "member"
LINES = 5  # of the statement; the rest is a page of its own
TOLD = ("saved", "replaced")  # what the page says on top after something was done

Action = Callable[[SignedIn], AnyResponse]


def blueprint(service: Service) -> Blueprint:
    """Return the routes of members' own pages; whoever is not signed in is led to where one does that."""
    routes = Blueprint("member", __name__)

    def of(program: str, action: Action, *, form: bool = False) -> AnyResponse:
        """Do something for whoever is signed in; a form has to be one of the session's own."""
        signed = member_here(service, program)
        if signed is None:
            return fresh(redirect(at("members.ask", program=program), 303))
        if form and not own_form(service, signed):
            return refused(signed.place)
        return action(signed)

    @routes.get("/members/<program>/me")
    def me(program: str) -> AnyResponse:
        return of(program, lambda signed: _me(service, signed))

    @routes.get("/members/<program>/me/strip.png")
    def strip(program: str) -> AnyResponse:
        return of(program, lambda signed: _strip(service, signed))

    @routes.post("/members/<program>/me/rewards/<redemption>")
    def code(program: str, redemption: str) -> AnyResponse:
        return of(program, lambda signed: _code(service, signed, redemption), form=True)

    @routes.post("/members/<program>/me/consents")
    def consents(program: str) -> AnyResponse:
        return of(program, lambda signed: _agree(service, signed), form=True)

    @routes.get("/members/<program>/me/data.json")
    def data(program: str) -> AnyResponse:
        return of(program, lambda signed: _data(service, signed))

    @routes.get("/members/<program>/me/new-card")
    def lost(program: str) -> AnyResponse:
        return of(program, lambda signed: _page(service, "sure.html", signed, what="lost"))

    @routes.post("/members/<program>/me/new-card")
    def replace(program: str) -> AnyResponse:
        return of(program, lambda signed: _replace(service, signed), form=True)

    @routes.get("/members/<program>/me/leave")
    def leaving(program: str) -> AnyResponse:
        return of(program, lambda signed: _leaving(service, signed))

    @routes.post("/members/<program>/me/leave")
    def leave(program: str) -> AnyResponse:
        return of(program, lambda signed: _leave(service, signed), form=True)

    return routes


def _me(service: Service, signed: SignedIn) -> Response:
    place, member = signed.place, signed.found.member
    template, lang, program = place.template, place.lang, place.program(service)
    case, words = case_of(signed.found, template, lang), CARD_WORDS[lang]
    me = Customer(member_id=member.public_id)
    with service.snapshot() as tx:
        told = statement(tx, member, template.program, most=LINES)
        taken = redeemed(tx, program=program, customer=me)
        offered = catalogue(tx, program=program, customer=me, now=service.clock())
    shelf = Shelf(case, WORDS[lang])
    reader = Reader(case, telling_of(template.program, template.words.get(lang), lang), words)
    token = card_links(service.secret_key).dumps(member.card.serial_number)
    face = template.draw(member.standing, lang)
    done = request.args.get("done")
    return _page(
        service,
        "me.html",
        signed,
        done=done if done in TOLD else None,
        card=drawn(face, case.words),
        strip_url=at("member.strip", program=place.code, v=str(member.card.revision))
        if service.strip_of(template, face)
        else None,
        choices=None
        if member.voided
        else choices(
            service,
            who(),
            lang,
            address=service.link(member.card.serial_number),
            apple_url=at("public.download", token=token) if service.settings.apple else None,
            google_url=at("public.save", token=token) if service.google else None,
            post=False,
        ),
        standing=standing(case, member.position.held, words, lost=lost_aside(service, signed.found, template)),
        rows=[reader.row(each) for each in reversed(told.lines)],
        statement_url=None if member.voided else url_for("account.statement", token=token),
        terms_url=url_for("joining.about", program=place.code),
        open_rewards=[shelf.taken(each) for each in taken if each.status in ("held", "issued")],
        offers=[shelf.offered(each) for each in offered],
        agreements=agreements(service, signed),
    )


def _strip(service: Service, signed: SignedIn) -> Response:
    place = signed.place
    picture = service.strip_of(place.template, place.template.draw(signed.found.member.standing, place.lang))
    return private(Response(picture, mimetype="image/png") if picture else Response(status=404))


def _code(service: Service, signed: SignedIn, redemption: str) -> Response:
    """Show the code of one of the member's own rewards; that is noted, as for whoever else asks for one."""
    program, me = signed.place.program(service), Customer(member_id=signed.found.member.public_id)
    with service.read() as tx:
        mine = [each for each in redeemed(tx, program=program, customer=me) if each.redemption == redemption]
    if not mine or mine[0].status not in ("held", "issued"):
        raise UnknownRedemption
    shown = _do(service, signed, "reward.code", lambda operation: show_code(operation, redemption=redemption))
    shelf = Shelf(case_of(signed.found, signed.place.template, signed.place.lang), WORDS[signed.place.lang])
    return _page(service, "code.html", signed, reward=shelf.taken(mine[0]), code=shown["code"])


def _agree(service: Service, signed: SignedIn) -> AnyResponse:
    said = changed(service, signed, request.form)
    if said:
        place = signed.place
        agree(
            service.begin,
            said,
            member_id=signed.found.member.public_id,
            program=place.program(service),
            key=f"{ACTOR} {secrets.token_hex(12)}",
            pass_type_identifier=service.identity.pass_type_identifier,
            now=service.clock(),
        )
    return _back(signed, "saved")


def _data(service: Service, signed: SignedIn) -> Response:
    with service.read() as tx:
        told = portray(tx, service.vault, signed.found, signed.place.template.program)
    response = Response(json.dumps(told, indent=2, default=_json, ensure_ascii=False), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return private(response)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _replace(service: Service, signed: SignedIn) -> AnyResponse:
    customer = Customer(member_id=signed.found.member.public_id)
    _do(service, signed, "card.replace", lambda operation: replace_card(operation, customer=customer))
    with service.begin() as tx:  # all sessions have ended with the card, also that on the phone
        session = begin_session(tx, signed.found.member.id, now=service.clock())
    return keep(service, signed.place.code, _back(signed, "replaced"), session)


def _leaving(service: Service, signed: SignedIn) -> Response:
    words = CARD_WORDS[signed.place.lang]
    case = case_of(signed.found, signed.place.template, signed.place.lang)
    there = standing(case, signed.found.member.position.held, words)
    lost = [(label, value) for label, value in there if label != words["next"]]
    return _page(service, "sure.html", signed, what="leave", lost=lost)


def _leave(service: Service, signed: SignedIn) -> AnyResponse:
    customer = Customer(member_id=signed.found.member.public_id)
    _do(service, signed, "member.erase", lambda operation: erase(operation, customer=customer))
    return drop(
        service, signed.place.code, fresh(redirect(at("members.told", program=signed.place.code, what="left"), 303))
    )


def _do(
    service: Service, signed: SignedIn, kind: str, act: Callable[[Operation], "DataclassInstance"]
) -> dict[str, object]:
    """Do an operation for the member, as one of theirs."""
    return operate(
        service.begin,
        program=signed.place.program(service),
        key=f"{ACTOR} {secrets.token_hex(12)}",
        kind=kind,
        content={"member": signed.found.member.public_id},
        actor=ACTOR,
        now=service.clock(),
        act=act,
    ).answer


def _back(signed: SignedIn, done: str) -> AnyResponse:
    return fresh(redirect(at("member.me", program=signed.place.code, done=done), 303))


def _page(service: Service, name: str, signed: SignedIn, **more: object) -> Response:
    place = signed.place
    parts = page_parts(place.lang) | {"brand": place.template.look.colors, "face": place.template.blank(place.lang)}
    page = render_template(
        f"members/{name}",
        **parts,
        said=WORDS[place.lang],
        program=place.code,
        at=at,
        mark_name=MARK,
        mark=mark_of(service, signed),
        **more,
    )
    return private(make_response(page))
