"""Who is signed in, by a cookie that holds nothing but the session; and that a form was sent from a page of ours."""

import hmac
from dataclasses import dataclass

from flask import request, url_for
from itsdangerous import BadSignature
from werkzeug.wrappers import Response as AnyResponse

from wallet_service.domain.template import Template
from wallet_service.links import form_mark, session_cookies
from wallet_service.usecases.join_by_form import program_of
from wallet_service.usecases.operate import OpenProgram
from wallet_service.usecases.sign_in import signed_in
from wallet_service.web.choices import asked_language
from wallet_service.wiring import Found, Opened, Service

COOKIE = "member"
MARK = "mark"  # the field of a form that shows where it came from
OURS = ("same-origin", "none")  # what browsers say of a request that no other site has caused


@dataclass(frozen=True, slots=True)
class Visited:
    """A programme whose pages for members are visited, in which language."""

    code: str
    opened: Opened
    template: Template
    lang: str

    def program(self, service: Service) -> OpenProgram:
        """Return the programme as operations need it."""
        return OpenProgram(self.opened.id, self.template, service.vault)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member who is signed in, with the session's token; the card was settled."""

    place: Visited
    found: Found
    session: str


def visited(service: Service, program: str) -> Visited:
    """Return the programme of an address.

    Raises `UnknownProgram`.
    """
    with service.read() as tx:
        opened = program_of(tx, program)
    return Visited(program, opened, service.in_force.of_program(opened), asked_language())


def member_here(service: Service, program: str) -> SignedIn | None:
    """Return who is signed in to a programme, and let the session go on; None where nobody is.

    Raises `UnknownProgram`.
    """
    place = visited(service, program)
    session = _session(service)
    if session is None:
        return None
    with service.begin() as tx:
        found = signed_in(tx, session, program_id=place.opened.id, now=service.clock())
    if found is None:
        return None
    lang = asked_language(found.member.locale)
    found = service.settled(found)
    return SignedIn(Visited(program, place.opened, service.in_force.of_card(found), lang), found, session)


def keep(service: Service, program: str, response: AnyResponse, session: str) -> AnyResponse:
    """Give the browser the cookie of a session; it goes with the browser, and the session before it, by rest."""
    value = str(session_cookies(service.secret_key).dumps(session))
    response.set_cookie(COOKIE, value, path=_path(program), secure=_secure(service), httponly=True, samesite="Lax")
    return response


def drop(service: Service, program: str, response: AnyResponse) -> AnyResponse:
    """Take the cookie away."""
    response.delete_cookie(COOKIE, path=_path(program), secure=_secure(service), httponly=True, samesite="Lax")
    return response


def mark_of(service: Service, signed: SignedIn) -> str:
    """Return what the forms of a session carry."""
    return form_mark(service.secret_key, signed.session)


def own_form(service: Service, signed: SignedIn) -> bool:
    """Whether the form that was sent is one of this session's, and no other site has sent it."""
    given = request.form.get(MARK, "").encode("utf-8", "replace")
    return from_here() and hmac.compare_digest(mark_of(service, signed).encode(), given)


def from_here() -> bool:
    """Whether the browser does not say that another site has caused this request."""
    return request.headers.get("Sec-Fetch-Site", "none") in OURS


def _session(service: Service) -> str | None:
    try:
        found = session_cookies(service.secret_key).loads(request.cookies.get(COOKIE, ""))
    except BadSignature:
        return None
    return found if isinstance(found, str) else None


def _secure(service: Service) -> bool:
    """Whether browsers reach us over TLS, so that they need not send the cookie over anything else."""
    return service.settings.base_url.startswith("https://")


def _path(program: str) -> str:
    return url_for("members.ask", program=program)
