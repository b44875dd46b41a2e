"""What a command finds around it: the environment, what `run` has started in the same folder, and signals to stop."""

import json
import os
import signal
from pathlib import Path

RUNNING = "running.json"
NEXT_PORTS = ("WALLET_SANDBOX_PORT", "WALLET_SANDBOX_APNS_PORT", "WALLET_SANDBOX_GOOGLE_PORT")
PORTS = ("WALLET_PORT", "WALLET_BASE_URL", *NEXT_PORTS)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def surroundings() -> dict[str, str]:
    """Return the environment, with the addresses of what `run` has started in the same folder where none are set."""
    environment = dict(os.environ)
    folder = Path(environment.get("WALLET_DATA_FOLDER") or "var")
    try:
        running = json.loads((folder / RUNNING).read_text())
    except (OSError, ValueError):
        running = {}
    return {name: str(running[name]) for name in PORTS if name in running} | environment


def heed_signals() -> None:
    """Let a signal to stop leave through every `finally`, so that nothing is left running; a second one is ignored."""
    for number in SIGNALS:
        signal.signal(number, _leave)


def _leave(*_: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)
