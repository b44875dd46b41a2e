"""A programme with several members, lived through by whole operations, as merchants do them; all is compared after."""

import itertools
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import books
import ledger_checks
from actors import Clock
from ledger_actors import LAWS
from ledger_world import Choice
from operations_rules import KINDS
from slate import wipe
from sqlalchemy import text

from wallet_service.domain.errors import EventConflict, OperationConflict, WalletError
from wallet_service.domain.event import (
    ActivityDone,
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    MemberUpdated,
    OrderClaimed,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    Refund,
    RefundUpdated,
    SubscriptionCancelled,
    SubscriptionPaid,
    content_hash,
)
from wallet_service.domain.identity import Identity
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_tables import Reward
from wallet_service.domain.purchase import Line
from wallet_service.domain.redeeming import held
from wallet_service.domain.template import Template
from wallet_service.storage import members, programs
from wallet_service.storage.signing import genuine
from wallet_service.usecases import audit
from wallet_service.usecases import hold as holds
from wallet_service.usecases.adjust import adjust, set_tier
from wallet_service.usecases.connect import connect
from wallet_service.usecases.erase import erase
from wallet_service.usecases.lay_codes import lay_codes
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.publish import publish
from wallet_service.usecases.publish_program import publish_program
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.redeem import cancel, redeem, refund, show_code, use
from wallet_service.usecases.seal import breaks, receipt
from wallet_service.usecases.settle_partners import settle_partners
from wallet_service.usecases.transfer import transfer
from wallet_service.wiring import Service

NAMES = ("ann", "bob", "cat", "dan")
ORDERS = tuple(f"o{number}" for number in range(8))
REFUNDS = ("r0", "r1")
SHOP = "whole"
SELDOM = 3  # steps between two comparisons of everything
ROUNDS = 30  # of the calendar, which is done long before
BIRTHDAYS = ((6, 3), (6, 20), (8, 1), (2, 29))
WORDS = {"reason": "a test"}

# What must hold besides what `ledger verify` says and the laws of the till: each query returns what breaks it.
MORE_LAWS = {
    "entries of each transaction sum to zero": """
        SELECT transaction_id FROM ledger_entries GROUP BY transaction_id HAVING sum(points) <> 0
    """,
    "a redemption has cost what it says": """
        SELECT public_id FROM redemptions WHERE transaction_id IS NOT NULL
        AND (CASE WHEN status = 'cancelled' THEN 0 ELSE points - refunded END) <> (
            SELECT coalesce(sum(ledger_entries.points), 0) FROM ledger_transactions AS posted
            JOIN ledger_entries ON ledger_entries.transaction_id = posted.id
            JOIN ledger_accounts ON ledger_accounts.id = account_id
            WHERE redemptions.transaction_id IN (posted.id, posted.reverses_id) AND kind IN ('redemption', 'partner'))
    """,
    "a code is used once": """
        SELECT code_id FROM redemptions JOIN redemption_changes ON redemption_id = redemptions.id
        WHERE redemption_changes.status = 'used' AND redemption_changes.refunded = 0
        AND redemption_changes.reason IS NULL AND code_id IS NOT NULL
        GROUP BY code_id HAVING count(*) > 1
    """,
    "what is free has no owner": """
        SELECT coupon_codes.id FROM coupon_codes JOIN redemptions ON code_id = coupon_codes.id
        WHERE coupon_codes.status = 'free'
    """,
    "who has become one with another has nothing left": """
        SELECT member_id FROM balances JOIN members ON members.id = member_id
        WHERE merged_into IS NOT NULL AND (available <> 0 OR pending <> 0 OR held <> 0)
    """,
    "who is erased has nothing, and is known by nothing": """
        SELECT id FROM members JOIN balances ON balances.member_id = members.id WHERE erased_at IS NOT NULL AND (
            available <> 0 OR pending <> 0 OR held <> 0
            OR EXISTS (SELECT FROM member_identities WHERE member_identities.member_id = members.id)
            OR EXISTS (SELECT FROM profiles WHERE profiles.member_id = members.id))
    """,
    "a referral is rewarded once": """
        SELECT referee_id FROM referrals WHERE status = 'rewarded' GROUP BY referee_id HAVING count(*) > 1
    """,
}
_EVERY_LAW = text(
    " UNION ALL ".join(f"SELECT '{law}' WHERE EXISTS ({query})" for law, query in (LAWS | MORE_LAWS).items())
)
# A row that is written, even with what it had, is of a later transaction than any before: that and the number of rows
# say more than a digest of them all.
_TABLES = text("""
    SELECT string_agg(format(
        'SELECT %L AS relname, count(*) AS rows, max(xmin::text::bigint) AS newest FROM %I',
        relname, relname
    ), ' UNION ALL ')
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
""")
# What comes back for somebody who was erased leaves the books again at once.
_SUMS = text("""
    SELECT CASE WHEN actor = 'erased' THEN 'nobody' ELSE kind END, sum(points)::bigint
    FROM ledger_entries
    JOIN ledger_transactions ON ledger_transactions.id = transaction_id
    JOIN ledger_accounts ON ledger_accounts.id = account_id
    WHERE ledger_accounts.member_id IS NULL GROUP BY 1
""")
# Of what comes by itself: how many points were spent on it since.
_BY_ITSELF = text("""
    SELECT coalesce(sum(points), 0)::bigint FROM redemptions
    WHERE id > :after AND reward = ANY(:rewards) AND transaction_id IS NOT NULL AND status <> 'cancelled'
""")
_BOOKS = {
    "ledger_transactions": "id",
    "ledger_entries": "id",
    "lots": "id",
    "lot_allocations": "id",
    "holds": "id",
    "hold_outcomes": "hold_id",
    "qualifications": "id",
}
PROJECTIONS = {
    "lot_balances": "lot_id",
    "expiry_days": "member_id, expires_at",
    "open_holds": "hold_id",
    "qualification_days": "member_id, day",
    "balances": "member_id",
    "cards": "id",
}


def _known_by(name: str) -> tuple[tuple[Identity, ...], ...]:
    """Return what a person may be known by: an address, an account at a shop, or both; two share their address."""
    address = Identity("email", f"{'home' if name in NAMES[2:] else name}@home.example")
    account = Identity("shopify", f"account-{name}")
    return (address,), (account,), (account, address)


@dataclass(frozen=True)
class Broken:
    """A service that is wrong in one way, for the tests alone: that way is found, or the tests are worth nothing.

    `acts` are done in place of the sound operations of that name; `spoils` are statements that somebody with all rights
    executes after each step of that name.
    """

    acts: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    spoils: Mapping[str, str] = field(default_factory=dict)
    forgets_keys: bool = False


@dataclass
class Bought:
    """An order as it was told last: whose, for how much, and what was bought of whom."""

    owner: Customer
    minor: int
    lines: tuple[Line, ...] = ()
    partner: str | None = None


@dataclass
class Asked:
    """An operation that was done: under which key, what was asked for, and what was answered."""

    key: str
    act: Callable[..., Any]
    content: Mapping[str, Any]
    answer: Mapping[str, Any]


class World:
    """One programme of a kind on a database of its own; a step is one whole operation of a merchant's, or an event."""

    def __init__(self, service: Service, clock: Clock, kind: str, broken: Broken | None = None) -> None:
        self.clock, self.kind, self.broken = clock, KINDS[kind], broken or Broken()
        with service.begin() as tx:
            wipe(tx)
        self.files = [_template(service, kind, changed=each) for each in (False, True)]
        self.service = replace(service, templates={self.files[0].name: self.files[0]})
        with self.service.begin() as tx:
            connect(tx, vault=service.vault, template=self.files[0], name=SHOP, now=clock())
            self.tables = text(tx.execute(_TABLES).scalar_one())
        self.numbers = itertools.count(1)
        self.people: dict[str, str] = {}
        self.codes: list[str] = []
        self.orders: dict[str, Bought] = {}
        self.holds: list[str] = []
        self.redemptions: list[str] = []
        self.asked: list[Asked] = []
        self.told: list[tuple[Event, Mapping[str, Any]]] = []
        self.steps: list[str] = []
        self.done = 0
        self.compared = True

    @property
    def now(self) -> datetime:
        """The present."""
        return self.clock.now

    @property
    def open(self) -> OpenProgram:
        """The programme as it is in force."""
        with self.service.read() as tx:
            source = source_of(tx, dialect="standard", name=SHOP)
        return OpenProgram(source.program_id, self.service.in_force.of_source(source), self.service.vault)

    @property
    def rules(self) -> Program:
        """The rules in force."""
        return self.open.template.program

    def step(self, name: str, choose: Choice) -> None:
        """Take a step, and compare everything after it."""
        self.steps.append(name)
        getattr(self, name)(choose)
        if name in self.broken.spoils:
            with self.service.begin() as tx:
                tx.execute(text("SET LOCAL session_replication_role = replica"))
                tx.execute(text(self.broken.spoils[name]))
        self.check()
        if len(self.steps) % SELDOM == 0:
            self.compare()

    # Events: what happens, told by a shop.

    def enrol(self, choose: Choice) -> None:
        """Somebody joins, perhaps not for the first time, perhaps by another's code, perhaps with an address."""
        name = choose.pick(NAMES)
        code = choose.pick([None, None, *self.codes])
        who = Customer(id=name, identities=choose.pick(((), (), *_known_by(name))))
        fact = MemberEnrolled(who, name.title(), "en", choose.pick((None, *BIRTHDAYS)), referral_code=code)
        answer = self.tell(choose, "member.enrolled", fact)
        if name not in self.people:
            self.people[name] = name
        if answer and answer.get("referral_code") not in (None, *self.codes):
            self.codes.append(answer["referral_code"])

    def change(self, choose: Choice) -> None:
        """A member tells of another birthday or address, or takes the birthday back."""
        name = self.name(choose)
        who = replace(self.customer(choose, name), identities=choose.pick(((), *_known_by(name))))
        birthday = choose.pick((None, *BIRTHDAYS))
        cleared = ("birthday",) if birthday is None and choose.number(0, 1) else ()
        self.tell(choose, "member.updated", MemberUpdated(who, birthday=birthday, cleared=cleared))

    def claim(self, choose: Choice) -> None:
        """Somebody says that an order was theirs."""
        if self.orders:
            order = choose.pick(sorted(self.orders))
            self.tell(choose, "order.claimed", OrderClaimed(order, self.who(choose)))

    def buy(self, choose: Choice) -> None:
        """An order was paid, today or some days ago, perhaps by somebody who is not known, or not by that."""
        fresh = [each for each in ORDERS if each not in self.orders]
        if not fresh:
            return
        minor = choose.pick((1, 99, choose.number(100, 9_999), choose.number(10_000, 60_000)))
        partner = choose.pick([None, *(each.code for each in self.rules.partner)])
        lines = choose.pick(((), (Line("bean", minor, choose.number(1, 4), ("coffee",)),)))
        name = choose.pick(NAMES)
        who = choose.pick(
            (Customer(id=name), Customer(id=name), *(Customer(identities=each) for each in _known_by(name)))
        )
        bought = Bought(who, minor, lines, partner)
        order = choose.pick(fresh)
        paid = self._paid(order, bought)
        if self.tell(choose, "order.paid", paid, ago=choose.pick((0, 0, 0, 1, 6))) is not None:
            self.orders[order] = bought

    def update(self, choose: Choice) -> None:
        """An order is told of as a whole: refunded more, or less again, of something else than before, or cancelled."""
        if not self.orders:
            return
        order = choose.pick(sorted(self.orders))
        known = self.orders[order]
        minor = choose.pick((known.minor, known.minor, max(known.minor // 2, 1), min(known.minor * 2, 60_000)))
        coffee = (Line("bean", minor, choose.number(1, 4), ("coffee",)),)
        lines = choose.pick((known.lines, known.lines, (), coffee))
        self.clock.on(seconds=1)
        back = choose.pick((0, 0, minor, choose.number(0, minor)))
        paid = replace(known, minor=minor, lines=lines)
        fact = OrderUpdated(order, self.now, known.owner, self._paid(order, paid), back, choose.number(0, 5) == 0)
        if self.tell(choose, "order.updated", fact) is not None:
            self.orders[order] = paid

    def refund(self, choose: Choice) -> None:
        """An order was paid back up to an amount, or one of its refunds was made or has failed."""
        if not self.orders:
            return
        order = choose.pick(sorted(self.orders))
        minor = choose.pick((self.orders[order].minor, choose.number(0, self.orders[order].minor)))
        if choose.number(0, 1):
            self.tell(choose, "order.refunded", OrderRefunded(order, minor))
            return
        self.clock.on(seconds=1)
        one = Refund(choose.pick(REFUNDS), minor, self.now, undone=choose.number(0, 1) == 1)
        self.tell(choose, "refund.updated", RefundUpdated(order, one))

    def fulfil(self, choose: Choice) -> None:
        """An order was handed over."""
        if self.orders:
            self.tell(choose, "order.fulfilled", OrderFulfilled(choose.pick(sorted(self.orders))))

    def act(self, choose: Choice) -> None:
        """A member has written a review, perhaps of what was reviewed before."""
        about = (("product_id", choose.pick(("p1", "p2"))), ("has_photo", choose.number(0, 1) == 1))
        self.tell(choose, "review.approved", ActivityDone(self.who(choose), "review.approved", about))

    def subscribe(self, choose: Choice) -> None:
        """A paid membership is paid for, or not to be renewed."""
        who = self.who(choose)
        if choose.number(0, 2):
            self.tell(choose, "subscription.paid", SubscriptionPaid(who, f"s{choose.number(0, 3)}", price_minor=900))
        else:
            self.tell(choose, "subscription.cancelled", SubscriptionCancelled(who, "s0"))

    # Operations: what a till, a page or a person does.

    def adjust(self, choose: Choice) -> None:
        """A balance is corrected by hand."""
        points = choose.pick((10, 45, 120, choose.number(1, 400), -5, -choose.number(1, 90)))
        name = self.name(choose)
        left, before = self.left(name), self.sums()
        refused = None if left is None else points < 0 and left + points < (self.rules.points.floor or 0)
        found = self.do(choose, adjust, refused, adjusted=points, customer=self.customer(choose, name), points=points)
        if found and left is not None and not self._by_itself(0):
            died = self.sums()["breakage"] - before["breakage"]  # where only activity keeps points alive, at once
            assert found["balance"] == left + points - died, (found, left)

    def transfer(self, choose: Choice) -> None:
        """A member gives points to another."""
        giver, taker, points = self.name(choose), self.name(choose), choose.number(1, 90)
        left = self.left(giver)
        same = self.alive(giver) is not None and self.alive(giver) == self.alive(taker)
        refused = True if same else None if left is None or self.alive(taker) is None else points > max(left, 0)
        self.do(choose, transfer, refused, giver=Customer(id=giver), taker=Customer(id=taker), points=points)

    def hold(self, choose: Choice) -> None:
        """Points are set apart, perhaps for an order that is paid with them."""
        name, points = self.name(choose), choose.pick((1, 20, choose.number(1, 150)))
        left = self.left(name)
        more: dict[str, Any] = {"reference": choose.pick((None, *ORDERS)), "minutes": choose.pick((None, 60 * 24))}
        refused = None if left is None else points > max(left, 0)
        who = self.customer(choose, name)
        found = self.do(choose, holds.hold, refused, words=False, customer=who, points=points, **more)
        if found:
            self.holds.append(found["hold"])

    def resolve(self, choose: Choice) -> None:
        """What is set apart is used up in part or whole, or given back; or what was used up is."""
        if not self.holds:
            return
        one = choose.pick(self.holds[-4:])
        status, points = self._hold(one)
        part = choose.pick((None, choose.number(1, points)))
        what = choose.pick(("capture", "capture", "void", "give back"))
        if what == "give back":
            self.do(choose, holds.refund, None if status == "captured" else True, taken=None, hold=one, points=part)
        elif what == "void":
            self.do(choose, holds.void, status != "open", words=False, hold=one)
        else:
            taken = None if self._reference(one) in self.orders else part or points
            self.do(choose, holds.capture, status != "open", taken=taken, words=False, hold=one, points=part)

    def redeem(self, choose: Choice) -> None:
        """A reward is taken."""
        rewards = [each for each in self.rules.reward if each.kind != "pay_with_points"]
        if not rewards:
            return
        reward = choose.pick(rewards)
        points = choose.number(1, 80) if reward.rate else None
        self._redeem(choose, reward, points, {"points": points} if points else {})

    def pay(self, choose: Choice) -> None:
        """A part of an order is paid with points."""
        reward = next((each for each in self.rules.reward if each.kind == "pay_with_points"), None)
        if reward is None:
            return
        points = choose.number(1, 120)
        more = {"points": points, "order_minor": 50_000, "order_id": choose.pick(ORDERS)}
        self._redeem(choose, reward, points, more)

    def finish(self, choose: Choice) -> None:
        """What was redeemed is used, taken back, paid back, or its code is looked at."""
        found = self._redemptions()
        if not found:
            return
        one = choose.pick(sorted(found)[-6:])
        kind, status, points, order_id = found[one]
        what = choose.pick(("use", "use", "use", "cancel", "cancel", "refund", "show"))
        over = status not in ("held", "issued")
        if what == "use":
            paid = kind == "pay_with_points" and order_id in self.orders
            taken = None if paid else points if status == "held" else 0
            self.do(choose, use, True if over else None, taken=taken, words=False, redemption=one)
        elif what == "cancel":
            back = -points if status == "issued" else 0
            refused = True if over or kind == "gift_card" else None
            self.do(choose, cancel, refused, taken=back, redemption=one)
        elif what == "refund":
            part = choose.pick((None, choose.number(1, max(points, 1))))
            self.do(choose, refund, None if status == "used" else True, taken=None, redemption=one, points=part)
        else:
            self.do(choose, show_code, None, words=False, redemption=one)

    def lay_codes(self, choose: Choice) -> None:
        """Codes are laid into the pool of a reward, some of them for the second time."""
        pool = next((each.pool for each in self.rules.reward if each.pool), None)
        first = choose.number(1, 5)
        given = tuple(f"CODE{first + each}" for each in range(choose.number(1, 2)))
        expires_at = choose.pick((None, self.now + timedelta(days=20)))
        self.do(choose, lay_codes, pool is None, words=False, pool=pool or "none", given=given, expires_at=expires_at)

    def merge(self, choose: Choice) -> None:
        """Two members turn out to be one."""
        gone, kept = self.name(choose), self.name(choose)
        mine, theirs = self.alive(gone), self.alive(kept)
        refused = mine is None or mine == theirs or theirs is None
        if self.do(choose, merge, refused, merged=Customer(id=gone), survivor=Customer(id=kept)) and mine and theirs:
            self.people[mine] = theirs

    def set_tier(self, choose: Choice) -> None:
        """A member is put into a tier by hand."""
        tier = choose.pick([*(each.code for each in self.rules.tier), "none such"])
        until = choose.pick((None, self.now.date() + timedelta(days=choose.number(1, 200)), date(2020, 1, 1)))
        name = self.name(choose)
        past = until is not None and until.year == 2020
        refused = past or tier == "none such" or self.alive(name) is None
        self.do(choose, set_tier, refused, customer=Customer(id=name), tier=tier, until=until)

    def erase(self, choose: Choice) -> None:
        """A member is forgotten: no row of the books is changed, however it is looked at."""
        if choose.number(0, 2):
            return
        name = self.name(choose)
        before, whose = self.books(), self.alive(name)
        found = self.do(choose, erase, whose is None, adjusted=None, words=False, customer=Customer(id=name))
        if found:
            after = self.books()
            assert [row for table in before for row in before[table] if row not in after[table]] == []
            for each in [each for each in self.people if self.alive(each) == whose]:
                del self.people[each]
            self.codes.clear()
            self.told.clear()  # what was told of the person is forgotten with it

    def settle_partners(self, choose: Choice) -> None:
        """What partners owe each other is evened out."""
        if self.rules.partner:
            self.do(choose, settle_partners, False, adjusted=None, taken=None, words=False)
            assert self.sums()["partner"] == 0

    # What everybody can do at any time.

    def again(self, choose: Choice) -> None:
        """Something that was done or told before is repeated, later: it is answered as before, and changes nothing."""
        if self.asked and (not self.told or choose.number(0, 1)):
            self._repeat(choose.pick(self.asked))
        elif self.told:
            self._retell(*choose.pick(self.told))

    def on(self, choose: Choice) -> None:
        """Time goes by, perhaps just up to when something happens; and perhaps the calendar's work is done."""
        due = [each.position.due_at for each in self.members() if each.position.due_at]
        steps = [timedelta(hours=2), timedelta(days=choose.number(1, 9)), timedelta(days=choose.number(10, 120))]
        steps += [each - self.now + timedelta(microseconds=choose.number(-1, 1)) for each in due if each > self.now][:1]
        self.clock.now += choose.pick(steps)
        self.done += 1
        if choose.number(0, 2):
            self.settle()

    def publish(self, choose: Choice) -> None:
        """Another version of the rules is put in force, perhaps before the calendar's work is done: no point moves."""
        if choose.number(0, 1):
            self.settle()
        before = self.books()
        files = choose.pick(self.files)
        self.service = replace(self.service, templates={files.name: files})
        with self.service.begin() as tx:
            (opened,) = programs.of_template(tx, files.name)
            publish_program(tx, opened, self.service.in_force, actor="a person", now=self.now)
        list(publish(self.service.begin, self.service.in_force, files.name, now=self.now))
        assert self.books() == before
        self.done += 1

    def seal(self, choose: Choice) -> None:
        """Everything is sealed, the chain is whole, and a receipt proves whichever transaction is asked for."""
        self.service.seal()
        key = self.service.signing_key.public
        assert [str(each) for each in breaks(self.service.begin, genuine, {key})] == []
        with self.service.read() as tx:
            every = tx.execute(text("SELECT id FROM ledger_transactions ORDER BY id")).scalars().all()
            if every:
                found = receipt(tx, choose.pick(every))
                assert found.proves()
                assert genuine(key, found.signature, found.head.signed)
        self.done += 1

    def rebuild(self, _: Choice) -> None:
        """All that is projected, made anew, is equal to the last byte."""
        self.settle()
        before = self.rows(PROJECTIONS)
        assert audit.rebuild(self.service.begin, self.service.in_force, now=self.now) == (0, 0)
        assert self.rows(PROJECTIONS) == before
        self.done += 1

    def settle(self) -> None:
        """Do all that time has brought, as a worker would."""
        for each in self.service.calendars():
            for _ in range(ROUNDS):
                found = each()
                assert found.failed == 0
                if not found.settled:
                    break
            else:
                raise AssertionError("the calendar comes to no end")

    # How a step is done.

    def tell(self, choose: Choice, kind: str, fact: Fact, *, ago: int = 0) -> Mapping[str, Any] | None:
        """Tell an event, return its answer; None if it was refused, which leaves nothing. It may be told twice."""
        event = Event(
            f"evt {next(self.numbers)}", kind, content_hash(kind, fact), self.now - timedelta(days=ago), b"", fact
        )
        before = self.whole()
        self.done += 1
        try:
            answer = self._receive(event)
        except WalletError:
            assert self.whole() == before, f"{kind} was refused and has changed {self._differing(before)}"
            return None
        self.told.append((event, answer))
        once_more = choose.number(0, 5)
        if once_more == 1:
            self._retell(event, answer)
        elif once_more == 2:
            before = self.whole()
            other = replace(event, content_hash=b"\x01" * 32)
            _must_raise(EventConflict, lambda: self._receive(other))
            assert self.whole() == before
        return answer

    def do(
        self,
        choose: Choice,
        act: Callable[..., Any],
        refused: bool | None,
        *,
        adjusted: int | None = 0,
        taken: int | None = 0,
        words: bool = True,
        **asked: Any,
    ) -> Mapping[str, Any] | None:
        """Do an operation, and return its answer; None if it was refused, which leaves nothing.

        `refused` says whether it must be, None where that is not foreseen. `adjusted` and `taken` are the points that
        come from adjustment, and that redemption and partners get, None where that follows from more than this. It may
        be repeated under its key, or the key used for something else.
        """
        content = asked | (WORDS if words else {})
        before, sums, newest = self.whole(), self.sums(), self._newest()
        key = f"key {next(self.numbers)}"
        self.done += 1
        try:
            answer = self._operate(key, act, content)
        except WalletError as error:
            if refused is False:
                raise AssertionError(f"{act.__name__} {asked} was refused") from error
            assert self.whole() == before, f"{act.__name__} was refused and has changed {self._differing(before)}"
            return None
        assert refused is not True, f"{act.__name__} {asked} should have been refused"
        self._compare(act.__name__, sums, adjusted, taken, newest)
        asked_for = Asked(key, act, content, answer)
        self.asked.append(asked_for)
        once_more = choose.number(0, 5)
        if once_more == 1:
            self._repeat(asked_for)
        elif once_more == 2:
            before = self.whole()
            _must_raise(OperationConflict, lambda: self._operate(key, act, content | {"more": "asked for"}))
            assert self.whole() == before
        return answer

    def _redeem(self, choose: Choice, reward: Reward, points: int | None, more: dict[str, Any]) -> None:
        name = self.name(choose)
        left, cost = self.left(name), points or reward.cost
        pieces = None if reward.stock is None else reward.stock - self._pieces(reward.code)
        refused = (
            True
            if reward.auto or cost is None or (pieces is not None and pieces <= 0) or (left is not None and cost > left)
            else None
        )
        taken = 0 if held(reward) else cost
        who = self.customer(choose, name)
        self.do(choose, redeem, refused, taken=taken, words=False, customer=who, reward=reward.code, **more)

    def _receive(self, event: Event) -> Mapping[str, Any]:
        with self.service.read() as tx:
            source = source_of(tx, dialect="standard", name=SHOP)
        return receive(
            self.service.begin,
            source=source,
            template=self.service.in_force.of_source(source),
            event=event,
            pass_type_identifier=self.service.identity.pass_type_identifier,
            vault=self.service.vault,
            now=self.now,
        ).answer

    def _operate(self, key: str, act: Callable[..., Any], content: Mapping[str, Any]) -> Mapping[str, Any]:
        done = self.broken.acts.get(act.__name__, act)
        asked = {name: each for name, each in content.items() if name != "more"}
        return operate(
            self.service.begin,
            program=self.open,
            key=f"{key} {next(self.numbers)}" if self.broken.forgets_keys else key,
            kind=f"{act.__module__}.{act.__name__}",
            content={name: str(each) for name, each in content.items()},
            actor="till 3",
            now=self.now,
            act=lambda operation: done(operation, **asked),
        ).answer

    def _repeat(self, asked: Asked) -> None:
        before = self.whole()
        assert self._operate(asked.key, asked.act, asked.content) == asked.answer
        assert self.whole() == before, f"{asked.act.__name__} was repeated and has changed {self._differing(before)}"

    def _retell(self, event: Event, answer: Mapping[str, Any]) -> None:
        before = self.whole()
        assert self._receive(event) == answer
        assert self.whole() == before, f"{event.type} was told again and has changed {self._differing(before)}"

    # Who and what there is.

    def name(self, choose: Choice) -> str:
        """Return the name of somebody, who is hardly ever unknown."""
        return choose.pick([*self.people] * 3 + ["nobody"])

    def customer(self, choose: Choice, name: str) -> Customer:
        """Return somebody by the merchant's own id, or by ours."""
        found = self.alive(name)
        if found is None or choose.number(0, 3):
            return Customer(id=name)
        return Customer(member_id=self.member(found).public_id)

    def who(self, choose: Choice) -> Customer:
        """Return somebody."""
        return self.customer(choose, self.name(choose))

    def alive(self, name: str) -> str | None:
        """Return the name of who stands for somebody, None for whom nobody knows."""
        seen = name
        while self.people.get(seen, seen) != seen:
            seen = self.people[seen]
        return seen if seen in self.people else None

    def member(self, name: str) -> Membership:
        """Return a member as the books were last left."""
        with self.service.read() as tx:
            found = members.find(tx, self.open.id, name)
        assert found is not None
        return found

    def members(self) -> list[Membership]:
        """Return all who stand for themselves."""
        alive = {self.alive(name) for name in self.people} - {None}
        return [self.member(str(each)) for each in sorted(map(str, alive))]

    def left(self, name: str) -> int | None:
        """Return what somebody can spend; None where that is not known before the calendar's work is done."""
        found = self.alive(name)
        if found is None:
            return None
        position = self.member(found).position
        return position.available if position.due_at is None or position.due_at > self.now else None

    def _paid(self, order: str, bought: Bought) -> OrderPaid:
        lines = tuple(replace_minor(each, bought.minor) for each in bought.lines)
        return OrderPaid(
            bought.owner,
            order,
            self.rules.program.currency,
            bought.minor,
            lines=lines,
            partner=bought.partner,
        )

    def _hold(self, one: str) -> tuple[str, int]:
        with self.service.read() as tx:
            found = holds.look(tx, program=self.open, hold=one, now=self.now)
        return "over" if found.status == "open" and found.expires_at <= self.now else found.status, found.points

    def _reference(self, one: str) -> str | None:
        with self.service.read() as tx:
            return holds.look(tx, program=self.open, hold=one, now=self.now).reference

    def _redemptions(self) -> dict[str, Any]:
        query = "SELECT public_id, kind, status, points, order_id FROM redemptions ORDER BY id"
        with self.service.read() as tx:
            rows = tx.execute(text(query)).all()
        return {each.public_id: tuple(each[1:]) for each in rows}

    def _pieces(self, reward: str) -> int:
        """Return how many of a reward are with members."""
        query = "SELECT count(*) FROM redemptions WHERE reward = :reward AND stocked"
        with self.service.read() as tx:
            return int(tx.execute(text(query), {"reward": reward}).scalar_one())

    def _newest(self) -> int:
        with self.service.read() as tx:
            return int(tx.execute(text("SELECT coalesce(max(id), 0) FROM redemptions")).scalar_one())

    def _by_itself(self, after: int) -> int:
        """Return the points that were spent since on what comes by itself."""
        rewards = [each.code for each in self.rules.reward if each.auto]
        with self.service.read() as tx:
            return int(tx.execute(_BY_ITSELF, {"after": after, "rewards": rewards}).scalar_one())

    # What is compared.

    def sums(self) -> Counter[str]:
        """Return the balances of the programme's own accounts."""
        with self.service.read() as tx:
            return Counter({kind: int(points) for kind, points in tx.execute(_SUMS)})

    def _compare(self, name: str, before: Counter[str], adjusted: int | None, taken: int | None, newest: int) -> None:
        """An operation moves as many points as is asked for, and issues none; of what comes back some may be taken."""
        now = self.sums()
        change = {kind: now[kind] - before[kind] for kind in {*now, *before}}
        assert change.get("issuance", 0) == 0 <= change.get("forgiven", 0), (name, change)
        if adjusted is not None:
            assert change.get("adjustment", 0) == -adjusted, (name, adjusted, change)
        if taken is not None:
            got = change.get("redemption", 0) + change.get("partner", 0)
            assert got == taken + self._by_itself(newest), (name, taken, change)

    def whole(self) -> dict[str, tuple[int, int | None]]:
        """Return how many rows every table has, and which transaction wrote the newest: what any change changes."""
        with self.service.read() as tx:
            return {row.relname: (row.rows, row.newest) for row in tx.execute(self.tables)}

    def _differing(self, before: dict[str, tuple[int, int | None]]) -> list[str]:
        return sorted(name for name, now in self.whole().items() if before[name] != now)

    def rows(self, tables: Mapping[str, str]) -> dict[str, list[Any]]:
        """Return all rows of some tables, in some order."""
        with self.service.read() as tx:
            return {
                table: [tuple(row) for row in tx.execute(text(f"SELECT * FROM {table} ORDER BY {order}"))]
                for table, order in tables.items()
            }

    def books(self) -> dict[str, list[Any]]:
        """Return all that the books hold."""
        return self.rows(_BOOKS)

    def check(self) -> None:
        """Make sure that no law is broken by any row."""
        with self.service.read() as tx:
            broken = [law for (law,) in tx.execute(_EVERY_LAW)]
        assert broken == [], broken
        assert self._overdrawn() == []
        self.compared = False

    def compare(self) -> None:
        """Compare everything, which takes longer: the books with their projections and cards, and each lot and hold."""
        if self.compared:
            return
        with self.service.begin() as tx:
            every = tx.execute(text("SELECT id FROM members")).scalars().all()
            rows = ledger_checks.Books(tx, every)
        negative, dates = self.kind.allow_negative, self.kind.own_dates
        assert ledger_checks.faults(rows, allow_negative=negative, own_dates=dates) == []
        assert books.faults(self.service) == []
        self.compared = True

    def _overdrawn(self) -> list[str]:
        """Return stocks and budgets of which more was taken than there has ever been."""
        both = [each.program for each in self.files]
        with self.service.read() as tx:
            used = {row.reward: row.used for row in tx.execute(text("SELECT reward, used FROM reward_stock"))}
            spent = {row.code: row for row in tx.execute(text("SELECT * FROM campaign_states"))}
        found = []
        for code, number in used.items():
            most = max((each.stock or 0) for program in both for each in program.reward if each.code == code)
            found += [f"{number} of {code} are out, of {most}"] if most and number > most else []
        for code, row in spent.items():
            budgets = [each.budget for program in both for each in program.campaign if each.code == code]
            points = max((each.points or 0) if each else 0 for each in budgets)
            claims = max((each.stock or 0) if each else 0 for each in budgets)
            found += [f"{code} has given {row.points} of {points}"] if points and row.points > points else []
            found += [f"{code} was claimed {row.claims} times of {claims}"] if claims and row.claims > claims else []
        return found


def replace_minor(line: Line, minor: int) -> Line:
    """Return a line with another amount."""
    return Line(line.sku, minor, line.quantity, line.tags)


def _must_raise(error: type[WalletError], act: Callable[[], object]) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def _template(service: Service, kind: str, *, changed: bool) -> Template:
    """Return the template of a kind with its rules, the first or the next ones."""
    chosen = KINDS[kind]
    base = service.template(chosen.template)
    definition = chosen.rules or base.definition
    for old, new in chosen.changed if changed else ():
        assert old in definition, old
        definition = definition.replace(old, new)
    return replace(base, program=Program.model_validate(tomllib.loads(definition)), definition=definition)


STEPS = (
    "enrol",
    "change",
    "claim",
    "buy",
    "update",
    "refund",
    "fulfil",
    "act",
    "subscribe",
    "adjust",
    "transfer",
    "hold",
    "resolve",
    "redeem",
    "pay",
    "finish",
    "lay_codes",
    "merge",
    "set_tier",
    "erase",
    "settle_partners",
    "again",
    "on",
    "publish",
    "seal",
    "rebuild",
)
OFTEN = (
    *STEPS,
    *("buy", "buy", "buy", "refund", "update", "adjust", "adjust", "hold", "resolve", "resolve"),
    *("redeem", "redeem", "redeem", "pay", "finish", "finish", "finish", "on", "on"),
)


def begin(world: World, choose: Choice) -> None:
    """Let the first two members join."""
    for name in NAMES[:2]:
        world.tell(choose, "member.enrolled", MemberEnrolled(Customer(id=name), name.title(), "en"))
        world.people[name] = name


def walk(world: World, choose: Choice, steps: int, among: Sequence[str] = OFTEN) -> None:
    """Go on until so many things were done or tried; a step that finds nothing to do does not count."""
    begin(world, choose)
    while world.done < steps:
        world.step(choose.pick(among), choose)
    world.compare()
