"""What commands share that do operations: whose programme it is, the key, who asks, and how the answer is shown."""

import getpass
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from wallet_service.domain.event import Customer
from wallet_service.storage import programs
from wallet_service.storage.programs import Opened
from wallet_service.usecases.operate import OpenProgram, Operation, operate
from wallet_service.usecases.serve import card_or_member
from wallet_service.wiring import Service

REASON = click.option("--reason", required=True, help="Why, for the books.")


@dataclass(frozen=True)
class Asking:
    """How an operation is asked for: under which key, by whom, and whether the answer is wanted as JSON."""

    key: str
    actor: str
    as_json: bool


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an operation, as its argument `asked`."""

    def called(*, key: str | None, actor: str | None, as_json: bool, **more: Any) -> None:
        asked = Asking(key or f"cli_{secrets.token_hex(8)}", actor or getpass.getuser(), as_json)
        command(asked=asked, **more)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
        click.option("--actor", help="Who does it, for the books; you, if not given."),
        click.option("--key", help="A repeat under the same key does nothing and answers the same; made if not given."),
    ):
        called = option(called)
    return called


def of_template(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option that names a programme by its template."""
    return click.option(
        "--template", default="points", show_default=True, help="The template whose programme is meant."
    )(command)


def with_json(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that only looks the option to answer in JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)


def program_of_member(service: Service, name: str) -> tuple[OpenProgram, Customer]:
    """Return the member with that id, or whose card has that serial number, and the programme.

    Raises `UnknownCard`.
    """
    with service.read() as tx:
        found = card_or_member(tx, name)
    program = OpenProgram(found.program_id, service.in_force.of_card(found), service.vault)
    return program, Customer(member_id=found.member.public_id)


def program_of_template(service: Service, name: str) -> OpenProgram:
    """Return the programme of a template.

    Raises `UnknownTemplate`.
    """
    opened = opened_program(service, name)
    return OpenProgram(opened.id, service.in_force.of_program(opened), service.vault)


def opened_program(service: Service, name: str) -> Opened:
    """Return the programme of a template as it was opened: whose it is, and which of its rules are in force.

    Raises `UnknownTemplate`.
    """
    template = service.template(name)
    with service.read() as tx:
        opened = programs.find(tx, template.program.program.code)
    if opened is None:
        raise click.ClickException(f"The programme of {name} is not open yet; see `wallet-service source add`.")
    return opened


def do(
    service: Service,
    program: OpenProgram,
    kind: str,
    asked: Asking,
    *,
    content: Mapping[str, Any],
    act: Callable[[Operation], Any],
) -> None:
    """Do an operation, and print what it is answered with."""
    done = operate(
        service.begin,
        program=program,
        key=asked.key,
        kind=kind,
        content=content,
        actor=asked.actor,
        now=service.clock(),
        act=act,
    )
    show(done.answer, as_json=asked.as_json)
    if done.replayed and not asked.as_json:
        click.echo("This was done before under the same key; nothing happened now.")


def show(answer: Mapping[str, Any], *, as_json: bool, indent: str = "") -> None:
    """Print an answer: as JSON, or a line for each thing that it says."""
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for name, value in answer.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            click.echo(f"{label}:")
            show(value, as_json=False, indent=f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for each in value:
                click.echo(f"{indent}{'  '.join(f'{key} {one}' for key, one in each.items() if one is not None)}")
        elif value not in (None, []):
            click.echo(f"{label}: {value}")
