"""A million links into a file, in memory that does not grow with them; and how long their page takes under load.

`python -m bench.links` runs both. The page is asked for at a steady pace, whether or not earlier answers have come, and
timed where it is made: each time stands in the service's own log.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import text

from bench.stand import FIRST_MEMBER, Stand, stand
from wallet_service.domain.links import Link
from wallet_service.storage import merchants
from wallet_service.usecases.campaign import add_campaign

FEW, MANY = 10_000, 1_000_000
PACE = 200  # requests a second
SECONDS = 15
CLIENTS = 40
OPENED = 1000  # links, so that most openings are of one that has its row
PATIENCE = 60
AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1"
)
HEADERS = {"User-Agent": AGENT, "Accept": "text/html", "Accept-Language": "cs"}
_MEMBERS = text("""
    WITH made AS (
        INSERT INTO members (program_id, public_id, external_id, enrolled_at)
        SELECT program_id, 'mem_' || lpad(number::text, 20, '0'), 'made ' || number, now()
        FROM (SELECT program_id, (SELECT count(*) FROM members) AS known FROM sources LIMIT 1) AS one,
             generate_series(known + 1, known + :many) AS number
        RETURNING id
    ), balanced AS (
        INSERT INTO balances (member_id, available, qualifying) SELECT id, 0, 0 FROM made
    )
    INSERT INTO cards (member_id, serial_number, authentication_token, code, pass_type_identifier, revision,
                       modified_at, face_digest, template_version, created_at)
    SELECT id, 'serial ' || id, 'token ' || id, 'code ' || id, 'pass.bench', 1, now(), '', '', now() FROM made
""")
# Ends with how much memory the command has had at its most, in kilobytes.
_MINT = """
import resource, sys
from wallet_service.cli import main
main(sys.argv[1:], standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run() -> list[str]:
    """Return the lines to print."""
    with stand(1) as ready:
        _begin(ready)
        return [*_minting(ready), *_page(ready)]


def _begin(ready: Stand) -> None:
    service = ready.service
    with service.begin() as tx:
        main = merchants.find(tx, merchants.MAIN)
        assert main
        add_campaign(
            tx, merchant_id=main.id, program=service.template("points").program.program.code, code="bench",
            name="bench", channel="email", now=service.clock(),
        )  # fmt: skip


def _environment(ready: Stand) -> dict[str, str]:
    embedded = ready.service.embedded
    assert embedded
    folder = ready.service.settings.data_folder
    return os.environ | {"WALLET_DATA_FOLDER": str(folder), "WALLET_DATABASE_URL": embedded.url()}


def _minting(ready: Stand) -> Iterator[str]:
    """Yield how the memory of many links compares to that of few, for members and for people of a file."""
    people = ready.service.settings.data_folder / "people.csv"
    for what in ("members", "people of a file"):
        memory = {}
        for number in (FEW, MANY):
            if what == "members":
                with ready.service.begin() as tx:
                    known = tx.execute(text("SELECT count(*) FROM members")).scalar_one()
                    tx.execute(_MEMBERS, {"many": number - known})
                words = ["--members"]
            else:
                with people.open("w") as file:
                    file.write("external_id,name,locale\n")
                    file.writelines(f"crm-{each},Ann Example,cs\n" for each in range(number))
                words = ["--file", str(people)]
            memory[number], lines, seconds = _mint(ready, *words)
            assert lines == number
        yield (
            f"{MANY:,} links for {what}: {MANY / seconds:,.0f} a second, {memory[MANY] / memory[FEW]:.2f} times the "
            f"memory of {FEW:,} ({memory[MANY] / 1024:.0f} MB)"
        )


def _mint(ready: Stand, *words: str) -> tuple[int, int, float]:
    """Return the memory in kilobytes, the lines of the file, and the seconds that it took."""
    output = ready.service.settings.data_folder / "links.csv"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MINT, "link", "mint", "bench", *words, "-o", str(output)],
        env=_environment(ready), check=True, capture_output=True, text=True,
    )  # fmt: skip
    took = time.perf_counter() - started
    with output.open() as file:
        lines = sum(1 for _ in file) - 1
    return int(done.stdout.split()[-1]), lines, took


def _page(ready: Stand) -> Iterator[str]:
    """Yield how long the page of a link takes, at a steady pace on two processes."""
    seal = ready.service.links.token
    paths = [f"/l/{seal(Link(1, 'email', member=FIRST_MEMBER + number + 1))}" for number in range(OPENED)]
    with _serving(ready) as (port, log, group):
        _ask(port, paths, seconds=3)
        _settle(log)
        log.write_text("")
        before = _processor_time(group)
        asked = _ask(port, paths, seconds=SECONDS)
        _settle(log)
        each = (_processor_time(group) - before) / asked
        times = sorted(float(each) for each in re.findall(r'"ms": ?([0-9.]+)', log.read_text()))
    assert len(times) == asked, f"{asked} were asked for and {len(times)} answered"
    yield (
        f"page of a link at {PACE} a second for {SECONDS} s, two processes: median {times[len(times) // 2]:.1f} ms, "
        f"p99 {times[len(times) * 99 // 100]:.1f} ms in the server, {each * 1000:.1f} ms of a processor"
    )


@contextmanager
def _serving(ready: Stand) -> Iterator[tuple[int, Path, int]]:
    """Run the web service as it is run; its log, truncated while it runs, is appended to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = _environment(ready) | {
        "WALLET_PORT": str(port),
        "WALLET_WEB_PROCESSES": "2",
        "WALLET_LOG_FORMAT": "json",
    }
    log = ready.service.settings.data_folder / "web.log"
    with log.open("ab") as output:
        web = subprocess.Popen(
            [sys.executable, "-m", "wallet_service", "web"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _until_open(port)
        yield port, log, os.getpgid(web.pid)
    finally:
        web.send_signal(signal.SIGTERM)
        web.wait(PATIENCE)


def _ask(port: int, paths: list[str], *, seconds: int) -> int:
    """Ask for the pages at the pace, each client in its turn; return how many were asked for."""
    number, start = PACE * seconds, time.perf_counter() + 0.5
    failed: list[str] = []

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for turn in range(first, number, CLIENTS):
            time.sleep(max(start + turn / PACE - time.perf_counter(), 0))
            connection.request("GET", paths[turn % len(paths)], headers=HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(f"{answer.status}")
        connection.close()

    clients = [threading.Thread(target=client, args=(each,)) for each in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert not failed, failed[:3]
    return number


def _processor_time(group: int) -> float:
    """Return the seconds of a processor that the processes of a group have had."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if int(fields[2]) == group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _settle(log: Path) -> None:
    """Wait until nothing more is written."""
    size = -1
    while size != log.stat().st_size:
        size = log.stat().st_size
        time.sleep(0.3)


def _until_open(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the web service does not come up")


if __name__ == "__main__":
    print("\n".join(run()))
