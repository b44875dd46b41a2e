"""A programme with three customers, lived through step by step: the service beside a plain model of its promises."""

import itertools
import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

import pytest
from actors import Clock
from history import toml
from hypothesis import strategies as st
from ledger_checks import ZONE, Books, ahead, faults, projected
from ledger_model import Bought, Model, Promise
from msgspec import structs
from sqlalchemy import Connection, text

from wallet_service.domain.account import Account
from wallet_service.domain.earning import Order
from wallet_service.domain.errors import EventRefused, HoldResolved, InsufficientBalance
from wallet_service.domain.event import (
    ActivityDone,
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    PointsAdjusted,
    SubscriptionCancelled,
    SubscriptionPaid,
    content_hash,
)
from wallet_service.domain.ledger import Hold, Lot
from wallet_service.domain.member import Membership
from wallet_service.domain.period import start_of
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Deed, Purchase
from wallet_service.storage import arrivals, calendar, ledger, members, orders
from wallet_service.storage.ledger import Cause
from wallet_service.usecases import audit
from wallet_service.usecases.book import Book, close_and_show, open_book
from wallet_service.usecases.connect import connect
from wallet_service.usecases.correct import correct
from wallet_service.usecases.evaluate import evaluate_order, give_for_deed
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.settle_due import settle
from wallet_service.wiring import Service

NAMES = ("ann", "bob", "cat")
ORDERS = tuple(f"o{number}" for number in range(6))
REVIEW = 25
WHO = {"actor": "a person", "reason": "a test"}
Any_ = TypeVar("Any_")
_NEWEST = text("""
    SELECT (SELECT coalesce(max(id), 0) FROM ledger_transactions WHERE member_id = :member_id) AS posted,
           (SELECT coalesce(max(id), 0) FROM tier_changes WHERE member_id = :member_id) AS ranked
""")
_PARTNERS = text("""
    INSERT INTO ledger_accounts (program_id, kind, partner)
    SELECT :program_id, 'partner', unnest(CAST(:partners AS text[])) ON CONFLICT DO NOTHING
""")
_ALL = text("""
    SELECT coalesce(sum(points), 0) FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
    WHERE program_id = :program_id
""")
# What a capture used up: the first of what was held, in the order in which it was set apart.
_CAPTURED = text("""
    SELECT holds.id, hold_outcomes.transaction_id, hold_outcomes.points, (
        SELECT max(partner) FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE ledger_entries.transaction_id = hold_outcomes.transaction_id
    ) AS partner
    FROM hold_outcomes JOIN holds ON holds.id = hold_id WHERE public_id = :key
""")
_SET_APART = text("""
    SELECT lot_id, delta FROM lot_allocations WHERE hold_id = :id AND bucket = 'held' AND delta > 0 ORDER BY id
""")


class Choice(Protocol):
    """Where a walk gets its choices from: Hypothesis, which can make them smaller, or a seed."""

    def pick(self, among: Sequence[Any_]) -> Any_:
        """Return one of several."""

    def number(self, low: int, high: int) -> int:
        """Return a whole number between two, both included."""


class Drawn:
    """Choices that Hypothesis makes, and makes smaller when something is wrong."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def pick(self, among: Any) -> Any:
        """Return one of several."""
        return self.data.draw(st.sampled_from(list(among)))

    def number(self, low: int, high: int) -> int:
        """Return a whole number between two, both included."""
        return self.data.draw(st.integers(low, high))


class Seeded:
    """Choices that a seed repeats."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def pick(self, among: Sequence[Any_]) -> Any_:
        """Return one of several."""
        return self.chance.choice(among)

    def number(self, low: int, high: int) -> int:
        """Return a whole number between two, both included."""
        return self.chance.randint(low, high)


def _year_end(day: date) -> date:
    return date(day.year + 1, 1, 1)


def _month_end(days: int) -> Callable[[date], date]:
    def first_day_without(day: date) -> date:
        last = day + timedelta(days=days - 1)
        return date(last.year + last.month // 12, last.month % 12 + 1, 1)

    return first_day_without


def _after(days: int) -> Callable[[date], date]:
    return lambda day: day + timedelta(days=days)


TIERED = {
    "tiers": {"measure": "points_earned", "window": "lifetime", "on_refund": "recheck"},
    "tier": [{"code": code, "threshold": least} for code, least in (("page", 0), ("chapter", 100), ("novel", 500))],
}
PURCHASE: dict[str, Any] = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}
KINDS: dict[str, tuple[dict[str, Any], Promise]] = {
    "plain": (
        {
            "points": {},
            "earning_rule": [PURCHASE | {"tier_multiplier": {"novel": "2"}}],
            "membership": {"kind": "paid", "price": 900, "period": "P1M"},
        },
        Promise(doubles=True, member_fee=True),
    ),
    "rolling": (
        {"points": {"pending": {"mode": "days", "days": 3}, "expiry": {"mode": "rolling", "period": "P30D"}}},
        Promise(waits=3, dies=_after(30)),
    ),
    "coalition": (
        {
            "points": {
                "expiry": {"mode": "calendar", "date": "12-31"},
                "refund": {"earned": "allow_negative"},
                "min_balance": -300,
            },
            "earning_rule": [{key: PURCHASE[key] for key in ("code", "on", "basis")} | {"rate": "partner.issue"}],
            "partner": [
                {"code": "bakery", "issue": {"points": 1, "per": 100}},
                {"code": "cinema", "issue": {"points": 2, "per": 100}},
            ],
        },
        Promise(dies=_year_end, floor=-300, partners=("bakery", "cinema")),
    ),
    "inactive": (
        {"points": {"expiry": {"mode": "inactivity", "period": "P60D"}, "refund": {"earned": "allow_negative"}}},
        Promise(keeps=_after(60), whole=True, floor=None),
    ),
    "careful": (
        {
            "points": {
                "pending": {"mode": "days", "days": 14},
                "expiry": {
                    "mode": "rolling",
                    "period": "P20D",
                    "round": "end_of_month",
                    "extend_on_activity": "P40D",
                },
                "refund": {"earned": "only_pending"},
            }
        },
        Promise(waits=14, dies=_month_end(20), keeps=_month_end(40), only_pending=True),
    ),
    "fulfilled": (
        {
            "points": {
                "pending": {"mode": "event", "on": "order.fulfilled"},
                "expiry": {"mode": "rolling", "period": "P10D"},
                "refund": {"earned": "allow_negative"},
            }
        },
        Promise(waits="event", dies=_after(10), floor=None),
    ),
}


def rules(kind: str, code: str) -> str:
    """Return the text of the programme of that kind, under a code of its own."""
    tables, _ = KINDS[kind]
    earning = [*tables.get("earning_rule", [PURCHASE]), {"code": "review", "on": "review.approved", "points": REVIEW}]
    head = {"code": code, "name": kind, "timezone": "Europe/Prague", "currency": "EUR"}
    rewards = [{"code": "mug", "kind": "product", "cost": 40}, {"code": "trip", "kind": "experience", "cost": 400}]
    more = {"reward": rewards, "earning_rule": earning}
    table = {"schema": 1, "program": head, "unit": {"code": "points"}, **TIERED, **tables, **more}
    return "\n".join(f"{key} = {toml(value)}" for key, value in table.items())


@dataclass
class Broken:
    """A service that is wrong in one way, for the tests alone: that way is found, or the tests are worth nothing.

    `account` is a member's account with a fault in it; `spoil` damages rows after a step; the others say what is done
    wrong around the account.
    """

    account: type[Account] = Account
    spoil: Callable[[Connection, list[int]], object] | None = None
    captures_twice: bool = False
    rates_again: bool = False
    rates_once: bool = False
    returns_too_much: bool = False


class World:
    """One programme of a kind, from its first member on; every step is done twice, and then everything is compared."""

    def __init__(self, service: Service, clock: Clock, kind: str, number: int, broken: Broken | None = None) -> None:
        self.service, self.clock, self.broken = service, clock, broken
        definition = rules(kind, f"{kind}-{number}")
        program = Program.model_validate(tomllib.loads(definition))
        self.promise = KINDS[kind][1]
        self.template = replace(
            service.template("points"), name=program.program.code, program=program, definition=definition
        )
        with service.begin() as tx:
            connect(tx, vault=service.vault, template=self.template, name=program.program.code, now=clock.now)
            self.source = source_of(tx, dialect="standard", name=program.program.code)
            tx.execute(_PARTNERS, {"program_id": self.source.program_id, "partners": list(self.promise.partners)})
        self.model = Model(self.promise)
        self.numbers = itertools.count(1)
        self.told: list[tuple[Event, str]] = []
        self.touched: set[str] = set()
        self.steps: list[str] = []
        self.captured: list[tuple[str, str]] = []
        self.transactions: dict[str, int] = {}

    @property
    def now(self) -> datetime:
        """The present."""
        return self.clock.now

    @property
    def members(self) -> list[str]:
        """Who has enrolled."""
        return sorted(self.model.savers)

    # The steps. Each chooses what it does, does it, and does it in the model.

    def enrol(self, choose: Choice) -> None:
        """Somebody joins, perhaps not for the first time."""
        name = choose.pick(NAMES)
        self.tell("member.enrolled", MemberEnrolled(Customer(id=name), None, None))
        self.model.enrol(name, self.now)
        self.touched.add(name)

    def buy(self, choose: Choice) -> None:
        """An order was paid, now or some time ago; perhaps it is known already."""
        order, owner = self._order(choose)
        minor = choose.pick((0, 99, choose.number(100, 9_999), choose.number(10_000, 60_000)))
        partner = choose.pick(self.promise.partners) if self.promise.partners else None
        at = self.now - timedelta(hours=choose.pick((0, 0, 0, 5, 80, 1000)))
        self.tell("order.paid", OrderPaid(Customer(id=owner), order, "EUR", minor, partner=partner), at=at)
        self.model.paid(order, owner, minor, at, partner)
        self._settled(order)

    def refund(self, choose: Choice) -> None:
        """An order was paid back, in part or in full or more than that; perhaps before it is known."""
        order, owner = self._order(choose)
        minor = self.model.orders.get(order, Bought()).minor or 10_000
        up_to = choose.pick((minor, minor // 2, choose.number(0, minor), minor * 2))
        named = choose.pick((True, False))
        at = self.now - timedelta(hours=choose.pick((0, 0, 0, 200)))
        self.tell("order.refunded", OrderRefunded(order, up_to, Customer(id=owner) if named else None), at=at)
        self.model.refunded(order, owner if named else None, up_to, at)
        self._settled(order)

    def snapshot(self, choose: Choice) -> None:
        """An order is told of as a whole: paid back, cancelled, or neither any more; perhaps as it was before."""
        order, owner = self._order(choose)
        known = self.model.orders.get(order, Bought()).minor
        minor = choose.pick((known, known, known, known * 3 // 2)) if known else choose.number(0, 50_000)
        refunded, cancelled = choose.pick((0, 0, minor // 2, minor)), choose.number(1, 5) == 1
        version = self.now - timedelta(hours=choose.pick((0, 0, 0, 300)))
        partner = choose.pick(self.promise.partners) if self.promise.partners else None
        paid = None
        if choose.pick((True, False)):
            paid = OrderPaid(Customer(id=owner), order, "EUR", minor, partner=partner)
        fact = OrderUpdated(order, version, Customer(id=owner), paid, refunded_minor=refunded, cancelled=cancelled)
        self.tell("order.updated", fact)
        self.model.seen(order, owner, refunded, cancelled, version)
        if paid:
            self.model.paid(order, owner, minor, self.now, partner, version)
        self._settled(order)

    def again(self, choose: Choice) -> None:
        """Something is delivered a second time, and nothing happens."""
        if not self.told or self.broken:
            return
        event, _ = choose.pick(self.told)
        assert self._receive(event), "a repeat was taken for news"

    def adjust(self, choose: Choice) -> None:
        """A person adds or takes points."""
        name = self._member(choose)
        if name is None:
            return
        points = choose.pick((choose.number(1, 200), -choose.number(1, 60), -max(self.model.savers[name].balance, 1)))
        at = self.now - timedelta(hours=choose.pick((0, 0, 30)))
        refused = not self.model.adjust(name, points, at, self.now)
        fact = PointsAdjusted(Customer(id=name), points, **WHO)
        if refused:
            with pytest.raises((EventRefused, InsufficientBalance)):
                self.tell("points.adjusted", fact, at=at)
            return
        self.tell("points.adjusted", fact, at=at)
        self.touched.add(name)

    def review(self, choose: Choice) -> None:
        """A member does something that earns."""
        name = self._member(choose)
        if name is None:
            return
        at = self.now - timedelta(hours=choose.pick((0, 0, 100)))
        self.tell("review.approved", ActivityDone(Customer(id=name), "review.approved"), at=at)
        self.model.review(name, REVIEW, at, self.now)
        self.touched.add(name)

    def subscribe(self, choose: Choice) -> None:
        """The fee of a paid membership comes in, or it is cancelled."""
        name = self._member(choose)
        if name is None or not self.promise.member_fee:
            return
        reference = f"sub {choose.number(1, 4)}"
        if choose.pick((True, True, False)):
            self.tell("subscription.paid", SubscriptionPaid(Customer(id=name), reference))
        else:
            self.tell("subscription.cancelled", SubscriptionCancelled(Customer(id=name), reference))
        self.model.look(name, self.now)
        self.touched.add(name)

    def hold(self, choose: Choice) -> None:
        """Points are set apart, for a time that may be over soon."""
        name = self._member(choose)
        if name is None:
            return
        balance = max(self.model.savers[name].balance, 1)
        points = choose.pick((balance, choose.number(1, balance), balance + 1))
        until = self.now + timedelta(hours=choose.pick((1, 50, 2000)))
        hold = Hold(points, "reward", self.now, until, f"hld_{self.source.program_id}_{next(self.numbers)}")

        def act(book: Book) -> None:
            book.account.hold(hold)

        if self.model.hold(name, hold.public_id, points, until, self.now):
            self.act(name, "hold", act)
        else:
            with pytest.raises(InsufficientBalance):
                self.act(name, "hold", act)
        self.touched.add(name)

    def capture(self, choose: Choice) -> None:
        """A part of what is set apart is used up, if it still is."""
        found = self._reserved(choose)
        if found is None:
            return
        name, key, points = found
        part = choose.pick((points, choose.number(1, points)))
        partner = choose.pick((None, *self.promise.partners))

        def act(book: Book) -> None:
            hold = _hold(book, key)
            book.account.capture(hold, part, at=self.now, partner=partner)
            if self.broken and self.broken.captures_twice:
                book.account.capture(hold, part, at=self.now, partner=partner)

        if self.model.capture(name, key, part, self.now):
            self.act(name, "capture", act)
            self.captured.append((name, key))
        else:
            self._resolved(name, act)
        self.touched.add(name)

    def void(self, choose: Choice) -> None:
        """What is set apart is given back, if it still is set apart."""
        found = self._reserved(choose)
        if found is None:
            return
        name, key, _ = found

        def act(book: Book) -> None:
            book.account.release(_hold(book, key), at=self.now)

        if self.model.void(name, key, self.now):
            self.act(name, "void", act)
        else:
            self._resolved(name, act)
        self.touched.add(name)

    def give_back(self, choose: Choice) -> None:
        """Points that were used up are given back to where they came from."""
        if not self.captured:
            return
        name, key = choose.pick(self.captured)
        self.captured.remove((name, key))
        self.model.give_back(name, key, self.now)

        def act(book: Book) -> None:
            found = book.tx.execute(_CAPTURED, {"key": key}).one()
            parts, left = [], found.points
            for lot_id, delta in book.tx.execute(_SET_APART, {"id": found.id}):
                used = min(int(delta), left)
                left -= used
                parts += [(_lot(book, lot_id), used)] if used else []
            if self.broken and self.broken.returns_too_much:
                parts = [(lot, points + 1) for lot, points in parts]
            book.account.give_back(parts, at=self.now, reverses=found.transaction_id, partner=found.partner)

        self.act(name, "give back", act)
        self.touched.add(name)

    def transfer(self, choose: Choice) -> None:
        """A member gives another what dies soonest."""
        if len(self.members) < 2:
            return
        giver, taker = (choose.pick(self.members), choose.pick(self.members))
        points = choose.number(1, 80)
        self.model.look(giver, self.now)
        points = min(points, self.model.savers[giver].balance)
        if giver == taker or points <= 0:
            return
        parts = self.model.transfer(giver, taker, points, self.now)

        def act(book: Book, others: Book) -> None:
            for part in parts:
                lot = book.account.spendable()[0]
                book.account.give(lot, part, at=self.now, **WHO)
                others.account.receive(Lot(part, lot.effective_at, expires_at=lot.expires_at), at=self.now, **WHO)

        self.act_together(giver, taker, act)
        self.touched |= {giver, taker}

    def fulfil(self, choose: Choice) -> None:
        """An order was delivered, and what it earned waits no more."""
        order, owner = self._order(choose)
        if owner not in self.model.savers or self.model.orders.get(order, Bought()).owner is None:
            return
        at = self.now - timedelta(hours=choose.pick((0, 0, 60)))
        fact = OrderFulfilled(order)
        self.tell("order.fulfilled", fact, at=at)
        self.model.fulfil(owner, order, at, self.now)
        self.touched.add(owner)

    def look(self, choose: Choice) -> None:
        """A member is looked at, and nothing is done that the calendar has not brought."""
        name = self._member(choose)
        if name is None:
            return
        self.model.look(name, self.now)
        self.act(name, "look", lambda _: None)
        before = self._written(name)
        self.act(name, "look", lambda _: None)
        assert self._written(name) == before, "looking twice wrote something more"
        self.touched.add(name)

    def on(self, choose: Choice) -> None:
        """Time goes by, hours to months, or just up to what comes next; then whoever is due is settled."""
        coming = self.model.next_date()
        moments = [
            self.now + timedelta(hours=choose.number(1, 30)),
            self.now + timedelta(days=choose.number(1, 20)),
            self.now + timedelta(days=choose.number(30, 200)),
        ]
        if coming is not None and coming > self.now:
            moments += [coming, coming, coming, coming - timedelta(microseconds=1)]
        self.clock.now = choose.pick(moments)
        with self.service.read() as tx:
            found = self._due(tx)
        assert found >= self.model.due(self.now), "the calendar has work that nobody knows of"
        for name in sorted(found):
            self.model.look(name, self.now)
            self._calendar(name)
        with self.service.read() as tx:
            left = self._due(tx)
        assert self.broken or not left, "who was settled is due still"
        self.touched |= set(self.members)

    def _due(self, tx: Connection) -> set[str]:
        found = calendar.due(tx, templates=[self.template.name], now=self.now, most=1000)
        return {each.external_id for each in found if each.program_id == self._program}

    def _calendar(self, name: str) -> None:
        if self.broken:
            self.act(name, "calendar", lambda _: None)
            return
        with self.service.begin() as tx:
            members.lock_customer(tx, self._program, name)
            settle(tx, self._found(tx, name), self.template, now=self.now)

    # How a step reaches the service.

    def tell(self, kind: str, fact: Fact, *, at: datetime | None = None) -> None:
        """Deliver a fact as the webhook does; to a broken service by way of its account."""
        event = Event(f"evt{next(self.numbers)}", kind, content_hash(kind, fact), at or self.now, b"{}", fact)
        if self.broken and self._by_hand(event):
            return
        assert not self._receive(event)
        self.told.append((event, kind))

    def act(self, name: str, reason: str, act: Callable[[Book], object]) -> None:
        """Do something in a member's book, in a transaction of its own."""
        with self.service.begin() as tx:
            members.lock_customer(tx, self._program, name)
            book = self._open(tx, name)
            act(book)
            close_and_show(book, cause=Cause(), reason=reason)

    def act_together(self, one: str, other: str, act: Callable[[Book, Book], object]) -> None:
        """Do something in two members' books at once."""
        with self.service.begin() as tx:
            members.lock_customers(tx, [(self._program, one), (self._program, other)])
            first, second = self._open(tx, one), self._open(tx, other)
            act(first, second)
            for book in (first, second):
                close_and_show(book, cause=Cause(), reason="transfer")

    def _receive(self, event: Event) -> bool:
        return receive(
            self.service.begin,
            source=self.source,
            template=self.template,
            event=event,
            pass_type_identifier="pass.example",
            vault=self.service.vault,
            now=self.now,
        ).replayed

    def _open(self, tx: Connection, name: str) -> Book:
        member = self._found(tx, name)
        if self.broken is None:
            return open_book(tx, member, self.template, now=self.now)
        due_at = member.position.due_at
        book = open_book(tx, member, self.template, now=self.now, settle=False)
        sound = book.account
        book.account = self.broken.account(
            expiry=sound.expiry,
            available=sound.available,
            pending=sound.pending,
            held=sound.held,
            active_at=sound.active_at,
            load=sound.load,
            let_off=sound.let_off,
        )
        if due_at is not None and due_at <= self.now:
            book.account.settle(self.now)
            book.unsettled = False
        return book

    def _by_hand(self, event: Event) -> bool:
        """Do in a broken account what an event says; return whether it is one of those that move points."""
        fact = event.fact
        match fact:
            case PointsAdjusted() | ActivityDone():
                name = str(fact.customer.id)
            case OrderPaid() | OrderRefunded() | OrderUpdated():
                known = self.model.orders.get(fact.order_id)
                name = str(fact.customer.id if fact.customer else known.owner if known else None)
            case _:
                return False
        if name not in self.model.savers:
            return False

        def act(book: Book) -> None:
            match fact:
                case PointsAdjusted():
                    correct(book, fact.points, actor="a", reason="b", at=event.occurred_at)
                case ActivityDone():
                    give_for_deed(book, book.program, Deed(fact.activity, event.occurred_at))
                case OrderPaid() | OrderRefunded() | OrderUpdated():
                    self._order_by_hand(book, fact, event.occurred_at)

        self.act(name, event.type, act)
        return True

    def _order_by_hand(self, book: Book, fact: OrderPaid | OrderRefunded | OrderUpdated, at: datetime) -> None:
        known = arrivals.look(book.tx, source_id=self.source.id, event_id="", order_id=fact.order_id)
        order = known.order or Order(fact.order_id, ledger.reserve(book.tx, 1)[0])
        paid, version = (fact if isinstance(fact, OrderPaid) else None), None
        if isinstance(fact, OrderRefunded):
            order = order.refunded(fact.refunded_minor, at=at)
        elif isinstance(fact, OrderUpdated):
            paid, version = fact.paid, fact.version
            order = order.seen(refunded_minor=fact.refunded_minor, cancelled=fact.cancelled, version=fact.version)
        if paid:
            order = order.paid(Purchase(fact.order_id, at, paid.eligible_minor, partner=paid.partner, version=version))
        if self.broken and self.broken.rates_again:
            order = structs.replace(order, earned=None, taken=None)
        if self.broken and self.broken.rates_once:
            order = structs.replace(order, evaluated=order.purchase)
        order = evaluate_order(book, order, book.program, 0)
        order = book.settle_order(order, at=at)
        orders.put(book.tx, self.source.id, order, member_id=book.member.id, customer_id=None)

    # Comparing.

    def check(self) -> None:
        """Compare the members that the last step touched with the model, and hold the laws against their rows."""
        names = sorted(self.touched & set(self.members))
        self.touched.clear()
        if not names:
            return
        with self.service.begin() as tx:
            found = {name: self._found(tx, name) for name in names}
            if self.broken and self.broken.spoil:
                self.broken.spoil(tx, [each.id for each in found.values()])
                found = {name: self._found(tx, name) for name in names}
            books = Books(tx, [each.id for each in found.values()])
            total = tx.execute(_ALL, {"program_id": self._program}).scalar_one()
        assert total == 0, f"I1: the programme sums to {total}"
        own_dates = self.promise.keeps is None
        wrong = faults(books, allow_negative=self.promise.floor != 0, own_dates=own_dates) + projected(books)
        assert not wrong, "; ".join(wrong)
        for name, member in found.items():
            self._compare(name, member, books)

    def _compare(self, name: str, member: Membership, books: Books) -> None:
        saver, position = self.model.savers[name], member.position
        told = (position.available, position.pending, position.held)
        assert told == (saver.balance, saver.pending, saver.held), f"{name} has {told}"
        dated = {each.expires_at: each.available for each in books.of("expiry_days", member.id)}
        assert dated == self.model.expiring(name), f"{name}'s points die otherwise"
        spend, count = self.model.spend(name)
        assert (position.totals.spend, position.totals.orders) == (spend, count), f"{name} bought otherwise"
        assert position.totals.points == position.qualifying == saver.earned, f"{name} earned otherwise"
        assert (position.rank.tier if position.rank else None) == saver.tier, f"{name} is in another tier"
        assert position.active_at == saver.active_at, f"{name} was active at another time"
        kept = self.model.kept_until(saver)
        dying, last, due_at = ahead(books, member.id, kept_until=kept, whole=self.promise.whole)
        said = (position.dying, position.dying_on)
        assert said == (dying, last), f"I10: {name}'s next death: {said}, not {(dying, last)}"
        if position.paid_until is not None:
            over = start_of(position.paid_until + timedelta(days=1), ZONE)
            due_at = min(due_at or over, over) if over > self.now else due_at
        assert position.due_at == due_at, f"I10: the calendar's next work for {name}"
        rewards = tuple(code for code, cost in (("mug", 40), ("trip", 400)) if cost <= position.available)
        assert position.rewards == rewards, f"I10: {name}'s rewards"
        drawn = self.template.draw(member.standing, member.locale).digest()
        assert drawn == member.face_digest, f"I10: {name}'s card shows something else"

    def compare_all(self) -> None:
        """Look at everybody and compare them all."""
        for name in self.members:
            self.model.look(name, self.now)
            self.act(name, "look", lambda _: None)
        self.touched |= set(self.members)
        self.check()
        if self.broken is None:
            known = replace(self.service, templates={self.template.name: self.template})
            with known.read() as tx:
                assert audit.audit(tx, known.in_force, most=9).differences == ()

    # What steps ask.

    @property
    def _program(self) -> int:
        return self.source.program_id

    def _found(self, tx: Connection, name: str) -> Membership:
        found = members.find(tx, self._program, name)
        assert found is not None
        return found

    def _written(self, name: str) -> tuple[int, int, int]:
        """Return the newest transaction, the newest line of the tier's history, and the card's revision."""
        with self.service.read() as tx:
            member = self._found(tx, name)
            newest = tx.execute(_NEWEST, {"member_id": member.id}).one()
        return newest.posted, newest.ranked, member.card.revision

    def _member(self, choose: Choice) -> str | None:
        return choose.pick(self.members) if self.members else None

    @staticmethod
    def _order(choose: Choice) -> tuple[str, str]:
        order = choose.pick(ORDERS)
        return order, NAMES[ORDERS.index(order) % len(NAMES)]

    def _settled(self, order: str) -> None:
        self.model.settle_order(order, self.now)
        owner = self.model.orders[order].owner
        if owner:
            self.touched.add(owner)

    def _reserved(self, choose: Choice) -> tuple[str, str, int] | None:
        found = [(name, key, each.points) for name in self.members for key, each in self._reserves(name)]
        return choose.pick(found) if found else None

    def _reserves(self, name: str) -> Iterator[tuple[str, Any]]:
        yield from sorted(self.model.savers[name].reserves.items())

    def _resolved(self, name: str, act: Callable[[Book], None]) -> None:
        with pytest.raises(HoldResolved):
            self.act(name, "too late", act)


def _lot(book: Book, lot_id: int) -> Lot:
    """Return a lot as the account knows it, or as the tables do."""
    known = [each for each in book.account.lots if each.id == lot_id]
    return known[0] if known else _empty_lot(book.tx, lot_id)


def _empty_lot(tx: Connection, lot_id: int) -> Lot:
    query = """
        SELECT points, effective_at, lots.id, lot_balances.activates_at, lot_balances.expires_at, order_id AS order_row
        FROM lots JOIN lot_balances ON lot_id = lots.id WHERE lots.id = :id
    """
    return Lot(**tx.execute(text(query), {"id": lot_id}).one()._mapping)


def _hold(book: Book, key: str) -> Hold:
    found = [each for each in book.account.holds if each.public_id == key]
    if not found:
        raise HoldResolved(f"{key} is no longer open.")
    return found[0]


STEPS = (
    "enrol",
    "buy",
    "refund",
    "snapshot",
    "again",
    "adjust",
    "review",
    "subscribe",
    "hold",
    "capture",
    "void",
    "give_back",
    "transfer",
    "fulfil",
    "look",
    "on",
)
OFTEN = (*STEPS, "buy", "buy", "buy", "refund", "snapshot", "hold", "capture", "on", "on", "on")


def walk(world: World, choose: Choice, steps: int, among: Sequence[str] = OFTEN) -> None:
    """Take so many steps, and compare after each."""
    for name in NAMES[: choose.number(1, len(NAMES))]:
        world.tell("member.enrolled", MemberEnrolled(Customer(id=name), None, None))
        world.model.enrol(name, world.now)
    for _ in range(steps):
        step = choose.pick(among)
        world.steps.append(step)
        getattr(world, step)(choose)
        world.check()
    world.compare_all()
