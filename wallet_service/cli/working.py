"""`wallet-service worker` and `settle`: what is brought to wallets, and what time alone brings to do."""

import signal
import sys
import threading

import click
import structlog

from wallet_service import worker
from wallet_service.cli.opening import opened
from wallet_service.storage import calendar as calendar_of
from wallet_service.wiring import Service

log = structlog.get_logger(__name__)

INBOUND_EVERY = 5.0  # seconds
PRUNE_EVERY = 3600.0
SEAL_EVERY = 60.0  # seconds


@click.command("worker")
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


@click.command("settle")
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
