"""Events entered a second by eight writers, against the same statements sent by PostgreSQL's own `pgbench`."""

import itertools
import multiprocessing
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from pydantic import SecretStr

from bench import processor
from bench.said import record, script
from bench.stand import SOURCE, Stand, customer, stand
from wallet_service.config import Settings
from wallet_service.storage.embedded import programs_folder
from wallet_service.usecases.connect import DIALECT
from wallet_service.usecases.receive import source_of
from wallet_service.wiring import build

MEMBERS = 200
WRITERS = 8
MANY = 16  # writers that keep two cores busy while each waits for the disk
PROCESSES = 2
ROUNDS = 5
EVENTS = 1200  # for each kind of writer and round
WARM_UP = 200


def run() -> list[str]:
    """Return the lines to print."""
    with stand(MEMBERS) as ready, tempfile.TemporaryDirectory() as folder, ExitStack() as open_pools:
        ready.add_wallets()
        numbers = itertools.count()
        _threads(ready, next(numbers), WARM_UP)
        groups = record(ready)
        scripts = [Path(folder) / name for name in ("together.sql", "one_by_one.sql")]
        for path, together in zip(scripts, (True, False), strict=True):
            path.write_text(script(groups, members=MEMBERS, together=together))
        pools = [open_pools.enter_context(_pool(ready)) for _ in range(PROCESSES)]
        _processes(pools, next(numbers), WARM_UP, WRITERS)
        spent = {"writers": 0.0, "database": 0.0}
        rounds = [
            (
                _threads(ready, next(numbers), EVENTS),
                _counted(ready, spent, lambda: _processes(pools, next(numbers), EVENTS, WRITERS)),
                _raw(ready, scripts[0], next(numbers)),
                _raw(ready, scripts[1], next(numbers)),
                _processes(pools, next(numbers), EVENTS, MANY),
            )
            for _ in range(ROUNDS)
        ]
    one, several, together, one_by_one, many = (statistics.median(each) for each in zip(*rounds, strict=True))
    asked = sum(len(each) for each in groups)
    return [
        f"{WRITERS} writers on {len(os.sched_getaffinity(0))} CPUs, which the database shares; an event is {asked} "
        f"statements in {len(groups)} round trips",
        f"pgbench with the same statements: {together:,.0f}/s in as many round trips, {one_by_one:,.0f}/s one by one",
        f"{WRITERS} threads: {one:,.0f} events/s, ratio {_ratio(rounds, 0, 2):.2f}, "
        f"to one by one {_ratio(rounds, 0, 3):.2f}",
        f"{PROCESSES} processes of {WRITERS // PROCESSES} threads: {several:,.0f} events/s, "
        f"ratio {_ratio(rounds, 1, 2):.2f}, to one by one {_ratio(rounds, 1, 3):.2f}",
        f"{PROCESSES} processes of {MANY // PROCESSES} threads: {many:,.0f} events/s",
        processor.told("an event", {name: each / (ROUNDS * EVENTS) for name, each in spent.items()}),
    ]


def _ratio(rounds: list[tuple[float, ...]], mine: int, theirs: int) -> float:
    return statistics.median(each[mine] / each[theirs] for each in rounds)


def _threads(ready: Stand, number: int, events: int) -> float:
    return events / _pay(ready, number, events, WRITERS)


def _pay(ready: Stand, number: int, events: int, threads: int) -> float:
    """Return how many seconds it takes to enter so many orders."""
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda each: ready.pay(customer(each % MEMBERS), f"order {number} {each}"), range(events)))
    return time.perf_counter() - started


def _counted(ready: Stand, spent: dict[str, float], work: Callable[[], float]) -> float:
    """Do the work, and add what processor time it took."""
    before = _spent(ready)
    speed = work()
    for name, seconds in _spent(ready).items():
        spent[name] += seconds - before[name]
    return speed


def _spent(ready: Stand) -> dict[str, float]:
    return {"writers": processor.of_tree(os.getpid()), "database": processor.of_tree(ready.postgres)}


def _processes(pools: list[ProcessPoolExecutor], number: int, events: int, writers: int) -> float:
    started = time.perf_counter()
    share, threads = events // PROCESSES, writers // PROCESSES
    running = [pool.submit(_pay_there, number * PROCESSES + each, share, threads) for each, pool in enumerate(pools)]
    for each in running:
        each.result()
    return events / (time.perf_counter() - started)


_there: list[Stand] = []  # in a process of its own: the service as that process has built it


def _pool(ready: Stand) -> ProcessPoolExecutor:
    embedded = ready.service.embedded
    assert embedded
    return ProcessPoolExecutor(
        1,
        multiprocessing.get_context("spawn"),
        initializer=_build_there,
        initargs=(ready.service.settings.data_folder, embedded.url()),
    )


def _build_there(folder: Path, url: str) -> None:
    service = build(Settings(data_folder=folder, database_url=SecretStr(url)))
    with service.read() as tx:
        source = source_of(tx, dialect=DIALECT, name=SOURCE)
    _there.append(Stand(service, source, []))


def _pay_there(number: int, events: int, threads: int) -> None:
    _pay(_there[0], -1 - number, events, threads)


def _raw(ready: Stand, path: Path, number: int) -> float:
    embedded = ready.service.embedded
    assert embedded
    done = subprocess.run(
        [programs_folder() / "pgbench", "-n", "-M", "prepared", "-c", str(WRITERS), "-j", str(PROCESSES),
         "-t", str(EVENTS // WRITERS), "-D", "said=0", "-D", f"round={number}", "-f", path,
         "-h", embedded.socket_folder, "-U", "postgres", "wallet"],
        env=os.environ | {"PGPASSWORD": (embedded.folder / "password").read_text()},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
    assert found, done.stderr
    assert "failed transactions: 0 " in done.stdout, done.stderr
    return float(found[1])


if __name__ == "__main__":
    print("\n".join(run()))
