"""Programmes, orders and deeds for the tests of earning."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from wallet_service.domain.award import Award, Need, applicable
from wallet_service.domain.campaigns import UNTOUCHED, Budgets
from wallet_service.domain.limits import UNUSED, Usage
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Buyer, Deed, Line, Purchase

PROGRAMS = Path(__file__).parent / "programs"
PRAGUE = "Europe/Prague"
PURCHASE: dict[str, Any] = {"code": "purchase", "on": "order.paid", "basis": "net_items", "points": 1, "per": 100}
NOON = "2026-06-10 12:00:00"  # a Wednesday


def shipped(name: str) -> Program:
    """Return one of the example programmes."""
    return Program.model_validate(tomllib.loads((PROGRAMS / f"{name}.toml").read_text(encoding="utf-8")))


def program(*rules: dict[str, Any], zone: str = PRAGUE, **tables: Any) -> Program:
    """Return a programme with these earning rules, or a point a unit of money, and these further tables."""
    head = {"code": "test", "name": "Test", "timezone": zone, "currency": "EUR"}
    return Program.model_validate({"schema": 1, "program": head, "earning_rule": list(rules or (PURCHASE,)), **tables})


def campaign(code: str, **keys: Any) -> dict[str, Any]:
    """Return a campaign's table: a multiplier unless it says otherwise."""
    return {"code": code, "kind": "multiplier"} | keys


def challenge(code: str, **goal: Any) -> dict[str, Any]:
    """Return the table of a challenge: two orders within a week for 50 points, unless its goal says otherwise."""
    return campaign(code, kind="challenge", points=50, goal={"event": "order.paid", "times": 2, "within": "P7D"} | goal)


def local(text: str, zone: str = PRAGUE, fold: int = 0) -> datetime:
    """Return the moment at which the zone's clocks show that."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def order(*amounts: int | Line, at: datetime | None = None, order_id: str = "o1", **more: Any) -> Purchase:
    """Return a paid order of lines, or of one amount that nothing further is known of."""
    paid_at = at or local(NOON)
    if len(amounts) == 1 and isinstance(amounts[0], int):
        return Purchase(order_id, paid_at, amounts[0], **more)
    lines = tuple(each if isinstance(each, Line) else Line(f"S{each}", each) for each in amounts)
    eligible = sum(each.net_minor for each in lines if each.earns)
    return Purchase(order_id, paid_at, eligible, lines, **more)


def deed(type_: str, at: datetime | None = None, **properties: str | int | bool) -> Deed:
    """Return something that a member did."""
    return Deed(type_, at or local(NOON), properties)


def award(
    program: Program, what: Purchase | Deed, buyer: Buyer, usage: Usage = UNUSED, budgets: Budgets = UNTOUCHED
) -> Award:
    """Return what it earns after so many uses and with such budgets."""
    return applicable(program, what, buyer).award(usage, budgets)


def needs(program: Program, what: Purchase | Deed, buyer: Buyer) -> tuple[Need, ...]:
    """Return which uses have to be counted before."""
    return applicable(program, what, buyer).needs()


def budgeted(program: Program, what: Purchase | Deed, buyer: Buyer) -> tuple[str, ...]:
    """Return the codes of all campaigns with a budget that could give something."""
    return applicable(program, what, buyer).budgeted()
