"""Members rise, stay and fall through tiers as the programme says, however often they are looked at."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from wallet_service.domain.period import local_day, parse
from wallet_service.domain.program import Program
from wallet_service.domain.qualifying import tally
from wallet_service.domain.tiering import (
    CALENDAR,
    PROGRAM,
    Amounts,
    Change,
    Facts,
    Rank,
    advance,
    after,
    boundary,
    last_day,
    measured,
    recheck,
    set_manually,
)

PROGRAMS = Path(__file__).parents[1] / "programs"
ONE_DAY = timedelta(days=1)
JOINED = date(2024, 1, 1)
LADDER = (("low", 0), ("mid", 100), ("high", 300), ("top", 600))


def shipped(name: str) -> Program:
    """Return one of the programmes as a merchant would write them."""
    return Program.model_validate(tomllib.loads((PROGRAMS / f"{name}.toml").read_text(encoding="utf-8")))


def programme(measure: str = "spend", *, steps: Any = LADDER, membership: int | None = None, **tiers: Any) -> Program:
    """Return a programme with those tiers; `membership` states its days of grace."""
    paid = {"kind": "paid", "price": 100, "period": parse("P1Y"), "grace_days": membership}
    table: dict[str, Any] = {
        "schema": 1,
        "program": {"code": "p", "name": "P", "timezone": "Europe/Prague", "currency": "EUR"},
        "tiers": {"measure": measure, **tiers},
        "tier": [{"code": code, "threshold": threshold} for code, threshold in steps],
    }
    return Program.model_validate(table if membership is None else table | {"membership": paid})


def day(text: str) -> date:
    """Return a day from its ISO form."""
    return date.fromisoformat(text)


def spent(amounts: Mapping[str, int], joined: date = JOINED) -> Facts:
    """Return the facts of a member who spent so much, and earned as many points, on those days."""
    return Facts(joined, {day(each): Amounts(amount, amount, 1) for each, amount in amounts.items()})


def known(facts: Facts, today: date) -> Facts:
    """Return the facts as they were known at the end of a day."""
    return replace(facts, days={each: amounts for each, amounts in facts.days.items() if each <= today})


def start(program: Program, facts: Facts) -> Rank:
    """Return the rank with which a member joins, before anything was done."""
    rank, _ = advance(program, None, replace(facts, days={}), facts.joined, cause="joining")
    assert rank is not None
    return rank


def follow(program: Program, facts: Facts, today: str) -> list[tuple[str, str, str | None, str | None]]:
    """Return the day, kind, tier and last day of every line from the joining, without it, up to today."""
    _, lines = advance(program, start(program, facts), facts, day(today), cause="order")
    return [shown(each) for each in lines]


def shown(line: Change) -> tuple[str, str, str | None, str | None]:
    """Return what a history shows of a line."""
    return str(line.day), line.kind, line.tier, str(line.valid_until) if line.valid_until else None


def rank_of(tier: str, since: str, until: str | None, **more: Any) -> Rank:
    """Return a rank that was earned on the day on which it begins."""
    return Rank(tier, day(since), day(until) if until else None, **{"measured_to": day(since)} | more)


# The timelines that were checked beside the reference


def test_a_calendar_year_is_not_repeated_and_the_tier_falls() -> None:
    """400 in November 2024 and 100 in 2025: VIB to the end of 2025, then Insider."""
    facts = spent({"2024-11-20": 40_000, "2025-04-04": 10_000})
    assert follow(shipped("sephora_like"), facts, "2027-06-01") == [
        ("2024-11-20", "upgraded", "vib", "2025-12-31"),
        ("2026-01-01", "downgraded", "insider", None),
    ]


def test_a_calendar_year_is_repeated_once_and_the_tier_is_prolonged_once() -> None:
    """360 in the second year: VIB to the end of the third."""
    facts = spent({"2024-11-20": 40_000, "2025-04-04": 36_000})
    assert follow(shipped("sephora_like"), facts, "2027-06-01") == [
        ("2024-11-20", "upgraded", "vib", "2025-12-31"),
        ("2026-01-01", "prolonged", "vib", "2026-12-31"),
        ("2027-01-01", "downgraded", "insider", None),
    ]


def test_a_high_tier_falls_to_what_the_ended_year_qualifies_for() -> None:
    """1 100 and then 500: Rouge, then VIB for a year, then Insider."""
    facts = spent({"2024-02-10": 110_000, "2025-04-04": 50_000})
    assert follow(shipped("sephora_like"), facts, "2027-06-01") == [
        ("2024-02-10", "upgraded", "rouge", "2025-12-31"),
        ("2026-01-01", "downgraded", "vib", "2026-12-31"),
        ("2027-01-01", "downgraded", "insider", None),
    ]


def test_a_rolling_year_is_kept_by_earning_as_much_again() -> None:
    """510 Stars by 10 March 2026 are Gold to 9 March 2027; 200 more do not keep it, and 500 do."""
    program, first = shipped("starbucks_like"), {"2025-12-01": 300, "2026-03-10": 210}
    gold = ("2026-03-10", "upgraded", "gold", "2027-03-09")
    assert follow(program, spent(first | {"2026-08-01": 200}), "2027-12-31") == [
        gold,
        ("2027-03-10", "downgraded", "green", None),
    ]
    assert follow(program, spent(first | {"2026-08-01": 500}), "2027-12-31") == [
        gold,
        ("2027-03-10", "prolonged", "gold", "2028-03-09"),
    ]


def test_a_lifetime_discount_grows_and_stays() -> None:
    """30 000 in 2024 give 5 %, 100 000 in all give 10 %, for ever."""
    facts = spent({"2024-06-01": 3_000_000, "2025-06-01": 7_000_000})
    assert follow(shipped("discount_card"), facts, "2040-01-01") == [
        ("2024-06-01", "upgraded", "p5", None),
        ("2025-06-01", "upgraded", "p10", None),
    ]


# A paid membership


def test_a_membership_keeps_its_tier_to_the_end_of_grace() -> None:
    """VIP begins with the payment, ends with the paid time, and falls when the longer of two graces is over."""
    program, joined = shipped("paid_vip"), Facts(day("2025-01-01"))
    paid = replace(joined, member_since=day("2025-02-01"), member_until=day("2026-01-31"))
    assert follow(program, joined, "2025-06-01") == []
    assert follow(program, paid, "2027-01-01") == [
        ("2025-02-01", "upgraded", "vip", "2026-01-31"),
        ("2026-02-08", "downgraded", "free", None),  # 7 days of either grace, not 14
    ]
    assert [measured(program, paid, day(each)) for each in ("2025-01-31", "2026-02-07", "2026-02-08")] == [0, 1, 0]


def test_a_renewed_membership_prolongs_the_tier_at_once() -> None:
    """Who pays a month early sees the new date that day, and who pays in grace does not fall."""
    program, rank = shipped("paid_vip"), rank_of("vip", "2025-02-01", "2026-01-31")
    facts = Facts(day("2025-01-01"), member_until=day("2027-01-31"))
    rank_after, lines = advance(program, rank, facts, day("2025-12-20"), cause="paid")
    assert [shown(each) for each in lines] == [("2025-12-20", "prolonged", "vip", "2027-01-31")]
    assert advance(program, rank_after, facts, day("2025-12-21"), cause="paid") == (rank_after, [])
    _, lines = advance(program, rank, facts, day("2026-02-05"), cause="paid")
    assert [(each.kind, each.valid_until) for each in lines] == [("prolonged", day("2027-01-31"))]


def test_a_membership_without_a_date_is_over_today() -> None:
    """Who has no membership any more keeps no grace, and falls on the day on which this became known."""
    program, rank, facts = shipped("paid_vip"), rank_of("vip", "2025-02-01", "2026-01-31"), Facts(day("2025-01-01"))
    _, lines = advance(program, rank, facts, day("2025-05-05"), cause="ended")
    assert [shown(each) for each in lines] == [("2025-05-05", "downgraded", "free", None)]


def test_a_membership_that_ends_early_takes_the_tier_along() -> None:
    """The last day to show is the membership's where that comes before the line's."""
    program, rank = shipped("paid_vip"), rank_of("vip", "2025-02-01", "2026-01-31")
    facts = Facts(day("2025-01-01"), member_until=day("2025-06-30"))
    assert last_day(program, rank, facts) == day("2025-06-30")
    assert boundary(program, rank, facts, day("2025-06-10")) == day("2025-07-01")
    assert boundary(program, rank, facts, day("2025-07-01")) == day("2025-07-08")
    assert advance(program, rank, facts, day("2025-07-07"), cause="") == (rank, [])
    _, lines = advance(program, rank, facts, day("2025-07-08"), cause="")
    assert [shown(each) for each in lines] == [("2025-07-08", "downgraded", "free", None)]


def test_a_spent_tier_needs_the_membership_that_it_is_valid_for() -> None:
    """With `membership_period` spend alone gives nothing; with a membership it does, until that ends."""
    program = programme(membership=3, valid="membership_period")
    facts = spent({"2024-03-03": 350})
    member = replace(facts, member_since=day("2024-02-01"), member_until=day("2025-01-31"))
    assert follow(program, facts, "2026-01-01") == []
    assert follow(program, member, "2026-01-01") == [
        ("2024-03-03", "upgraded", "high", "2025-01-31"),
        ("2025-02-04", "downgraded", "low", None),
    ]


def test_no_level_outlasts_the_membership_that_it_needs() -> None:
    """One level at a time is for who is still a member."""
    program = programme(membership=3, valid="membership_period", downgrade="one_level")
    facts = replace(spent({"2024-03-03": 700}), member_since=day("2024-02-01"), member_until=day("2025-01-31"))
    assert follow(program, facts, "2026-01-01")[1:] == [("2025-02-04", "downgraded", "low", None)]


@pytest.mark.parametrize(("valid", "fall"), [("forever", "2025-02-08"), (parse("P2Y"), "2026-02-01")])
def test_a_membership_measured_without_its_period_falls_by_validity(valid: Any, fall: str) -> None:
    """For ever ends when the membership and its grace do; a period of its own is waited for."""
    program = programme("membership", steps=(("free", 0), ("vip", 1)), membership=7, valid=valid)
    facts = Facts(JOINED, member_since=day("2024-02-01"), member_until=day("2025-01-31"))
    _, lines = advance(program, start(program, facts), facts, day("2027-01-01"), cause="paid")
    assert [(str(each.day), each.kind, each.tier, each.cause) for each in lines] == [
        ("2024-02-01", "upgraded", "vip", "paid"),
        (fall, "downgraded", "free", CALENDAR),
    ]


# Windows


@pytest.mark.parametrize(
    ("window", "today", "amount"),
    [
        ("calendar_year", "2024-12-31", 7),
        ("calendar_year", "2025-01-01", 8),
        ("rolling_12_months", "2025-02-28", 23),  # since 29 February 2024
        ("rolling_12_months", "2025-03-01", 16),
        ("rolling_12_months", "2025-12-31", 16),
        ("rolling_12_months", "2026-01-01", 8),
        ("lifetime", "2030-01-01", 36),
        ("none", "2030-01-01", 36),
        ("anniversary", "2025-02-27", 15),
        ("anniversary", "2025-02-28", 8),
        ("anniversary", "2026-02-27", 8),
        ("anniversary", "2028-02-28", 5),
        ("anniversary", "2028-02-29", 0),
    ],
)
def test_a_window_counts_its_own_days(window: str, today: str, amount: int) -> None:
    """Joined on 29 February: the anniversary of a common year is the 28th."""
    amounts = {"2024-02-29": 7, "2025-01-01": 8, "2025-02-28": 8, "2026-02-28": 8, "2028-02-28": 5}
    facts = spent(amounts, joined=day("2024-02-29"))
    assert measured(programme(window=window), known(facts, day(today)), day(today)) == amount


@pytest.mark.parametrize(
    ("measure", "amount"),
    [("spend", 70), ("points_earned", 7), ("orders", 3), ("visits", 2), ("referrals", 4), ("balance", 9)],
)
def test_every_measure_counts_its_own_facts(measure: str, amount: int) -> None:
    """Visits are days with orders, however many; a day whose orders were all taken back is none."""
    days = {
        day("2024-05-01"): Amounts(spend=50, points=5, orders=2),
        day("2024-05-02"): Amounts(spend=20, points=2, orders=1),
        day("2024-05-03"): Amounts(referrals=4),
    }
    facts = Facts(JOINED, days, balance=9)
    assert measured(programme(measure), facts, day("2024-06-01")) == amount


def test_a_programme_without_tiers_measures_nothing() -> None:
    """Nothing counts where there is nothing to reach."""
    bare = programme().model_copy(update={"tiers": None, "tier": ()})
    assert measured(bare, spent({"2024-05-01": 50}), day("2024-06-01")) == 0


def test_new_year_comes_when_it_does_in_the_programmes_zone() -> None:
    """One moment is still the old year in New York and already the new one in Prague."""
    moment = datetime(2024, 12, 31, 23, 30, tzinfo=UTC)
    zones = {name: shipped(name).zone for name in ("sephora_like", "paid_vip")}
    days = {name: local_day(moment, zone) for name, zone in zones.items()}
    assert days == {"sephora_like": day("2024-12-31"), "paid_vip": day("2025-01-01")}
    program = shipped("sephora_like")
    for each, until in zip(days.values(), ("2025-12-31", "2026-12-31"), strict=True):
        rank, _ = advance(program, None, spent({str(each): 40_000}), each, cause="order")
        assert rank is not None
        assert rank.valid_until == day(until)


@pytest.mark.parametrize(
    ("reached", "valid", "until"),
    [
        ("2024-02-29", "P12M", "2025-02-27"),
        ("2024-02-29", "P4Y", "2028-02-28"),
        ("2024-01-31", "P1M", "2024-02-28"),
        ("2025-01-31", "P1M", "2025-02-27"),
        ("2024-08-31", "P6M", "2025-02-27"),
        ("2024-03-01", "P12M", "2025-02-28"),
        ("2024-05-05", "P1D", "2024-05-05"),
        ("2024-05-05", "PT24H", "2024-05-05"),
        ("2024-05-05", "PT48H", "2024-05-06"),
    ],
)
def test_a_period_of_validity_ends_on_the_day_before_it_is_over(reached: str, valid: str, until: str) -> None:
    """Months are counted as in points' expiry: the end of a short month stands for the days that it lacks."""
    program = programme(window="lifetime", valid=parse(valid))
    rank, lines = advance(program, rank_of("low", "2024-01-01", None), spent({reached: 100}), day(reached), cause="")
    assert [shown(each) for each in lines] == [(reached, "upgraded", "mid", until)]
    assert rank is not None
    assert boundary(program, rank, spent({reached: 100}), day(reached)) == day(until) + ONE_DAY


def test_an_anniversary_year_ends_on_the_28th_for_who_joined_on_the_29th() -> None:
    """The tier is judged by the member's own year that ended."""
    program = programme(window="anniversary", valid=parse("P1Y"))
    facts = spent({"2024-02-29": 100, "2025-02-27": 50, "2025-02-28": 100}, joined=day("2024-02-29"))
    assert follow(program, facts, "2027-06-01") == [
        ("2024-02-29", "upgraded", "mid", "2025-02-27"),
        ("2025-02-28", "prolonged", "mid", "2026-02-27"),
        ("2026-02-28", "prolonged", "mid", "2027-02-27"),
        ("2027-02-28", "downgraded", "low", None),
    ]


# Rising, staying and falling


def test_next_order_rises_on_the_day_like_immediately() -> None:
    """What the order itself gets is decided by the tier before it, in both cases."""
    facts = spent({"2024-05-05": 350})
    for start_rule in ("immediately", "next_order"):
        assert follow(programme(start=start_rule), facts, "2024-12-31") == [("2024-05-05", "upgraded", "high", None)]


@pytest.mark.parametrize(
    ("window", "rises"), [("calendar_year", "2025-01-01"), ("lifetime", "2025-01-01"), ("anniversary", "2024-07-15")]
)
def test_next_period_rises_at_its_start_alone(window: str, rises: str) -> None:
    """The ended year decides, and counts as the year in which the tier was reached."""
    program = programme(window=window, start="next_period", valid="end_of_next_calendar_year")
    facts = spent({"2024-05-05": 350}, joined=day("2023-07-15"))
    eve = day(rises) - ONE_DAY
    assert follow(program, facts, str(eve)) == []
    assert boundary(program, start(program, facts), known(facts, day("2024-05-05")), day("2024-05-05")) == day(rises)
    until = "2025-12-31"
    assert follow(program, facts, rises) == [(rises, "upgraded", "high", until)]


@pytest.mark.parametrize(
    ("downgrade", "lines"),
    [
        ("to_qualified", [("2025-03-10", "downgraded", "low", None)]),
        (
            "one_level",
            [
                ("2025-03-10", "downgraded", "high", "2026-03-09"),
                ("2026-03-10", "downgraded", "mid", "2027-03-09"),
                ("2027-03-10", "downgraded", "low", None),
            ],
        ),
        ("none", []),
    ],
)
def test_a_tier_falls_as_the_programme_says(downgrade: str, lines: list[tuple[str, str, str, str | None]]) -> None:
    """At once to what is qualified, a level a term, or never; what never falls has no last day."""
    program = programme(window="rolling_12_months", valid=parse("P12M"), downgrade=downgrade)
    first = ("2024-03-10", "upgraded", "top", None if downgrade == "none" else "2025-03-09")
    assert follow(program, spent({"2024-03-10": 700}), "2030-01-01") == [first, *lines]


def test_one_level_stops_at_what_is_qualified() -> None:
    """A fall of one level never goes below, nor stays above, what policy and window give."""
    program = programme(window="rolling_12_months", valid=parse("P12M"), downgrade="one_level")
    facts = spent({"2024-03-10": 700, "2024-10-10": 300, "2025-10-10": 300})
    assert follow(program, facts, "2026-12-31") == [
        ("2024-03-10", "upgraded", "top", "2025-03-09"),
        ("2025-03-10", "downgraded", "high", "2026-03-09"),
        ("2026-03-10", "prolonged", "high", "2027-03-09"),
    ]


@pytest.mark.parametrize(
    ("bought", "lines"),
    [
        (None, [("2026-01-31", "downgraded", "low", None)]),
        ("2026-01-30", [("2026-01-30", "prolonged", "mid", "2027-12-31")]),
        ("2026-01-31", [("2026-01-31", "downgraded", "low", None), ("2026-01-31", "upgraded", "mid", "2027-12-31")]),
    ],
)
def test_days_of_grace_are_a_last_chance(bought: str | None, lines: list[tuple[str, str, str, str | None]]) -> None:
    """A tier falls when grace is over, and is prolonged if it is earned again on any day of grace."""
    program = programme(window="calendar_year", valid="end_of_next_calendar_year", grace_days=30)
    facts = spent({"2024-06-01": 100} | ({bought: 100} if bought else {}))
    assert follow(program, facts, "2026-12-31") == [("2024-06-01", "upgraded", "mid", "2025-12-31"), *lines]


def test_a_fall_after_grace_goes_to_what_the_ended_year_gave() -> None:
    """The lower tier has the validity of the year that earned it."""
    program = programme(window="calendar_year", valid="end_of_next_calendar_year", grace_days=30)
    facts = spent({"2024-06-01": 300, "2025-06-01": 100})
    assert follow(program, facts, "2026-12-31") == [
        ("2024-06-01", "upgraded", "high", "2025-12-31"),
        ("2026-01-31", "downgraded", "mid", "2026-12-31"),
    ]


def test_a_grace_of_years_gives_no_tier_that_is_long_over() -> None:
    """What a window gave is not given once its time is past."""
    program = programme(window="calendar_year", valid="end_of_next_calendar_year", grace_days=800)
    facts = spent({"2024-06-01": 300, "2025-06-01": 100})
    assert follow(program, facts, "2029-12-31")[1:] == [("2028-03-11", "downgraded", "low", None)]


@pytest.mark.parametrize("year", [2025, 2026])
def test_a_grace_over_new_year_counts_the_year_before_it_and_the_one_within(year: int) -> None:
    """What ended with the term counts when grace is over, and so does a year that ended since."""
    program = programme(window="calendar_year", valid=parse("P2Y"), grace_days=300)
    assert follow(program, spent({"2024-06-01": 300, f"{year}-06-01": 100}), "2027-12-31") == [
        ("2024-06-01", "upgraded", "high", "2026-05-31"),
        ("2027-03-28", "downgraded", "mid", "2029-03-27"),
    ]


def test_a_level_that_is_kept_after_years_of_grace_has_a_term_of_its_own() -> None:
    """A fall of one level never leads to a tier whose time is past."""
    program = programme(
        window="calendar_year", valid="end_of_next_calendar_year", grace_days=800, downgrade="one_level"
    )
    lines = follow(program, spent({"2024-06-01": 300}), "2029-12-31")
    assert lines[1:] == [("2028-03-11", "downgraded", "mid", "2029-12-31")]


def test_a_debt_that_falls_out_of_the_window_raises() -> None:
    """The amount rises though nothing is done on that day."""
    program, facts = programme(window="rolling_12_months"), spent({"2024-01-10": -50, "2024-06-01": 120})
    assert boundary(program, start(program, facts), facts, day("2024-06-01")) == day("2025-01-10")
    assert follow(program, facts, "2025-03-03") == [("2025-01-10", "upgraded", "mid", None)]


def test_a_balance_has_no_period_to_wait_for() -> None:
    """With `next_period` it rises at once, as with the other two."""
    program, today = programme("balance", window="none", start="next_period"), day("2024-05-05")
    rank, _ = advance(program, start(program, Facts(JOINED)), Facts(JOINED, balance=150), today, cause="")
    assert rank is not None
    assert (rank.tier, rank.since) == ("mid", today)


def test_a_balance_falls_when_the_decision_that_held_it_is_over() -> None:
    """Under a manual floor a fallen balance costs nothing until the floor's day."""
    program = programme("balance", window="none")
    manual, _ = set_manually(program, None, "mid", day("2024-12-31"), JOINED, reason="gift")
    rank: Rank | None = manual
    history: list[Change] = []
    for month, balance in enumerate((350, 150, 10), start=2):
        facts = Facts(JOINED, balance=balance)
        rank, lines = advance(program, rank, facts, date(2024, month, 1), cause="points")
        history += lines
    assert [(each.kind, each.tier) for each in history] == [("upgraded", "high"), ("downgraded", "mid")]
    assert boundary(program, rank, facts, date(2024, 4, 1)) == day("2025-01-01")
    _, lines = advance(program, rank, facts, day("2025-02-02"), cause="points")
    assert [(*shown(each), each.cause) for each in lines] == [("2025-01-01", "downgraded", "low", None, CALENDAR)]


def test_a_balance_tier_follows_the_balance_where_it_is_valid_for_ever() -> None:
    """Falls as soon as points are spent; levels are not taken one by one, as there is no term between them."""
    facts, today = Facts(JOINED, balance=650), day("2024-05-05")
    for downgrade, tier in (("to_qualified", "low"), ("one_level", "low"), ("none", "top")):
        program = programme("balance", window="none", downgrade=downgrade)
        rank, _ = advance(program, start(program, Facts(JOINED)), facts, today, cause="earned")
        assert rank is not None
        assert (rank.tier, rank.since) == ("top", today)
        rank, lines = advance(program, rank, Facts(JOINED, balance=10), day("2024-06-06"), cause="redeemed")
        assert rank is not None
        assert rank.tier == tier
        assert [(each.day, each.cause) for each in lines] == [(day("2024-06-06"), "redeemed")] * (tier != "top")


def test_a_balance_tier_with_a_term_falls_at_its_end() -> None:
    """Spending points costs nothing before the last day, and a level at the end."""
    program = programme("balance", window="none", valid=parse("P1M"), downgrade="one_level")
    rank, facts = rank_of("top", "2024-05-05", "2024-06-04"), Facts(JOINED, balance=10)
    assert advance(program, rank, facts, day("2024-06-04"), cause="") == (rank, [])
    _, lines = advance(program, rank, facts, day("2024-07-05"), cause="")
    assert [shown(each) for each in lines] == [
        ("2024-06-05", "downgraded", "high", "2024-07-04"),
        ("2024-07-05", "downgraded", "mid", "2024-08-04"),
    ]


def test_each_line_has_its_cause() -> None:
    """What an order brings names the order; what the days bring by themselves names the calendar."""
    program, facts = shipped("sephora_like"), spent({"2024-11-20": 40_000, "2026-03-03": 40_000})
    _, lines = advance(program, start(program, facts), facts, day("2026-03-03"), cause="order-1")
    assert [(each.kind, each.cause) for each in lines] == [
        ("upgraded", "order-1"),
        ("downgraded", CALENDAR),
        ("upgraded", "order-1"),
    ]


def test_an_order_of_the_old_year_that_is_heard_of_in_the_new_one_still_counts() -> None:
    """It was paid before midnight and told after it, when the year had been judged: the tier comes back."""
    program = shipped("sephora_like")
    early = spent({"2024-11-20": 40_000, "2025-04-04": 30_000})
    rank, lines = advance(program, start(program, early), early, day("2026-01-01"), cause="")
    assert [each.kind for each in lines] == ["upgraded", "downgraded"]
    late = replace(early, days={**early.days, day("2025-12-31"): Amounts(spend=6_000)})
    rank, lines = advance(program, rank, late, day("2026-01-01"), cause="late")
    assert [shown(each) for each in lines] == [("2026-01-01", "upgraded", "vib", "2026-12-31")]
    assert advance(program, rank, late, day("2026-12-31"), cause="") == (rank, [])


# Refunds


def test_a_refund_takes_a_tier_that_is_no_longer_earned() -> None:
    """The window in which the tier was reached gives less now, and the days since then do not make up for it."""
    program, today = shipped("sephora_like"), day("2025-02-01")
    rank = rank_of("vib", "2024-11-20", "2025-12-31")
    kept, less = spent({"2024-11-20": 35_000}), spent({"2024-11-20": 34_999})
    assert recheck(program, rank, kept, today, cause="refund") == (rank, [])
    found, lines = recheck(program, rank, less, today, cause="refund")
    assert [(*shown(each), each.cause) for each in lines] == [("2025-02-01", "downgraded", "insider", None, "refund")]
    assert recheck(program, found, less, today, cause="refund") == (found, [])
    assert advance(program, found, less, day("2026-12-31"), cause="") == (found, [])
    keeping = program.model_copy(
        update={"tiers": program.tiers and program.tiers.model_copy(update={"on_refund": "keep"})}
    )
    assert recheck(keeping, rank, less, today, cause="refund") == (rank, [])


@pytest.mark.parametrize("more", [{"2024-12-15": 10_000}, {"2025-01-15": 36_000}])
def test_a_refund_does_not_take_what_was_earned_again_since(more: dict[str, int]) -> None:
    """Later in the same window, or in today's."""
    program, rank = shipped("sephora_like"), rank_of("vib", "2024-11-20", "2025-12-31")
    facts = spent({"2024-11-20": 30_000} | more)
    assert recheck(program, rank, facts, day("2025-02-01"), cause="refund") == (rank, [])


def test_a_refund_leaves_the_tier_that_is_still_earned() -> None:
    """Rouge falls to VIB, no longer than Rouge would have been valid."""
    program, rank = shipped("sephora_like"), rank_of("rouge", "2024-11-20", "2025-12-31")
    _, lines = recheck(program, rank, spent({"2024-11-20": 99_000}), day("2025-02-01"), cause="refund")
    assert [shown(each) for each in lines] == [("2025-02-01", "downgraded", "vib", "2025-12-31")]


def test_a_lower_tier_after_a_refund_is_valid_no_longer() -> None:
    """Its term began when the tier did that it stands in for, not with the line that wrote that down."""
    program = programme(window="rolling_12_months", valid=parse("P12M"))
    rank = rank_of("high", "2025-02-01", "2025-06-09", measured_to=day("2024-06-10"))
    _, lines = recheck(program, rank, spent({"2024-06-10": 200}), day("2025-03-03"), cause="refund")
    assert [shown(each) for each in lines] == [("2025-03-03", "downgraded", "mid", "2025-06-09")]


def test_what_was_taken_back_comes_back_only_while_it_would_last() -> None:
    """A refund that is undone restores the tier; one of a year that is over does not."""
    program, facts = shipped("sephora_like"), spent({"2024-11-20": 40_000})
    fallen = rank_of("insider", "2025-02-01", None, measured_to=day("2024-11-20"))
    _, lines = advance(program, fallen, facts, day("2025-03-03"), cause="undone")
    assert [shown(each) for each in lines] == [("2025-02-01", "upgraded", "vib", "2025-12-31")]
    fallen = structs.replace(fallen, since=day("2026-02-01"))
    assert advance(program, fallen, facts, day("2026-03-03"), cause="undone") == (fallen, [])


def test_a_refund_in_another_window_takes_nothing() -> None:
    """A prolonged tier stands on the year that prolonged it."""
    program = shipped("sephora_like")
    rank = rank_of("vib", "2026-01-01", "2026-12-31", measured_to=day("2025-12-31"))
    facts = spent({"2024-11-20": 0, "2025-04-04": 36_000})
    assert recheck(program, rank, facts, day("2026-02-01"), cause="refund") == (rank, [])
    less = spent({"2024-11-20": 40_000, "2025-04-04": 34_000})
    found, _ = recheck(program, rank, less, day("2026-02-01"), cause="refund")
    assert found is not None
    assert (found.tier, found.since) == ("insider", day("2026-02-01"))


def test_a_refund_reaches_what_never_falls_by_itself() -> None:
    """A lifetime discount stands on its purchases."""
    program, rank = shipped("discount_card"), rank_of("p10", "2025-06-01", None)
    _, lines = recheck(program, rank, spent({"2024-06-01": 3_000_000}), day("2025-07-01"), cause="refund")
    assert [shown(each) for each in lines] == [("2025-07-01", "downgraded", "p5", None)]


# Decisions of persons


def test_a_manual_tier_holds_to_its_day_and_then_falls_to_what_is_qualified() -> None:
    """Whatever the programme says of falls and grace: the decision was for that time."""
    for downgrade in ("to_qualified", "one_level", "none"):
        program = programme(window="lifetime", downgrade=downgrade, grace_days=10)
        rank, lines = set_manually(program, None, "top", day("2024-06-30"), day("2024-06-01"), reason="press")
        assert [(*shown(each), each.cause) for each in lines] == [
            ("2024-06-01", "set_manually", "top", "2024-06-30", "press")
        ]
        facts = spent({"2024-06-10": 150})
        assert advance(program, rank, facts, day("2024-06-30"), cause="") == (rank, [])
        assert recheck(program, rank, facts, day("2024-06-30"), cause="") == (rank, [])
        found, lines = advance(program, rank, facts, day("2024-08-01"), cause="")
        assert [shown(each) for each in lines] == [("2024-07-01", "downgraded", "mid", None)]
        assert found is not None
        assert not found.manual


def test_a_manual_tier_is_a_floor_under_what_is_earned_above_it() -> None:
    """Who rises above it for a year comes back to it, not below, and by a refund as well."""
    program = programme(window="rolling_12_months", valid=parse("P12M"))
    rank, _ = set_manually(program, None, "mid", day("2030-12-31"), day("2024-01-01"), reason="friend")
    facts = spent({"2024-03-10": 700})
    risen, _ = advance(program, rank, facts, day("2024-03-10"), cause="")
    found, lines = advance(program, risen, facts, day("2029-01-01"), cause="")
    assert [shown(each) for each in lines] == [("2025-03-10", "downgraded", "mid", "2030-12-31")]
    assert found is not None
    assert found.manual
    _, lines = recheck(program, risen, spent({"2024-03-10": 0}), day("2024-04-01"), cause="")
    assert [shown(each) for each in lines] == [("2024-04-01", "downgraded", "mid", "2030-12-31")]
    _, lines = advance(program, found, facts, day("2031-01-01"), cause="")
    assert [shown(each) for each in lines] == [("2031-01-01", "downgraded", "low", None)]


def test_a_manual_tier_that_was_earned_meanwhile_is_prolonged() -> None:
    """The year that is running counts at the end of a term that a person chose."""
    program = shipped("sephora_like")
    rank, _ = set_manually(program, None, "vib", day("2025-06-30"), day("2025-01-10"), reason="press")
    _, lines = advance(program, rank, spent({"2025-03-03": 40_000}), day("2025-07-01"), cause="")
    assert [shown(each) for each in lines] == [("2025-07-01", "prolonged", "vib", "2026-12-31")]


@pytest.mark.parametrize(
    ("begins", "kind", "tier"), [("immediately", "upgraded", "high"), ("next_period", "prolonged", "mid")]
)
def test_a_lower_manual_tier_ends_with_what_the_ended_year_gave(begins: str, kind: str, tier: str) -> None:
    """Unless tiers begin with a period: then the next one is waited for."""
    program = programme(window="calendar_year", valid="end_of_next_calendar_year", start=begins)
    rank, _ = set_manually(program, None, "mid", day("2025-06-30"), day("2025-01-10"), reason="dispute")
    facts = spent({"2024-05-05": 350})
    found, lines = advance(program, rank, facts, day("2025-07-01"), cause="")
    assert [shown(each) for each in lines] == [("2025-07-01", kind, tier, "2025-12-31")]
    assert advance(program, found, facts, day("2025-12-31"), cause="") == (found, [])


def test_only_a_tier_of_the_programme_can_be_set() -> None:
    """A tier that does not exist is refused."""
    with pytest.raises(ValueError, match="gold is no tier of p"):
        set_manually(programme(), None, "gold", None, JOINED, reason="")


# New versions of a programme


def test_a_programme_that_gains_tiers_ranks_by_the_facts_kept() -> None:
    """Last year's purchases give this year's tier, with the validity that they would have given."""
    rank, lines = advance(shipped("sephora_like"), None, spent({"2024-11-20": 40_000}), day("2025-03-03"), cause="v2")
    assert [(*shown(each), each.measured_to, each.cause) for each in lines] == [
        ("2025-03-03", "joined", "vib", "2025-12-31", day("2024-11-20"), "v2")
    ]
    assert rank == Rank("vib", day("2025-03-03"), day("2025-12-31"), day("2024-11-20"))


def test_a_programme_that_loses_its_tiers_ranks_nobody() -> None:
    """Who had a tier leaves it, once."""
    bare = programme().model_copy(update={"tiers": None, "tier": ()})
    rank, facts, today = rank_of("mid", "2024-05-05", None), Facts(JOINED), day("2024-06-06")
    assert boundary(bare, rank, facts, today) == today + ONE_DAY
    assert advance(bare, rank, facts, today, cause="") == (None, [Change("left", today, None, None, today, PROGRAM)])
    assert advance(bare, None, facts, today, cause="") == (None, [])
    assert recheck(bare, None, facts, today, cause="") == (None, [])
    assert boundary(bare, None, facts, today) is None


def test_a_tier_that_is_gone_is_replaced_by_what_is_qualified() -> None:
    """By the window in which it was earned, or since; no longer than it would have been valid."""
    program, today = shipped("sephora_like"), day("2026-02-02")
    rank = rank_of("gold", "2026-01-01", "2026-12-31", measured_to=day("2025-12-31"))
    assert boundary(program, rank, Facts(JOINED), today) == today + ONE_DAY
    facts = spent({"2025-04-04": 36_000})
    found, lines = advance(program, rank, facts, today, cause="order")
    assert [(*shown(each), each.cause) for each in lines] == [("2026-02-02", "joined", "vib", "2026-12-31", PROGRAM)]
    assert advance(program, found, facts, today, cause="order") == (found, [])
    _, lines = advance(program, rank, Facts(JOINED), today, cause="order")
    assert [shown(each) for each in lines] == [("2026-02-02", "joined", "insider", None)]


# When to look again


@pytest.mark.parametrize(
    ("window", "today", "expected"),
    [
        ("lifetime", "2024-05-05", None),
        ("calendar_year", "2024-05-05", "2025-01-01"),
        ("calendar_year", "2025-01-01", None),
        ("rolling_12_months", "2024-05-05", "2025-03-01"),
        ("rolling_12_months", "2025-03-01", "2025-05-05"),
        ("rolling_12_months", "2025-05-05", None),
        ("anniversary", "2024-05-05", "2025-01-01"),
    ],
)
def test_the_amount_shown_changes_when_the_window_moves(window: str, today: str, expected: str | None) -> None:
    """Without any tier at stake the days matter on which something falls out of the window."""
    facts = spent({"2024-02-29": 7, "2024-05-05": 7})
    found = boundary(programme(window=window), rank_of("low", "2024-01-01", None), facts, day(today))
    assert found == (day(expected) if expected else None)


def test_facts_of_days_to_come_are_waited_for() -> None:
    """An event dated tomorrow counts tomorrow."""
    program, facts = programme(), spent({"2024-05-06": 100})
    rank, _ = advance(program, start(program, facts), facts, day("2024-05-05"), cause="")
    assert rank is not None
    assert (rank.tier, boundary(program, rank, facts, day("2024-05-05"))) == ("low", day("2024-05-06"))


def test_a_boundary_is_the_end_of_the_term_and_then_of_its_grace() -> None:
    """The day after the last, and the day on which grace is over."""
    program, rank = programme(valid=parse("P1M"), grace_days=5), rank_of("mid", "2024-05-05", "2024-06-04")
    days = [boundary(program, rank, Facts(JOINED), day(each)) for each in ("2024-05-05", "2024-06-05")]
    assert days == [day("2024-06-05"), day("2024-06-10")]


# Laws

PLANS = st.builds(
    programme,
    st.sampled_from(["spend", "points_earned", "orders", "visits", "balance", "membership"]),
    steps=st.sampled_from([LADDER, LADDER[:2], (("low", 0), ("mid", 1), ("high", 2), ("top", 4))]),
    membership=st.sampled_from([None, 0, 9]),
    window=st.sampled_from(["calendar_year", "rolling_12_months", "anniversary", "lifetime", "none"]),
    start=st.sampled_from(["immediately", "next_order", "next_period"]),
    valid=st.sampled_from(
        ["end_of_next_calendar_year", "forever", "membership_period", *map(parse, ("P12M", "P1M", "P100D"))]
    ),
    downgrade=st.sampled_from(["to_qualified", "one_level", "none"]),
    grace_days=st.sampled_from([0, 0, 5, 40, 500]),
)
OFFSETS = st.integers(0, 1100)
AMOUNTS = st.builds(
    Amounts, st.sampled_from([-50, 0, 60, 120, 350, 700]), st.sampled_from([-20, 0, 60, 400]), st.integers(-1, 2)
)
LIVES = st.builds(
    lambda joined, days, balance, since, length: Facts(
        joined,
        {joined + timedelta(days=each): amounts for each, amounts in days.items()},
        balance=balance,
        member_until=joined + timedelta(days=since + length) if length else None,
        member_since=joined + timedelta(days=since) if length else None,
    ),
    st.sampled_from([date(2024, 2, 29), date(2024, 1, 1), date(2023, 12, 31), date(2024, 7, 15)]),
    st.dictionaries(OFFSETS, AMOUNTS, max_size=10),
    st.sampled_from([0, 2, 150, 1000]),
    st.sampled_from([0, 10, 200]),
    st.sampled_from([0, 30, 365, 700]),
)
MANUAL = st.none() | st.tuples(st.sampled_from(["low", "mid"]), st.none() | st.integers(0, 900))


def begin(program: Program, facts: Facts, manual: tuple[str, int | None] | None) -> Rank:
    """Return the rank at the joining, or the one that a person set that day."""
    rank = start(program, facts)
    if manual:
        until = None if manual[1] is None else facts.joined + timedelta(days=manual[1])
        rank, _ = set_manually(program, rank, manual[0], until, facts.joined, reason="gift")
    return rank


def told(rank: Rank, lines: list[Change]) -> Rank | None:
    """Return the rank that the lines alone tell."""
    found: Rank | None = rank
    for each in lines:
        found = after(found, each)
    return found


@settings(max_examples=150, deadline=None)
@given(PLANS, LIVES, MANUAL, st.lists(OFFSETS, max_size=12), OFFSETS)
def test_it_does_not_matter_when_a_member_is_looked_at(
    program: Program, facts: Facts, manual: Any, looks: list[int], last: int
) -> None:
    """Now and then, before and after a day's own facts, gives the same history as once at the end."""
    first, today = begin(program, facts, manual), facts.joined + timedelta(days=last)
    # A state of the moment has no past, so each way begins with the same one.
    first, _ = advance(program, first, known(facts, facts.joined), facts.joined, cause="c")  # type: ignore[assignment]
    rank: Rank | None = first
    history: list[Change] = []
    for each in sorted({*(look for look in looks if look < last), last}):
        look = facts.joined + timedelta(days=each)
        for facts_then in (known(facts, look - ONE_DAY) if each else None, known(facts, look)):
            if facts_then:
                rank, lines = advance(program, rank, facts_then, look, cause="c")
                history += lines
    once, at_once = advance(program, first, known(facts, today), today, cause="c")
    assert (once, at_once) == (rank, history)
    assert told(first, at_once) == once
    assert advance(program, once, known(facts, today), today, cause="c") == (once, [])


@settings(max_examples=25, deadline=None)
@given(PLANS, LIVES, MANUAL)
def test_day_by_day_is_the_same_as_at_once(program: Program, facts: Facts, manual: Any) -> None:
    """Every single day for a year and a half, as the worker would look."""
    first, _ = advance(program, begin(program, facts, manual), known(facts, facts.joined), facts.joined, cause="c")
    rank, history = first, list[Change]()
    days = [facts.joined + timedelta(days=each) for each in range(550)]
    for each in days:
        rank, lines = advance(program, rank, known(facts, each), each, cause="c")
        assert {line.day for line in lines} <= {each}
        history += lines
    assert advance(program, first, known(facts, days[-1]), days[-1], cause="c") == (rank, history)


@settings(max_examples=150, deadline=None)
@given(PLANS, LIVES, OFFSETS, OFFSETS)
def test_no_later_amount_is_above_what_is_thought_possible(
    program: Program, facts: Facts, first: int, later: int
) -> None:
    """Days are only passed over because nothing that is measured on them could lift anybody."""
    assert program.tiers
    found = tally(program, program.tiers, facts)
    start = JOINED + timedelta(days=first)
    assert found.momentary or found.amount(start + timedelta(days=1 + later)) <= found.most_after(start)


@given(PLANS, LIVES, st.tuples(st.sampled_from(["mid"]), st.none() | st.integers(0, 900)), OFFSETS, AMOUNTS)
def test_nobody_falls_below_a_manual_tier_before_its_day(
    program: Program, facts: Facts, manual: tuple[str, int | None], last: int, refund: Amounts
) -> None:
    """Neither by the calendar, nor by a refund of anything."""
    rank: Rank | None = begin(program, facts, manual)
    until = date.max if manual[1] is None else facts.joined + timedelta(days=manual[1])
    today = facts.joined + timedelta(days=last)
    rank, lines = advance(program, rank, known(facts, today), today, cause="c")
    refunded = replace(known(facts, today), days=dict.fromkeys(known(facts, today).days, refund))
    _, more = recheck(program, rank, refunded, today, cause="c")
    assert all(program.rank(each.tier) >= 1 for each in lines + more if each.day <= until)


@settings(max_examples=150, deadline=None)
@given(PLANS, LIVES, MANUAL, OFFSETS)
def test_lines_follow_one_another(program: Program, facts: Facts, manual: Any, last: int) -> None:
    """Days never go back, a prolonged tier is the same for longer, a rise rises, and a fall falls."""
    rank, today = begin(program, facts, manual), facts.joined + timedelta(days=last)
    _, lines = advance(program, rank, facts, today, cause="c")
    for each in lines:
        step = program.rank(each.tier) - program.rank(rank.tier)
        assert rank.since <= each.day <= today
        assert (
            each.valid_until is None
            or rank.valid_until is None
            or each.kind != "prolonged"
            or (each.valid_until > rank.valid_until)
        )
        assert {"upgraded": step > 0, "prolonged": step == 0, "downgraded": step < 0}[each.kind]
        rank = told(rank, [each])  # type: ignore[assignment]


@settings(max_examples=150, deadline=None)
@given(PLANS, LIVES, MANUAL, OFFSETS, st.integers(0, 100))
def test_nothing_changes_before_the_boundary(
    program: Program, facts: Facts, manual: Any, last: int, percent: int
) -> None:
    """From today to the day before it there is no line, and the amount shown stays."""
    today = facts.joined + timedelta(days=last)
    now = known(facts, today)
    rank, _ = advance(program, begin(program, facts, manual), now, today, cause="c")
    found = boundary(program, rank, now, today)
    assert found is None or found > today
    rest = ((found or today + timedelta(days=2000)) - ONE_DAY - today).days
    for each in (today + timedelta(days=rest), today + timedelta(days=rest * percent // 100)):
        assert advance(program, rank, now, each, cause="c") == (rank, [])
        assert measured(program, now, each) == measured(program, now, today)


@settings(max_examples=150, deadline=None)
@given(PLANS, LIVES, MANUAL, OFFSETS, AMOUNTS, st.integers(0, 10))
def test_a_refund_settles_at_once(
    program: Program, facts: Facts, manual: Any, last: int, refund: Amounts, which: int
) -> None:
    """It never raises anybody, and looking again after it changes nothing more."""
    today = facts.joined + timedelta(days=last)
    now = known(facts, today)
    rank, _ = advance(program, begin(program, facts, manual), now, today, cause="c")
    less = dict(now.days)
    for each in sorted(less)[which : which + 1]:
        less[each] = Amounts(*(min(0, getattr(less[each], name)) for name in ("spend", "points", "orders")))
    then = replace(now, days=less)
    found, lines = recheck(program, rank, then, today, cause="refund")
    assert [each.kind for each in lines] in ([], ["downgraded"])
    assert recheck(program, found, then, today, cause="refund") == (found, [])
    assert advance(program, found, then, today, cause="c") == (found, [])
