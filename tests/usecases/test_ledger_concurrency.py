"""Eight at once on one member and on many: nobody waits in a circle, nothing is lost, no budget is overdrawn."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from actors import START, Clock
from ledger_checks import Books, faults, projected
from sqlalchemy import Connection, text

from wallet_service.domain.errors import HoldResolved, InsufficientBalance
from wallet_service.domain.event import (
    ActivityDone,
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    OrderPaid,
    OrderRefunded,
    PointsAdjusted,
    content_hash,
)
from wallet_service.domain.ledger import Hold, Lot
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Line
from wallet_service.storage import calendar, members
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.book import Book, close_and_show, open_book
from wallet_service.usecases.connect import connect
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.settle_due import settle
from wallet_service.wiring import Service

THREADS = 8
STEPS = 40
REVIEW = 25
WHO = {"actor": "a person", "reason": "a test"}
PURCHASE = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}


def bonus(code: str, tag: str, budget: dict[str, int]) -> dict[str, Any]:
    """Return a campaign that gives 7 points more where something of that tag was bought, as long as there are any."""
    return {"code": code, "kind": "addition", "points": 7, "match": {"tags": [tag]}, "budget": budget}


class Shop:
    """A programme that many act on at once: its points wait and die, and balances fall to any depth.

    Any of its methods may run in several threads.
    """

    def __init__(self, service: Service, clock: Clock, **tables: Any) -> None:
        self.service, self.clock = service, clock
        head = {"code": "busy", "name": "Busy", "timezone": "Europe/Prague", "currency": "EUR"}
        points = {
            "pending": {"mode": "days", "days": 1},
            "expiry": {"mode": "rolling", "period": "P10D"},
            "refund": {"earned": "allow_negative"},
        }
        rules = {
            "schema": 1,
            "program": head,
            "unit": {"code": "points"},
            "points": points,
            "earning_rule": [PURCHASE, {"code": "review", "on": "review.approved", "points": REVIEW}],
            **tables,
        }
        self.template = replace(service.template("points"), name="busy", program=Program.model_validate(rules))
        with service.begin() as tx:
            connect(tx, vault=service.vault, template=self.template, name="busy", now=clock.now)
            self.source = source_of(tx, dialect="standard", name="busy")

    def tell(self, event_id: str, kind: str, fact: Fact) -> None:
        """Deliver a fact."""
        receive(
            self.service.begin,
            source=self.source,
            template=self.template,
            event=Event(event_id, kind, content_hash(kind, fact), START, b"{}", fact),
            pass_type_identifier="pass.example",
            vault=self.service.vault,
            now=self.clock.now,
        )

    def enrol(self, *names: str) -> None:
        """Let these customers join."""
        for name in names:
            self.tell(f"enrol {name}", "member.enrolled", MemberEnrolled(Customer(id=name), None, None))

    def act(self, names: list[str], act: Callable[[list[Book]], object]) -> None:
        """Do something in the books of these members, in one transaction."""
        with self.service.begin() as tx:
            members.lock_customers(tx, [(self.source.program_id, name) for name in names])
            books = [self.open(tx, name) for name in names]
            act(books)
            for book in books:
                close_and_show(book, cause=Cause(), reason="a test")

    def open(self, tx: Connection, name: str) -> Book:
        """Open a member's book, whose customer is locked."""
        member = members.find(tx, self.source.program_id, name)
        assert member
        return open_book(tx, member, self.template, now=self.clock.now)

    def settle_due(self) -> None:
        """Do what the calendar has brought to anybody."""
        with self.service.read() as tx:
            due = calendar.due(tx, templates=[self.template.name], now=self.clock.now, most=100)
        for each in due:
            with self.service.begin() as tx:
                members.lock_customer(tx, each.program_id, each.external_id)
                member = members.find(tx, each.program_id, each.external_id)
                assert member
                settle(tx, member, self.template, now=self.clock.now)


@dataclass
class Actor:
    """One of the eight: does everything that there is in an order of its own, and counts what it has added."""

    shop: Shop
    names: list[str]
    number: int
    added: Counter[str] = field(default_factory=Counter)
    holds: list[tuple[str, str, int]] = field(default_factory=list)
    key: str = ""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.number)

    def run(self) -> Counter[str]:
        """Take all steps and return by how many points each member should have more, orders and deaths aside."""
        steps = ("buy", "buy", "refund", "adjust", "review", "hold", "resolve", "transfer")
        for step in range(STEPS):
            self.key = f"{self.number} {step}"
            getattr(self, self.chance.choice(steps))(self.chance.choice(self.names))
        return self.added

    def buy(self, name: str) -> None:
        """Pay an order, which others may pay, too."""
        order = self.chance.randrange(30)
        name = self.names[order % len(self.names)]
        self.shop.tell(
            f"buy {self.key}", "order.paid", OrderPaid(Customer(id=name), f"o{order}", "EUR", 1_000 + 77 * order)
        )

    def refund(self, name: str) -> None:
        """Pay an order back, in part or in full; the same delivery comes from several."""
        order, part = self.chance.randrange(30), self.chance.choice((300, 700, 9_999))
        name = self.names[order % len(self.names)]
        fact = OrderRefunded(f"o{order}", part, Customer(id=name))
        self.shop.tell(f"refund {order} {part}", "order.refunded", fact)

    def adjust(self, name: str) -> None:
        """Give or take points."""
        points = self.chance.choice((-30, -1, 1, 50))
        self.shop.tell(f"adjust {self.key}", "points.adjusted", PointsAdjusted(Customer(id=name), points, "a", "b"))
        self.added[name] += points

    def review(self, name: str) -> None:
        """Do something that earns."""
        self.shop.tell(f"review {self.key}", "review.approved", ActivityDone(Customer(id=name), "review.approved"))
        self.added[name] += REVIEW

    def hold(self, name: str) -> None:
        """Set points apart, if there are enough."""
        now = self.shop.clock.now
        hold = Hold(
            self.chance.randint(1, 40),
            "reward",
            now,
            now + timedelta(hours=self.chance.choice((1, 90))),
            f"hld_{self.key}",
        )
        try:
            self.shop.act([name], lambda books: books[0].account.hold(hold))
        except InsufficientBalance:
            return
        self.holds.append((name, hold.public_id, hold.points))

    def resolve(self, name: str) -> None:
        """Use what was set apart, or give it back, unless it has timed out."""
        if not self.holds:
            return
        name, public_id, points = self.holds.pop()
        captured = self.chance.choice((0, 1, points))

        def act(books: list[Book]) -> None:
            account = books[0].account
            hold = next((each for each in account.holds if each.public_id == public_id), None)
            if hold is None:
                raise HoldResolved(public_id)
            if captured:
                account.capture(hold, captured, at=books[0].now)
            else:
                account.release(hold, at=books[0].now)

        try:
            self.shop.act([name], act)
        except HoldResolved:
            return
        self.added[name] -= captured

    def transfer(self, name: str) -> None:
        """Give another some of what dies soonest; both are locked in one order, whoever gives."""
        other = self.chance.choice(self.names)
        given = 0

        def act(books: list[Book]) -> None:
            nonlocal given
            lot = next(iter(books[0].account.spendable()), None)
            if lot is None:
                return
            given = min(lot.available, 10)
            books[0].account.give(lot, given, at=books[0].now, **WHO)
            taken = Lot(given, lot.effective_at, expires_at=lot.expires_at)
            books[1].account.receive(taken, **WHO)

        if other == name:
            return
        self.shop.act([name, other], act)
        self.added[name] -= given
        self.added[other] += given


def days_go_by(shop: Shop, done: threading.Event) -> int:
    """Let time go by while the others act, and settle whoever is due; return how often."""
    rounds = 0
    while not done.wait(0.02) and rounds < 2000:
        shop.clock.on(hours=5)
        shop.settle_due()
        rounds += 1
    return rounds


DEAD = text("""
    SELECT external_id, coalesce(sum(points) FILTER (WHERE type = 'expire'), 0) AS dead
    FROM members JOIN ledger_accounts ON ledger_accounts.member_id = members.id AND kind = 'available'
    LEFT JOIN ledger_entries ON account_id = ledger_accounts.id
    LEFT JOIN ledger_transactions ON ledger_transactions.id = transaction_id
    GROUP BY external_id
""")
KEPT = text("""
    SELECT external_id, coalesce(sum(kept), 0) AS kept FROM members
    LEFT JOIN orders ON orders.member_id = members.id GROUP BY external_id
""")
STANDING = text("""
    SELECT external_id, available + pending + held AS points FROM balances JOIN members ON members.id = member_id
""")


@pytest.mark.parametrize("names", [["ann"], [f"c{number}" for number in range(5)]], ids=["one member", "many"])
def test_whatever_many_do_at_once_nothing_is_lost(service: Service, clock: Clock, names: list[str]) -> None:
    """Orders, refunds, holds, corrections, transfers and the calendar meet; every point is there or accounted for."""
    shop = Shop(service, clock)
    shop.enrol(*names)
    done = threading.Event()
    with ThreadPoolExecutor(THREADS + 1) as pool:
        passing = pool.submit(days_go_by, shop, done)
        actors = [pool.submit(Actor(shop, names, number).run) for number in range(THREADS)]
        try:
            added: Counter[str] = Counter()
            for each in actors:
                for name, points in each.result(timeout=200).items():
                    added[name] += points
        finally:
            done.set()
        assert passing.result(timeout=60) > 0
    shop.clock.on(days=30)
    shop.settle_due()

    with service.begin() as tx:
        ids = list(tx.execute(text("SELECT id FROM members ORDER BY id")).scalars())
        books = Books(tx, ids)
        wrong = faults(books, allow_negative=True, own_dates=False) + projected(books)
        dead, kept, stands = (dict(tx.execute(each).all()) for each in (DEAD, KEPT, STANDING))  # type: ignore[arg-type]
        total = tx.execute(text("SELECT sum(points) FROM ledger_entries")).scalar_one()
    assert (wrong, total) == ([], 0)
    assert {name: stands[name] - dead[name] - kept[name] for name in names} == {name: added[name] for name in names}


BUDGETS = {"a-tea": {"points": 150}, "b-cake": {"stock": 17}, "c-cup": {"points": 100, "stock": 9}}
TAGS = ("tea", "cake", "cup")
STATES = text("SELECT code, points, claims FROM campaign_states ORDER BY code")


def test_budgets_are_never_overdrawn(service: Service, clock: Clock) -> None:
    """However many buy at once, and join with orders that waited, campaigns give what they have and no more."""
    campaigns = [bonus(code, tag, BUDGETS[code]) for code, tag in zip(BUDGETS, TAGS, strict=True)]
    shop = Shop(service, clock, campaign=campaigns)
    together = threading.Barrier(THREADS, timeout=60)

    def order(key: str, name: str, *tags: str) -> None:
        lines = tuple(Line(f"sku {tag}", 1_000, tags=(tag,)) for tag in tags)
        fact = OrderPaid(Customer(id=name), key, "EUR", 1_000 * len(tags), lines)
        shop.tell(f"buy {key}", "order.paid", fact)

    def live(number: int) -> None:
        shop.enrol(f"old {number}")
        for turn in range(5):
            newcomer = f"new {number} {turn}"
            # what waits would be evaluated cup first, then tea: the other way round than the campaigns' order
            for tag in reversed(TAGS):
                order(f"{newcomer} {tag}", newcomer, tag)
            together.wait(timeout=60)
            if number % 2:
                shop.enrol(newcomer)
            else:
                order(f"{newcomer} all", f"old {number}", *TAGS)

    with ThreadPoolExecutor(THREADS) as pool:
        for each in [pool.submit(live, number) for number in range(THREADS)]:
            each.result(timeout=200)

    with service.begin() as tx:
        states = {row.code: (row.points, row.claims) for row in tx.execute(STATES)}
        ids = list(tx.execute(text("SELECT id FROM members")).scalars())
        books = Books(tx, ids)
        earned = tx.execute(text("SELECT sum(earned) FROM orders")).scalar_one()
        bought = tx.execute(text("SELECT sum(eligible_minor) FROM orders WHERE member_id IS NOT NULL")).scalar_one()
    assert states == {"a-tea": (147, 21), "b-cake": (119, 17), "c-cup": (63, 9)}
    assert earned == bought // 100 + sum(points for points, _ in states.values())
    assert faults(books, allow_negative=True, own_dates=True) + projected(books) == []
