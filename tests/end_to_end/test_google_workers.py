"""Real worker processes against a Google that counts: the pace of all together, an outage, and one that is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google_actors import ISSUER, Running, running
from sqlalchemy import Engine, text
from stage_actors import ROOT, wait_until

from wallet_service.config import Settings
from wallet_service.domain.member import Profile
from wallet_service.sandbox.google import Behaviour
from wallet_service.storage import wallets
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.book import close_and_show, open_book
from wallet_service.usecases.connect import connect
from wallet_service.usecases.enrol import enrol
from wallet_service.usecases.publish import publish_classes
from wallet_service.wiring import Service, build, utc_now

MOST = 20  # requests that Google admits in any second
WORKERS = 3
LEASE = 3

OFFERED = text("""
    INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at, not_before,
                         coalesce_for, attempts)
    SELECT cards.id, 'google', 'holder', :issuer || '.card-' || serial_number, 1, 0, 0, 0, now(), now(), '0', 0
    FROM cards
""")

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def google() -> Iterator[Running]:
    """A Google that refuses what is too much."""
    with running(most_per_second=MOST) as google:
        yield google


@pytest.fixture
def environment(tmp_path: Path, engine: Engine, google: Running) -> dict[str, str]:
    """The settings of every process."""
    account = tmp_path / "account.json"
    account.write_bytes(google.account_json)
    return {
        "WALLET_DATA_FOLDER": str(tmp_path / "var"),
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WALLET_GOOGLE_ISSUER_ID": ISSUER,
        "WALLET_GOOGLE_SERVICE_ACCOUNT": str(account),
        "WALLET_GOOGLE_API_URL": google.url,
        "WALLET_GOOGLE_REQUESTS_PER_SECOND": str(MOST),
        "WALLET_GOOGLE_TIMEOUT": "2",
        "WALLET_BASE_URL": "https://cards.example",
        "WALLET_SECRET_KEY": "for tests alone, " * 3,
        "WALLET_DELIVERY_LEASE": str(LEASE),
    }


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """A way to start workers; those that still run at the end are told to stop and must."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | environment
    started: list[subprocess.Popen[bytes]] = []

    def one_more() -> "subprocess.Popen[bytes]":
        with (tmp_path / f"worker{len(started)}.log").open("wb") as log:
            command = [sys.executable, "-m", "wallet_service", "worker"]
            started.append(subprocess.Popen(command, cwd=ROOT, env=clean, stdout=log, stderr=log))
        return started[-1]

    yield one_more
    running_still = [each for each in started if each.poll() is None]
    for process in running_still:
        process.send_signal(signal.SIGTERM)
    assert [each.wait(60) for each in running_still] == [0] * len(running_still)


def offered(environment: dict[str, str], engine: Engine, cards: int) -> Service:
    """Return a service with so many cards that Google is to hold and does not hold yet."""
    names = {name.removeprefix("WALLET_").lower(): value for name, value in environment.items()}
    service = build(Settings.model_validate(names | {"templates": str(ROOT / "pass_templates")}), engine=engine)
    template = service.template("points")
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=template, name="shop", now=utc_now())
        program_id = tx.execute(text("SELECT id FROM programs")).scalar_one()
        for number in range(cards):
            member = enrol(
                tx,
                program_id=program_id,
                template=template,
                pass_type_identifier=service.identity.pass_type_identifier,
                external_id=f"customer {number}",
                profile=Profile(),
                now=utc_now(),
            )
            close_and_show(open_book(tx, member, template, now=utc_now()), cause=Cause(), reason="member.enrolled")
        tx.execute(OFFERED, {"issuer": ISSUER})
        publish_classes(tx, service.classes(), now=utc_now())
    return service


def outage(
    cards: int, seconds: float, service: Service, google: Running, start: Start, measured: Callable[[str, object], None]
) -> None:
    """Have three workers bring all cards to Google, which fails for a while in the middle, as one worker is killed."""
    began = time.monotonic()
    workers = [start() for _ in range(WORKERS)]
    wait_until(lambda: held(google) >= cards // 3, patience=cards)
    google.google.behave(Behaviour(status=503))
    workers[0].kill()
    workers[0].wait()
    time.sleep(seconds)
    google.google.behave(Behaviour())
    wait_until(lambda: unsent(service) == 0, patience=cards)
    took = time.monotonic() - began - seconds

    assert held(google) == cards
    busiest = google.google.busiest_second
    assert busiest <= MOST
    measured(f"{cards} new cards at Google by {WORKERS} workers, one killed, {seconds:.0f} s of 503", f"{took:.0f} s")
    measured("Google's busiest second", f"{busiest} of {MOST} requests")


def held(google: Running) -> int:
    """Return how many cards Google holds."""
    return len(google.google.all("loyaltyObject"))


def unsent(service: Service) -> int:
    """Return how many wallets are behind."""
    with service.read() as tx:
        return wallets.tally(tx).unsent


@pytest.mark.soak
def test_three_workers_keep_googles_pace_and_lose_nothing(
    environment: dict[str, str],
    engine: Engine,
    google: Running,
    start: Start,
    record_property: Callable[[str, object], None],
) -> None:
    """All cards are in step at the end, and Google never got more requests in a second than it admits."""
    outage(180, 3, offered(environment, engine, 180), google, start, record_property)


@pytest.mark.timeout(1200)
@pytest.mark.soak
def test_two_thousand_cards_and_a_minute_of_503(
    environment: dict[str, str],
    engine: Engine,
    google: Running,
    start: Start,
    record_property: Callable[[str, object], None],
) -> None:
    """The same with 2,000 cards and a whole minute without Google."""
    outage(2000, 60, offered(environment, engine, 2000), google, start, record_property)
