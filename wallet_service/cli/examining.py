"""`wallet-service doctor` and `reconcile`: what is wrong here, and at vendors."""

import sys
from datetime import timedelta

import click

from wallet_service import config, doctor, logs, reconciling
from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.surroundings import surroundings
from wallet_service.wiring import Service, build

MARKS = {
    "good": click.style("good", fg="green"),
    "mind": click.style("mind", fg="yellow"),
    "wrong": click.style("wrong", fg="red"),
}


@click.command("doctor")
def examine() -> None:
    """Say in plain words what is wrong with certificates, settings, database and push; ends with 1 if anything is."""
    settings = config.load(surroundings())
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


@click.command()
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
