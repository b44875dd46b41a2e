"""The command `wallet-service`."""

import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

import click
import structlog

from wallet_service import config, demo, doctor, logs, reconciling, serving, stage, worker
from wallet_service.cli import books, bulk
from wallet_service.cli.campaign import campaign
from wallet_service.cli.funnel import funnel
from wallet_service.cli.inbound import inbound_group
from wallet_service.cli.keys import key, merchant
from wallet_service.cli.link import link, poster
from wallet_service.cli.mail import mail
from wallet_service.cli.member import MEMBER_COMMANDS
from wallet_service.cli.opening import AT_LEAST_ONE, Commands, opened
from wallet_service.cli.points import member_group, partner_group, points
from wallet_service.cli.program import program
from wallet_service.cli.remote import call_api, till
from wallet_service.cli.reward import reward
from wallet_service.cli.send import send
from wallet_service.cli.source import source
from wallet_service.cli.template import template
from wallet_service.cli.webhooks import webhook
from wallet_service.storage import calendar as calendar_of
from wallet_service.storage import device_logs, grants, migrate, programs
from wallet_service.storage.wallets import Drift
from wallet_service.usecases.drift import drift as compare
from wallet_service.usecases.drift import look_at
from wallet_service.usecases.publish import publish as publishing
from wallet_service.usecases.publish import publish_classes
from wallet_service.usecases.publish_program import differs
from wallet_service.usecases.revoke import revoke as revoking
from wallet_service.usecases.serve import card_by_serial
from wallet_service.wiring import Service, build

log = structlog.get_logger(__name__)

INBOUND_EVERY = 5.0  # seconds
PRUNE_EVERY = 3600.0
SEAL_EVERY = 60.0  # seconds

MARKS = {
    "good": click.style("good", fg="green"),
    "mind": click.style("mind", fg="yellow"),
    "wrong": click.style("wrong", fg="red"),
}


@click.group(cls=Commands)
@click.version_option(package_name="wallet-service")
def main() -> None:
    """Loyalty cards in Apple Wallet and Google Wallet that show what the ledger says.

    \b
    Try it without any account:   wallet-service run
    """


@main.command()
@click.option(
    "--port", default=8000, envvar="PORT", show_default=True, help="The service's port; the phone takes the next one."
)
def run(port: int) -> None:
    """Start everything: database, demo, web, worker and the simulated phone.

    \b
    Example:   PORT=9000 wallet-service run
    """
    stage.run(port)


@main.command()
def web() -> None:
    """Serve merchants, phones and customers over HTTP."""
    settings = config.load()
    logs.configure(settings.log_format)
    serving.serve_web(settings)


@main.command("worker")
def work() -> None:
    """Bring wallets up to date, and do jobs, until stopped; run as many as you like."""
    with opened() as service:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        log.info("settings", **service.settings.shown())
        chores = {
            "seal": worker.Chore(SEAL_EVERY, service.seal),
            "inbound": worker.Chore(INBOUND_EVERY, service.intake.settle_due),
            "prune": worker.Chore(PRUNE_EVERY, service.prune_deliveries),
            "prune jobs": worker.Chore(PRUNE_EVERY, service.prune_jobs),
            "prune counts": worker.Chore(PRUNE_EVERY, service.prune_counts),
            "prune sign-ins": worker.Chore(PRUNE_EVERY, service.prune_sign_ins),
            "prune messages": worker.Chore(PRUNE_EVERY, service.prune_messages),
            "prune letters": worker.Chore(PRUNE_EVERY, service.prune_letters),
        }
        try:
            worker.work_on_all(
                _platforms(service, stop),
                stop,
                calendars=service.calendars(),
                jobs=[service.jobs().step, service.asked_letters().step],
                chores=chores,
            )
        finally:
            service.dispatch.finish()
        service.apns.close()


def _platforms(service: Service, stop: threading.Event) -> dict[str, worker.Deliver]:
    platforms: dict[str, worker.Deliver] = {"apple": service.delivery().deliver}
    if service.google:
        platforms["google"] = worker.with_classes(service.google.class_delivery(), service.google.delivery(stop.is_set))
    if service.post:
        platforms["mail"] = service.post.deliver
    if service.texts:
        platforms["sms"] = service.texts.deliver
    return platforms | {"webhooks": service.dispatch.deliver}


@main.command()
def sandbox() -> None:
    """Serve the simulated phones, push service and Google Wallet."""
    with opened() as service:
        serving.require_sandbox(service.settings)
        serving.serve_sandbox(service, demo.load(service))


@main.command("migrate")
@click.option("--grant", "role", help="Then give this database role what web and workers need, and no more.")
def migrate_tables(role: str | None) -> None:
    """Bring the database's tables up to date.

    \b
    Example:   wallet-service migrate --grant wallet_app
    """
    with opened() as service:
        migrate.upgrade(service.engine)
        click.echo("The tables are up to date.")
        if role:
            with service.begin() as tx:
                kept = grants.grant(tx, role)
            click.echo(f"{role} may read and write, and of {len(kept)} tables only add to: {', '.join(kept)}.")


@main.command("doctor")
def examine() -> None:
    """Say in plain words what is wrong with certificates, settings, database and push; ends with 1 if anything is."""
    settings = config.load(stage.surroundings())
    logs.configure(settings.log_format)
    opened: list[Service] = []

    def open_service() -> Service:
        opened.append(build(settings))
        return opened[0]

    wrong = 0
    try:
        for finding in doctor.examine(open_service, settings):
            wrong += finding.state == "wrong"
            click.echo(f"{MARKS[finding.state]:>14}  {finding.about}: {finding.text}")
    finally:
        for service in opened:
            service.close()
    sys.exit(1 if wrong else 0)


@main.command("pass")
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


@main.command()
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


@main.command("card")
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


@main.command()
@click.option("--look", is_flag=True, help="Only say what differs; mend nothing.")
@click.option(
    "--limit", default=50, show_default=True, type=AT_LEAST_ONE, help="How many findings to name at the most."
)
@click.option(
    "--patience", default=60, show_default=True, type=click.IntRange(min=0),
    help="Minutes that a pushed phone may take to fetch before it is pushed again.",
)  # fmt: skip
def reconcile(look: bool, limit: int, patience: int) -> None:
    """Ask Google what it holds, compare it with every card, and have what differs sent again.

    Phones with Apple Wallet cannot be asked; those that never fetched what they were told of are told again. Run it
    every night: it finds what a lost message, a restored database or a hand in the console has changed.

    \b
    Example:   wallet-service reconcile --look
    """
    with opened() as service:
        reconciling.run(service, mend=not look, limit=limit, patience=timedelta(minutes=patience))


@main.command("settle")
def settle_members() -> None:
    """Do the calendar's work now: points become spendable or die, holds time out, tiers end, days bring gifts.

    Workers do it all the time; this is for a host without one, and shows who could not be settled. Ends with 1 then.

    \b
    Example:   wallet-service settle
    """
    with opened() as service:
        settled = 0
        for settle in service.calendars():
            while (done := settle()).settled:
                settled += done.settled
                click.echo(f"{settled:,} settled")
        with service.read() as tx:
            delayed = calendar_of.delayed(tx, most=50)
    for each in delayed:
        click.echo(f"  {each.public_id}: attempt {each.attempts} failed ({each.reason})")
    if not settled:
        click.echo("Nobody was due.")
    sys.exit(1 if delayed else 0)


@main.command()
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


@main.command()
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


@main.command("device-log")
@click.option("--limit", default=20, show_default=True, type=AT_LEAST_ONE, help="How many lines to show.")
def device_log(limit: int) -> None:
    """Show what phones have reported about us, newest first."""
    with opened() as service, service.read() as tx:
        for received_at, message in device_logs.latest(tx, limit):
            click.echo(f"{received_at:%Y-%m-%d %H:%M:%S}  {message}")


campaign.add_command(send)
for each in MEMBER_COMMANDS:
    member_group.add_command(each)
for each in (
    books.ledger,
    books.statement,
    campaign,
    funnel,
    inbound_group,
    member_group,
    key,
    link,
    mail,
    merchant,
    partner_group,
    points,
    poster,
    program,
    reward,
    source,
    template,
    webhook,
    *bulk.COMMANDS,
    call_api,
    till,
):
    main.add_command(each)
