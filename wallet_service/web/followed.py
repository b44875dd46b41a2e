"""A link of a campaign that somebody follows: whether it works, the page that it leads to, and the card it brings."""

from dataclasses import dataclass

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.links import short_code
from wallet_service.domain.template import Template
from wallet_service.domain.visitors import Visitor
from wallet_service.links import join_url, link_url, mark
from wallet_service.usecases import visit
from wallet_service.usecases.visit import Seen, Step
from wallet_service.web.card_page import private
from wallet_service.web.choices import ALL, LANGUAGE, asked_language, at, choices, page_parts, spoken, who
from wallet_service.web.headers import allow_onward
from wallet_service.wiring import Found, Service


@dataclass(frozen=True, slots=True)
class Followed:
    """A link that works, as it was followed: by its token, or by a short code."""

    seen: Seen
    template: Template
    by: Visitor
    token: str | None

    @property
    def mark(self) -> bytes | None:
        """What the link is known by once it has a row; None for a short code, which has one."""
        return mark(self.token) if self.token else None

    @property
    def lang(self) -> str:
        """The language for whoever reads: the one asked for, the member's own, or what the browser prefers."""
        prospect = self.seen.link.prospect
        return asked_language(self.seen.locale, prospect.locale if prospect else None)

    @property
    def ready(self) -> bool:
        """Whether all that an enrolment needs is in the link, or the member is there already."""
        prospect = self.seen.link.prospect
        return self.seen.holder is not None or (prospect is not None and prospect.external_id is not None)


def by_token(service: Service, token: str) -> Followed:
    """Return the link of a token.

    Raises `UnknownLink` before anything is looked up for what nobody here made, and `LinkOver`.
    """
    link = service.links.open(token)
    with service.read() as tx:
        seen = visit.look(tx, link, mark(token))
    return _working(service, seen, token)


def by_code(service: Service, typed: str) -> Followed:
    """Return the link of a short code, however it is typed.

    Raises `UnknownLink` and `LinkOver`.
    """
    code = short_code(typed)
    if code is None:
        raise UnknownLink
    with service.read() as tx:
        seen = visit.look_up(tx, code)
    return _working(service, seen, None)


def _working(service: Service, seen: Seen, token: str | None) -> Followed:
    template = service.in_force.template(seen.template, seen.campaign.program_id, seen.program_version)
    visit.check(seen, template.program, now=service.clock())
    return Followed(seen, template, who(), token)


def landing(service: Service, found: Followed) -> AnyResponse:
    """Return what a link leads to, and count that it was opened.

    A person who has to be asked for more goes on to where one joins; everybody else gets the page.
    """
    # Somebody who only changes the language, or asks for other buttons, was counted before.
    if not request.args.keys() & {LANGUAGE, ALL} and (found.by.machine or counted()):
        with service.read() as tx:
            visit.opened(tx, found.seen, found.mark, found.by, found.template.program, now=service.clock())
    if found.ready or found.by.machine:
        return page(service, found)
    return fresh(redirect(onward(service, found), 303))


def page(service: Service, found: Followed, *, later: bool = False) -> Response:
    """Return the page with the buttons; `later` says that Google could not take the card."""
    lang, token, template = found.lang, found.token, found.template
    parts = page_parts(lang, face=template.blank(lang), later=later)
    if not found.ready:
        return private(make_response(render_template("invitation.html", **parts, join_url=onward(service, found))))
    # Of a prospect it is not told here whether there is a member by now: both get the same forms.
    joining = found.seen.link.kind == "prospect"
    if joining and service.google:
        allow_onward(service.settings.save_url)
    apple_url = at("links.join", token=token, wallet="apple") if joining else at("links.download", token=token)
    google_url = at("links.join", token=token, wallet="google") if joining else at("links.save", token=token)
    answer = render_template(
        "link.html",
        **parts,
        choices=choices(
            service,
            found.by,
            lang,
            address=link_url(service.settings.base_url, str(token)),
            apple_url=apple_url if service.settings.apple else None,
            google_url=google_url if service.google else None,
            post=joining,
        ),
        joining=joining,
        objects=found.seen.objects,
        object_url=at("links.object_to", token=token),
        terms_url=at("links.terms", token=token),
        back_url=at("links.follow", token=token) if later else None,
    )
    return private(make_response(answer))


def taken(service: Service, found: Followed, step: Step) -> Found | None:
    """Return the card that a link brings into a wallet, counted as one use of it; None where it brings none.

    That is so for programs, and for a prospect who has not pressed the button that enrols. Whoever asks for the headers
    alone uses nothing. Raises `LinkOver`.
    """
    if found.seen.holder is None:
        return None
    if request.method == "HEAD":
        with service.read() as tx:
            return visit.card_of(tx, found.seen)
    if found.by.machine:
        return None
    with service.begin() as tx:
        return visit.used(
            tx,
            found.seen,
            found.mark,
            step,
            by=found.by,
            program=found.template.program,
            counted=counted(),
            now=service.clock(),
        )


def turned_back(found: Followed) -> AnyResponse:
    """Answer whoever gets no card: with the page once more; what only fetches ahead is told to wait for the reader."""
    if found.by.machine == "prefetch":
        return fresh(Response(status=503))
    return fresh(redirect(at("links.follow", token=found.token), 303))


def onward(service: Service, found: Followed) -> str:
    """Return where somebody joins who is not known yet; that page reads from the link what it carries."""
    via = found.token or found.seen.code
    query = found.seen.campaign.utm_of(found.seen.link).query() | spoken()
    return join_url(service.settings.base_url, found.seen.program, via=via, query=query)


def counted() -> bool:
    """Whether this browser lets itself be counted: it may say for its reader that it does not."""
    return request.headers.get("Sec-GPC") != "1" and request.headers.get("DNT") != "1"


def fresh(response: AnyResponse) -> AnyResponse:
    """Return an answer that is asked for anew each time, and that leads on without telling where from."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
