"""Commands about what shop systems have delivered: look at it, enter it anew, and note what a person has done."""

import json
from dataclasses import asdict

import click

from wallet_service.cli.opening import opened
from wallet_service.cli.operating import show
from wallet_service.domain.errors import UnknownDelivery
from wallet_service.storage import deliveries
from wallet_service.storage.deliveries import Kept
from wallet_service.usecases.review import note_done
from wallet_service.usecases.take_in import Outcome

UNTOLD = ("id", "source_id", "program_id", "sealed")
STATUSES = ("received", "processed", "ignored", "unmatched", "failed", "attention")


@click.group("inbound")
def inbound_group() -> None:
    """See what shops and tills have delivered, and enter again what could not be entered."""


@inbound_group.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand so; all, if not given.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, one line for each.")
def list_deliveries(status: str | None, limit: int, as_json: bool) -> None:
    """List deliveries, newest first. Ends with 1 if one of those has failed, or needs a person.

    \b
    Example:   wallet-service inbound list --status failed
    """
    with opened() as service, service.read() as tx:
        found = deliveries.page(tx, status=status, most=limit)
    for each in found:
        if as_json:
            click.echo(json.dumps(_told(each)))
        else:
            when = f"{each.received_at:%Y-%m-%d %H:%M:%S}"
            sender = f"{each.dialect}/{each.source}"
            click.echo(
                f"{each.public_id}  {when}  {each.status:<9}  {sender}  {each.topic}  {each.detail or ''}".rstrip()
            )
    if not found and not as_json:
        click.echo("Nothing was delivered.")
    if any(each.status in ("failed", "attention") for each in found):
        raise SystemExit(1)


@inbound_group.command("show")
@click.argument("delivery")
@click.option("--body", is_flag=True, help="Print the body as it came, which holds personal data.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def show_delivery(delivery: str, body: bool, as_json: bool) -> None:
    """Show what became of a delivery.

    \b
    Example:   wallet-service inbound show inb_5f0c…
    """
    with opened() as service, service.read() as tx:
        kept = deliveries.find(tx, delivery)
        if kept is None:
            raise UnknownDelivery(delivery)
        if not body:
            show(_told(kept), as_json=as_json)
            return
        if kept.sealed is None:
            raise UnknownDelivery(delivery, kept=True)
        click.echo(service.vault.open_bytes(kept.sealed))


@inbound_group.command("replay")
@click.argument("delivery", nargs=-1)
@click.option("--failed", is_flag=True, help="Every delivery that has failed.")
@click.option("--dry-run", is_flag=True, help="Say what it would come to, and do nothing.")
def replay(delivery: tuple[str, ...], failed: bool, dry_run: bool) -> None:
    """Enter deliveries again, as they came; what was entered before is not entered twice. Ends with 1 if one fails.

    \b
    Example:   wallet-service inbound replay inb_5f0c… --dry-run
               wallet-service inbound replay --failed
    """
    if not delivery and not failed:
        raise click.UsageError("Name deliveries, or give --failed.")
    with opened() as service:
        with service.read() as tx:
            wanted = [each.public_id for each in deliveries.page(tx, status="failed", most=1000)] if failed else []
        outcomes = [service.intake.replay(each, dry_run=dry_run) for each in dict.fromkeys((*delivery, *wanted))]
    for each in outcomes:
        click.echo(_line(each, dry_run=dry_run))
    if any(each.status == "failed" for each in outcomes):
        raise SystemExit(1)


@inbound_group.command("done")
@click.argument("delivery")
def done(delivery: str) -> None:
    """Note that you have done what a delivery asked a person for, such as a copy of a customer's data.

    \b
    Example:   wallet-service inbound done inb_5f0c…
    """
    with opened() as service, service.begin() as tx:
        note_done(tx, delivery, now=service.clock())


def _told(kept: Kept) -> dict[str, object]:
    told = {name: value for name, value in asdict(kept).items() if name not in UNTOLD}
    plain: dict[str, object] = json.loads(json.dumps(told, default=str))
    return {"id": kept.public_id, **plain, "body_kept": kept.sealed is not None}


def _line(outcome: Outcome, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    more = [
        f"{each['type']}: {each.get('points', 0):+} points, balance {each['balance']}"
        for each in outcome.answers
        if "balance" in each
    ]
    return "  ".join((outcome.public_id, f"{would}{outcome.status}", *more, outcome.detail or "")).rstrip()
