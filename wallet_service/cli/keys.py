"""`wallet-service merchant` and `key`: whose programmes there are, and the keys of the API."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from wallet_service.cli.opening import opened
from wallet_service.domain.api_key import PRESETS, SCOPES
from wallet_service.storage import merchants
from wallet_service.storage.api_keys import ApiKey
from wallet_service.usecases import admit as admitting

MERCHANT = click.option("--merchant", default=merchants.MAIN, show_default=True, help="The code of the merchant.")


@click.group()
def merchant() -> None:
    """Add and list merchants, whose programmes they are and who never see one another."""


@merchant.command("add")
@click.argument("code")
@click.option("--name", help="What the merchant is called; its code, if not given.")
def add_merchant(code: str, name: str | None) -> None:
    """Add a merchant.

    \b
    Example:   wallet-service merchant add papermoth --name Papermoth
    """
    if not merchants.CODE.fullmatch(code):
        raise click.ClickException("use small letters, digits, - and _, at most 40 of them, for a code")
    with opened() as service, service.begin() as tx:
        added = merchants.add(tx, code=code, name=name or code, now=service.clock())
    if not added:
        raise click.ClickException(f"{code} is there already.")
    click.echo(f"{code} was added. Connect a shop with `source add --merchant {code}`, and give a key with `key add`.")


@merchant.command("list")
def list_merchants() -> None:
    """List all merchants."""
    with opened() as service, service.read() as tx:
        for each in merchants.every(tx):
            click.echo(f"{each.code}  {each.name}")


@click.group()
def key() -> None:
    """Give, list and revoke keys of the API."""


@key.command("add")
@MERCHANT
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([*PRESETS, *SCOPES]), metavar="SCOPE",
    help=f"What the key may do; as often as need be. {', '.join(PRESETS)}, or one of {', '.join(SCOPES)}.",
)  # fmt: skip
@click.option("--name", default="", help="What the key is for.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The last day, in UTC, on which it opens anything.")
def add_key(merchant: str, scopes: Sequence[str], name: str, expires: datetime | None) -> None:
    """Give a merchant a key, and print it, once.

    \b
    Example:   wallet-service key add --scope till --name "till 3" --expires 2027-12-31
    """
    ends = expires.replace(tzinfo=UTC) + timedelta(days=1) if expires else None
    meant = [scope for scope in SCOPES if any(scope == each or scope in PRESETS.get(each, ()) for each in scopes)]
    with opened() as service, service.begin() as tx:
        token = admitting.give_key(tx, merchant=merchant, name=name, scopes=meant, expires_at=ends, now=service.clock())
    click.echo(f"{token.text()}\nIt is shown only now. It is listed, and can be revoked, as {token.public_id}.")


@key.command("list")
def list_keys() -> None:
    """List all keys: whose they are, what they may do, when they were last used, and until when they open anything."""
    with opened() as service:
        with service.read() as tx:
            found = admitting.keys(tx)
        for each in found:
            click.echo(f"{each.public_id}  {each.merchant}  {_state(each, service.clock())}  {each.name}".rstrip())
            click.echo(f"  {' '.join(each.scopes)}")


@key.command("revoke")
@click.argument("public_id", metavar="KEY")
def revoke_key(public_id: str) -> None:
    """Have a key open nothing from now on.

    \b
    Example:   wallet-service key revoke key_5b1c9e0a7d3f4286
    """
    with opened() as service, service.begin() as tx:
        admitting.revoke_key(tx, public_id, now=service.clock())
    click.echo(f"{public_id} opens nothing any more.")


def _state(key: ApiKey, now: datetime) -> str:
    used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}, {used}"
    if key.expires_at is None:
        return used
    return f"{used}, {'expires' if key.opens(now) else 'expired'} {key.expires_at - timedelta(days=1):%Y-%m-%d}"
