"""A challenge gives its prize as often as its limit and its budget let it."""

from typing import Any

import pytest
from actors import Clock
from books import faults
from ledger_actors import line, program, till

from wallet_service.wiring import Service

FEW: list[dict[str, Any]] = [
    {"budget": {"stock": 1}},
    {"budget": {"points": 150}},
    {"limit": {"times": 1, "per": "lifetime"}},
]


@pytest.mark.parametrize("few", FEW)
def test_two_rounds_in_one_order_are_two_prizes_at_the_most(
    service: Service, clock: Clock, few: dict[str, Any]
) -> None:
    """Whoever reaches the goal twice at once has one prize where only one is left, and two where nothing bounds it."""
    goal = {"event": "order.paid", "times": 2, "within": "P30D", "distinct": "sku"}
    taster = {"code": "taster", "kind": "challenge", "points": 100, "goal": goal}
    basket = tuple(line(sku, minor=0) for sku in ("ale", "bock", "cider", "dunkel"))
    for code, more, points in (("bounded", few, 100), ("free", {}, 200)):
        shop = till(service, clock, program(code, campaign=[taster | more]))
        shop.enrol("ann")
        shop.buy(0, order="o", lines=basket)
        assert shop.balance() == points
    assert faults(service) == []
