"""The page of a card: whose it is, in which language it speaks, where the member stands, a button for each wallet."""

from flask import Response, make_response, render_template, request, url_for
from itsdangerous import BadSignature

from wallet_service.domain import drawing
from wallet_service.domain.drawing import Case
from wallet_service.domain.errors import UnknownCard
from wallet_service.domain.template import Template
from wallet_service.links import card_links
from wallet_service.usecases.hold import lost_of_held
from wallet_service.usecases.refer import invitation
from wallet_service.usecases.serve import card_by_serial
from wallet_service.web.choices import at, choices, who
from wallet_service.web.words import WORDS, language
from wallet_service.wiring import Found, Service

LETTER = "letter"  # the parameter that says that whoever has just joined has been sent one


def card_of(service: Service, token: str) -> Found:
    """Return the card that a link opens, settled first if its member is due.

    Raises `UnknownCard`.
    """
    try:
        serial = card_links(service.secret_key, service.previous_key).loads(token)
    except BadSignature:
        raise UnknownCard from None
    with service.read() as tx:
        found = card_by_serial(tx, serial)
    return service.settled(found)


def spoken_to(found: Found) -> str:
    """Return the language for whoever is reading: the member's own, then what the browser prefers."""
    return language([found.member.locale, *(each for each, _ in request.accept_languages)])


def private(response: Response) -> Response:
    """Return an answer that no cache keeps and no search engine lists."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def case_of(found: Found, template: Template, spoken: str) -> Case:
    """Return where the member stands, to be said in that language, or in the template's own if it has not that one."""
    return Case(found.member.standing, template.program, template.words[template.language(spoken)])


def card_page(service: Service, found: Found, token: str, *, later: bool = False) -> Response:
    """Return the page with the buttons, in the reader's language; `later` says that Google could not take the card."""
    spoken = spoken_to(found)
    template = service.in_force.of_card(found)
    page = render_template(
        "card.html",
        lang=spoken,
        words=WORDS[spoken],
        face=template.draw(found.member.standing, spoken),
        later=later,
        letter=LETTER in request.args and service.settings.mails,
        back_url=url_for("public.add", token=token) if later else None,
        choices=choices(
            service,
            who(),
            spoken,
            address=f"{service.settings.base_url}/cards/{token}",
            apple_url=at("public.download", token=token) if service.settings.apple else None,
            google_url=at("public.save", token=token) if service.google else None,
            post=False,
        ),
        standing=standing(
            case_of(found, template, spoken),
            found.member.position.held,
            WORDS[spoken],
            lost=lost_aside(service, found, template),
        )
        + _invitation(service, found, WORDS[spoken]),
        statement_url=url_for("account.statement", token=token) if template.program.unit else None,
        terms_url=url_for("account.terms", token=token),
        member_url=url_for("members.ask", program=template.program.program.code) if service.settings.mails else None,
    )
    return private(make_response(page))


def _invitation(service: Service, found: Found, words: dict[str, str]) -> list[tuple[str, str]]:
    """Return the code by which the member brings others, where the programme thanks for that."""
    with service.read() as tx:
        code = invitation(tx, found.member)
    return [(words["invitation"], code)] if code else []


def lost_aside(service: Service, found: Found, template: Template) -> int:
    """Return how many of a member's held points would die at once if they came back now."""
    if not found.member.position.held:
        return 0
    with service.snapshot() as tx:
        return lost_of_held(tx, found.member, template, now=service.clock())


def standing(case: Case, held: int, words: dict[str, str], *, lost: int = 0) -> list[tuple[str, str]]:
    """Return where a member stands as labels with values; what a member has nothing of is left out.

    Of the points that are `held`, `lost` are to be named as those that die at once if they come back.
    """
    program, where, day = case.program, case.standing, case.words.date
    found: list[tuple[str, str]] = []
    if program.unit:
        found.append(("balance", drawing.said(case, where.balance)))
        found += [("pending", drawing.said(case, where.pending))] if where.pending > 0 else []
        if held > 0:
            aside = drawing.said(case, held)
            dying = words["held_dying"].format(held=aside, points=drawing.said(case, lost))
            found.append(("held", dying if lost > 0 else aside))
        if where.dying > 0 and where.dying_on:
            dying = words["valid"].format(points=drawing.said(case, where.dying), date=day(where.dying_on))
            found.append(("expiry", dying))
    if where.tier is not None:
        tier = drawing.tier_name(program, case.words, where.tier)
        until = words["until"].format(date=day(where.tier_until)) if where.tier_until else ""
        found.append(("tier", f"{tier}, {until}" if until else tier))
    if program.tiers and program.tiers.measure != "membership":
        ahead = drawing.progress(case)
        missing = words["to_go"].format(points=ahead[0], tier=ahead[1]) if ahead else words["top"]
        found.append(("next", missing))
    if where.member_until:
        found.append(("member_until", day(where.member_until)))
    found += [("granted", str(drawing.value("granted", case))), ("rewards", str(drawing.value("rewards", case)))]
    return [(words[key], value) for key, value in found if value]
