"""An order that is changed after it was evaluated ends where its newest state alone would have ended."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from actors import START, Clock
from ledger_actors import Till, line, shipped, till, who
from sqlalchemy import text

from wallet_service.domain.event import OrderPaid, OrderUpdated, Refund
from wallet_service.domain.purchase import Line
from wallet_service.wiring import Service

STAMPS = {"code": "coffee", "on": "order.paid", "basis": "quantity", "points": 5, "match": {"tags": ["coffee"]}}
PURCHASE = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}
DOUBLE = {"code": "double", "kind": "multiplier", "factor": "2"}
BOTH: dict[str, Any] = {"earning_rule": [PURCHASE, STAMPS]}
KINDS: dict[str, dict[str, Any]] = {
    "lines": BOTH,
    "cap": BOTH | {"points": {"cap": {"per_order": 30}}},
    "budget": BOTH | {"campaign": [DOUBLE | {"budget": {"points": 40, "stock": 2}}]},
    "limit": {"earning_rule": [PURCHASE, STAMPS | {"limit": {"times": 1, "per": "P30D"}}]},
    "visit": {"earning_rule": [STAMPS | {"basis": "visit", "code": "visit"}, PURCHASE | {"basis": "order_total"}]},
}
Opened = Callable[..., Till]


def snapshot(version: int, *lines: Line, order: str = "o", back: int = 0, **more: Any) -> OrderUpdated:
    """Return an order as a whole as it stood then, with so much paid back of it."""
    eligible = sum(each.net_minor for each in lines)
    paid = OrderPaid(
        who(), order, "EUR", eligible, lines, total_minor=eligible + 500, paid_at=START - timedelta(days=1), **more
    )
    refunds = (Refund("r", back, START, gross=False),) if back else ()
    return OrderUpdated(order, START + timedelta(minutes=version), who(), paid, refunds=refunds)


def coffee(quantity: int, minor: int) -> Line:
    """Return so many coffees that cost so much in all."""
    return line("coffee", tags=("coffee",), quantity=quantity, minor=minor)


def cake(minor: int) -> Line:
    """Return a cake of that price."""
    return line("cake", minor=minor)


def outcome(shop: Till, order: str = "o") -> dict[str, Any]:
    """Return what the books and the budgets of campaigns came to for an order."""
    wanted = {
        "order": "SELECT kept, earned, tier, award->'parts' FROM orders WHERE order_id = :order AND source_id IN"
        " (SELECT id FROM sources WHERE program_id = :program)",
        "budgets": "SELECT code, points, claims FROM campaign_states WHERE program_id = :program AND points > 0",
    }
    with shop.service.read() as tx:
        values = {"order": order, "program": shop.open.id}
        found = {name: [tuple(row) for row in tx.execute(text(query), values)] for name, query in wanted.items()}
    return found | {"balance": shop.balance(), "totals": shop.member().position.totals}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_came_before_the_newest_state_alone_decides(opened: Opened, kind: str, seed: int) -> None:
    """Snapshots with other lines, late, twice and in any order, end in points and budgets like the newest one alone."""
    chance = random.Random(f"{kind} {seed}")
    told = [
        snapshot(number, coffee(chance.randint(1, 4), chance.randint(0, 3_000)), cake(chance.choice((0, 1, 9_000))))
        for number in range(chance.randint(2, 4))
    ]
    newest = told[-1]
    if chance.random() < 0.5:
        told = [*told, newest]
    chance.shuffle(told)
    many, once = opened(**KINDS[kind]), opened(**KINDS[kind])
    for each in told:
        many.tell("order.updated", each)
    once.tell("order.updated", newest)
    many.check()
    assert outcome(many) == outcome(once)
    after = [shop.buy(5_000, order="next", lines=(coffee(1, 5_000),))["points"] for shop in (many, once)]
    assert after[0] == after[1]


def test_more_coffees_are_more_stamps_and_a_cake_is_none(service: Service, clock: Clock) -> None:
    """What is added to an order is looked at by the rules, line by line."""
    cafe = till(service, clock, shipped("stamp_card"))
    cafe.enrol("ann")
    one = line("espresso", tags=("coffee",), minor=300)
    currency = cafe.rules.program.currency

    def told(version: int, *lines: Line) -> None:
        eligible = sum(each.net_minor for each in lines)
        paid = OrderPaid(who(), "o", currency, eligible, lines)
        cafe.tell("order.updated", OrderUpdated("o", START + timedelta(minutes=version), who(), paid))

    told(1, one)
    first = cafe.balance()
    told(2, one, line("cake", minor=3_000))
    assert (first, cafe.balance()) == (1, 1)
    told(3, one, line("cake", minor=3_000), line("latte", tags=("coffee",), quantity=2, minor=900))
    assert cafe.balance() == 3


def test_a_refund_is_of_what_was_bought_in_the_end(opened: Opened) -> None:
    """Points go back by the share of the newest amount, whether the refund was told before the change or after it."""
    for back_first in (True, False):
        shop = opened(**KINDS["cap"])
        steps = [snapshot(1, cake(2_000), back=1_000 if back_first else 0), snapshot(2, cake(6_000), back=3_000)]
        for each in steps:
            shop.tell("order.updated", each)
        assert shop.balance() == 15  # half of 30, the most that an order gives


def test_an_order_keeps_tier_and_version_of_its_first_evaluation(opened: Opened) -> None:
    """What is added later earns by the rules and the multiplier that the order began with."""
    tiers = {
        "tiers": {"measure": "spend", "window": "lifetime"},
        "tier": [{"code": "base", "name": "Base", "threshold": 0}, {"code": "top", "name": "Top", "threshold": 10_000}],
    }
    rule = PURCHASE | {"tier_multiplier": {"top": "3"}}
    shop = opened(earning_rule=[rule], **tiers)
    shop.tell("order.updated", snapshot(1, cake(1_000)))
    shop.buy(20_000, order="large")
    assert shop.member().position.rank is not None
    assert shop.member().position.rank.tier == "top"  # type: ignore[union-attr]
    before = shop.balance()
    shop.tell("order.updated", snapshot(2, cake(3_000)))
    assert shop.balance() - before == 20


def test_where_nothing_is_eligible_the_whole_amount_decides(opened: Opened) -> None:
    """An order that earned by its total loses its points as that is paid back, and all of them with all of it."""
    total = PURCHASE | {"basis": "order_total"}
    for gross, left in ((2_500, 25), (5_000, 0)):
        shop = opened(earning_rule=[total])
        paid = OrderPaid(who(), "o", "EUR", 0, total_minor=5_000)
        back = (Refund("r", gross, START, gross=True),)
        shop.tell("order.updated", OrderUpdated("o", START, who(), paid))
        assert shop.balance() == 50
        shop.tell("order.updated", OrderUpdated("o", START + timedelta(minutes=1), who(), paid, refunds=back))
        assert shop.balance() == left
        assert shop.member().position.totals.orders == (1 if left else 0)


def test_a_challenge_counts_an_order_once(opened: Opened) -> None:
    """A change of the order gives its mark no second time, also where a round was completed by it."""
    goal = {"event": "order.paid", "times": 2, "within": "P30D"}
    shop = opened(campaign=[{"code": "two", "kind": "challenge", "points": 100, "goal": goal}])
    for order in ("a", "b"):
        shop.tell("order.updated", snapshot(1, cake(1_000), order=order))
    assert shop.balance() == 120
    for version, order in ((2, "b"), (3, "a"), (4, "b")):
        shop.tell("order.updated", snapshot(version, cake(1_000 + version), order=order))
    assert shop.balance() == 120
