"""What shop systems deliver: stored first, entered once, kept when it cannot be entered, and whole in the end."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from actors import Clock
from books import faults
from sqlalchemy import Connection, text
from town import Ruled, Town, rules, settled_town
from vendor_actors import AFTER_ALL, NOW, SECRET, SELLERS, News, facts_of, fold, payload, topic_of

from wallet_service.domain.delivery import Delivery, Normalised
from wallet_service.domain.errors import DatabaseUnusable, UnknownDelivery
from wallet_service.domain.event import Customer, MemberEnrolled
from wallet_service.domain.identity import Identity
from wallet_service.storage import deliveries
from wallet_service.storage.sources import Source
from wallet_service.usecases.connect import connect
from wallet_service.usecases.receive import source_of
from wallet_service.usecases.take_in import GRACE, LADDER, Intake, Outcome
from wallet_service.wiring import Service

CURRENCY = {"shopify": "USD", "woocommerce": "EUR", "square": "USD", "stripe": "EUR"}
JANA = Identity("email", "jana@mail.example")
MEMBERSHIP = """
    [membership]
    kind = "paid"
    price = 4900
    period = "P1Y"
    [tiers]
    measure = "membership"
    window = "none"
    valid = "membership_period"
    [[tier]]
    code = "page"
    name = "Page"
    threshold = 0
    [[tier]]
    code = "chapter"
    name = "Chapter"
    threshold = 1
"""


@dataclass
class Shop:
    """A shop system that is connected, and what takes in what it delivers."""

    town: Town
    dialect: str
    name: str

    @property
    def service(self) -> Service:
        """The service that it is connected to."""
        return self.town.service

    @property
    def source(self) -> Source:
        """The source as it stands."""
        with self.service.read() as tx:
            return source_of(tx, dialect=self.dialect, name=self.name)

    def deliver(self, news: News, *, intake: Intake | None = None, delivery_id: str | None = None) -> Outcome:
        """Deliver something that was verified."""
        body = json.dumps(news.said).encode()
        return (intake or self.service.intake).take_in(self.source, Delivery(news.topic, delivery_id), body)

    def send(self, name: str, *, intake: Intake | None = None, **more: Any) -> Outcome:
        """Deliver one of the known bodies, with this changed in it."""
        said = payload(self.dialect, name) | more
        return self.deliver(News(topic_of(self.dialect, name, said), said, NOW), intake=intake)

    def statuses(self) -> list[str]:
        """Return how all deliveries stand, oldest first."""
        return [each[0] for each in self.town.rows("SELECT status FROM deliveries ORDER BY id")]


@pytest.fixture
def open_shop(ruled: Ruled, clock: Clock) -> Callable[..., Shop]:
    """A way to connect a shop system to a programme in its currency."""
    numbers = count()

    def connected(dialect: str, *, more: str = "", town: Town | None = None) -> Shop:
        clock.now = AFTER_ALL
        currency = CURRENCY[dialect]
        if town is None:
            said = rules(more=more).replace('currency = "EUR"', f'currency = "{currency}"')
            town = settled_town(ruled(whole=said), clock)
        name = f"shop-{next(numbers)}"
        with town.service.begin() as tx:
            template = town.service.template("points")
            connect(tx, vault=town.service.vault, template=template, name=name, dialect=dialect, secret=SECRET, now=NOW)
        return Shop(town, dialect, name)

    return connected


def enrol(shop: Shop, name: str = "jana") -> dict[str, Any]:
    """Enrol the person whom the known bodies tell of."""
    return shop.town.say("member.enrolled", MemberEnrolled(Customer(id=name, identities=(JANA,)), None, None))


# Whole in the end.


@pytest.mark.parametrize("dialect", sorted(SELLERS))
def test_any_order_of_deliveries_ends_in_the_same_books(dialect: str, open_shop: Callable[..., Shop]) -> None:
    """Paid, refunded, undone, late, twice, before the member and after: it holds what the order's end deserves."""
    shop = open_shop(dialect)
    for number in range(5):
        draw = Random(number)
        seller = SELLERS[dialect]()
        seller.live(lambda strategy, draw=draw: _choose(strategy, draw))
        end = fold([said for news in seller.sent for said in facts_of(dialect, news)])
        place = open_shop(dialect, town=shop.town)
        _forget_persons(shop.town)
        known = [each for news in seller.sent for said in facts_of(dialect, news) for each in _identities(said.fact)]
        acts: list[Callable[[], Any]] = [
            lambda news=news, place=place: place.deliver(news, delivery_id=None)
            for news in [*seller.sent, *draw.choices(seller.sent, k=3)]
        ]
        name = f"member {number}"
        enrolment = MemberEnrolled(Customer(id=name, identities=tuple(dict.fromkeys(known))), None, None)
        acts.append(lambda enrolment=enrolment: shop.town.say("member.enrolled", enrolment))
        draw.shuffle(acts)
        for act in acts:
            act()
        assert end.purchase
        eligible = end.purchase.eligible_minor
        deserved = eligible // 100 * end.remaining_minor // eligible
        assert shop.town.balances(name)[0] == deserved, [each.topic for each in seller.sent]
    assert set(shop.statuses()) <= {"processed", "unmatched", "ignored"}
    assert faults(shop.service) == []


def _choose(strategy: Any, draw: Random) -> Any:
    """Return one of what a strategy offers, by a dice that can be thrown again."""
    wrapped = getattr(strategy, "wrapped_strategy", strategy)
    if hasattr(wrapped, "elements"):
        return draw.choice(list(wrapped.elements))
    if hasattr(wrapped, "start"):
        return draw.randint(wrapped.start, wrapped.end)
    return draw.choice([False, True])


def _identities(fact: Any) -> tuple[Identity, ...]:
    return fact.customer.identities if getattr(fact, "customer", None) else ()


def _forget_persons(town: Town) -> None:
    """Let the next example begin in a world in which nobody is known."""
    with town.service.begin() as tx:
        tx.execute(text("DELETE FROM member_identities"))
        tx.execute(text("DELETE FROM order_identities"))


# Stored first.


def test_a_delivery_is_answered_with_what_became_of_it(open_shop: Callable[..., Shop]) -> None:
    """Entered at once; the same again is answered as before, and entered once."""
    shop = open_shop("shopify")
    enrol(shop)
    first, second = shop.send("orders_paid"), shop.send("orders_paid")
    assert (first.status, first.replayed) == ("processed", False)
    assert (second.public_id, second.status, second.replayed) == (first.public_id, "processed", True)
    assert first.answers[0]["points"] == shop.town.balances("jana")[0] > 0
    assert shop.statuses() == ["processed"]


def test_two_deliveries_of_one_event_are_entered_once(open_shop: Callable[..., Shop]) -> None:
    """Two subscriptions, with ids of their own, tell the same: both are kept, and the books have it once."""
    shop = open_shop("shopify")
    enrol(shop)
    said = payload("shopify", "orders_paid")
    told = [shop.deliver(News("orders/paid", said, NOW), delivery_id=each) for each in ("first", "second")]
    assert [each.status for each in told] == ["processed", "processed"]
    assert told[0].answers == told[1].answers
    assert shop.town.rows("SELECT count(*) FROM ledger_transactions") == [(1,)]


def test_a_body_is_kept_sealed(open_shop: Callable[..., Shop]) -> None:
    """Nobody reads addresses in the database; with our key the body is there as it came."""
    shop = open_shop("shopify")
    outcome = shop.send("orders_paid")
    assert "Jana" not in str(shop.town.rows("SELECT d::text FROM deliveries AS d"))
    with shop.service.read() as tx:
        kept = deliveries.find(tx, outcome.public_id)
    assert kept
    assert kept.sealed
    assert json.loads(shop.service.vault.open_bytes(kept.sealed)) == payload("shopify", "orders_paid")


def test_what_is_unknown_is_ignored_with_a_reason(open_shop: Callable[..., Shop]) -> None:
    """Unknown topics and test orders are kept as ignored, and say why."""
    shop = open_shop("shopify")
    unknown = shop.deliver(News("themes/publish", {"id": 1}, NOW))
    trial = shop.send("orders_paid_test")
    assert [unknown.status, trial.status] == ["ignored", "ignored"]
    assert unknown.detail
    assert "test" in str(trial.detail)


def test_what_cannot_be_entered_is_kept_with_its_faults(open_shop: Callable[..., Shop]) -> None:
    """A foreign currency is no reason to send it again: it is kept as failed, and says what is wrong."""
    shop = open_shop("shopify")
    enrol(shop)
    outcome = shop.send("orders_paid_jpy")
    assert outcome.status == "failed"
    assert "counts in USD" in str(outcome.detail)


class Broken(Exception):
    """A fault of ours."""


def _crash(*_: Any, **__: Any) -> Normalised:
    raise Broken("Jana Example lives in Prague")


def test_a_fault_of_ours_loses_nothing(open_shop: Callable[..., Shop]) -> None:
    """It is kept as failed without a word of its content, and replayed once the fault is mended; twice is once."""
    shop = open_shop("shopify")
    enrol(shop)
    broken = replace(shop.service.intake, normalisers={"shopify": _crash})
    failed = shop.send("orders_paid", intake=broken)
    assert (failed.status, failed.detail) == ("failed", "a fault of this service: Broken")
    assert shop.town.balances("jana") == (0, 0)

    again = [shop.service.intake.replay(failed.public_id) for _ in range(2)]
    assert [each.status for each in again] == ["processed", "processed"]
    assert again[0].answers == again[1].answers
    assert shop.statuses() == ["processed"]
    assert faults(shop.service) == []


def test_a_replay_can_be_tried_out(open_shop: Callable[..., Shop]) -> None:
    """A dry run says what it would come to, to the point, and changes nothing."""
    shop = open_shop("shopify")
    enrol(shop)
    failed = shop.send("orders_paid", intake=replace(shop.service.intake, normalisers={"shopify": _crash}))
    said = shop.service.intake.replay(failed.public_id, dry_run=True)
    assert (shop.town.balances("jana"), shop.statuses()) == ((0, 0), ["failed"])
    done = shop.service.intake.replay(failed.public_id)
    assert said.status == done.status == "processed"
    assert said.answers[0]["balance"] == done.answers[0]["balance"] == shop.town.balances("jana")[0]


def test_what_is_not_there_cannot_be_replayed(open_shop: Callable[..., Shop]) -> None:
    """Neither an unknown delivery, nor one whose body is no longer kept."""
    shop = open_shop("shopify")
    outcome = shop.send("orders_paid")
    shop.town.clock.now += timedelta(days=31)
    assert shop.service.prune_deliveries() == 1
    for delivery in ("inb_unknown", outcome.public_id):
        with pytest.raises(UnknownDelivery):
            shop.service.intake.replay(delivery)


def test_what_needs_somebody_is_kept_longer(open_shop: Callable[..., Shop]) -> None:
    """The body of what has failed stays until somebody has looked after it."""
    shop = open_shop("shopify")
    shop.send("orders_paid", intake=replace(shop.service.intake, normalisers={"shopify": _crash}))
    shop.town.clock.now += timedelta(days=400)
    assert shop.service.prune_deliveries() == 0


def test_what_is_tried_again_is_kept_as_it_came(open_shop: Callable[..., Shop]) -> None:
    """However short bodies are kept, that of a fee of a stranger is there when the stranger has enrolled."""
    shop = open_shop("stripe", more=MEMBERSHIP)
    said = payload("stripe", "invoice_paid")
    said["data"]["object"]["parent"]["subscription_details"]["metadata"] = {}
    shop.deliver(News("invoice.paid", said, NOW))
    shop.town.clock.now += timedelta(days=40)
    assert shop.service.prune_deliveries() == 0
    enrol(shop)
    assert shop.service.intake.settle_due() == 1
    assert shop.statuses() == ["processed"]


# Nothing is lost when things go down.


@contextmanager
def _away() -> Iterator[Connection]:
    raise DatabaseUnusable("The database cannot be used.")
    yield


def test_what_was_stored_is_entered_later(open_shop: Callable[..., Shop]) -> None:
    """Where the database goes away in the middle, or the process dies, a worker enters it some seconds later."""
    shop = open_shop("shopify")
    enrol(shop)
    away: Callable[[], AbstractContextManager[Connection]] = _away
    outcome = shop.send("orders_paid", intake=replace(shop.service.intake, enter=away))
    assert outcome.status == "received"
    assert shop.service.intake.settle_due() == 0
    shop.town.clock.now += GRACE
    assert shop.service.intake.settle_due() == 1
    assert shop.statuses() == ["processed"]
    assert shop.town.balances("jana")[0] > 0
    assert shop.service.intake.settle_due() == 0


def test_workers_share_what_was_left(open_shop: Callable[..., Shop]) -> None:
    """Four workers at once enter twenty deliveries, each of them once."""
    shop = open_shop("shopify")
    enrol(shop)
    away = replace(shop.service.intake, enter=_away)
    for number in range(20):
        said = payload("shopify", "orders_paid") | {"id": 1000 + number}
        shop.deliver(News("orders/paid", said, NOW), intake=away)
    shop.town.clock.now += GRACE
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: shop.service.intake.settle_due(), range(4)))
    assert sum(done) == 20
    assert shop.statuses() == ["processed"] * 20
    assert shop.town.rows("SELECT count(*) FROM ledger_transactions") == [(20,)]


def test_what_is_of_a_stranger_is_tried_again(open_shop: Callable[..., Shop]) -> None:
    """A fee of somebody who has not enrolled waits for them, longer each time, and for a month in all."""
    shop = open_shop("stripe", more=MEMBERSHIP)
    said = payload("stripe", "invoice_paid")
    said["data"]["object"]["parent"]["subscription_details"]["metadata"] = {}
    outcome = shop.deliver(News("invoice.paid", said, NOW))
    assert outcome.status == "unmatched"
    for wait in LADDER[:3]:
        shop.town.clock.now += wait
        assert shop.service.intake.settle_due() == 1
    enrol(shop)
    shop.town.clock.now += LADDER[3]
    assert shop.service.intake.settle_due() == 1
    assert shop.statuses() == ["processed"]
    assert shop.town.rows("SELECT count(*) FROM membership_terms") == [(1,)]
    assert sum(LADDER, timedelta()) > timedelta(days=29)


# Privacy.


def test_a_shop_hands_on_that_somebody_is_to_be_forgotten(open_shop: Callable[..., Shop]) -> None:
    """Whoever is known by the address is erased; nobody else is, and a stranger is no fault."""
    shop = open_shop("shopify")
    jana = enrol(shop)
    shop.town.enrol("ann")
    told = shop.send("customers_redact")
    assert told.status == "processed"
    assert shop.town.rows("SELECT public_id FROM members WHERE erased_at IS NOT NULL") == [(jana["member_id"],)]
    again = payload("shopify", "customers_redact") | {"orders_to_redact": []}
    assert shop.deliver(News("customers/redact", again, NOW)).status == "processed"
    assert shop.town.rows("SELECT count(*) FROM members WHERE erased_at IS NULL") == [(1,)]


def test_what_a_shop_says_later_of_somebody_forgotten_is_not_kept(open_shop: Callable[..., Shop]) -> None:
    """Neither what it said before nor what its orders bring after is there to be read; what is of others stays."""
    shop = open_shop("shopify")
    enrol(shop)
    assert shop.send("orders_paid").status == "processed"
    assert shop.send("customers_redact").status == "processed"
    assert shop.send("orders_updated_refunded").status == "processed"
    shop.send("orders_paid", id=1, email="ann@mail.example", contact_email="ann@mail.example", customer=None)
    kept = shop.town.rows("SELECT topic, sealed IS NOT NULL FROM deliveries ORDER BY id")
    assert [each for each in kept if each[0] != "customers/redact"] == [
        ("orders/paid", False),
        ("orders/updated", False),
        ("orders/paid", True),
    ]


def test_a_request_for_a_copy_needs_a_person(open_shop: Callable[..., Shop]) -> None:
    """It stays until somebody says that it is done, and says by which command."""
    shop = open_shop("shopify")
    jana = enrol(shop)
    asked = shop.send("customers_data_request")
    assert asked.status == "attention"
    assert f"wallet-service member export {jana['member_id']}" in str(asked.detail)
    assert shop.send("shop_redact").status == "attention"
    with shop.service.begin() as tx:
        kept = deliveries.find(tx, asked.public_id)
        assert kept
        deliveries.done(tx, kept.id, now=NOW)
        assert deliveries.counts(tx) == {"attention": 1}


def test_deliveries_of_another_merchant_are_not_there(open_shop: Callable[..., Shop]) -> None:
    """A merchant lists, shows and replays what its own sources have delivered."""
    shop = open_shop("shopify")
    outcome = shop.send("orders_paid")
    with shop.service.read() as tx:
        (own,) = [each.id for each in tx.execute(text("SELECT id FROM merchants"))]
        assert [each.public_id for each in deliveries.page(tx, merchant_id=own, most=9)] == [outcome.public_id]
        assert deliveries.page(tx, merchant_id=own + 1, most=9) == []
        assert deliveries.find(tx, outcome.public_id, merchant_id=own + 1) is None
    with pytest.raises(UnknownDelivery):
        shop.service.intake.replay(outcome.public_id, merchant_id=own + 1)
