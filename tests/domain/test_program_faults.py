"""The linter names every fault of a programme by its key, and advises on what is hardly meant."""

import tomllib
from copy import deepcopy
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.domain.errors import Fault
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.period import Period
from wallet_service.domain.program import Program
from wallet_service.domain.program.faults import advice, faults, read_program
from wallet_service.domain.program.findings import longest, shortest

PROGRAMS = sorted((Path(__file__).parents[1] / "programs").glob("*.toml"))
ABSENT = object()
Change = dict[str, Any]

WHOLE = tomllib.loads(
    """
schema = 1
program = { code = "harbour", name = "Harbour Club", timezone = "Europe/Prague", currency = "EUR" }
unit = { code = "shells", one = "shell", other = "shells" }
points.pending = { mode = "days", days = 14 }
points.expiry = { mode = "rolling", period = "P12M", round = "end_of_month" }
points.refund = { earned = "allow_negative" }
points.min_balance = -100
points.cap = { per_order = 5000, per = "P1D", times = 3 }
tiers = { measure = "spend", window = "calendar_year", start = "next_period", valid = "end_of_next_calendar_year" }
partner = [
    { code = "bakery", issue = { points = 1, per = 100 } },
    { code = "kiosk", issue = { points = 2, per = 100 }, accept = false },
]
cause = [ { code = "reef", name = "Reef" }, { code = "dunes", name = "Dunes" } ]

[[earning_rule]]
code = "purchase"
on = "order.paid"
basis = "net_items"
points = 1
per = 100
exclude = { tags = ["sale"] }
tier_multiplier = { crew = "1", mate = "1.25", captain = "1.5" }
[[earning_rule]]
code = "partner"
on = "order.paid"
basis = "net_items"
rate = "partner.issue"
match = { tags = ["partner"] }
[[earning_rule]]
code = "review"
on = "review.approved"
points = 5
bonus = [ { when = "has_photo", points = 10 }, { when = "has_video", points = 20 } ]
limit = { times = 1, per = "lifetime", key = "product_id" }

[[campaign]]
code = "double"
kind = "multiplier"
rules = ["purchase"]
factor = "2"
segment = "regulars"
budget = { points = 10000 }
limit = { times = 2, per = "campaign" }
[[campaign.active]]
from = 2026-06-01T00:00:00
to = 2026-06-30T23:59:59
weekdays = ["mon"]
start = 08:00:00
end = 10:00:00
[[campaign]]
code = "plus"
kind = "addition"
points = 10
match = { skus = ["NEW"] }
[[campaign]]
code = "streak"
kind = "challenge"
goal = { event = "order.paid", times = 5, within = "P14D", distinct = "local_date" }
points = 75

[[tier]]
code = "crew"
threshold = 0
[[tier]]
code = "mate"
threshold = 35000
benefits = ["off5"]
[[tier]]
code = "captain"
threshold = 100000
benefits = ["off5", "first"]
points_expiry = { mode = "none" }

[[benefit]]
code = "off5"
kind = "percent_off"
value = 500
exclude = { skus = ["GIFT"] }
[[benefit]]
code = "first"
kind = "early_access"
lead = "PT48H"

[[reward]]
code = "ten-off"
kind = "amount_off"
cost = 200
value = 1000
partner = "bakery"
limit = { times = 1, per = "P1M" }
[[reward]]
code = "present"
kind = "product"
[[reward]]
code = "credit"
kind = "pay_with_points"
rate = { points = 1, value = 5 }
min_points = 100
max_share_of_order = "0.5"
[[reward]]
code = "pledge"
kind = "donation"
rate = { points = 1, value = 5 }
auto = "monthly"
choose = "cause"
default = "reef"
[[reward]]
code = "tasting"
kind = "experience"
cost = 500
min_tier = "mate"
stock = 20

[[trigger]]
code = "birthday"
on = "member.birthday"
grant = "present"
window = { before = "P14D", after = "P14D" }
limit = { times = 1, per = "calendar_year" }
notify = ["pass"]
[[trigger]]
code = "reminder"
on = "points.expiring"
lead = "P14D"
notify = ["pass"]
[[trigger]]
code = "back"
on = "member.inactive"
after = "P3M"
points = 50
[[trigger]]
code = "hello"
on = "segment.entered"
segment = "regulars"
points = 10

[referral]
referrer = { points = 500 }
referee = { reward = "present" }
min_order = 2500
max_per_referrer = { times = 20, per = "calendar_year" }

[[experiment]]
code = "second-order"
holdout = "0.10"
arms = { discount = "0.45", shipping = "0.45" }
metric = "repeat_purchase_rate"

[[segment]]
code = "regulars"
tiers = ["mate", "captain"]
min_orders = 3
max_orders = 9
inactive_for = "P1M"
active_within = "P6M"
"""
)
PAID = tomllib.loads("""
schema = 1
program = { code = "vip", name = "VIP", timezone = "Europe/Prague", currency = "EUR" }
membership = { kind = "paid", price = 4900, period = "P1Y" }
tiers = { measure = "membership", window = "none", valid = "membership_period" }
tier = [ { code = "free", threshold = 0 }, { code = "vip", threshold = 1 } ]
""")


def changed(table: dict[str, Any], changes: Change) -> dict[str, Any]:
    """Return the file with the values at some keys replaced, or taken out where they are `ABSENT`."""
    table = deepcopy(table)
    for path, value in changes.items():
        inner: Any = table
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        for part in parents:
            inner = inner[part]
        if value is ABSENT:
            del inner[last]
        elif last == "+":
            inner.append(value)
        else:
            inner[last] = value
    return table


def linted(table: dict[str, Any]) -> list[Fault]:
    """Return every fault of the file."""
    return read_program(table, "program.toml")[1]


def advised(table: dict[str, Any], order_minor: int | None = None) -> list[Fault]:
    """Return the advice on a file that is sound."""
    program = Program.model_validate(table)
    assert list(faults(program, "program.toml")) == []
    return list(advice(program, "program.toml", order_minor=order_minor))


def test_names_that_lead_nowhere_are_told_beside_faults_of_type() -> None:
    """Where something cannot be read, names elsewhere are looked up all the same, and those of faulty tables exist."""
    table = changed(
        WHOLE,
        {
            "schema": "1",
            "points.cap.times": "three",
            "earning_rule.0.per": 0,  # which "double" names, and is named all the same
            "earning_rule.1.tier_multiplier": {"admiral": "2"},
            "campaign.0.segment": "regular",
            "campaign.1.rules": ["purchases"],
        },
    )
    assert [(each.key, each.message) for each in sorted(linted(table))] == [
        ("campaign[0].segment", "names 'regular', which no [[segment]] has; did you mean 'regulars'?"),
        ("campaign[1].rules[0]", "names 'purchases', which no [[earning_rule]] has; did you mean 'purchase'?"),
        ("earning_rule[0].per", "should be at least 1 (found 0)"),
        ("earning_rule[1].tier_multiplier.admiral", "names 'admiral', which no [[tier]] has"),
        ("points.cap.times", "should be a whole number such as 100 (found 'three')"),
        ("schema", "should be 1 (found '1')"),
    ]


def test_tables_that_follow_a_faulty_one_keep_their_number() -> None:
    """A key says where a table stands in the file, whatever could be read before it."""
    table = changed(WHOLE, {"campaign.0.factor": "two", "campaign.1.segment": "nobody"})
    assert [each.key for each in sorted(linted(table))] == ["campaign[0].factor", "campaign[1].segment"]


@pytest.mark.parametrize("table", [WHOLE, PAID], ids=["whole", "paid"])
def test_a_sound_file_has_no_faults(table: dict[str, Any]) -> None:
    """The files that the other tests break are sound by themselves, and need no advice."""
    assert (linted(table), advised(table)) == ([], [])


@pytest.mark.parametrize("path", PROGRAMS, ids=[each.stem for each in PROGRAMS])
def test_programmes_of_every_kind_are_sound(path: Path) -> None:
    """Nine kinds of programme can be said in the vocabulary, without fault and without advice."""
    table, unread = parse(path.read_bytes(), path.name)
    assert (unread, linted(table or {}), advised(table or {})) == ([], [], [])


def test_there_are_nine_kinds_of_programme() -> None:
    """No file of test data gets lost unseen."""
    assert len(PROGRAMS) == 9


BIRTHDAY, REMINDER, INACTIVE = "trigger.0", "trigger.1", "trigger.2"
ROLLING = {"mode": "rolling", "period": "P12M"}
# Monday to Wednesday.
THREE_DAYS = {"from": datetime.fromisoformat("2026-06-01"), "to": datetime.fromisoformat("2026-06-03T23:59:59")}
FAULTS: list[tuple[Change, str, str]] = [
    # what is collected
    ({"unit": ABSENT}, "unit", "is missing; earning_rule[0] speaks of points"),
    # the balance
    ({"points.pending": {"mode": "days"}}, "points.pending.days", "is missing; the mode 'days' needs it"),
    ({"points.pending.on": "order.delivered"}, "points.pending.on", "means nothing with the mode 'days'; remove it"),
    ({"points.pending": {"mode": "event"}}, "points.pending.on", "is missing"),
    ({"points.pending": {"mode": "event", "on": "order.fulfilled", "days": 1}}, "points.pending.days", "means nothing"),
    ({"points.pending": {"mode": "event", "on": "order.fulfiled"}}, "points.pending.on",
     "did you mean 'order.fulfilled'?"),
    ({"points.pending": {"mode": "event", "on": "visit.made"}}, "points.pending.on",
     "points wait only for their order to be handed over or sent; write 'order.fulfilled'"),
    ({"points.expiry": {"mode": "rolling"}}, "points.expiry.period", "is missing; the mode 'rolling' needs it"),
    ({"points.expiry.date": "12-31"}, "points.expiry.date", "means nothing with the mode 'rolling'"),
    ({"points.expiry.years": 2}, "points.expiry.years", "means nothing with the mode 'rolling'"),
    ({"points.expiry": {"mode": "none", "period": "P1M"}}, "points.expiry.period", "the mode 'none'"),
    ({"points.expiry": {"mode": "calendar"}}, "points.expiry.date", "is missing"),
    ({"points.expiry": {"mode": "calendar", "date": "12-31", "period": "P1M"}}, "points.expiry.period", "nothing"),
    ({"points.expiry": {"mode": "calendar", "date": "02-30"}}, "points.expiry.date", "should be a day of the year"),
    ({"points.expiry": {"mode": "calendar", "date": "13-01"}}, "points.expiry.date", "should be a day of the year"),
    ({"points.expiry": {"mode": "calendar", "date": "1-1"}}, "points.expiry.date", "should be a day of the year"),
    ({"points.expiry": {"mode": "inactivity", "period": "P1Y", "round": "end_of_year"}, "tier.2.points_expiry": ABSENT},
     "points.expiry.round", "means nothing with the mode 'inactivity'"),
    ({"points.expiry": {"mode": "inactivity", "period": "P1Y", "extend_on_activity": "P1M"},
      "tier.2.points_expiry": ABSENT}, "points.expiry.extend_on_activity", "means nothing"),
    ({"points.expiry.period": "P13D"}, "points.expiry.period", "is shorter than the 14 days"),
    ({"points.expiry.period": "P1M", "points.pending.days": 29}, "points.expiry.period", "shorter than the 29 days"),
    ({"points.expiry": {"mode": "calendar", "date": "12-31"}, "points.pending.days": 400},
     "points.expiry.years", "shorter than the 400 days"),
    ({"points.refund.earned": "clamp_to_zero"}, "points.min_balance", "refund.earned = 'allow_negative'"),
    ({"points.cap.times": ABSENT}, "points.cap.times", "is missing; per means nothing without it"),
    ({"points.cap.per": ABSENT}, "points.cap.per", "is missing; times means nothing without it"),
    ({"points.cap": {}}, "points.cap", "caps nothing"),
    # earning rules
    ({"earning_rule.1.code": "purchase"}, "earning_rule[1].code", "'purchase' is used twice"),
    ({"earning_rule.1.on": "order.payed"}, "earning_rule[1].on", "did you mean 'order.paid'?"),
    ({"earning_rule.0.on": "oder.paid"}, "earning_rule[0].on",
     "is 'oder.paid', and basis is for orders; did you mean 'order.paid'?"),
    ({"earning_rule.1.on": "orders.paid"}, "earning_rule[1].on", "did you mean 'order.paid'?"),
    ({"earning_rule.2.on": "activity.review.approved"}, "earning_rule[2].on",
     "activities are named without 'activity.'; write 'review.approved'"),
    ({"earning_rule.2.on": "points.adjusted"}, "earning_rule[2].on", "which the ledger enters itself"),
    ({"earning_rule.0.basis": ABSENT}, "earning_rule[0].basis", "is missing; an order needs it"),
    ({"earning_rule.0.points": ABSENT}, "earning_rule[0].points", "give points, or the rate"),
    ({"earning_rule.0.bonus": [{"when": "x", "points": 1}]}, "earning_rule[0].bonus", "means nothing with an order"),
    ({"earning_rule.0.match": {}}, "earning_rule[0].match", "matches nothing"),
    ({"earning_rule.0.exclude": {"tags": []}}, "earning_rule[0].exclude", "matches nothing"),
    ({"earning_rule.0.match": {"tags": ["sale"]}}, "earning_rule[0].exclude", "nothing is left"),
    ({"earning_rule.0.tier_multiplier.captian": "2"}, "earning_rule[0].tier_multiplier.captian",
     "did you mean 'captain'?"),
    ({"earning_rule.0.limit": {"times": 1, "per": "campaign"}}, "earning_rule[0].limit.per", "did you mean 'lifetime'"),
    ({"earning_rule.0.limit": {"times": 1, "per": "P1D", "key": "sku"}}, "earning_rule[0].limit.key", "activities"),
    ({"earning_rule.1.points": 1}, "earning_rule[1].points", "means nothing with a rate"),
    ({"earning_rule.1.per": 100}, "earning_rule[1].per", "means nothing with a rate"),
    ({"earning_rule.1.basis": "visit"}, "earning_rule[1].basis", "is for money"),
    ({"partner": [], "reward.0.partner": ABSENT}, "earning_rule[1].rate", "there is no [[partner]]"),
    ({"earning_rule.2.points": ABSENT}, "earning_rule[2].points", "is missing; an activity needs it"),
    ({"earning_rule.2.basis": "visit"}, "earning_rule[2].basis", "means nothing with an activity"),
    ({"earning_rule.2.per": 2}, "earning_rule[2].per", "means nothing with an activity"),
    ({"earning_rule.2.match": {"skus": ["A"]}}, "earning_rule[2].match", "means nothing with an activity"),
    ({"earning_rule.2.bonus.1.when": "has_photo"}, "earning_rule[2].bonus[1].when", "has a bonus already"),
    # campaigns
    ({"campaign.1.code": "double"}, "campaign[1].code", "used twice"),
    ({"campaign.0.factor": ABSENT}, "campaign[0].factor", "is missing; the kind 'multiplier' needs it"),
    ({"campaign.0.points": 5}, "campaign[0].points", "means nothing with the kind 'multiplier'"),
    ({"campaign.1.points": ABSENT}, "campaign[1].points", "is missing"),
    ({"campaign.1.factor": "2"}, "campaign[1].factor", "means nothing with the kind 'addition'"),
    ({"campaign.2.goal": ABSENT}, "campaign[2].goal", "is missing"),
    ({"campaign.2.rules": ["purchase"]}, "campaign[2].rules", "means nothing with the kind 'challenge'"),
    ({"campaign.2.stack": "max"}, "campaign[2].stack", "means nothing with the kind 'challenge'"),
    ({"campaign.0.rules": ["purchases"]}, "campaign[0].rules[0]", "did you mean 'purchase'?"),
    ({"campaign.0.rules": ["purchase", "purchase"]}, "campaign[0].rules[1]", "a second time"),
    ({"campaign.0.segment": "regular"}, "campaign[0].segment", "did you mean 'regulars'?"),
    ({"campaign.1.match": {}}, "campaign[1].match", "matches nothing"),
    ({"campaign.1.rules": ["review"]}, "campaign[1].match", "none of its rules is for orders"),
    ({"campaign.0.rules": ABSENT, "earning_rule": WHOLE["earning_rule"][2:], "partner": [],
      "reward.0.partner": ABSENT}, "campaign[0].rules", "rules for orders are meant, and there is none"),
    ({"campaign.2.goal.event": "order.sent"}, "campaign[2].goal.event", "only when they are paid"),
    ({"campaign.2.goal.event": "oder.paid", "campaign.2.match": {"skus": ["A"]}}, "campaign[2].goal.event",
     "is 'oder.paid', and match is for orders; did you mean 'order.paid'?"),
    ({"campaign.2.goal.event": "oder.paid", "campaign.2.goal.distinct": "sku"}, "campaign[2].goal.event",
     "did you mean 'order.paid'?"),
    ({"campaign.2.goal.times": 17}, "campaign[2].goal.times", "more days than there are"),
    ({"campaign.2.active": [THREE_DAYS, THREE_DAYS | {"weekdays": ["mon"]}], "campaign.2.goal.times": 4},
     "campaign[2].goal.times", "more days than `active` leaves"),
    ({"campaign.2.goal.event": "member.enrolled"}, "campaign[2].goal.event",
     "comes once, so the goal is never reached"),
    ({"campaign.2.goal.event": "member.birthday"}, "campaign[2].goal.within", "too short for 5 times"),
    ({"campaign.2.goal": {"event": "member.anniversary", "times": 2, "within": "P2Y", "distinct": "location"}},
     "campaign[2].goal.distinct", "which 'member.anniversary' does not have"),
    ({"campaign.2.goal.event": "visit.checked_in", "campaign.2.goal.distinct": "sku"},
     "campaign[2].goal.distinct", "only orders have"),
    ({"campaign.2.goal.event": "visit.checked_in", "campaign.2.match": {"skus": ["A"]}}, "campaign[2].match", "lines"),
    ({"campaign.0.active.0.to": datetime.fromisoformat("2026-06-01")}, "campaign[0].active[0].to", "later than `from`"),
    ({"campaign.0.active.0.end": time(8)}, "campaign[0].active[0].end", "later than `start`"),
    ({"campaign.0.active.0.end": time(2)}, "campaign[0].active[0].end", "write two windows"),
    ({"campaign.0.active.0": THREE_DAYS | {"weekdays": ["sat"]}}, "campaign[0].active[0]", "is never open"),
    ({"campaign.0.active.0": {"to": datetime.fromisoformat("2026-06-01T05:00"), "start": time(6),
                              "from": datetime.fromisoformat("2026-06-01")}}, "campaign[0].active[0]", "is never open"),
    ({"campaign.0.active.0": {}}, "campaign[0].active[0]", "says no time"),
    ({"campaign.0.active.0.weekdays": ["mon", "mon"]}, "campaign[0].active[0].weekdays[1]", "a second time"),
    ({"campaign.0.active.0.from": datetime.fromisoformat("2026-06-01T00:00:00Z")}, "campaign[0].active[0].from",
     "without an offset"),
    ({"campaign.0.budget": {}}, "campaign[0].budget", "limits nothing"),
    ({"campaign.0.limit.key": "sku"}, "campaign[0].limit.key", "only activities"),
    # tiers and benefits
    ({"tier.2.code": "mate", "earning_rule.0.tier_multiplier": {}, "segment.0.tiers": ["mate"]},
     "tier[2].code", "used twice"),
    ({"tier.0.threshold": 7}, "tier[0].threshold", "must be 0"),
    ({"tier.2.threshold": 35000}, "tier[2].threshold", "must be higher"),
    ({"tiers": ABSENT}, "tiers", "belong together"),
    ({"tier.1.benefits": ["off6"]}, "tier[1].benefits[0]", "did you mean 'off5'?"),
    ({"tier.1.benefits": ["off5", "off5"]}, "tier[1].benefits[1]", "a second time"),
    ({"tier.1.points_expiry": {"mode": "inactivity", "period": "P1M"}}, "tier[1].points_expiry.mode", "'rolling' or"),
    ({"tier.1.points_expiry": {"mode": "rolling"}}, "tier[1].points_expiry.period", "is missing"),
    ({"tier.1.points_expiry": {"mode": "rolling", "period": "P1D"}}, "tier[1].points_expiry.period", "shorter than"),
    ({"points.expiry": {"mode": "inactivity", "period": "P1Y"}}, "tier[2].points_expiry", "dies as a whole"),
    ({"tiers.measure": "membership", "tiers.window": "none", "tiers.start": "immediately", "tiers.valid": "forever",
      "tier.1.threshold": 1, "tier.2.threshold": 2, "membership": PAID["membership"]},
     "tier[2].threshold", "a membership counts as 1"),
    ({"tiers.measure": "referrals", "referral": ABSENT}, "tiers.measure", "there is no [referral]"),
    ({"tiers.measure": "balance"}, "tiers.window", "not counted over a time"),
    ({"tiers.window": "none", "tiers.start": "immediately", "tiers.valid": "P1Y"}, "tiers.window", "'lifetime'"),
    ({"tiers.window": "rolling_12_months", "tiers.valid": "P1Y"}, "tiers.start", "has no periods"),
    ({"tiers.window": "anniversary"}, "tiers.valid", "needs the window 'calendar_year'"),
    ({"tiers.valid": "membership_period"}, "tiers.valid", "needs the measure 'membership'"),
    ({"membership": PAID["membership"]}, "membership", "gives nothing"),
    ({"benefit.1.code": "off5", "tier.2.benefits": ["off5"]}, "benefit[1].code", "used twice"),
    ({"benefit.0.value": ABSENT}, "benefit[0].value", "is missing; the kind 'percent_off' needs it"),
    ({"benefit.0.value": 0}, "benefit[0].value", "more than 0"),
    ({"benefit.0.value": 10_001}, "benefit[0].value", "at most 10000 basis points"),
    ({"benefit.1.value": 5}, "benefit[1].value", "means nothing with the kind 'early_access'"),
    ({"benefit.0.lead": "P1D"}, "benefit[0].lead", "means nothing with the kind 'percent_off'"),
    ({"benefit.0.match": {}}, "benefit[0].match", "matches nothing"),
    ({"benefit.0.exclude": {}}, "benefit[0].exclude", "matches nothing"),
    ({"benefit.0.match": {"skus": ["GIFT"]}}, "benefit[0].exclude", "nothing is left"),
    # rewards
    ({"reward.4.code": "ten-off"}, "reward[4].code", "used twice"),
    ({"reward.0.cost": ABSENT}, "reward[0].cost", "nobody gets this"),
    ({"reward.0.cost": ABSENT, "reward.0.auto": True}, "reward[0].cost", "auto needs it"),
    ({"reward.2.cost": 5}, "reward[2].rate", "cannot stand beside cost"),
    ({"reward.4.rate": {"points": 1, "value": 1}, "reward.4.cost": ABSENT}, "reward[4].rate", "give it a cost"),
    ({"reward.2.rate": ABSENT, "reward.2.cost": 5, "reward.2.min_points": ABSENT,
      "reward.2.max_share_of_order": ABSENT}, "reward[2].rate", "is missing; the kind 'pay_with_points' needs it"),
    ({"reward.0.min_points": 5}, "reward[0].min_points", "means nothing with a cost"),
    ({"reward.3.max_share_of_order": "0.5"}, "reward[3].max_share_of_order", "means nothing with the kind 'donation'"),
    ({"reward.2.max_share_of_order": "0"}, "reward[2].max_share_of_order", "more than 0"),
    ({"reward.2.code_valid": "P1D"}, "reward[2].code_valid", "means nothing with the kind 'pay_with_points'"),
    ({"reward.2.auto": "monthly"}, "reward[2].auto", "means nothing with the kind 'pay_with_points'"),
    ({"reward.3.auto": True}, "reward[3].auto", "write 'monthly'"),
    ({"reward.0.value": ABSENT}, "reward[0].value", "is missing; the kind 'amount_off' needs it"),
    ({"reward.0.kind": "percent_off", "reward.0.value": 10_001}, "reward[0].value", "at most 10000"),
    ({"reward.4.value": 5}, "reward[4].value", "means nothing with the kind 'experience'"),
    ({"reward.+": {"code": "x", "kind": "gift_card", "rate": {"points": 1, "value": 1}, "value": 5}},
     "reward[5].value", "means nothing with a rate"),
    ({"reward.3.pool": "codes"}, "reward[3].pool", "means nothing with the kind 'donation'"),
    ({"reward.0.choose": "cause"}, "reward[0].choose", "means nothing with the kind 'amount_off'"),
    ({"cause": [], "reward.3.default": ABSENT}, "reward[3].kind", "there is no [[cause]]"),
    ({"reward.3.default": "reefs"}, "reward[3].default", "did you mean 'reef'?"),
    ({"reward.3.choose": ABSENT, "reward.3.default": ABSENT}, "reward[3].default", "there are several causes"),
    ({"reward.4.min_tier": "captian"}, "reward[4].min_tier", "did you mean 'captain'?"),
    ({"reward.0.partner": "bakary"}, "reward[0].partner", "did you mean 'bakery'?"),
    ({"reward.0.partner": "kiosk"}, "reward[0].partner", "accepts no points"),
    ({"reward.0.match": {}}, "reward[0].match", "matches nothing"),
    ({"reward.0.limit.per": "campaign"}, "reward[0].limit.per", "'campaign' is for"),
    ({"reward.0.limit.key": "sku"}, "reward[0].limit.key", "only activities"),
    ({"partner.1.code": "bakery"}, "partner[1].code", "used twice"),
    ({"partner.1.issue.points": 0}, "partner[1].accept", "does nothing"),
    ({"cause.1.code": "reef"}, "cause[1].code", "used twice"),
    # triggers
    ({"trigger.1.code": "birthday"}, "trigger[1].code", "used twice"),
    ({f"{BIRTHDAY}.grant": "presents"}, "trigger[0].grant", "did you mean 'present'?"),
    ({f"{BIRTHDAY}.grant": "credit"}, "trigger[0].grant", "worth as much as is paid by its rate"),
    ({f"{BIRTHDAY}.points": 5}, "trigger[0].points", "cannot stand beside grant"),
    ({f"{REMINDER}.notify": []}, "trigger[1].grant", "nothing happens"),
    ({f"{BIRTHDAY}.notify": ["pass", "pass"]}, "trigger[0].notify[1]", "a second time"),
    ({f"{BIRTHDAY}.notify": ["email", "sms", "email"]}, "trigger[0].notify[2]", "a second time"),
    ({f"{REMINDER}.notify": ["emial"]}, "trigger[1].notify[0]", "did you mean 'email'?"),
    ({f"{BIRTHDAY}.notify": ["webhook"]}, "trigger[0].notify[0]", "endpoints hear of points about to die"),
    ({f"{BIRTHDAY}.lead": "P1D"}, "trigger[0].lead", "means nothing with 'member.birthday'"),
    ({f"{REMINDER}.lead": ABSENT}, "trigger[1].lead", "is missing; 'points.expiring' needs it"),
    ({f"{INACTIVE}.after": ABSENT}, "trigger[2].after", "is missing; 'member.inactive' needs it"),
    ({f"{INACTIVE}.segment": "regulars"}, "trigger[2].segment", "means nothing with 'member.inactive'"),
    ({f"{INACTIVE}.window": {"after": "P1D"}}, "trigger[2].window", "means nothing with 'member.inactive'"),
    ({"trigger.3.segment": ABSENT}, "trigger[3].segment", "is missing; 'segment.entered' needs it"),
    ({"trigger.3.segment": "regularz"}, "trigger[3].segment", "did you mean 'regulars'?"),
    ({f"{BIRTHDAY}.window": {}}, "trigger[0].window", "is empty"),
    ({f"{BIRTHDAY}.window.after": "P12M"}, "trigger[0].window", "longer than a year"),
    ({f"{BIRTHDAY}.window_by_tier": {"crew": "P1D", "mate": "P1D", "captain": "P1D"}}, "trigger[0].window", "beside"),
    ({f"{BIRTHDAY}.window": ABSENT, f"{BIRTHDAY}.window_by_tier": {"creww": "P1D"}},
     "trigger[0].window_by_tier.creww", "did you mean 'crew'?"),
    ({f"{BIRTHDAY}.window": ABSENT, f"{BIRTHDAY}.window_by_tier": {"crew": "P2Y"}},
     "trigger[0].window_by_tier.crew", "longer than a year"),
    ({f"{BIRTHDAY}.limit.per": "campaign"}, "trigger[0].limit.per", "'campaign' is for"),
    # codes under which uses are counted
    ({"campaign.1.code": "purchase"}, "campaign[1].code", "an earning rule's, too"),
    ({"campaign.1.code": "cap"}, "campaign[1].code", "a meaning of its own"),
    # referrals, experiments, segments
    ({"referral.referee.reward": "presentt"}, "referral.referee.reward", "did you mean 'present'?"),
    ({"referral.referee.reward": "pledge"}, "referral.referee.reward", "give points, or one without a rate"),
    ({"referral.referrer": {}, "referral.referee": {}}, "referral.referrer", "gets nothing"),
    ({"referral.qualifies_on": "order.sent"}, "referral.qualifies_on", "only when they are paid"),
    ({"referral.qualifies_on": "oder.paid"}, "referral.qualifies_on",
     "is 'oder.paid', and min_order is for orders; did you mean 'order.paid'?"),
    ({"referral.qualifies_on": "member.enrolled"}, "referral.min_order", "which is no order"),
    ({"referral.max_per_referrer.key": "sku"}, "referral.max_per_referrer.key", "only activities"),
    ({"experiment.0.metric": "spent"}, "experiment[0].metric", "did you mean 'spend'?"),
    ({"experiment.+": WHOLE["experiment"][0]}, "experiment[1].code", "used twice"),
    ({"experiment.0.holdout": "0.05"}, "experiment[0].arms", "make 0.95 with the holdout"),
    ({"experiment.0.arms.third": "0"}, "experiment[0].arms.third", "nobody falls into it"),
    ({"experiment.0.arms": {"all": "1"}, "experiment.0.holdout": "0"}, "experiment[0].arms", "nothing to compare"),
    ({"experiment.0.arms": {"holdout": "0.45", "shipping": "0.45"}}, "experiment[0].arms.holdout", "another name"),
    ({"segment.+": WHOLE["segment"][0]}, "segment[1].code", "used twice"),
    ({"segment.+": {"code": "all"}}, "segment[1]", "holds all of them"),
    ({"segment.0.tiers": ["mates"]}, "segment[0].tiers[0]", "did you mean 'mate'?"),
    ({"segment.0.max_orders": 2}, "segment[0].max_orders", "below min_orders"),
    ({"segment.0.active_within": "P28D"}, "segment[0].active_within", "not longer than inactive_for"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "key", "message"), FAULTS, ids=[f"{key}-{at}" for at, (_, key, _) in enumerate(FAULTS)]
)
def test_each_fault_is_named_once_by_its_key(changes: Change, key: str, message: str) -> None:
    """One mistake gives one fault, at the file and the key where it can be mended, and says how."""
    found = linted(changed(WHOLE, changes))
    assert [(each.place, each.key) for each in found] == [("program.toml", key)]
    assert message in found[0].message


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"tier.1.threshold": 2}, "tier[1].threshold", "a membership counts as 1"),
        ({"tier": PAID["tier"][:1]}, "membership", "gives nothing; add a [[tier]] with the threshold 1"),
        ({"tiers.window": "calendar_year"}, "tiers.window", "not counted over a time"),
        ({"membership": ABSENT}, "tiers.measure", "there is no [membership]"),
        ({"membership.activate_on": "subscription.payed"}, "membership.activate_on",
         "should be 'subscription.paid' (found 'subscription.payed'; did you mean 'subscription.paid'?)"),
        ({"membership.end_on": "subscription.canceled"}, "membership.end_on", "did you mean 'subscription.cancelled'?"),
        ({"membership.end_on": "subscription.paid"}, "membership.end_on", "should be 'subscription.cancelled'"),
        ({"program.currency": "EUX"}, "program.currency",
         "should be a currency of ISO 4217 that people pay with (found 'EUX'; did you mean 'EUR'?)"),
        ({"program.currency": "QQQ"}, "program.currency", "that people pay with (found 'QQQ')"),
        ({"program.currency": "EURO"}, "program.currency",
         "should be a currency of ISO 4217; write 'EUR' (found 'EURO')"),
        ({"program.currency": "usd"}, "program.currency", "write 'USD' (found 'usd')"),
        ({"program.currency": "dollar"}, "program.currency", "such as EUR (found 'dollar')"),
        ({"program.currency": "€"}, "program.currency", "should be a currency of ISO 4217 such as EUR (found '€')"),
        ({"tier": []}, "tiers", "belong together"),
        ({"trigger": [{"code": "x", "on": "member.birthday", "points": 5}]}, "unit", "trigger[0] speaks of points"),
        ({"campaign": [{"code": "x", "kind": "addition", "points": 5}]}, "unit", "campaign[0] speaks of points"),
        ({"reward": [{"code": "x", "kind": "product", "cost": 5}]}, "unit", "reward[0] speaks of points"),
        ({"referral": {"referrer": {"points": 5}, "referee": {}}}, "unit", "referral speaks of points"),
    ],
)  # fmt: skip
def test_faults_of_a_club_without_points(changes: Change, key: str, message: str) -> None:
    """A paid club has faults of its own, and needs a unit as soon as anything speaks of points."""
    found = linted(changed(PAID, changes))
    assert [each.key for each in found] == [key]
    assert message in found[0].message


@pytest.mark.parametrize(
    "changes",
    [
        {"points.expiry": {"mode": "calendar", "date": "02-29", "years": 3}},
        {"points.expiry.period": "P14D"},
        {"points.expiry.period": "P1M", "points.pending.days": 28},
        {"points.pending": {"mode": "event", "on": "order.fulfilled"}},
        {"benefit": [], "tier.1.benefits": ["a-smile"]},
        {"campaign.2.goal.times": 15},
        {"campaign.2.active": [THREE_DAYS], "campaign.2.goal.times": 3},
        {"campaign.2.active": [THREE_DAYS, {"from": datetime.fromisoformat("2027-01-01")}]},
        {"campaign.2.active": [{"to": datetime.fromisoformat("1999-01-01"), "weekdays": ["mon"]}]},
        {"campaign.0.active.0": THREE_DAYS | {"weekdays": ["wed"], "start": time(23)}},
        {"campaign.2.goal": {"event": "member.anniversary", "times": 2, "within": "P1Y"}},
        {"campaign.1.rules": ["review", "purchase"]},
        {"earning_rule.0.match": {"skus": ["A"], "tags": ["sale"]}},
        {"campaign.2.goal.event": "visit.checked_in", "campaign.2.limit": {"times": 1, "per": "P1M", "key": "place"}},
        {"campaign.0.rules": ["review"], "campaign.0.limit.key": "product_id"},
        {"reward.3.choose": ABSENT},
        {"reward.3.default": ABSENT},
        {"reward.0.kind": "gift_card", "reward.0.value": ABSENT},
        {"tier.1.points_expiry": ROLLING},
        {"experiment.0.arms": {"all": "0.90"}},
    ],
)
def test_what_may_be_said_is_no_fault(changes: Change) -> None:
    """What stands close to a fault, and is none, is let through."""
    assert linted(changed(WHOLE, changes)) == []


def test_the_faults_of_all_tables_are_told_at_once() -> None:
    """A mistake in one table hides none in another."""
    wrong = {"unit": ABSENT, "tier.0.threshold": 1, "reward.4.min_tier": "x", "segment.0.max_orders": 0}
    found = {each.key for each in linted(changed(WHOLE, wrong))}
    assert found == {"unit", "tier[0].threshold", "reward[4].min_tier", "segment[0].max_orders"}


def test_a_reference_into_an_empty_table_says_so() -> None:
    """Where there is nothing that could be meant, that is what is said."""
    found = linted(
        changed(PAID, {"segment": [{"code": "x", "tiers": ["vip"]}], "tier": [], "tiers": ABSENT, "membership": ABSENT})
    )
    assert [each.message for each in found] == ["names 'vip', and there is no [[tier]]"]


NEXT_YEAR = datetime.fromisoformat("2027-01-01")
EXCLUDED = {"skus": ["A", "B", "C"], "tags": ["sale", "gift"]}
STACKED = [{"code": f"more-{at}", "kind": "addition", "points": 1} for at in range(2)]
ADVICE: list[tuple[Change, str, str]] = [
    ({"earning_rule.0.exclude": EXCLUDED}, "benefit[0].exclude", "brings the exclusions to 6"),
    ({"campaign": WHOLE["campaign"] + STACKED}, "campaign[4]", "makes 4 campaigns at a time on 'purchase'"),
    ({"campaign.0.factor": "1"}, "campaign[0].factor", "nobody gets more"),
    ({"campaign.1.budget": {"points": 9}}, "campaign[1].budget.points", "less than one member gets"),
    ({"earning_rule.0.tier_multiplier.captain": "1.2"}, "earning_rule[0].tier_multiplier.captain", "lower tier 'mate'"),
    ({"earning_rule.0.tier_multiplier": {"captain": "2"}}, "earning_rule[0].tier_multiplier", "'crew', 'mate', who"),
    ({f"{BIRTHDAY}.window": ABSENT, f"{BIRTHDAY}.window_by_tier": {"crew": "P1D", "mate": "P7D"}},
     "trigger[0].window_by_tier", "leaves out 'captain', who have the day alone"),
    ({"points.refund.earned": "only_pending", "points.pending": "none", "points.min_balance": 0},
     "points.refund.earned", "takes nothing back"),
    ({"points.min_balance": 0}, "points.min_balance", "allows nothing"),
    ({"tiers.downgrade": "none"}, "tiers.valid", "write 'forever'"),
    ({"tiers": WHOLE["tiers"] | {"valid": "forever", "grace_days": 7}}, "tiers.grace_days", "are valid 'forever'"),
    ({"earning_rule.2.on": "tier.upgraded"}, "earning_rule[2].on",
     "nothing is earned unless your own tools send 'activity.tier.upgraded'"),
    ({"earning_rule.2.on": "member.updated"}, "earning_rule[2].on", "send 'activity.member.updated'"),
    ({"points.expiry": "none"}, "trigger[1].on", "no points expire"),
    ({f"{REMINDER}.notify": ["pass", "webhook"]}, "trigger[1].notify[1]", "endpoints are told in any case"),
    ({f"{REMINDER}.notify": ["webhook"], f"{REMINDER}.points": 5}, "trigger[1].notify[0]", "told in any case"),
    ({"earning_rule.2.on": "member.enroled", "earning_rule.2.limit.key": ABSENT}, "earning_rule[2].on",
     "did you mean 'member.enrolled'?"),
    ({"earning_rule.2.on": "oder.paid", "earning_rule.2.limit.key": ABSENT}, "earning_rule[2].on",
     "which only your own tools can send; did you mean 'order.paid'?"),
    ({"campaign.2.goal.event": "oder.paid"}, "campaign[2].goal.event", "did you mean 'order.paid'?"),
    ({"referral.qualifies_on": "member.enroled", "referral.min_order": 0}, "referral.qualifies_on",
     "did you mean 'member.enrolled'?"),
    ({"benefit": [], "tier.1.benefits": ["free_shiping"], "tier.2.benefits": ["lounge", "free_shipping"]},
     "tier[2].benefits[1]",
     "names 'free_shipping', and the tier 'mate' has 'free_shiping'; did you mean the same?"),
    ({"tier.2.benefits": []}, "benefit[1].code", "no tier has this benefit"),
    ({"earning_rule": WHOLE["earning_rule"][:1], "partner": WHOLE["partner"][:1]}, "partner[0].issue", "is never used"),
    ({"reward": [each for each in WHOLE["reward"] if each["code"] != "pledge"]}, "cause", "no reward has the kind"),
    ({"reward.1.cost": 9000, "reward.1.auto": True}, "reward[1].auto", "comes beside what a trigger"),
    ({"reward.0.min_tier": "crew", "reward.0.auto": True}, "reward[4].cost", "is never saved up"),
    ({"reward.0.auto": True}, "reward[4].cost", "'ten-off' is issued as soon as there are 200"),
    ({"tiers": {"measure": "balance", "window": "none"}}, "reward[3].auto", "before tiers by balance"),
    ({"reward.0.value": 100_000}, "reward[0]", "gives back 1500 % of an order of 40.00 EUR; above 25 %"),
    ({"reward.0.value": 1}, "reward[0]", "gives back 0.0175 % of an order of 40.00 EUR; below 0.5 %"),
    ({"reward.0.kind": "percent_off", "reward.0.value": 1}, "reward[0]", "below 0.5 %"),
    ({"reward": [{"code": "present", "kind": "product", "cost": 2401}, *WHOLE["reward"][4:]], "cause": []},
     "reward[0].cost", "takes 21 orders of 40.00 EUR"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "key", "message"), ADVICE, ids=[f"{key}-{at}" for at, (_, key, _) in enumerate(ADVICE)]
)
def test_each_piece_of_advice_is_named_once_by_its_key(changes: Change, key: str, message: str) -> None:
    """What is hardly meant is said once, where it stands, and is no fault."""
    found = advised(changed(WHOLE, changes))
    assert [(each.place, each.key) for each in found] == [("program.toml", key)]
    assert message in found[0].message


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"earning_rule.0.exclude": {"skus": ["GIFT", "B"], "tags": ["a", "b", "c"]}}, id="5 exclusions"),
        pytest.param({"campaign": WHOLE["campaign"] + STACKED[:1]}, id="3 campaigns"),
        pytest.param(
            {"campaign": WHOLE["campaign"] + [each | {"stack": "exclusive"} for each in STACKED]}, id="exclusive ones"
        ),
        pytest.param(
            {"campaign": WHOLE["campaign"] + [each | {"active": [{"from": NEXT_YEAR}]} for each in STACKED]},
            id="not at a time",
        ),
        pytest.param({"campaign": WHOLE["campaign"] + [each | {"rules": ["review"]} for each in STACKED]}, id="apart"),
        pytest.param(
            {"benefit": [], "tier.1.benefits": ["discount_5"], "tier.2.benefits": ["discount_10"]}, id="by a number"
        ),
        pytest.param(
            {"benefit": [], "tier.1.benefits": ["free_coffee"], "tier.2.benefits": ["free_coffee", "free_toffee"]},
            id="both in one tier",
        ),
        pytest.param({"campaign.2.goal.event": "course.paid"}, id="something else that is paid"),
        pytest.param({f"{REMINDER}.notify": ["webhook"]}, id="told to endpoints alone"),
        pytest.param({"reward.0.auto": True, "reward.0.min_tier": "mate"}, id="not issued to all"),
        pytest.param({"reward.0.auto": True, "reward.0.cost": 500}, id="as dear as the others"),
        pytest.param({"program.currency": "XPF", "reward.0.value": 1}, id="a currency without usual orders"),
        pytest.param({"earning_rule.0.on": "social.followed", "earning_rule": WHOLE["earning_rule"][2:], "partner": [],
                      "reward.0.partner": ABSENT, "campaign": [], "reward.0.value": 1}, id="nothing by orders"),
    ],
)  # fmt: skip
def test_what_is_still_simple_enough_needs_no_advice(changes: Change) -> None:
    """Just inside each bound nothing is said."""
    assert advised(changed(WHOLE, changes)) == []


GIVES_NOTHING: Change = {
    "earning_rule": [], "campaign": [], "partner": [], "reward.0.partner": ABSENT, "trigger.2.points": ABSENT,
    "trigger.2.notify": ["pass"], "trigger.3.points": ABSENT, "trigger.3.notify": ["pass"],
    "referral.referrer": {"reward": "present"},
}  # fmt: skip


def test_rewards_of_a_programme_that_gives_no_points_are_out_of_reach() -> None:
    """Where nothing gives points, each reward that takes some is named, and each tier that counts them."""
    nothing = changed(WHOLE, GIVES_NOTHING)
    assert [each.key for each in advised(nothing)] == ["reward[0]", "reward[2]", "reward[3]", "reward[4]"]

    by_points = changed(nothing, {"tiers.measure": "points_earned"})
    assert [each.key for each in advised(by_points)][-1] == "reward[4].min_tier"


def test_a_median_order_decides_how_far_a_reward_is() -> None:
    """A card of nine stamps takes nine orders; small orders make the same reward far, and large ones near."""
    dear = changed(WHOLE, {"reward": [{"code": "present", "kind": "product", "cost": 1000}], "cause": []})
    assert [each.key for each in advised(dear, 1000)] == ["reward[0].cost"]
    assert "takes 34 orders of 10.00 EUR" in advised(dear, 1000)[0].message  # 10 by the shop's rule, 20 by a partner's
    assert advised(dear, 5000) == []
    in_yen = changed(dear, {"program.currency": "JPY"})
    assert "orders of 10 JPY" in advised(in_yen, 10)[0].message


def test_the_best_rule_of_those_that_do_not_stack_counts() -> None:
    """Of two rules that do not stack an order earns by one, and a cap holds what it earns."""
    rule = {"on": "order.paid", "basis": "net_items", "points": 1, "per": 100, "stackable": False}
    rules = [rule | {"code": "one"}, rule | {"code": "three", "points": 3}]
    reward = [{"code": "present", "kind": "product", "cost": 2461}]
    table = changed(WHOLE, GIVES_NOTHING | {"earning_rule": rules, "reward": reward, "cause": []})
    assert "takes 21 orders" in advised(table)[0].message
    assert "takes 25 orders" in advised(changed(table, {"points.cap.per_order": 100}))[0].message


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.dates())
@settings(max_examples=100, deadline=None)
def test_a_period_lasts_between_its_bounds(months: int, days: int, hours: int, day: Any) -> None:
    """From whatever day one counts, a period is no shorter than its shortest, and no longer than its longest."""
    period = Period(months, days, hours)
    day = day.replace(year=2000 + day.year % 100, day=min(day.day, 28))
    lasts = (period.from_day(day) - day).days * 24 + hours
    assert shortest(period) <= lasts <= longest(period)


VALUES = st.one_of(
    st.just(ABSENT),
    st.integers(-3, 40_000),
    st.sampled_from([True, 1.5, "", "0.5", "2", "none", "P1M", "crew", "purchase", "order.paid", "x" * 300, "rolling"]),
    st.sampled_from(
        [2**80, float("nan"), datetime.fromisoformat("2026-01-01"), time(8), [], {}, [{}], ["crew", "crew"], {"a": {}}]
    ),
    st.text(max_size=5),
)


def paths(table: Any, before: str = "") -> list[str]:
    """Return the path of every key and every index in a file."""
    items = enumerate(table) if isinstance(table, list) else table.items() if isinstance(table, dict) else ()
    return [each for key, inner in items for each in (f"{before}{key}", *paths(inner, f"{before}{key}."))]


FILES = [WHOLE, PAID, *(tomllib.loads(each.read_text()) for each in PROGRAMS)]
PLACES = [(table, path) for table in FILES for path in paths(table)]


@given(st.sampled_from(PLACES), VALUES)
@settings(max_examples=300, deadline=None)
def test_one_change_gives_a_fault_or_a_sound_programme(place: tuple[dict[str, Any], str], value: Any) -> None:
    """Whatever a single value of a sound file becomes, the linter answers in words, and each says where."""
    table, path = place
    wrong = linted(changed(table, {path: value}))
    assert all(each.key and each.message for each in wrong)
    if not wrong:
        advised(changed(table, {path: value}))


@given(st.sampled_from(PLACES), st.text("abz_", min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_misspelt_key_is_one_fault_of_its_own(place: tuple[dict[str, Any], str], more: str) -> None:
    """A key with letters too many is named itself, at its place in the file."""
    table, path = place
    parent, _, last = path.rpartition(".")
    inner: Any = table
    for part in parent.split(".") if parent else ():
        inner = inner[int(part) if part.isdecimal() else part]
    if isinstance(inner, list) or parent.endswith(("tier_multiplier", "window_by_tier", "arms")):
        return
    found = [each.key for each in linted(changed(table, {f"{path}_{more}": inner[last], path: ABSENT}))]
    assert any(key.endswith(f"{last}_{more}") for key in found)
    assert not any("literal[" in key or "Table" in key for key in found)


@pytest.mark.parametrize(
    "changes",
    [{"program.currency": "EUX"}, {"membership.activate_on": "club.paid"}, {"membership.end_on": "club.left"}],
)
def test_a_version_that_was_published_before_stays_readable(changes: Change) -> None:
    """What files may not say any more is a fault of theirs, and refuses no version that says it."""
    program, _ = read(Program, "version 1", changed(PAID, changes))
    assert program is not None
    assert list(faults(program, "program.toml")) != []
