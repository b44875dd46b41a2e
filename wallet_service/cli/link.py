"""`wallet-service link` and `poster`: make links by the million, short codes and QR codes for print, and end a link."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TextIO, get_args

import click

from wallet_service.cli.campaign import CHANNEL, DAY, day
from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.cli.operating import of_template, opened_program
from wallet_service.domain.errors import Fault, LinkRefused
from wallet_service.domain.links import Channel, Prospect
from wallet_service.domain.period import local_day
from wallet_service.links import link_url, mark, named, printed, short_url
from wallet_service.posters.code import PRINTED, Level
from wallet_service.posters.drawn import Drawing, Form, drawn
from wallet_service.posters.page import SIZES, Size
from wallet_service.storage.link_campaigns import OfProgram
from wallet_service.storage.programs import Opened
from wallet_service.usecases import mint as minting
from wallet_service.usecases.campaign import campaign_of, revoke_link, revoke_short
from wallet_service.usecases.mint import PROSPECT, Terms
from wallet_service.wiring import Service


@click.group()
def link() -> None:
    """Links of campaigns: each carries what it needs, so that a million of them are a file and not a million rows."""


@link.command("mint")
@click.argument("campaign")
@click.option("--members", is_flag=True, help="A link for each member with a valid card.")
@click.option(
    "--file",
    "given",
    type=click.File("r", encoding="utf-8-sig"),
    help="A link for each line of a CSV with external_id, name and locale; what else it has is kept.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The CSV to write."
)
@click.option("--channel", type=CHANNEL, help="How they are handed out; as the campaign says, if not given.")
@click.option("--until", type=DAY, help="Their last day, if it comes before the campaign's.")
@click.option("--limit", type=AT_LEAST_ONE, help="How often each may be used; as the campaign says, if not given.")
@click.option("--content", help="Tells variants of a mailing apart, as utm_content.")
@of_template
def mint(
    *,
    campaign: str,
    members: bool,
    given: TextIO | None,
    output: Path,
    channel: Channel | None,
    until: datetime | None,
    limit: int | None,
    content: str | None,
    template: str,
) -> None:
    """Make a link for each member, or for each line of a file, and count them as sent.

    Nothing is stored but the count. Made again, they are the same links. The file holds them as a mailing program reads
    them, and whoever has it can open every card: keep it as you keep passwords.

    \b
    Example:   wallet-service link mint spring-2027 --members --channel email -o links.csv
    """
    if members == (given is not None):
        raise click.UsageError("Give either --members or --file.")
    with opened() as service:
        program, found = _campaign(service, template, campaign)
        terms = Terms(channel or found.campaign.channel, day(until), limit, content)
        minting.check(found.campaign, terms)
        rows = _for_file(service, found, terms, given) if given else _for_members(service, found, terms)
        number = _write(output, rows)
        with service.begin() as tx:
            minting.sent(tx, found.campaign, terms.channel, times=number, day=_today(service, program))
    click.echo(f"{output}: {number:,} links")


def _for_members(service: Service, found: OfProgram, terms: Terms) -> Iterator[Iterable[object]]:
    yield "member_id", "external_id", "locale", "link"
    base_url = service.settings.base_url
    for each in minting.for_members(service.read, service.links.token, found.campaign, terms):
        yield each.member_id, each.external_id, each.locale, link_url(base_url, each.token)


def _for_file(service: Service, found: OfProgram, terms: Terms, given: TextIO) -> Iterator[Iterable[object]]:
    """Yield the lines of a file with a link at the end of each; one line is in memory at a time.

    Raises `LinkRefused`.
    """
    lines = csv.reader(given)
    head = next(lines, [])
    if not set(PROSPECT) & set(head) or len(set(head)) < len(head):
        message = f"needs a first line with one or more of {', '.join(PROSPECT)}, and no name twice"
        raise LinkRefused("The links were not made.", [Fault("file", "", message)])
    yield *head, "link"
    places = {name: head.index(name) for name in PROSPECT if name in head}
    for line in lines:
        if line:
            person = _prospect(line, places, len(head), lines.line_num)
            place = f"line {lines.line_num}"
            token = minting.for_prospect(service.links.token, found.campaign, terms, person, place=place)
            yield *line, link_url(service.settings.base_url, token)


def _prospect(line: list[str], places: dict[str, int], width: int, number: int) -> Prospect:
    if len(line) != width:
        fault = Fault("file", f"line {number}", f"has {len(line)} columns; the first line names {width}")
        raise LinkRefused("The links were not made.", [fault])
    return Prospect(**{name: line[place].strip() or None for name, place in places.items()})


def _write(output: Path, rows: Iterator[Iterable[object]]) -> int:
    """Write a file whole or not at all, readable by its owner alone; return how many lines it has below its head."""
    fresh = output.with_name(f"{output.name}.part")
    number = 0
    try:
        fresh.touch(mode=0o600)
        with fresh.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(next(rows))
            for row in rows:
                writer.writerow(row)
                number += 1
        fresh.replace(output)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return number


@link.command("short")
@click.argument("campaign")
@click.option("--channel", type=CHANNEL, default="print", show_default=True, help="How it is handed out.")
@click.option("--until", type=DAY, help="Its last day, if it comes before the campaign's.")
@click.option("--limit", type=AT_LEAST_ONE, help="How many people may join by it.")
@click.option("--content", help="Tells places apart, as utm_content.")
@of_template
def short(
    *,
    campaign: str,
    channel: Channel,
    until: datetime | None,
    limit: int | None,
    content: str | None,
    template: str,
) -> None:
    """Make a short link for anyone, to be printed, and print its address.

    \b
    Example:   wallet-service link short spring-2027 --content window
    """
    with opened() as service:
        _, found = _campaign(service, template, campaign)
        with service.begin() as tx:
            terms = Terms(channel, day(until), limit, content)
            code = minting.short(tx, found.campaign, terms, now=service.clock())
        click.echo(f"{code}  {short_url(service.settings.base_url, code)}")


@link.command("revoke")
@click.argument("link")
@of_template
def revoke(link: str, template: str) -> None:
    """End one link, used or not; LINK is its address, its token, or a short code.

    \b
    Example:   wallet-service link revoke 7KQ2-M9XA
    """
    code, token = named(link)
    with opened() as service:
        program = opened_program(service, template)
        with service.begin() as tx:
            if code:
                revoke_short(tx, program.merchant_id, code, now=service.clock())
            else:
                opened_link = service.links.open(token)
                revoke_link(tx, program.merchant_id, opened_link, mark(token), now=service.clock())
    click.echo("The link does not work any more.")


@click.command()
@click.argument("link")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="The file to write: .png or .svg with the code alone, .pdf with a page to hang up.")  # fmt: skip
@click.option("--color", help="Of the code, as #rrggbb; the brand's own, if not given and dark enough.")
@click.option("--level", type=click.Choice(get_args(Level)), default=PRINTED, show_default=True,
              help="How much may be lost: L 7 %, M 15 %, Q 25 %, H 30 %.")  # fmt: skip
@click.option("--size", type=click.Choice(list(SIZES)), default="A4", show_default=True, help="Of the page.")
@click.option("--width", type=click.IntRange(100, 10_000), default=1200, show_default=True, help="Pixels of a PNG.")
@click.option("--language", help="Of the page; the template's own, if not given.")
@of_template
def poster(
    *,
    link: str,
    output: Path,
    color: str | None,
    level: Level,
    size: Size,
    width: int,
    language: str | None,
    template: str,
) -> None:
    """Draw the QR code of a link; LINK is a short code, an address, or a token.

    \b
    Example:   wallet-service poster 7KQ2-M9XA -o window.pdf --size A5
    """
    with opened() as service:
        address, shown = _address(service, link)
        face = service.template(template).blank(language)
        form = next((each for each in get_args(Form) if output.suffix.lower() == f".{each}"), None)
        if form is None:
            raise click.UsageError("The file's name ends in .png, .svg or .pdf.")
        content = drawn(form, address, shown, face, Drawing(color, level, size, width))
    try:
        output.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    click.echo(f"{output}: {address}")


def _address(service: Service, given: str) -> tuple[str, str]:
    """Return the address of a link, and as people read and type it.

    Raises `UnknownLink` for what is no link of this service.
    """
    base_url = service.settings.base_url
    code, token = named(given)
    if code:
        return short_url(base_url, code), printed(f"{base_url}/s/{code}")
    service.links.open(token)
    address = link_url(base_url, token)
    return address, printed(address)


def _campaign(service: Service, template: str, code: str) -> tuple[Opened, OfProgram]:
    """Return the programme of a template, and the campaign of its merchant.

    Raises `UnknownCampaign`.
    """
    program = opened_program(service, template)
    with service.read() as tx:
        return program, campaign_of(tx, program.merchant_id, code)


def _today(service: Service, program: Opened) -> date:
    return local_day(service.clock(), service.in_force.of_program(program).program.zone)
