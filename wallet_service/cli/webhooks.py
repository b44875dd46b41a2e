"""`wallet-service webhook`: a merchant's endpoints, what was sent to them, and what could not be."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.storage import merchants
from wallet_service.storage.messages import Attempt
from wallet_service.usecases import endpoints, replay
from wallet_service.wiring import Service

MERCHANT = click.option("--merchant", default=merchants.MAIN, show_default=True, help="Whose endpoints, by its code.")
LIMIT = click.option("--limit", default=50, show_default=True, type=AT_LEAST_ONE, help="How many to show at the most.")
ENDPOINT = click.option("--endpoint", help="Only those of this endpoint.")
TYPES = click.option(
    "--type", "types", multiple=True, help='What it is told: "points.*", "tier.upgraded"; again for more.'
)
ROW = "{:<24} {:<9} {:>8} {:>6}  {}"


@contextmanager
def _of(code: str, *, first: bool = False) -> Iterator[tuple[Service, int]]:
    """Open the service, and find the merchant; the main one is made if this may be the `first` that is heard of it.

    Raises `UnknownMerchant`.
    """
    with opened() as service:
        with service.begin() as tx:
            merchant = merchants.require(tx, code, begins_at=service.clock() if first else None)
        yield service, merchant.id


@click.group()
def webhook() -> None:
    """Tell merchants what happens to their members; ENDPOINT is the id of an endpoint, MESSAGE that of a message."""


@webhook.command("add")
@click.argument("url")
@TYPES
@click.option("--name", help="A name for people.")
@MERCHANT
def add(url: str, types: tuple[str, ...], name: str | None, merchant: str) -> None:
    """Add an endpoint and print its id and its secret, once.

    \b
    Example:   wallet-service webhook add https://shop.example/loyalty --type 'points.*' --type tier.upgraded
    """
    with _of(merchant, first=True) as (service, merchant_id), service.begin() as tx:
        added, secret = endpoints.add(
            tx,
            merchant_id=merchant_id,
            vault=service.vault,
            reach=service.settings.reach,
            url=url,
            types=types,
            name=name,
            now=service.clock(),
        )
    click.echo(f"endpoint {added.public_id}\nverify with {secret}")


@webhook.command("list")
@MERCHANT
def list_endpoints(merchant: str) -> None:
    """List a merchant's endpoints: how each stands, what waits for it, and how many dead letters it has."""
    with _of(merchant) as (service, merchant_id), service.read() as tx:
        found = endpoints.standing(tx, merchant_id=merchant_id)
    if found:
        click.echo(ROW.format("endpoint", "state", "waiting", "dead", "address"))
    for each in found:
        one = each.endpoint
        click.echo(ROW.format(one.public_id, one.state, each.waiting, each.dead, one.url))
        if one.name or one.types:
            click.echo(f"  {one.name or ''}{': ' if one.name and one.types else ''}{', '.join(one.types)}")
        if one.reason:
            click.echo(f"  {one.state} since {one.stopped_at:%Y-%m-%d %H:%M} UTC: {one.reason}")
        elif one.failing_since:
            click.echo(f"  failing since {one.failing_since:%Y-%m-%d %H:%M} UTC, {one.failures} times in a row")


@webhook.command("change")
@click.argument("endpoint")
@click.option("--url", help="Where it is from now on; what waits goes there, too.")
@TYPES
@click.option("--everything", is_flag=True, help="Tell it everything, whatever types it had.")
@click.option("--name", help="A name for people.")
@MERCHANT
def change(
    *, endpoint: str, url: str | None, types: tuple[str, ...], everything: bool, name: str | None, merchant: str
) -> None:
    """Change an endpoint's address, types or name; what is not given stays as it is.

    \b
    Example:   wallet-service webhook change whe_3f… --type 'reward.*'
    """
    if everything and types:
        raise click.UsageError("Give either --everything or --type.")
    with _of(merchant) as (service, merchant_id), service.begin() as tx:
        endpoints.change(
            tx,
            merchant_id=merchant_id,
            reach=service.settings.reach,
            endpoint=endpoint,
            url=url,
            types=() if everything else types or None,
            name=name,
        )
    click.echo(f"{endpoint} is changed.")


@webhook.command("rotate")
@click.argument("endpoint")
@click.option(
    "--overlap", default=24, show_default=True, type=click.IntRange(min=0, max=720),
    help="Hours in which messages are signed with the secret before, too; 0 if it has leaked.",
)  # fmt: skip
@MERCHANT
def rotate(endpoint: str, overlap: int, merchant: str) -> None:
    """Give an endpoint a new secret and print it, once; for a while messages carry both signatures."""
    with _of(merchant) as (service, merchant_id):
        with service.begin() as tx:
            secret = endpoints.rotate(
                tx,
                merchant_id=merchant_id,
                vault=service.vault,
                endpoint=endpoint,
                overlap=timedelta(hours=overlap),
                now=service.clock(),
            )
        click.echo(secret)


@webhook.command("enable")
@click.argument("endpoint")
@MERCHANT
def enable(endpoint: str, merchant: str) -> None:
    """Let messages go to an endpoint again that was stopped; what waited for it is sent now."""
    with _of(merchant) as (service, merchant_id), service.begin() as tx:
        endpoints.enable(tx, merchant_id=merchant_id, endpoint=endpoint, now=service.clock())
    click.echo(f"{endpoint} is active.")


@webhook.command("remove")
@click.argument("endpoint")
@MERCHANT
def remove(endpoint: str, merchant: str) -> None:
    """Remove an endpoint for good, with all that waits for it and its log."""
    with _of(merchant) as (service, merchant_id), service.begin() as tx:
        endpoints.remove(tx, merchant_id=merchant_id, endpoint=endpoint, now=service.clock())
    click.echo(f"{endpoint} is removed.")


@webhook.command("test")
@click.argument("endpoint")
@MERCHANT
def try_out(endpoint: str, merchant: str) -> None:
    """Send an endpoint a message of the type endpoint.test, and say what it answers; ends with 1 unless it takes it."""
    with _of(merchant) as (service, merchant_id):
        answer = endpoints.try_out(
            service.begin,
            service.courier,
            service.vault,
            merchant_id=merchant_id,
            endpoint=endpoint,
            clock=service.clock,
        )
    click.echo(f"{endpoint} {'took it' if answer.taken else 'did not take it'}: {answer}, in {answer.ms} ms")
    sys.exit(0 if answer.taken else 1)


@webhook.command("log")
@ENDPOINT
@click.option("--message", help="Only those of this message.")
@LIMIT
@MERCHANT
def show_log(endpoint: str | None, message: str | None, limit: int, merchant: str) -> None:
    """Show what was sent and what was answered, newest first.

    \b
    Example:   wallet-service webhook log --endpoint whe_3f… --limit 20
    """
    with _of(merchant) as (service, merchant_id), service.read() as tx:
        found = replay.log(tx, merchant_id=merchant_id, endpoint=endpoint, message=message, most=limit)
    for each in found:
        click.echo(_line(each))


def _line(each: Attempt) -> str:
    answer = str(each.status) if each.status is not None else str(each.error)
    return f"{each.at:%Y-%m-%d %H:%M:%S}  {each.endpoint}  {each.message}  {each.type:<21} {answer} in {each.ms} ms"


@webhook.command("dead")
@ENDPOINT
@click.option("--json", "as_json", is_flag=True, help="Print them whole, as JSON.")
@LIMIT
@MERCHANT
def dead_letters(endpoint: str | None, as_json: bool, limit: int, merchant: str) -> None:
    """Show the messages that were given up, oldest first."""
    with _of(merchant) as (service, merchant_id), service.read() as tx:
        found = replay.dead(tx, merchant_id=merchant_id, endpoint=endpoint, most=limit)
    if as_json:
        plain: Callable[[Any], str] = str
        letters = [
            {"message": each.public_id, "endpoint": each.endpoint, "given_up_at": each.settled_at}
            | {"attempts": each.attempts, "last_error": each.last_error, "body": json.loads(each.body)}
            for each in found
        ]
        click.echo(json.dumps(letters, indent=2, default=plain))
        return
    for each in found:
        text = f"{each.type:<21} given up after {each.attempts} tries: {each.last_error}"
        click.echo(f"{each.created_at:%Y-%m-%d %H:%M:%S}  {each.endpoint}  {each.public_id}  {text}")


@webhook.command("replay")
@click.argument("message", required=False)
@click.option("--endpoint", help="All dead letters of this endpoint.")
@MERCHANT
def send_again(message: str | None, endpoint: str | None, merchant: str) -> None:
    """Send a message again, or all dead letters of an endpoint; each keeps its id.

    \b
    Example:   wallet-service webhook replay --endpoint whe_3f…
    """
    if (message is None) == (endpoint is None):
        raise click.UsageError("Give either a message or --endpoint.")
    with _of(merchant) as (service, merchant_id), service.begin() as tx:
        now = service.clock()
        if message is not None:
            replay.replay(tx, merchant_id=merchant_id, message=message, now=now)
            click.echo(f"{message} is sent again.")
        elif endpoint is not None:
            number = replay.replay_dead(tx, merchant_id=merchant_id, endpoint=endpoint, now=now)
            click.echo(f"{number:,} messages are sent again.")
