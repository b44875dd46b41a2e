"""Several workers at once: never more requests a second than are set, every card written, and none twice."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from actors import Clock, Shop
from google_actors import ISSUER, Running
from held_actors import PAST_WINDOW, Holder, looked
from sqlalchemy import text

from wallet_service.config import Settings
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.wiring import Service
from wallet_service.wiring.google import GoogleWallet
from wallet_service.worker import with_classes

CARDS, WORKERS, RATE = 300, 4, 60  # at least five seconds


@pytest.fixture
def options() -> dict[str, object]:
    """A Google that refuses what comes too fast."""
    return {"most_per_second": RATE}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with the same rate."""
    return settings.model_copy(update={"google_requests_per_second": RATE})


def worked(service: Service, stop: threading.Event) -> Counter[str]:
    """Deliver with connections of its own until all is done; return what became of the cards."""
    google = GoogleWallet(service.settings, service.google_account, service.in_force, service.begin, service.clock)  # type: ignore[arg-type]
    deliver, done = with_classes(google.class_delivery(), google.delivery()), Counter[str]()
    while not stop.is_set():
        batch = deliver()
        done += Counter(sent=batch.sent, later=batch.later, gone=batch.gone)
        with service.read() as tx:
            if not tx.execute(text("SELECT EXISTS (SELECT FROM wallets WHERE wanted > sent)")).scalar():
                break
    google.close()
    return done


def test_many_workers(
    member: Callable[..., Holder],
    shop: Shop,
    service: Service,
    google: SandboxGoogle,
    sandbox: Running,
    clock: Clock,
) -> None:
    """Four workers bring 300 cards up to date at the full rate, within it, each card once."""
    holders = [member(f"member {number}") for number in range(CARDS)]
    with service.begin() as tx:
        tx.execute(
            text("""
                INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at,
                                     not_before, coalesce_for, attempts)
                SELECT id, 'google', 'holder', :issuer || '.card-' || serial_number, revision, 0, 0, 0, :now, :now,
                       interval '0', 0
                FROM cards
            """),
            {"issuer": ISSUER, "now": clock.now},
        )
    assert holders[0].click().status_code == 303
    clock.on(seconds=PAST_WINDOW)
    for number in range(CARDS):
        shop.buy(100 * (number + 1), order=str(number), customer=f"member {number}")
    google.traffic.busiest_second = 0
    stop = threading.Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        at_work = [pool.submit(worked, service, stop) for _ in range(WORKERS)]
        timer = threading.Timer(60, stop.set)
        timer.start()
        done = sum((each.result() for each in at_work), Counter[str]())
        timer.cancel()

    assert not stop.is_set()
    assert done == {"sent": CARDS}
    assert google.busiest_second <= RATE
    assert google.busiest_second > RATE // 2
    assert 429 not in sandbox.statuses
    assert looked(service).good
    shown = {each["id"]: each["loyaltyPoints"]["balance"]["int"] for each in google.all("loyaltyObject")}
    assert shown == {each.target: number + 1 for number, each in enumerate(holders)}
