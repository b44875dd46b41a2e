"""A member's book, opened for one cause: the account, what counts for a tier, and what follows when it is closed."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from msgspec import structs
from sqlalchemy import Connection

from wallet_service.domain import reminding, tiering
from wallet_service.domain.account import Account
from wallet_service.domain.earning import Order, settle
from wallet_service.domain.expiry import NEVER, expiry_of, last_day
from wallet_service.domain.ledger import Hold, Transaction
from wallet_service.domain.member import Membership, Position, Profile
from wallet_service.domain.news import Done, News
from wallet_service.domain.period import local_day, plus_months, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.redeeming import takeable
from wallet_service.domain.redemption import Ended, NewRedemption
from wallet_service.domain.segments import segments_of
from wallet_service.domain.standing import Reminder
from wallet_service.domain.template import Movement, Template
from wallet_service.domain.tiering import Amounts, Facts, Rank
from wallet_service.storage import balances, ledger, lots, orders, redemptions
from wallet_service.storage.ledger import Cause, Fact
from wallet_service.storage.lots import Ahead
from wallet_service.storage.redemptions import Change
from wallet_service.usecases import issue
from wallet_service.usecases.days import Days
from wallet_service.usecases.foretell import foretell, moments
from wallet_service.usecases.revise import revise
from wallet_service.usecases.tell import tell

MOVEMENTS = 5  # last ones that a card shows
RESERVED = 4  # row ids at a time
ERASED = "erased"  # why points of nobody leave the books


@dataclass(slots=True)
class Book:
    """A member's account under the customer's lock; nothing is written before it is closed.

    `facts` is what the cause adds to the way to a tier, `refunds` whether it took something back, `told` what it says
    of the member's person. `began` is where the cause finds the member, and `rank` where it leaves it before facts and
    days are judged; `taken` are the rewards that were taken and `ended` what becomes of those before. `calendar` says
    whether it had anything to do, `unsettled` whether what it had is left for later, `automatic` whether rewards may
    come by themselves, `regrant` whether what lies ready has changed otherwise.
    `foreseen` is what came next by the calendar when the book was opened, where that is known already.
    `orders` names orders that were settled by our row ids, `news` is what the merchant is to be told besides,
    `reminders` what the card is to remind of from now on, and `letters` what the member is to be written of: once the
    book is closed, as far as it is true then.
    """

    tx: Connection
    template: Template
    member: Membership
    now: datetime
    account: Account
    ids: Iterator[int]
    began: Rank | None
    rank: Rank | None
    facts: list[Fact] = field(default_factory=list)
    changes: list[tiering.Change] = field(default_factory=list)
    refunds: bool = False
    paid_since: date | None = None
    paid_until: date | None = None
    told: Profile | None = None
    settled: int = 0
    taken: list[NewRedemption] = field(default_factory=list)
    ended: list[Change] = field(default_factory=list)
    calendar: bool = False
    unsettled: bool = False
    automatic: bool = True
    regrant: bool = False
    orders: dict[int, str] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    foreseen: Ahead | None = None
    reminders: list[Reminder] = field(default_factory=list)
    letters: list[Reminder] = field(default_factory=list)

    @property
    def program(self) -> Program:
        """The programme, in the version in force."""
        return self.template.program

    @property
    def today(self) -> date:
        """The programme's day."""
        return local_day(self.now, self.program.zone)

    @property
    def tier(self) -> str | None:
        """The tier in which the member is before the cause has had its effect."""
        return self.began.tier if self.began else None

    @property
    def profile(self) -> Profile:
        """What is personal of the member, with what the cause has told of it."""
        return (self.member.with_profile(self.told) if self.told else self.member).profile

    @property
    def caused(self) -> list[Transaction]:
        """What the cause has posted, without what the calendar had brought before it."""
        return self.account.posted[self.settled :]

    def taking(self, tier: str | None = None) -> issue.Taking:
        """Return what rewards are taken by; in the tier before the cause unless another one is given."""
        member = self.member
        usual, tier = self.profile.cause, tier or self.tier
        return issue.Taking(self.tx, self.account, self.program, member.program_id, member.id, tier, usual, self.now)

    def segments(self) -> frozenset[str]:
        """Return the segments that the member belongs to now."""
        position = self.member.position
        return segments_of(
            self.program,
            tier=self.tier,
            totals=position.totals,
            active_at=position.active_at,
            birthday=self.member.profile.birthday,
            today=self.today,
        )

    def days(self, tier: str | None) -> Days:
        """Return what days bring the member after all that was done in the book, were it in that tier."""
        return Days(self.tx, self.program, self.member, self.profile, self.account, self._totals(), tier, self.now)

    def firsts(self) -> list[date]:
        """Return the firsts of months that have begun, on which something is given, and that were not acted on yet.

        What is due stays in the past while days wait to be kept; whatever was posted since a first came after it.
        """
        zone, due_at = self.program.zone, self.member.position.due_at or self.now
        found = list(issue.firsts(self.program, due_at, self.now))
        last = ledger.last_posted(self.tx, self.member.id) if found else None
        return [each for each in found if last is None or start_of(each, zone) > last]

    def catch_up(self, day: date | None = None) -> None:
        """Do what the calendar has brought to points and tier by now, or by the beginning of a day.

        A tier that is over gives nothing to what comes then, nor does it keep points alive any longer.
        """
        at = start_of(day, self.program.zone) if day else self.now
        self.account.settle(at)
        while self.program.tiers:
            _, rank = self._ranked(tiering.CALENDAR, day)
            if rank == self.began:
                break
            self.start_from(rank)
            self.account.settle(at)

    def start_from(self, rank: Rank | None) -> None:
        """Let whatever comes now find the member there."""
        self.began = self.rank = rank
        self.account.expiry = expiry_of(self.program, self.tier)

    def set_tier(self, tier: str, until: date | None, *, reason: str) -> None:
        """Let the member be in a tier by a person's decision, through a day or for ever, whatever comes now.

        Raises `ValueError` for a tier that the programme does not have.
        """
        rank, changes = tiering.set_manually(self.program, self.rank, tier, until, self.today, reason=reason)
        self.changes += changes
        self.start_from(rank)

    def settle_order(self, order: Order, *, at: datetime) -> Order:
        """Bring the ledger and the way to a tier to what the order's present state says.

        What it earned waits, dies and is taken back by the rules that it was evaluated by.
        """
        self.orders[order.row_id] = order.order_id
        order = structs.replace(order, forgiven=order.forgiven - self.account.absorbed.pop(order.row_id, 0))
        before = len(self.account.posted)
        order = settle(order, self.account, self.template.program_in(order.program_version), at=at)
        posted = self.account.posted[before:]
        spend, orders = order.remaining_minor - order.counted_minor, int(order.counts) - int(order.counted)
        points = sum(each.qualifying for each in posted)
        if order.purchase and (spend or orders or points):
            day = local_day(order.purchase.paid_at, self.program.zone)
            transaction = posted[-1] if posted else None
            self.facts.append(Fact(day, at, transaction, order.row_id, spend, points, orders))
        self.refunds |= spend < 0 or points < 0
        return structs.replace(order, counted_minor=order.remaining_minor, counted=order.counts)

    def let_off(self, since: Hold | int, order_rows: Collection[int]) -> dict[int, int]:
        """Return what was forgiven of orders since points went, for want of them; what the rules leave is not."""
        let_off: dict[int, int] = {}
        account = self.account
        for row in orders.forgiven(self.tx, order_rows, member_id=self.member.id, since=since):
            self.orders[row.id] = row.order_id
            if self.template.program_in(row.program_version).points.refund.earned != "only_pending":
                just_now = sum(each.forgiven for each in account.posted if each.order_row == row.id)
                let_off[row.id] = min(row.forgiven - account.absorbed[row.id], row.since + just_now)
        return let_off

    def close(self, *, cause: Cause, reason: str) -> Membership:
        """Post everything, rank the member anew, and return the member as it then stands; the card is not touched."""
        if self.account.overdue(self.now) and not self.unsettled:
            self.account.settle(self.now, since=self.now)
        if self.member.erased:
            self.account.clear(at=self.now, actor=ERASED, reason=ERASED)
        known, rank = self._ranked(reason)
        taking = self.taking(rank.tier if rank else None)
        before = len(self.taken)
        if self.automatic:
            self.taken += issue.give_automatic(taking)
        if len(self.taken) > before and self.program.tiers and self.program.tiers.measure == "balance":
            self.rank = rank
            known, rank = self._ranked(reason)
        days = self.days(rank.tier if rank else None)
        reminders = days.reminders(self.reminders)  # before lots would be read that were just opened
        self.letters = days.letters(self.letters)
        ledger.post(
            self.tx,
            self.account.posted,
            self.facts,
            program_id=self.member.program_id,
            member_id=self.member.id,
            cause=cause,
            ids=self.ids,
            now=self.now,
        )
        orders.absorb(self.tx, self.account.absorbed)
        balances.ranked(self.tx, self.member.id, self.changes, now=self.now)
        new = [(next(self.ids), each) for each in self.taken]
        ended = issue.enter(taking, new, self.ended, self.account.posted, calendar=self.calendar)
        position = self._position(rank, known, days, reminders)
        if new or ended or self.calendar or self.regrant:
            position = structs.replace(position, granted=redemptions.granted(self.tx, self.member.id))
        if self.member.is_over:
            position = structs.replace(position, due_at=None)
        balances.write(self.tx, self.member.id, position)
        after = structs.replace(self.member, position=position)
        if self.member.listened:
            tell(self.tx, self.program.program.code, after, self._news(after, ended, known), now=self.now)
        return after.with_profile(self.told) if self.told else after

    def preview(self, *, reason: str) -> Position:
        """Return the position to which closing would come, of a book in which nothing was done; nothing is written."""
        known, rank = self._ranked(reason)
        days = self.days(rank.tier if rank else None)
        return self._position(rank, known, days, days.reminders(()))

    def _news(self, after: Membership, ended: list[Ended], known: Facts) -> list[News]:
        """Return what the merchant is told: what days have brought, and what was done in the book."""
        before, posted = self.member, self.account.posted
        done = Done(self.program, before, after, posted, self.orders, self.taken, ended, self.changes, self.news)
        return [*foretell(self.tx, self.program, before, after, known, now=self.now), *done.news()]

    def _ranked(self, reason: str, day: date | None = None) -> tuple[Facts, Rank | None]:
        """Return what counts for the tier, and the rank as it is on a day: today, unless another is given."""
        known = Facts(
            joined=local_day(self.member.enrolled_at, self.program.zone),
            days=self._by_day(self._totals()),
            balance=self.account.available,
            member_until=self.paid_until,
            member_since=self.paid_since,
        )
        rank = self._rank(self.rank, known, day or self.today, reason)
        self.account.expiry = expiry_of(self.program, rank.tier if rank else None)
        return known, rank

    def _totals(self) -> Amounts:
        totals = self.member.position.totals
        for each in self.facts:
            totals = totals.plus(each.amounts)
        return totals

    def _by_day(self, totals: Amounts) -> dict[date, Amounts]:
        """Return what counts for a tier by its day, as far back as it can matter."""
        tiers = self.program.tiers
        joined = local_day(self.member.enrolled_at, self.program.zone)
        if tiers is None or (tiers.window in ("lifetime", "none") and tiers.measure != "visits"):
            return {joined: totals}
        rank = self.member.position.rank
        oldest = min(self.today, rank.since, rank.measured_to) if rank else joined
        since = date.min if tiers.window == "lifetime" else plus_months(oldest, -25)
        days = balances.days(self.tx, self.member.id, since=since)
        for each in self.facts:
            days[each.day] = days.get(each.day, Amounts()).plus(each.amounts)
        return days

    def _rank(self, rank: Rank | None, known: Facts, day: date, reason: str) -> Rank | None:
        if self.refunds:
            rank, changes = tiering.recheck(self.program, rank, known, day, cause=reason)
            self.changes += changes
        rank, changes = tiering.advance(self.program, rank, known, day, cause=reason)
        self.changes += changes
        return rank

    def _position(self, rank: Rank | None, known: Facts, days: Days, reminders: tuple[Reminder, ...]) -> Position:
        account, zone = self.account, self.program.zone
        kept_until = account.expiry.kept_until(account.active_at)
        ahead = self._ahead(kept_until)
        dies_at, dying = ahead.dies_at, ahead.dying
        if account.expiry.whole:
            dies_at, dying = (kept_until, account.available) if kept_until and account.available > 0 else (None, 0)
        told_until = reminding.next_change(reminders)
        boundary = tiering.boundary(self.program, rank, known, self.today)
        tier_last_day = tiering.last_day(self.program, rank, known) if rank else None
        dates = (
            dies_at,
            ahead.activates_at,
            ahead.hold_ends_at,
            ahead.code_ends_at,
            start_of(boundary, zone) if boundary else None,
            start_of(told_until, zone) if told_until else None,
            *moments(self.program, self.paid_until, tier_last_day, after=self.now),
            days.next_occasion(),
            self.member.position.due_at if self.unsettled else None,
            issue.next_first(self.program, self.now)
            if account.available + account.pending + account.held > 0
            else None,
        )
        return structs.replace(
            self.member.position,
            available=account.available,
            pending=account.pending,
            held=account.held,
            active_at=account.active_at,
            totals=self._totals(),
            qualifying=tiering.measured(self.program, known, self.today),
            rank=rank,
            tier_last_day=tier_last_day,
            paid_since=self.paid_since,
            paid_until=self.paid_until,
            dying=dying,
            dying_on=last_day(dies_at, zone) if dies_at else None,
            movements=self._movements(),
            rewards=takeable(self.program, available=account.available, tier=rank.tier if rank else None),
            reminders=reminders,
            due_at=min((each for each in dates if each is not None and each != NEVER), default=None),
            program_version=self.template.rules,
        )

    def _ahead(self, kept_until: datetime | None) -> Ahead:
        """Return what comes next, of what was known before and is new; the database is asked where that may not do."""
        new, codes = self.account.only_new, self.taken or self.ended
        by_lots = kept_until is None or self.account.expiry.whole
        if self.foreseen and new is not None and by_lots and not codes:
            return self.foreseen.with_new(new)
        return lots.ahead(self.tx, self.member.id, kept_until=kept_until)

    def _movements(self) -> tuple[Movement, ...]:
        """Return the last entries, newest first."""
        new = [
            Movement(local_day(each.at, self.program.zone), each.available, each.type)
            for each in reversed(self.account.posted)
            if each.available
        ]
        return (*new, *self.member.position.movements)[:MOVEMENTS]


def open_book(
    tx: Connection,
    member: Membership,
    template: Template,
    *,
    now: datetime,
    ids: Iterator[int] | None = None,
    settle: bool = True,
) -> Book:
    """Return the member's book, with all done that the calendar has brought by now; the customer is locked already.

    Unless it is to `settle`, points stay where they are, whatever the calendar says.
    """
    position = member.position
    account = account_of(tx, member, template)
    book = Book(tx, template, member, now, account, ids or fresh_ids(tx), position.rank, position.rank)
    account.let_off = book.let_off
    book.paid_since, book.paid_until = position.paid_since, position.paid_until
    due = position.due_at is not None and position.due_at <= now
    book.calendar, book.unsettled = due and settle, due and not settle
    if book.calendar:
        for first in book.firsts():
            book.catch_up(first)
            book.taken += issue.give_monthly(book.taking(), first, tuple(book.taken))
        book.catch_up()
    book.settled = len(account.posted)
    return book


def account_of(tx: Connection, member: Membership, template: Template) -> Account:
    """Return the member's account as it was last left."""
    position = member.position
    return Account(
        expiry=expiry_of(template.program, position.rank.tier if position.rank else None),
        available=position.available,
        pending=position.pending,
        held=position.held,
        active_at=position.active_at,
        load=lambda: lots.live(tx, member.id),
    )


def fresh_ids(tx: Connection, reserved: list[int] | None = None) -> Iterator[int]:
    """Yield row ids, those that are reserved already first."""
    yield from reserved or ()
    while True:
        yield from ledger.reserve(tx, RESERVED)


def close_and_show(book: Book, *, cause: Cause, reason: str) -> Membership:
    """Close the book, and have the card show what it came to."""
    after = book.close(cause=cause, reason=reason)
    return structs.replace(after, card=revise(book.tx, book.member, after, book.template, now=book.now))
