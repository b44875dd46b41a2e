"""`wallet-service member`: its tier, cards and person, two that become one, and to forget somebody."""

import json
from datetime import datetime

import click

from wallet_service.cli.opening import opened
from wallet_service.cli.operating import REASON, Asking, asking, do, opened_program, program_of_member
from wallet_service.domain.event import Customer
from wallet_service.domain.identity import KINDS, Kind, identity
from wallet_service.usecases import adjust as adjusting
from wallet_service.usecases import merge as merging
from wallet_service.usecases import object as objecting
from wallet_service.usecases.erase import erase
from wallet_service.usecases.expose import expose
from wallet_service.usecases.portray import portray
from wallet_service.usecases.reach import member_named
from wallet_service.usecases.replace_card import change_code, replace_card
from wallet_service.usecases.serve import card_or_member


@click.group("member")
def member_group() -> None:
    """Find a member, set its tier, give it another card, make one of two, or forget one."""


@member_group.command("find")
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


@member_group.command("replace-card")
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


@member_group.command("change-code")
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


@member_group.command("export")
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


@member_group.command("erase")
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


@member_group.command("tier")
@click.argument("member")
@click.argument("tier")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day; for ever, if not given.")
@REASON
@asking
def set_tier(member: str, tier: str, until: datetime | None, reason: str, asked: Asking) -> None:
    """Put a member into a tier, below which nothing takes the member through that day.

    \b
    Example:   wallet-service member tier mem_7k3z… gold --until 2027-12-31 --reason "guest of honour"
    """
    day = until.date() if until else None
    with opened() as service:
        program, customer = program_of_member(service, member)
        content = {"member": str(customer), "tier": tier, "until": str(day), "reason": reason}
        do(
            service, program, "tier.set", asked, content=content,
            act=lambda operation: adjusting.set_tier(operation, customer=customer, tier=tier, until=day, reason=reason),
        )  # fmt: skip


@member_group.command("merge")
@click.argument("merged")
@click.argument("survivor")
@REASON
@asking
def merge(merged: str, survivor: str, reason: str, asked: Asking) -> None:
    """Have SURVIVOR take over all that MERGED has, and stand for both; the card of MERGED is void for good.

    \b
    Example:   wallet-service member merge mem_p0q1… mem_7k3z… --reason "joined twice"
    """
    with opened() as service:
        program, gone = program_of_member(service, merged)
        _, kept = program_of_member(service, survivor)
        content = {"merged": str(gone), "survivor": str(kept), "reason": reason}
        do(
            service, program, "member.merge", asked, content=content,
            act=lambda operation: merging.merge(operation, merged=gone, survivor=kept, reason=reason),
        )  # fmt: skip


@member_group.command("object")
@click.argument("member")
@click.option("--withdraw", is_flag=True, help="The member does not object any more; what was forgotten stays so.")
def object_to(member: str, withdraw: bool) -> None:
    """Count nothing more of what a member does with links and the card, and forget what was counted.

    \b
    Example:   wallet-service member object mem_7k3z…
    """
    with opened() as service, service.begin() as tx:
        found = card_or_member(tx, member).member
        if withdraw:
            objecting.withdraw(tx, found.id)
        else:
            objecting.object_to_counting(tx, found.id, now=service.clock())
    click.echo(f"{found.public_id} is {'counted again from now on' if withdraw else 'not counted any more'}.")


@member_group.command("arm")
@click.argument("member")
@click.argument("experiment")
def arm(member: str, experiment: str) -> None:
    """Tell in which arm of EXPERIMENT a member is, for whoever treats members by it, and note that it was met.

    The answer is always the same for a member. Of the holdout nothing is noted.

    \b
    Example:   wallet-service member arm mem_7k3z… second-order-offer
    """
    with opened() as service:
        with service.read() as tx:
            found = card_or_member(tx, member)
        program = service.in_force.of_card(found).program
        with service.begin() as tx:
            click.echo(expose(tx, program, found.member, experiment, now=service.clock()))
