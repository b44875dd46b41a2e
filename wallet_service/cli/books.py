"""`wallet-service ledger` and `wallet-service statement`: the books, checked, made anew and explained."""

import csv
import json
import sys
from dataclasses import asdict, fields

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.usecases import audit
from wallet_service.usecases.serve import card_or_member
from wallet_service.usecases.statement import Line
from wallet_service.usecases.statement import statement as explain


@click.group()
def ledger() -> None:
    """Check the books, or make anew what is made from them."""


@ledger.command()
@click.option("--limit", default=50, show_default=True, type=AT_LEAST_ONE, help="How many faults to name at the most.")
def verify(limit: int) -> None:
    """Sum all entries up again, and compare balances and cards with them; ends with 1 if anything differs.

    \b
    Example:   wallet-service ledger verify
    """
    with opened() as service:
        with service.begin() as tx:
            books = audit.audit(tx, most=limit)
        faces = list(audit.wrong_faces(service.begin, service.in_force))
    if books.total:
        click.echo(f"  all entries sum to {books.total:,} and not to zero")
    for transaction in books.unsound:
        click.echo(f"  transaction {transaction}: its entries do not sum to zero, or it has none")
    for each in books.differences:
        click.echo(
            f"  {each.public_id}: the balance says {each.available:,} and {each.qualifying:,} towards a tier, "
            f"the entries sum to {each.entered:,} and {each.qualified:,}"
        )
    for serial in faces[:limit]:
        click.echo(f"  {serial}: the card does not show what its member's account says")
    good = books.good and not faces
    click.echo("The books are sound." if good else "Balances and cards can be made anew: wallet-service ledger rebuild")
    sys.exit(0 if good else 1)


@ledger.command()
def rebuild() -> None:
    """Make all balances and cards anew from the entries, which stay as they are; events wait for a moment.

    \b
    Example:   wallet-service ledger rebuild
    """
    with opened() as service:
        balances, cards = audit.rebuild(service.begin, service.in_force, now=service.clock())
    click.echo(f"{balances:,} balances and {cards:,} cards were otherwise; now they are what the entries make.")


@click.command()
@click.argument("member")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="As what."
)
def statement(member: str, form: str) -> None:
    """Explain every point of a member: what moved the balance, by which rule or person, for which order.

    MEMBER is our id of the member, or the serial number of the card.

    \b
    Example:   wallet-service statement mem_7k3z… --format csv
    """
    with opened() as service:
        with service.read() as tx:
            found = card_or_member(tx, member)
        found = service.settled(found)
        with service.read() as tx:
            lines = explain(tx, found.member)
    if form == "json":
        click.echo(json.dumps([asdict(each) | {"at": each.at.isoformat()} for each in lines], indent=2))
    elif form == "csv":
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow([each.name for each in fields(Line)])
        table.writerows([_cell(value) for value in asdict(each).values()] for each in lines)
    else:
        _print(lines)


def _print(lines: list[Line]) -> None:
    for each in lines:
        why = each.rule or f"{each.actor}: {each.reason}"
        order = f", order {each.order_id}" if each.order_id else ""
        click.echo(f"{each.at:%Y-%m-%d %H:%M}  {each.points:>+9,}  {each.balance:>9,}  {each.type}  {why}{order}")
    if not lines:
        click.echo("Nothing has moved this balance yet.")


def _cell(value: object) -> object:
    """Return a value as a cell; a text that a spreadsheet would take for a formula is kept a text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return f"'{value}"
    return value.isoformat() if hasattr(value, "isoformat") else value
