"""`wallet-service program`: look at programmes, try them out, and publish their rules."""

import sys
from pathlib import Path

import click

from wallet_service import config
from wallet_service.cli.explain import explain
from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.cli.operating import program_of_template, show, with_json
from wallet_service.cli.simulate import simulate_program
from wallet_service.domain.errors import Fault, ProgramTaken
from wallet_service.domain.file_model import parse
from wallet_service.domain.program.differences import differences
from wallet_service.domain.program.faults import advice, read_program
from wallet_service.storage import programs
from wallet_service.storage.programs import Opened
from wallet_service.surroundings import surroundings
from wallet_service.usecases import publish_program as publishing
from wallet_service.usecases.compare_arms import compare_arms
from wallet_service.usecases.operate import answer_of
from wallet_service.usecases.publish import publish as redraw
from wallet_service.wiring import Service

RULES = "program.toml"
LOOK = "pass.toml"  # what makes a folder a template


@click.group("program")
def program() -> None:
    """Look at programmes, and publish their rules."""


def _rule_files(_: click.Context, __: click.Parameter, given: str) -> list[Path]:
    """Return the file of that path, those in the folder of that path, or that of the template of that name."""
    if Path(given).is_file():
        return [Path(given)]
    named = config.load(surroundings()).templates / given
    for folder in (Path(given), named):
        if (folder / LOOK).is_file() and not (folder / RULES).is_file():
            raise click.BadParameter(f"there is no {RULES} in the template {folder}")
        for pattern in (RULES, "*.toml", f"*/{RULES}"):
            if found := sorted(folder.glob(pattern)):
                return found
    raise click.BadParameter(f"there is no file and no folder of files {given}, and no template of that name")


@program.command("lint")
@click.argument("files", metavar="NAME|FILE|FOLDER", callback=_rule_files)
@click.option(
    "--order", "order_minor", type=click.IntRange(min=1),
    help="Your median order in minor units (4000 is 40.00 EUR); what is usual in the currency if not given.",
)  # fmt: skip
def lint(files: list[Path], order_minor: int | None) -> None:
    """Name every fault of a programme by file and key, and what is hardly meant; ends with 1 if there is a fault.

    With a fault a programme is not published. Advice hinders nothing: it names what members would hardly understand or
    never reach, and rewards that give back too little or too much of a median order. NAME is a template's name; a
    FOLDER holds a program.toml, one programme in each file, or templates.

    \b
    Example:   wallet-service program lint points --order 2500
    """
    refused = False
    for path in files:
        wrong, hints = _linted(path, order_minor)
        refused = refused or bool(wrong)
        lines = [str(each) for each in sorted(wrong)]
        lines += [str(Fault(each.place, each.key, f"advice: {each.message}")) for each in sorted(hints)]
        click.echo("\n".join(lines or [f"{path}: is sound"]))
    sys.exit(1 if refused else 0)


def _linted(path: Path, order_minor: int | None) -> tuple[list[Fault], list[Fault]]:
    """Return the faults of a file, and if it has none, the advice on it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.ClickException(str(error)) from error
    place = str(path)
    table, wrong = parse(data, place)
    if table is None:
        return wrong, []
    found, wrong = read_program(table, place)
    return wrong, [] if wrong or not found else list(advice(found, place, order_minor=order_minor))


@program.command("publish")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only show what would change, and for whom.")
@click.option("--actor", envvar="USER", default="operator", help="Who decides this; $USER if not given.")
@click.option("--limit", default=20, show_default=True, type=AT_LEAST_ONE, help="How many members to name at the most.")
def publish(name: str, dry_run: bool, actor: str, limit: int) -> None:
    """Put the rules of a template's program.toml in force, and have tiers and cards follow.

    What happened before keeps the rules of its day: orders that come late, refunds, points that were earned. No balance
    moves. Faults refuse it; advice is shown. NAME is the template's name.

    \b
    Example:   wallet-service program publish points --dry-run
    """
    with opened() as service:
        files = service.template(name)
        for hint in sorted(advice(files.program, RULES)):
            click.echo(f"advice: {hint}")
        for each in _opened(service, name):
            if dry_run:
                _show(service, each, limit)
            else:
                _publish(service, each, actor)


def _opened(service: Service, name: str) -> list[Opened]:
    """Return the template's programme if it has been opened, and say so if not."""
    with service.read() as tx:
        found = programs.find(tx, service.template(name).program.program.code)
    if found is None:
        click.echo("The programme is not open yet: its rules come in force with the first source that is connected.")
        return []
    if found.template != name:
        raise ProgramTaken(service.template(name).program.program.code, found.template)
    return [found]


def _show(service: Service, each: Opened, limit: int) -> None:
    files, present = service.template(each.template), service.in_force.of_program(each)
    _tell_differences(service, each)
    if each.version and not publishing.differs(files, present):
        return
    found = publishing.Preview()
    for found in publishing.preview(service.begin, each, service.in_force, most=limit, now=service.clock()):
        click.echo(f"{found.members:,} members looked at …")
    for (before, after), count in sorted(found.moves.items(), key=lambda item: -item[1]):
        click.echo(f"{count:,} members: {before or 'no tier'} -> {after or 'no tier'}")
    for moved in found.first:
        click.echo(f"  {moved.public_id}: {moved.before or 'no tier'} -> {moved.after or 'no tier'}")
    if found.moved > len(found.first):
        click.echo("  … and more; see --limit")
    click.echo(f"{found.members - found.moved:,} members keep their tier; no balance moves ({found.points:,} points).")
    if found.dying_at_once:
        click.echo(f"Of {found.dying_at_once:,} members points die as soon as these rules are in force.")
    if found.rewarded_next:
        click.echo(f"To {found.rewarded_next:,} members rewards come by themselves with whatever happens to them next.")


def _tell_differences(service: Service, each: Opened) -> None:
    if each.version == 0:
        click.echo("No version is published yet, and so the rules of the files count; they become version 1.")
        return
    files, present = service.template(each.template), service.in_force.of_program(each)
    told = [str(one) for one in differences(present.program, files.program)]
    click.echo("\n".join(told or [f"The rules of {each.template} say what version {each.version} says."]))


def _publish(service: Service, each: Opened, actor: str) -> None:
    _tell_differences(service, each)
    with service.begin() as tx:
        newer = publishing.publish_program(tx, each, service.in_force, actor=actor, now=service.clock())
    if newer is not None:
        click.echo(f"Version {newer.version} is in force.")
    for seen, changed in redraw(service.begin, service.in_force, each.template, now=service.clock()):
        click.echo(f"{seen:,} cards seen, {changed:,} changed")


@program.command("experiment")
@click.argument("name")
@click.argument("experiment")
@with_json
def compare(name: str, experiment: str, as_json: bool) -> None:
    """Compare the arms of EXPERIMENT by its metric, since the day on which the first member met one.

    All members count who fall into an arm, whether they met it or not; nobody meets the holdout, which is what the
    others are to be compared with. Money is in minor units. NAME is the template's name.

    \b
    Example:   wallet-service program experiment small_shop second-order-offer
    """
    with opened() as service:
        found = program_of_template(service, name)
        with service.begin() as tx:
            compared = compare_arms(tx, found.template.program, found.id, experiment)
    show(answer_of(compared), as_json=as_json)


program.add_command(explain)
program.add_command(simulate_program)
