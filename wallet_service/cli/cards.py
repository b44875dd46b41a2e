"""`wallet-service card`, `pass`, `drift` and more: single cards, how far phones are, and the look of all."""

import sys
from pathlib import Path

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.storage import device_logs, programs
from wallet_service.storage.wallets import Drift
from wallet_service.usecases.drift import drift as compare
from wallet_service.usecases.drift import look_at
from wallet_service.usecases.publish import publish as publishing
from wallet_service.usecases.publish import publish_classes
from wallet_service.usecases.publish_program import differs
from wallet_service.usecases.revoke import revoke as revoking
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service


@click.command("pass")
@click.argument("serial")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; SERIAL.pkpass if not given.",
)
def write_pass(serial: str, output: Path | None) -> None:
    """Sign the card with that serial number into a file.

    \b
    Example:   wallet-service pass 3k8z0q… -o card.pkpass
    """
    path = output or Path(f"{serial}.pkpass")
    with opened() as service:
        with service.read() as tx:
            found = card_by_serial(tx, serial)
        found = service.settled(found)
        signed = bytes(service.sign(found.member, service.in_force.of_card(found)))
    try:
        path.write_bytes(signed)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: revision {found.member.card.revision}, {len(signed):,} bytes")


@click.command("card")
@click.argument("serial")
def show_card(serial: str) -> None:
    """Show how each wallet of one card stands, and ask Google what it holds of it.

    \b
    Example:   wallet-service card 3k8z0q…
    """
    with opened() as service:
        with service.read() as tx:
            found = card_by_serial(tx, serial)
            seen = look_at(tx, found.member.card, now=service.clock())
        click.echo(f"{serial}: revision {found.member.card.revision}, {len(seen)} wallets")
        for each in seen:
            click.echo(f"  {_shown(each.wallet)}: {each.why}")
        if any(each.wallet.platform == "google" for each in seen):
            click.echo(f"  Google {service.google_wallet().compared(found)}")


@click.command()
@click.option("--limit", default=50, show_default=True, type=AT_LEAST_ONE, help="How many wallets to name at the most.")
def drift(limit: int) -> None:
    """List the cards whose phones are behind, and why; ends with 1 if there are any."""
    with opened() as service, service.begin() as tx:
        report = compare(tx, service.in_force, most=limit, now=service.clock(), drawn=service.classes())
    click.echo(f"{report.tally.cards:,} cards, {report.in_step:,} in step")
    for held in report.late_classes:
        click.echo(f"  {held.target}  {held.platform} class: {held.why}")
    for late in report.late:
        click.echo(f"  {late.wallet.serial_number}  {_shown(late.wallet)}: {late.why}")
    if len(report.late) == limit:
        click.echo("  there may be more; see --limit")
    for each in report.differences:
        click.echo(f"  {each}")
    if report.stale:
        click.echo(f"  {report.stale:,} cards were drawn from another version of their template; run `publish`")
    sys.exit(0 if report.good else 1)


def _shown(wallet: Drift) -> str:
    """Return what is known of a wallet: phones fetch what they were told of, Google acknowledges what it took."""
    if wallet.platform == "google":
        return f"google  wanted {wallet.wanted}, acknowledged {wallet.sent}"
    shown = f"wanted {wallet.wanted}, sent {wallet.sent}, fetched {wallet.fetched}"
    return f"{wallet.platform} {wallet.device}…  {shown}"


@click.command()
@click.argument("serial")
def revoke(serial: str) -> None:
    """Make a card void for good: every phone shows it, and Google keeps nothing of its member.

    \b
    Example:   wallet-service revoke 3k8z0q…
    """
    with opened() as service, service.begin() as tx:
        found = card_by_serial(tx, serial)
        card = revoking(tx, found, service.in_force.of_card(found), now=service.clock())
    click.echo(f"{serial} is void since revision {card.revision}; its phones are being told.")


@click.command()
@click.argument("template")
def publish(template: str) -> None:
    """Bring every card to the template as it is now; phones are pushed where the card looks otherwise.

    At Google a new look is one change of the class, however many cards there are.

    \b
    Example:   wallet-service publish points
    """
    with opened() as service:
        seen = changed = 0
        for target in publishing_class(service, template):
            click.echo(f"the class {target} is being changed")
        for seen, changed in publishing(service.begin, service.in_force, template, now=service.clock()):
            click.echo(f"{seen:,} cards seen, {changed:,} changed")
        if not seen:
            click.echo("Every card is drawn from this version already.")
        with service.read() as tx:
            opened_with = programs.of_template(tx, template)
        if any(differs(service.template(template), service.in_force.of_program(each)) for each in opened_with):
            click.echo(f"Its program.toml says other rules than are in force; see `program publish {template}`.")


def publishing_class(service: Service, template: str) -> list[str]:
    """Publish the template's class where cards are held at a vendor; return the ids of those that change."""
    found = service.template(template)
    drawn = [service.google.drawings.class_of(found)] if service.google else []
    with service.begin() as tx:
        return publish_classes(tx, drawn, now=service.clock())


@click.command("device-log")
@click.option("--limit", default=20, show_default=True, type=AT_LEAST_ONE, help="How many lines to show.")
def device_log(limit: int) -> None:
    """Show what phones have reported about us, newest first."""
    with opened() as service, service.read() as tx:
        for received_at, message in device_logs.latest(tx, limit):
            click.echo(f"{received_at:%Y-%m-%d %H:%M:%S}  {message}")
