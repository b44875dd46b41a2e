"""Commands that call a service by its API with a key, from any machine: `wallet-service till` and `api`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from wallet_service.cli.opening import AT_LEAST_ONE
from wallet_service.client import ApiRefused, Client, LookUp, Quote
from wallet_service.wiring import utc_now

METHODS = click.Choice(["GET", "POST", "PUT", "PATCH", "DELETE"], case_sensitive=False)


def with_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the address and the key of a service, as its arguments `url` and `key`."""
    command = click.option("--key", envvar="WALLET_API_KEY", required=True, help="Your key; better in WALLET_API_KEY.")(
        command
    )
    return click.option(
        "--url", envvar="WALLET_API_URL", required=True, help="Such as https://cards.example/api/v1; or WALLET_API_URL."
    )(command)


@contextmanager
def told() -> Iterator[None]:
    """Tell a refusal in words, and end with 1."""
    try:
        yield
    except ApiRefused as error:
        raise click.ClickException(str(error)) from error


@click.command("api")
@click.argument("method", type=METHODS)
@click.argument("path")
@click.option("-d", "--data", help="The body, as JSON.")
@click.option("--idempotency-key", help="Give the same again to repeat a request safely.")
@with_service
def call_api(*, url: str, key: str, method: str, path: str, data: str | None, idempotency_key: str | None) -> None:
    """Send a request to the API of a service, and print what it answers; what changes something gets its key.

    \b
    Example:   wallet-service api GET '/members?limit=5'
               wallet-service api POST /holds -d '{"member": {"id": "mem_7k…"}, "points": 500}'
    """
    try:
        body = json.loads(data) if data is not None else None
    except ValueError as error:
        raise click.BadParameter("is no JSON", param_hint="--data") from error
    with told():
        answer = Client(url, key).call(method.upper(), path, body, key=idempotency_key)
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


@click.command("till")
@click.argument("card_code")
@click.option("--order", required=True, help="Your own id of the order; again with the same, it is done once.")
@click.option("--minor", required=True, type=AT_LEAST_ONE, help="What earns of it, in minor units.")
@click.option("--points", default=0, type=click.IntRange(min=0), help="How many points the customer wants to spend.")
@click.option("--program", help="The programme, where you have several.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is paid.")
@with_service
def till(
    *, url: str, key: str, card_code: str, order: str, minor: int, points: int, program: str | None, yes: bool
) -> None:
    """Take an order as a till does: look the scanned card up, quote, hold points, capture them, and tell of the order.

    Points are given back if it is not paid. Whatever a lost connection or a crash has cut short, type it again: each
    step has a key that is made of the order.

    \b
    Example:   wallet-service till 7F3K9Q0P1V8X2C4D --order till-1-0042 --minor 4200 --points 500
    """
    service = Client(url, key)
    with told():
        seen = service.look_up(card_code, program=program)
        quote = service.quote(seen["member_id"], {"eligible_minor": minor})
        _say(seen, quote)
        hold = service.hold(seen["member_id"], points, reference=order, key=f"till {order} hold") if points else None
        if not yes and not click.confirm("Is it paid?"):
            if hold:
                service.void(hold["id"], key=f"till {order} void")
                click.echo(f"{points:,} points are given back.")
            raise SystemExit(1)
        if hold:
            captured = service.capture(hold["id"], key=f"till {order} capture")
            click.echo(f"{captured['captured']:,} points are spent.")
        currency = _currency(service, program)
        entered = service.tell(_paid(order, seen, minor, currency, utc_now()), key=f"till {order} paid")
    click.echo(f"{entered['points'] or 0:,} points are earned; the balance is {entered['balance'] or 0:,}.")


def _say(seen: LookUp, quote: Quote) -> None:
    tier = f", {seen['tier']}" if seen["tier"] else ""
    click.echo(f"{seen['name'] or seen['member_id']}{tier}: {seen['balance']:,} points.")
    click.echo(f"The order would earn {quote['points']:,}.")
    for each in quote["discounts"]:
        if each["available"]:
            cost = f" for {each['points']:,} points" if each["points"] else ""
            click.echo(f"  {each['code']}: {each['minor']:,} minor units less{cost}")


def _currency(service: Client, program: str | None) -> str:
    """Return the currency of the programme; that of the only one, where none is named."""
    found = [each for each in service.programs() if program in (None, each["code"])]
    return str(found[0]["currency"])


def _paid(order: str, seen: LookUp, minor: int, currency: str, now: datetime) -> dict[str, Any]:
    return {
        "type": "order.paid",
        "timestamp": now.astimezone(UTC).isoformat(),
        "data": {
            "order_id": order,
            "customer": {"member_id": seen["member_id"]},
            "currency": currency,
            "eligible_minor": minor,
        },
    }
