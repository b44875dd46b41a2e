"""`wallet-service import`, `export` and `job`: many members at once, and how far a job is."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.cli.operating import Asking, asking, of_template, program_of_template, with_json
from wallet_service.domain.job import Job
from wallet_service.domain.sheet import Kind
from wallet_service.usecases import oversee
from wallet_service.usecases.ask_export import EXPORT
from wallet_service.usecases.ask_import import ask_import
from wallet_service.usecases.export_members import export_members
from wallet_service.usecases.send_campaign import CAMPAIGN
from wallet_service.wiring import Service

MEGABYTE = 2**20
PIECE = 256 * 1024  # bytes that are read of a file at once
GLANCE = 0.5  # seconds between looks at a job that somebody else is at
STEPS = 10  # lines of progress where it cannot be told on one
CLEAN = "\r\033[K"  # begins the line of a terminal anew
SUFFIXES: dict[str, Kind] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def with_format(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option that says how a file is written, as its argument `kind`."""
    return click.option(
        "--format", "kind", type=click.Choice(["csv", "jsonl"]), help="As what; by the file's name, if not given."
    )(command)


@click.command("import")
@click.argument("file", type=click.File("rb"))
@of_template
@click.option("--dry-run", is_flag=True, help="Only say what would come of it; nothing is entered.")
@click.option(
    "--wait", is_flag=True, help="Help with the work, show how far it is, and end with 1 if rows were refused."
)
@with_format
@asking
def import_members(
    *, asked: Asking, file: BinaryIO, template: str, dry_run: bool, wait: bool, kind: Kind | None
) -> None:
    """Enter members from a CSV file or JSON Lines, with the balances they begin with; - reads what is piped in.

    Workers do it, piece by piece; a second run of the same file changes nothing. Columns: external_id (the only one
    that is needed), name, locale, birthday, cause, email, phone, balance, expires_at, tier, tier_until, enrolled_at.

    \b
    Example:   wallet-service import members.csv --template points --dry-run --wait
    """
    with opened() as service:
        done = ask_import(
            service.begin,
            iter(partial(file.read, PIECE), b""),
            program=program_of_template(service, template),
            name=Path(str(getattr(file, "name", "stdin"))).name.strip("<>"),
            kind=kind,
            dry_run=dry_run,
            key=asked.key,
            actor=asked.actor,
            most=service.settings.import_megabytes * MEGABYTE,
            now=service.clock(),
        )
        public_id = done.answer["job"]
        job = watch(service, public_id, quiet=asked.as_json) if wait else job_of(service, public_id)
        if asked.as_json:
            click.echo(as_json_line(job))
        elif wait:
            tell(job)
        else:
            again = "was asked for before under the same key" if done.replayed else "waits for a worker"
            click.echo(f"{public_id} {again}: about {job.total:,} rows of {job.asked['file']}.")
            click.echo(f"See how far it is: wallet-service job show {public_id}")
    if wait and (job.state != "done" or job.refused):
        sys.exit(1)


@click.command("export")
@of_template
@click.option(
    "-o", "--output", type=click.File("w", encoding="utf-8", atomic=True), default="-", help="The file to write."
)
@with_format
def export(template: str, output: Any, kind: Kind | None) -> None:
    """Write all members with balance, tier and card, in the columns in which `import` reads them.

    Where the points of a balance die on several days, expires_at is empty. Each member has the link of the card.

    \b
    Example:   wallet-service export --template points -o members.csv
    """
    with opened() as service:
        program = program_of_template(service, template)
        lines = export_members(
            service.read,
            vault=service.vault,
            program_id=program.id,
            template=program.template,
            kind=kind or SUFFIXES.get(Path(output.name).suffix, "csv"),
            link=service.link,
        )
        output.writelines(lines)


@click.group("job")
def job_group() -> None:
    """Look at jobs that workers do, and end them."""


@job_group.command("list")
@click.option("--limit", default=20, show_default=True, type=AT_LEAST_ONE, help="How many to list at the most.")
@with_json
def list_jobs(limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    with opened() as service, service.read() as tx:
        found = oversee.newest(tx, merchant_id=None, most=limit)
    for each in found:
        click.echo(as_json_line(each) if as_json else _line(each))
    if not found and not as_json:
        click.echo("There are no jobs.")


@job_group.command()
@click.argument("job")
@with_json
def show(job: str, as_json: bool) -> None:
    """Show how far a job is, and what it has come to.

    \b
    Example:   wallet-service job show job_3f…
    """
    with opened() as service:
        found = job_of(service, job)
    if as_json:
        click.echo(as_json_line(found))
    else:
        tell(found)


@job_group.command()
@click.argument("job")
def cancel(job: str) -> None:
    """End a job after the piece at hand; what is done stays done, and can be gone on with by a new import.

    \b
    Example:   wallet-service job cancel job_3f…
    """
    with opened() as service, service.begin() as tx:
        found = oversee.cancel(tx, job, merchant_id=None, now=service.clock())
    click.echo(f"{job} is cancelled after {found.done:,} rows.")


@job_group.command()
@click.argument("job")
@click.option(
    "-o", "--output", type=click.File("w", encoding="utf-8", atomic=True), default="-", help="The file to write."
)
@with_format
def refused(job: str, output: Any, kind: Kind | None) -> None:
    """Write the rows that a job refused: each with its number, what is wrong, and what it said.

    Put right, the file can be imported as it is.

    \b
    Example:   wallet-service job refused job_3f… -o refused.csv
    """
    with opened() as service:
        found = job_of(service, job)
        output.writelines(
            oversee.refused(
                service.read, service.vault, found, kind=kind or SUFFIXES.get(Path(output.name).suffix, "csv")
            )
        )


def job_of(service: Service, public_id: str) -> Job:
    """Return a job, whosever it is.

    Raises `UnknownJob`.
    """
    with service.read() as tx:
        return oversee.show(tx, public_id, merchant_id=None)


def watch(service: Service, public_id: str, *, quiet: bool) -> Job:
    """Do pieces of the job, or look on while workers do them, until it is over; return it as it then is."""
    step = service.jobs().step
    say = Progress(service.clock(), terminal=sys.stderr.isatty(), quiet=quiet)
    while not (job := job_of(service, public_id)).over:
        say.how_far(job, service.clock())
        if not step(only=public_id):
            time.sleep(GLANCE)
    say.end()
    return job


class Progress:
    """Tells how far a job is: on one line of a terminal, or else now and then on a line of its own; or not at all."""

    def __init__(self, began_at: datetime, *, terminal: bool, quiet: bool = False) -> None:
        self._began_at = began_at
        self._begun: int | None = None
        self._told = -1
        self._quiet = quiet
        self._terminal = terminal

    def how_far(self, job: Job, now: datetime) -> None:
        """Tell it, where there is something new to tell."""
        if self._begun is None:
            self._begun = job.done
        tenth = job.done * STEPS // max(job.total, 1)
        if self._quiet or not (self._terminal or tenth > self._told):
            return
        self._told = tenth
        line = (
            f"{job.done:>9,} of {job.total:,} rows ({job.done * 100 // max(job.total, 1)} %), {job.refused:,} refused"
        )
        seconds = (now - self._began_at).total_seconds()
        if job.done > self._begun and seconds >= 1:
            pace = (job.done - self._begun) / seconds
            line += f", {pace:,.0f} a second, {_about((job.total - job.done) / pace)} left"
        if self._terminal:
            click.echo(f"{CLEAN}{line}", nl=False, err=True, color=True)
        else:
            click.echo(line, err=True)

    def end(self) -> None:
        """Leave the line."""
        if self._terminal and self._told >= 0:
            click.echo(CLEAN, nl=False, err=True, color=True)


def _about(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


NOT_WRITTEN_TO = {
    "no_consent": "not, for want of consent to news by this channel",
    "no_address": "not, for no address is known",
    "suppressed": "not, for the address is not to be written to",
    "no_card": "not, for the card is void",
    "member": "not, for they are members already; send to those with --to members",
    "twice": "not, for the address stands in the file twice",
}
STATES = {
    "waiting": "waits for a worker",
    "running": "is being worked on",
    "done": "is done",
    "failed": "has failed",
    "cancelled": "was cancelled",
}


def _line(job: Job) -> str:
    dry = " (dry run)" if job.asked.get("dry_run") else ""
    far = f"{job.done:>9,} of {job.total:,} rows, {job.refused:,} refused"
    return f"{job.public_id}  {job.created_at:%Y-%m-%d %H:%M}  {job.kind}{dry}  {job.state:<9}  {far}  {job.asked_by}"


def tell(job: Job) -> None:
    """Tell of a job in words."""
    dry = job.asked.get("dry_run")
    click.echo(f"{job.public_id} {STATES[job.state]}: {job.done:,} of {job.total:,} rows of {job.asked['file']}.")
    if dry:
        click.echo("It is a dry run: this is what would be, and nothing was entered.")
    for line in _came(job):
        click.echo(f"  {line}")
    if job.last_error:
        click.echo(f"  The last attempt failed: {job.last_error}.")
    if job.refused:
        click.echo(f"See what is wrong with them: wallet-service job refused {job.public_id}")


def left_out(came: Mapping[str, int]) -> Iterator[str]:
    """Yield why a campaign did not go to people, with how many they are."""
    for name, said in NOT_WRITTEN_TO.items():
        if came.get(name):
            yield f"{came[name]:>9,} {said}"


def _came(job: Job) -> Iterator[str]:
    came = job.result
    if job.kind == CAMPAIGN:
        yield f"{came.get('written', 0):>9,} letters written"
        yield from left_out(came)
        if job.refused:
            yield f"{job.refused:>9,} rows refused"
        return
    if job.kind == EXPORT:
        yield f"{came.get('written', 0):>9,} members written"
        return
    yield f"{came.get('added', 0):>9,} members added, each with a card"
    yield f"{came.get('changed', 0):>9,} members changed"
    yield f"{came.get('same', 0):>9,} members as they were"
    yield f"{came.get('opened', 0):>9,} balances opened, with {came.get('points', 0):,} points in all"
    yield f"{job.refused:>9,} rows refused"


def as_json_line(job: Job) -> str:
    """Return what is told of a job to programs."""
    said = asdict(job)
    for name in ("id", "program_id", "operation_id", "file_id", "cursor", "lease", "attempts", "not_before"):
        del said[name]
    return json.dumps({"job": said.pop("public_id"), **said}, default=str)
