"""A programme lived through in memory: the rules that count for members, applied to what happened or might happen.

What an event earns, how points wait and die, and who is in which tier is worked out by the very code that enters
events. Referrals, and rewards that days bring, are left out, and so are letters; pools of codes are never empty. What
members spend is assumed: see `Habits`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from msgspec import structs

from wallet_service.domain import award as rules
from wallet_service.domain import challenge, membership, occasions, tiering
from wallet_service.domain.account import Account
from wallet_service.domain.award import Applicable, Award, Budget, Need, Usage
from wallet_service.domain.basis import moment
from wallet_service.domain.campaigns import Budgets
from wallet_service.domain.challenge import Mark, Progress
from wallet_service.domain.earning import Order, new_lot, settle, told
from wallet_service.domain.errors import InsufficientBalance
from wallet_service.domain.event import (
    ABOUT_ORDERS,
    ActivityDone,
    Event,
    MemberEnrolled,
    MemberUpdated,
    OrderClaimed,
    OrderFact,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    PointsAdjusted,
    RefundUpdated,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.limits import since
from wallet_service.domain.membership import Term, span
from wallet_service.domain.occasions import Person
from wallet_service.domain.period import local_day, plus_months, start_of
from wallet_service.domain.program import Program, exponent
from wallet_service.domain.program.earning_tables import FULFILLED
from wallet_service.domain.program.reward_tables import Reward
from wallet_service.domain.purchase import ENROLLED, Buyer, Deed, Purchase
from wallet_service.domain.redeeming import least_points, reached
from wallet_service.domain.reminding import DYING
from wallet_service.domain.segments import segments_of
from wallet_service.domain.taken import UNTAKEN, Pairs, Taken, taken_by
from wallet_service.domain.tiering import Amounts, Facts, Rank

INSTANT = timedelta(microseconds=1)
ROUNDS = 5  # in which what a day brought may bring more
MICROS = 1_000_000
REWARD = "reward:"  # apart from the codes of rules and campaigns
NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Habits:
    """What members are assumed to do with points: a `share` of them takes the cheapest reward as soon as they can.

    Who they are follows from their names alone. Rewards that come by themselves are taken by everybody.
    """

    share: Fraction = Fraction(1, 2)

    def redeems(self, customer: str) -> bool:
        """Whether a customer is one of those who redeem."""
        point = int.from_bytes(hashlib.sha256(f"redeems\0{customer}".encode()).digest()[:8])
        return Fraction(point, 2**64) < self.share


@dataclass(slots=True)
class Month:
    """What a month came to, in points; `outstanding` and `tiers` (members by tier) as it ended.

    `reversed` is what refunds took back, `reminders` how often cards told something by a trigger. `liability` is what
    the outstanding points are expected to cost, in minor units, and None where the programme does not say what a point
    costs.
    """

    first: date
    members: int = 0
    orders: int = 0
    issued: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    reminders: int = 0
    outstanding: int = 0
    liability: int | None = None
    tiers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The months in their order, and after how many orders members could first take a reward.

    `reached_after` counts members by that number; `never` those who have not come so far. `passed_over` are events
    that could not be entered.
    """

    months: tuple[Month, ...]
    reached_after: dict[int, int]
    never: int
    passed_over: int

    @property
    def median_orders(self) -> int | None:
        """After how many orders half of those who could ever take a reward could do so."""
        half = (sum(self.reached_after.values()) + 1) // 2
        for orders in sorted(self.reached_after):
            half -= self.reached_after[orders]
            if half <= 0:
                return orders
        return None


def simulate(program: Program, events: Iterable[Event], habits: Habits, *, until: date | None = None) -> Outcome:
    """Return what the programme would have come to; the events are taken in the order of their time.

    It ends with the month of the last event, or of the day `until`.
    """
    ordered = sorted(events, key=lambda each: (each.occurred_at, each.event_id))
    if not ordered:
        return Outcome((), {}, 0, 0)
    town = _Town(program, habits)
    zone = program.zone
    first = local_day(ordered[0].occurred_at, zone).replace(day=1)
    last = (until or local_day(ordered[-1].occurred_at, zone)).replace(day=1)
    waiting = iter(ordered)
    event = next(waiting, None)
    while first <= last:
        town.month = Month(first)
        end = start_of(plus_months(first, 1), zone)
        while event is not None and event.occurred_at < end:
            town.enter(event)
            event = next(waiting, None)
        town.close(end)
        first = plus_months(first, 1)
    reached_after = Counter(each.reached_after for each in town.lives.values() if each.reached_after is not None)
    never = sum(each.reached_after is None for each in town.lives.values())
    return Outcome(tuple(town.months), dict(sorted(reached_after.items())), never, town.passed_over)


@dataclass(slots=True)
class _Life:
    """One member, as far as the rules ask.

    `seen_at` is up to when the calendar has done its work, `seen_in` are the segments that triggers wait for and that
    the member belonged to then.
    """

    customer: str
    enrolled_at: datetime
    account: Account
    seen_at: datetime
    birthday: tuple[int, int] | None = None
    rank: Rank | None = None
    terms: list[Term] = field(default_factory=list)
    days: dict[date, Amounts] = field(default_factory=dict)
    totals: Amounts = NOTHING
    orders: dict[str, Order] = field(default_factory=dict)
    uses: list[tuple[str, str, datetime]] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    bought: int = 0
    reached_after: int | None = None
    seen_in: frozenset[str] = frozenset()

    @property
    def tier(self) -> str | None:
        return self.rank.tier if self.rank else None


class _Town:
    """All members, the budgets that they share, and the months that are over."""

    def __init__(self, program: Program, habits: Habits) -> None:
        self.program = program
        self.habits = habits
        self.lives: dict[str, _Life] = {}
        self.owners: dict[str, _Life] = {}
        self.given: dict[str, tuple[int, int]] = {}
        self.automatic = tuple(each for each in program.reward if each.auto is True)
        self.monthly = tuple(each for each in program.reward if each.auto == "monthly")
        self.stock = {each.code: each.stock for each in program.reward}
        self.months: list[Month] = []
        self.month = Month(date.min)
        self.passed_over = 0
        self._rows = 0

    def enter(self, event: Event) -> None:
        """Do what the event says, after all that the calendar has brought before it."""
        life, at = self._whose(event), event.occurred_at
        if life is None:
            self.passed_over += 1
            return
        self._on(life, at)
        match event.fact:
            case MemberEnrolled() | MemberUpdated() as fact:
                life.birthday = fact.birthday or life.birthday
                if isinstance(fact, MemberEnrolled):
                    self._deed(life, Deed(ENROLLED, at))
            case (
                OrderPaid() | OrderRefunded() | OrderUpdated() | RefundUpdated() | OrderFulfilled() | OrderClaimed()
            ) as fact:
                self._order(life, fact, at)
            case ActivityDone() as fact:
                self._deed(life, Deed(fact.activity, at, dict(fact.properties)))
            case PointsAdjusted() as fact:
                self._adjust(life, fact, at)
            case SubscriptionPaid() | SubscriptionCancelled() as fact:
                self._subscribe(life, fact, at)
        self._rank(life, at)
        self._give_automatic(life, at)
        self._look(life, at)
        self._spend(life, at)

    def close(self, end: datetime) -> None:
        """End the month: look after everybody once more, and count.

        What begins with the next month belongs to that; points die with their last day.
        """
        last = end - INSTANT
        for life in self.lives.values():
            self._on(life, last)
            self._rank(life, last)
            self._spend(life, last)
            self._bury(life, end)
            life.account.lots[:] = [lot for lot in life.account.lots if lot.left]
        month = self.month
        month.members = len(self.lives)
        month.tiers = dict(sorted(Counter(each.tier for each in self.lives.values() if each.tier).items()))
        month.tiers = {each.code: month.tiers[each.code] for each in self.program.tier if each.code in month.tiers}
        accounts = [each.account for each in self.lives.values()]
        month.outstanding = sum(each.available + each.pending + each.held for each in accounts)
        month.liability = liability(self.program, month.outstanding)
        self.months.append(month)

    def _whose(self, event: Event) -> _Life | None:
        fact = event.fact
        if isinstance(fact, ABOUT_ORDERS) and (fact.customer is None or isinstance(fact, OrderClaimed)):
            return self.owners.get(fact.order_id)
        assert fact.customer is not None
        customer = str(fact.customer.id or fact.customer.member_id or fact.customer.card_code)
        if isinstance(fact, MemberEnrolled) and customer not in self.lives:
            account = Account(expiry_of(self.program, None))
            self.lives[customer] = _Life(customer, event.occurred_at, account, event.occurred_at)
        return self.lives.get(customer)

    # The calendar.

    def _on(self, life: _Life, at: datetime) -> None:
        """Do what the calendar brings up to then, moment by moment."""
        while (due := self._next_due(life)) is not None and due <= at:
            self._settle(life, due)
            if due == start_of(self._first_after(life), self.program.zone):
                self._rank(life, due)
                self._give_monthly(life, due)
            life.seen_at = due
            self._look(life, due)
            self._rank(life, due)
            self._give_automatic(life, due)
        self._settle(life, at)
        life.seen_at = at

    def _next_due(self, life: _Life) -> datetime | None:
        """Return the next moment at which anything may come by itself that waits for nobody."""
        zone, today = self.program.zone, local_day(life.seen_at, self.program.zone)
        days: list[date | None] = []
        moments: list[datetime] = []
        if occasions.matter(self.program):
            days.append(occasions.next_opening(self.program, self._person(life), today))
        if self.monthly and life.account.available + life.account.pending > 0:
            days.append(self._first_after(life))
        if self.automatic:
            days.append(tiering.boundary(self.program, life.rank, self._facts(life), today))
            moments += (each.activates_at for each in life.account.lots if each.pending and each.activates_at)
            moments += filter(None, map(life.account.dies_at, life.account.spendable()))
        moments += (start_of(each, zone) for each in days if each is not None)
        return min((each for each in moments if each > life.seen_at), default=None)

    def _first_after(self, life: _Life) -> date:
        """Return the first of the month that follows on what was seen last."""
        return plus_months(local_day(life.seen_at, self.program.zone).replace(day=1), 1)

    def _bury(self, life: _Life, end: datetime) -> None:
        """Let points die whose last day ends then."""
        account = life.account
        dead = [lot for lot in account.spendable() if (dies_at := account.dies_at(lot)) is not None and dies_at <= end]
        if dead:
            account.expire(dead, at=end)
            self._count(life)

    def _look(self, life: _Life, now: datetime) -> None:
        """Act on the occasions that are open, as long as what they bring opens more: spending is activity, too."""
        today = local_day(now, self.program.zone)
        for _ in range(ROUNDS if occasions.matter(self.program) else 0):
            for each in self._unused(life, today):
                self._celebrate(life, each, now)
            life.seen_in = self._watched(life, today)
            self._rank(life, now)
            self._give_automatic(life, now)
            if not self._unused(life, today) and life.seen_in == self._watched(life, today):
                return

    def _unused(self, life: _Life, today: date) -> list[occasions.Occasion]:
        """Return the occasions that are open today and were not acted on."""
        due = occasions.due(self.program, self._person(life), today, since=today)
        return [each for each in due if not (each.once and _used(life, Need(each.code, each.once, None)))]

    def _settle(self, life: _Life, now: datetime) -> None:
        life.account.expiry = expiry_of(self.program, life.tier)
        life.account.settle(now)
        self._count(life)

    def _celebrate(self, life: _Life, occasion: occasions.Occasion, now: datetime) -> None:
        uses = [(occasion.code, occasion.once)] if occasion.once else []
        at = start_of(occasion.day, self.program.zone)
        trigger = occasion.trigger
        if occasion.deed is not None:
            self._deed(life, Deed(occasion.deed, at))
        elif trigger is not None:
            limit = trigger.limit
            need = Need(occasion.code, "", since(limit.per, at, self.program.zone)) if limit else None
            if limit is None or need is None or _used(life, need) < limit.times:
                uses.append((occasion.code, ""))
                self.month.reminders += "pass" in trigger.notify
                self._give(life, trigger.points or 0, trigger.code, now)
        life.uses += [(*each, at) for each in uses]

    def _person(self, life: _Life) -> Person:
        zone, active_at = self.program.zone, life.account.active_at
        return Person(
            enrolled_on=local_day(life.enrolled_at, zone),
            birthday=life.birthday,
            tier=life.tier,
            active_on=local_day(active_at, zone) if active_at else None,
            dying=self._dying(life),
            entered=self._watched(life, local_day(life.seen_at, zone)) - life.seen_in,
        )

    def _watched(self, life: _Life, today: date) -> frozenset[str]:
        """Return the segments that triggers wait for and the member belongs to."""
        codes = {each.code for each in occasions.watched(self.program)}
        return self._segments(life, today) & codes if codes else frozenset()

    def _dying(self, life: _Life) -> tuple[date, ...]:
        if all(each.on != DYING for each in self.program.trigger):
            return ()
        dates = (life.account.dies_at(lot) for lot in life.account.spendable())
        return tuple(sorted({local_day(each, self.program.zone) for each in dates if each is not None}))

    # What members do.

    def _order(self, life: _Life, fact: OrderFact, at: datetime) -> None:
        order = life.orders.get(fact.order_id)
        if order is None:
            self._rows += 1
            order = Order(fact.order_id, self._rows)
        self.owners[fact.order_id] = life
        order = told(order, fact, at=at)
        if order.purchase is not None and order.earned is None:
            life.bought += 1
            self.month.orders += 1
        if order.purchase is not None and order.to_be_looked_at:
            order = self._evaluated(life, order, order.purchase)
        before = order
        order = settle(order, life.account, self.program, at=at)
        if order.fulfilled_at is not None and self.program.points.waits_for(FULFILLED):
            life.account.activate_order(order.row_id, at=order.fulfilled_at)
        points = sum(each.qualifying for each in life.account.posted)
        self._count(life)
        spend, orders = order.remaining_minor - before.counted_minor, int(order.counts) - int(before.counted)
        if order.purchase is not None:
            self._fact(life, order.purchase.paid_at, Amounts(spend, points, orders))
        life.orders[order.order_id] = structs.replace(order, counted_minor=order.remaining_minor, counted=order.counts)
        if spend < 0 or points < 0:
            facts, today = self._facts(life), local_day(at, self.program.zone)
            life.rank, _ = tiering.recheck(self.program, life.rank, facts, today, cause="refund")

    def _deed(self, life: _Life, deed: Deed) -> None:
        applicable = rules.applicable(self.program, deed, self._buyer(life, deed))
        found = applicable.award(*self._stand(life, applicable))
        self._take(life, taken_by(found), deed.at)
        self._give(life, found.points, found.rule, deed.at)
        self._mark(life, applicable, applicable.marks)

    def _give(self, life: _Life, points: int, rule: str, at: datetime) -> None:
        if points == 0:
            return
        life.account.earn(new_lot(self.program, life.account.expiry, points, earned_at=at, rule=rule))
        self._count(life)
        self._fact(life, at, Amounts(points=points))

    def _adjust(self, life: _Life, fact: PointsAdjusted, at: datetime) -> None:
        try:
            if fact.points > 0:
                lot = new_lot(self.program, life.account.expiry, fact.points, earned_at=at, rule="adjustment")
                lot.activates_at, lot.expires_at = None, life.account.expiry.of_lot(at)
                life.account.grant(lot, actor=fact.actor, reason=fact.reason)
            else:
                floor = self.program.points.floor
                life.account.take(-fact.points, at=at, actor=fact.actor, reason=fact.reason, floor=floor)
        except InsufficientBalance:
            self.passed_over += 1
        self._count(life)

    def _subscribe(self, life: _Life, fact: SubscriptionPaid | SubscriptionCancelled, at: datetime) -> None:
        table = self.program.membership
        if table is None:
            self.passed_over += 1
            return
        day, (_, until) = local_day(at, self.program.zone), span(life.terms)
        if isinstance(fact, SubscriptionPaid):
            term = membership.paid(table, fact, day=day, until=until)
        else:
            term = membership.cancelled(table, fact, day=day, until=until)
        if all((each.kind, each.reference) != (term.kind, term.reference) for each in life.terms):
            life.terms.append(term)

    # The rules.

    def _evaluated(self, life: _Life, order: Order, purchase: Purchase) -> Order:
        """Return the order with what it earns; what was changed in it earns in the tier that it began with."""
        before = order.taken or UNTAKEN
        buyer = order.as_first(self._buyer(life, purchase))
        applicable = rules.applicable(self.program, purchase, buyer)
        if order.to_be_evaluated:
            order = order.rated(purchase, applicable.award(*self._stand(life, applicable, before)), buyer)
        marks = applicable.marks if order.counts else ()
        order = order.counting(marks, but=self._take_back(life, order.row_id, before.lost(marks)))
        assert order.taken is not None
        self._take(life, order.taken, purchase.paid_at, before)
        self._mark(life, applicable, order.taken.new(before), order_row=order.row_id)
        return order

    def _buyer(self, life: _Life, what: Purchase | Deed) -> Buyer:
        return Buyer(life.tier, life.birthday, self._segments(life, local_day(moment(what), self.program.zone)))

    def _stand(self, life: _Life, applicable: Applicable, before: Taken = UNTAKEN) -> tuple[Usage, Budgets]:
        """Return how often the member has used everything and what is left of budgets, as if `before` were not."""
        used = {(each.code, each.key): _used(life, each) for each in applicable.needs()}
        left = {code: self._left(code) for code in {*applicable.budgeted(), *dict(before.spent)}}
        return before.laid_back(used, left)

    def _mark(self, life: _Life, applicable: Applicable, marks: Pairs, *, order_row: int | None = None) -> None:
        what, at = applicable.what, moment(applicable.what)
        by_code = {each.code: each for each in self.program.campaign}
        for code, name in marks:
            mark = Mark(name, at, order_row)
            progress, complete = challenge.advance(by_code[code], life.progress.get(code), mark, self.program.zone)
            life.progress[code] = progress
            prize = rules.prize(by_code[code], what, *self._stand(life, applicable)) if complete else Award()
            if prize.points:
                self._take(life, taken_by(prize), at)
                self._give(life, prize.points, code, at)

    def _take_back(self, life: _Life, order_row: int, marks: Pairs) -> Pairs:
        """Take an order's marks out of the rounds that go on; return those that were in one."""
        found: list[tuple[str, str]] = []
        for code, name in marks:
            before = life.progress.get(code, Progress())
            life.progress[code] = before.without(order_row, [name])
            found += [(code, name)] * (life.progress[code] != before)
        return tuple(found)

    def _take(self, life: _Life, taken: Taken, at: datetime, before: Taken = UNTAKEN) -> None:
        life.uses += [(code, key, at) for code, key in taken.more_uses(before)]
        for code, key in before.more_uses(taken):
            life.uses.remove((code, key, at))
        for code, (points, claims) in taken.more_spent(before).items():
            given = self.given.get(code, (0, 0))
            self.given[code] = given[0] + points, given[1] + claims

    def _left(self, code: str) -> Budget:
        budget = next(each.budget for each in self.program.campaign if each.code == code)
        points, claims = self.given.get(code, (0, 0))
        assert budget is not None
        return Budget(
            None if budget.points is None else budget.points - points,
            None if budget.stock is None else budget.stock - claims,
        )

    def _segments(self, life: _Life, today: date) -> frozenset[str]:
        return segments_of(
            self.program,
            tier=life.tier,
            totals=life.totals,
            active_at=life.account.active_at,
            birthday=life.birthday,
            today=today,
        )

    def _fact(self, life: _Life, at: datetime, more: Amounts) -> None:
        day = local_day(at, self.program.zone)
        life.days[day] = life.days.get(day, NOTHING).plus(more)
        life.totals = life.totals.plus(more)

    def _facts(self, life: _Life) -> Facts:
        joined = local_day(life.enrolled_at, self.program.zone)
        since, until = span(life.terms)
        return Facts(joined, life.days, life.account.available, until, since)

    def _rank(self, life: _Life, at: datetime) -> None:
        today = local_day(at, self.program.zone)
        life.rank, _ = tiering.advance(self.program, life.rank, self._facts(life), today, cause="simulation")

    # What members take.

    def _give_automatic(self, life: _Life, at: datetime) -> None:
        """Let the member have every reward that comes by itself, as often as the balance reaches its cost."""
        self._see_reach(life, at)
        for each in self.automatic:
            while each.cost and each.cost <= life.account.available and self._open(life, each, at):
                self._redeem(life, each, each.cost, at)

    def _give_monthly(self, life: _Life, at: datetime) -> None:
        """Let the member have what is given on the first of a month."""
        self._see_reach(life, at)
        for each in self.monthly:
            points = each.cost or life.account.available
            if max(least_points(each), 1) <= points <= life.account.available and self._open(life, each, at):
                self._redeem(life, each, points, at)

    def _spend(self, life: _Life, at: datetime) -> None:
        """Let the member take the rewards that habit has it take."""
        self._see_reach(life, at)
        if not self.habits.redeems(life.customer):
            return
        while found := min(
            ((cost, each.code, each) for each, cost in self._takeable(life, at) if not each.auto), default=None
        ):
            cost, _, reward = found
            # By a rate any amount is worth something, and people take all that they have.
            self._redeem(life, reward, life.account.available if reward.cost is None else cost, at)
            self._look(life, at)

    def _see_reach(self, life: _Life, at: datetime) -> None:
        """Note after how many orders the member can take a reward for the first time."""
        if life.reached_after is None and any(self._takeable(life, at)):
            life.reached_after = life.bought

    def _takeable(self, life: _Life, at: datetime) -> Iterator[tuple[Reward, int]]:
        for each in self.program.reward:
            cost = each.cost or (least_points(each) if each.rate else None)
            if cost is not None and cost <= life.account.available and self._open(life, each, at):
                yield each, cost

    def _open(self, life: _Life, reward: Reward, at: datetime) -> bool:
        """Whether tier, stock and limit let the member take one more of a reward."""
        limit = reward.limit
        if limit is not None:
            need = Need(REWARD + reward.code, "", since(limit.per, at, self.program.zone))
            if _used(life, need) >= limit.times:
                return False
        return self.stock[reward.code] != 0 and reached(self.program, reward, life.tier)

    def _redeem(self, life: _Life, reward: Reward, points: int, at: datetime) -> None:
        life.account.spend(points, at=at, rule=reward.code)
        life.uses.append((REWARD + reward.code, "", at))
        left = self.stock[reward.code]
        self.stock[reward.code] = None if left is None else left - 1
        self._count(life)
        if self.program.tiers is not None and self.program.tiers.measure == "balance":
            self._rank(life, at)

    def _count(self, life: _Life) -> None:
        """Add what was posted to the month, and forget it."""
        for each in life.account.posted:
            moved = each.available + each.gained("pending") + each.gained("held")
            match each.type:
                case "earn" | "adjust":
                    self.month.issued += moved
                case "redeem":
                    self.month.redeemed -= moved
                case "expire":
                    self.month.expired -= moved
                case "earn_reversal":
                    self.month.reversed -= moved
                case _:
                    assert moved == 0
        life.account.posted.clear()


def liability(program: Program, points: int) -> int | None:
    """Return what so many points are expected to cost, in minor units of the currency, rounded up; None if unknown."""
    if program.unit is None or program.unit.cost_micros is None:
        return None
    from_micros = Fraction(points * program.unit.cost_micros * 10 ** exponent(program.program.currency), MICROS)
    return -(-from_micros.numerator // from_micros.denominator)


def _used(life: _Life, need: Need) -> int:
    start = need.since or datetime.min.replace(tzinfo=UTC)
    return sum((code, key) == (need.code, need.key) and at >= start for code, key, at in life.uses)
