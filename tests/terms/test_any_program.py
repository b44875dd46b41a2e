"""Any programme that can be read can be told, with and without words of its own."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from terms_actors import program_of

from wallet_service.terms import LANGUAGES, Vocabulary, explain

Table = SearchStrategy[dict[str, Any]]
codes = st.sampled_from(["one", "two", "three", "unknown_code"])
names = st.sampled_from(["Jméno", "Имя", "A {brace}", "x"])
events = st.sampled_from(["order.paid", "review.approved", "garden.pot_returned", "member.birthday", "visit.recorded"])
points = st.integers(1, 10_000)
whole = st.integers(0, 1_000_000_000)
positive = st.integers(1, 1_000_000_000)
periods = st.sampled_from(["P1D", "P14D", "P1M", "P12M", "P2Y", "PT1H", "PT48H", "P1Y2M3DT4H", "P21D"])
factors = st.sampled_from(["0.5", "1", "1.25", "2", "0.333333", "1000"])
shares = st.sampled_from(["0", "0.1", "0.333333", "1"])
channels = st.lists(st.sampled_from(["pass", "email", "sms", "webhook"]), max_size=4)


def table(required: dict[str, Any], optional: dict[str, Any]) -> Table:
    """Return tables with all of the first keys and any of the second."""
    return st.fixed_dictionaries(required, optional=optional)


def few(each: Table) -> SearchStrategy[list[dict[str, Any]]]:
    """Return up to three tables."""
    return st.lists(each, max_size=3)


match = table({}, {"skus": st.lists(names, max_size=2), "tags": st.lists(st.sampled_from(["sale", "tea"]), max_size=2)})
limit = table(
    {"times": st.integers(1, 1_000_000), "per": st.sampled_from(["lifetime", "calendar_year", "campaign", "P1M"])},
    {"key": st.sampled_from(["product_id", "pot_id"])},
)
expiry = st.one_of(
    st.just({"mode": "none"}),
    table(
        {"mode": st.just("rolling"), "period": periods},
        {"round": st.sampled_from(["end_of_month", "end_of_quarter", "end_of_year"]), "extend_on_activity": periods},
    ),
    table({"mode": st.just("inactivity"), "period": periods}, {}),
    table(
        {"mode": st.just("calendar"), "date": st.sampled_from(["12-31", "02-29", "06-30"])},
        {"years": st.integers(1, 50)},
    ),
    st.just({"mode": "rolling"}),  # unsound, and still told
)
unit = table({"code": st.sampled_from(["points", "stars"])}, {"one": names, "other": names, "is_money": st.booleans()})
pending = st.one_of(
    st.just("none"),
    table({"mode": st.just("days"), "days": st.integers(1, 3660)}, {}),
    table({"mode": st.just("event"), "on": events}, {}),
)
refund = table(
    {
        "earned": st.sampled_from(["only_pending", "clamp_to_zero", "allow_negative"]),
        "spent": st.sampled_from(["restore", "forfeit"]),
    },
    {},
)
balance = table(
    {"pending": pending, "expiry": st.one_of(st.just("none"), expiry), "refund": refund},
    {
        "min_balance": st.integers(-1_000_000_000, 0),
        "cap": table({}, {"per_order": positive, "per": periods, "times": st.integers(1, 10_000)}),
        "grace_days": st.integers(0, 3660),
    },
)
rule = table(
    {"code": codes, "on": events},
    {
        "basis": st.sampled_from(["net_items", "net_items_tax", "order_total", "quantity", "visit"]),
        "points": points,
        "per": positive,
        "rate": st.just("partner.issue"),
        "match": match,
        "exclude": match,
        "tier_multiplier": st.dictionaries(codes, factors, max_size=2),
        "bonus": few(table({"when": st.sampled_from(["has_photo", "clean"]), "points": points}, {})),
        "limit": limit,
        "stackable": st.booleans(),
    },
)
moments = st.datetimes().map(lambda each: each.replace(microsecond=0))
window = table(
    {},
    {
        "from": moments,
        "to": moments,
        "weekdays": st.lists(st.sampled_from(["mon", "wed", "sun"]), max_size=3),
        "start": st.times(),
        "end": st.times(),
    },
)
goal = table(
    {"event": events, "times": st.integers(2, 1000), "within": periods},
    {"distinct": st.sampled_from(["local_date", "location", "sku"])},
)
campaign = table(
    {"code": codes, "kind": st.sampled_from(["multiplier", "addition", "challenge"])},
    {
        "rules": st.lists(codes, max_size=2),
        "factor": factors,
        "points": points,
        "goal": goal,
        "active": few(window),
        "when": st.sampled_from([{"member": "birthday"}, {"member": "birthday_month"}]),
        "match": match,
        "segment": codes,
        "stack": st.sampled_from(["add", "max", "exclusive"]),
        "budget": table({}, {"points": positive, "stock": positive}),
        "limit": limit,
    },
)
measures = ["spend", "points_earned", "orders", "visits", "referrals", "balance", "membership"]
tiers = table(
    {
        "measure": st.sampled_from(measures),
        "window": st.sampled_from(["calendar_year", "rolling_12_months", "anniversary", "lifetime", "none"]),
        "start": st.sampled_from(["immediately", "next_order", "next_period"]),
        "valid": st.sampled_from(["end_of_next_calendar_year", "forever", "membership_period", "P12M"]),
        "downgrade": st.sampled_from(["to_qualified", "one_level", "none"]),
        "grace_days": st.integers(0, 3660),
        "on_refund": st.sampled_from(["recheck", "keep"]),
    },
    {},
)
tier = table(
    {"code": codes, "threshold": whole},
    {"name": names, "benefits": st.lists(codes, max_size=3), "points_expiry": expiry},
)
benefit_kinds = ["percent_off", "amount_off", "free_shipping", "early_access", "access", "gift", "service"]
benefit = table(
    {"code": codes, "kind": st.sampled_from(benefit_kinds)},
    {"name": names, "value": whole, "match": match, "exclude": match, "lead": periods},
)
reward_kinds = [
    "percent_off",
    "amount_off",
    "product",
    "free_shipping",
    "service",
    "gift_card",
    "pay_with_points",
    "donation",
    "experience",
    "early_access",
    "collectible",
]
reward = table(
    {"code": codes, "kind": st.sampled_from(reward_kinds)},
    {
        "name": names,
        "cost": positive,
        "value": positive,
        "rate": table({"points": positive, "value": positive}, {}),
        "min_points": positive,
        "max_share_of_order": shares,
        "stock": positive,
        "min_tier": codes,
        "match": match,
        "code_valid": periods,
        "pool": codes,
        "auto": st.sampled_from([True, False, "monthly"]),
        "partner": codes,
        "limit": limit,
        "choose": st.just("cause"),
        "default": codes,
    },
)
occasions = ["member.birthday", "member.anniversary", "points.expiring", "segment.entered", "member.inactive"]
trigger = table(
    {"code": codes, "on": st.sampled_from(occasions)},
    {
        "grant": codes,
        "points": points,
        "window": table({}, {"before": periods, "after": periods}),
        "window_by_tier": st.dictionaries(codes, periods, max_size=2),
        "lead": periods,
        "after": periods,
        "segment": codes,
        "limit": limit,
        "notify": channels,
    },
)
membership = table(
    {"kind": st.just("paid"), "price": whole, "period": periods, "renews": st.booleans()},
    {"grace_days": st.integers(0, 366), "on_cancel": st.sampled_from(["end_of_period", "immediately"])},
)
partner = table(
    {"code": codes, "issue": table({"points": st.integers(0, 10_000), "per": positive}, {})},
    {"name": names, "accept": st.booleans()},
)
side = table({}, {"points": points, "reward": codes})
referral = table(
    {"referrer": side, "referee": side},
    {"qualifies_on": events, "min_order": whole, "hold_days": st.integers(0, 366), "max_per_referrer": limit},
)
segment = table(
    {"code": codes},
    {
        "tiers": st.lists(codes, max_size=2),
        "min_orders": whole,
        "max_orders": whole,
        "min_spend": whole,
        "inactive_for": periods,
        "active_within": periods,
        "birthday_month": st.booleans(),
    },
)
heading = table(
    {
        "code": st.just("any"),
        "name": names,
        "timezone": st.sampled_from(["Europe/Prague", "UTC", "Asia/Kuwait"]),
        "currency": st.sampled_from(["EUR", "JPY", "KWD", "CZK", "USD"]),
    },
    {},
)
programs = table(
    {"schema": st.just(1), "program": heading},
    {
        "unit": unit,
        "points": balance,
        "earning_rule": few(rule),
        "campaign": few(campaign),
        "tiers": tiers,
        "tier": few(tier),
        "benefit": few(benefit),
        "reward": few(reward),
        "trigger": few(trigger),
        "membership": membership,
        "partner": few(partner),
        "cause": few(table({"code": codes, "name": names}, {})),
        "referral": referral,
        "segment": few(segment),
    },
)
vocabularies = st.sampled_from(
    [
        None,
        Vocabulary(),
        Vocabulary(
            {"one": "kus", "few": "kusy", "many": "kusu", "other": "kusů"},
            {
                table: {"one": "Jedna", "two": "Две"}
                for table in ("tier", "reward", "benefit", "cause", "campaign", "rule")
            },
        ),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs, vocabularies)
def test_any_programme_is_told_alike_in_every_language(given_table: dict[str, Any], own: Vocabulary | None) -> None:
    """Nothing is raised, no line is empty, and all languages have as many lines in as many sections."""
    program = program_of(given_table)
    told = [explain(program, own, language) for language in LANGUAGES]
    assert len({tuple(len(each.lines) for each in sections) for sections in told}) == 1
    for section in (each for sections in told for each in sections):
        assert section.title
        assert section.lines
        assert all(each.endswith(".") and len(each) > 1 for each in section.lines)
