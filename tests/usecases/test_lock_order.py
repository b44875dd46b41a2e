"""Who evaluates several orders in one transaction takes the budgets of all their rules at once, in one order."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from actors import START, Clock
from ledger_actors import program, till
from sqlalchemy import text

from wallet_service.domain.event import Customer, OrderPaid
from wallet_service.domain.identity import Identity
from wallet_service.domain.program_version import ProgramVersion
from wallet_service.wiring import Service

LOCK = "SELECT FROM campaign_states WHERE code = '{}' FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def test_an_order_of_older_rules_takes_its_budgets_with_those_of_orders_that_waited(
    service: Service, clock: Clock
) -> None:
    """What the order at hand draws on is locked before what those draw on that come to the member with it."""
    known = Customer(id="ann", identities=(Identity("shopify", "1153"),))
    double = {"kind": "multiplier", "factor": "2", "budget": {"points": 1_000}}
    old, new = (program("club", campaign=[double | {"code": code}]) for code in ("a", "b"))
    shop = till(service, clock, new)
    versions = (ProgramVersion(1, START - timedelta(days=9), old, ""), ProgramVersion(2, START, new, ""))
    shop.open = replace(shop.open, template=replace(shop.template, versions=versions))
    shop.enrol("ann", "bob")
    waits = Customer(identities=known.identities)
    shop.tell("order.paid", OrderPaid(waits, "waits", "EUR", 1_000))
    for order, ago in (("first", timedelta(days=2)), ("second", timedelta())):
        shop.buy(1_000, order=order, by="bob", paid_at=START - ago)
    late = OrderPaid(known, "late", "EUR", 1_000, paid_at=START - timedelta(days=1))
    with ThreadPoolExecutor(1) as pool:
        with service.begin() as tx:
            tx.execute(text(LOCK.format("a")))
            told = pool.submit(shop.tell, "order.paid", late)
            with service.read() as other:
                while not other.execute(text(WAITING)).scalar_one():
                    time.sleep(0.01)
            tx.execute(text(LOCK.format("b") + " NOWAIT"))
        assert told.result(timeout=60)["points"] == 40
    shop.check()
