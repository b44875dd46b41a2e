"""Commands as they are typed: what they refuse, and what they leave behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_actors import typed
from sqlalchemy import Engine
from stage_actors import ROOT, free_ports, wait_until

from wallet_service.sandbox.chain import Chain

COMMAND = [sys.executable, "-m", "wallet_service"]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment with a data folder of its own, which is gone afterwards wherever the database had to lie."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")}
    yield clean | {"WALLET_DATA_FOLDER": str(tmp_path / "var"), "PORT": str(free_ports(4))}
    shutil.rmtree((tmp_path / "var" / "postgres").resolve(), ignore_errors=True)


@pytest.fixture
def migrated(environment: dict[str, str], engine: Engine, sandbox_files: Path, tmp_path: Path) -> dict[str, str]:
    """The same after a first start, with a database that has its tables and need not be started for each command."""
    shutil.copytree(sandbox_files, tmp_path / "var" / "sandbox")
    return environment | {"WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False)}


def call(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_taken_port_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    """A port that somebody listens on is not shared with him, and nothing is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(environment["PORT"])))
        other.listen()
        done = call(environment, "run")

    assert done.returncode == 1
    assert "WALLET_PORT" in done.stderr
    assert not (tmp_path / "var" / "postgres").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_during_the_start_leaves_nothing(environment: dict[str, str], tmp_path: Path, number: int) -> None:
    """Told to stop while the database is starting, the command ends, and the database with it."""
    process = subprocess.Popen([*COMMAND, "run"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    data = tmp_path / "var" / "postgres" / "data"
    wait_until(lambda: (data / "postmaster.pid").exists() or process.poll() is not None)
    process.send_signal(number)

    assert process.wait(30) == 0
    assert not (data / "postmaster.pid").exists()
    assert not (tmp_path / "var" / "demo.json").exists()


def test_sandbox_touches_no_real_installation(migrated: dict[str, str], tmp_path: Path, chain: Chain) -> None:
    """With a real certificate the sandbox refuses before it has written anything."""
    chain.write(tmp_path)
    migrated |= {
        "WALLET_APPLE_CERTIFICATE": str(tmp_path / "pass_certificate.pem"),
        "WALLET_APPLE_KEY": str(tmp_path / "pass_key.pem"),
        "WALLET_APPLE_WWDR": str(tmp_path / "wwdr.pem"),
    }
    done = typed(migrated, "sandbox")

    assert done.returncode == 1
    assert "there is no sandbox" in done.stderr
    assert typed(migrated, "source", "list").stdout == ""


def test_source_and_its_secret(migrated: dict[str, str]) -> None:
    """A source is added once, rotated as often as one likes, and named in a way that fits into an address."""
    added = typed(migrated, "source", "add", "till-1")
    again = typed(migrated, "source", "add", "till-1")

    assert "/webhooks/standard/till-1" in added.stdout
    assert "whsec_" in added.stdout
    assert (again.returncode, "connected already" in again.stderr) == (1, True)
    assert typed(migrated, "source", "rotate", "till-1").stdout.startswith("whsec_")
    assert typed(migrated, "source", "add", "a/b").returncode == 2
    assert typed(migrated, "source", "list").stdout == "standard/till-1  points\n"


def test_a_database_of_its_own_is_there_for_the_next_command(environment: dict[str, str]) -> None:
    """With no database given one is started for each command, and keeps what the last one wrote."""
    assert call(environment, "migrate").returncode == 0
    assert "sign with" in call(environment, "source", "add", "till-1").stdout
    assert call(environment, "source", "list").stdout == "standard/till-1  points\n"


def test_template_is_checked_by_its_name(environment: dict[str, str]) -> None:
    """A template's name finds its folder; what is shown has a column for each wallet, and one table a language."""
    done = typed(environment, "template", "check", "points")

    assert done.returncode == 0, done.stderr
    tables = re.findall(r"^([a-z]{2}) +Text +Apple Wallet +Google Wallet$", done.stdout, re.MULTILINE)
    assert sorted(tables) == ["cs", "en", "ro", "ru"]
    assert "Google Wallet, art logo: Google shows a square logo, which is made from the icon" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("pass", "nope"),
        ("pass", "nope", "-o", "no/where"),
        ("drift", "--limit", "0"),
        ("device-log", "--limit", "-1"),
        ("publish", "nope"),
        ("source", "rotate", "nope"),
        ("template", "check", "."),
        ("template", "check", "nope"),
        ("revoke", "nope"),
        ("card", "nope"),
        ("reconcile", "--limit", "0"),
    ],
    ids=" ".join,
)
def test_refusals_are_sentences(migrated: dict[str, str], arguments: tuple[str, ...]) -> None:
    """What a command cannot do it says without a stack trace."""
    done = typed(migrated, *arguments)

    assert done.returncode in (1, 2)
    assert "Error: " in done.stderr


def test_a_refusal_in_a_process_of_its_own_is_a_sentence(migrated: dict[str, str]) -> None:
    """On a terminal it is the sentence alone that is seen."""
    done = call(migrated, "pass", "nope")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
