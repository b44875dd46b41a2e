"""Links of campaigns: for one person or for many, short ones for print, their pictures, and their end."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from wallet_service.domain import links, sheet
from wallet_service.domain.errors import (
    LinkOver,
    LinkRefused,
    PosterRefused,
    SheetRefused,
    SheetTooLarge,
    UnknownCampaign,
    UnknownLink,
    UnknownMember,
)
from wallet_service.domain.links import MOST_USES, Channel
from wallet_service.domain.period import local_day
from wallet_service.links import link_url, mark, named, printed, short_url
from wallet_service.posters.code import PRINTED, Level
from wallet_service.posters.drawn import Drawing, drawn
from wallet_service.posters.page import Size
from wallet_service.usecases import mint
from wallet_service.usecases.campaign import OfProgram, Seen, campaign_of, link_of, revoke_link, revoke_short, short_of
from wallet_service.usecases.mint import PROSPECT, Terms
from wallet_service.usecases.once import Shown, done_before, once
from wallet_service.usecases.reach import program_of
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.campaigns import CampaignCode, CampaignPath, ChannelName, LastDay, Uses
from wallet_service.web.api.files import KINDS, PICTURES, File, Picture, Sheet, seen, whole
from wallet_service.web.api.model import Digits, ExternalId, Language, MemberId, MemberName, Model, Text
from wallet_service.web.api.routes import Done, Example, Resource

LINKS = Resource(
    "Links",
    "Links of campaigns: nothing of one is stored before it is opened. Whoever has a member's link can open the card.",
)

LINK = "link"  # the column of a file that is added
OF_MEMBERS = ("member_id", "external_id", "locale", LINK)

Content = Annotated[Text | None, Field(description="Tells variants of a mailing apart, as `utm_content`.")]
Given = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), Field(description="A link's address, or a short code.")
]


class Said(Model):
    """What is said of links; what is left out is as the campaign says it."""

    channel: ChannelName | None = None
    until: LastDay | None = None
    limit: Uses | None = None
    content: Content = None

    def terms(self, found: OfProgram) -> Terms:
        """Return it as it is said of links of a campaign."""
        return Terms(self.channel or found.campaign.channel, self.until, self.limit, self.content)


class SaidOfAll(Said):
    """What is said of all links of a file; what is left out is as the campaign says it."""

    limit: Annotated[int | None, Field(ge=1, le=MOST_USES, description="How often each may be used."), Digits] = None


class Prospect(Model):
    """Somebody who is no member yet, as far as you know them; with your own id, one press of a button enrols them."""

    external_id: ExternalId | None = None
    name: Text | None = None
    locale: Annotated[Text | None, Field(description="Their language, such as `cs`.")] = None


class NewLink(Said):
    """For whom the link is: exactly one of a member and a prospect."""

    member: MemberName | None = None
    prospect: Prospect | None = None

    @model_validator(mode="after")
    def _only_one(self) -> "NewLink":
        if (self.member is None) == (self.prospect is None):
            raise ValueError("should have exactly one of member and prospect")
        return self


class NewShortLink(Said):
    """A link for anyone, to be printed."""

    channel: ChannelName = "print"


class Link(Model):
    """A link: where it leads from, and until when and how often it works."""

    url: str
    campaign: CampaignCode
    channel: Channel
    until: date | None
    limit: int | None


class PersonalLink(Link):
    """A link for one person: a member, or somebody who is none yet."""

    member_id: MemberId | None


class ShortLink(Link):
    """A link for anyone, with the code that people read and type."""

    code: str


class NamedLink(Model):
    """Which link."""

    link: Given


class RevokedLink(Model):
    """A link that does not work any more, and for whom it was."""

    campaign: CampaignCode
    kind: Literal["anyone", "member", "prospect"]


class NewPicture(NamedLink):
    """Which link, and how its code is drawn."""

    color: Annotated[
        str | None,
        StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"),
        Field(description="Of the code; the brand's own, if not given and dark enough."),
    ] = None
    level: Annotated[Level, Field(description="How much may be lost: L 7 %, M 15 %, Q 25 %, H 30 %.")] = PRINTED
    size: Annotated[Size, Field(description="Of the page, where that is asked for.")] = "A4"
    width: Annotated[int, Field(ge=100, le=4_000, description="Pixels of a PNG.")] = 1200
    language: Annotated[Language | None, Field(description="Of the page; the card's own, if not given.")] = None


@LINKS.post(
    "/campaigns/{campaign}/links",
    scope="links:write",
    status=201,
    problems=(LinkOver, LinkRefused, UnknownCampaign, UnknownMember),
    example=Example(
        path={"campaign": samples.CAMPAIGN},
        body={"member": {"id": samples.MEMBER}, "channel": "email", "until": "2027-05-31", "limit": 3},
    ),
)
def mint_link(call: Call, *, path: CampaignPath, body: NewLink) -> Done[PersonalLink]:
    """Make a link for one person, and count it as sent. Made again with the same terms, it is the same link."""
    found = _campaign(call, path)
    terms = body.terms(found)
    who = links.Prospect(**body.prospect.model_dump()) if body.prospect else None

    def act(tx: Any) -> Shown:
        mint.check(found.campaign, terms)
        said: dict[str, Any] = {"number": None, "member_id": None}
        if body.member:
            member = mint.addressee(tx, found.campaign, body.member.customer(), vault=call.service.vault)
            said = {"number": member.id, "member_id": member.public_id}
        elif who:
            mint.for_prospect(call.service.links.token, found.campaign, terms, who)
        mint.sent(tx, found.campaign, terms.channel, times=1, day=_today(call, found))
        return Shown(said)

    done = call.once("link.mint", act)
    said = done.answer["said"]
    # The link is made of what is asked for, so it is not kept: nothing of a prospect is.
    link = terms.of(found.campaign, member=said["number"], prospect=who)
    url = link_url(call.service.settings.base_url, call.service.links.token(link))
    return Done(PersonalLink(url=url, member_id=said["member_id"], **_facts(found, link)), done.replayed)


@LINKS.post(
    "/campaigns/{campaign}/short-links",
    scope="links:write",
    status=201,
    problems=(LinkOver, LinkRefused, UnknownCampaign),
    example=Example(path={"campaign": samples.CAMPAIGN}, body={"content": "window"}),
)
def mint_short_link(call: Call, *, path: CampaignPath, body: NewShortLink) -> Done[ShortLink]:
    """Make a link for anyone, with a code of eight letters for print; `limit` is how many people may join by it."""
    found = _campaign(call, path)
    terms = body.terms(found)
    done = call.once("link.short", lambda tx: Shown({"code": mint.short(tx, found.campaign, terms, now=call.now)}))
    code = done.answer["said"]["code"]
    url = short_url(call.service.settings.base_url, code)
    return Done(ShortLink(url=url, code=code, **_facts(found, terms.of(found.campaign))), done.replayed)


@LINKS.post(
    "/campaigns/{campaign}/member-links",
    scope="links:write",
    problems=(LinkOver, LinkRefused, UnknownCampaign),
    example=Example(path={"campaign": samples.CAMPAIGN}, query={"channel": "email"}),
)
def mint_for_members(call: Call, *, path: CampaignPath, query: SaidOfAll) -> Done[Sheet]:
    """Make a link for each member with a valid card, as a file for your own mailer, sent while it is made.

    They count as sent once the file was made to its end. Made again, they are the same links. Texts are written as they
    are: a spreadsheet may take one for a formula.
    """
    found, service = _campaign(call, path), call.service
    terms, asking = query.terms(found), call.asking("link.mint_members")
    with service.read() as tx:
        before = done_before(tx, asking, vault=service.vault)
    if before is None:
        mint.check(found.campaign, terms)
    day = _today(call, found)

    def rows() -> Iterator[dict[str, Any]]:
        number = 0
        for each in mint.for_members(service.read, service.links.token, found.campaign, terms):
            number += 1
            url = link_url(service.settings.base_url, each.token)
            yield dict(zip(OF_MEMBERS, (each.member_id, each.external_id, each.locale, url), strict=True))

        def act(tx: Any) -> Shown:
            mint.sent(tx, found.campaign, terms.channel, times=number, day=day)
            return Shown({"links": number})

        once(service.begin, asking, vault=service.vault, act=act)

    kind = KINDS[call.accepted]
    lines = chain((sheet.head_of(kind, OF_MEMBERS),), sheet.lines_of(kind, OF_MEMBERS, rows(), guard=False))
    return Done(Sheet("links", kind, lines), replayed=before is not None)


@LINKS.post(
    "/campaigns/{campaign}/prospect-links",
    scope="links:write",
    problems=(LinkOver, LinkRefused, SheetRefused, SheetTooLarge, UnknownCampaign),
    example=Example(
        path={"campaign": samples.CAMPAIGN},
        query={"channel": "email"},
        file="email,external_id,name\r\nalex@home.example,customer-2042,Alex Example\r\n",
    ),
)
def mint_for_prospects(call: Call, *, path: CampaignPath, query: SaidOfAll, file: File) -> Done[Sheet]:
    """Make a link for each row of a file of people who are no members yet; the answer is the file with a column more.

    CSV with a head in UTF-8, or JSON Lines, with one or more of `external_id`, `name` and `locale`; what else there is
    stays beside the link. A row that cannot be taken refuses the file, and no link counts as sent. Nothing of it
    is kept.
    """
    found, service = _campaign(call, path), call.service
    terms, day = query.terms(found), _today(call, found)
    pieces, digest = seen(file)
    form, rest = _form(pieces, file.kind)
    mint.check_file(form)
    columns = [*(each for each in form.columns or PROSPECT if each != LINK), LINK]
    replayed = False

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal replayed
        number = 0
        for said, token in mint.for_file(service.links.token, found.campaign, terms, form=form, pieces=rest):
            number += 1
            yield {**said, LINK: link_url(service.settings.base_url, token)}

        def act(tx: Any) -> Shown:
            mint.check(found.campaign, terms)
            mint.sent(tx, found.campaign, terms.channel, times=number, day=day)
            return Shown({"links": number})

        asking = call.asking("link.mint_prospects", file=digest(), written=file.kind)
        replayed = once(service.begin, asking, vault=service.vault, act=act).replayed

    kind = KINDS[call.accepted]
    lines = whole(chain((sheet.head_of(kind, columns),), sheet.lines_of(kind, columns, rows(), guard=False)))
    return Done(Sheet("links", kind, lines), replayed)


@LINKS.post(
    "/links/revoke",
    scope="links:write",
    problems=(UnknownLink,),
    example=Example(body={"link": samples.LINK}),
)
def end_link(call: Call, *, body: NamedLink) -> Done[RevokedLink]:
    """End one link, used or not, by its address or its short code."""

    def act(tx: Any) -> Shown:
        code, token = named(body.link)
        if code:
            ended = revoke_short(tx, call.merchant_id, code, now=call.now)
        else:
            opened = call.service.links.open(token)
            ended = revoke_link(tx, call.merchant_id, opened, mark(token), now=call.now)
        return Shown({"campaign": ended.campaign.code, "kind": ended.link.kind})

    done = call.once("link.revoke", act)
    return Done(RevokedLink(**done.answer["said"]), done.replayed)


@LINKS.ask(
    "/links/picture",
    scope="links:read",
    problems=(PosterRefused, UnknownLink),
    example=Example(body={"link": samples.SHORT_CODE, "size": "A5"}),
)
def draw_link(call: Call, *, body: NewPicture) -> Picture:
    """Draw the QR code of a link: as PNG or SVG, or as a page to hang up, as PDF, whichever you accept."""
    code, token = named(body.link)
    base_url = call.service.settings.base_url
    with call.service.read() as tx:
        if code:
            found: Seen = short_of(tx, call.merchant_id, code)
            address, shown = short_url(base_url, code), printed(f"{base_url}/s/{code}")
        else:
            found = link_of(tx, call.merchant_id, call.service.links.open(token), mark(token))
            address = link_url(base_url, token)
            shown = printed(address)
    face = call.service.template(found.template).blank(body.language)
    drawing = Drawing(body.color, body.level, body.size, body.width)
    return Picture("link", call.accepted, drawn(PICTURES[call.accepted], address, shown, face, drawing))


def _campaign(call: Call, path: CampaignPath) -> OfProgram:
    with call.service.read() as tx:
        return campaign_of(tx, call.merchant_id, path.campaign)


def _today(call: Call, found: OfProgram) -> date:
    """Return the day in the programme that a campaign's links lead to."""
    with call.service.read() as tx:
        opened = program_of(tx, call.merchant_id, found.program)
    return local_day(call.now, call.program(opened).template.program.zone)


def _facts(found: OfProgram, link: links.Link) -> dict[str, Any]:
    campaign = found.campaign
    return {
        "campaign": campaign.code,
        "channel": link.channel,
        "until": links.last_day(link, campaign),
        "limit": links.limit_of(link, campaign),
    }


def _form(pieces: Iterator[bytes], kind: sheet.Kind) -> tuple[sheet.Form, Iterator[bytes]]:
    """Return how a file is written, and its bytes from the first record on."""
    head = b""
    while len(head) <= sheet.LONGEST and (piece := next(pieces, b"")):
        head += piece
    form = sheet.form_of(head, kind=kind)
    return form, chain((head[form.starts_at :],), pieces)
