"""Whatever the rules and orders: no debt, one floor, no order of things, and no limit or budget overrun."""

from collections import Counter
from datetime import timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from purchases import NOON, award, budgeted, local, needs, order, program

from wallet_service.domain.campaigns import Budget
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Buyer, Line, Purchase

TAGS = ("hot", "cold", "gift-card")
TIERS = ("gold", "iron", None)
amounts = st.integers(0, 100_000)
factors = st.sampled_from(("1", "1.25", "1.7", "2", "3"))
tables = st.fixed_dictionaries({"tags": st.lists(st.sampled_from(TAGS), min_size=1, max_size=2, unique=True)})
limits = st.fixed_dictionaries({"times": st.integers(1, 3), "per": st.sampled_from(("P1D", "lifetime"))})
budgets = st.one_of(
    st.fixed_dictionaries({"points": st.integers(1, 300)}), st.fixed_dictionaries({"stock": st.integers(1, 3)})
)
BASES = ("net_items", "net_items_tax", "order_total", "quantity", "visit")


def optional(**keys: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Return the keys of tables that may be left out."""
    return keys


def coded(name: str, tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tables with a code each."""
    return [{"code": f"{name}{number}"} | table for number, table in enumerate(tables)]


rules = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.just("order.paid"),
            "basis": st.sampled_from(BASES),
            "points": st.integers(1, 5),
            "per": st.sampled_from((1, 7, 100)),
            "stackable": st.booleans(),
            "priority": st.integers(0, 1),
        },
        optional=optional(
            match=tables,
            exclude=tables,
            tier_multiplier=st.fixed_dictionaries({"gold": factors, "iron": st.sampled_from(("0.5", "1"))}),
            limit=limits,
        ),
    ),
    max_size=3,
).map(lambda found: coded("r", found))
campaigns = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"kind": st.just("multiplier"), "factor": factors, "stack": st.sampled_from(("add", "max", "exclusive"))},
            optional=optional(match=tables, limit=limits, budget=budgets),
        ),
        st.fixed_dictionaries(
            {"kind": st.just("addition"), "points": st.integers(1, 40), "stack": st.sampled_from(("add", "max"))},
            optional=optional(match=tables, limit=limits, budget=budgets),
        ),
    ),
    max_size=4,
).map(lambda found: coded("c", found))
caps = st.one_of(
    st.none(),
    st.fixed_dictionaries({"per_order": st.integers(1, 60)}),
    st.fixed_dictionaries({"per": st.just("P1D"), "times": st.integers(1, 3)}),
)
lines = st.builds(
    Line,
    st.sampled_from("ABC"),
    amounts,
    st.integers(1, 9),
    st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple),
    st.booleans(),
)
buyers = st.sampled_from(TIERS).map(Buyer)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a programme with up to three rules and four campaigns."""
    found, extra, cap = draw(rules), draw(campaigns), draw(caps)
    more: dict[str, Any] = {"points": {"cap": cap}} if cap else {}
    return program(campaign=extra, **more).model_copy(
        update={"earning_rule": program(*found).earning_rule if found else ()}
    )


@st.composite
def orders(draw: st.DrawFn) -> Purchase:
    """Draw an order with lines, or with its amount alone."""
    found = draw(st.lists(lines, max_size=4))
    what = structs.replace(order(*found), lines=tuple(found)) if found else order(draw(amounts))
    known = st.one_of(st.none(), amounts)
    return structs.replace(what, tax_minor=draw(known), total_minor=draw(known))


@given(programs(), orders(), buyers)
@settings(max_examples=200, deadline=None)
def test_points_are_the_floor_of_the_parts(which: Program, what: Purchase, buyer: Buyer) -> None:
    """They are whole, never below 0, and exactly the sum of all shares, floored once and cut by the cap."""
    given_ = award(which, what, buyer)
    total = sum((each.points for each in given_.parts), Fraction(0))
    cap = which.points.cap.per_order if which.points.cap else None
    assert type(given_.points) is int
    assert given_.points == max(min(total // 1, total // 1 if cap is None else cap), 0)


@given(programs(), orders(), buyers, st.data())
@settings(max_examples=200, deadline=None)
def test_a_line_in_two_halves_earns_the_same(which: Program, what: Purchase, buyer: Buyer, data: st.DataObject) -> None:
    """How a till writes an order down does not change its points."""
    split: list[Line] = []
    for each in what.lines:
        cut, pieces = data.draw(st.integers(0, each.net_minor)), data.draw(st.integers(0, each.quantity))
        split += [
            structs.replace(each, net_minor=cut, quantity=pieces),
            structs.replace(each, net_minor=each.net_minor - cut, quantity=each.quantity - pieces),
        ]
    assert award(which, structs.replace(what, lines=tuple(split)), buyer) == award(which, what, buyer)


@given(programs(), orders(), buyers, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_of_things_does_not_matter(which: Program, what: Purchase, buyer: Buyer, random: Any) -> None:
    """Lines, rules and campaigns may stand in any order."""
    rules_, extra, bought = list(which.earning_rule), list(which.campaign), list(what.lines)
    for each in (rules_, extra, bought):
        random.shuffle(each)
    other = which.model_copy(update={"earning_rule": tuple(rules_), "campaign": tuple(extra)})
    assert award(other, structs.replace(what, lines=tuple(bought)), buyer) == award(which, what, buyer)


@given(programs(), st.lists(st.tuples(orders(), st.integers(0, 2)), max_size=8), buyers)
@settings(max_examples=150, deadline=None)
def test_limits_and_budgets_are_never_exceeded(
    which: Program, bought: list[tuple[Purchase, int]], buyer: Buyer
) -> None:
    """Order by order, with uses counted as they were asked for, nothing is used or spent beyond what there is."""
    history: list[tuple[tuple[str, str], Any]] = []
    points: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    at = local(NOON)
    with_budget = {each.code: each.budget for each in which.campaign if each.budget}
    for drawn, days in bought:
        at += timedelta(days=days)
        what = structs.replace(drawn, paid_at=at)
        asked = needs(which, what, buyer)
        usage = {
            (need.code, need.key): sum(
                use == (need.code, need.key) and (need.since is None or when >= need.since) for use, when in history
            )
            for need in asked
        }
        left = {
            code: Budget(
                None if (budget := with_budget[code]).points is None else budget.points - points[code],
                None if budget.stock is None else budget.stock - claims[code],
            )
            for code in budgeted(which, what, buyer)
        }
        given_ = award(which, what, buyer, usage, left)
        assert {code for code, _ in given_.uses} <= {need.code for need in asked}
        assert {code for code, _ in given_.spent} <= left.keys()
        history += [(use, at) for use in given_.uses]
        points.update(dict(given_.spent))
        claims.update(code for code, _ in given_.spent)
        _hold(which, history, at)
        for code, budget in with_budget.items():
            assert budget.points is None or 0 <= points[code] <= budget.points
            assert budget.stock is None or claims[code] <= budget.stock


def _hold(which: Program, history: list[tuple[tuple[str, str], Any]], at: Any) -> None:
    """Assert that no limit is exceeded, on the day or ever."""
    limited = [(each.code, each.limit) for each in which.earning_rule]
    limited += [(each.code, each.limit) for each in which.campaign]
    for code, limit in ((code, limit) for code, limit in limited if limit):
        counted = [when for (used, _), when in history if used == code]
        assert len(counted if limit.per == "lifetime" else [when for when in counted if when == at]) <= limit.times
    cap = which.points.cap
    if cap and cap.times:
        assert sum(code == "cap" and when == at for (code, _), when in history) <= cap.times


@given(programs(), orders(), buyers)
@settings(max_examples=150, deadline=None)
def test_a_budget_pays_for_what_was_given(which: Program, what: Purchase, buyer: Buyer) -> None:
    """What budgets spend together is part of the award, and each no more than its bonus rounded up."""
    given_ = award(which, what, buyer)
    shares = {each.code: each.points for each in given_.parts if each.kind == "campaign"}
    assert sum(points for _, points in given_.spent) <= given_.points
    assert all(points <= ceil(shares[code]) for code, points in given_.spent)


MONEY = {
    "code": "m",
    "on": "order.paid",
    "basis": "net_items",
    "points": 3,
    "per": 7,
    "tier_multiplier": {"gold": "1.25"},
}


@given(campaigns, st.lists(lines, min_size=1, max_size=3), st.integers(0, 5000), buyers)
@settings(max_examples=200, deadline=None)
def test_more_money_never_earns_less(extra: list[dict[str, Any]], bought: list[Line], more: int, buyer: Buyer) -> None:
    """As long as budgets last, a dearer line brings at least the points of the cheaper one."""
    lasting = [{key: value for key, value in each.items() if key != "budget"} for each in extra if _adds(each)]
    which = program(MONEY, campaign=lasting)
    dearer = [structs.replace(bought[0], net_minor=bought[0].net_minor + more), *bought[1:]]
    cheap, dear = (structs.replace(order(*each), lines=tuple(each)) for each in (bought, dearer))
    assert award(which, dear, buyer).points >= award(which, cheap, buyer).points


def _adds(table: dict[str, Any]) -> bool:
    """An exclusive campaign may take others away as soon as a line makes it apply: that is what it is for."""
    return bool(table["stack"] != "exclusive")
