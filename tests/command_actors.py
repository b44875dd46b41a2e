"""Commands as they are typed, but in this process: a start takes a second, and few tests are about the start."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from click.testing import CliRunner

from wallet_service.cli import main
from wallet_service.surroundings import SIGNALS
from wallet_service.wiring import Service

Command = Callable[..., str]


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def typed(environment: Mapping[str, str], *words: object, given: str | None = None) -> Said:
    """Type a command, with no settings but those of `environment`, and leave no signal's handler behind.

    A refusal is told as in a terminal; what would print a stack trace there is raised here.
    """
    cleared = {name: None for name in os.environ if name.startswith("WALLET_")}
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        done = CliRunner().invoke(main, [str(each) for each in words], env=cleared | environment, input=given)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


def at(service: Service, **more: str) -> dict[str, str]:
    """Return the settings of commands that are typed beside a service: its folder, templates and database."""
    return {
        "WALLET_DATA_FOLDER": str(service.settings.data_folder),
        "WALLET_TEMPLATES": str(service.settings.templates),
        "WALLET_DATABASE_URL": service.engine.url.render_as_string(hide_password=False),
        **more,
    }


def commands(environment: Mapping[str, str], *first: str) -> Command:
    """Return what types a command, which begins with these words, and returns what it prints.

    `ends` is the exit code that is expected, `given` what is typed when it asks.
    """

    def command(*words: object, ends: int = 0, given: str | None = None) -> str:
        said = typed(environment, *first, *words, given=given)
        assert said.returncode == ends, said.stdout + said.stderr
        return said.stdout + said.stderr

    return command
