"""`wallet-service ledger head`, `heads`, `receipt`, `check`: what is sealed, and proofs of it."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.domain.errors import ReceiptRefused
from wallet_service.domain.receipt import parse
from wallet_service.storage.signing import genuine, read_public
from wallet_service.usecases import heads
from wallet_service.usecases.seal import receipt as prove


def public_key(_: click.Context, __: click.Parameter, given: Sequence[str]) -> list[bytes]:
    """Return the public keys that are given in hex or as files."""
    try:
        return [read_public(Path(each).read_bytes() if Path(each).is_file() else each.encode()) for each in given]
    except (ValueError, OSError) as error:
        raise click.BadParameter(f"give a public key in hex, or a file that holds one: {error}") from None


@click.command()
def head() -> None:
    """Print the newest head of the ledger, as anybody is told it.

    \b
    Example:   wallet-service ledger head
    """
    with opened() as service, service.read() as tx:
        found = heads.newest(tx)
    click.echo(json.dumps(found, indent=2) if found else "Nothing has been sealed yet.")


@click.command("heads")
@click.option("--limit", default=31, show_default=True, type=AT_LEAST_ONE, help="How many days to list at the most.")
def list_heads(limit: int) -> None:
    """List the head of each day, the first one sealed in UTC, newest first; keep them where nobody else can write.

    \b
    Example:   wallet-service ledger heads --limit 7
    """
    with opened() as service, service.read() as tx:
        for each in heads.daily(tx, most=limit):
            click.echo(f"{each['sealed_at'][:10]}  {each['position']:>7}  {each['transactions']:>11,}  {each['head']}")


@click.command()
@click.argument("transaction", type=int)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; receipt-TRANSACTION.json if not given.",
)  # fmt: skip
def receipt(transaction: int, output: Path | None) -> None:
    """Write the receipt of a transaction: what was sealed of it, and the proof that it was.

    It names no person. `ledger check` checks it anywhere, without the service or its database.

    \b
    Example:   wallet-service ledger receipt 4711 -o receipt.json
    """
    path = output or Path(f"receipt-{transaction}.json")
    with opened() as service, service.read() as tx:
        written = prove(tx, transaction)
    try:
        path.write_text(written.text(), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: transaction {transaction} under head {written.head.position}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, callback=public_key, help="The issuer's public key, hex or a file.")
def check(file: Path, keys: list[bytes]) -> None:
    """Check a receipt, offline: without the service, its database or its settings. Ends with 1 if it proves nothing.

    Without --key the receipt is only checked against the key that it brings itself; compare that with the one that the
    issuer publishes.

    \b
    Example:   wallet-service ledger check receipt.json --key 5f0c…
    """
    found = parse(file.read_bytes())
    if not found.proves():
        raise ReceiptRefused("The transaction does not lead to the head: it is not what was sealed.")
    if not genuine(found.public_key, found.signature, found.head.signed):
        raise ReceiptRefused("The head is not signed by the key that the receipt brings.")
    if keys and found.public_key not in keys:
        raise ReceiptRefused("The head is signed by another key than the one that was given.")
    click.echo(
        f"Transaction {found.transaction.get('id')} lies under head {found.head.position}: {found.head.hash.hex()}"
    )
    click.echo(f"sealed {found.head.sealed_at:%Y-%m-%d %H:%M:%S} UTC, signed by {found.public_key.hex()}")
    if not keys:
        click.echo("Compare that key with the one that the issuer publishes, or give it with --key.")
