"""Commands about sources: the shops and tills that post events, and the secrets that they sign with."""

import re
from typing import TextIO

import click

from wallet_service.cli.keys import MERCHANT
from wallet_service.cli.opening import opened
from wallet_service.inbound import DIALECTS
from wallet_service.links import claim_key, claim_url
from wallet_service.usecases import connect as connecting
from wallet_service.usecases.receive import source_of

# Who makes the secret themselves, where it is found there, and what is to be subscribed to.
THEIRS = {
    "shopify": "the app's client secret",
    "square": "the signature key of the webhook subscription",
    "stripe": "the signing secret of the endpoint, whsec_…",
}
TOPICS = {
    "shopify": "orders/paid, orders/updated, orders/cancelled, refunds/create, and the three compliance topics",
    "woocommerce": "order.created, order.updated, order.deleted",
    "square": "payment.created, payment.updated, refund.created, refund.updated",
    "stripe": (
        "checkout.session.completed, checkout.session.async_payment_succeeded, charge.refunded, refund.created, "
        "refund.updated, refund.failed, charge.dispute.created, charge.dispute.closed; for paid clubs invoice.paid, "
        "customer.subscription.updated, customer.subscription.deleted"
    ),
}


def _source_name(_: click.Context, __: click.Parameter, name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise click.BadParameter("use small letters, digits, - and _, for it becomes part of an address")
    return name


DIALECT = click.option(
    "--dialect",
    type=click.Choice(tuple(DIALECTS)),
    default=connecting.DIALECT,
    show_default=True,
    help="What the source speaks: our own events, or those of a shop system.",
)
SECRET = click.option(
    "--secret-file",
    type=click.File(),
    help="A file with the secret, where the shop system has made it; - reads it from the input.",
)


@click.group()
def source() -> None:
    """Connect shops and tills that post events."""


@source.command("add")
@click.argument("name", callback=_source_name)
@click.option(
    "--template", default="points", show_default=True, help="The template whose programme the events belong to."
)
@DIALECT
@SECRET
@click.option("--test-mode", is_flag=True, help="Test orders of the shop system count, too.")
@MERCHANT
def add_source(
    name: str, *, template: str, dialect: str, secret_file: TextIO | None, test_mode: bool, merchant: str
) -> None:
    """Connect a source and print its address and secret, once; the first one makes the programme the merchant's.

    \b
    Example:   wallet-service source add my-shop --template points
               wallet-service source add my-shop --dialect shopify --secret-file secret.txt
    """
    given = _secret(dialect, secret_file)
    with opened() as service:
        with service.begin() as tx:
            secret = connecting.connect(
                tx,
                vault=service.vault,
                template=service.template(template),
                name=name,
                dialect=dialect,
                secret=given,
                test_mode=test_mode,
                merchant=merchant,
                now=service.clock(),
            )
        if secret is None:
            raise click.ClickException(f"{name} is connected already; see `wallet-service source rotate`.")
        click.echo(f"post to   {service.settings.base_url}/webhooks/{dialect}/{name}")
    if given is None:
        click.echo(f"sign with {secret}")
    if dialect in TOPICS:
        click.echo(f"subscribe {TOPICS[dialect]}")


@source.command("rotate")
@click.argument("name")
@DIALECT
@SECRET
def rotate_source(name: str, dialect: str, secret_file: TextIO | None) -> None:
    """Give a source a new secret; the old one keeps working until the next rotation.

    \b
    Example:   wallet-service source rotate my-shop
    """
    given = _secret(dialect, secret_file)
    with opened() as service:
        with service.begin() as tx:
            secret = connecting.rotate(tx, vault=service.vault, name=name, dialect=dialect, secret=given)
        click.echo("Both secrets work now." if given else secret)


@source.command("list")
def list_sources() -> None:
    """List every source and its programme's template."""
    with opened() as service, service.read() as tx:
        for each in connecting.connected(tx):
            more = "  test orders count" if each.test_mode else ""
            click.echo(f"{each.dialect}/{each.name}  {each.template}{more}")


@source.command("claim-key")
@click.argument("name")
@DIALECT
@click.option("--order", help="Print the link for this order instead.")
def claim(name: str, dialect: str, order: str | None) -> None:
    """Print the key by which a shop signs links to its receipts, at which whoever bought without a card claims points.

    The signature is the HMAC-SHA256 of the order's id, in hex; shop systems make it in their own templates.

    \b
    Example:   wallet-service source claim-key my-shop --dialect shopify
               wallet-service source claim-key my-shop --order till-1-0042
    """
    with opened() as service:
        with service.read() as tx:
            source_of(tx, dialect=dialect, name=name)
        if order is not None:
            click.echo(claim_url(service.settings.base_url, service.secret_key, dialect, name, order))
            return
        click.echo(f"sign with {claim_key(service.secret_key, dialect, name)}")
        address = f"{service.settings.base_url}/receipts/{dialect}/{name}"
        click.echo(f"link to   {address}?order=ORDER&signature=SIGNATURE")


def _secret(dialect: str, file: TextIO | None) -> str | None:
    """Return the secret that was given, asked for where the shop system makes its own; None for one that we make."""
    if file is not None:
        secret = str(file.read()).strip()
    elif dialect in THEIRS:
        secret = str(click.prompt(f"Paste {THEIRS[dialect]}", hide_input=True)).strip()
    else:
        return None
    if not secret or not secret.isprintable():
        raise click.UsageError("The secret is empty, or more than one line.")
    return secret
