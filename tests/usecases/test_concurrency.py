"""Many at once: the same events from eight threads in eight orders, while four deliver."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import books
import pytest
from actors import START, Shop, card_of
from sqlalchemy import text

from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import (
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    OrderPaid,
    OrderRefunded,
    PointsAdjusted,
    content_hash,
)
from wallet_service.domain.push import Later, Outcome, Push, Sent
from wallet_service.storage import wallets
from wallet_service.storage.sources import Source
from wallet_service.usecases.deliver import Delivery
from wallet_service.usecases.follow import follow
from wallet_service.usecases.receive import receive, source_of
from wallet_service.wiring import Service, utc_now

MEMBERS = 40
EVENTS, MANY_EVENTS = 400, 2000  # on each run, and where there are minutes
RECEIVERS = 8
DELIVERERS = 4


@dataclass
class Flaky:
    """A push service that puts every fifth push off once."""

    told: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, pushes: Iterable[Push]) -> Generator[tuple[Push, Outcome], None, None]:
        """Take most, and the rest the next time."""
        for push in pushes:
            with self.lock:
                self.told[push.wallet_id] += 1
                late = push.wallet_id % 5 == 0 and self.told[push.wallet_id] == 1
            yield push, Later("ServiceUnavailable") if late else Sent()


def facts(number: int) -> list[tuple[str, Fact]]:
    """Return so many facts about forty members: joining, buying, refunds in growing steps, gifts."""
    chance = random.Random(7)
    told: list[tuple[str, Fact]] = [
        ("member.enrolled", MemberEnrolled(Customer(id=f"c{member}"), f"Name {member}", None))
        for member in range(MEMBERS)
    ]
    while len(told) < number:
        customer = Customer(id=f"c{chance.randrange(MEMBERS)}")
        order = f"o{chance.randrange(number * 7 // 20)}"
        owner = Customer(id=f"c{int(order[1:]) % MEMBERS}")
        told.append(
            chance.choice(
                [
                    ("order.paid", OrderPaid(owner, order, "EUR", 1000 + int(order[1:]) * 13)),
                    ("order.paid", OrderPaid(owner, order, "EUR", 1000 + int(order[1:]) * 13)),
                    ("order.refunded", OrderRefunded(order, chance.choice([200, 500, 900]), owner)),
                    ("points.adjusted", PointsAdjusted(customer, chance.randrange(1, 9), "desk", "gift")),
                ]
            )
        )
    return told


def expected(told: list[tuple[str, Fact]]) -> Counter[str]:
    """Return every customer's balance by the rules alone: orders in their last state, and gifts."""
    paid: dict[str, OrderPaid] = {}
    refunded: Counter[str] = Counter()
    balances: Counter[str] = Counter({f"c{number}": 0 for number in range(MEMBERS)})
    for _, fact in told:
        match fact:
            case OrderPaid():
                paid[fact.order_id] = fact
            case OrderRefunded():
                refunded[fact.order_id] = max(refunded[fact.order_id], fact.refunded_minor)
            case PointsAdjusted():
                balances[str(fact.customer.id)] += fact.points
    for order in paid.values():
        earned, left = order.eligible_minor // 100, order.eligible_minor - refunded[order.order_id]
        balances[str(order.customer.id)] += earned * left // order.eligible_minor
    return balances


def event(number: int, kind: str, fact: Fact) -> Event:
    """Return the fact as the event with that number."""
    return Event(f"evt{number}", kind, content_hash(kind, fact), START, b"{}", fact)


def post_all(service: Service, source: Source, events: list[Event], seed: int) -> None:
    """Post every event in an order of our own, again and again until each is taken, as senders do."""
    chance = random.Random(seed)
    waiting = deque(chance.sample(events, len(events)))
    while waiting:
        each = waiting.popleft()
        try:
            receive(
                service.begin,
                source=source,
                template=service.template("points"),
                event=each,
                pass_type_identifier=service.identity.pass_type_identifier,
                vault=service.vault,
                now=utc_now(),
            )
        except UnknownMember:
            waiting.append(each)


def deliver_until(service: Service, vendor: Flaky, done: threading.Event) -> None:
    """Deliver until there is nothing more to come and nobody is left."""
    delivery = Delivery("apple", vendor, service.begin, utc_now, timedelta(seconds=90), 50)
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if delivery.deliver().total == 0:
            time.sleep(0.05)
        with service.read() as tx:
            if done.is_set() and wallets.tally(tx).unsent == 0:
                return


@pytest.mark.parametrize("many", [EVENTS, pytest.param(MANY_EVENTS, marks=pytest.mark.soak)])
def test_many_threads_end_where_the_rules_say(service: Service, shop: Shop, many: int) -> None:
    """Eight threads post the same events in different orders: each counts once, nobody waits in a circle."""
    told = facts(many)
    events = [event(number, kind, fact) for number, (kind, fact) in enumerate(told)]
    with service.read() as tx:
        source = source_of(tx, dialect="standard", name=shop.name)
    vendor, done = Flaky(), threading.Event()
    with ThreadPoolExecutor(RECEIVERS + DELIVERERS) as pool:
        deliverers = [pool.submit(deliver_until, service, vendor, done) for _ in range(DELIVERERS)]
        receivers = [pool.submit(post_all, service, source, events, seed) for seed in range(RECEIVERS)]
        try:
            register_all(service)
            for each in receivers:
                each.result(timeout=240)
        finally:
            done.set()  # or the pool would wait for the deliverers without an end
        for each in deliverers:
            each.result(timeout=60)

    assert books.faults(service) == []
    with service.begin() as tx:
        assert tx.execute(text("SELECT count(*) FROM events")).scalar() == many
        rows = tx.execute(
            text("SELECT external_id, available FROM members JOIN balances ON balances.member_id = members.id")
        )
        assert dict(rows.all()) == dict(expected(told))  # type: ignore[arg-type]
        tally = wallets.tally(tx)
        assert (tally.wallets, tally.unsent) == (2 * MEMBERS, 0)
        behind = text("SELECT count(*) FROM wallets JOIN cards ON cards.id = card_id WHERE sent <> revision")
        assert tx.execute(behind).scalar() == 0


def register_all(service: Service) -> None:
    """Let two phones follow each card as soon as it exists, while its events land."""
    known: set[str] = set()
    while len(known) < MEMBERS:
        with service.read() as tx:
            found = {row[0] for row in tx.execute(text("SELECT serial_number FROM cards"))}
        for serial in sorted(found - known):
            for phone in ("one", "two"):
                with service.begin() as tx:
                    card = card_of(service, serial)
                    follow(tx, card, device=f"{serial}-{phone}", target=f"{phone}{serial}", now=utc_now())
        known |= found
