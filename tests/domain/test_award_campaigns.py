"""A campaign gives more at its time, to its members, for its lines, and as far as its limit and budget go."""

from datetime import UTC, datetime, time
from typing import Any

import pytest
from purchases import NOON, PRAGUE, PURCHASE, award, campaign, deed, local, order, program, shipped

from wallet_service.domain.award import Award, Refused
from wallet_service.domain.campaigns import Budget
from wallet_service.domain.program import Program
from wallet_service.domain.purchase import Buyer, Line

NOBODY = Buyer()
TIERED = PURCHASE | {"tier_multiplier": {"gold": "1.5"}}
GOLD = Buyer("gold")


def running(at: datetime, *, zone: str = PRAGUE, buyer: Buyer = NOBODY, **keys: Any) -> bool:
    """Return whether a campaign that doubles the points applies then."""
    doubled = program(zone=zone, campaign=[campaign("c", factor="2", **keys)])
    given = award(doubled, order(1000, at=at), buyer)
    assert given.points in {10, 20}
    return given.points == 20


def window(first: str = "", last: str = "", *, hours: str = "", weekdays: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the table of a window: from and to, hours such as "14:00-16:00" or "14:00-", weekdays."""
    start, _, end = hours.partition("-")
    told = {
        "from": first and datetime.fromisoformat(first),
        "to": last and datetime.fromisoformat(last),
        "start": start and time.fromisoformat(start),
        "end": end and time.fromisoformat(end),
        "weekdays": list(weekdays),
    }
    return {key: value for key, value in told.items() if value != ""}


DAY = window("2026-11-03T00:00:00", "2026-11-03T23:59:59")


@pytest.mark.parametrize("zone", [PRAGUE, "America/Los_Angeles", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("at", "runs"),
    [
        ("2026-11-02 23:59:59", False),
        ("2026-11-02 23:59:59.999999", False),
        ("2026-11-03 00:00:00", True),
        ("2026-11-03 00:00:01", True),
        ("2026-11-03 23:59:59", True),
        ("2026-11-03 23:59:59.999999", True),
        ("2026-11-04 00:00:00", False),
        ("2026-11-04 00:00:01", False),
    ],
)
def test_a_window_is_meant_in_the_programmes_own_time(zone: str, at: str, runs: bool) -> None:
    """Both ends belong to it, the last one for a whole second, wherever the service stands."""
    assert running(local(at, zone).astimezone(UTC), zone=zone, active=[DAY]) is runs


def test_one_moment_is_inside_here_and_outside_there() -> None:
    """The same order falls on the day in one zone, and before it in another."""
    at = datetime(2026, 11, 3, 5, tzinfo=UTC)
    assert running(at, zone="Europe/Prague", active=[DAY])
    assert not running(at, zone="America/Los_Angeles", active=[DAY])


def test_an_open_window_runs_on() -> None:
    """Without an end it goes on, without a beginning it always has, and any one of several is enough."""
    first, last = window(last="2026-01-31T23:59:59"), window("2026-12-01T00:00:00")
    found = [running(local(f"2026-{day} 12:00:00"), active=[first, last]) for day in ("01-31", "02-01", "12-01")]
    assert found == [True, False, True]
    assert running(local(NOON), active=[window()])


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("14:00-16:00", ["14:00:00", "15:59:59.9"], ["13:59:59.9", "16:00:00"]),
        (
            "22:00-02:00",
            ["22:00:00", "23:59:59", "00:00:01", "01:59:59"],
            ["02:00:00", "21:59:59"],
        ),
        ("18:00-", ["18:00:00", "23:59:59"], ["17:59:59", "00:00:01"]),
        ("-09:00", ["00:00:01", "08:59:59"], ["09:00:00", "23:59:59"]),
        ("10:00-00:00", ["10:00:00", "23:59:59"], ["09:59:59", "00:00:00"]),
        ("00:00-00:00", ["00:00:00", "12:00:00", "23:59:59"], []),
    ],
)
def test_hours_begin_inside_and_end_outside(hours: str, inside: list[str], outside: list[str]) -> None:
    """The first second of the hours is in, the last one is out, also when they go on over midnight."""
    found = {clock: running(local(f"2026-06-10 {clock}"), active=[window(hours=hours)]) for clock in inside + outside}
    assert found == dict.fromkeys(inside, True) | dict.fromkeys(outside, False)


@pytest.mark.parametrize(
    ("at", "runs"),
    [
        ("2026-06-12 21:59:59", False),
        ("2026-06-12 00:30:00", False),
        ("2026-06-12 22:00:00", True),
        ("2026-06-13 01:59:59", True),
        ("2026-06-13 22:00:00", False),
        ("2026-06-19 23:00:00", True),
    ],
)
def test_a_night_belongs_to_the_weekday_it_began_on(at: str, runs: bool) -> None:
    """Friday's night lasts into Saturday, and the hours before Friday's dawn are Thursday's."""
    assert running(local(at), active=[window(hours="22:00-02:00", weekdays=("fri",))]) is runs


def test_weekdays_are_those_of_the_zone() -> None:
    """Late on Sunday in Prague it is Monday in Tokyo."""
    at = local("2026-06-14 23:59:59")
    days = {"Europe/Prague": ("sun",), "Asia/Tokyo": ("mon",)}
    assert all(running(at, zone=zone, active=[window(weekdays=on)]) for zone, on in days.items())
    assert not any(running(at, zone=zone, active=[window(weekdays=("sat", "tue"))]) for zone in days)


@pytest.mark.parametrize(
    ("at", "runs"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), False),
    ],
)
def test_hours_follow_the_clocks_when_they_change(at: datetime, runs: bool) -> None:
    """From one to three is an hour long on the night in March, and three hours in October."""
    assert running(at, active=[window(hours="01:00-03:00")]) is runs


def test_a_day_of_23_hours_is_a_whole_day() -> None:
    """The window of the day of the change holds its first and its last second."""
    day = window("2026-03-29T00:00:00", "2026-03-29T23:59:59")
    edges = [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC)]
    assert all(running(at, active=[day]) for at in edges)
    assert not running(datetime(2026, 3, 29, 22, tzinfo=UTC), active=[day])


@pytest.mark.parametrize(
    ("birthday", "day", "runs"),
    [
        ((6, 10), "2026-06-10 00:00:01", True),
        ((6, 10), "2026-06-10 23:59:59", True),
        ((6, 10), "2026-06-09 23:59:59", False),
        ((6, 10), "2026-06-11 00:00:01", False),
        ((2, 29), "2027-02-28 12:00:00", True),
        ((2, 29), "2027-03-01 12:00:00", False),
        ((2, 29), "2028-02-28 12:00:00", False),
        ((2, 29), "2028-02-29 12:00:00", True),
        ((2, 28), "2027-02-28 12:00:00", True),
        ((2, 28), "2028-02-29 12:00:00", False),
        (None, "2026-06-10 12:00:00", False),
    ],
)
def test_a_birthday_is_a_day_of_the_programme(birthday: tuple[int, int] | None, day: str, runs: bool) -> None:
    """It lasts from midnight to midnight; whoever was born on 29 February has it on the 28th of common years."""
    assert running(local(day), buyer=Buyer(birthday=birthday), when={"member": "birthday"}) is runs


@pytest.mark.parametrize(
    ("at", "runs"),
    [("05-31 23:59:59", False), ("06-01 00:00:01", True), ("06-30 23:59:59", True), ("07-01 00:00:01", False)],
)
def test_a_birthday_month_is_a_month_of_the_programme(at: str, runs: bool) -> None:
    """It lasts from its first second to its last; without a birthday there is none."""
    when = {"member": "birthday_month"}
    assert running(local(f"2026-{at}"), buyer=Buyer(birthday=(6, 17)), when=when) is runs
    assert not running(local(f"2026-{at}"), when=when)


def test_a_campaign_is_for_its_segment() -> None:
    """Only members of it get more."""
    assert running(local(NOON), buyer=Buyer(segments=frozenset({"new", "quiet"})), segment="quiet")
    assert not running(local(NOON), buyer=Buyer(segments=frozenset({"new"})), segment="quiet")


def stacked(*campaigns: dict[str, Any]) -> Program:
    """Return a programme where gold members earn half as much again, with campaigns."""
    return program(TIERED, campaign=list(campaigns))


@pytest.mark.parametrize(
    ("campaigns", "points", "counting"),
    [
        ([campaign("a", factor="2")], 25, "a"),
        ([campaign("a", factor="2"), campaign("b", factor="3")], 45, "a+b"),
        ([campaign("a", factor="2", stack="max")], 30, "a"),
        ([campaign("a", factor="2", stack="max"), campaign("b", factor="3", stack="max")], 45, "b"),
        ([campaign("b", factor="2", stack="max"), campaign("a", factor="2", stack="max")], 30, "a"),
        ([campaign("a", factor="2"), campaign("b", factor="2", stack="max")], 40, "a+b"),
        ([campaign("a", factor="2", stack="max"), campaign("b", kind="addition", points=16, stack="max")], 31, "b"),
        ([campaign("a", factor="9"), campaign("b", factor="2", stack="exclusive")], 30, "b"),
        ([campaign("a", factor="2", stack="exclusive"), campaign("b", factor="3", stack="exclusive")], 45, "b"),
        ([campaign("a", kind="addition", points=7), campaign("b", kind="addition", points=8)], 30, "a+b"),
        ([campaign("a", kind="addition", points=1, stack="exclusive"), campaign("b", factor="9")], 16, "a"),
    ],
)
def test_campaigns_count_beside_each_other_as_they_say(
    campaigns: list[dict[str, Any]], points: int, counting: str
) -> None:
    """`add` sums on the points before the tier, `max` takes the best after it, `exclusive` leaves nothing beside it."""
    given = award(stacked(*campaigns), order(1000), GOLD)
    assert (given.points, given.rule) == (points, f"purchase+{counting}")
    beaten = {each["code"] for each in campaigns} - set(counting.split("+"))
    assert given.refused == tuple(Refused(code, "not_stackable") for code in sorted(beaten))


def test_a_factor_below_one_takes_away_but_never_below_nothing() -> None:
    """Two campaigns that take three quarters each leave nothing, and no debt."""
    less = [campaign("a", factor="0.25"), campaign("b", factor="0.25")]
    assert award(program(campaign=less[:1]), order(1000), NOBODY).points == 2
    assert award(program(campaign=less), order(1000), NOBODY).points == 0


def test_what_takes_points_away_pays_nothing_back() -> None:
    """A factor below one leaves its campaign's budget as it is."""
    less = campaign("less", factor="0.5", budget={"points": 100})
    assert award(program(campaign=[less]), order(1000), NOBODY).spent == (("less", 0),)


def test_a_campaign_multiplies_only_its_own_rules_and_lines() -> None:
    """Of two rules one is named, and of its lines one matches."""
    coffee = {"code": "coffee", "on": "order.paid", "basis": "quantity", "points": 3, "match": {"tags": ["coffee"]}}
    lines = order(Line("LATTE", 400, 2, ("coffee", "hot")), Line("ICED", 500, 1, ("coffee",)), Line("CAKE", 300))

    def points(**keys: Any) -> int:
        return award(program(PURCHASE, coffee, campaign=[campaign("c", factor="3", **keys)]), lines, NOBODY).points

    assert points() == 21 * 3
    assert points(rules=["coffee"]) == 21 + 18
    assert points(rules=["coffee"], match={"tags": ["hot"]}) == 21 + 12
    assert points(match={"skus": ["CAKE"]}) == 21 + 6
    assert points(match={"skus": ["TEA"]}) == 21


def test_without_lines_nothing_matches() -> None:
    """Where only an amount is known, a campaign for certain products does not apply."""
    given = award(shipped("small_shop"), order(2500), NOBODY)
    assert (given.points, given.rule, given.refused) == (25, "purchase", ())


@pytest.mark.parametrize(
    ("keys", "points"),
    [
        ({}, 60),
        ({"match": {"tags": ["hot"]}}, 60),
        ({"match": {"tags": ["cold"]}}, 10),
        ({"rules": ["purchase"]}, 60),
        ({"rules": ["coffee"]}, 10),
    ],
)
def test_an_addition_is_given_once_an_order(keys: dict[str, Any], points: int) -> None:
    """However many lines match; with rules, where one of them gives something."""
    coffee = PURCHASE | {"code": "coffee", "match": {"tags": ["coffee"]}}
    extra = campaign("extra", kind="addition", points=50, **keys)
    lines = order(Line("TEA", 500, tags=("hot",)), Line("COCOA", 500, tags=("hot",)))
    assert award(program(PURCHASE, coffee, campaign=[extra]), lines, NOBODY).points == points


def test_an_addition_needs_something_that_earns() -> None:
    """An order of nothing but a gift card, or of no amount, brings none."""
    extra = program(campaign=[campaign("extra", kind="addition", points=50)])
    gift_card = order(Line("GIFT", 5000, earns=False), Line("GIFT-2", 5000, earns=False))
    assert [award(extra, each, NOBODY).points for each in (gift_card, order(0), order(1))] == [0, 0, 50]


def test_deeds_have_campaigns_that_name_their_rule() -> None:
    """A campaign without rules is for orders; one that names the deed's rule multiplies and adds."""
    review = {"code": "review", "on": "review.approved", "points": 5, "bonus": [{"when": "has_photo", "points": 10}]}
    with_all = program(
        PURCHASE,
        review,
        campaign=[
            campaign("for-orders", factor="9"),
            campaign("flat-for-orders", kind="addition", points=100),
            campaign("double", factor="2", rules=["review"]),
            campaign("flat", kind="addition", points=7, rules=["review"]),
            campaign("matching", factor="9", rules=["review"], match={"skus": ["A"]}),
        ],
    )
    given = award(with_all, deed("review.approved", has_photo=True), NOBODY)
    assert (given.points, given.rule) == (37, "review+double+flat")


def test_a_campaign_follows_the_rules_that_count() -> None:
    """There is nothing to double where the rule is used up."""
    once = PURCHASE | {"limit": {"times": 1, "per": "P1D"}}
    doubled = program(once, campaign=[campaign("double", factor="2")])
    assert award(doubled, order(1000), NOBODY, {("purchase", ""): 1}) == Award(
        refused=(Refused("purchase", "limit_reached"),)
    )


def test_a_campaign_at_its_limit_leaves_the_rules() -> None:
    """The order earns as if there were no campaign, and says why."""
    twice = program(campaign=[campaign("double", factor="2", limit={"times": 2, "per": "campaign"})])
    uses = [award(twice, order(1000), NOBODY, {("double", ""): used}) for used in (0, 1, 2)]
    assert [(each.points, each.uses) for each in uses] == [(20, (("double", ""),)), (20, (("double", ""),)), (10, ())]
    assert uses[2].refused == (Refused("double", "limit_reached"),)


@pytest.mark.parametrize(
    ("left", "points", "spent", "refused"),
    [
        (None, 20, (("double", 10),), ""),
        (Budget(10, None), 20, (("double", 10),), ""),
        (Budget(9, None), 10, (), "budget_spent"),
        (Budget(0, None), 10, (), "budget_spent"),
        (Budget(None, 1), 20, (("double", 10),), ""),
        (Budget(None, 0), 10, (), "budget_spent"),
        (Budget(10, 0), 10, (), "budget_spent"),
        (Budget(None, None), 20, (("double", 10),), ""),
    ],
)
def test_a_budget_is_spent_whole_or_not_at_all(
    left: Budget | None, points: int, spent: tuple[tuple[str, int], ...], refused: str
) -> None:
    """A bonus that is more than what is left is not given in part."""
    doubled = program(campaign=[campaign("double", factor="2", budget={"points": 100, "stock": 100})])
    given = award(doubled, order(1000), NOBODY, budgets={"double": left} if left else {})
    assert (given.points, given.spent) == (points, spent)
    assert given.refused == ((Refused("double", refused),) if refused else ())


def test_a_budget_that_nobody_looked_up_is_what_the_file_says() -> None:
    """An estimate without budgets promises no more than a campaign has at all."""
    doubled = program(campaign=[campaign("double", factor="2", budget={"points": 10})])
    assert [award(doubled, order(each), NOBODY).points for each in (1000, 1100)] == [20, 11]


def test_parts_of_points_count_against_a_budget_of_whole_ones() -> None:
    """A bonus of 9.50 does not fit into 9, fits into 10, and takes what it gave: the 10th point of 19.00."""
    doubled = program(campaign=[campaign("double", factor="2", budget={"points": 100})])
    given = [award(doubled, order(950), NOBODY, budgets={"double": Budget(left, None)}) for left in (9, 10)]
    assert [(each.points, each.spent) for each in given] == [(9, ()), (19, (("double", 10),))]


@pytest.mark.parametrize("stack", ["max", "exclusive"])
def test_what_cannot_be_paid_beats_nothing(stack: str) -> None:
    """Where the best one's budget or limit is spent, the second best counts."""
    best = campaign("best", factor="5", stack=stack, budget={"points": 1000}, limit={"times": 1, "per": "lifetime"})
    pair = program(campaign=[best, campaign("second", factor="2", stack="max")])
    assert award(pair, order(1000), NOBODY).rule == "purchase+best"
    assert award(pair, order(1000), NOBODY, budgets={"best": Budget(39, None)}).rule == "purchase+second"
    assert award(pair, order(1000), NOBODY, {("best", ""): 1}).rule == "purchase+second"
