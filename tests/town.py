"""A town: one programme, one shop, and members whose events come straight from it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from actors import Clock
from sqlalchemy import text

from wallet_service.domain.event import Customer, Event, Fact, MemberEnrolled, OrderPaid, OrderRefunded, content_hash
from wallet_service.domain.member import Membership
from wallet_service.storage import members
from wallet_service.storage.sources import Source
from wallet_service.usecases.connect import connect
from wallet_service.usecases.operate import OpenProgram, Operation, operate
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.settle_due import Settled
from wallet_service.wiring import Service


class Ruled(Protocol):
    """Starts a service with other rules."""

    def __call__(self, *replaced: tuple[str, str], whole: str | None = None) -> Service:
        """Return the service."""


def moment(text: str) -> datetime:
    """Return a moment given in UTC: "2026-06-01 10:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rules(*, zone: str = "Europe/Prague", points: str = "", more: str = "") -> str:
    """Return a programme that gives a point for each unit of money, with this in [points], and more tables after it."""
    return f"""
        schema = 1
        [program]
        code = "points"
        name = "Points"
        timezone = "{zone}"
        currency = "EUR"
        [unit]
        code = "points"
        [points]
        {points}
        [[earning_rule]]
        code = "purchase"
        on = "order.paid"
        basis = "net_items"
        points = 1
        per = 100
        {more}
    """


@dataclass
class Town:
    """Says what happens, lets the clock go on, and looks at what came of it."""

    service: Service
    clock: Clock
    source: Source
    ids: Iterator[int] = field(default_factory=itertools.count)

    def say(self, kind: str, fact: Fact, *, at: datetime | None = None) -> dict[str, Any]:
        """Enter what happened now, or at another time, and return the answer."""
        with self.service.read() as tx:
            source = source_of(tx, dialect="standard", name=self.source.name)
        event_id = f"evt {self.source.name} {next(self.ids)}"
        event = Event(event_id, kind, content_hash(kind, fact), at or self.clock.now, b"", fact)
        return receive(
            self.service.begin,
            source=source,
            template=self.service.in_force.of_source(source),
            event=event,
            pass_type_identifier=self.service.identity.pass_type_identifier,
            vault=self.service.vault,
            now=self.clock.now,
        ).answer

    def do(self, act: Callable[[Operation], Any]) -> None:
        """Do an operation by hand."""
        template = self.service.in_force.of_source(self.source)
        operate(
            self.service.begin,
            program=OpenProgram(self.source.program_id, template, self.service.vault),
            key=f"key {self.source.name} {next(self.ids)}",
            kind="by hand",
            content={},
            actor="a person",
            now=self.clock.now,
            act=act,
        )

    def enrol(self, customer: str = "ann", **more: Any) -> dict[str, Any]:
        """Enrol a customer and return the answer."""
        more = {"name": None, "locale": None} | more
        return self.say("member.enrolled", MemberEnrolled(Customer(id=customer), **more))

    def buy(self, minor: int, *, order: str, customer: str = "ann") -> dict[str, Any]:
        """Pay an order and return the answer."""
        return self.say("order.paid", OrderPaid(Customer(id=customer), order, "EUR", minor))

    def refund(self, minor: int, *, order: str) -> dict[str, Any]:
        """Refund an order up to an amount and return the answer."""
        return self.say("order.refunded", OrderRefunded(order, minor))

    def member(self, customer: str = "ann") -> Membership:
        """Return the member as it stands."""
        with self.service.read() as tx:
            found = members.find(tx, self.source.program_id, customer)
        assert found is not None
        return found

    def balances(self, customer: str = "ann") -> tuple[int, int]:
        """Return what a member can spend, and what is pending."""
        position = self.member(customer).position
        return position.available, position.pending

    def sweep(self) -> Settled:
        """Do the calendar's work once."""
        return self.service.calendar().settle()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self.service.read() as tx:
            return [tuple(row) for row in tx.execute(text(query))]


def settled_town(service: Service, clock: Clock, name: str = "shop") -> Town:
    """Open the service's programme and connect a shop to it."""
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=service.template("points"), name=name, now=clock.now)
        source = source_of(tx, dialect="standard", name=name)
    return Town(service, clock, source)
