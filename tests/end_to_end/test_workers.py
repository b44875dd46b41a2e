"""Real worker processes against a real push service: several at once, and one that is killed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from stage_actors import ROOT, wait_until

from wallet_service.config import Settings
from wallet_service.domain.member import Profile
from wallet_service.sandbox.apns import Behaviour, SandboxApns
from wallet_service.sandbox.chain import Chain
from wallet_service.storage import wallets
from wallet_service.storage.wallets import Tally
from wallet_service.usecases.connect import connect
from wallet_service.usecases.enrol import enrol
from wallet_service.wiring import Service, build, utc_now

WALLETS = 1200
STREAMS = 100
LEASE = 3
BATCH = 250
# What can be repeated when a worker dies: one group that was not settled yet, and what was on its way.
MOST_REPEATED = 200 + 2 * STREAMS

PHONES = text("""
    INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at, not_before,
                         coalesce_for, attempts)
    SELECT :card_id, 'apple', 'device ' || n, lpad(to_hex(n), 64, '0'), 1, 0, 0, 0, now(), now(), '0', 0
    FROM generate_series(1, :phones) AS n
""")

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def folder(tmp_path: Path, sandbox_files: Path) -> Path:
    """The data folder of service and workers."""
    shutil.copytree(sandbox_files, tmp_path / "var" / "sandbox")
    return tmp_path / "var"


@pytest.fixture
def push_service(chain: Chain) -> Iterator[SandboxApns]:
    """A push service that takes its time, with the chain that the service under test uses."""
    with SandboxApns(
        certificate=chain.push_server_certificate,
        key=chain.push_server_key,
        client_authorities=chain.wwdr + chain.root,
        max_concurrent_streams=STREAMS,
    ) as apns:
        apns.behave(Behaviour(delay=0.05))
        yield apns


@pytest.fixture
def behind(folder: Path, engine: Engine) -> Service:
    """A service whose phones all wait for a push."""
    settings = Settings(data_folder=folder, templates=ROOT / "pass_templates")
    service = build(settings, engine=engine)
    template = service.template("points")
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=template, name="shop", now=utc_now())
        program_id = tx.execute(text("SELECT id FROM programs")).scalar_one()
        member = enrol(
            tx,
            program_id=program_id,
            template=template,
            pass_type_identifier=service.identity.pass_type_identifier,
            external_id="ann",
            profile=Profile(),
            now=utc_now(),
        )
        tx.execute(PHONES, {"card_id": member.card.id, "phones": WALLETS})
    return service


@pytest.fixture
def start(tmp_path: Path, engine: Engine, push_service: SandboxApns) -> Iterator[Start]:
    """A way to start workers; those that still run at the end are told to stop and must."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | {
        "WALLET_DATA_FOLDER": str(tmp_path / "var"),
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WALLET_APPLE_APNS_URL": push_service.url,
        "WALLET_DELIVERY_BATCH": str(BATCH),
    }
    started: list[subprocess.Popen[bytes]] = []

    def one_more(*, lease: int = LEASE) -> "subprocess.Popen[bytes]":
        log = (tmp_path / f"worker{len(started)}.log").open("wb")
        with log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "wallet_service", "worker"],
                    cwd=ROOT,
                    env=environment | {"WALLET_DELIVERY_LEASE": str(lease)},
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield one_more
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def tally(service: Service) -> Tally:
    """Return how many wallets are behind."""
    with service.read() as tx:
        return wallets.tally(tx)


def test_worker_told_to_stop_finishes_its_batch(behind: Service, push_service: SandboxApns, start: Start) -> None:
    """A worker that is told to stop in the middle settles all that it has pushed, and no more."""
    worker = start()
    wait_until(lambda: push_service.counts.accepted > BATCH + 50)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(30) == 0
    assert push_service.counts.accepted == WALLETS - tally(behind).unsent
    assert push_service.counts.accepted < WALLETS
    with behind.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM wallets WHERE lease IS NOT NULL")).scalar() == 0


def due(service: Service, *, at: str) -> None:
    """Let all wallets wait until a time."""
    with service.begin() as tx:
        tx.execute(text("UPDATE wallets SET not_before = CAST(:at AS timestamptz)"), {"at": at})


def test_two_workers_share_and_push_nobody_twice(
    behind: Service, push_service: SandboxApns, start: Start, tmp_path: Path
) -> None:
    """Two workers divide the phones between them and push each one once."""
    logs = [tmp_path / "worker0.log", tmp_path / "worker1.log"]
    due(behind, at="infinity")
    for _ in logs:
        start(lease=60)  # seconds, which no batch takes, however busy the machine is: what ran out would be repeated
    wait_until(lambda: all("worker.started" in log.read_text() for log in logs))
    due(behind, at="epoch")  # only now: one that is up a second before the other has all done by then
    wait_until(lambda: tally(behind).unsent == 0)
    wait_until(lambda: all("delivered" in log.read_text() for log in logs))  # told right after it is settled

    assert push_service.counts.accepted == push_service.counts.distinct_ids == WALLETS
    for log in logs:
        assert "delivered" in log.read_text()


def test_killed_worker_loses_nothing(behind: Service, push_service: SandboxApns, start: Start) -> None:
    """What a killed worker had taken on is delivered by another; only pushes that were under way are repeated."""
    worker = start()
    wait_until(lambda: push_service.counts.accepted > 300)
    worker.kill()
    worker.wait()
    assert tally(behind).unsent > 0
    start()
    wait_until(lambda: tally(behind).unsent == 0)

    counts = push_service.counts
    assert counts.distinct_ids == WALLETS
    assert counts.accepted - counts.distinct_ids <= MOST_REPEATED
    with behind.begin() as tx:
        assert tx.execute(text("SELECT count(*) FROM wallets WHERE sent <> wanted")).scalar() == 0
