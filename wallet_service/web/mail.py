"""What comes back of letters: a reader wants no more, or whoever carries the mail tells that an address is no good."""

from typing import Literal

import structlog
from flask import Blueprint, Response, make_response, render_template
from itsdangerous import BadSignature
from pydantic import BaseModel, ConfigDict, ValidationError

from wallet_service.domain.errors import EventRefused, Fault, UnknownLink
from wallet_service.domain.identity import identity
from wallet_service.links import unsubscribe_links
from wallet_service.web.card_page import private
from wallet_service.web.choices import asked_language, page_parts
from wallet_service.web.links import does_not_work
from wallet_service.web.mail_words import WORDS
from wallet_service.web.webhooks import verified
from wallet_service.wiring import Opened, Service

log = structlog.get_logger(__name__)


class Notice(BaseModel):
    """What a mail provider tells of an address; one that bounced for now only (`hard` is false) is still written to."""

    model_config = ConfigDict(frozen=True, strict=True)

    type: Literal["bounced", "complained"]
    email: str
    hard: bool = True


def blueprint(service: Service) -> Blueprint:
    """Return the routes about letters: `/unsubscribe` for whoever has the link, `/mail/bounces` for who signs."""
    routes = Blueprint("mail", __name__)
    routes.register_error_handler(UnknownLink, does_not_work)

    @routes.get("/unsubscribe/<token>")
    def ask(token: str) -> Response:
        opened, _, _ = _read(service, token)
        return _page(service, opened, done=False)

    # A mail program presses the button by itself, with no cookie and no page before: RFC 8058.
    @routes.post("/unsubscribe/<token>")
    def unsubscribe(token: str) -> Response:
        opened, member_id, mark = _read(service, token)
        service.unsubscribing.by_reader(opened, member_id, mark, now=service.clock())
        log.info("letters.unsubscribed", program=opened.id)
        return _page(service, opened, done=True)

    @routes.post("/mail/bounces/<name>")
    def bounced(name: str) -> tuple[str, int]:
        source, _, body = verified(service, "standard", name)
        notice = _notice(body)
        address = identity("email", notice.email)
        if address is None:
            raise _refused("email", "is no address")
        if notice.hard or notice.type == "complained":
            merchant_id = service.unsubscribing.opened(source.program_id).merchant_id
            service.unsubscribing.by_carrier(merchant_id, address.value, notice.type, now=service.clock())
        return "", 204

    return routes


def _read(service: Service, token: str) -> tuple[Opened, int | None, bytes]:
    """Return the programme, the member if it is one's, and the mark of the address, which a token names.

    Raises `UnknownLink`.
    """
    try:
        program_id, member_id, mark = unsubscribe_links(service.secret_key, service.previous_key).loads(token)
    except BadSignature:
        raise UnknownLink from None
    return service.unsubscribing.opened(program_id), member_id, bytes.fromhex(mark)


def _notice(body: bytes) -> Notice:
    try:
        return Notice.model_validate_json(body)
    except ValidationError as error:
        faults = [Fault("body", ".".join(map(str, each["loc"])), str(each["msg"])) for each in error.errors()]
        raise EventRefused("The notice cannot be read; nothing was done.", faults) from None


def _refused(key: str, message: str) -> EventRefused:
    return EventRefused("The notice cannot be read; nothing was done.", [Fault("body", key, message)])


def _page(service: Service, opened: Opened, *, done: bool) -> Response:
    lang = asked_language()
    template = service.in_force.of_program(opened)
    words = template.words[template.language(lang)]
    page = render_template(
        "unsubscribe.html",
        **page_parts(lang),
        said=WORDS[lang],
        organization=words.text(template.look.brand.organization),
        done=done,
    )
    return private(make_response(page))
