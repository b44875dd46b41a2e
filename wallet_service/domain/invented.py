"""A year of invented customers: who joins, pays, leaves, buys, sends back and has birthdays, all by one number.

They buy what the programme's own rules look for most of the time, so that every rule has something to say.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from wallet_service.domain.event import (
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.program import Program, exponent
from wallet_service.domain.program.earning_tables import FULFILLED
from wallet_service.domain.program.reach import USUAL_ORDER
from wallet_service.domain.purchase import Line

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 365 * 24 * 60  # minutes
# Days between two orders, and how many in a hundred customers buy so often: few often, most seldom.
PACES = ((5, 8), (14, 17), (30, 30), (60, 25), (120, 20))
SENT_BACK = 5  # in a hundred orders
PAYING = 30  # in a hundred members, where there is a paid membership
LEAVING = 20  # in a hundred of those
DAY = 24 * 60


def invented_year(program: Program, *, seed: int, customers: int, order_minor: int | None = None) -> Iterator[Event]:
    """Yield the events of a year, customer by customer; the same for the same numbers.

    `order_minor` is the median order in minor units, what is usual in the currency if not given.
    """
    usual = USUAL_ORDER.get(program.program.currency, 100) * 10 ** exponent(program.program.currency)
    for number in range(customers):
        chance = random.Random(f"{seed} {number}")  # noqa: S311
        yield from _Customer(program, chance, number, order_minor or usual).events()


class _Customer:
    """One customer, with a chance of its own, so that one more of them changes nothing for the others."""

    def __init__(self, program: Program, chance: random.Random, number: int, median: int) -> None:
        self.program = program
        self.chance = chance
        self.name = f"customer {number}"
        self.median = median
        self.who = Customer(id=self.name)
        asked = [each.match for each in program.earning_rule] + [each.match for each in program.campaign]
        matches = [each for each in asked if each]
        self.tags = sorted({tag for each in matches for tag in each.tags})
        self.skus = sorted({sku for each in matches for sku in each.skus})
        self._count = 0

    def events(self) -> Iterator[Event]:
        chance = self.chance
        (pace,) = chance.choices([pace for pace, _ in PACES], [share for _, share in PACES])
        minute = chance.randrange(YEAR * 3 // 4)
        birthday = (chance.randrange(1, 13), chance.randrange(1, 29))
        yield self._event(minute, "member.enrolled", MemberEnrolled(self.who, None, None, birthday))
        if self.program.membership and chance.randrange(100) < PAYING:
            yield from self._membership(minute + 1, self.program.membership.price)
        minute += chance.randrange(1, 3 * DAY)
        while minute < YEAR:
            yield from self._order(minute)
            minute += chance.randrange(pace * DAY // 2, pace * DAY * 3 // 2)

    def _membership(self, minute: int, price: int) -> Iterator[Event]:
        fee = f"{self.name} fee"
        yield self._event(minute, "subscription.paid", SubscriptionPaid(self.who, fee, price_minor=price))
        leaves = minute + self.chance.randrange(20 * DAY, 200 * DAY)
        if self.chance.randrange(100) < LEAVING and leaves < YEAR:
            yield self._event(leaves, "subscription.cancelled", SubscriptionCancelled(self.who, fee))

    def _order(self, minute: int) -> Iterator[Event]:
        lines = tuple(self._line() for _ in range(self.chance.randrange(1, 4)))
        eligible = sum(each.net_minor for each in lines)
        order_id = f"{self.name} order {self._count}"
        partner = self.chance.choice(self.program.partner).code if self.program.partner else None
        paid = OrderPaid(
            self.who, order_id, self.program.program.currency, eligible, lines, 0, eligible, partner=partner
        )
        yield self._event(minute, "order.paid", paid)
        if self.program.points.waits_for(FULFILLED):
            sent = minute + self.chance.randrange(DAY // 2, 7 * DAY)
            if sent < YEAR:
                yield self._event(sent, FULFILLED, OrderFulfilled(order_id))
        if self.chance.randrange(100) < SENT_BACK:
            later = min(minute + self.chance.randrange(DAY, 10 * DAY), YEAR - 1)
            yield self._event(later, "order.refunded", OrderRefunded(order_id, eligible, self.who))

    def _line(self) -> Line:
        """Return a line; two or three of them make a median order, and often something that a rule looks for."""
        net = self.median * self.chance.randrange(20, 80) // 100
        liked = self.chance.randrange(100) < 70
        tags = (self.chance.choice(self.tags),) if self.tags and liked else ()
        sku = self.chance.choice(self.skus) if self.skus and self.chance.randrange(100) < 15 else "goods"
        return Line(sku, net, 1, tags)

    def _event(self, minute: int, kind: str, fact: Fact) -> Event:
        self._count += 1
        at = START + timedelta(minutes=minute)
        return Event(f"{self.name} {self._count:04}", kind, b"", at, b"", fact)
