"""`wallet-service run`: everything on one machine, in one command, and nothing left behind when it ends."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import requests

from wallet_service import config, demo, logs
from wallet_service.config import Settings
from wallet_service.demo import Demo
from wallet_service.serving import require_port
from wallet_service.storage import migrate
from wallet_service.surroundings import NEXT_PORTS, PORTS, RUNNING, heed_signals
from wallet_service.usecases.publish import publish, publish_classes
from wallet_service.wiring import build

PATIENCE = 60  # seconds for a process to answer for the first time
GRACE = 25  # seconds for a process to finish what it has at hand; an answer of Google's may take most of them
FACTS = "demo.json"


def run(port: int) -> None:
    """Start database, web, worker and sandbox, and wait until one of them ends or we are told to stop."""
    heed_signals()
    environment = _environment(port)
    settings = config.load(environment)
    logs.configure(settings.log_format)
    require_port(settings)
    facts, running = settings.data_folder / FACTS, settings.data_folder / RUNNING
    facts.unlink(missing_ok=True)
    click.echo("Starting PostgreSQL and loading the demo …")
    service = build(settings)
    try:
        migrate.upgrade(service.engine)
        loaded = demo.load(service)
        for name in service.templates:
            for _ in publish(service.begin, service.in_force, name, now=service.clock()):
                pass
        with service.begin() as tx:
            publish_classes(tx, service.classes(), now=service.clock())
        if service.embedded:
            environment["WALLET_DATABASE_URL"] = service.embedded.url()
        processes = _Processes(environment, settings.data_folder / "logs")
        try:
            _start(processes, settings, loaded)
            loaded.write(facts)
            running.write_text(json.dumps({name: environment[name] for name in PORTS}))
            _tell(settings, loaded, facts)
            processes.wait()
        finally:
            processes.stop()
            for path in (facts, running):
                path.unlink(missing_ok=True)
    finally:
        service.close()


def _environment(port: int) -> dict[str, str]:
    """Return the environment of every process: what is set already counts, the rest follows from the port."""
    environment = dict(os.environ)
    environment.setdefault("WALLET_PORT", str(port))
    environment.setdefault("WALLET_BASE_URL", f"http://127.0.0.1:{environment['WALLET_PORT']}")
    for step, name in enumerate(NEXT_PORTS, start=1):
        environment.setdefault(name, str(_free(port + step)))
    return environment


def _free(wished: int) -> int:
    """Return the wished port, or any free one where it is taken."""
    for port in (wished, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            found: int = listener.getsockname()[1]
            return found
    raise click.ClickException("There is no free port on 127.0.0.1.")


def _start(processes: "_Processes", settings: Settings, loaded: Demo) -> None:
    click.echo("Starting web, worker and sandbox …")
    processes.start("web")
    if settings.sandbox:
        processes.start("sandbox")
    processes.wait_for(f"http://{settings.host}:{settings.port}/readyz")
    processes.start("worker")  # which has Google fetch pictures from the web at once
    if loaded.phone_url:
        processes.wait_for(f"{loaded.phone_url}state.json")


def _tell(settings: Settings, loaded: Demo, facts: Path) -> None:
    lines = [
        ("Phones", f"{loaded.phone_url}   open this, buy something, and watch the cards") if loaded.phone_url else None,
        ("Service", loaded.base_url),
        ("Webhook", f"POST {loaded.webhook_url}"),
        ("Card", loaded.add_url),
        ("Join", loaded.join_url),
        ("My page", f"{loaded.member_url}   ask for a link as {loaded.email}, and open the letter")
        if settings.mails
        else None,
        ("Letters", f"{settings.mail_folder}   a file each") if settings.mail_folder else None,
        ("For scripts", str(facts)),
        ("Logs", str(settings.data_folder / "logs")),
    ]
    click.echo("\nEverything runs. Ctrl-C stops it.\n")
    for line in filter(None, lines):
        click.echo(f"  {line[0]:<12} {line[1]}")
    click.echo("")


class _Processes:
    """The processes that we started, each with a log of its own."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = environment
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start `wallet-service <name>` in a session of its own, so that Ctrl-C reaches us and not it."""
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "wallet_service", name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for(self, url: str) -> None:
        """Return once the address answers with 200."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._check()
            try:
                if requests.get(url, timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise click.ClickException(f"{url} does not answer; see {self._folder}.")

    def wait(self) -> None:
        """Wait until a signal ends it, or one of the processes ends by itself."""
        while True:
            self._check()
            time.sleep(0.3)

    def stop(self) -> None:
        """End every process: first kindly, then not."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _check(self) -> None:
        for name, process in self._running.items():
            if process.poll() is not None:
                tail = (self._folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise click.ClickException(f"{name} ended by itself with {process.returncode}:\n{tail}")
