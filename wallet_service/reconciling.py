"""`wallet-service reconcile`: what vendors hold, beside what the cards say, told as it goes."""

import sys
from collections.abc import Iterator
from datetime import timedelta

import click

from wallet_service.domain.errors import VendorSilent
from wallet_service.storage import holdings
from wallet_service.usecases.reconcile import Comparison, Finding
from wallet_service.wiring import Service


def run(service: Service, *, mend: bool, limit: int, patience: timedelta) -> None:
    """Compare everything, print what differs, and end with 1 if it could not be asked or was only looked at."""
    findings = _Findings(limit)
    try:
        compared = _google(service, findings, mend=mend)
    except VendorSilent as error:
        if mend:
            _tell_again(service, findings, patience)
        raise click.ClickException(f"{error} What was found until then stands; run it again.") from error
    if mend:
        _tell_again(service, findings, patience)
    left = " The rest is left as it is: run it without --look." if findings.count and not mend else ""
    click.echo(f"{compared:,} cards compared at Google, {findings.count:,} findings.{left}")
    if findings.mended:
        click.echo("What differs is being sent again; `wallet-service drift` shows when all is in step.")
    sys.exit(1 if findings.count > findings.mended else 0)


class _Findings:
    """Counts findings, and prints the first of them."""

    def __init__(self, limit: int) -> None:
        self.count = self.mended = 0
        self._limit = limit

    def add(self, found: Finding) -> None:
        self.count += 1
        self.mended += found.mended
        if self.count <= self._limit:
            click.echo(f"  {found.target}  {found.text}")
        elif self.count == self._limit + 1:
            click.echo("  … and more; see --limit")


def _google(service: Service, findings: _Findings, *, mend: bool) -> int:
    """Compare classes and cards at Google; return how many cards it holds."""
    if service.google is None:
        click.echo("Cards are not offered for Google Wallet here.")
        return 0
    comparison = Comparison(service.google.shelf, service.in_force, service.begin, service.clock, mend)
    compared = 0
    for each in _steps(comparison, service):
        if isinstance(each, Finding):
            findings.add(each)
        else:
            compared += each
            click.echo(f"{compared:,} cards compared …")
    return compared


def _steps(comparison: Comparison, service: Service) -> Iterator[Finding | int]:
    yield from comparison.classes(service.classes())
    yield from comparison.cards(comparison.wanted(service.classes()))


def _tell_again(service: Service, findings: _Findings, patience: timedelta) -> None:
    now = service.clock()
    with service.begin() as tx:
        silent = holdings.repush(tx, patience=patience, now=now)
        hurried = holdings.impatient(tx, now=now)
    for each in silent:
        text = f"the phone {each.device}… fetched revision {each.fetched} of {each.wanted}; it is told again"
        findings.add(Finding(each.serial_number, text, mended=True))
    if hurried:
        click.echo(f"{hurried:,} wallets that were put off are tried now.")
