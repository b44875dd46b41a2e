"""Real workers import members: one is killed in the middle, and a hundred thousand take no more memory than a few."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from books import faults
from bulk_actors import Clerk
from sqlalchemy import Engine, text
from stage_actors import ROOT, wait_until

from wallet_service.config import Settings
from wallet_service.usecases import oversee
from wallet_service.usecases.connect import connect
from wallet_service.wiring import Service, build, utc_now

COMMAND = [sys.executable, "-m", "wallet_service"]
LEASE = 2

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def shop(tmp_path: Path, sandbox_files: Path, engine: Engine) -> Service:
    """A service whose programme is open."""
    shutil.copytree(sandbox_files, tmp_path / "var" / "sandbox")
    service = build(Settings(data_folder=tmp_path / "var", templates=ROOT / "pass_templates"), engine=engine)
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=service.template("points"), name="shop", now=utc_now())
    return service


@pytest.fixture
def start(tmp_path: Path, engine: Engine) -> Iterator[Start]:
    """A way to start commands; those that still run at the end are killed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | {
        "WALLET_DATA_FOLDER": str(tmp_path / "var"),
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WALLET_JOB_LEASE": str(LEASE),
    }
    started: list[subprocess.Popen[bytes]] = []

    def one_more(*words: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / f"command{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen([*COMMAND, *words], cwd=ROOT, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield one_more
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(30)


def members_file(folder: Path, kind: str, count: int) -> Path:
    """Write a file of so many members of a kind, the first of them with 1 point, and return its path."""
    path = folder / f"{kind}.csv"
    with path.open("w") as file:
        file.write("external_id,name,locale,birthday,email,balance,enrolled_at\n")
        file.writelines(
            f"{kind}{n},Ann {n},cs,{n % 12 + 1:02}-{n % 28 + 1:02},{kind}{n}@mail.example,{n + 1},2020-01-02\n"
            for n in range(count)
        )
    return path


def done(clerk: Clerk, job: str) -> int:
    """Return how many rows of a job are done."""
    return clerk.job(job).done


COUNTS = text("""
    SELECT count(*), count(cards.id), count(opening_balances.member_id), sum(available)::bigint,
           count(*) FILTER (WHERE :kind || available - 1 = external_id AND points = available),
           (SELECT count(*) FROM ledger_transactions AS posted JOIN members ON members.id = posted.member_id
            WHERE starts_with(external_id, :kind)),
           (SELECT count(*) FROM member_identities JOIN members ON members.id = member_id
            WHERE starts_with(external_id, :kind)),
           (SELECT count(*) FROM job_file_parts)
    FROM members JOIN balances ON balances.member_id = members.id LEFT JOIN cards ON cards.member_id = members.id
    LEFT JOIN opening_balances ON opening_balances.member_id = members.id
    WHERE starts_with(external_id, :kind)
""")


def check(service: Service, kind: str, count: int) -> None:
    """Check that nothing was lost, and nothing doubled: members, cards, balances, postings, addresses."""
    with service.read() as tx:
        found = tuple(tx.execute(COUNTS, {"kind": kind}).one())
    assert found == (count, count, count, count * (count + 1) // 2, count, count, count, 0)


def test_a_killed_worker_loses_and_doubles_nothing(shop: Service, start: Start, tmp_path: Path) -> None:
    """What it was at is undone, another goes on after the lease, and each row has counted once in the end."""
    clerk, count = Clerk(shop), 300
    job = clerk.ask(members_file(tmp_path, "ann", count).read_bytes())
    worker = start("worker")
    wait_until(lambda: done(clerk, job) >= 100)
    worker.kill()
    worker.wait(30)
    assert done(clerk, job) < count
    start("worker")
    wait_until(lambda: clerk.job(job).over)
    found = clerk.job(job)
    assert (found.state, found.done, found.refused) == ("done", count, 0)
    assert found.result == {"added": count, "opened": count, "points": count * (count + 1) // 2}
    check(shop, "ann", count)
    assert faults(shop) == []


def peak(process: "subprocess.Popen[bytes]") -> int:
    """Return the most memory, in MB, that a process has held by now; 0 for one that has ended.

    What the system tells at the end of a process would count ours with it, from which it was begun.
    """
    try:
        told = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    found = re.search(r"VmHWM:\s+([0-9]+) kB", told)
    return int(found[1]) // 1024 if found else 0


def to_its_end(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the end of a process, and return the most memory, in MB, that it has held."""
    most = 0
    while process.poll() is None:
        most = max(most, peak(process))
        time.sleep(0.05)
    assert process.returncode == 0
    return most


def peaks(shop: Service, start: Start, folder: Path, kind: str, count: int) -> Sequence[int]:
    """Import so many members and export them, by real commands, with a worker killed in the middle.

    Return the peaks of the command that asks, of the worker that comes to the end, and of the one that exports.
    """
    clerk = Clerk(shop)
    asking = to_its_end(start("import", str(members_file(folder, kind, count))))
    with shop.read() as tx:
        job = oversee.newest(tx, merchant_id=None, most=1)[0].public_id
    worker = start("worker")
    wait_until(lambda: done(clerk, job) >= count // 2, patience=3000)
    worker.kill()
    worker.wait(30)
    other = start("worker")
    wait_until(lambda: clerk.job(job).over, patience=3000)
    assert clerk.job(job).state == "done"
    working = peak(other)
    other.terminate()
    assert other.wait(60) == 0
    check(shop, kind, count)
    exporting = to_its_end(start("export", "-o", str(folder / "out.csv")))
    with (folder / "out.csv").open() as lines:
        assert sum(1 for each in lines if each.startswith(kind)) == count
    return asking, working, exporting


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process has held"
)
def test_a_hundred_thousand_take_the_memory_of_a_thousand(
    shop: Service, start: Start, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Asking, working and exporting hold hardly more for a hundred times as many members."""
    few = peaks(shop, start, tmp_path, "few", 1_000)
    many = peaks(shop, start, tmp_path, "many", 100_000)
    for name, one, other in zip(("import", "worker", "export"), few, many, strict=True):
        record_property(f"peak memory of {name}", f"{one} MB for 1,000 members, {other} MB for 100,000")
        assert 0 < other < one + 40
