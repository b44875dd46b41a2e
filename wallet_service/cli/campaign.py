"""`wallet-service campaign`: begin, list and end campaigns of links."""

import json
from datetime import date, datetime

import click

from wallet_service.cli.opening import opened
from wallet_service.cli.operating import of_template, opened_program, with_json
from wallet_service.cli.send import send
from wallet_service.domain.links import CHANNELS, Channel, Utm
from wallet_service.storage.link_campaigns import OfProgram
from wallet_service.usecases import campaign as campaigns_of

DAY = click.DateTime(["%Y-%m-%d"])
CHANNEL = click.Choice(CHANNELS)


def day(given: datetime | None) -> date | None:
    """Return the day of an option."""
    return given.date() if given else None


@click.group()
def campaign() -> None:
    """Campaigns that links belong to."""


@campaign.command("add")
@click.argument("code")
@click.option("--name", help="What people call it; the code, if not given.")
@click.option("--channel", type=CHANNEL, default="other", show_default=True, help="How most links are handed out.")
@click.option("--until", type=DAY, help="The last day of every link, as the programme's clocks have it.")
@click.option("--limit", type=int, help="How often each link may be used.")
@click.option("--utm-source", help="Handed on to the page where people join, with the next four.")
@click.option("--utm-medium", help="The channel, if not given.")
@click.option("--utm-campaign", help="The code, if not given.")
@click.option("--utm-term")
@click.option("--utm-content")
@of_template
def add(
    *,
    code: str,
    name: str | None,
    channel: Channel,
    until: datetime | None,
    limit: int | None,
    utm_source: str | None,
    utm_medium: str | None,
    utm_campaign: str | None,
    utm_term: str | None,
    utm_content: str | None,
    template: str,
) -> None:
    """Begin a campaign whose links lead into the programme of a template.

    \b
    Example:   wallet-service campaign add spring-2027 --channel email --until 2027-05-31
    """
    with opened() as service:
        program = opened_program(service, template)
        with service.begin() as tx:
            campaigns_of.add_campaign(
                tx,
                merchant_id=program.merchant_id,
                program=service.template(template).program.program.code,
                code=code,
                name=name or code,
                channel=channel,
                utm=Utm(utm_source, utm_medium, utm_campaign, utm_term, utm_content),
                until=day(until),
                limit=limit,
                now=service.clock(),
            )
    click.echo(f"{code} has begun. Make links with `wallet-service link mint {code} --members -o links.csv`.")


@campaign.command("list")
@of_template
@with_json
def list_campaigns(template: str, as_json: bool) -> None:
    """List the campaigns of the merchant whose programme the template opened, oldest first."""
    with opened() as service:
        program = opened_program(service, template)
        with service.read() as tx:
            found = campaigns_of.campaigns(tx, program.merchant_id)
    if as_json:
        click.echo(json.dumps([_told(each) for each in found], indent=2))
        return
    for each in found:
        told = each.campaign
        state = "revoked" if told.revoked_at else f"until {told.until}" if told.until else "no last day"
        limit = f", each link {told.limit} times" if told.limit else ""
        click.echo(f"{told.code:<24} {each.program:<16} {told.channel:<10} {state}{limit}  {told.name}")


def _told(each: OfProgram) -> dict[str, object]:
    told = each.campaign
    return {
        "code": told.code,
        "name": told.name,
        "program": each.program,
        "channel": told.channel,
        "until": told.until.isoformat() if told.until else None,
        "limit": told.limit,
        "utm": told.utm.query(),
        "created_at": told.created_at.isoformat(),
        "revoked_at": told.revoked_at.isoformat() if told.revoked_at else None,
    }


@campaign.command("revoke")
@click.argument("code")
@of_template
def revoke(code: str, template: str) -> None:
    """End a campaign: none of its links works any more, however many are out.

    \b
    Example:   wallet-service campaign revoke spring-2027
    """
    with opened() as service:
        program = opened_program(service, template)
        with service.begin() as tx:
            campaigns_of.revoke_campaign(tx, program.merchant_id, code, now=service.clock())
    click.echo(f"{code} has ended; its links do not work any more.")


campaign.add_command(send)
