"""Commands as they are typed, but in this process: a start takes a second, and few tests are about the start."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from click.testing import CliRunner

from wallet_service.cli import main
from wallet_service.stage import SIGNALS


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
