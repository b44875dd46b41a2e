"""An award is made in one order: rules, the tier, campaigns, caps, and one floor."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from msgspec import structs
from purchases import NOON, PURCHASE, award, budgeted, campaign, challenge, deed, local, needs, order, program, shipped

from wallet_service.domain.award import Award, Need, Part, Refused, prize
from wallet_service.domain.campaigns import Budget
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Buyer, Deed, Line, Purchase

NOBODY = Buyer()
GIFT_CARD = Line("GIFT-50", 5000, tags=("gift-card",), earns=False)
COFFEE = Line("LATTE", 450, tags=("coffee",))
CAKE = Line("CAKE", 380, tags=("cake", "sweet"))


@pytest.mark.parametrize(
    ("name", "what", "buyer", "points", "rule"),
    [
        ("sephora_like", order(8040), Buyer("insider"), 80, "purchase"),
        ("sephora_like", order(8040), Buyer("vib"), 100, "purchase"),
        ("sephora_like", order(8040), Buyer("vib", (6, 30)), 180, "purchase+birthday-month-double"),
        ("starbucks_like", order(650), Buyer("reserve"), 11, "purchase"),
        (
            "starbucks_like",
            order(650, at=local("2026-11-03 09:00:00", "America/Los_Angeles")),
            Buyer("reserve"),
            22,
            "purchase+double-star-day",
        ),
        ("peak_design_like", order(25995, GIFT_CARD), NOBODY, 1299, "purchase"),
        ("peak_design_like", order(25995, structs.replace(GIFT_CARD, earns=True)), NOBODY, 1299, "purchase"),
        ("stamp_card", order(structs.replace(COFFEE, quantity=5), CAKE), NOBODY, 3, "coffee"),
        ("coalition", order(99900, partner="bookshop"), NOBODY, 199, "partner-purchase"),
        ("donation", order(12999), NOBODY, 129, "one-percent"),
        ("small_shop", order(Line("NEW-1", 1999), Line("OLD-1", 501)), NOBODY, 44, "purchase+new-product-2x"),
        ("discount_card", order(8040), NOBODY, 0, ""),
        ("paid_vip", order(8040), Buyer("vip"), 0, ""),
    ],
)
def test_the_example_programmes_give_what_they_promise(
    name: str, what: Purchase, buyer: Buyer, points: int, rule: str
) -> None:
    """Each of the example programmes gives the points that were worked out by hand, and says by which rules."""
    given = award(shipped(name), what, buyer)
    assert (given.points, given.rule) == (points, rule)


@pytest.mark.parametrize(
    ("properties", "points"),
    [
        ({}, 5),
        ({"has_photo": True}, 15),
        ({"has_photo": False}, 5),
        ({"has_photo": 0, "has_video": 1}, 25),
        ({"has_photo": True, "has_video": True}, 35),
    ],
)
def test_a_review_earns_more_with_a_photo(properties: dict[str, Any], points: int) -> None:
    """Every bonus whose property is true comes on top."""
    assert award(shipped("sephora_like"), deed("review.approved", **properties), NOBODY).points == points


def test_nobody_listens_to_some_deeds() -> None:
    """A deed without a rule earns nothing, and is no error; nor is one that calls itself an order."""
    assert award(shipped("small_shop"), deed("weather.changed"), NOBODY) == Award()
    assert award(program(), deed("order.paid"), NOBODY) == Award()


RULES: dict[str, dict[str, Any]] = {
    "net": {"basis": "net_items", "per": 10},
    "coffee": {"basis": "net_items", "per": 10, "match": {"tags": ["coffee"]}},
    "either": {"basis": "net_items", "per": 10, "match": {"tags": ["coffee"], "skus": ["CAKE"]}},
    "no sweets": {"basis": "net_items", "per": 10, "exclude": {"tags": ["sweet"]}},
    "tax": {"basis": "net_items_tax", "per": 1},
    "tax on coffee": {"basis": "net_items_tax", "per": 1, "match": {"tags": ["coffee"]}},
    "total": {"basis": "order_total", "per": 1},
    "total without gift cards": {"basis": "order_total", "per": 1, "exclude": {"tags": ["gift-card"]}},
    "pieces": {"basis": "quantity"},
    "coffees": {"basis": "quantity", "match": {"tags": ["coffee"]}},
    "visit": {"basis": "visit"},
    "visit for coffee": {"basis": "visit", "match": {"tags": ["coffee"]}},
}
TWO_AND_CAKE = order(
    structs.replace(COFFEE, net_minor=900, quantity=2), structs.replace(CAKE, net_minor=300), GIFT_CARD
)


@pytest.mark.parametrize(
    ("rule", "lines", "points"),
    [
        ("net", TWO_AND_CAKE, 120),
        ("net", order(1200), 120),
        ("coffee", TWO_AND_CAKE, 90),
        ("coffee", order(1200), 0),
        ("either", TWO_AND_CAKE, 120),
        ("no sweets", TWO_AND_CAKE, 90),
        ("no sweets", order(1200), 120),
        ("tax", structs.replace(TWO_AND_CAKE, tax_minor=240), 1440),
        ("tax", TWO_AND_CAKE, 1200),
        ("tax", order(1200, tax_minor=240), 1440),
        ("tax", order(GIFT_CARD, structs.replace(GIFT_CARD, sku="G2"), tax_minor=9), 0),
        ("tax on coffee", structs.replace(TWO_AND_CAKE, tax_minor=240), 1080),
        ("tax on coffee", order(1200, tax_minor=240), 0),
        ("total", structs.replace(TWO_AND_CAKE, total_minor=6440), 6440),
        ("total", TWO_AND_CAKE, 1200),
        ("total", order(1200, total_minor=1500), 1500),
        ("total", order(1200), 1200),
        ("total without gift cards", structs.replace(TWO_AND_CAKE, total_minor=6200), 1200),
        ("total without gift cards", TWO_AND_CAKE, 1200),
        ("pieces", TWO_AND_CAKE, 3),
        ("pieces", order(1200), 0),
        ("coffees", TWO_AND_CAKE, 2),
        ("visit", TWO_AND_CAKE, 1),
        ("visit", order(1200), 1),
        ("visit", order(GIFT_CARD, structs.replace(GIFT_CARD, sku="G2")), 1),
        ("visit for coffee", TWO_AND_CAKE, 1),
        ("visit for coffee", order(CAKE, GIFT_CARD), 0),
        ("visit for coffee", order(1200), 0),
        ("net", order(-500), 0),
        ("net", order(Line("A", 100), Line("REBATE", -300)), 0),
        ("pieces", order(structs.replace(CAKE, quantity=-2), GIFT_CARD), 0),
        (
            "tax on coffee",
            order(structs.replace(COFFEE, net_minor=0), structs.replace(CAKE, net_minor=0), tax_minor=9),
            0,
        ),
    ],
)
def test_each_basis_counts_its_own(rule: str, lines: Purchase, points: int) -> None:
    """Money after discounts, with tax, all that was paid, pieces and visits; only of lines that earn and match."""
    told = {"code": "r", "on": "order.paid", "points": 1} | RULES[rule]
    assert award(program(told), lines, NOBODY).points == points


@pytest.mark.parametrize(("partner", "points"), [("bakery", 99), ("cinema", 0), ("ghost", 0), (None, 0)])
def test_a_partner_issues_at_its_own_rate(partner: str | None, points: int) -> None:
    """Who only accepts, whom nobody knows, or nobody at all issues nothing."""
    assert award(shipped("coalition"), order(99900, partner=partner), NOBODY).points == points


def stacking(*rules: tuple[str, int, bool, int]) -> Program:
    """Return a programme with rules of (code, points per unit, stackable, priority)."""
    return program(
        *(
            PURCHASE | {"code": code, "points": points, "stackable": stackable, "priority": priority}
            for code, points, stackable, priority in rules
        )
    )


@pytest.mark.parametrize(
    ("rules", "points", "rule", "beaten"),
    [
        ([("a", 1, True, 0), ("b", 2, True, 0)], 30, "a+b", []),
        ([("a", 1, True, 0), ("b", 2, False, 0), ("c", 3, False, 0)], 40, "a+c", ["b"]),
        ([("b", 2, False, 0), ("c", 2, False, 1)], 20, "c", ["b"]),
        ([("c", 2, False, 0), ("b", 2, False, 0)], 20, "b", ["c"]),
        ([("a", 3, False, 0), ("b", 2, False, 9)], 30, "a", ["b"]),
    ],
)
def test_of_rules_that_do_not_stack_one_counts(
    rules: list[tuple[str, int, bool, int]], points: int, rule: str, beaten: list[str]
) -> None:
    """The one with the most points, then the highest priority, then the first code is added to those that stack."""
    given = award(stacking(*rules), order(1000), NOBODY)
    assert (given.points, given.rule) == (points, rule)
    assert given.refused == tuple(Refused(code, "not_stackable") for code in beaten)


def test_the_rule_is_chosen_before_the_tier_multiplies() -> None:
    """A factor of the tier does not make a rule win over one that gives more by itself."""
    small = PURCHASE | {"code": "small", "stackable": False, "tier_multiplier": {"gold": "10"}}
    large = PURCHASE | {"code": "large", "stackable": False, "points": 2}
    assert award(program(small, large), order(1000), Buyer("gold")).points == 20


def test_a_rule_at_its_limit_gives_way_to_the_next() -> None:
    """Limits decide before rules compete: the second best counts where the best is used up."""
    best = PURCHASE | {"code": "best", "points": 5, "stackable": False, "limit": {"times": 1, "per": "lifetime"}}
    second = PURCHASE | {"code": "second", "stackable": False}
    given = award(program(best, second), order(1000), NOBODY, {("best", ""): 1})
    assert (given.points, given.rule, given.refused) == (10, "second", (Refused("best", "limit_reached"),))
    assert award(program(best, second), order(1000), NOBODY).uses == (("best", ""),)


def test_the_tier_multiplies_what_rules_give_and_unknown_tiers_nothing() -> None:
    """A factor is applied to its own rule; a tier without one, or no tier, leaves the points as they are."""
    fast = PURCHASE | {"tier_multiplier": {"gold": "1.5", "iron": "0.5"}}
    plain = {"code": "visit", "on": "order.paid", "basis": "visit", "points": 7}
    tiers = ("gold", "iron", "wood", None)
    assert [award(program(fast, plain), order(1000), Buyer(tier)).points for tier in tiers] == [22, 12, 17, 17]
    assert award(program(fast, plain), order(1000), Buyer("gold")).parts == (
        Part("purchase", "rule", Fraction(10)),
        Part("visit", "rule", Fraction(7)),
        Part("gold", "tier", Fraction(5), Fraction(3, 2)),
    )


def test_parts_of_points_are_kept_until_the_end() -> None:
    """Two rules that give half a point each give one."""
    halves = [PURCHASE | {"code": code, "per": 200} for code in ("a", "b")]
    assert award(program(*halves), order(100), NOBODY).points == 1
    assert award(program(halves[0]), order(199), NOBODY).points == 0


def test_nothing_earned_uses_nothing() -> None:
    """Less than a point uses neither a limit nor a claim, and names no rule."""
    limited = PURCHASE | {"limit": {"times": 1, "per": "lifetime"}}
    extra = campaign("c", factor="1.5", budget={"stock": 3})
    given = award(program(limited, campaign=[extra]), order(30), NOBODY)
    assert (given.points, given.uses, given.spent, given.rule) == (0, (), (), "")
    assert len(given.parts) == 2


CAPPED: dict[str, Any] = {"points": {"cap": {"per_order": 3, "per": "P1D", "times": 3}}}


def test_a_cap_counts_orders_that_earn() -> None:
    """Within the time only so many orders earn; each that does is counted under the code of the cap."""
    card = program(PURCHASE, **CAPPED)
    assert award(card, order(200), NOBODY, {("cap", ""): 2}).uses == (("cap", ""),)
    assert award(card, order(200), NOBODY, {("cap", ""): 3}) == Award(refused=(Refused("cap", "cap_reached"),))
    assert award(card, order(20), NOBODY, {("cap", ""): 3}).refused == ()
    assert needs(card, order(200), NOBODY) == (Need("cap", "", datetime(2026, 6, 9, 22, tzinfo=UTC)),)


def test_a_cap_cuts_an_order_and_says_so() -> None:
    """An order earns no more than its cap, whatever a campaign adds; the statement keeps the full shares."""
    card = program(PURCHASE, **CAPPED, campaign=[campaign("double", factor="2", budget={"points": 100})])
    given = award(card, order(200), NOBODY)
    assert (given.points, given.spent, given.refused) == (3, (("double", 1),), (Refused("cap", "capped"),))
    assert sum(each.points for each in given.parts) == 4
    assert award(card, order(500), NOBODY).spent == (("double", 0),)
    assert award(card, order(150), NOBODY).refused == ()


def test_a_cap_is_for_orders_alone() -> None:
    """Deeds are neither cut nor counted by the cap of orders."""
    card = program(PURCHASE, {"code": "signup", "on": "member.enrolled", "points": 50}, **CAPPED)
    assert award(card, deed("member.enrolled"), NOBODY, {("cap", ""): 9}).points == 50
    assert needs(card, deed("member.enrolled"), NOBODY) == ()


@pytest.mark.parametrize(
    ("what", "key"),
    [
        (deed("social.followed", network="photos"), "photos"),
        (deed("social.followed", network=7), "7"),
        (deed("social.followed"), ""),
    ],
)
def test_uses_are_counted_apart_by_key(what: Deed, key: str) -> None:
    """Following two networks earns twice, following one of them twice earns once."""
    shop = shipped("small_shop")
    assert needs(shop, what, NOBODY) == (Need("follow", key, None),)
    assert award(shop, what, NOBODY, {("follow", "elsewhere"): 1}).uses == (("follow", key),)
    again = award(shop, what, NOBODY, {("follow", key): 1})
    assert again == Award(refused=(Refused("follow", "limit_reached"),))


@pytest.mark.parametrize(("key", "value"), [("location", "north"), ("order_id", "o1"), ("weather", "")])
def test_orders_have_keys_too(key: str, value: str) -> None:
    """A limit can count orders apart by place or by number; of anything else they know nothing."""
    rule = PURCHASE | {"limit": {"times": 1, "per": "lifetime", "key": key}}
    given = award(program(rule), order(1000, location="north"), NOBODY)
    assert given.uses == (("purchase", value),)


@pytest.mark.parametrize(
    ("per", "at", "since"),
    [
        ("lifetime", local(NOON), None),
        ("campaign", local(NOON), None),
        ("calendar_year", local(NOON), datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("calendar_year", local("2026-01-01 00:00:01"), datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("calendar_year", local("2025-12-31 23:59:59"), datetime(2024, 12, 31, 23, tzinfo=UTC)),
        ("P1D", local("2026-06-10 00:00:01"), datetime(2026, 6, 9, 22, tzinfo=UTC)),
        ("P1D", local("2026-06-10 23:59:59"), datetime(2026, 6, 9, 22, tzinfo=UTC)),
        ("P7D", local(NOON), datetime(2026, 6, 3, 22, tzinfo=UTC)),
        ("P1M", local("2026-03-31 12:00:00"), datetime(2026, 2, 28, 23, tzinfo=UTC)),
        ("P1D", local("2026-03-29 12:00:00"), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("P1D", local("2026-10-25 12:00:00"), datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("PT24H", local("2026-03-29 12:00:00"), datetime(2026, 3, 28, 10, tzinfo=UTC)),
        ("PT1H", local("2026-10-25 02:30:00", fold=1), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("P1DT6H", local(NOON), datetime(2026, 6, 9, 16, tzinfo=UTC)),
    ],
)
def test_uses_count_from_a_moment_on(per: str, at: datetime, since: datetime | None) -> None:
    """Days, months and years begin at midnight of the programme, also when the clocks change; hours by the clock."""
    rule = PURCHASE | {"limit": {"times": 1, "per": per}}
    assert needs(program(rule), order(1000, at=at), NOBODY) == (Need("purchase", "", since),)


def test_the_same_moment_is_another_day_elsewhere() -> None:
    """Whose midnight it is decides the programme's zone alone."""
    rule = PURCHASE | {"limit": {"times": 1, "per": "P1D"}}
    what = order(1000, at=datetime(2026, 6, 10, 3, tzinfo=UTC))
    zones = ("Asia/Tokyo", "America/Los_Angeles")
    assert [needs(program(rule, zone=zone), what, NOBODY)[0].since for zone in zones] == [
        datetime(2026, 6, 9, 15, tzinfo=UTC),
        datetime(2026, 6, 9, 7, tzinfo=UTC),
    ]


def test_a_birthday_earns_once_a_year() -> None:
    """After New Year of the programme the use of the year before counts no more."""
    shop = shipped("small_shop")
    (need,) = needs(shop, deed("member.birthday", local("2027-01-01 00:00:01", "Europe/Bucharest")), NOBODY)
    assert need == Need("birthday", "", datetime(2026, 12, 31, 22, tzinfo=UTC))


BUSY = program(
    PURCHASE | {"limit": {"times": 5, "per": "P1D"}},
    {"code": "idle", "on": "order.paid", "basis": "quantity", "points": 1, "limit": {"times": 1, "per": "P1D"}},
    {"code": "review", "on": "review.approved", "points": 5, "limit": {"times": 1, "per": "lifetime"}},
    campaign=[
        campaign("z-more", factor="2", limit={"times": 1, "per": "P1D"}, budget={"points": 9}),
        campaign("a-flat", kind="addition", points=3, budget={"stock": 9}),
        campaign("others", factor="2", segment="chosen", limit={"times": 1, "per": "P1D"}, budget={"points": 9}),
        campaign("reviews", factor="2", rules=["review"], limit={"times": 1, "per": "P1D"}, budget={"points": 9}),
        challenge("streak") | {"budget": {"points": 500}, "limit": {"times": 1, "per": "campaign"}},
    ],
)


def test_only_what_could_count_is_looked_up() -> None:
    """Rules and campaigns that have nothing to do with the event, or the member, are neither counted nor locked."""
    assert [each.code for each in needs(BUSY, order(1000), NOBODY)] == ["purchase", "streak", "z-more"]
    assert budgeted(BUSY, order(1000), NOBODY) == ("a-flat", "streak", "z-more")
    assert budgeted(BUSY, order(1000), Buyer(segments=frozenset({"chosen"})))[1] == "others"
    assert [each.code for each in needs(BUSY, deed("review.approved"), NOBODY)] == ["review", "reviews"]
    assert budgeted(BUSY, deed("review.approved"), NOBODY) == ("reviews",)
    assert budgeted(BUSY, deed("weather.changed"), NOBODY) == ()


def test_what_is_used_was_asked_about() -> None:
    """Each use and each budget of an award stands among those that were looked up before."""
    what = order(400)
    given = award(BUSY, what, NOBODY)
    assert set(given.uses) == {("purchase", ""), ("z-more", "")}
    assert set(given.uses) <= {(each.code, each.key) for each in needs(BUSY, what, NOBODY)}
    assert given.spent == (("a-flat", 3), ("z-more", 4))


def test_a_challenge_has_its_prize() -> None:
    """Whoever reaches the goal gets the points, as far as limit and budget allow."""
    streak = next(each for each in BUSY.campaign if each.code == "streak")
    what = order(1000)
    won = prize(streak, what)
    assert (won.points, won.rule, won.uses, won.spent) == (50, "streak", (("streak", ""),), (("streak", 50),))
    assert prize(streak, what, {("streak", ""): 1}) == Award(refused=(Refused("streak", "limit_reached"),))
    poor = prize(streak, what, budgets={"streak": Budget(49, None)})
    assert poor == Award(refused=(Refused("streak", "budget_spent"),))
    plain = next(each for each in shipped("starbucks_like").campaign if each.kind == "challenge")
    assert (prize(plain, what).points, prize(plain, what).spent) == (75, ())
