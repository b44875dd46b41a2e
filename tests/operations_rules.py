"""The programmes in which whole operations are walked through: two with everything in them, and shipped ones."""

from dataclasses import dataclass

SHOP = """
schema = 1

[program]
code = "whole-shop"
name = "A shop"
timezone = "Europe/Prague"
currency = "EUR"

[unit]
code = "points"
cost_micros = 10000

[points]
pending = { mode = "days", days = 3 }
expiry = { mode = "rolling", period = "P2M", round = "end_of_month" }
refund = { earned = "clamp_to_zero", spent = "restore" }
hold_minutes = 90
grace_days = 5
cap = { per_order = 900, per = "P1D", times = 4 }

[membership]
kind = "paid"
price = 900
period = "P1M"

[[earning_rule]]
code = "purchase"
on = "order.paid"
basis = "net_items"
points = 1
per = 100
tier_multiplier = { chapter = "1.5", novel = "2" }

[[earning_rule]]
code = "beans"
on = "order.paid"
basis = "quantity"
match = { tags = ["coffee"] }
points = 3
per = 1

[[earning_rule]]
code = "review"
on = "review.approved"
points = 25
bonus = [{ when = "has_photo", points = 10 }]
limit = { times = 1, per = "lifetime", key = "product_id" }

[[campaign]]
code = "double"
kind = "multiplier"
rules = ["purchase"]
factor = "2"
budget = { points = 300 }

[[campaign]]
code = "extra"
kind = "addition"
rules = ["purchase"]
points = 15
budget = { stock = 4 }
limit = { times = 2, per = "campaign" }

[[campaign]]
code = "streak"
kind = "challenge"
goal = { event = "order.paid", times = 3, within = "P14D" }
points = 40
budget = { stock = 3 }

[tiers]
measure = "points_earned"
window = "rolling_12_months"
valid = "P6M"
grace_days = 10
on_refund = "recheck"

[[tier]]
code = "page"
threshold = 0

[[tier]]
code = "chapter"
threshold = 100

[[tier]]
code = "novel"
threshold = 500

[[reward]]
code = "mug"
kind = "product"
cost = 40
stock = 2

[[reward]]
code = "voucher"
kind = "amount_off"
cost = 50
value = 500
code_valid = "P30D"
limit = { times = 2, per = "P3M" }

[[reward]]
code = "pooled"
kind = "percent_off"
cost = 30
value = 1000
pool = "codes"

[[reward]]
code = "pay"
kind = "pay_with_points"
rate = { points = 1, value = 1 }

[[reward]]
code = "card"
kind = "gift_card"
cost = 60
value = 1000

[[reward]]
code = "badge"
kind = "collectible"
cost = 20
stock = 3

[[reward]]
code = "evening"
kind = "experience"
cost = 200
min_tier = "novel"

[[reward]]
code = "filled"
kind = "product"
cost = 250
stock = 3
auto = true
code_valid = "P30D"

[[reward]]
code = "present"
kind = "product"
stock = 3

[[trigger]]
code = "birthday"
on = "member.birthday"
grant = "present"
window = { before = "P3D", after = "P3D" }
limit = { times = 1, per = "calendar_year" }

[[trigger]]
code = "soon"
on = "points.expiring"
lead = "P7D"

[[trigger]]
code = "missed"
on = "member.inactive"
after = "P40D"
points = 5

[referral]
referrer = { points = 50 }
referee = { reward = "present" }
min_order = 1000
hold_days = 3
max_per_referrer = { times = 2, per = "calendar_year" }
"""

CLUB = """
schema = 1

[program]
code = "whole-club"
name = "A club"
timezone = "Europe/Prague"
currency = "EUR"

[unit]
code = "points"
cost_micros = 10000

[points]
pending = { mode = "event", on = "order.fulfilled" }
expiry = { mode = "inactivity", period = "P3M" }
refund = { earned = "allow_negative", spent = "forfeit" }
min_balance = -300

[[partner]]
code = "bakery"
issue = { points = 1, per = 100 }

[[partner]]
code = "cinema"
issue = { points = 2, per = 100 }

[[earning_rule]]
code = "purchase"
on = "order.paid"
basis = "net_items"
rate = "partner.issue"

[[earning_rule]]
code = "review"
on = "review.approved"
points = 25

[[cause]]
code = "trees"
name = "Trees"

[[cause]]
code = "shelter"
name = "A shelter"

[tiers]
measure = "spend"
window = "calendar_year"
valid = "end_of_next_calendar_year"
on_refund = "recheck"

[[tier]]
code = "page"
threshold = 0

[[tier]]
code = "chapter"
threshold = 20000

[[tier]]
code = "novel"
threshold = 60000

[[reward]]
code = "ticket"
kind = "product"
cost = 60
partner = "cinema"
stock = 3

[[reward]]
code = "voucher"
kind = "amount_off"
cost = 80
value = 500
partner = "bakery"
code_valid = "P14D"

[[reward]]
code = "pay"
kind = "pay_with_points"
rate = { points = 1, value = 1 }
partner = "bakery"

[[reward]]
code = "gift"
kind = "donation"
rate = { points = 1, value = 1 }
choose = "cause"

[[reward]]
code = "pledge"
kind = "donation"
cost = 30
auto = "monthly"
choose = "cause"
default = "trees"

[referral]
referrer = { points = 30 }
referee = { points = 20 }
"""


@dataclass(frozen=True)
class Kind:
    """A kind of programme: the template that draws its cards, its rules or those of the template, and the next ones.

    `changed` is what the next version says otherwise: what stood there, and what stands there now. `own_dates`: nothing
    but its date keeps a lot alive. Rewards that come by themselves are the same in every version.
    """

    template: str
    changed: tuple[tuple[str, str], ...]
    rules: str | None = None
    allow_negative: bool = False
    own_dates: bool = False


KINDS = {
    "shop": Kind(
        "points",
        (
            ("points = 1\nper = 100\n", "points = 2\nper = 100\n"),
            ("threshold = 100\n", "threshold = 150\n"),
            ("cost = 40\nstock = 2\n", "cost = 55\nstock = 4\n"),
            ("days = 3 }", "days = 5 }"),
            ("budget = { points = 300 }", "budget = { points = 600 }"),
        ),
        SHOP,
        own_dates=True,
    ),
    "kept": Kind(
        "points",
        (
            ('extend_on_activity = "P2M"', 'extend_on_activity = "P1M"'),
            ("threshold = 100\n", 'threshold = 150\npoints_expiry = { mode = "none" }\n'),
        ),
        SHOP.replace('round = "end_of_month" }', 'round = "end_of_month", extend_on_activity = "P2M" }').replace(
            "threshold = 500\n",
            'threshold = 500\npoints_expiry = { mode = "rolling", period = "P2M", extend_on_activity = "P6M" }\n',
        ),
    ),
    "club": Kind(
        "points",
        (
            ("issue = { points = 2, per = 100 }", "issue = { points = 3, per = 100 }"),
            ("threshold = 20000\n", "threshold = 15000\n"),
            ("min_balance = -300", "min_balance = -500"),
            ('period = "P3M"', 'period = "P4M"'),
        ),
        CLUB,
        allow_negative=True,
    ),
    "sephora_like": Kind(
        "sephora_like", (("threshold = 35000", "threshold = 30000"), ("cost = 500\n", "cost = 400\n"))
    ),
    "stamp_card": Kind("stamp_card", (("per_order = 3,", "per_order = 4,"),), own_dates=True),
    "paid_vip": Kind("paid_vip", (("price = 4900 ", "price = 5900 "),)),
}
