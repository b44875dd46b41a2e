"""Delivery: claim, send, settle, and what becomes of every outcome."""

import random
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from actors import Clock, Device, Shop, card_of
from sqlalchemy import text

from wallet_service.domain.push import Gone, Later, Outcome, Push, Sent, Stop
from wallet_service.usecases.deliver import STOP_FOR, Delivery
from wallet_service.usecases.drift import drift
from wallet_service.wiring import Service

PAST_WINDOW = 6  # seconds; the starter's window is 5


@dataclass
class Vendor:
    """A push service that answers as it is told, and remembers what it was sent."""

    answer: Callable[[Push], Outcome] = lambda _: Sent()
    got: list[Push] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Take the pushes, let something happen meanwhile, and answer each."""
        batch = list(pushes)
        self.got += batch
        self.meanwhile()
        for push in batch:
            yield push, self.answer(push)


@pytest.fixture
def vendor() -> Vendor:
    """A vendor that takes everything."""
    return Vendor()


@pytest.fixture
def delivery(service: Service, vendor: Vendor) -> Delivery:
    """A delivery to that vendor."""
    return new_delivery(service, vendor)


@pytest.fixture
def serial(shop: Shop, device: Device, service: Service, delivery: Delivery, vendor: Vendor, clock: Clock) -> str:
    """The serial number of a card that one phone follows and has been told of."""
    serial: str = shop.enrol("ann")["serial_number"]
    device.register(card_of(service, serial))
    delivery.deliver()
    vendor.got.clear()
    clock.on(seconds=PAST_WINDOW)
    return serial


def new_delivery(service: Service, vendor: Vendor) -> Delivery:
    """Return a delivery to that vendor, with a jitter that is always the same."""
    chance = random.Random(1)
    return Delivery("apple", vendor, service.begin, service.clock, timedelta(seconds=90), 2000, chance)


def wallet(service: Service) -> dict[str, object]:
    """Return the only wallet's row, or nothing."""
    with service.read() as tx:
        row = tx.execute(text("SELECT * FROM wallets")).mappings().first()
    return dict(row) if row else {}


def test_first_change_goes_at_once(shop: Shop, delivery: Delivery, vendor: Vendor, serial: str) -> None:
    """A change is pushed by the next delivery, with the revision that the card then has."""
    shop.buy(4200, order="1")

    assert delivery.deliver().sent == 1
    assert [push.revision for push in vendor.got] == [2]


def test_later_changes_go_together(shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str) -> None:
    """Twenty changes within the window are one push at once and one at the window's end."""
    for order in range(20):
        shop.buy(100, order=str(order))
        delivery.deliver()
        clock.on(seconds=0.1)
    clock.on(seconds=PAST_WINDOW)
    delivery.deliver()

    assert [push.revision for push in vendor.got] == [2, 21]


def test_purchase_right_after_registering_goes_at_once(
    service: Service, shop: Shop, device: Device, delivery: Delivery, vendor: Vendor
) -> None:
    """The push that a phone gets for registering does not make its first change wait."""
    device.register(card_of(service, shop.enrol("ann")["serial_number"]))
    delivery.deliver()
    shop.buy(100, order="1")

    assert delivery.deliver().sent == 1
    assert [push.revision for push in vendor.got] == [1, 2]


def test_unchanged_face_is_not_pushed(shop: Shop, delivery: Delivery, vendor: Vendor, serial: str) -> None:
    """An event that changes nothing visible pushes nothing."""
    shop.buy(50, order="too small for a point")
    shop.enrol("ann")

    assert delivery.deliver().total == 0
    assert vendor.got == []


def test_change_during_sending_is_pushed_next(
    shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A change that lands while a push is on its way is not taken for sent."""
    shop.buy(100, order="1")
    vendor.meanwhile = lambda: shop.buy(100, order="2")
    delivery.deliver()
    vendor.meanwhile = lambda: None
    clock.on(seconds=PAST_WINDOW)
    delivery.deliver()

    assert [push.revision for push in vendor.got] == [2, 3]


def test_no_transaction_is_open_while_sending(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, serial: str
) -> None:
    """While the vendor is waited for, no connection of ours holds a transaction."""
    open_ones = []

    def look() -> None:
        with service.read() as tx:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"
            )
            open_ones.append(tx.execute(text(query)).scalar())

    vendor.meanwhile = look
    shop.buy(100, order="1")
    delivery.deliver()

    assert open_ones == [0]


def test_later_is_tried_again_after_a_growing_wait(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A push that fails for now is put off, longer each time, and in the end is sent."""
    shop.buy(100, order="1")
    vendor.answer = lambda _: Later("ServiceUnavailable")
    waits = []
    for _ in range(8):
        assert delivery.deliver().later == 1
        assert delivery.deliver().total == 0
        waits.append(wallet(service)["not_before"] - clock.now)  # type: ignore[operator]
        clock.now = wallet(service)["not_before"]  # type: ignore[assignment]
    vendor.answer = lambda _: Sent()

    assert delivery.deliver().sent == 1
    assert sum(waits[4:], timedelta()) > sum(waits[:4], timedelta())
    assert wallet(service)["attempts"] == 0
    assert wallet(service)["last_error"] is None


def test_vendors_own_wait_is_respected(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A wait that the vendor asks for is never cut short."""
    shop.buy(100, order="1")
    vendor.answer = lambda _: Later("TooManyRequests", timedelta(minutes=5))
    delivery.deliver()

    assert wallet(service)["not_before"] == clock.now + timedelta(minutes=5)


def test_new_event_does_not_cut_a_wait_short(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A wallet that is put off stays so when its card changes again."""
    shop.buy(100, order="1")
    vendor.answer = lambda _: Later("TooManyRequests", timedelta(minutes=5))
    delivery.deliver()
    until = wallet(service)["not_before"]
    shop.buy(100, order="2")

    assert wallet(service)["not_before"] == until


def test_gone_is_dropped(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A phone that has left since it registered is forgotten."""
    shop.buy(100, order="1")
    vendor.answer = lambda _: Gone("Unregistered", clock.now)

    assert delivery.deliver().gone == 1
    assert wallet(service) == {}


def test_gone_before_it_registered_again_is_kept(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A report of a death older than the last registration is not believed."""
    shop.buy(100, order="1")
    vendor.answer = lambda _: Gone("Unregistered", clock.now - timedelta(days=1))
    delivery.deliver()
    vendor.answer = lambda _: Sent()

    assert wallet(service)["sent"] == 1
    assert delivery.deliver().sent == 1


def test_registration_during_sending_survives_gone(
    service: Service, shop: Shop, device: Device, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A phone that comes back with a new push token while the old one is refused stays registered."""
    shop.buy(100, order="1")
    card = card_of(service, serial)

    def come_back() -> None:
        clock.on(seconds=1)
        device.push_token = "cd34" * 16
        device.register(card)

    vendor.answer = lambda _: Gone("BadDeviceToken")
    vendor.meanwhile = come_back
    delivery.deliver()
    vendor.answer, vendor.meanwhile = (lambda _: Sent()), (lambda: None)
    delivery.deliver()

    assert vendor.got[-1].target == "cd34" * 16
    assert wallet(service)["sent"] == card_of(service, serial).revision


def test_fault_of_ours_stops_everything_and_loses_nothing(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A refusal that concerns every push alike stops delivery, is told to the operator, and ends when it is mended."""
    shop.buy(100, order="1")
    vendor.answer = lambda _: Stop("BadCertificate: the certificate is refused")

    assert delivery.deliver().stopped == "BadCertificate: the certificate is refused"
    assert delivery.deliver().total == 0
    assert len(vendor.got) == 1
    with service.begin() as tx:
        report = drift(tx, service.in_force, most=10, now=clock.now)
    assert "BadCertificate" in report.late[0].why

    vendor.answer = lambda _: Sent()
    clock.now += STOP_FOR
    assert delivery.deliver().sent == 1
    with service.begin() as tx:
        assert drift(tx, service.in_force, most=10, now=clock.now).stops == ()


def test_many_refusals_together_drop_nobody(
    service: Service, shop: Shop, device: Device, delivery: Delivery, vendor: Vendor, clock: Clock
) -> None:
    """When most phones are refused at once, the settings are suspected and every registration is kept."""
    for number in range(30):
        serial = shop.enrol(f"customer {number}")["serial_number"]
        Device(device.client, device.pass_type, f"library{number}", f"{number:064x}").register(card_of(service, serial))
    vendor.answer = lambda _: Gone("BadDeviceToken")
    done = delivery.deliver()

    assert done.stopped is not None
    assert done.gone == 0
    with service.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM wallets")).scalar() == 30


def test_leased_wallet_is_left_alone_until_the_lease_ends(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """While one worker holds a wallet no other claims it; when the worker has died, another does after the lease."""
    shop.buy(100, order="1")
    other = new_delivery(service, Vendor())
    during = []
    vendor.meanwhile = lambda: during.append(other.deliver().total)
    worker = iter_dying(delivery, vendor)

    assert worker == "died"
    assert during == [0]
    assert other.deliver().total == 0
    clock.now += delivery.lease
    assert other.deliver().sent == 1


def test_late_settlement_of_a_lost_lease_counts_for_nothing(
    service: Service, shop: Shop, delivery: Delivery, vendor: Vendor, clock: Clock, serial: str
) -> None:
    """A worker that slept past its lease cannot drop the wallet that another has delivered since."""
    shop.buy(100, order="1")
    other = new_delivery(service, Vendor())

    def sleep() -> None:
        clock.now += delivery.lease
        assert other.deliver().sent == 1

    vendor.meanwhile = sleep
    vendor.answer = lambda _: Gone("Unregistered", clock.now)
    delivery.deliver()

    assert wallet(service)["sent"] == 2


def iter_dying(delivery: Delivery, vendor: Vendor) -> str:
    """Let a delivery die while it sends."""

    class Death(BaseException):
        pass

    def die(_: Push) -> Outcome:
        raise Death

    vendor.answer = die
    try:
        delivery.deliver()
    except Death:
        return "died"
    return "lived"


def test_a_settlement_holds_no_wallet_while_it_waits_for_one_before_it(
    serial: str, service: Service, device: Device, shop: Shop
) -> None:
    """Wallets that fare differently are locked in one order all the same, so nobody waits in a circle."""
    replace(device, library="an0ther", push_token="cd34" * 16).register(card_of(service, serial))
    shop.buy(700, order="o1")
    with service.read() as tx:
        first, second = tx.execute(text("SELECT id FROM wallets ORDER BY id")).scalars()
    vendor = Vendor(lambda push: Sent() if push.wallet_id == second else Later("ServiceUnavailable"))

    lock = text("SELECT id FROM wallets WHERE id = :id FOR UPDATE NOWAIT")
    with ThreadPoolExecutor(1) as pool, service.begin() as tx:
        vendor.meanwhile = lambda: tx.execute(lock, {"id": first})
        delivered = pool.submit(new_delivery(service, vendor).deliver)
        end = time.monotonic() + 30
        while not waits_for_a_lock(service) and time.monotonic() < end:
            time.sleep(0.01)
        assert tx.execute(lock, {"id": second}).scalar() == second
        tx.rollback()
        assert (delivered.result().sent, len(vendor.got)) == (1, 2)


def waits_for_a_lock(service: Service) -> bool:
    """Whether somebody waits for a lock; on a connection of its own, since in a transaction the view stands still."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with service.read() as tx:
        return bool(tx.execute(text(query)).scalar())
