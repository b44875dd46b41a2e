"""`wallet-service reward`: see what a member can have, redeem it, hand it over, and take it back."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO
from zoneinfo import ZoneInfo

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
from wallet_service.domain.period import end_of
from wallet_service.domain.purchase import Line
from wallet_service.usecases import redeem as redeeming
from wallet_service.usecases.catalogue import Choice, catalogue
from wallet_service.usecases.lay_codes import lay_codes
from wallet_service.usecases.operate import answer_of
from wallet_service.usecases.pledges import pledges

ORDER = click.option("--order", "order_id", help="The order that it belongs to.")


@click.group()
def reward() -> None:
    """Redeem rewards; MEMBER is our id of a member, or the serial number of a card."""


@reward.command("list")
@click.argument("member")
@click.option("--order-minor", type=click.IntRange(min=0), help="The order to be paid, in minor units.")
@with_json
def list_rewards(member: str, order_minor: int | None, as_json: bool) -> None:
    """List all rewards: which the member can have now, and why not the others.

    \b
    Example:   wallet-service reward list mem_7k3z… --order-minor 4000
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        with service.snapshot() as tx:
            found = catalogue(tx, program=program, customer=customer, order_minor=order_minor, now=service.clock())
    if as_json:
        click.echo(json.dumps([answer_of(each) for each in found], indent=2))
        return
    for each in found:
        click.echo(_line(each))


def _line(each: Choice) -> str:
    price = "" if each.cost is None else f"{each.cost:,}"
    if each.most_points is not None:
        price = f"up to {each.most_points:,}"
    left = "" if each.left is None else f", {each.left:,} left"
    state = "can be had" if each.available else "; ".join(str(why) for why in each.whys)
    return f"{each.reward:<24} {each.kind:<16} {price:>12}  {state}{left}"


@reward.command("redeem")
@click.argument("member")
@click.argument("reward")
@click.option("--points", type=AT_LEAST_ONE, help="How many, for a reward without a fixed cost.")
@click.option("--order-minor", type=click.IntRange(min=0), help="The order that they pay a part of, in minor units.")
@click.option("--cause", help="What is given to, for a donation.")
@click.option("--minutes", type=AT_LEAST_ONE, help="How long the till may take; what the programme says, if not given.")
@ORDER
@asking
def redeem(
    *,
    member: str,
    reward: str,
    points: int | None,
    order_minor: int | None,
    cause: str | None,
    minutes: int | None,
    order_id: str | None,
    asked: Asking,
) -> None:
    """Take a reward for a member's points, and print its code.

    \b
    Example:   wallet-service reward redeem mem_7k3z… five-off
    """
    wish = {
        "points": points,
        "order_minor": order_minor,
        "cause": cause,
        "minutes": minutes,
        "order_id": order_id,
    }
    with opened() as service:
        program, customer = program_of_member(service, member)
        do(
            service, program, "reward.redeem", asked, content={"member": str(customer), "reward": reward} | wish,
            act=lambda operation: redeeming.redeem(
                operation, customer=customer, reward=reward, points=points, order_minor=order_minor, cause=cause,
                order_id=order_id, minutes=minutes,
            ),
        )  # fmt: skip


@reward.command("use")
@click.argument("code")
@click.option("--points", type=AT_LEAST_ONE, help="How many of the held points; all, if not given.")
@click.option("--sku", "skus", multiple=True, help="A product in the basket; give it once for each.")
@click.option("--tag", "tags", multiple=True, help="A tag of a product in the basket; give it once for each.")
@click.option("--partner", help="The partner who hands it over.")
@ORDER
@of_template
@asking
def use(
    *,
    code: str,
    points: int | None,
    skus: tuple[str, ...],
    tags: tuple[str, ...],
    partner: str | None,
    order_id: str | None,
    template: str,
    asked: Asking,
) -> None:
    """Hand over what was redeemed, once; CODE is its code, or our id of the redemption.

    \b
    Example:   wallet-service reward use 7KQ2-M9XA-41BC --order order-17
    """
    lines = tuple(Line(sku, 0) for sku in skus) + ((Line("", 0, 1, tags),) if tags else ())
    by_id = code.startswith("rdm_")
    content = {
        "code": code,
        "points": points,
        "skus": skus,
        "tags": tags,
        "partner": partner,
        "order_id": order_id,
    }
    with opened() as service:
        program = program_of_template(service, template)
        do(
            service, program, "reward.use", asked, content=content,
            act=lambda operation: redeeming.use(
                operation, code=None if by_id else code, redemption=code if by_id else None, order_id=order_id,
                lines=lines, points=points, partner=partner,
            ),
        )  # fmt: skip


@reward.command("cancel")
@click.argument("redemption")
@REASON
@of_template
@asking
def cancel(redemption: str, reason: str, template: str, asked: Asking) -> None:
    """Take back what has not been used; its points are the member's again.

    \b
    Example:   wallet-service reward cancel rdm_9c… --reason "changed their mind"
    """
    with opened() as service:
        program = program_of_template(service, template)
        do(
            service, program, "reward.cancel", asked, content={"redemption": redemption, "reason": reason},
            act=lambda operation: redeeming.cancel(operation, redemption=redemption, reason=reason),
        )  # fmt: skip


@reward.command("refund")
@click.argument("redemption")
@click.option("--points", type=AT_LEAST_ONE, help="How many of them; all that are left, if not given.")
@REASON
@of_template
@asking
def refund(redemption: str, points: int | None, reason: str, template: str, asked: Asking) -> None:
    """Pay back the points of what was used, as the programme lets them come back.

    \b
    Example:   wallet-service reward refund rdm_9c… --reason "the order was returned"
    """
    content = {"redemption": redemption, "points": points, "reason": reason}
    with opened() as service:
        program = program_of_template(service, template)
        do(
            service, program, "reward.refund", asked, content=content,
            act=lambda operation: redeeming.refund(operation, redemption=redemption, points=points, reason=reason),
        )  # fmt: skip


@reward.command("taken")
@click.argument("member")
@with_json
def taken(member: str, as_json: bool) -> None:
    """List all that a member has redeemed, oldest first.

    \b
    Example:   wallet-service reward taken mem_7k3z…
    """
    with opened() as service:
        program, customer = program_of_member(service, member)
        with service.read() as tx:
            found = redeeming.redeemed(tx, program=program, customer=customer)
    if as_json:
        click.echo(json.dumps([answer_of(each) for each in found], indent=2))
        return
    for each in found:
        click.echo(
            f"{each.created_at:%Y-%m-%d %H:%M}  {each.points:>9,}  {each.status:<9}  {each.reward}  {each.redemption}"
        )


@reward.command("code")
@click.argument("redemption")
@of_template
def code(redemption: str, template: str) -> None:
    """Print the code of what was redeemed; it is made when it is first asked for.

    \b
    Example:   wallet-service reward code rdm_9c…
    """
    with opened() as service:
        program = program_of_template(service, template)
        with service.begin() as tx:
            found = redeeming.code_of(tx, program=program, redemption=redemption, now=service.clock())
    if found is None:
        raise click.ClickException(f"{redemption} has no code.")
    click.echo(found)


@reward.command("import-codes")
@click.argument("pool")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option(
    "--expires",
    metavar="DAY|MOMENT",
    help="The last day on which they are good, or when they die, as 2027-12-31T22:00:00Z; never, if not given.",
)
@of_template
@asking
def import_codes(pool: str, file: TextIO, expires: str | None, template: str, asked: Asking) -> None:
    """Lay codes of somebody else's, one a line, into the pool that a reward draws on; `-` reads them from a pipe.

    \b
    Example:   wallet-service reward import-codes bookshop codes.txt --expires 2027-12-31
    """
    given = file.read().splitlines()
    with opened() as service:
        program = program_of_template(service, template)
        at = _end_of(expires, program.template.program.zone) if expires else None
        do(
            service, program, "reward.import_codes", asked, content={"pool": pool, "codes": given, "expires": str(at)},
            act=lambda operation: lay_codes(operation, pool=pool, given=given, expires_at=at),
        )  # fmt: skip


def _end_of(text: str, zone: ZoneInfo) -> datetime:
    """Return when a day of the zone is over, or the moment itself."""
    with suppress(ValueError):
        last = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        return end_of(last, zone)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day such as 2027-12-31.", param_hint="--expires") from None


@reward.command("pledges")
@of_template
@with_json
def show_pledges(template: str, as_json: bool) -> None:
    """Show what was given by itself, month by month and cause by cause; a complete batch can be paid out.

    \b
    Example:   wallet-service reward pledges
    """
    with opened() as service:
        program = program_of_template(service, template)
        with service.read() as tx:
            found = pledges(tx, program=program)
    show({"batches": [answer_of(each) for each in found]}, as_json=as_json)
