"""The whole service as a visitor starts it: real processes on real sockets."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from stage_actors import PATIENCE, ROOT, Stage, free_ports, wait_until


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """`wallet-service run` in a folder of its own; it must end by itself, with everything it started, on TERM."""
    folder = tmp_path_factory.mktemp("stage")
    port = free_ports(4)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")}
    environment |= {"PORT": str(port), "WALLET_DATA_FOLDER": str(folder / "var")}
    log = (folder / "run.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "wallet_service", "run"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        facts = folder / "var" / "demo.json"
        wait_until(lambda: facts.exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "run.log").read_text()
        told = json.loads(facts.read_text())
        environment |= {"WALLET_BASE_URL": told["base_url"], "WALLET_SANDBOX_APNS_PORT": str(port + 2)}
        yield Stage(told, environment, folder, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        log.close()
        # As root, the cluster lies where the server's user can reach it, and a link leads there.
        shutil.rmtree((folder / "var" / "postgres").resolve(), ignore_errors=True)
    assert process.returncode == 0
    assert not facts.exists()
