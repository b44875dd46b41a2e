"""Who acts in the tests of redemption: a till of one programme that does operations, and looks into the books."""

import itertools
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from actors import Clock
from books import faults
from sqlalchemy import text

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
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Line
from wallet_service.domain.template import Template
from wallet_service.storage import members
from wallet_service.usecases.catalogue import Choice, catalogue
from wallet_service.usecases.connect import connect
from wallet_service.usecases.operate import OpenProgram, Operated, Operation, operate
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.settle_due import settle
from wallet_service.wiring import Service

PROGRAMS = Path(__file__).parent / "programs"

# Every law of the books that can be said of all rows at once: each query returns what breaks it.
LAWS = {
    "entries sum to zero": "SELECT 1 FROM ledger_entries HAVING sum(points) <> 0",
    "lots keep their points": """
        SELECT lots.id FROM lots JOIN lot_allocations ON lot_id = lots.id
        GROUP BY lots.id, lots.points HAVING sum(delta) <> lots.points
    """,
    "lots are their allocations": """
        SELECT lot_id FROM lot_balances JOIN lot_allocations USING (lot_id) GROUP BY lot_balances.lot_id
        HAVING pending <> coalesce(sum(delta) FILTER (WHERE bucket = 'pending'), 0)
            OR available <> coalesce(sum(delta) FILTER (WHERE bucket = 'available'), 0)
            OR held <> coalesce(sum(delta) FILTER (WHERE bucket = 'held'), 0)
    """,
    "balances are their entries": """
        SELECT balances.member_id FROM balances
        JOIN ledger_accounts ON ledger_accounts.member_id = balances.member_id
        LEFT JOIN ledger_entries ON account_id = ledger_accounts.id
        GROUP BY balances.member_id
        HAVING pending <> coalesce(sum(points) FILTER (WHERE kind = 'pending'), 0)
            OR available <> coalesce(sum(points) FILTER (WHERE kind = 'available'), 0)
            OR held <> coalesce(sum(points) FILTER (WHERE kind = 'held'), 0)
    """,
    "balances are their lots": """
        SELECT balances.member_id FROM balances LEFT JOIN lot_balances AS lot ON lot.member_id = balances.member_id
        GROUP BY balances.member_id
        HAVING balances.pending <> coalesce(sum(lot.pending), 0)
            OR greatest(balances.available, 0) <> coalesce(sum(lot.available), 0)
            OR balances.held <> coalesce(sum(lot.held), 0)
    """,
    "days of dying are their lots": """
        (SELECT member_id, expires_at, sum(available)::bigint FROM lot_balances
         WHERE expires_at IS NOT NULL AND available > 0 GROUP BY 1, 2
         EXCEPT SELECT member_id, expires_at, available FROM expiry_days WHERE available > 0)
        UNION ALL
        (SELECT member_id, expires_at, available FROM expiry_days WHERE available > 0
         EXCEPT SELECT member_id, expires_at, sum(available)::bigint FROM lot_balances
         WHERE expires_at IS NOT NULL AND available > 0 GROUP BY 1, 2)
    """,
    "a hold is open or has one outcome": """
        SELECT id FROM holds WHERE (EXISTS (SELECT FROM open_holds WHERE hold_id = holds.id))
            = (EXISTS (SELECT FROM hold_outcomes WHERE hold_id = holds.id))
    """,
    "a redemption is held while its hold is open": """
        SELECT redemptions.id FROM redemptions
        WHERE (status = 'held') <> (EXISTS (SELECT FROM open_holds WHERE open_holds.hold_id = redemptions.hold_id))
    """,
    "what lies ready is what was issued": """
        SELECT member_id FROM balances WHERE granted <> coalesce((
            SELECT array_agg(reward ORDER BY id) FROM redemptions
            WHERE redemptions.member_id = balances.member_id AND status = 'issued'), '{}')
    """,
    "stock is what was taken": """
        SELECT reward FROM reward_stock WHERE used <> (
            SELECT count(*) FROM redemptions
            WHERE redemptions.reward = reward_stock.reward AND redemptions.program_id = reward_stock.program_id
              AND stocked)
    """,
    "no use comes back that was not taken": """
        SELECT member_id FROM award_uses GROUP BY member_id, code, key, at HAVING sum(times) < 0
    """,
    "a code has one redemption that goes on": """
        SELECT code_id FROM redemptions WHERE code_id IS NOT NULL GROUP BY code_id HAVING count(*) > 1
    """,
    "a code that is assigned or used has a redemption": """
        SELECT id FROM coupon_codes WHERE (status IN ('assigned', 'used'))
            <> (EXISTS (SELECT FROM redemptions WHERE code_id = coupon_codes.id AND status <> 'cancelled'
                        AND status <> 'expired'))
    """,
    "no more comes back than was used up": """
        SELECT reverses_id FROM ledger_transactions JOIN ledger_entries ON transaction_id = ledger_transactions.id
        JOIN ledger_accounts ON ledger_accounts.id = account_id
        WHERE type = 'redeem_reversal' AND kind IN ('redemption', 'partner')
        GROUP BY reverses_id
        HAVING -sum(points) > (SELECT sum(points) FROM ledger_entries JOIN ledger_accounts AS taker
                               ON taker.id = account_id WHERE transaction_id = reverses_id
                               AND taker.kind IN ('redemption', 'partner'))
    """,
}


def program(code: str, **tables: Any) -> Program:
    """Return a programme that gives a point for a euro, with these further tables."""
    head = {"code": code, "name": code, "timezone": "Europe/Prague", "currency": "EUR"}
    rule = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}
    return Program.model_validate({"schema": 1, "program": head, "earning_rule": [rule], **tables})


def shipped(name: str) -> Program:
    """Return one of the example programmes."""
    return Program.model_validate(tomllib.loads((PROGRAMS / f"{name}.toml").read_text(encoding="utf-8")))


@dataclass
class Till:
    """A till of one programme, whose cards look like those of the template that the tests have."""

    service: Service
    clock: Clock
    rules: Program
    open: OpenProgram
    source: str
    keys: Iterator[int] = field(default_factory=itertools.count)

    @property
    def template(self) -> Template:
        """The programme's template."""
        return self.open.template

    def enrol(self, *names: str) -> None:
        """Enrol customers."""
        for name in names:
            self.tell("member.enrolled", MemberEnrolled(Customer(id=name), name.title(), "en"))

    def give(self, points: int, *, to: str = "ann") -> None:
        """Give points by hand; they die like earned ones."""
        self.tell("points.adjusted", PointsAdjusted(Customer(id=to), points, "till", "a test"))

    def buy(self, minor: int, *, order: str, by: str = "ann", **more: Any) -> dict[str, Any]:
        """Pay an order and return the answer."""
        paid = OrderPaid(Customer(id=by), order, self.rules.program.currency, minor, **more)
        return self.tell("order.paid", paid)

    def refund(self, minor: int, *, order: str) -> dict[str, Any]:
        """Refund an order up to an amount."""
        return self.tell("order.refunded", OrderRefunded(order, minor))

    def tell(self, kind: str, fact: Fact, *, event_id: str | None = None, body: bytes = b"") -> dict[str, Any]:
        """Post an event, and return the answer."""
        now = self.clock()
        event = Event(
            event_id or f"evt {self.source} {next(self.keys)}", kind, content_hash(kind, fact), now, body, fact
        )
        with self.service.read() as tx:
            source = source_of(tx, dialect="standard", name=self.source)
        return receive(
            self.service.begin,
            source=source,
            template=self.template,
            event=event,
            pass_type_identifier=self.service.identity.pass_type_identifier,
            vault=self.service.vault,
            now=now,
        ).answer

    def operate(self, act: Callable[..., Any], *, key: str | None = None, **asked: Any) -> Operated:
        """Do an operation under a key."""
        return operate(
            self.service.begin,
            program=self.open,
            key=key or f"key {next(self.keys)}",
            kind=act.__name__,
            content={name: str(value) for name, value in asked.items()},
            actor="till 3",
            now=self.clock(),
            act=lambda operation: act(operation, **asked),
        )

    def do(self, act: Callable[..., Any], **asked: Any) -> dict[str, Any]:
        """Do an operation, check the books, and return the answer."""
        answer = self.operate(act, **asked).answer
        self.check()
        return answer

    def settle(self, name: str = "ann") -> Membership:
        """Let the calendar do what it has to do for a member, as a worker would."""
        with self.service.begin() as tx:
            members.lock_customer(tx, self.open.id, name)
            member = members.find(tx, self.open.id, name)
            assert member is not None
            after = settle(tx, member, self.template, now=self.clock())
        self.check()
        return after

    def member(self, name: str = "ann") -> Membership:
        """Return a member as the books were last left."""
        with self.service.read() as tx:
            found = members.find(tx, self.open.id, name)
        assert found is not None
        return found

    def balance(self, name: str = "ann") -> int:
        """Return what a member can spend."""
        return self.member(name).position.available

    def choices(self, name: str = "ann", *, order_minor: int | None = None) -> dict[str, Choice]:
        """Return the rewards as they lie before a member, by their codes."""
        with self.service.read() as tx:
            found = catalogue(
                tx, program=self.open, customer=Customer(id=name), order_minor=order_minor, now=self.clock()
            )
        return {each.reward: each for each in found}

    def reasons(self, reward: str, name: str = "ann", *, order_minor: int | None = None) -> list[str]:
        """Return why a member cannot have a reward."""
        return [each.reason for each in self.choices(name, order_minor=order_minor)[reward].whys]

    def lots(self, name: str = "ann") -> list[tuple[int, int, int, datetime | None]]:
        """Return pending, available and held points of each lot that has any, with its day of death, by death."""
        query = """
            SELECT pending, available, held, expires_at FROM lot_balances
            WHERE member_id = :member AND pending + available + held > 0 ORDER BY expires_at, lot_id
        """
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(query), {"member": self.member(name).id})]

    def sums(self) -> dict[str, int]:
        """Return the balance of each account of the programme's own that is not zero."""
        query = """
            SELECT kind || coalesce(' ' || partner, ''), sum(points) FROM ledger_entries
            JOIN ledger_accounts ON ledger_accounts.id = account_id
            WHERE program_id = :program AND member_id IS NULL GROUP BY kind, partner HAVING sum(points) <> 0
        """
        with self.service.read() as tx:
            return {kind: int(points) for kind, points in tx.execute(text(query), {"program": self.open.id})}

    def check(self) -> None:
        """Check every law of the books."""
        with self.service.begin() as tx:
            broken = {law: tx.execute(text(query)).all() for law, query in LAWS.items()}
        assert {law: rows for law, rows in broken.items() if rows} == {}
        assert faults(self.service) == []


def till(service: Service, clock: Clock, rules: Program) -> Till:
    """Open a programme, and return a till of it."""
    code = rules.program.code
    template = replace(service.template("points"), name=code, program=rules)
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=template, name=code, now=clock())
        source = source_of(tx, dialect="standard", name=code)
    return Till(service, clock, rules, OpenProgram(source.program_id, template, service.vault), code)


def line(sku: str, *, tags: tuple[str, ...] = (), quantity: int = 1, minor: int = 100) -> Line:
    """Return a line of a basket."""
    return Line(sku, minor, quantity, tags)


def who(name: str = "ann") -> Customer:
    """Return a customer by the merchant's own id."""
    return Customer(id=name)


__all__ = ["Operation", "Till", "line", "program", "shipped", "till", "who"]
