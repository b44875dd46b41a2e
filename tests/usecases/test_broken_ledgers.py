"""A ledger that is wrong in one way is caught: if one got through, the comparisons would be worth nothing."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from actors import START, Clock
from books import faults
from ledger_model import AN_EVENT
from ledger_world import KINDS, OFTEN, Broken, Seeded, World, walk
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from town import Town, moment, rules

from wallet_service.domain.account import Account
from wallet_service.domain.errors import WalletError
from wallet_service.domain.event import Customer
from wallet_service.domain.expiry import NEVER
from wallet_service.domain.ledger import Allocation, Hold, Lot, Transaction, Unbalanced
from wallet_service.usecases import audit
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.redeem import redeem
from wallet_service.wiring import Service

WORLDS = itertools.count(1)  # two worlds on one database share no programme


class ForgetsDeficits(Account):
    """New points do not cover what was spent too much."""

    @property
    def deficit(self) -> int:
        """Return that there is none."""
        return 0


class SpendsTheDead(Account):
    """Points never die, and go on being spent."""

    def dies_at(self, _lot: Lot) -> datetime | None:
        """Return that it does not."""
        return None


class DiesTooLate(Account):
    """Points can still be spent at the moment at which they die."""

    def dies_at(self, lot: Lot) -> datetime | None:
        """Return a moment later."""
        found = super().dies_at(lot)
        return found + timedelta(microseconds=1) if found else None


class SpendsTheLatestFirst(Account):
    """What dies last is spent first."""

    def spendable(self) -> list[Lot]:
        """Return the wrong order."""
        return super().spendable()[::-1]


class MintsByUndoing(Account):
    """What was forgiven is given again when a refund is undone."""

    def earn(self, lot: Lot, **why: Any) -> Transaction:
        """Forget what was forgiven."""
        return super().earn(lot, **why | {"forgiven": 0})


class FallsBelowZero(Account):
    """A refund takes what is not there, whatever the programme says."""

    def reverse(self, points: int, **how: Any) -> tuple[Transaction, int]:
        """Know no floor."""
        return super().reverse(points, **how | {"floor": None})


class TakesOthersFirst(Account):
    """A refund knows no lots of the order's own, and takes what dies soonest."""

    def reverse(self, points: int, **how: Any) -> tuple[Transaction, int]:
        """Hide whose the lots are."""
        own = [(lot, lot.order_row) for lot in self.lots]
        for lot, _ in own:
            lot.order_row = None
        posted = super().reverse(points, **how)
        for lot, row in own:
            lot.order_row = row
        return posted


class NeverReleases(Account):
    """What waits for a day waits for ever."""

    def settle(self, now: datetime, *, since: datetime | None = None) -> None:
        """Hide what waits from the calendar."""
        waiting = [(lot, lot.activates_at) for lot in self.lots if lot.pending]
        for lot, _ in waiting:
            lot.activates_at = NEVER
        super().settle(now, since=since)
        for lot, when in waiting:
            lot.activates_at = when

    def overdue(self, _now: datetime) -> bool:
        """Know of nothing."""
        return False


class NeverTimesOut(Account):
    """What is set apart stays so."""

    def settle(self, now: datetime, *, since: datetime | None = None) -> None:
        """Hide the holds from the calendar."""
        ends = [(hold, hold.expires_at) for hold in self.holds]
        for hold, _ in ends:
            hold.expires_at = AN_EVENT
        super().settle(now, since=since)
        for hold, when in ends:
            hold.expires_at = when

    def overdue(self, _now: datetime) -> bool:
        """Know of nothing."""
        return False


class ReturnsToAnother(Account):
    """What was set apart comes back to a lot that lives longer."""

    def release(self, hold: Hold, **how: Any) -> Transaction:
        """Move the points on after they have come back."""
        posted = super().release(hold, **how)
        lot, points = hold.parts[0]
        others = [each for each in self.spendable() if each is not lot]
        if others and lot.available >= points:
            moved = ((lot, "available", -points), (lot, "out", points))
            gained = ((others[-1], "available", points), (others[-1], "out", -points))
            posted.allocations += tuple(Allocation(*each) for each in (*moved, *gained))  # type: ignore[arg-type]
            lot.available -= points
            others[-1].available += points
        return posted


class CapturesAll(Account):
    """All that is set apart is used up, whatever was asked for."""

    def capture(self, hold: Hold, _points: int, **how: Any) -> Transaction:
        """Use everything."""
        return super().capture(hold, hold.points, **how)


class NeverCloses(Account):
    """A hold that was captured is open still."""

    def capture(self, hold: Hold, points: int, **how: Any) -> Transaction:
        """Put the hold back among the open ones, and its points with it."""
        posted = super().capture(hold, points, **how)
        self.holds.append(hold)
        for lot, part in hold.parts:
            lot.held += part
        return posted


class LetsOffForGood(Account):
    """What was used up comes back whole, though the order that it was earned by was paid back meanwhile."""

    def give_back(self, *parts: Any, **why: Any) -> Transaction:
        """Know of nothing that was forgiven."""
        self.let_off, known = None, self.let_off
        posted = super().give_back(*parts, **why)
        self.let_off = known
        return posted


class LetsHoldsOff(Account):
    """What was set apart comes back whole, though the order that it was earned by was paid back meanwhile."""

    def release(self, hold: Hold, **how: Any) -> Transaction:
        """Know of nothing that was forgiven."""
        self.let_off, known = None, self.let_off
        posted = super().release(hold, **how)
        self.let_off = known
        return posted


class ForgetsActivity(Account):
    """Nothing that a member does keeps points alive."""

    def earn(self, lot: Lot, **why: Any) -> Transaction:
        """Note the points and not the time."""
        before = self.active_at
        posted = super().earn(lot, **why)
        self.active_at = before
        return posted


class LosesDates(Account):
    """What another gives never dies."""

    def receive(self, lot: Lot, **why: Any) -> Transaction:
        """Drop the date."""
        lot.expires_at = None
        return super().receive(lot, **why)


def damage(statement: str, *, unguarded: bool = False) -> Broken:
    """Return a service that damages rows of the members that a step has touched."""

    def spoil(tx: Connection, members: Iterable[int]) -> None:
        if unguarded:
            tx.execute(text("SET LOCAL session_replication_role = replica"))
        tx.execute(text(statement), {"members": list(members)})

    return Broken(spoil=spoil)


NEWEST_ENTRY = """
    SELECT max(ledger_entries.id) FROM ledger_entries
    JOIN ledger_transactions ON ledger_transactions.id = transaction_id WHERE member_id = ANY(:members)
"""
VARIANTS: dict[str, tuple[str, Broken]] = {
    "deficits are not covered": ("coalition", Broken(ForgetsDeficits)),
    "dead points are spent": ("rolling", Broken(SpendsTheDead)),
    "points die a moment too late": ("rolling", Broken(DiesTooLate)),
    "the latest are spent first": ("rolling", Broken(SpendsTheLatestFirst)),
    "undoing a refund mints points": ("plain", Broken(MintsByUndoing)),
    "a refund goes below zero": ("plain", Broken(FallsBelowZero)),
    "a refund takes from others": ("rolling", Broken(TakesOthersFirst)),
    "pending points never activate": ("rolling", Broken(NeverReleases)),
    "holds never time out": ("plain", Broken(NeverTimesOut)),
    "a hold returns to another lot": ("rolling", Broken(ReturnsToAnother)),
    "a capture takes all": ("plain", Broken(CapturesAll)),
    "a hold is captured twice": ("plain", Broken(NeverCloses, captures_twice=True)),
    "a return mints points": ("plain", Broken(returns_too_much=True)),
    "what was used up is let off for good": ("plain", Broken(LetsOffForGood)),
    "what was set apart is let off for good": ("plain", Broken(LetsHoldsOff)),
    "activity is forgotten": ("inactive", Broken(ForgetsActivity)),
    "a transfer loses dates": ("rolling", Broken(LosesDates)),
    "old orders are rated again": ("plain", Broken(rates_again=True)),
    "what is added to an order is not rated": ("plain", Broken(rates_once=True)),
    "a lot is off by one": (
        "plain",
        damage("""
            UPDATE lot_balances SET available = available + 1
            WHERE lot_id = (SELECT max(lot_id) FROM lot_balances WHERE member_id = ANY(:members))
        """),
    ),
    "a balance is off by one": (
        "plain",
        damage("UPDATE balances SET available = available + 1 WHERE member_id = ANY(:members)"),
    ),
    "a tier is made up": ("plain", damage("UPDATE balances SET tier = 'novel' WHERE member_id = ANY(:members)")),
    "what counts is off by one": (
        "plain",
        damage("UPDATE balances SET qualifying = qualifying + 1 WHERE member_id = ANY(:members)"),
    ),
    "more is said to die": ("rolling", damage("UPDATE balances SET dying = dying + 1 WHERE member_id = ANY(:members)")),
    "it is said to die later": (
        "rolling",
        damage("UPDATE balances SET dying_on = dying_on + 1 WHERE member_id = ANY(:members)"),
    ),
    "a reward is made up": (
        "plain",
        damage("UPDATE balances SET rewards = rewards || '{trip}' WHERE member_id = ANY(:members)"),
    ),
    "nothing is due": ("rolling", damage("UPDATE balances SET due_at = NULL WHERE member_id = ANY(:members)")),
    "deaths are forgotten": ("rolling", damage("DELETE FROM expiry_days WHERE member_id = ANY(:members)")),
    "an entry is missing": (
        "plain",
        damage(f"DELETE FROM ledger_entries WHERE id = ({NEWEST_ENTRY})", unguarded=True),
    ),
    "an entry is changed": (
        "plain",
        damage(f"UPDATE ledger_entries SET points = points + 1 WHERE id = ({NEWEST_ENTRY})", unguarded=True),
    ),
    "an allocation is missing": (
        "plain",
        damage(
            """
            DELETE FROM lot_allocations WHERE id = (
                SELECT max(lot_allocations.id) FROM lot_allocations JOIN lots ON lots.id = lot_id
                WHERE member_id = ANY(:members)
            )
            """,
            unguarded=True,
        ),
    ),
    "a fact is missing": (
        "plain",
        damage(
            """
            DELETE FROM qualifications WHERE id = (
                SELECT max(id) FROM qualifications WHERE member_id = ANY(:members)
            )
            """,
            unguarded=True,
        ),
    ),
}
# Damage to what follows from rules and calendar, and to rewards, with what `ledger verify` is to say of it.
FIGURES = {
    "UPDATE balances SET qualifying = qualifying - 1": "its qualifying is not",
    "UPDATE balances SET tier_last_day = tier_last_day + 1": "its tier_last_day is not",
    "UPDATE balances SET dying = dying + 1": "its dying is not",
    "UPDATE balances SET dying_on = dying_on + 1": "its dying_on is not",
    "UPDATE balances SET rewards = '{}'": "its rewards is not",
    "UPDATE balances SET rewards = rewards || '{five-off}'": "its rewards is not",
    "UPDATE balances SET granted = '{}'": "its granted is not",
    "UPDATE balances SET granted = granted || '{mug}'": "its granted is not",
    "UPDATE balances SET reminders = '[]'": "its reminders is not",
    "UPDATE balances SET reminders = jsonb_set(reminders, '{0,4}', '7')": "its reminders is not",
    "UPDATE balances SET reminders = jsonb_set(reminders, '{0,5}', 'false')": "its reminders is not",
}
REWARDS = {
    "UPDATE redemptions SET status = 'used' WHERE status = 'issued'": "does not stand as its changes say: used",
    "UPDATE redemptions SET refunded = 1 WHERE status = 'issued'": "refunded otherwise than its changes say: 1",
    "UPDATE redemptions SET status = 'issued' WHERE status = 'held'": "is not held as long as its hold is open",
    "DELETE FROM open_holds": "is not held as long as its hold is open: held instead of over",
    "UPDATE reward_stock SET used = used - 1": "the stock of the reward mug of the programme points is not what",
}
CAUGHT = (AssertionError, WalletError, DBAPIError, Unbalanced, pytest.fail.Exception)


# Where what goes wrong is rare among all steps, walks are made of those that lead there.
FOCUS = {
    "deficits are not covered": ("buy", "adjust", "refund"),
    "the latest are spent first": ("adjust", "adjust", "on", "hold"),
    "undoing a refund mints points": ("buy", "adjust", "snapshot", "snapshot", "on"),
    "a refund takes from others": ("buy", "buy", "adjust", "refund"),
    "a hold returns to another lot": ("adjust", "adjust", "on", "hold", "void"),
    "a capture takes all": ("buy", "hold", "capture"),
    "a hold is captured twice": ("buy", "hold", "capture"),
    "a return mints points": ("buy", "hold", "capture", "give_back"),
    "a transfer loses dates": ("adjust", "transfer"),
    "what was used up is let off for good": ("buy", "snapshot", "hold", "capture", "snapshot", "give_back"),
    "what was set apart is let off for good": ("buy", "snapshot", "hold", "snapshot", "void"),
}


# Where the first walk does not lead there: one that is known to, and is tried before the others.
KNOWN = {
    "the latest are spent first": 7,
    "undoing a refund mints points": 4,
    "a refund goes below zero": 1,
    "a refund takes from others": 2,
    "holds never time out": 1,
    "a hold returns to another lot": 2,
    "a capture takes all": 1,
    "a hold is captured twice": 1,
    "what was used up is let off for good": 1,
    "what was set apart is let off for good": 3,
    "what is added to an order is not rated": 4,
}


def caught(
    service: Service, clock: Clock, kind: str, broken: Broken, *, walks: Iterable[int], among: Sequence[str] = OFTEN
) -> str | None:
    """Return what gave a ledger away on these walks, None if nothing did."""
    for seed in walks:
        clock.now = START
        try:
            walk(World(service, clock, kind, next(WORLDS), broken), Seeded(seed), 40, among)
        except CAUGHT as error:
            return str(error).splitlines()[0] or repr(error)
    return None


def test_every_broken_ledger_is_caught(service: Service, clock: Clock) -> None:
    """Wrong in one way alone, each is given away by the laws, the projections, the model or the database."""
    found = {
        name: caught(service, clock, kind, broken, walks=(KNOWN.get(name, 0), *range(12)), among=FOCUS.get(name, OFTEN))
        for name, (kind, broken) in VARIANTS.items()
    }
    assert len(found) >= 20
    assert [name for name, how in found.items() if how is None] == []


@pytest.fixture
def told(town: Callable[[str], Town], clock: Clock) -> Service:
    """A service whose member has points that die soon, of which the card reminds, a tier, and rewards of all kinds."""
    more = """
        [[reward]]
        code = "mug"
        kind = "product"
        cost = 40
        stock = 5
        [[reward]]
        code = "five-off"
        kind = "amount_off"
        cost = 50
        value = 500
        code_valid = "P90D"
        [[trigger]]
        code = "soon"
        on = "points.expiring"
        lead = "P7D"
        notify = ["pass"]
        [tiers]
        measure = "points_earned"
        window = "rolling_12_months"
        valid = "P6M"
        [[tier]]
        code = "page"
        threshold = 0
        [[tier]]
        code = "chapter"
        threshold = 100
    """
    here = town(rules(points='expiry = { mode = "rolling", period = "P1M" }', more=more))
    here.enrol()
    here.buy(18_000, order="a")
    clock.now = moment("2026-06-23 22:00")
    assert here.sweep().settled
    program = OpenProgram(here.source.program_id, here.service.in_force.of_source(here.source), here.service.vault)
    for reward in ("five-off", "mug"):
        take = partial(redeem, customer=Customer(id="ann"), reward=reward)
        said = {"kind": "redeem", "content": {}, "actor": "till", "now": clock(), "act": take}
        operate(here.service.begin, program=program, key=reward, **said)  # type: ignore[arg-type]
    return here.service


def test_every_figure_that_is_wrong_is_named(told: Service) -> None:
    """What counts for the tier, what dies, reminders, and rewards within reach or ready: all of it is compared."""
    assert faults(told) == []
    for damage, said in FIGURES.items():
        with told.begin() as tx:
            assert tx.execute(text(damage)).rowcount == 1
        assert any(said in each for each in faults(told)), damage
        assert audit.rebuild(told.begin, told.in_force, now=told.clock())[0] == 1
        assert faults(told) == [], damage


def test_rewards_that_are_wrong_are_named(told: Service) -> None:
    """Redemptions are held against what became of them and their holds, and stocks against what was taken."""
    for damage, said in REWARDS.items():
        with told.engine.connect() as tx:
            assert tx.execute(text(damage)).rowcount == 1
            named = [str(each) for each in audit.audit(tx, told.in_force, most=9).differences]
            tx.rollback()
        assert any(said in each for each in named), (damage, named)


def test_whoever_is_due_is_left_to_the_calendar(told: Service, clock: Clock) -> None:
    """What has died, and is not entered yet, is no fault of the books."""
    clock.now = moment("2026-07-02 10:00")
    assert faults(told) == []


def test_a_sound_ledger_passes_by_the_same_way(service: Service, clock: Clock) -> None:
    """Told by hand, and with a sound account in place of the broken one, nothing is found."""
    for kind in KINDS:
        assert caught(service, clock, kind, Broken(), walks=[0]) is None
