"""All commands together: each is where it is said to be, and loads no more than it needs."""

import subprocess
import sys

import pytest
from click import Context

from wallet_service.cli import PLACES, main

HEAVY = ("alembic", "flask", "granian", "h2", "reportlab", "wallet_service.web", "wallet_service.demo")
PROBE = f"""
import sys
from wallet_service.cli import main
main(sys.argv[1:], standalone_mode=False)
print([each for each in {HEAVY!r} if each in sys.modules])
"""


@pytest.mark.parametrize("name", PLACES)
def test_each_command_is_where_it_is_said_to_be(name: str) -> None:
    """A command has the name by which it is called, and says what it does."""
    command = main.get_command(Context(main), name)
    assert command
    assert command.name == name
    assert command.help


def test_nobody_loads_what_another_command_needs() -> None:
    """A command about points begins without web, demo and migrations, which take longer to load than it does."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "points", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.endswith("[]\n")
