"""A member's account: points come in lots, wait, are spent in their order, set apart, given back, and die."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.account import Account
from wallet_service.domain.errors import HoldResolved, InsufficientBalance
from wallet_service.domain.expiry import NEVER, Expiry
from wallet_service.domain.ledger import Hold, Lot, Transaction
from wallet_service.domain.program.earning_tables import ExpiryTable

ZONE = ZoneInfo("Europe/Prague")
WHO = {"actor": "till", "reason": "a voucher"}


def day(number: int) -> datetime:
    """Return the start of the day with that number."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def account(table: ExpiryTable | None = None) -> Account:
    """Return an empty account; its points die by their lots' own dates, or as the table says."""
    return Account(Expiry(table, ZONE))


def earn(
    into: Account,
    points: int,
    *,
    dies: int | None = None,
    waits: int | None = None,
    row: int | None = None,
    at: int = 0,
) -> Lot:
    """Let the account earn a lot, which dies and ceases to wait on days with these numbers."""
    lot = Lot(points, day(at), order_row=row)
    lot.expires_at = None if dies is None else day(dies)
    lot.activates_at = None if waits is None else day(waits)
    into.earn(lot)
    return lot


def held(into: Account, points: int, *, until: int = 100, at: int = 0) -> Hold:
    """Set points apart until a day."""
    hold = Hold(points, "reward", day(at), day(until), "hld_1")
    into.hold(hold)
    return hold


def spend(of: Account, points: int, *, at: int = 0, floor: int | None = 0) -> Transaction:
    """Take points for something else."""
    return of.take(points, at=day(at), floor=floor, **WHO)


def entries(posted: Transaction) -> dict[str, int]:
    """Return what each account gained."""
    return {each.account: each.points for each in posted.entries}


def left(*lots: Lot) -> list[int]:
    """Return what is spendable of each lot."""
    return [lot.available for lot in lots]


def balances(of: Account) -> tuple[int, int, int]:
    """Return what is available, pending and held."""
    return of.available, of.pending, of.held


def in_lots(of: Account) -> tuple[int, int, int]:
    """Return what the lots hold of each, with the deficit as if it lay in one."""
    lots = of.lots
    return (
        sum(lot.available for lot in lots) - of.deficit,
        sum(lot.pending for lot in lots),
        sum(lot.held for lot in lots),
    )


# Points come in.


def test_points_come_in_a_lot_that_remembers_why() -> None:
    """An earning issues the points, opens the lot, and counts for the tier what it is told to."""
    mine = account()
    lot = Lot(80, day(3), rule="purchase", order_row=7)
    posted = mine.earn(lot, qualifying=70, reason="welcome")
    assert entries(posted) == {"issuance": -80, "available": 80}
    assert (posted.type, posted.at, posted.opens, posted.qualifying) == ("earn", day(3), lot, 70)
    assert (posted.rule, posted.order_row, posted.reason) == ("purchase", 7, "welcome")
    assert (balances(mine), left(lot)) == ((80, 0, 0), [80])


def test_a_partners_points_are_the_partners_to_pay() -> None:
    """What a partner issued is taken from the partner's account, and given back to it."""
    mine = account()
    mine.earn(Lot(80, day(0), partner="bakery", order_row=7))
    back, _ = mine.reverse(30, order_row=7, at=day(1), rule=None, partner="bakery")
    told = [(each.account, each.points, each.partner) for posted in mine.posted for each in posted.entries]
    assert told[0] == ("partner", -80, "bakery")
    assert ("partner", 30, "bakery") in told
    assert back.gained("available") == -30


def test_points_may_have_to_wait() -> None:
    """They lie in pending until their day, and cannot be spent."""
    mine = account()
    lot = earn(mine, 80, waits=14)
    assert balances(mine) == (0, 80, 0)
    with pytest.raises(InsufficientBalance):
        spend(mine, 1)
    mine.settle(day(13))
    assert balances(mine) == (0, 80, 0)
    mine.settle(day(14))
    assert (balances(mine), left(lot), mine.posted[-1].at) == ((80, 0, 0), [80], day(14))


def test_new_points_cover_a_deficit_first() -> None:
    """Of 100 points 30 go into the deficit and lie in no lot; the balance says 70 and so do the lots."""
    mine = account()
    spend(mine, 30, floor=None)
    lot = earn(mine, 100, dies=9)
    assert (balances(mine), left(lot), mine.deficit) == ((70, 0, 0), [70], 0)
    assert in_lots(mine) == balances(mine)


def test_a_gift_covers_a_deficit_too() -> None:
    """So does a correction, and what another member gives; and what is not enough leaves the rest of the deficit."""
    mine = account()
    spend(mine, 30, floor=None)
    mine.grant(Lot(10, day(0)), **WHO)
    mine.receive(Lot(15, day(0)), **WHO)
    assert (balances(mine), in_lots(mine), mine.deficit) == ((-5, 0, 0), (-5, 0, 0), 5)
    assert [entries(each) for each in mine.posted[1:]] == [
        {"adjustment": -10, "available": 10},
        {"transfer": -15, "available": 15},
    ]
    assert [each.type for each in mine.posted[1:]] == ["adjust", "transfer_in"]


def test_waiting_points_cover_nothing_yet() -> None:
    """A deficit stays while points wait, and is covered when they no longer do, by the lots in their order."""
    mine = account()
    spend(mine, 30, floor=None)
    first, second = earn(mine, 20, waits=5), earn(mine, 20, waits=5)
    assert balances(mine) == (-30, 40, 0)
    mine.settle(day(5))
    assert (balances(mine), left(first, second)) == ((10, 0, 0), [0, 10])
    assert len([each for each in mine.posted if each.type == "activate"]) == 1


def test_points_that_wait_for_an_event_begin_to_age_with_it() -> None:
    """Until then nothing is known of their death, and the calendar leaves them alone."""
    rolling = ExpiryTable.model_validate({"mode": "rolling", "period": "P30D"})
    mine = account(rolling)
    lot = Lot(80, day(0), activates_at=NEVER)
    mine.earn(lot)
    mine.settle(day(5000))
    assert balances(mine) == (0, 80, 0)
    mine.activate([lot], at=day(100))
    assert (lot.activates_at, lot.expires_at) == (day(100), datetime(2026, 5, 10, 22, tzinfo=UTC))
    assert balances(mine) == (80, 0, 0)


def test_what_was_forgiven_is_not_given_again() -> None:
    """Of an order that comes back, what was let off before only settles that, and nothing may be left to give."""
    mine = account()
    some, none = Lot(100, day(0)), Lot(50, day(0))
    assert entries(mine.earn(some, forgiven=80)) == {"issuance": -100, "forgiven": 80, "available": 20}
    assert entries(mine.earn(none, forgiven=70)) == {"issuance": -50, "forgiven": 50}
    assert (balances(mine), left(some, none)) == ((20, 0, 0), [20, 0])
    assert mine.posted[-1].allocations[0].bucket == "out"


def test_what_was_forgiven_is_not_given_again_while_points_wait() -> None:
    """In pending, too, only the rest arrives."""
    mine = account()
    lot = Lot(100, day(0), activates_at=day(9))
    mine.earn(lot, forgiven=80)
    assert (balances(mine), lot.pending) == ((0, 20, 0), 20)


# Points go out.


def test_what_dies_soonest_is_spent_first() -> None:
    """Then what is older, then what came first; what never dies is spent last."""
    mine = account()
    never = earn(mine, 10)
    late = earn(mine, 10, dies=20)
    soon_new = earn(mine, 10, dies=10, at=1)
    soon_old = earn(mine, 10, dies=10)
    for number, lot in enumerate(mine.lots):
        lot.id = number + 1
    assert mine.spendable() == [soon_old, soon_new, late, never]
    spend(mine, 25)
    assert left(soon_old, soon_new, late, never) == [0, 0, 5, 10]


def test_between_equals_the_one_that_came_first_is_spent() -> None:
    """Two lots of the same dates are spent in the order of their ids."""
    mine = account()
    lots = [earn(mine, 10, dies=10) for _ in range(3)]
    for lot, number in zip(lots, (3, 1, 2), strict=True):
        lot.id = number
    spend(mine, 15)
    assert left(*lots) == [10, 0, 5]


def test_no_more_is_spent_than_there_is() -> None:
    """Below the floor nothing is taken and nothing noted; the error says what was needed and what there is."""
    mine = account()
    lot = earn(mine, 10)
    with pytest.raises(InsufficientBalance) as caught:
        spend(mine, 11)
    assert (caught.value.needed, caught.value.available) == (11, 10)
    assert (balances(mine), left(lot), len(mine.posted)) == ((10, 0, 0), [10], 1)


@pytest.mark.parametrize(("floor", "points"), [(0, 10), (-5, 15), (None, 10**9)])
def test_a_person_may_take_as_much_as_the_floor_allows(floor: int | None, points: int) -> None:
    """All that is there, down to a floor below zero, or to any depth: what no lot holds is a deficit."""
    mine = account()
    lot = earn(mine, 10)
    posted = spend(mine, points, floor=floor)
    assert (mine.available, left(lot), mine.deficit) == (10 - points, [0], points - 10)
    assert entries(posted) == {"available": -points, "adjustment": points}
    assert (posted.type, posted.actor, posted.reason) == ("adjust", "till", "a voucher")
    if floor is not None:
        with pytest.raises(InsufficientBalance):
            spend(mine, 1, floor=floor)


def test_points_die_at_their_moment() -> None:
    """A moment before, they can be spent; at the moment itself they are gone, all that die then in one transaction."""
    mine = account()
    lots = [earn(mine, 10, dies=10), earn(mine, 5, dies=10), earn(mine, 7, dies=11)]
    mine.settle(day(10) - timedelta(microseconds=1))
    assert balances(mine) == (22, 0, 0)
    mine.settle(day(10))
    assert (balances(mine), left(*lots)) == ((7, 0, 0), [0, 0, 7])
    assert (mine.posted[-1].type, mine.posted[-1].at) == ("expire", day(10))
    assert entries(mine.posted[-1]) == {"available": -15, "breakage": 15}


def test_activity_keeps_points_alive() -> None:
    """With extend_on_activity no lot dies before so long after the last earning or redemption; then all do."""
    table = ExpiryTable.model_validate({"mode": "rolling", "period": "P30D", "extend_on_activity": "P60D"})
    mine = account(table)
    lot, longer = earn(mine, 10, dies=30), earn(mine, 10, dies=200)
    mine.active_at = None
    assert mine.dies_at(lot) == day(30)
    mine.active_at = day(20)
    kept_until = datetime(2026, 3, 21, 23, tzinfo=UTC)
    assert (mine.dies_at(lot), mine.dies_at(longer)) == (kept_until, day(200))
    mine.settle(kept_until)
    assert left(lot, longer) == [0, 10]


def test_without_activity_all_points_die_together() -> None:
    """By inactivity a lot's own date says nothing: the whole balance goes, so long after the last activity."""
    mine = account(ExpiryTable.model_validate({"mode": "inactivity", "period": "P30D"}))
    first, second = earn(mine, 10, dies=5), earn(mine, 10)
    mine.active_at = None
    assert mine.dies_at(first) is None
    mine.active_at = day(0)
    mine.settle(day(29))
    assert left(first, second) == [10, 10]
    mine.active_at = day(29)
    mine.settle(day(58))
    assert left(first, second) == [10, 10]
    mine.settle(day(60))
    assert (balances(mine), left(first, second)) == ((0, 0, 0), [0, 0])


def test_a_lot_can_be_given_to_another() -> None:
    """It leaves one account for the other, spendable or still waiting, and keeps its dates there."""
    mine, others = account(), account()
    lot, waiting = earn(mine, 10, dies=9), earn(mine, 20, waits=5, dies=20)
    for each, points in ((lot, 4), (waiting, 20)):
        mine.give(each, points, at=day(1), **WHO)
        taken = Lot(points, each.effective_at, activates_at=each.activates_at, expires_at=each.expires_at)
        others.receive(taken, **WHO)
    assert (balances(mine), balances(others)) == ((6, 0, 0), (4, 20, 0))
    assert [entries(each) for each in mine.posted[2:]] == [
        {"available": -4, "transfer": 4},
        {"pending": -20, "transfer": 20},
    ]
    others.settle(day(9))
    assert balances(others) == (20, 0, 0)


# An order no longer deserves its points.


def take_back(of: Account, points: int, **how: Any) -> tuple[Transaction, int]:
    """Take back points of the order with the row 7."""
    return of.reverse(points, order_row=7, at=day(1), rule="purchase", **how)


def test_an_orders_own_points_are_taken_first() -> None:
    """Those that wait before those that can be spent; only then others', which die soonest."""
    mine = account()
    other_late, other_soon = earn(mine, 10, dies=50), earn(mine, 10, dies=2)
    own, own_waiting = earn(mine, 10, dies=90, row=7), earn(mine, 10, waits=20, row=7)
    posted, forgiven = take_back(mine, 27)
    assert entries(posted) == {"pending": -10, "available": -17, "issuance": 27}
    assert (posted.qualifying, forgiven) == (-27, 0)
    assert left(other_late, other_soon, own, own_waiting) == [10, 3, 0, 0]
    assert balances(mine) == in_lots(mine) == (13, 0, 0)


def test_waiting_points_of_other_orders_stay() -> None:
    """A refund never takes what another order earned and the member has not had yet."""
    mine = account()
    earn(mine, 10, waits=20, row=8)
    posted, forgiven = take_back(mine, 5)
    assert (balances(mine), forgiven, entries(posted)) == ((0, 10, 0), 5, {"issuance": 5, "forgiven": -5})


@pytest.mark.parametrize(
    ("how", "available", "forgiven"),
    [
        ({}, 0, 70),
        ({"floor": 0}, 0, 70),
        ({"floor": -50}, -50, 20),
        ({"floor": -70}, -70, 0),
        ({"floor": None}, -70, 0),
        ({"only_pending": True}, 10, 80),
    ],
)
def test_what_is_lacking_is_owed_or_forgiven(how: dict[str, Any], available: int, forgiven: int) -> None:
    """Of 80 points 70 are spent: the programme says how deep the balance may fall, and the rest is let off."""
    mine = account()
    earn(mine, 80, row=7)
    spend(mine, 70)
    posted, let_off = take_back(mine, 80, **how)
    assert (mine.available, let_off, entries(posted).get("forgiven", 0)) == (available, forgiven, -forgiven)
    assert in_lots(mine) == balances(mine)


def test_a_debt_that_is_deeper_than_the_floor_takes_nothing_more() -> None:
    """Where the balance is below the floor already, everything more is forgiven."""
    mine = account()
    spend(mine, 90, floor=None)
    _, forgiven = take_back(mine, 20, floor=-50)
    assert (mine.available, forgiven) == (-90, 20)


def test_held_points_stay_held() -> None:
    """A refund takes nothing that is set apart: what is held may be captured at any moment."""
    mine = account()
    lot = earn(mine, 80, row=7)
    held(mine, 60)
    _, forgiven = take_back(mine, 80)
    assert (balances(mine), lot.held, forgiven) == ((0, 0, 60), 60, 60)


# Points are set apart.


def test_held_points_are_still_the_members_but_not_to_spend() -> None:
    """They move from available to held, those that die soonest first, and the hold knows from which lots."""
    mine = account()
    late, soon = earn(mine, 10, dies=20), earn(mine, 10, dies=10)
    hold = held(mine, 15)
    assert (balances(mine), left(late, soon)) == ((5, 0, 15), [5, 0])
    assert (hold.parts, mine.holds) == ([(soon, 10), (late, 5)], [hold])
    with pytest.raises(InsufficientBalance):
        held(mine, 6)


def test_a_deficit_leaves_nothing_to_hold() -> None:
    """Below zero, or at it, nothing can be set apart."""
    mine = account()
    spend(mine, 5, floor=None)
    with pytest.raises(InsufficientBalance):
        held(mine, 1)


def test_a_capture_uses_the_soonest_and_returns_the_rest_to_its_lots() -> None:
    """Of 15 held points 12 are used; 3 are back in the lot they came from."""
    mine = account()
    late, soon = earn(mine, 10, dies=20), earn(mine, 10, dies=10)
    hold = held(mine, 15)
    posted = mine.capture(hold, 12, at=day(1))
    assert entries(posted) == {"held": -15, "redemption": 12, "available": 3}
    assert (posted.type, posted.hold, posted.outcome) == ("redeem", hold, "captured")
    assert (balances(mine), left(late, soon), mine.holds) == ((8, 0, 0), [8, 0], [])


def test_a_capture_may_be_a_partners() -> None:
    """Who accepts the points is owed them; all of a hold may be captured."""
    mine = account()
    earn(mine, 10)
    posted = mine.capture(held(mine, 10), 10, at=day(1), partner="cinema")
    assert [(each.account, each.points, each.partner) for each in posted.entries] == [
        ("held", -10, None),
        ("partner", 10, "cinema"),
    ]


@pytest.mark.parametrize("points", [0, -1, 11])
def test_no_more_is_captured_than_was_held(points: int) -> None:
    """Nor nothing at all; the hold stays open."""
    mine = account()
    earn(mine, 20)
    hold = held(mine, 10)
    with pytest.raises(HoldResolved):
        mine.capture(hold, points, at=day(1))
    assert (mine.holds, balances(mine)) == ([hold], (10, 0, 10))


def test_a_hold_ends_once() -> None:
    """Captured or voided, it can be neither again."""
    for first in ("capture", "release"):
        mine = account()
        earn(mine, 20)
        hold = held(mine, 10)
        if first == "capture":
            mine.capture(hold, 4, at=day(1))
        else:
            mine.release(hold, at=day(1))
        before = balances(mine)
        with pytest.raises(HoldResolved):
            mine.capture(hold, 4, at=day(1))
        with pytest.raises(HoldResolved):
            mine.release(hold, at=day(1))
        assert balances(mine) == before


def test_a_voided_hold_returns_everything_to_its_lots() -> None:
    """Not to any lot: what was about to die still is."""
    mine = account()
    late, soon = earn(mine, 10, dies=20), earn(mine, 10, dies=10)
    hold = held(mine, 15)
    posted = mine.release(hold, at=day(1))
    assert (posted.type, posted.outcome, entries(posted)) == ("hold_void", "voided", {"held": -15, "available": 15})
    assert (balances(mine), left(late, soon)) == ((20, 0, 0), [10, 10])


def test_what_comes_back_covers_a_deficit_that_arose_meanwhile() -> None:
    """A refund left a debt while points were held; voiding and capturing a part first pay it off."""
    for how in ("void", "capture"):
        mine = account()
        earn(mine, 30, row=7)
        hold = held(mine, 20)
        take_back(mine, 20, floor=None)
        assert balances(mine) == (-10, 0, 20)
        if how == "void":
            mine.release(hold, at=day(2))
        else:
            mine.capture(hold, 5, at=day(2))
        assert balances(mine) == in_lots(mine) == (10 if how == "void" else 5, 0, 0)


def test_a_held_lot_does_not_die_while_it_is_held() -> None:
    """The rest of it dies on its day; what times out later comes back and dies at that very moment."""
    mine = account()
    lot = earn(mine, 10, dies=10)
    held(mine, 4, until=12)
    mine.settle(day(11))
    assert (balances(mine), lot.held) == ((0, 0, 4), 4)
    mine.settle(day(40))
    assert balances(mine) == (0, 0, 0)
    assert [(each.type, each.at) for each in mine.posted[2:]] == [
        ("expire", day(10)),
        ("hold_expire", day(12)),
        ("expire", day(12)),
    ]


def test_redeemed_points_go_back_to_the_very_lots() -> None:
    """With the transaction that they reverse; a lot that the account no longer knew is known again."""
    mine = account()
    lot = earn(mine, 10, dies=20)
    mine.capture(held(mine, 10), 10, at=day(1))
    emptied = account()
    posted = emptied.give_back([(lot, 6)], at=day(2), reverses=77)
    assert (posted.type, posted.reverses, entries(posted)) == (
        "redeem_reversal",
        77,
        {"redemption": -6, "available": 6},
    )
    assert (emptied.lots, left(lot), balances(emptied)) == ([lot], [6], (6, 0, 0))


def test_points_that_come_back_to_a_dead_lot_die_then() -> None:
    """Settled since now, their death is dated now and not on the lot's own day."""
    mine = account()
    lot = earn(mine, 10, dies=20)
    mine.capture(held(mine, 10), 10, at=day(1))
    mine.give_back([(lot, 6)], at=day(30), reverses=77)
    assert mine.overdue(day(30))
    mine.settle(day(30), since=day(30))
    assert (balances(mine), mine.posted[-1].type, mine.posted[-1].at) == ((0, 0, 0), "expire", day(30))
    assert not mine.overdue(day(30))


def test_points_that_come_back_cover_a_deficit() -> None:
    """And a partner who had accepted them gives them up."""
    mine = account()
    lot = earn(mine, 10)
    mine.capture(held(mine, 10), 10, at=day(1), partner="cinema")
    spend(mine, 4, floor=None)
    posted = mine.give_back([(lot, 10)], at=day(2), reverses=77, partner="cinema")
    assert posted.entries[0].partner == "cinema"
    assert (balances(mine), left(lot)) == ((6, 0, 0), [6])


# The calendar.


def test_the_calendar_goes_in_its_order() -> None:
    """What waits is released before holds time out, and those before points die, all at one moment."""
    mine = account()
    earn(mine, 10, dies=10)
    held(mine, 5, until=10)
    earn(mine, 7, waits=10, dies=40)
    mine.settle(day(10))
    assert [each.type for each in mine.posted[3:]] == ["activate", "hold_expire", "expire"]
    assert balances(mine) == (7, 0, 0)


def test_each_thing_is_dated_on_its_own_day() -> None:
    """Looked at long after, everything happened when it happened."""
    mine = account()
    earn(mine, 10, waits=5, dies=15)
    earn(mine, 10, waits=25, dies=35)
    mine.settle(day(400))
    assert [(each.type, each.at) for each in mine.posted[2:]] == [
        ("activate", day(5)),
        ("expire", day(15)),
        ("activate", day(25)),
        ("expire", day(35)),
    ]


def test_what_is_not_looked_for_is_not_overdue() -> None:
    """As long as lots have not been brought in, only those that came just now are known."""
    asked = []

    def load() -> tuple[list[Lot], list[Hold]]:
        asked.append(1)
        return [Lot(5, day(0), available=5, expires_at=day(1))], []

    mine = Account(Expiry(None, ZONE), available=5, load=load)
    earn(mine, 10, dies=20)
    assert not mine.overdue(day(9))
    assert mine.overdue(day(20))
    assert asked == []
    assert len(mine.lots) == 2
    assert mine.overdue(day(9))
    spend(mine, 15)
    assert asked == [1]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(("earn", "wait", "grant", "take", "reverse", "hold", "capture", "void", "on")),
        st.integers(1, 60),
        st.integers(0, 3),
    ),
    max_size=25,
)


@given(ACTS, st.sampled_from([None, 0, -25]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_an_account_is_always_what_lies_in_its_lots(
    acts: list[tuple[str, int, int]], floor: int | None, only_pending: bool
) -> None:
    """Less a deficit, after anything that may happen in any order; and no lot ever holds less than nothing."""
    mine, now = account(), 0
    for act, points, number in acts:
        open_holds = mine.holds
        try:
            match act:
                case "earn" | "wait":
                    earn(
                        mine,
                        points,
                        dies=now + 9 + number,
                        waits=now + 4 if act == "wait" else None,
                        row=number,
                        at=now,
                    )
                case "grant":
                    mine.grant(Lot(points, day(now)), **WHO)
                case "take":
                    spend(mine, points, at=now, floor=floor)
                case "reverse":
                    mine.reverse(
                        points, order_row=number, at=day(now), floor=floor, only_pending=only_pending, rule=None
                    )
                case "hold":
                    held(mine, points, until=now + number, at=now)
                case "capture" if open_holds:
                    mine.capture(open_holds[0], min(points, open_holds[0].points), at=day(now))
                case "void" if open_holds:
                    mine.release(open_holds[-1], at=day(now))
                case "on":
                    now += number
        except InsufficientBalance:
            assert floor is not None or act == "hold"
        mine.settle(day(now))
        assert balances(mine) == in_lots(mine)
        assert all(min(lot.pending, lot.available, lot.held) >= 0 for lot in mine.lots)
        assert all(lot.left <= lot.points for lot in mine.lots)
        assert sum(hold.points for hold in mine.holds) == mine.held
        assert not mine.overdue(day(now))
