"""`wallet-service template`: look at templates before they are used."""

from pathlib import Path

import click

from wallet_service import config
from wallet_service.apple import artwork
from wallet_service.apple import shown as apple_shown
from wallet_service.apple.passes import ApplePasses
from wallet_service.domain.shown import report
from wallet_service.google import shown as google_shown
from wallet_service.storage import templates
from wallet_service.surroundings import surroundings
from wallet_service.wiring import check_faces, open_identity, sample_standing, utc_now


@click.group("template")
def template() -> None:
    """Look at templates."""


def _template_folder(_: click.Context, __: click.Parameter, given: str) -> Path:
    """Return the folder of that path, or of that name among the templates."""
    named = config.load(surroundings()).templates / given
    for folder in (Path(given), named):
        if folder.is_dir():
            return folder
    raise click.BadParameter(f"there is no folder {given}, and none of that name in {named.parent}")


@template.command("check")
@click.argument("folder", metavar="NAME", callback=_template_folder)
@click.option(
    "--language", "languages", multiple=True, help="Show the card in this language; all of them if not given."
)
def check_template(folder: Path, languages: tuple[str, ...]) -> None:
    """Name every fault of a template by file and key, or show what each wallet makes of it.

    Slot by slot: where it stands in Apple Wallet and in Google Wallet, what one of them cannot show, and what will be
    cut. NAME is a template's name, or a folder.

    \b
    Example:   wallet-service template check points --language en
    """
    settings, now = config.load(), utc_now()
    found = templates.load(folder, check_art=artwork.faults)
    passes = ApplePasses(open_identity(settings, now=now), web_service_url=settings.base_url, allow_http=True)
    check_faces(found, passes, now=now)
    summary = f"{len(found.words)} languages, {len(found.art)} pictures, version {found.version}"
    click.echo(f"{found.name} is sound: {summary}\n")
    for language in languages or tuple(found.words):
        face = found.draw(sample_standing(found.program, now), language)
        apple = [*apple_shown.shown(face), *apple_shown.pictures(found.art)]
        google = [*google_shown.shown(face), *google_shown.pictures(found.art)]
        click.echo("\n".join(report(face.language, apple, google)) + "\n")
