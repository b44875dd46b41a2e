"""What a member can read by the link to the card: every point explained, as a page or a file, and the terms."""

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for

from wallet_service.domain.errors import CardVoid
from wallet_service.domain.template import Template
from wallet_service.terms import explain, telling_of
from wallet_service.usecases.export import as_csv, as_json, for_member
from wallet_service.usecases.statement import Statement
from wallet_service.usecases.statement import statement as explained
from wallet_service.web.card_page import card_of, card_page, case_of, private, spoken_to
from wallet_service.web.lines import Reader
from wallet_service.web.words import WORDS
from wallet_service.wiring import Found, Service

PAGE = 50  # lines
MOST = 10_000  # lines of a file; whoever has more gets the newest
PAGE_DIGITS = 6


def blueprint(service: Service) -> Blueprint:
    """Return the routes; they are open to whoever holds the link to the card, as the card's own page is."""
    routes = Blueprint("account", __name__)

    def said(found: Found, *, most: int, skip: int = 0) -> Statement:
        program = service.in_force.of_card(found).program
        with service.read() as tx:
            return explained(tx, found.member, program, most=most, skip=skip)

    def page_of(found: Found, token: str, name: str, template: Template, **parts: object) -> Response:
        spoken = spoken_to(found)
        face = template.draw(found.member.standing, spoken)
        back_url = url_for("public.add", token=token)
        page = render_template(name, lang=spoken, words=WORDS[spoken], face=face, back_url=back_url, **parts)
        return private(make_response(page))

    def void(found: Found, token: str) -> Response:
        page = card_page(service, found, token)
        page.status_code = 410
        return page

    @routes.get("/cards/<token>/statement")
    def statement(token: str) -> Response:
        found = card_of(service, token)
        if found.member.voided:
            return void(found, token)
        number = _number(request.args.get("page", "1"))
        told = said(found, most=PAGE, skip=(number - 1) * PAGE)
        pages = max(-(-told.total // PAGE), 1)
        if number > pages:
            abort(404)
        spoken = spoken_to(found)
        template = service.in_force.of_card(found)
        own = template.words.get(spoken)
        reader = Reader(case_of(found, template, spoken), telling_of(template.program, own, spoken), WORDS[spoken])
        near = {"newer": number - 1 if number > 1 else None, "older": number + 1 if number < pages else None}
        return page_of(
            found,
            token,
            "statement.html",
            template,
            rows=[reader.row(each) for each in reversed(told.lines)],
            left=reader.left(told.lots) if number == 1 else [],
            number=number,
            pages=pages,
            near={name: url_for("account.statement", token=token, page=each) for name, each in near.items() if each},
            files=[(kind, url_for(f"account.as_{kind}_file", token=token)) for kind in ("csv", "json")],
            most=reader.case.words.number(MOST) if told.total > MOST else None,
        )

    @routes.get("/cards/<token>/statement.json")
    def as_json_file(token: str) -> Response:
        return _file(as_json(for_member(said(_valid(card_of(service, token)), most=MOST))), "application/json", "json")

    @routes.get("/cards/<token>/statement.csv")
    def as_csv_file(token: str) -> Response:
        return _file(as_csv(for_member(said(_valid(card_of(service, token)), most=MOST))), "text/csv", "csv")

    @routes.get("/cards/<token>/terms")
    def terms(token: str) -> Response:
        found = card_of(service, token)
        if found.member.voided:
            return void(found, token)
        template, spoken = service.in_force.of_card(found), spoken_to(found)
        sections = explain(template.program, template.words.get(spoken), spoken)
        return page_of(found, token, "terms.html", template, sections=sections)

    return routes


def _valid(found: Found) -> Found:
    if found.member.voided:
        raise CardVoid
    return found


def _number(text: str) -> int:
    """Return the number of a page; anything else is no page of ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= PAGE_DIGITS and int(text)):
        abort(404)
    return int(text)


def _file(text: str, mimetype: str, ending: str) -> Response:
    response = Response(text, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="statement.{ending}"'
    return private(response)
