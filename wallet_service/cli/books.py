"""`wallet-service ledger` and `wallet-service statement`: the books, checked, made anew and explained."""

import sys
from collections.abc import Sequence
from itertools import islice

import click

from wallet_service.cli import seals
from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.storage.signing import genuine
from wallet_service.usecases import audit
from wallet_service.usecases.export import as_csv, as_json, move, until
from wallet_service.usecases.seal import breaks
from wallet_service.usecases.serve import card_or_member
from wallet_service.usecases.statement import Line, LotNow
from wallet_service.usecases.statement import statement as explain


@click.group()
def ledger() -> None:
    """Check the books, make anew what is made from them, and prove what stands in them."""


@ledger.command()
@click.option("--limit", default=50, show_default=True, type=AT_LEAST_ONE, help="How many faults to name at the most.")
@click.option(
    "--key", "keys", multiple=True, callback=seals.public_key,
    help="A public key that seals were signed with before, hex or a file.",
)  # fmt: skip
def verify(limit: int, keys: list[bytes]) -> None:
    """Hold every law of the books against all rows, and compare what is projected from them, cards too.

    Then follow the chain of seals, and name every transaction that is not what was sealed. Ends with 1 if anything
    differs; each check names its first faults.

    \b
    Example:   wallet-service ledger verify
    """
    with opened() as service:
        with service.read() as tx:
            books = audit.audit(tx, service.in_force, most=limit)
        figures = list(islice(audit.wrong_positions(service.begin, service.in_force, now=service.clock()), limit))
        faces = list(islice(audit.wrong_faces(service.begin, service.in_force), limit))
        broken = list(islice(breaks(service.begin, genuine, {service.signing_key.public, *keys}), limit))
    for each in (*books.differences, *figures):
        click.echo(f"  {each}")
    for serial in faces:
        click.echo(f"  {serial}: the card does not show what its member's account says")
    for one in broken:
        click.echo(f"  {one}")
    good = books.good and not figures and not faces
    for name in books.unchecked:
        click.echo(f"{name}: not looked at whether points were spent after they had died; its template is not loaded.")
    if not good:
        click.echo("What is projected can be made anew: wallet-service ledger rebuild")
    if broken:
        click.echo("The ledger is not what was sealed; nothing can be made anew from it. See who could write to it.")
    if good and not broken:
        click.echo("The books are sound, and everything is as it was sealed.")
    sys.exit(0 if good and not broken else 1)


@ledger.command()
def rebuild() -> None:
    """Make all balances, lots' balances and cards anew from the append-only tables; events wait for a moment.

    \b
    Example:   wallet-service ledger rebuild
    """
    with opened() as service:
        balances, cards = audit.rebuild(service.begin, service.in_force, now=service.clock())
    click.echo(f"{balances:,} members and {cards:,} cards were otherwise; now they are what the books make.")


for each in (seals.head, seals.list_heads, seals.receipt, seals.check):
    ledger.add_command(each)


@click.command()
@click.argument("member")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="As what."
)
@click.option("--lots", is_flag=True, help="Only what is left now, lot by lot; a CSV file holds one table.")
def statement(member: str, form: str, lots: bool) -> None:
    """Explain every point of a member: what moved the balance, by which rule or person, for which order, in which lot.

    MEMBER is our id of the member, or the serial number of the card. The second part is what is left in which lot.

    \b
    Example:   wallet-service statement mem_7k3z… --format csv
    """
    with opened() as service:
        with service.read() as tx:
            found = card_or_member(tx, member)
        found = service.settled(found)
        with service.read() as tx:
            said = explain(tx, found.member, service.in_force.of_card(found).program)
    if form == "json":
        click.echo(as_json(said, only_lots=lots))
    elif form == "csv":
        click.echo(as_csv(said, only_lots=lots), nl=False)
    else:
        if not lots:
            _print_lines(said.lines)
        _print_lots(said.lots)


def _print_lines(lines: Sequence[Line]) -> None:
    for each in lines:
        because = each.rule or (f"{each.actor}: {each.reason}" if each.actor else each.cause)
        order = f", order {each.order_id}" if each.order_id else ""
        more = "".join(
            f", {name} {points:+,}" for name, points in (("pending", each.pending), ("held", each.held)) if points
        )
        head = f"{each.at:%Y-%m-%d %H:%M}  {each.points:>+9,}  {each.balance:>9,}  {each.type}"
        click.echo(f"{head}  {because}{order}{more}  (transaction {each.transaction})")
        for part in each.parts:
            click.echo(f"{'':18}{part.points:>9}  of {part.kind} {part.code}")
        for lost in each.refused:
            click.echo(f"{'':18}{'-':>9}  of {lost.code}: {lost.reason.replace('_', ' ')}")
        for moved in each.lots:
            click.echo(f"{'':18}{move(moved)}")
    if not lines:
        click.echo("Nothing has moved this balance yet.")


def _print_lots(lots: Sequence[LotNow]) -> None:
    for each in lots:
        buckets = (("can be spent", each.available), ("pending", each.pending), ("held", each.held))
        left = ", ".join(f"{points:,} {name}" for name, points in buckets if points)
        order = f", order {each.order_id}" if each.order_id else ""
        click.echo(
            f"lot {each.lot}: {left} of {each.points:,} from {each.earned_at:%Y-%m-%d} "
            f"({each.rule or 'no rule'}{order}); {until(each.dies_on)}"
        )
