"""Commands about a member's cards and person: another card, another code, all that is kept, and to forget it."""

import json

import click

from wallet_service.cli.opening import opened
from wallet_service.cli.operating import Asking, asking, do, opened_program, program_of_member
from wallet_service.domain.event import Customer
from wallet_service.domain.identity import KINDS, Kind, identity
from wallet_service.usecases.erase import erase
from wallet_service.usecases.portray import portray
from wallet_service.usecases.reach import member_named
from wallet_service.usecases.replace_card import change_code, replace_card
from wallet_service.usecases.serve import card_or_member


@click.command("find")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("value")
@click.option("--template", default="points", show_default=True, help="The template whose programme is meant.")
def find(kind: Kind, value: str, template: str) -> None:
    """Print our id of the member who is known by an address or a shop's account.

    \b
    Example:   wallet-service member find email ann@home.example
    """
    known = identity(kind, value)
    if known is None:
        raise click.UsageError(f"{value!r} is no {kind}.")
    with opened() as service:
        program = opened_program(service, template)
        with service.read() as tx:
            found = member_named(tx, program.id, Customer(identities=(known,)), vault=service.vault)
    if found is None:
        raise click.ClickException("Nobody is known by that.")
    click.echo(found.member.public_id)


@click.command("replace-card")
@click.argument("member")
@asking
def replace(member: str, asked: Asking) -> None:
    """Give a member a new card, and make the present one void on every phone.

    \b
    Example:   wallet-service member replace-card mem_7k3z…
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        do(
            service, program, "card.replace", asked, content={"member": str(customer)},
            act=lambda operation: replace_card(operation, customer=customer),
        )  # fmt: skip


@click.command("change-code")
@click.argument("member")
@asking
def code(member: str, asked: Asking) -> None:
    """Give a member's card another barcode; the one before is refused from now on.

    \b
    Example:   wallet-service member change-code mem_7k3z…
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        do(
            service, program, "card.code", asked, content={"member": str(customer)},
            act=lambda operation: change_code(operation, customer=customer),
        )  # fmt: skip


@click.command("export")
@click.argument("member")
def export(member: str) -> None:
    """Print all that is kept about a member as JSON, for whoever has a right to ask.

    \b
    Example:   wallet-service member export mem_7k3z… > copy.json
    """
    with opened() as service, service.read() as tx:
        found = card_or_member(tx, member)
        told = portray(tx, service.vault, found, service.in_force.of_card(found).program)
    click.echo(json.dumps(told, indent=2, default=str, ensure_ascii=False))


@click.command("erase")
@click.argument("member")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asking
def erase_member(member: str, yes: bool, asked: Asking) -> None:
    """Forget a member's person for good; the books keep their figures, and say no more whose they were.

    \b
    Example:   wallet-service member erase mem_7k3z…
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        if not yes:
            click.confirm(f"Forget {member} for good? Points and card are lost.", abort=True)
        do(
            service, program, "member.erase", asked, content={"member": str(customer)},
            act=lambda operation: erase(operation, customer=customer),
        )  # fmt: skip


MEMBER_COMMANDS = (find, replace, code, export, erase_member)
