"""`wallet-service program explain`: a programme's terms in plain words."""

from pathlib import Path
from typing import Any

import click

from wallet_service import config
from wallet_service.domain.errors import Fault, TemplateRefused
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.program import Program
from wallet_service.surroundings import surroundings
from wallet_service.terms import LANGUAGES, Vocabulary, as_text
from wallet_service.terms import explain as explained
from wallet_service.terms.vocabulary import of_table

FILE = "program.toml"


def _program_file(_: click.Context, __: click.Parameter, given: str) -> Path:
    """Return the programme's file: that very file, or the one in the folder of that path or template's name."""
    named = config.load(surroundings()).templates / given
    for path in (Path(given), Path(given) / FILE, named / FILE):
        if path.is_file():
            return path
    raise click.BadParameter(f"there is no file {given}, no {FILE} in a folder {given}, and none in {named}")


@click.command("explain")
@click.argument("file", metavar="NAME", callback=_program_file)
@click.option(
    "--language", "languages", multiple=True, type=click.Choice(LANGUAGES),
    help="Tell the terms in this language; in all that the programme has if not given.",
)  # fmt: skip
def explain(file: Path, languages: tuple[str, ...]) -> None:
    """Tell a programme's terms in plain words, made from its rules.

    NAME is a template's name, a folder with a program.toml, or such a file. The names of things are those of the
    folder's locales, where there are any.

    \b
    Example:   wallet-service program explain points --language cs
    """
    program, faults = read(Program, file.name, _table(file))
    if program is None:
        raise TemplateRefused(f"The programme {file} cannot be explained.", faults)
    own = (
        {path.stem: of_table(_table(path)) for path in file.parent.glob("locales/*.toml")} if file.name == FILE else {}
    )
    told = languages or tuple(each for each in LANGUAGES if each in own) or LANGUAGES
    texts = [as_text(explained(program, own.get(each, Vocabulary()), each)) for each in told]
    if len(told) > 1:
        texts = [f"=== {language} ===\n\n{text}" for language, text in zip(told, texts, strict=True)]
    click.echo("\n\n".join(texts))


def _table(file: Path) -> dict[str, Any]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TemplateRefused(f"The file {file} cannot be read.", [Fault(file.name, "", str(error))]) from error
    table, faults = parse(data, file.name)
    if table is None:
        raise TemplateRefused(f"The file {file} cannot be read.", faults)
    return table
