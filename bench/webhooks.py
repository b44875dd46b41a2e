"""Webhooks a second over HTTP to the server that is shipped, and what is left of them when it is killed with -9."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from bench import processor
from bench.senders import Posted, Webhook, order_paid, post
from bench.stand import PRICE, SOURCE, Stand, stand
from wallet_service.usecases.audit import audit, wrong_faces

MEMBERS = 500
WEBHOOKS = 5000
SENDERS = 16
PROCESSES = 2
WARM_UP = 400
WITH_KILLS = 1500
KILLS = 2
PATIENCE = 60
_ENTERED = text("""
    SELECT count(*) AS events, count(DISTINCT event_id) AS ids,
           (SELECT count(*) FROM ledger_transactions WHERE event_id = ANY (array_agg(events.id))) AS transactions
    FROM events WHERE event_id = ANY (:ids)
""")


def run() -> list[str]:
    """Return the lines to print."""
    load = os.getloadavg()[0]
    with stand(MEMBERS) as ready, _web(ready) as web:
        ready.add_wallets()
        post(web.url, _orders(ready, web, "warm up", WARM_UP), connections=SENDERS)
        webhooks = _orders(ready, web, "order", WEBHOOKS)
        before, started = _spent(ready, web), time.perf_counter()
        posted = post(web.url, webhooks, connections=SENDERS)
        took = time.perf_counter() - started
        spent = {name: now - before[name] for name, now in _spent(ready, web).items()}
        require_all(ready, webhooks)
        killed = _kill_in_the_middle(ready, web)
    return [
        f"{len(os.sched_getaffinity(0))} CPUs, which senders and database share, and others with a load of {load:.1f}",
        f"{WEBHOOKS:,} orders of {MEMBERS} members over {SENDERS} connections to {PROCESSES} processes: "
        f"{WEBHOOKS / took:,.0f}/s, p50 {_ms(posted.within(0.5))}, p99 {_ms(posted.within(0.99))}",
        processor.told("a webhook", {name: seconds / WEBHOOKS for name, seconds in spent.items()}),
        f"killed with -9 {KILLS} times among {WITH_KILLS:,}: {killed.cut} were cut off, and {killed.replayed} of these "
        "had been entered; sent again until answered, each is entered once, and the books are sound",
    ]


def require_all(ready: Stand, webhooks: Sequence[Webhook]) -> None:
    """Hold the database against what was answered.

    Raises `RuntimeError` where a webhook is not entered just once, or anything is wrong in books and cards.
    """
    with ready.service.read() as tx:
        found = tx.execute(_ENTERED, {"ids": [each.event_id for each in webhooks]}).one()
        wrong = [str(each) for each in audit(tx, ready.service.in_force, most=9).differences]
    wrong += list(wrong_faces(ready.service.begin, ready.service.in_force))
    if wrong or set(found) != {len(webhooks)}:
        raise RuntimeError(f"of {len(webhooks)} webhooks {found} were entered; {wrong}")


def _kill_in_the_middle(ready: Stand, web: "_Web") -> Posted:
    webhooks = _orders(ready, web, "killed", WITH_KILLS)
    at = {WITH_KILLS * number // (KILLS + 1) for number in range(1, KILLS + 1)}

    def answered(count: int) -> None:
        if count in at:
            web.kill()
            web.start()

    posted = post(web.url, webhooks, connections=SENDERS, answered=answered)
    require_all(ready, webhooks)
    return posted


@dataclass
class _Web:
    """`wallet-service web`, which can be killed with all that it has started."""

    environment: dict[str, str]
    log: Path
    url: str
    secret: str
    _process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it, without waiting for it."""
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "wallet_service", "web"]
            self._process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until it answers."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.environment['WALLET_BASE_URL']}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(self.log.read_text()[-2000:])

    def kill(self) -> None:
        """Kill every process of it at once."""
        assert self._process
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def _web(ready: Stand) -> Iterator[_Web]:
    folder, embedded = ready.service.settings.data_folder, ready.service.embedded
    assert embedded
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "WALLET_DATA_FOLDER": str(folder),
        "WALLET_DATABASE_URL": embedded.url(),
        "WALLET_PORT": str(port),
        "WALLET_BASE_URL": f"http://127.0.0.1:{port}",
        "WALLET_WEB_PROCESSES": str(PROCESSES),
        "WALLET_LOG_FORMAT": "json",
    }
    url = f"http://127.0.0.1:{port}/webhooks/standard/{SOURCE}"
    web = _Web(environment, folder / "web.log", url, ready.source.secrets(ready.service.vault)[0])
    web.start()
    try:
        web.wait()
        yield web
    finally:
        web.kill()


def _orders(ready: Stand, web: _Web, name: str, count: int) -> list[Webhook]:
    return [
        order_paid(
            web.url,
            web.secret,
            event_id=f"{name.replace(' ', '_')}_{each}",
            order=f"{name} {each}",
            customer=ready.customers[each % len(ready.customers)],
            minor=PRICE,
        )
        for each in range(count)
    ]


def _spent(ready: Stand, web: _Web) -> dict[str, float]:
    return {
        "server": processor.of_tree(web.pid),
        "database": processor.of_tree(ready.postgres),
        "senders": time.process_time(),
    }


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


if __name__ == "__main__":
    print("\n".join(run()))
