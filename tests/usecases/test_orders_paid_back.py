"""An order of which nothing is paid any more uses no limit and gives no mark, in whatever order that is told."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from actors import START, Clock
from ledger_actors import Till, who
from listeners import listening
from sqlalchemy import text

from wallet_service.domain.event import OrderPaid, OrderUpdated, Refund
from wallet_service.storage import migrate
from wallet_service.usecases.merge import merge
from wallet_service.wiring import Service

PURCHASE = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}
TOLD = ("pay a", "pay a", "refund a", "pay b")
WELCOME = {"code": "welcome", "kind": "addition", "points": 500, "limit": {"times": 1, "per": "lifetime"}}
Opened = Callable[..., Till]


def days(times: int, **goal: Any) -> dict[str, Any]:
    """Return a challenge of so many orders or days."""
    goal = {"event": "order.paid", "times": times, "within": "P30D"} | goal
    return {"code": "often", "kind": "challenge", "points": 1_000, "goal": goal}


def snapshot(order: str, minor: int, minute: int, *, back: int | None = None) -> OrderUpdated:
    """Return an order as it stood then; `back` is what a refund had paid back, 0 where that was undone."""
    refunds = () if back is None else (Refund("r", back or minor, START + timedelta(minutes=minute), undone=not back),)
    paid = OrderPaid(who(), order, "EUR", minor)
    return OrderUpdated(order, START + timedelta(minutes=minute), who(), paid, refunds=refunds)


def uses(shop: Till, name: str = "ann") -> int:
    """Return how often a member has used the welcome."""
    query = "SELECT coalesce(sum(times), 0) FROM award_uses WHERE member_id = :member AND code = 'welcome'"
    with shop.service.read() as tx:
        return int(tx.execute(text(query), {"member": shop.member(name).id}).scalar_one())


def test_the_first_order_that_lasts_is_welcomed(opened: Opened) -> None:
    """Who sends everything back has the welcome with the next order; of what is kept in part it stays used."""
    shop = opened(campaign=[WELCOME])
    assert shop.buy(1_000, order="a")["points"] == 510
    shop.refund(999, order="a")
    assert shop.buy(1_000, order="b")["points"] == 10
    shop.refund(1_000, order="a")
    assert shop.buy(1_000, order="c")["points"] == 510
    shop.check()


def test_an_undone_refund_takes_the_use_again(opened: Opened) -> None:
    """The order earns what it earned, and the limit counts it, even if another order has been welcomed meanwhile."""
    shop = opened(campaign=[WELCOME])
    for minute, back in enumerate((None, 1_000, 0)):
        shop.tell("order.updated", snapshot("a", 1_000, minute, back=back))
        assert uses(shop) == (back != 1_000)
    assert shop.balance() == 510
    shop.tell("order.updated", snapshot("a", 1_000, 5, back=1_000))
    assert shop.buy(1_000, order="b")["points"] == 510
    shop.tell("order.updated", snapshot("a", 1_000, 6, back=0))
    assert (shop.balance(), uses(shop)) == (1_020, 2)
    assert shop.buy(1_000, order="c")["points"] == 10


def test_a_cap_counts_orders_that_last(opened: Opened) -> None:
    """Where two orders a day earn, one that was cancelled is none of them."""
    shop = opened(points={"cap": {"times": 2, "per": "P1D"}})
    for order in ("a", "b"):
        shop.buy(1_000, order=order)
    assert shop.buy(1_000, order="c")["points"] == 0
    shop.tell("order.updated", OrderUpdated("b", START + timedelta(hours=1), who(), None, cancelled=True))
    assert shop.buy(1_000, order="d")["points"] == 10


@pytest.mark.parametrize("steps", sorted(set(itertools.permutations(TOLD))))
def test_any_order_of_telling_ends_alike(opened: Opened, steps: tuple[str, ...]) -> None:
    """However an order that was paid back and another are told, only the other has used a limit and given a mark."""
    shop = opened(campaign=[WELCOME, days(3)])
    for step in steps:
        order = step[-1]
        if step.startswith("refund"):
            shop.refund(1_000, order=order)
        else:
            shop.buy(1_000, order=order)
    a_stood = steps.index("pay a") < steps.index("pay b") < steps.index("refund a")
    assert uses(shop) == (0 if a_stood else 1)
    assert marks(shop) == ["b"]
    shop.check()


def marks(shop: Till, name: str = "ann") -> list[str]:
    """Return the marks that a member has in the challenge."""
    query = "SELECT marks FROM challenge_progress WHERE member_id = :member"
    with shop.service.read() as tx:
        found = tx.execute(text(query), {"member": shop.member(name).id}).scalar()
    return [mark for mark, *_ in found or ()]


def test_a_mark_goes_with_its_order(opened: Opened, service: Service) -> None:
    """What is paid back takes its mark out of the round, which the merchant is told; undone, it is there again."""
    shop = opened(campaign=[days(3)])
    ear = listening(service, types=("challenge.*",))
    shop.tell("order.updated", snapshot("a", 1_000, 0))
    shop.buy(1_000, order="b")
    shop.tell("order.updated", snapshot("a", 1_000, 1, back=1_000))
    assert marks(shop) == ["b"]
    shop.tell("order.updated", snapshot("a", 1_000, 2, back=0))
    assert sorted(marks(shop)) == ["a", "b"]
    assert shop.buy(1_000, order="c")["points"] == 1_010
    said = [(each["type"].split(".")[1], each["data"]["done"], each["data"]["round"]) for each in ear.told()]
    assert said == [
        ("progressed", 1, 1), ("progressed", 2, 1), ("progressed", 1, 1), ("progressed", 2, 1), ("completed", 3, 1)
    ]  # fmt: skip


def test_a_day_stays_with_another_order_of_it(opened: Opened, clock: Clock) -> None:
    """A mark that two orders have given is there until both are paid back."""
    shop = opened(campaign=[days(3, distinct="local_date")])
    for order in ("a", "b"):
        shop.buy(1_000, order=order)
    for order, left in (("b", 1), ("a", 0)):
        shop.refund(1_000, order=order)
        assert len(set(marks(shop))) == left
    for number in range(3):
        shop.buy(1_000, order=f"c{number}")
        clock.on(days=1)
    assert shop.balance() == 1_030


def test_a_completed_round_stays_completed(opened: Opened) -> None:
    """A prize stays, and an order that was part of it gives no mark to the next round when its refund is undone."""
    shop = opened(campaign=[days(2)])
    for order in ("a", "b"):
        shop.tell("order.updated", snapshot(order, 1_000, 0))
    assert shop.balance() == 1_020
    for minute, back in ((1, 1_000), (2, 0)):
        shop.tell("order.updated", snapshot("b", 1_000, minute, back=back))
    assert (shop.balance(), marks(shop)) == (1_020, [])


def test_what_was_paid_back_before_it_was_told_as_paid_gives_nothing(opened: Opened) -> None:
    """Two orders that are refunded before they are told as paid complete no challenge."""
    shop = opened(campaign=[WELCOME, days(2)])
    for order in ("a", "b"):
        shop.refund(1_000, order=order)
        assert shop.buy(1_000, order=order)["points"] == 0
    assert (shop.balance(), marks(shop), uses(shop)) == (0, [], 0)


def test_who_has_become_one_has_the_marks_of_both(opened: Opened) -> None:
    """Two orders of each are four of the survivor's, whose fifth completes the round; one that is paid back is none."""
    shop = opened(campaign=[days(5)])
    shop.enrol("bob")
    for number, name in enumerate(("bob", "bob", "ann", "ann")):
        shop.buy(1_000, order=f"o{number}", by=name)
    shop.do(merge, merged=who("bob"), survivor=who(), reason="one person")
    assert sorted(marks(shop)) == ["o0", "o1", "o2", "o3"]
    assert marks(shop, "bob") == []
    shop.refund(1_000, order="o0")
    assert shop.buy(1_000, order="o4")["points"] == 10
    assert shop.buy(1_000, order="o5")["points"] == 1_010


def test_who_has_become_one_gives_back_for_both(opened: Opened) -> None:
    """An order of a merged member that is paid back later gives the use back that the survivor has taken over."""
    shop = opened(campaign=[WELCOME])
    shop.enrol("bob")
    shop.buy(1_000, order="a", by="bob")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="one person")
    assert uses(shop) == 1
    shop.refund(1_000, order="a")
    assert uses(shop) == 0
    assert shop.buy(1_000, order="b")["points"] == 510


def test_the_tables_before_know_neither_idle_orders_nor_whose_marks_are(opened: Opened, service: Service) -> None:
    """Going back leaves what was read before: a mark is a name with a time, once, and who gave uses back has none."""
    shop = opened(campaign=[WELCOME, days(3, distinct="local_date")])
    for order in ("a", "b", "c"):
        shop.tell("order.updated", snapshot(order, 1_000, 0))
    shop.tell("order.updated", snapshot("a", 1_000, 1, back=1_000))
    migrate.downgrade(service.engine, "0025")
    with service.read() as tx:
        given = tx.execute(text("SELECT marks FROM challenge_progress")).scalar_one()
        kept = tx.execute(text("SELECT award->'taken' FROM orders WHERE order_id = 'a'")).scalar_one()
    assert [(name, datetime.fromisoformat(at)) for name, at in given] == [("2026-06-01", START)]
    assert kept == {}
    migrate.upgrade(service.engine)
    shop.tell("order.updated", snapshot("a", 1_000, 2, back=0))
    assert (shop.balance(), uses(shop), marks(shop)) == (530, 0, ["2026-06-01"])
    shop.check()
