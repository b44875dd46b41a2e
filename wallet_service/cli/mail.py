"""`wallet-service mail`: letters to people, how they stand, and addresses that are not written to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.domain.identity import identity
from wallet_service.domain.letters import State
from wallet_service.storage import letters, merchants, suppressed
from wallet_service.wiring import Service

MERCHANT = click.option("--merchant", default=merchants.MAIN, show_default=True, help="Whose letters, by its code.")
LIMIT = click.option("--limit", default=50, show_default=True, type=AT_LEAST_ONE, help="How many to show at the most.")


@contextmanager
def _of(code: str) -> Iterator[tuple[Service, int]]:
    """Open the service, and find the merchant.

    Raises `UnknownMerchant`.
    """
    with opened() as service:
        with service.read() as tx:
            merchant = merchants.require(tx, code)
        yield service, merchant.id


@click.group()
def mail() -> None:
    """Letters to people by e-mail, and addresses that they must not go to."""


@mail.command("list")
@click.option("--state", type=click.Choice(get_args(State)), help="Only those that stand so.")
@LIMIT
@MERCHANT
def list_letters(state: State | None, limit: int, merchant: str) -> None:
    """List letters, newest first, and what became of them; never to whom they go, nor what they say.

    \b
    Example:   wallet-service mail list --state dead
    """
    with _of(merchant) as (service, merchant_id), service.read() as tx:
        found = letters.newest(tx, merchant_id, state=state, most=limit)
    for each in found:
        tries = f", {each.attempts} tries" if each.attempts > 1 else ""
        why = f": {each.last_error}" if each.last_error else ""
        click.echo(
            f"{each.created_at:%Y-%m-%d %H:%M:%S}  {each.public_id}  {each.channel:<5}  {each.kind:<8}  "
            f"{each.state}{tries}{why}"
        )
    if not found:
        click.echo("There are no letters.")


@mail.command("suppressed")
@LIMIT
@MERCHANT
def list_suppressed(limit: int, merchant: str) -> None:
    """Count addresses that are not written to by their reasons, and list when they came; which they are is not kept.

    \b
    Example:   wallet-service mail suppressed --limit 10
    """
    with _of(merchant) as (service, merchant_id), service.read() as tx:
        counts = suppressed.counts(tx, merchant_id)
        found = suppressed.newest(tx, merchant_id, most=limit)
    click.echo(", ".join(f"{number:,} {reason}" for reason, number in sorted(counts.items())) or "There are none.")
    for each in found:
        click.echo(f"{each.at:%Y-%m-%d %H:%M:%S}  {each.mark.hex()[:12]}…  {each.reason}")


@mail.command("suppress")
@click.argument("address")
@MERCHANT
def suppress(address: str, merchant: str) -> None:
    """Send no news to an e-mail address any more; what its owner asks for is still sent.

    \b
    Example:   wallet-service mail suppress ann@home.example
    """
    known = _address(address)
    with _of(merchant) as (service, merchant_id):
        service.unsubscribing.by_carrier(merchant_id, known, "by_hand", now=service.clock())
    click.echo("The address gets no more news.")


@mail.command("allow")
@click.argument("address")
@MERCHANT
def allow(address: str, merchant: str) -> None:
    """Let an e-mail address be written to again, whatever the reason was; a consent that was withdrawn stays so.

    \b
    Example:   wallet-service mail allow ann@home.example
    """
    known = _address(address)
    with _of(merchant) as (service, merchant_id), service.begin() as tx:
        reasons = suppressed.drop(tx, merchant_id, suppressed.marks_of(service.vault, known))
    click.echo(f"It was {', '.join(sorted(reasons))}; it is written to again." if reasons else "It was not suppressed.")


def _address(given: str) -> str:
    known = identity("email", given)
    if known is None:
        raise click.UsageError(f"{given!r} is no e-mail address.")
    return known.value
