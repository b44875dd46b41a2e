"""Where one joins: the public page of a programme, and the form by which somebody becomes a member of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.addresses import block_of
from wallet_service.domain.errors import EventConflict, LinkOver, UnknownLink
from wallet_service.domain.join_form import Wrong, box, consents, read_answers
from wallet_service.domain.look import ConsentTable, JoinTable
from wallet_service.domain.template import Template
from wallet_service.links import card_links, join_forms
from wallet_service.terms import explain
from wallet_service.usecases.join_by_form import Form, Through, count_join, join_by_form, program_of
from wallet_service.web.card_page import LETTER, private
from wallet_service.web.choices import LANGUAGE, asked_language, at, here, page_parts
from wallet_service.web.followed import Followed, by_code, by_token, fresh
from wallet_service.web.join_words import MONTHS, WORDS
from wallet_service.web.links import does_not_work
from wallet_service.web.words import LANGUAGES, OWN_NAMES
from wallet_service.wiring import Opened, Service

log = structlog.get_logger(__name__)

LASTS = timedelta(days=1)  # a form that lies open for longer has to be sent once more
CACHED = 300  # seconds
LONGEST = 500  # characters of one answer; more is no answer
CONSENT = "@@consent"  # what templates without a [join] ask is said by the page, in its language
TRAP = "website"  # a field that people do not see


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody joins: the programme as it is in force, the language of the page, and the link that led here.

    `letters` says whether any can be sent.
    """

    code: str
    opened: Opened
    template: Template
    lang: str
    followed: Followed | None
    letters: bool

    @property
    def table(self) -> JoinTable:
        """What is asked."""
        return join_table(self.template)

    @property
    def takes(self) -> bool:
        """Whether somebody can join here: where an address has to be verified, only if letters can be sent."""
        return self.table.open and (self.table.verify is None or self.letters)

    @property
    def sign_in_url(self) -> str | None:
        """Where whoever is a member already gets to their page."""
        return at("members.ask", program=self.code) if self.letters else None

    def text(self, text: str) -> str:
        """Return a text of the template's as the page shows it."""
        return text_of(self.template, self.lang, text)


def join_table(template: Template) -> JoinTable:
    """Return what whoever joins is asked; without a `[join]` name and e-mail, and whether news may come by it."""
    asks = ConsentTable(purpose="marketing", channel="email", text=CONSENT)
    return template.look.join or JoinTable(consent=(asks,))


def text_of(template: Template, lang: str, text: str) -> str:
    """Return what somebody is asked to agree to, as pages in that language show it."""
    words = template.words[template.language(lang)]
    if text == CONSENT:
        return WORDS[lang]["consent"].format(organization=words.text(template.look.brand.organization))
    return words.text(text)


def blueprint(service: Service) -> Blueprint:
    """Return the routes of programmes' pages and forms; they are open to everybody."""
    routes = Blueprint("joining", __name__)
    routes.register_error_handler(UnknownLink, does_not_work)
    routes.register_error_handler(LinkOver, does_not_work)

    @routes.get("/programs/<program>")
    def about(program: str) -> Response:
        with service.read() as tx:
            opened = program_of(tx, program)
        place = Place(
            program, opened, service.in_force.of_program(opened), asked_language(), None, service.settings.mails
        )
        template = place.template
        page = render_template(
            "program.html",
            **page_parts(place.lang, brand=template.look.colors, face=template.blank(place.lang)),
            said=WORDS[place.lang],
            sections=explain(template.program, template.words.get(place.lang), place.lang),
            join_url=at("joining.ask", program=program) if place.takes else None,
            sign_in_url=place.sign_in_url,
            alternates=[(each, service.settings.base_url + here(**{LANGUAGE: each})) for each in LANGUAGES],
        )
        response = make_response(page)
        response.headers["Cache-Control"] = f"public, max-age={CACHED}"
        response.headers["Vary"] = "Accept-Language"
        return response

    @routes.get("/join/<program>")
    def ask(program: str) -> Response:
        place = _place(service, program)
        if not place.takes:
            return _closed(place)
        prospect = place.followed.seen.link.prospect if place.followed else None
        known = {"name": prospect.name or ""} if prospect else {}
        return _form(place, known, token=_made(service, program))

    @routes.post("/join/<program>")
    def join(program: str) -> AnyResponse:
        place = _place(service, program)
        if not place.takes:
            return _closed(place)
        words = WORDS[place.lang]
        said = {name: value[:LONGEST] for name, value in request.form.items()}
        token = request.form.get("form", "")
        form_id, age = _read(service, program, token)
        if form_id is None or age is None or not timedelta(0) <= age <= LASTS:
            return _form(place, said, token=_made(service, program), alert=words["stale"], status=422)
        if said.get(TRAP) or age < timedelta(seconds=service.settings.join_seconds):
            log.info("join.held_up", program=program, trapped=bool(said.get(TRAP)))
            return _form(place, said, token=token, alert=words["again"], status=422)
        joining, wrong = read_answers(place.table, said)
        if wrong:
            return _form(place, said, token=token, wrong=wrong, status=422)
        wait = _counted(service, program)
        if wait is not None:
            busy = words["busy"].format(minutes=-(-wait // 60))
            page = _form(place, said, token=token, alert=busy, status=429)
            page.headers["Retry-After"] = str(wait)
            return page
        through = Through(place.followed.seen, place.followed.mark) if place.followed else None
        try:
            recorded = join_by_form(
                service.begin,
                Form(form_id, joining, consents(place.table, said, place.text), place.lang),
                opened=place.opened,
                template=place.template,
                vault=service.vault,
                pass_type_identifier=service.identity.pass_type_identifier,
                through=through,
                letters=service.settings.letters_per_address if place.letters else None,
                now=service.clock(),
            )
        except EventConflict:
            return _form(place, said, token=_made(service, program), alert=words["sent"], status=409)
        if place.table.verify:
            return fresh(redirect(at("members.told", program=program, what="joined"), 303))
        card = card_links(service.secret_key).dumps(recorded.answer["serial_number"])
        asked: dict[str, Any] = {LETTER: "1"} if place.letters and joining.email else {}
        return fresh(redirect(url_for("public.add", token=card, **asked), 303))

    return routes


def _place(service: Service, program: str) -> Place:
    """Return where somebody joins.

    Raises `UnknownProgram`, and for a link that is named and does not work `UnknownLink` and `LinkOver`.
    """
    with service.read() as tx:
        opened = program_of(tx, program)
    template, letters = service.in_force.of_program(opened), service.settings.mails
    via = request.args.get("via", "")
    if not via:
        return Place(program, opened, template, asked_language(), None, letters)
    try:
        followed = by_token(service, via)
    except UnknownLink:
        followed = by_code(service, via)
    if followed.seen.program != program:
        raise UnknownLink
    # A link of somebody who is a member by now leads to nobody's enrolment: it may be a friend who holds the phone.
    return Place(program, opened, template, followed.lang, None if followed.seen.holder else followed, letters)


def _via() -> dict[str, str]:
    return {"via": request.args["via"]} if request.args.get("via") else {}


def _made(service: Service, program: str) -> str:
    """Return the token of a new form, which tells when it was made and cannot be made up."""
    made = join_forms(service.secret_key).dumps([program, secrets.token_hex(8), int(service.clock().timestamp())])
    return str(made)


def _read(service: Service, program: str, token: str) -> tuple[str | None, timedelta | None]:
    """Return the id of a form and how long ago it was made; nothing for what is no form of this programme."""
    try:
        of, form_id, made_at = join_forms(service.secret_key, service.previous_key).loads(token)
    except BadSignature:
        return None, None
    if of != program:
        return None, None
    return form_id, service.clock() - datetime.fromtimestamp(made_at, UTC)


def _counted(service: Service, program: str) -> int | None:
    """Count whoever joins, whether they then do or not; return the seconds to wait where there are too many."""
    settings = service.settings
    with service.begin() as tx:
        return count_join(
            tx,
            service.vault,
            program=program,
            block=block_of(request.remote_addr),
            per_block=settings.join_per_block,
            in_all=settings.join_per_program,
            now=service.clock(),
        )


def _form(
    place: Place,
    said: Mapping[str, str],
    *,
    token: str,
    wrong: Mapping[str, Wrong] | None = None,
    alert: str | None = None,
    status: int = 200,
) -> Response:
    """Return the page of the form with what was said; `wrong` is told beside the fields, `alert` above them."""
    boxes = [
        (box(index), place.text(each.text), bool(said.get(box(index))))
        for index, each in enumerate(place.table.consent)
    ]
    needed = [(each, getattr(place.table, each)) for each in ("terms", "age")]
    return _page(
        "join.html",
        place,
        status=status,
        ask=place.table.ask,
        said_before=said,
        needed=[(name, place.text(text), bool(said.get(name))) for name, text in needed if text is not None],
        boxes=boxes,
        wrong=wrong or {},
        alert=alert,
        form=token,
        trap=TRAP,
        months=MONTHS[place.lang],
        sign_in_url=place.sign_in_url,
        about_url=at("joining.about", program=place.code),
    )


def _closed(place: Place) -> Response:
    return _page("closed.html", place, status=404, about_url=at("joining.about", program=place.code))


def _page(name: str, place: Place, *, status: int, **more: object) -> Response:
    languages = [(each, OWN_NAMES[each], here(**({LANGUAGE: each} | _via()))) for each in LANGUAGES]
    look, face = place.template.look, place.template.blank(place.lang)
    parts = page_parts(place.lang) | {"brand": look.colors, "face": face, "languages": languages}
    page = render_template(name, **parts, said=WORDS[place.lang], **more)
    return private(make_response(page, status))
