"""A second, plain account of what programmes promise: no database, no double entry, one list of piles a member."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Prague")
AN_EVENT = datetime.max.replace(tzinfo=UTC)
NO_DEATH = AN_EVENT
DAY = timedelta(days=1)
TIERS = (("page", 0), ("chapter", 100), ("novel", 500))


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """Return the programme's day."""
    return moment.astimezone(ZONE).date()


@dataclass(frozen=True)
class Promise:
    """What a programme promises, by hand: waiting, death, and what a refund may do.

    `waits` in days, or "event". `dies` gives the first day without the points, from the day on which they became
    spendable, `keeps` the same from the day of the last activity, for all of them together where `whole`.
    """

    waits: int | str = 0
    dies: Callable[[date], date] | None = None
    keeps: Callable[[date], date] | None = None
    whole: bool = False
    floor: int | None = 0
    only_pending: bool = False
    doubles: bool = False
    partners: tuple[str, ...] = ()
    member_fee: bool = False


@dataclass(eq=False)
class Pile:
    """Points that came together; `number` says which came first."""

    number: int
    at: datetime
    waits: datetime | None
    dies: datetime | None
    order: str | None = None
    pending: int = 0
    free: int = 0
    held: int = 0


@dataclass(eq=False)
class Reserve:
    """Points set apart, with the piles they came from."""

    points: int
    until: datetime
    parts: list[tuple[Pile, int]]
    forgiven: dict[str, int]  # of their orders, when they were set apart


@dataclass
class Bought:
    """An order as it was last told of."""

    owner: str | None = None
    minor: int | None = None
    paid_at: datetime | None = None
    refunds: list[tuple[datetime, int]] = field(default_factory=list)
    sent_at: datetime | None = None
    snapshots: list[tuple[datetime, bool, int]] = field(default_factory=list)
    version: datetime | None = None
    earned: int | None = None
    evaluated: int = 0
    factor: int = 1
    partner: str | None = None
    kept: int = 0
    forgiven: int = 0

    @property
    def newest(self) -> tuple[datetime, bool, int]:
        """The newest snapshot of all that ever came, in whatever order."""
        return max(self.snapshots, default=(datetime.min.replace(tzinfo=UTC), False, 0))

    @property
    def refunded(self) -> int:
        """What was paid back by the newest snapshot and by whatever was told after it."""
        version, _, said = self.newest
        return max([said, *(minor for at, minor in self.refunds if at > version)])

    @property
    def cancelled(self) -> bool:
        """Whether the newest snapshot says so."""
        return self.newest[1]

    @property
    def remaining(self) -> int:
        """What is still paid, in minor units."""
        return 0 if self.minor is None or self.cancelled else max(self.minor - self.refunded, 0)

    @property
    def counts(self) -> bool:
        """Whether it is an order still."""
        return self.minor is not None and not self.cancelled and (self.remaining > 0 or self.minor == 0)

    @property
    def deserved(self) -> int:
        """What it deserves in its present state."""
        if self.earned is None or self.minor is None or self.cancelled:
            return 0
        return self.earned * self.remaining // self.evaluated if self.evaluated else self.earned


@dataclass
class Saver:
    """A member: `balance` may be below zero, and then no pile has anything free."""

    balance: int = 0
    piles: list[Pile] = field(default_factory=list)
    reserves: dict[str, Reserve] = field(default_factory=dict)
    spent: dict[str, tuple[Reserve, list[tuple[Pile, int]]]] = field(default_factory=dict)
    active_at: datetime | None = None
    earned: int = 0
    tier: str | None = None

    @property
    def pending(self) -> int:
        """What cannot be spent yet."""
        return sum(each.pending for each in self.piles)

    @property
    def held(self) -> int:
        """What is set apart."""
        return sum(each.held for each in self.piles)


class Model:
    """All members and orders of one programme."""

    def __init__(self, promise: Promise) -> None:
        self.promise = promise
        self.savers: dict[str, Saver] = {}
        self.orders: dict[str, Bought] = {}
        self.numbers = iter(range(1, 10**9))

    # What is told.

    def enrol(self, name: str, now: datetime) -> None:
        """Let somebody join, and give them what their earlier orders deserve."""
        if name not in self.savers:
            self.savers[name] = Saver()
        else:
            self.look(name, now)
        for order, told in self.orders.items():
            if told.owner == name and told.kept == 0 and told.earned is None:
                self._settle(order, name)
        self._close(name, now)

    def paid(
        self,
        order: str,
        owner: str,
        minor: int,
        at: datetime,
        partner: str | None,
        version: datetime | None = None,
    ) -> None:
        """Hear that an order was paid; what is told first stays, but for the amount of a newer snapshot."""
        told = self.orders.setdefault(order, Bought())
        told.owner = owner
        if told.minor is None:
            told.minor, told.paid_at, told.partner, told.version = minor, at, partner, version
        elif version and (told.version is None or (version, minor) > (told.version, told.minor)):
            told.minor, told.version = minor, version

    def refunded(self, order: str, owner: str | None, up_to: int, at: datetime) -> None:
        """Hear that an order was paid back up to an amount."""
        told = self.orders.setdefault(order, Bought())
        told.owner = owner or told.owner
        told.refunds.append((at, up_to))

    def seen(self, order: str, owner: str, refunded: int, cancelled: bool, version: datetime) -> None:
        """Hear how an order stood at a time; older news says nothing."""
        told = self.orders.setdefault(order, Bought())
        told.owner = owner
        told.snapshots.append((version, cancelled, refunded))

    def settle_order(self, order: str, now: datetime) -> None:
        """Bring the owner's points to what the order deserves, if the owner is a member."""
        name = self.orders[order].owner
        if name in self.savers:
            self.look(name, now)
            self._settle(order, name)
            self._close(name, now)

    def review(self, name: str, points: int, at: datetime, now: datetime) -> None:
        """Let a member earn points by a deed."""
        self.look(name, now)
        self._earn(name, points, at, at)
        self.savers[name].earned += points
        self._close(name, now)

    def adjust(self, name: str, points: int, at: datetime, now: datetime) -> bool:
        """Correct a balance; return whether the programme allows it."""
        self.look(name, now)
        saver, floor = self.savers[name], self.promise.floor
        if points > 0:
            self._add(saver, Pile(next(self.numbers), at, None, self._death(at), free=points))
            if self._death(at) is None:  # or it would die at once where silence has ended everything
                self._active(saver, at)
        else:
            if floor is not None and saver.balance + points < floor:
                return False
            saver.balance += points
            self._even(saver)
        self._close(name, now)
        return True

    def hold(self, name: str, key: str, points: int, until: datetime, now: datetime) -> bool:
        """Set points apart; return whether there are enough."""
        self.look(name, now)
        saver = self.savers[name]
        if saver.balance < points:
            return False
        parts = list(self._take(self._by_death(saver), points))
        for pile, part in parts:
            pile.held += part
        saver.balance -= points
        forgiven = {pile.order: self.orders[pile.order].forgiven for pile, _ in parts if pile.order}
        saver.reserves[key] = Reserve(points, until, parts, forgiven)
        self._close(name, now)
        return True

    def capture(self, name: str, key: str, points: int, now: datetime) -> bool:
        """Use up a part of what is set apart, and give back the rest; return whether it still is."""
        self.look(name, now)
        saver = self.savers[name]
        reserve = saver.reserves.pop(key, None)
        if reserve is None:
            return False
        used, left = [], points
        for pile, part in reserve.parts:
            take = min(part, left)
            left -= take
            pile.held -= part
            pile.free += part - take
            if take:
                used.append((pile, take))
        saver.balance += reserve.points - points
        saver.spent[key] = reserve, used
        self._even(saver)
        taken = Counter({id(pile): part for pile, part in used})
        self._absorb(saver, reserve, [(pile, part - taken[id(pile)]) for pile, part in reserve.parts])
        self._active(saver, now)
        self._close(name, now)
        return True

    def void(self, name: str, key: str, now: datetime) -> bool:
        """Give back what is set apart; return whether it still is."""
        self.look(name, now)
        saver = self.savers[name]
        if key not in saver.reserves:
            return False
        self._return(saver, key)
        self._close(name, now)
        return True

    def give_back(self, name: str, key: str, now: datetime) -> None:
        """Return what was captured to the piles it came from."""
        self.look(name, now)
        saver = self.savers[name]
        reserve, used = saver.spent.pop(key)
        for pile, part in used:
            pile.free += part
            saver.balance += part
        self._even(saver)
        self._absorb(saver, reserve, used)
        self._close(name, now)

    def transfer(self, giver: str, taker: str, points: int, now: datetime) -> list[int]:
        """Give what dies soonest to another, with its dates; return how many points of which pile, in turn."""
        self.look(giver, now)
        self.look(taker, now)
        parts = list(self._take(self._by_death(self.savers[giver]), points))
        for pile, part in parts:
            self.savers[giver].balance -= part
            self._add(self.savers[taker], Pile(next(self.numbers), pile.at, None, pile.dies, free=part))
        self._active(
            self.savers[taker], now
        )  # or points that die together would live for ever with whoever is given some
        self._close(giver, now)
        self._close(taker, now)
        return [part for _, part in parts]

    def fulfil(self, name: str, order: str, at: datetime, now: datetime) -> None:
        """Make spendable what an order earned and has waited for this; it begins to age."""
        self.look(name, now)
        saver, told = self.savers[name], self.orders[order]
        told.sent_at = min(told.sent_at or at, at)
        for pile in saver.piles:
            if pile.order == order and pile.pending and self.promise.waits == "event":
                pile.dies = self._death(told.sent_at)
                self._free(saver, pile)
        self._even(saver)
        self._close(name, now)

    # What the calendar brings.

    def due(self, now: datetime) -> set[str]:
        """Return for whom the calendar has work."""
        return {name for name, saver in self.savers.items() if min(self._dates(saver), default=AN_EVENT) <= now}

    def next_date(self) -> datetime | None:
        """Return when it next has work for anybody."""
        dates = [when for saver in self.savers.values() for when in self._dates(saver) if when != AN_EVENT]
        return min(dates, default=None)

    def look(self, name: str, now: datetime) -> None:
        """Do for one member what the calendar has brought: release, time out, let die, in the order of the dates."""
        saver = self.savers[name]
        while (when := min(self._dates(saver), default=AN_EVENT)) <= now:
            ripe = [each for each in saver.piles if each.pending and each.waits == when]
            out = [key for key, each in saver.reserves.items() if each.until == when]
            for pile in ripe:
                self._free(saver, pile)
            self._even(saver)
            if ripe:
                continue
            if out:
                self._return(saver, out[0])
                continue
            for pile in saver.piles:
                if pile.free and self.dies_at(saver, pile) == when:
                    saver.balance -= pile.free
                    pile.free = 0

    def dies_at(self, saver: Saver, pile: Pile) -> datetime | None:
        """Return when what is free of a pile dies."""
        kept = self.kept_until(saver)
        if self.promise.whole:
            return kept
        return max(pile.dies, kept) if pile.dies and kept else pile.dies

    def kept_until(self, saver: Saver) -> datetime | None:
        """Return until when the last activity keeps points alive."""
        if self.promise.keeps is None or saver.active_at is None:
            return None
        return midnight(self.promise.keeps(day_of(saver.active_at)))

    def expiring(self, name: str) -> dict[datetime, int]:
        """Return what a member's piles lose by their own dates."""
        found: dict[datetime, int] = {}
        for pile in self.savers[name].piles:
            if pile.free and pile.dies:
                found[pile.dies] = found.get(pile.dies, 0) + pile.free
        return found

    def spend(self, name: str) -> tuple[int, int]:
        """Return what a member's orders come to in minor units, and how many they are."""
        mine = [each for each in self.orders.values() if each.owner == name]
        return sum(each.remaining for each in mine), sum(each.counts for each in mine)

    # How it is done.

    def _dates(self, saver: Saver) -> Iterator[datetime]:
        for pile in saver.piles:
            if pile.pending and pile.waits:
                yield pile.waits
            if pile.free and (dies := self.dies_at(saver, pile)):
                yield dies
        yield from (each.until for each in saver.reserves.values())

    def _settle(self, order: str, name: str) -> None:
        told, saver = self.orders[order], self.savers[name]
        if told.minor is None or told.paid_at is None:
            return
        if told.earned is None:
            told.factor = 2 if self.promise.doubles and saver.tier == "novel" else 1
        if told.earned is None or told.evaluated != told.minor:
            rate = {None: 100, "bakery": 100, "cinema": 50}[told.partner]
            told.earned, told.evaluated = told.minor * told.factor // rate, told.minor
            if self.promise.partners and told.partner is None:
                told.earned = 0
        change = told.deserved - told.kept
        told.kept += change
        saver.earned += change
        if change > 0:
            absorbed = min(change, told.forgiven)
            told.forgiven -= absorbed
            self._earn(name, change - absorbed, told.paid_at, told.paid_at, order)
        elif change < 0:
            told.forgiven += self._reverse(saver, -change, order)

    def _earn(self, name: str, points: int, at: datetime, active: datetime, order: str | None = None) -> None:
        saver = self.savers[name]
        waits: datetime | None = None
        if self.promise.waits == "event":
            waits = AN_EVENT if order else None
        elif isinstance(self.promise.waits, int) and self.promise.waits:
            waits = midnight(day_of(at) + self.promise.waits * DAY)
        sent_at = self.orders[order].sent_at if order and self.promise.waits == "event" else None
        if waits == AN_EVENT and sent_at:
            waits = None
        dies = None if waits == AN_EVENT else self._death(waits or max(at, sent_at or at))
        pile = Pile(next(self.numbers), at, waits, dies, order)
        if waits:
            pile.pending = points
            saver.piles.append(pile)
        else:
            pile.free = points
            self._add(saver, pile)
        self._active(saver, active)

    def _reverse(self, saver: Saver, points: int, order: str) -> int:
        own = [each for each in saver.piles if each.order == order]
        left = points
        for pile in own:
            part = min(pile.pending, left)
            pile.pending -= part
            left -= part
        if self.promise.only_pending:
            return left
        lowest = self.promise.floor
        taken = left if lowest is None else min(left, max(saver.balance - lowest, 0))
        saver.balance -= taken
        self._take_own(saver, taken, order)
        return left - taken

    def _add(self, saver: Saver, pile: Pile) -> None:
        saver.piles.append(pile)
        saver.balance += pile.free
        self._even(saver)

    def _free(self, saver: Saver, pile: Pile) -> None:
        saver.balance += pile.pending
        pile.free, pile.pending, pile.waits = pile.free + pile.pending, 0, None

    def _return(self, saver: Saver, key: str) -> None:
        reserve = saver.reserves.pop(key)
        for pile, part in reserve.parts:
            pile.held -= part
            pile.free += part
        saver.balance += reserve.points
        self._even(saver)
        self._absorb(saver, reserve, reserve.parts)

    def _absorb(self, saver: Saver, reserve: Reserve, parts: list[tuple[Pile, int]]) -> None:
        """Take back what was forgiven of an order since its points were set apart, once they are back, used or not."""
        if self.promise.only_pending:
            return
        back: Counter[str] = Counter()
        for pile, part in parts:
            if pile.order:
                back[pile.order] += part
        for order, part in back.items():
            told = self.orders[order]
            points = min(part, told.forgiven - reserve.forgiven[order])
            if points > 0:
                told.forgiven -= points
                saver.balance -= points
                self._take_own(saver, points, order)

    def _take_own(self, saver: Saver, points: int, order: str) -> None:
        left = points
        for pile in saver.piles:
            if pile.order == order:
                part = min(pile.free, left)
                pile.free -= part
                left -= part
        self._even(saver)

    def _even(self, saver: Saver) -> None:
        """Let piles have no more than the balance: the rest is spent or covers a deficit, what dies soonest first."""
        extra = sum(each.free for each in saver.piles) - max(saver.balance, 0)
        for _ in self._take(self._by_death(saver), extra):
            pass

    def _by_death(self, saver: Saver) -> list[Pile]:
        return sorted(saver.piles, key=lambda pile: (self.dies_at(saver, pile) or NO_DEATH, pile.at, pile.number))

    @staticmethod
    def _take(piles: list[Pile], points: int) -> Iterator[tuple[Pile, int]]:
        left = points
        for pile in piles:
            part = min(pile.free, left)
            if part > 0:
                pile.free -= part
                left -= part
                yield pile, part

    def _active(self, saver: Saver, at: datetime) -> None:
        saver.active_at = max(saver.active_at or at, at)

    def _death(self, spendable: datetime) -> datetime | None:
        return midnight(self.promise.dies(day_of(spendable))) if self.promise.dies else None

    def _close(self, name: str, now: datetime) -> None:
        self.look(name, now)
        saver = self.savers[name]
        saver.tier = [code for code, threshold in TIERS if max(saver.earned, 0) >= threshold][-1]
