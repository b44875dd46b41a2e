"""`wallet-service campaign send`: write to the members of a programme, or to the people of a file, by e-mail or SMS."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from wallet_service.cli import bulk
from wallet_service.cli.opening import opened
from wallet_service.cli.operating import Asking, asking, of_template, opened_program
from wallet_service.domain.campaign_letter import CampaignLetter, read_letter
from wallet_service.domain.letters import Channel
from wallet_service.storage.programs import Opened
from wallet_service.usecases import send_campaign as sending
from wallet_service.usecases.address_campaign import Addressed, Writing
from wallet_service.usecases.campaign import campaign_of
from wallet_service.usecases.operate import OpenProgram
from wallet_service.usecases.send_campaign import MEMBERS, Foretold
from wallet_service.wiring import Service


@click.command("send")
@click.argument("campaign")
@click.option(
    "--letter", required=True, type=click.File("rb"), help="What is written: a TOML file, a table a language."
)
@click.option("--to", default=MEMBERS, show_default=True,
              help="members, or a CSV file with email (or phone), and external_id, name, locale.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say whom it would go to, and show three of the letters.")
@click.option("--wait", is_flag=True, help="Help with writing the letters, and show how far it is.")
@of_template
@asking
def send(*, asked: Asking, campaign: str, letter: BinaryIO, to: str, dry_run: bool, wait: bool, template: str) -> None:
    """Write a letter with a personal link to each member who has agreed to news by the campaign's channel.

    Workers do it. A repeat under the same --key writes to nobody again. What a FILE names are people who are no members
    yet and have agreed elsewhere.

    \b
    Example:   wallet-service campaign send spring-2027 --letter spring.toml --dry-run
    """
    with opened() as service:
        program = opened_program(service, template)
        writing = _writing(service, program, campaign, letter.read(), members=to == MEMBERS)
        if dry_run:
            _foretell(service, writing, to)
            return
        _check(service, writing.letter.channel)
        done = sending.send_campaign(
            service.begin,
            None if to == MEMBERS else _pieces(to),
            program=OpenProgram(program.id, writing.template, service.vault),
            campaign=writing.campaign,
            letter=writing.letter,
            name=MEMBERS if to == MEMBERS else Path(to).name,
            key=asked.key,
            actor=asked.actor,
            most=service.settings.import_megabytes * bulk.MEGABYTE,
            now=service.clock(),
        )
        public_id = done.answer["job"]
        job = bulk.watch(service, public_id, quiet=asked.as_json) if wait else bulk.job_of(service, public_id)
        if asked.as_json:
            click.echo(bulk.as_json_line(job))
        elif wait:
            bulk.tell(job)
        else:
            again = "was asked for before under the same key" if done.replayed else "waits for a worker"
            click.echo(f"{public_id} {again}: about {job.total:,} people.")
            click.echo(f"See how far it is: wallet-service job show {public_id}")
    if wait and (job.state != "done" or job.refused):
        sys.exit(1)


def _writing(service: Service, program: Opened, code: str, letter: bytes, *, members: bool) -> Writing:
    """Return what writing the letters needs.

    Raises `UnknownCampaign`, `LinkOver`, `LinkRefused`, and `LetterRefused` with all that is wrong with the letter.
    """
    template = service.in_force.of_program(program)
    with service.read() as tx:
        found = campaign_of(tx, program.merchant_id, code)
    if found.campaign.program_id != program.id:
        raise click.ClickException(f"{code} leads into the programme {found.program}; name its template.")
    channel = sending.campaign_to_send(found.campaign, template, now=service.clock())
    read: CampaignLetter = read_letter(
        letter, channel=channel, knowing=sending.knowing(template, members_alone=members)
    )
    return Writing(
        found.campaign,
        read,
        template,
        service.vault,
        service.addresses,
        program.merchant_id,
    )


def _check(service: Service, channel: Channel) -> None:
    if channel == "email":
        service.check_mail()
    else:
        service.check_texts()


def _pieces(path: str) -> Iterator[bytes]:
    try:
        with Path(path).open("rb") as file:
            yield from iter(partial(file.read, bulk.PIECE), b"")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}; --to names members, or a file") from error


def _foretell(service: Service, writing: Writing, to: str) -> None:
    came: Foretold = sending.foretell(service.read, writing, None if to == MEMBERS else _pieces(to))
    click.echo("It is a dry run: this is what would be, and nobody is written to.")
    click.echo(f"  {came.written:>9,} letters written")
    for line in bulk.left_out(came.left_out):
        click.echo(f"  {line}")
    if came.refused:
        click.echo(f"  {came.refused:>9,} rows refused")
    for each in came.samples:
        click.echo("")
        click.echo("\n".join(_sample(each)))


def _sample(each: Addressed) -> Iterator[str]:
    letter = each.letter
    yield f"--- {letter.language}, to {each.to}"
    if letter.subject:
        yield f"Subject: {letter.subject}"
    for paragraph in letter.paragraphs:
        yield ""
        yield paragraph
    if letter.button:
        yield ""
        yield f"[{letter.button.text}] {letter.button.url}"
