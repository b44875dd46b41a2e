"""`wallet-service program`: look at programmes before they are published."""

import sys
from pathlib import Path

import click

from wallet_service import config, stage
from wallet_service.cli.explain import explain
from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.program import Program
from wallet_service.domain.program.faults import advice, faults

RULES = "program.toml"


@click.group("program")
def program() -> None:
    """Look at programmes."""


def _rule_files(_: click.Context, __: click.Parameter, given: str) -> list[Path]:
    """Return the file of that path, those in the folder of that path, or that of the template of that name."""
    if Path(given).is_file():
        return [Path(given)]
    named = config.load(stage.surroundings()).templates / given
    for folder in (Path(given), named):
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
    found, wrong = read(Program, place, table)
    if found is None:
        return wrong, []
    wrong = list(faults(found, place))
    return wrong, [] if wrong else list(advice(found, place, order_minor=order_minor))


program.add_command(explain)
