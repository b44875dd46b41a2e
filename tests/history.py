"""A long history of two members, with every kind of transaction that there is, for whoever looks at books."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from actors import Clock
from purchases import PURCHASE, campaign

from wallet_service.domain.event import (
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    OrderPaid,
    OrderRefunded,
    PointsAdjusted,
    SubscriptionCancelled,
    SubscriptionPaid,
    content_hash,
)
from wallet_service.domain.ledger import Hold
from wallet_service.domain.program import Program
from wallet_service.storage import lots, members, programs
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.book import Book, close_and_show, open_book
from wallet_service.usecases.connect import connect
from wallet_service.usecases.publish_program import publish_program
from wallet_service.usecases.receive import receive, source_of
from wallet_service.wiring import Service

TIERS = [
    {"code": "page", "threshold": 0},
    {"code": "chapter", "threshold": 10_000},
    {"code": "novel", "threshold": 50_000},
]
RULES: dict[str, Any] = {
    "points": {
        "pending": {"mode": "days", "days": 14},
        "expiry": {"mode": "rolling", "period": "P3M", "round": "end_of_month"},
        "refund": {"earned": "allow_negative"},
        "min_balance": -500,
    },
    "tiers": {"measure": "spend", "window": "rolling_12_months", "valid": "P6M", "grace_days": 10},
    "tier": TIERS,
    "reward": [{"code": "mug", "kind": "product", "cost": 100}, {"code": "bag", "kind": "product", "cost": 5_000}],
    "membership": {"kind": "paid", "price": 500, "period": "P1M"},
}
LIMITED: dict[str, Any] = {
    "points": {"cap": {"per_order": 100}},
    "campaign": [
        campaign("double", factor="2", rules=["purchase"], limit={"times": 1, "per": "lifetime"}),
        campaign("spring", kind="addition", points=5, budget={"points": 7}),
    ],
}
LIVING = RULES | {
    "points": {"pending": {"mode": "event", "on": "order.fulfilled"}, "expiry": {"mode": "inactivity", "period": "P2M"}}
}


def with_rules(service: Service, rules: dict[str, Any]) -> Service:
    """Return the service with other rules in its one programme, which keeps its code and tiers."""
    template = service.template("points")
    head = template.program.program.model_dump()
    table = {"schema": 1, "program": head, "earning_rule": [PURCHASE], **rules}
    definition = "\n".join(f"{key} = {toml(value)}" for key, value in table.items())
    changed = replace(template, program=Program.model_validate(table), definition=definition)
    return replace(service, templates={"points": changed})


def published(service: Service) -> Service:
    """Put the rules of the service's files in force where its programme has been opened with others, and return it."""
    with service.begin() as tx:
        for opened in programs.of_template(tx, "points"):
            publish_program(tx, opened, service.in_force, actor="a test", now=service.clock())
    return service


def toml(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


@dataclass
class Story:
    """What happens to the members, one thing after the other."""

    service: Service
    clock: Clock
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        with self.service.begin() as tx:
            template = self.service.template("points")
            connect(tx, vault=self.service.vault, template=template, name="story", now=self.clock())
            self.source = source_of(tx, dialect="standard", name="story")

    def tell(self, kind: str, fact: Fact) -> dict[str, Any]:
        """Enter an event that happens now, and return its answer."""
        event = Event(f"evt {next(self.ids)}", kind, content_hash(kind, fact), self.clock(), b"", fact)
        return receive(
            self.service.begin,
            source=self.source,
            template=self.service.in_force.of_source(self.source),
            event=event,
            pass_type_identifier="pass.example",
            vault=self.service.vault,
            now=self.clock(),
        ).answer

    def enrol(self, who: str) -> dict[str, Any]:
        """Enrol somebody."""
        return self.tell("member.enrolled", MemberEnrolled(Customer(who), who.title(), "en"))

    def buy(self, who: str, order: str, minor: int) -> None:
        """Pay an order."""
        self.tell("order.paid", OrderPaid(Customer(who), order, "EUR", minor))

    def refund(self, order: str, minor: int) -> None:
        """Pay an order back up to an amount."""
        self.tell("order.refunded", OrderRefunded(order, minor))

    def adjust(self, who: str, points: int) -> None:
        """Correct a balance."""
        self.tell("points.adjusted", PointsAdjusted(Customer(who), points, "till 3", "complaint"))

    def act(self, who: str, do: Callable[[Book], object]) -> None:
        """Open a member's book, do something in it, and close it."""
        with self.service.begin() as tx:
            members.lock_customer(tx, self.source.program_id, who)
            member = members.find(tx, self.source.program_id, who)
            assert member is not None
            book = open_book(tx, member, self.service.in_force.of_source(self.source), now=self.clock())
            do(book)
            close_and_show(book, cause=Cause(), reason="test")

    def hold(self, who: str, points: int, public_id: str) -> None:
        """Set points apart for two days."""
        now = self.clock()
        self.act(who, lambda book: book.account.hold(Hold(points, "reward", now, now + timedelta(days=2), public_id)))

    def capture(self, who: str, public_id: str, points: int) -> None:
        """Use up some points of a hold."""
        self.act(who, lambda book: book.account.capture(_hold(book, public_id), points, at=self.clock()))

    def release(self, who: str, public_id: str) -> None:
        """Give a hold up."""
        self.act(who, lambda book: book.account.release(_hold(book, public_id), at=self.clock()))

    def give_back(self, who: str) -> None:
        """Take the newest redemption back."""

        def do(book: Book) -> None:
            query = "SELECT max(id) FROM ledger_transactions WHERE type = 'redeem'"
            redeemed = book.tx.exec_driver_sql(query).scalar_one()
            parts = lots.used(book.tx, redeemed, book.account.lots)
            book.account.give_back(parts, at=self.clock(), reverses=redeemed)

        self.act(who, do)

    def let_go(self, who: str) -> None:
        """Make all pending points spendable."""

        def do(book: Book) -> None:
            if waiting := [lot for lot in book.account.lots if lot.pending]:
                book.account.activate(waiting, at=self.clock())

        self.act(who, do)

    def settle(self, *everybody: str) -> None:
        """Do what the calendar has brought."""
        for who in everybody:
            self.act(who, lambda _: None)


def _hold(book: Book, public_id: str) -> Hold:
    return next(each for each in book.account.holds if each.public_id == public_id)


def live(story: Story) -> None:
    """Let Ann and Bob live through most of a year."""
    clock = story.clock
    story.enrol("ann")
    story.enrol("bob")
    story.buy("ann", "a1", 30_000)
    story.buy("bob", "b1", 12_345)
    story.tell("subscription.paid", SubscriptionPaid(Customer("ann"), "sub-1", price_minor=500))
    clock.on(days=3)
    story.buy("ann", "a2", 9_000)
    story.refund("a1", 5_000)
    clock.on(days=20)
    story.settle("ann", "bob")
    story.let_go("ann")
    story.let_go("bob")
    story.hold("ann", 100, "hold_1")
    story.hold("ann", 40, "hold_2")
    story.hold("ann", 20, "hold_3")
    story.hold("bob", 10, "hold_4")
    story.capture("ann", "hold_1", 70)
    story.release("ann", "hold_2")
    clock.on(days=1)
    story.adjust("ann", 55)
    story.adjust("ann", -5)
    story.give_back("ann")
    clock.on(days=3)
    story.refund("b1", 12_345)
    story.settle("ann", "bob")
    story.tell("subscription.cancelled", SubscriptionCancelled(Customer("ann"), "sub-1"))
    story.adjust("bob", 7)
    clock.on(days=80)
    story.buy("ann", "a3", 20_000)
    story.buy("bob", "b2", 4_200)
    clock.on(days=100)
    story.settle("ann", "bob")
    story.buy("ann", "a4", 6_000)
    clock.on(days=15)
    story.settle("ann", "bob")
    story.let_go("ann")
    story.hold("ann", 5, "hold_5")
