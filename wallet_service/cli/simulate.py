"""`wallet-service program simulate`: what a programme would have come to, in memory and without a database."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from wallet_service import config
from wallet_service.cli.opening import AT_LEAST_ONE
from wallet_service.domain.delivery import Arrangement, Delivery, event_of
from wallet_service.domain.errors import Fault, TemplateRefused, WalletError
from wallet_service.domain.event import Event
from wallet_service.domain.file_model import parse
from wallet_service.domain.invented import invented_year
from wallet_service.domain.program import Program, exponent
from wallet_service.domain.program.faults import read_program
from wallet_service.domain.reminding import tells
from wallet_service.domain.simulation import Habits, Month, Outcome, simulate
from wallet_service.inbound import standard
from wallet_service.surroundings import surroundings

RULES = "program.toml"
SOME_DAY = datetime(9000, 1, 1, tzinfo=UTC)  # events that are only imagined may lie in the future
NO_SOURCE = Arrangement("simulated", "")
COLUMNS: tuple[tuple[str, Callable[[Month], int]], ...] = (
    ("members", lambda month: month.members),
    ("orders", lambda month: month.orders),
    ("issued", lambda month: month.issued),
    ("redeemed", lambda month: month.redeemed),
    ("expired", lambda month: month.expired),
    ("reversed", lambda month: month.reversed),
    ("outstanding", lambda month: month.outstanding),
)


def _read_program(_: click.Context, __: click.Parameter, given: str | None) -> tuple[str, Program] | None:
    """Return the programme of that file, or of the template of that name, with what it was called."""
    if given is None:
        return None
    named = config.load(surroundings()).templates / given / RULES
    path = next((each for each in (Path(given), Path(given) / RULES, named) if each.is_file()), None)
    if path is None:
        raise click.BadParameter(f"there is no file {given}, and no template of that name")
    table, wrong = parse(path.read_bytes(), str(path))
    found = None
    if table is not None:
        found, wrong = read_program(table, str(path))
    if found is None or wrong:
        raise click.ClickException(str(TemplateRefused("The programme cannot be used.", wrong)))
    return given, found


@click.command("simulate")
@click.argument("given", metavar="NAME|FILE", callback=_read_program)
@click.option(
    "--events",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the body of one webhook event in each line; a year of invented customers if not given.",
)
@click.option("--compare", "other", metavar="NAME|FILE", callback=_read_program, help="Another one to show beside it.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(min=0), help="What the invented year follows."
)
@click.option("--customers", default=300, show_default=True, type=AT_LEAST_ONE, help="How many are invented.")
@click.option("--order", "order_minor", type=AT_LEAST_ONE, help="Their median order in minor units.")
@click.option(
    "--redeem",
    default=50,
    show_default=True,
    type=click.IntRange(0, 100),
    help="How many in a hundred members take a reward as soon as they can.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it for a program.")
def simulate_program(
    *,
    given: tuple[str, Program],
    path: Path | None,
    other: tuple[str, Program] | None,
    seed: int,
    customers: int,
    order_minor: int | None,
    redeem: int,
    as_json: bool,
) -> None:
    """Show month by month what a programme would come to: points, what they are expected to cost, tiers.

    The rules are applied by the code that enters events, in memory; nothing is stored. What members spend is assumed:
    some of them take the cheapest reward as soon as they can, and pools of codes are never empty. Left out are
    referrals, rewards that days bring, points that pay a part of an order, and orders of those who have not joined yet.
    Reminders are those that cards tell; letters are not counted. What comes as a month begins belongs to that month;
    points die in the month of their last day.

    \b
    Example:   wallet-service program simulate points --compare new_rules.toml --seed 7
    """
    # The same events for both, or it would be no comparison.
    invented = invented_year(given[1], seed=seed, customers=customers, order_minor=order_minor)
    events = read_events(path) if path else list(invented)
    outcomes = {
        name: (program, simulate(program, events, Habits(Fraction(redeem, 100))))
        for name, program in filter(None, (given, other))
    }
    if as_json:
        click.echo(json.dumps({name: _plain(outcome) for name, (_, outcome) in outcomes.items()}, indent=2))
        return
    for name, (program, outcome) in outcomes.items():
        click.echo("\n".join(_table(name, program, outcome)) + "\n")
    if len(outcomes) > 1:
        click.echo("\n".join(_beside(outcomes)))


def read_events(path: Path) -> list[Event]:
    """Return the events of a file with one webhook body in each line; types that are not known are left out.

    Raises `click.ClickException` with the line of the first that cannot be read.
    """
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            normalised = standard.normalise(Delivery(""), line, arrangement=NO_SOURCE, now=SOME_DAY)
        except WalletError as error:
            raise click.ClickException(str(Fault(path.name, f"line {number}", str(error)))) from error
        found += [event_of(said, event_id=f"line {number:08}", body=line) for said in normalised.said]
    return found


def _table(name: str, program: Program, outcome: Outcome) -> list[str]:
    columns = _columns(program)
    head = "".join(f"{column:>13}" for column, _ in columns) + f"{'liability':>15}  tiers"
    lines = [name, f"{'month':<9}{head}"]
    for month in outcome.months:
        numbers = "".join(f"{value(month):>13,}" for _, value in columns)
        lines.append(f"{month.first:%Y-%m}  {numbers}{_money(program, month.liability):>15}  {_shares(month)}")
    lines.append(_reached(outcome))
    if outcome.passed_over:
        lines.append(f"{outcome.passed_over:,} events could not be entered.")
    return lines


def _columns(program: Program) -> tuple[tuple[str, Callable[[Month], int]], ...]:
    """Return what is told of each month; of reminders only where cards remind of anything."""
    return (*COLUMNS, ("reminders", lambda month: month.reminders)) if tells(program) else COLUMNS


def _beside(outcomes: dict[str, tuple[Program, Outcome]]) -> list[str]:
    """Return the sums of two programmes side by side."""
    width = max(24, *(len(name) + 2 for name in outcomes))
    lines = [f"{'':<22}" + "".join(f"{name:>{width}}" for name in outcomes)]
    for column, value in COLUMNS[1:6]:
        sums = (sum(map(value, outcome.months)) for _, outcome in outcomes.values())
        lines.append(f"{column:<22}" + "".join(f"{each:>{width},}" for each in sums))
    last = [(program, outcome.months[-1]) for program, outcome in outcomes.values() if outcome.months]
    lines.append(f"{'outstanding':<22}" + "".join(f"{month.outstanding:>{width},}" for _, month in last))
    lines.append(
        f"{'liability':<22}" + "".join(f"{_money(program, month.liability):>{width}}" for program, month in last)
    )
    medians = (outcome.median_orders for _, outcome in outcomes.values())
    lines.append(
        f"{'orders to a reward':<22}" + "".join(f"{'-' if each is None else each:>{width}}" for each in medians)
    )
    lines.append(f"{'tiers':<22}" + "".join(f"{_shares(month):>{width}}" for _, month in last))
    return lines


def _reached(outcome: Outcome) -> str:
    if outcome.median_orders is None:
        return "Nobody could take a reward."
    able = sum(outcome.reached_after.values())
    half = f"half of them after {outcome.median_orders} order{'' if outcome.median_orders == 1 else 's'}"
    return f"{able:,} members could take a reward, {half}; {outcome.never:,} never."


def _shares(month: Month) -> str:
    whole = sum(month.tiers.values())
    return "  ".join(f"{code} {100 * count // whole} %" for code, count in month.tiers.items()) or "-"


def _money(program: Program, minor: int | None) -> str:
    if minor is None:
        return "-"
    places = exponent(program.program.currency)
    whole, rest = divmod(minor, 10**places)
    return f"{whole:,}" + (f".{rest:0{places}}" if places else "") + f" {program.program.currency}"


def _plain(outcome: Outcome) -> dict[str, Any]:
    months = [asdict(month) | {"first": month.first.isoformat()} for month in outcome.months]
    return {
        "months": months,
        "reached_after": outcome.reached_after,
        "never": outcome.never,
        "median_orders": outcome.median_orders,
        "passed_over": outcome.passed_over,
    }
