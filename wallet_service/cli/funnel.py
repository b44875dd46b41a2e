"""`wallet-service funnel`: how far people came by links, as a table, JSON or CSV, or the address of its page."""

from datetime import datetime, timedelta

import click

from wallet_service.cli.campaign import DAY, day
from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.cli.operating import of_template, opened_program
from wallet_service.links import funnel_url
from wallet_service.usecases.funnel import PATH, WAYS, By, Counted, as_csv, as_json
from wallet_service.usecases.funnel import funnel as counted

MACHINES = ("preview", "scanner", "prefetch", "crawler")
SHOWN = (*PATH, "joined", "early")


@click.command()
@click.option("--by", type=click.Choice(WAYS), default="campaign", show_default=True, help="What is told apart.")
@click.option("--campaign", help="Of this campaign only.")
@click.option("--since", type=DAY, help="From this day on.")
@click.option("--until", type=DAY, help="Up to this day.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option(
    "--page",
    "days",
    type=AT_LEAST_ONE,
    metavar="DAYS",
    help="Print the address of a page with charts, which whoever has it can read for so many days.",
)
@of_template
def funnel(
    *,
    by: By,
    campaign: str | None,
    since: datetime | None,
    until: datetime | None,
    form: str,
    days: int | None,
    template: str,
) -> None:
    """Show how far people came by links: sent, opened, clicked, installed, kept for 30 days, first purchase.

    Previews of messengers, mail scanners and what is fetched ahead are counted apart. No cookie is set, nobody else is
    told, and whoever objects is not counted.

    \b
    Example:   wallet-service funnel --by channel
    """
    with opened() as service:
        merchant_id, now = opened_program(service, template).merchant_id, service.clock()
        if days:
            until_then = now + timedelta(days=days)
            click.echo(funnel_url(service.settings.base_url, service.secret_key, merchant_id, until=until_then))
            return
        with service.begin() as tx:
            rows = counted(
                tx, merchant_id=merchant_id, by=by, campaign=campaign, since=day(since), until=day(until), now=now
            )
            lines = as_json(rows) if form == "json" else as_csv(rows) if form == "csv" else None
            if lines:
                for each in lines:
                    click.echo(each, nl=False)
                return
            click.echo(f"{by:<28}" + "".join(f"{name:>10}" for name in SHOWN) + "  programs")
            for row in rows:
                click.echo(_line(row))


def _line(row: Counted) -> str:
    programs = ", ".join(f"{name} {number:,}" for name in MACHINES if (number := getattr(row, name)))
    return f"{row.key:<28}" + "".join(f"{getattr(row, name):>10,}" for name in SHOWN) + f"  {programs}".rstrip()
