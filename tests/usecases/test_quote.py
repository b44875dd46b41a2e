"""A quote says what an order would come to, and nothing of it is done; a scanned card tells a till what it needs."""

from datetime import timedelta
from typing import Any

import pytest
from actors import START, Clock
from history import LIMITED
from ledger_actors import Till, program, shipped, till, who
from sqlalchemy import text

from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import Consent, Customer, MemberEnrolled, MemberUpdated
from wallet_service.domain.program.earning_tables import MatchTable
from wallet_service.domain.purchase import Line, Purchase
from wallet_service.usecases.hold import hold
from wallet_service.usecases.look_up import look_up
from wallet_service.usecases.quote import Quote, quote
from wallet_service.usecases.redeem import redeem
from wallet_service.usecases.replace_card import replace_card
from wallet_service.wiring import Service

TIERS: dict[str, Any] = {
    "tier": [
        {"code": "base", "threshold": 0, "name": "Base", "benefits": ["off5"]},
        {"code": "gold", "threshold": 15_000, "name": "Gold", "benefits": ["off5", "off10", "post", "soon", "cake"]},
    ],
    "tiers": {"measure": "spend", "window": "lifetime", "valid": "forever", "downgrade": "none"},
    "benefit": [
        {"code": "off5", "kind": "percent_off", "value": 500},
        {"code": "off10", "kind": "percent_off", "value": 1000, "exclude": {"tags": ["sale"]}},
        {"code": "post", "kind": "free_shipping"},
        {"code": "soon", "kind": "early_access", "lead": "PT48H"},
    ],
    "reward": [
        {"code": "five-off", "kind": "amount_off", "cost": 50, "value": 500, "code_valid": "P30D"},
        {"code": "pay", "kind": "pay_with_points", "rate": {"points": 1, "value": 2}},
        {"code": "mug", "kind": "product", "cost": 5000},
    ],
}


@pytest.fixture
def shop(service: Service, clock: Clock) -> Till:
    """A till of a programme with discounts for its tiers."""
    made = till(service, clock, program("quotes", **TIERS))
    made.enrol("ann")
    return made


def ask(shop: Till, minor: int, *lines: Line, customer: Customer | None = None) -> Quote:
    """Return the quote for an order."""
    bought = Purchase("trial", shop.clock(), sum(each.net_minor for each in lines) or minor, lines)
    with shop.service.trial() as tx:
        return quote(tx, program=shop.open, customer=customer or who(), purchase=bought, now=shop.clock())


def test_what_would_not_count_is_told(service: Service, clock: Clock) -> None:
    """What a limit, a budget or a cap would keep from counting is said before the order is paid."""
    shop = till(service, clock, program("limited", **LIMITED))
    shop.enrol("ann")
    assert ask(shop, 2_000).refused == ()
    shop.buy(2_000, order="o1")
    told = ask(shop, 20_000)
    assert [(each.code, each.reason) for each in told.refused] == [
        ("cap", "capped"), ("double", "limit_reached"), ("spring", "budget_spent"),
    ]  # fmt: skip
    assert told.points == 100


def everything(shop: Till) -> list[Any]:
    """Return a digest of every table."""
    with shop.service.read() as tx:
        names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).scalars()
        query = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} AS t"
        return [(each, tx.execute(text(query.format(each))).scalar_one()) for each in list(names)]


@pytest.mark.parametrize(
    "name",
    [
        "sephora_like",
        "starbucks_like",
        "peak_design_like",
        "discount_card",
        "stamp_card",
        "coalition",
        "donation",
        "small_shop",
        "paid_vip",
    ],
)
@pytest.mark.parametrize("minor", [12_999])
def test_a_quote_is_what_comes_of_it(service: Service, clock: Clock, name: str, minor: int) -> None:
    """In every example programme the order then earns exactly what was said, at once or later, and ends as was said."""
    place = till(service, clock, shipped(name))
    place.enrol("ann")
    lines = (Line("NEW-1", minor, 2, ("coffee",)),)
    partner = place.rules.partner[0].code if place.rules.partner else None
    bought = Purchase("o1", clock(), minor, lines, partner=partner)
    before = everything(place)
    with service.trial() as tx:
        said = quote(tx, program=place.open, customer=who(), purchase=bought, now=clock())
    assert everything(place) == before

    done = place.buy(minor, order="o1", lines=lines, partner=partner)
    with service.read() as tx:
        kept = tx.execute(text("SELECT kept FROM orders")).scalar_one()
    assert (said.points, said.tier) == (kept, done["tier"])
    assert sum(eval_share(each.points) for each in said.parts) >= said.points


def eval_share(points: str) -> float:
    """Return exact points as a number."""
    above, _, below = points.partition("/")
    return int(above) / int(below or 1)


def test_the_best_way_to_pay_less_is_named(shop: Till) -> None:
    """All ways are there with what they take off and why they cannot be had; the largest is named."""
    said = ask(shop, 20_000)
    assert [(each.code, each.minor, each.available) for each in said.discounts] == [
        ("off5", 1_000, True),
        ("five-off", 500, False),
        ("pay", 0, False),
    ]
    assert [each.reason for each in said.discounts[1].whys] == ["insufficient_balance"]
    assert said.best == "off5"
    assert (said.points, said.balance, said.tier) == (200, 200, "gold")

    shop.give(900)
    assert ask(shop, 10_000).best == "pay"
    assert ask(shop, 0).best is None


def test_what_is_excluded_gets_no_discount(shop: Till) -> None:
    """A benefit takes its share of the lines that it is for; the tier is the one before the order."""
    shop.buy(15_000, order="o1")
    sale, other = Line("A", 10_000, 1, ("sale",)), Line("B", 6_001)
    said = {each.code: each.minor for each in ask(shop, 0, sale, other).discounts}
    assert (said["off5"], said["off10"]) == (800, 600)


def test_nobody_is_quoted_nothing(shop: Till) -> None:
    """Whoever is no member is refused."""
    with pytest.raises(UnknownMember):
        ask(shop, 100, customer=who("bob"))


# A card is scanned.


def look(shop: Till, customer: Customer) -> Any:
    """Return what the till is told."""
    with shop.service.read() as tx:
        return look_up(tx, program=shop.open, customer=customer, now=shop.clock())


def test_a_scan_tells_all_at_once(shop: Till) -> None:
    """Balance, tier, benefits, what lies ready and what could be taken now, by the code on the card."""
    shop.buy(16_000, order="o1")
    shop.operate(redeem, customer=who(), reward="five-off")
    shop.operate(hold, customer=who(), points=10)
    told = look(shop, Customer(card_code=shop.member().card_code))
    assert (told.customer_id, told.balance, told.held, told.tier, told.active) == ("ann", 100, 10, "gold", True)
    assert [(each.code, each.kind, each.value) for each in told.benefits] == [
        ("off5", "percent_off", 500),
        ("off10", "percent_off", 1000),
        ("post", "free_shipping", None),
        ("soon", "early_access", None),
        ("cake", "other", None),
    ]
    assert [each.code for each in told.benefits if each.exclude == MatchTable(tags=("sale",))] == ["off10"]
    assert [each.code for each in told.benefits if str(each.lead) == "PT48H"] == ["soon"]
    assert [each.reward for each in told.ready] == ["five-off"]
    assert [each.reward for each in told.rewards] == ["five-off", "pay"]


def test_a_till_sees_a_name_only_where_that_was_agreed(service: Service, clock: Clock) -> None:
    """Without a word, or after it was taken back, the till sees none."""
    place = till(service, clock, program("names"))
    place.tell("member.enrolled", MemberEnrolled(who(), "Ann Example", "en"))
    assert look(place, who()).name is None
    for granted, name in ((True, "Ann Example"), (False, None)):
        told = MemberUpdated(who(), consents=(Consent("name_at_till", granted=granted),))
        place.tell("member.updated", told)
        assert look(place, who()).name == name


def test_a_code_that_was_replaced_tells_nothing(shop: Till) -> None:
    """Whoever scans an old card is told that nobody is known by it."""
    code = shop.member().card_code
    shop.do(replace_card, customer=who())
    with pytest.raises(UnknownMember):
        look(shop, Customer(card_code=code))


def test_a_scan_sees_what_the_calendar_brings(service: Service, clock: Clock) -> None:
    """Points that died last night are not offered for rewards, whether or not a worker came by."""
    points = {"expiry": {"mode": "rolling", "period": "P1M"}}
    place = till(service, clock, program("dying", points=points, reward=TIERS["reward"]))
    place.enrol("ann")
    place.give(60)
    assert [each.reward for each in look(place, who()).rewards] == ["five-off", "pay"]
    clock.now = START + timedelta(days=40)
    told = look(place, who())
    assert (told.balance, told.rewards) == (0, ())
