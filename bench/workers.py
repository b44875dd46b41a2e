"""One worker process against two on the same number of phones, with a push service that takes its time to answer."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from bench.stand import Stand, stand
from wallet_service.sandbox.apns import Behaviour, SandboxApns
from wallet_service.storage import wallets
from wallet_service.wiring import sandbox_chain, utc_now

PHONES = 1200
ANSWER_AFTER = 0.25  # seconds; far more than the work of a push, so that the machine's cores are not the limit
STREAMS = 50
ROUNDS = 3
PATIENCE = 60


def run() -> list[str]:
    """Return the line to print: the time of one worker over that of two, from the first push to the last settlement."""
    with stand(1) as ready:
        chain = sandbox_chain(ready.service.settings, now=utc_now())
        with SandboxApns(
            certificate=(chain / "push_server_certificate.pem").read_bytes(),
            key=(chain / "push_server_key.pem").read_bytes(),
            client_authorities=(chain / "wwdr.pem").read_bytes() + (chain / "root.pem").read_bytes(),
            max_concurrent_streams=STREAMS,
        ) as apns:
            apns.behave(Behaviour(delay=ANSWER_AFTER))
            _add_phones(ready)
            rounds = [(_time(ready, apns, 1), _time(ready, apns, 2)) for _ in range(ROUNDS)]
    ratio = statistics.median(one / two for one, two in rounds)
    one, two = (statistics.median(each) for each in zip(*rounds, strict=True))
    return [f"{PHONES} phones: one worker {one:.2f} s, two workers {two:.2f} s, ratio {ratio:.2f}"]


def _add_phones(ready: Stand) -> None:
    with ready.service.begin() as tx:
        tx.execute(
            text("""
                INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at,
                                     not_before, coalesce_for, attempts)
                SELECT cards.id, 'apple', 'device ' || n, lpad(to_hex(n), 64, '0'), 0, 0, 0, 0, now(), now(), '0', 0
                FROM cards, generate_series(1, :phones) AS n
            """),
            {"phones": PHONES},
        )


def _time(ready: Stand, apns: SandboxApns, count: int) -> float:
    """Start the workers, let them warm up, ask for a push to every phone and return how long it takes."""
    folder = ready.service.settings.data_folder
    embedded = ready.service.embedded
    assert embedded
    environment = os.environ | {
        "WALLET_DATA_FOLDER": str(folder),
        "WALLET_DATABASE_URL": embedded.url(),
        "WALLET_APPLE_APNS_URL": apns.url,
        "WALLET_APPLE_APNS_CONNECTIONS": "1",
        "WALLET_DELIVERY_BATCH": "100",
    }
    workers = [_start(environment, folder / f"worker{number}.log") for number in range(count)]
    try:
        for number in range(count):
            _until(lambda number=number: "worker.started" in (folder / f"worker{number}.log").read_text())
        with ready.service.begin() as tx:
            tx.execute(text("UPDATE wallets SET wanted = wanted + 1, not_before = now()"))
        started = time.perf_counter()
        _until(lambda: _unsent(ready) == 0)
        return time.perf_counter() - started
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
            worker.wait(PATIENCE)


def _start(environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        command = [sys.executable, "-m", "wallet_service", "worker"]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def _unsent(ready: Stand) -> int:
    with ready.service.read() as tx:
        return wallets.tally(tx).unsent


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("the workers do not come to an end")
        time.sleep(0.02)


if __name__ == "__main__":
    print("\n".join(run()))
