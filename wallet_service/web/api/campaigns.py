"""Campaigns of links, and how far people came by them."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from wallet_service.domain import links
from wallet_service.domain.errors import CampaignTaken, LinkRefused, ProgramNotNamed, UnknownCampaign, UnknownProgram
from wallet_service.domain.links import MOST_USES, Channel
from wallet_service.domain.values import Day
from wallet_service.usecases import campaign as campaigns
from wallet_service.usecases.campaign import OfProgram
from wallet_service.usecases.funnel import as_file
from wallet_service.usecases.funnel import funnel as counted
from wallet_service.usecases.once import Shown
from wallet_service.usecases.operate import Operated
from wallet_service.usecases.reach import program_of
from wallet_service.web.api import samples
from wallet_service.web.api.call import Call
from wallet_service.web.api.files import KINDS, Sheet, whole
from wallet_service.web.api.model import Model, ProgramCode, Text, Whole
from wallet_service.web.api.paging import Next, Paged, begins_after, cursor
from wallet_service.web.api.routes import JSON, Done, Example, Resource

CAMPAIGNS = Resource("Campaigns", "What links belong to, and how far people came by them, up to the first purchase.")
THIS = "campaigns"

CampaignCode = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), Field(description="Your own code of a campaign.")
]
ChannelName = Annotated[Channel, Field(description="How links are handed out.")]
LastDay = Annotated[Day, Field(description="The last day on which links work, as the programme's clocks have it.")]
Uses = Annotated[int, Field(ge=1, le=MOST_USES, description="How often each link may be used."), Whole]


class CampaignPath(Model):
    """Which campaign."""

    campaign: CampaignCode


class Utm(Model):
    """Where visitors are said to come from, in the words that shops' own statistics know.

    `medium` is the link's channel, and `campaign` the campaign's code, if not given.
    """

    source: Text | None = None
    medium: Text | None = None
    campaign: Text | None = None
    term: Text | None = None
    content: Text | None = None


class NewCampaign(Model):
    """A campaign, with what holds for all its links where they say nothing else."""

    program: ProgramCode | None = None
    code: CampaignCode
    name: Annotated[Text | None, Field(description="What people call it; the code, if not given.")] = None
    channel: ChannelName = "other"
    utm: Utm = Utm()
    until: LastDay | None = None
    limit: Uses | None = None


class Campaign(Model):
    """A campaign; none of its links works from `revoked_at` on."""

    code: str
    name: str
    program: str
    channel: Channel
    utm: Utm
    until: date | None
    limit: int | None
    created_at: datetime
    revoked_at: datetime | None


class Campaigns(Model):
    """A page of campaigns, oldest first."""

    data: tuple[Campaign, ...]
    next: Next


class Asked(Paged):
    """Which part of the funnel: `limit` and `cursor` are of JSON; a file has all."""

    by: Annotated[Literal["campaign", "channel", "link", "wallet"], Field(description="What is told apart.")] = (
        "campaign"
    )
    campaign: Annotated[CampaignCode | None, Field(description="Of this campaign only.")] = None
    since: Annotated[Day | None, Field(description="From this day on.")] = None
    until: Annotated[Day | None, Field(description="Up to this day.")] = None


class Counted(Model):
    """How many came how far; `key` is what they have in common: a campaign, channel, wallet, short code or link.

    Of a link, `campaign`, `kind` and `member_id` say more. `sent` are links that were made, `joined` became members,
    `clicked` downloaded the card or went to save it, `kept` had it in the wallet 30 days later; of the `early` that
    cannot be told yet. `purchased` paid an order afterwards. The last four are programs that looked at a link: they are
    in none of the steps.
    """

    key: str
    kind: Literal["anyone", "member", "prospect"] | None
    member_id: str | None
    campaign: str | None
    sent: int
    opened: int
    joined: int
    clicked: int
    installed: int
    early: int
    kept: int
    purchased: int
    preview: int
    scanner: int
    prefetch: int
    crawler: int


class Funnel(Model):
    """A page of the funnel."""

    data: tuple[Counted, ...]
    next: Next


@CAMPAIGNS.get("/campaigns", scope="links:read", example=Example(query={"limit": "1"}))
def list_campaigns(call: Call, *, query: Paged) -> Campaigns:
    """List your campaigns, oldest first."""
    after = begins_after(call, query, THIS)
    with call.service.read() as tx:
        found = campaigns.campaigns_page(tx, call.merchant_id, after=after, most=query.limit + 1)
    return Campaigns(
        data=tuple(_campaign(each) for each in found[: query.limit]),
        next=cursor(call, THIS, found, query, lambda last: last.campaign.code),
    )


@CAMPAIGNS.post(
    "/campaigns",
    scope="links:write",
    status=201,
    problems=(CampaignTaken, LinkRefused, ProgramNotNamed, UnknownProgram),
    example=Example(
        body={
            "program": samples.PROGRAM,
            "code": samples.NEW_CAMPAIGN,
            "name": "Summer letter",
            "channel": "email",
            "until": "2027-05-31",
        }
    ),
)
def add_campaign(call: Call, *, body: NewCampaign) -> Done[Campaign]:
    """Begin a campaign whose links lead into a programme of yours."""

    def act(tx: Any) -> Shown:
        opened = program_of(tx, call.merchant_id, body.program)
        added = campaigns.add_campaign(
            tx,
            merchant_id=call.merchant_id,
            program=call.program(opened).template.program.program.code,
            code=body.code,
            name=body.name or body.code,
            channel=body.channel,
            utm=links.Utm(**body.utm.model_dump()),
            until=body.until,
            limit=body.limit,
            now=call.now,
        )
        return Shown(_campaign(added).model_dump(mode="json"))

    return _done(call.once("campaign.add", act))


@CAMPAIGNS.get(
    "/campaigns/{campaign}",
    scope="links:read",
    problems=(UnknownCampaign,),
    example=Example(path={"campaign": samples.CAMPAIGN}),
)
def get_campaign(call: Call, *, path: CampaignPath) -> Campaign:
    """Show a campaign."""
    with call.service.read() as tx:
        return _campaign(campaigns.campaign_of(tx, call.merchant_id, path.campaign))


@CAMPAIGNS.post(
    "/campaigns/{campaign}/revoke",
    scope="links:write",
    problems=(UnknownCampaign,),
    example=Example(path={"campaign": samples.CAMPAIGN}),
)
def revoke_campaign(call: Call, *, path: CampaignPath) -> Done[Campaign]:
    """End a campaign: none of its links works from now on, however many are out."""

    def act(tx: Any) -> Shown:
        campaigns.revoke_campaign(tx, call.merchant_id, path.campaign, now=call.now)
        return Shown(_campaign(campaigns.campaign_of(tx, call.merchant_id, path.campaign)).model_dump(mode="json"))

    return _done(call.once("campaign.revoke", act))


@CAMPAIGNS.get(
    "/funnel",
    scope="links:read",
    problems=(UnknownCampaign,),
    example=Example(query={"campaign": samples.CAMPAIGN}),
)
def get_funnel(call: Call, *, query: Asked) -> Funnel | Sheet:
    """Show how far people came by links: sent, opened, clicked, installed, kept for 30 days, first purchase.

    As JSON page by page, or all of it as a file. The days are those on which links were sent, opened and clicked.
    Whoever objects is not counted.
    """
    this = f"funnel by {query.by}"  # a place in it is one however it is filtered
    after = begins_after(call, query, this)
    paged = call.accepted == JSON
    with call.service.begin() as tx:
        rows = counted(
            tx,
            merchant_id=call.merchant_id,
            by=query.by,
            campaign=query.campaign,
            since=query.since,
            until=query.until,
            now=call.now,
            after=after if paged else None,
            most=query.limit + 1 if paged else None,
        )
        if not paged:
            kind = KINDS[call.accepted]
            return Sheet("funnel", kind, whole(as_file(rows, kind)))
        found = list(rows)
    return Funnel(
        data=tuple(Counted(**asdict(each)) for each in found[: query.limit]),
        next=cursor(call, this, found, query, lambda last: last.key),
    )


def _done(done: Operated) -> Done[Campaign]:
    return Done(Campaign.model_validate(done.answer["said"], strict=False), done.replayed)


def _campaign(found: OfProgram) -> Campaign:
    told = found.campaign
    return Campaign(
        code=told.code,
        name=told.name,
        program=found.program,
        channel=told.channel,
        utm=Utm(**asdict(told.utm)),
        until=told.until,
        limit=told.limit,
        created_at=told.created_at,
        revoked_at=told.revoked_at,
    )
