"""The running service as end-to-end tests see it: its page, its commands, its ports."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from command_actors import Said, typed

ROOT = Path(__file__).parent.parent
PATIENCE = 60


@dataclass
class Stage:
    """A running service with its sandbox, and what `demo.json` says of it; `pid` is the process that runs it all."""

    facts: dict[str, Any]
    environment: dict[str, str]
    folder: Path
    pid: int

    def phone(self) -> dict[str, Any]:
        """Return what the simulated phone holds now."""
        state: dict[str, Any] = requests.get(f"{self.facts['phone_url']}state.json", timeout=10).json()
        return state

    def press(self, button: str, **data: str) -> dict[str, Any]:
        """Press a button of the sandbox's page and return the phone's state."""
        answer = requests.post(
            f"{self.facts['phone_url']}{button}", data=data, headers={"Accept": "application/json"}, timeout=20
        )
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    def command(self, *arguments: str) -> Said:
        """Type a command beside the running service."""
        return typed(self.environment, *arguments)

    def started(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Start `wallet-service` beside the running service, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "wallet_service", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def in_step(self) -> bool:
        """Whether every phone shows what the ledger says."""
        return self.command("drift").returncode == 0


def wait_until(true: Callable[[], object], *, patience: float = PATIENCE, pause: float = 0.02) -> float:
    """Wait until something is true and return how long it took, in seconds; look again after each `pause`."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < patience, "it does not come true"
        time.sleep(pause)
    return time.monotonic() - started


def free_ports(count: int) -> int:
    """Return the first of some neighbouring ports that are free."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        if all(is_free(first + step) for step in range(1, count)):
            return first


def is_free(port: int) -> bool:
    """Whether the port can be bound."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
