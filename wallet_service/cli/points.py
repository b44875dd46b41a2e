"""`wallet-service points` and `partner`: holds, corrections, gifts, and what partners owe."""

import click

from wallet_service.cli.opening import AT_LEAST_ONE, opened
from wallet_service.cli.operating import (
    REASON,
    Asking,
    asking,
    do,
    of_template,
    program_of_member,
    program_of_template,
    show,
    with_json,
)
from wallet_service.usecases import adjust as adjusting
from wallet_service.usecases import hold as holding
from wallet_service.usecases import settle_partners as settling
from wallet_service.usecases import transfer as transferring
from wallet_service.usecases.operate import answer_of


@click.group()
def points() -> None:
    """Hold, correct and give points; MEMBER is our id of a member, or the serial number of a card."""


@points.command("hold")
@click.argument("member")
@click.argument("points", type=AT_LEAST_ONE)
@click.option("--reference", help="What they are held for, such as an order.")
@click.option("--minutes", type=AT_LEAST_ONE, help="How long; what the programme says, if not given.")
@asking
def hold(member: str, points: int, reference: str | None, minutes: int | None, asked: Asking) -> None:
    """Set points apart until they are captured or voided, or time out.

    \b
    Example:   wallet-service points hold mem_7k3z… 500 --reference order-17
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        content = {"member": str(customer), "points": points, "reference": reference, "minutes": minutes}
        do(
            service, program, "points.hold", asked, content=content,
            act=lambda operation: holding.hold(
                operation, customer=customer, points=points, reference=reference, minutes=minutes
            ),
        )  # fmt: skip


@points.command("capture")
@click.argument("hold")
@click.option("--points", type=AT_LEAST_ONE, help="How many of them; all, if not given.")
@click.option("--partner", help="The partner who accepts them.")
@of_template
@asking
def capture(hold: str, points: int | None, partner: str | None, template: str, asked: Asking) -> None:
    """Use up held points; what is not used goes back to where it came from.

    \b
    Example:   wallet-service points capture hld_5b… --points 300
    """
    with opened() as service:
        program = program_of_template(service, template)
        content = {"hold": hold, "points": points, "partner": partner}
        do(
            service, program, "points.capture", asked, content=content,
            act=lambda operation: holding.capture(operation, hold=hold, points=points, partner=partner),
        )  # fmt: skip


@points.command("void")
@click.argument("hold")
@of_template
@asking
def void(hold: str, template: str, asked: Asking) -> None:
    """Give held points back.

    \b
    Example:   wallet-service points void hld_5b…
    """
    with opened() as service:
        program = program_of_template(service, template)
        do(
            service, program, "points.void", asked, content={"hold": hold},
            act=lambda operation: holding.void(operation, hold=hold),
        )  # fmt: skip


@points.command("refund")
@click.argument("hold")
@click.option("--points", type=AT_LEAST_ONE, help="How many of them; all that are left, if not given.")
@REASON
@of_template
@asking
def refund(hold: str, points: int | None, reason: str, template: str, asked: Asking) -> None:
    """Give back points that were captured, as the programme lets them come back.

    \b
    Example:   wallet-service points refund hld_5b… --points 100 --reason "one of three was returned"
    """
    with opened() as service:
        program = program_of_template(service, template)
        content = {"hold": hold, "points": points, "reason": reason}
        do(
            service, program, "points.refund", asked, content=content,
            act=lambda operation: holding.refund(operation, hold=hold, points=points, reason=reason),
        )  # fmt: skip


@points.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("member")
@click.argument("points", type=int)
@REASON
@asking
def adjust(member: str, points: int, reason: str, asked: Asking) -> None:
    """Add points by hand, or take them away with a number below zero; they count for no tier.

    \b
    Example:   wallet-service points adjust mem_7k3z… -50 --reason "entered twice"
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        content = {"member": str(customer), "points": points, "reason": reason}
        do(
            service, program, "points.adjust", asked, content=content,
            act=lambda operation: adjusting.adjust(operation, customer=customer, points=points, reason=reason),
        )  # fmt: skip


@points.command("transfer")
@click.argument("giver")
@click.argument("taker")
@click.argument("points", type=AT_LEAST_ONE)
@REASON
@asking
def transfer(giver: str, taker: str, points: int, reason: str, asked: Asking) -> None:
    """Give a member's points to another one of the same programme; they die when they would have died.

    \b
    Example:   wallet-service points transfer mem_7k3z… mem_p0q1… 200 --reason "a gift"
    """
    with opened() as service:
        program, mine = program_of_member(service, giver)
        _, other = program_of_member(service, taker)
        content = {"giver": str(mine), "taker": str(other), "points": points, "reason": reason}
        do(
            service, program, "points.transfer", asked, content=content,
            act=lambda operation: transferring.transfer(
                operation, giver=mine, taker=other, points=points, reason=reason
            ),
        )  # fmt: skip


@click.group("partner")
def partner_group() -> None:
    """See what partners of a programme owe each other, and even it out."""


@partner_group.command("report")
@of_template
@with_json
def report(template: str, as_json: bool) -> None:
    """Show who issued points, who accepted them, and what is owed; above zero it is owed to the partner.

    \b
    Example:   wallet-service partner report --template points
    """
    with opened() as service:
        program = program_of_template(service, template)
        with service.read() as tx:
            found = settling.settlement(tx, program=program, now=service.clock())
    show(answer_of(found), as_json=as_json)


@partner_group.command("settle")
@of_template
@asking
def settle(template: str, asked: Asking) -> None:
    """Even out what partners owe, once it has been paid, and show what it was.

    \b
    Example:   wallet-service partner settle --key 2026-06
    """
    with opened() as service:
        program = program_of_template(service, template)
        do(service, program, "partner.settle", asked, content={}, act=settling.settle_partners)
