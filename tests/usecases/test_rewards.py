"""Rewards are taken, used, cancelled, paid back, and come by themselves; stock and codes are given out once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from actors import Clock
from ledger_actors import Till, line, program, shipped, till, who
from sqlalchemy import event, text

from wallet_service.domain.codes import as_made
from wallet_service.domain.errors import (
    CodeRefused,
    HoldResolved,
    OperationRefused,
    RedemptionOver,
    RewardUnavailable,
    UnknownRedemption,
    UnknownReward,
)
from wallet_service.domain.event import MemberUpdated
from wallet_service.usecases.catalogue import catalogue
from wallet_service.usecases.granting import grant_reward
from wallet_service.usecases.hold import capture, hold, void
from wallet_service.usecases.lay_codes import lay_codes
from wallet_service.usecases.operate import Operation, books_of, close
from wallet_service.usecases.pledges import pledges
from wallet_service.usecases.redeem import cancel, code_of, look, redeem, redeemed, refund, use
from wallet_service.wiring import Service

REWARDS: list[dict[str, Any]] = [
    {"code": "mug", "kind": "product", "cost": 100, "stock": 2},
    {"code": "five-off", "kind": "amount_off", "cost": 50, "value": 500, "code_valid": "P30D"},
    {"code": "cake", "kind": "product", "cost": 30, "code_valid": "P7D", "match": {"tags": ["cake"]}},
    {"code": "tasting", "kind": "experience", "cost": 40, "min_tier": "gold", "stock": 20},
    {"code": "voucher", "kind": "gift_card", "cost": 60, "value": 1000, "pool": "bookshop"},
    {"code": "once", "kind": "service", "cost": 10, "limit": {"times": 1, "per": "calendar_year"}},
    {"code": "star", "kind": "collectible", "cost": 5},
    {"code": "trees", "kind": "donation", "rate": {"points": 1, "value": 1}, "choose": "cause"},
    {"code": "pay", "kind": "pay_with_points", "rate": {"points": 10, "value": 5}, "min_points": 20,
     "max_share_of_order": "0.50"},
    {"code": "gift", "kind": "product"},
    {"code": "surprise", "kind": "product", "cost": 100_000, "auto": True},
]  # fmt: skip
TABLES: dict[str, Any] = {
    "reward": REWARDS,
    "tier": [{"code": "base", "name": "Base", "threshold": 0}, {"code": "gold", "name": "Gold", "threshold": 1000}],
    "tiers": {"measure": "points_earned", "window": "lifetime"},
    "cause": [{"code": "forest", "name": "Forest"}, {"code": "shelter", "name": "Shelter"}],
    "trigger": [{"code": "birthday", "on": "member.birthday", "grant": "gift"}],
}


@pytest.fixture
def shop(service: Service, clock: Clock) -> Till:
    """A till with rewards of every kind, and Ann with 200 points."""
    made = till(service, clock, program("rewards", **TABLES))
    made.enrol("ann", "bob")
    made.give(200)
    return made


def refusal(shop: Till, **asked: Any) -> list[str]:
    """Return why a reward cannot be redeemed."""
    with pytest.raises(RewardUnavailable) as caught:
        shop.do(redeem, **{"customer": who(), **asked})
    shop.check()
    return [each.reason for each in caught.value.whys]  # type: ignore[attr-defined]


def pool(shop: Till, *codes: str, expires_at: datetime | None = None) -> dict[str, Any]:
    """Lay codes into the pool of the voucher."""
    return shop.do(lay_codes, pool="bookshop", given=codes, expires_at=expires_at)


def codes(shop: Till) -> dict[str, int]:
    """Return how many codes there are by their status."""
    with shop.service.read() as tx:
        rows = tx.execute(text("SELECT status, count(*) FROM coupon_codes GROUP BY status"))
        return {status: int(count) for status, count in rows}


# What can be had, and why not.


def test_the_catalogue_says_what_can_be_had(shop: Till) -> None:
    """In the programme's order, with cost, worth and what is left."""
    found = shop.choices(order_minor=3000)

    assert list(found) == [each["code"] for each in REWARDS]
    assert [code for code, each in found.items() if each.available] == [
        "mug", "five-off", "cake", "once", "star", "trees", "pay",
    ]  # fmt: skip
    assert (found["mug"].cost, found["mug"].left, found["five-off"].left, found["voucher"].left) == (100, 2, None, 0)
    assert (found["pay"].most_points, found["pay"].most_minor) == (200, 100)
    assert shop.choices(order_minor=100)["pay"].most_points == 100  # half of 1.00 is 50, and that is 100 points


def test_each_reason_is_given(shop: Till) -> None:
    """Every reason why a reward cannot be had, with what is missing."""
    short = shop.choices("bob")["mug"].whys[0]
    assert (short.reason, short.points, str(short)) == ("insufficient_balance", 100, "100 points are missing")
    high = shop.choices()["tasting"].whys[0]
    assert (high.reason, high.tier, str(high)) == ("tier_too_low", "gold", "the tier gold is needed")
    assert shop.reasons("voucher") == ["out_of_stock"]
    assert shop.reasons("gift") == ["only_granted"]
    assert shop.reasons("surprise") == ["only_automatic", "insufficient_balance"]
    shop.do(redeem, customer=who(), reward="once")
    assert shop.reasons("once") == ["limit_reached"]
    assert shop.reasons("tasting", "bob") == ["tier_too_low", "insufficient_balance"]
    assert refusal(shop, reward="pay", points=40) == ["order_needed"]
    assert refusal(shop, reward="pay", points=10, order_minor=5000) == ["below_minimum"]
    assert refusal(shop, reward="pay", points=150, order_minor=100) == ["above_share_of_order"]
    assert refusal(shop, reward="pay", points=300, order_minor=10_000) == ["insufficient_balance"]
    assert refusal(shop, reward="trees", points=10) == ["cause_needed"]
    assert refusal(shop, reward="trees", points=10, cause="whales") == ["cause_needed"]
    with shop.service.begin() as tx:
        found = shop.member()
        tx.execute(text("UPDATE cards SET voided_at = now() WHERE id = :id"), {"id": found.card.id})
    assert shop.reasons("mug") == ["not_active"]


def test_what_a_programme_does_not_have_is_named(shop: Till) -> None:
    """A reward that nobody knows, and points for one that has a cost."""
    with pytest.raises(UnknownReward, match="bicycle"):
        shop.do(redeem, customer=who(), reward="bicycle")
    with pytest.raises(OperationRefused, match="mug has its cost"):
        shop.do(redeem, customer=who(), reward="mug", points=5)


def test_a_limit_counts_in_its_time_and_not_what_came_back(shop: Till) -> None:
    """Once a calendar year: cancelled it can be taken again, used it cannot before the next year."""
    first = shop.do(redeem, customer=who(), reward="once")
    shop.do(cancel, redemption=first["redemption"], reason="changed my mind")
    again = shop.do(redeem, customer=who(), reward="once")
    shop.do(use, redemption=again["redemption"])
    assert shop.reasons("once") == ["limit_reached"]
    shop.clock.now = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    assert shop.reasons("once") == ["limit_reached"]
    shop.clock.on(minutes=1)  # midnight in Prague
    assert shop.reasons("once") == []


# A code is issued, and used once.


def test_a_voucher_is_issued_and_used_once(shop: Till) -> None:
    """The points are spent when it is issued; it lies ready until it is used, and then never again."""
    done = shop.do(redeem, customer=who(), reward="five-off")
    assert (done["status"], done["balance"], done["value_minor"]) == ("issued", 150, 500)
    assert done["valid_until"] == (shop.clock() + timedelta(days=30)).isoformat()
    assert as_made(done["code"]) == done["code"]
    assert shop.member().position.granted == ("five-off",)

    used = shop.do(use, code=done["code"].lower().replace("-", " "), order_id="A-17")
    assert (used["status"], used["order_id"], used["code"], used["balance"]) == ("used", "A-17", None, 150)
    assert shop.member().position.granted == ()
    with pytest.raises(CodeRefused, match="already used") as caught:
        shop.do(use, code=done["code"])
    assert caught.value.reason == "already_used"
    assert shop.sums()["redemption"] == 50


def test_codes_are_kept_sealed(shop: Till) -> None:
    """Neither the code nor anything that could be turned into it stands in the database, not even in the answer."""
    done = shop.operate(redeem, key="k", customer=who(), reward="five-off")
    code = done.answer["code"]
    with shop.service.read() as tx:
        dump = str(tx.execute(text("SELECT * FROM coupon_codes")).all())
        dump += str(tx.execute(text("SELECT answer FROM operations")).all())
    assert code not in dump
    assert code.replace("-", "") not in dump
    assert shop.operate(redeem, key="k", customer=who(), reward="five-off").answer == done.answer


def test_a_code_is_unknown_elsewhere_and_when_mistyped(shop: Till, service: Service, clock: Clock) -> None:
    """A slip of one letter, a code of nobody's, and a code of another programme all find nothing."""
    code = shop.do(redeem, customer=who(), reward="five-off")["code"]
    other = till(service, clock, program("neighbour", **TABLES))
    for asked, where in (("A" + code[1:], shop), ("none", shop), (code, other)):
        if asked != code or where is other:
            with pytest.raises(UnknownRedemption):
                where.do(use, code=asked)


def test_a_code_is_good_for_its_time(shop: Till) -> None:
    """The moment of its end is too late; the calendar takes it off the card, and the points stay spent."""
    done = shop.do(redeem, customer=who(), reward="cake")
    basket = (line("c1", tags=("cake",)),)
    assert shop.member().position.due_at == shop.clock() + timedelta(days=7)
    shop.clock.on(days=7)
    with pytest.raises(CodeRefused, match="expired"):
        shop.do(use, code=done["code"], lines=basket)
    after = shop.settle().position
    assert (after.granted, after.available) == ((), 170)
    with pytest.raises(CodeRefused, match="expired"):
        shop.do(use, code=done["code"], lines=basket)
    with pytest.raises(RedemptionOver):
        shop.do(cancel, redemption=done["redemption"], reason="r")


def test_the_wrong_product_is_refused(shop: Till) -> None:
    """A reward for cake is good for a basket with cake; refused, it can still be used."""
    done = shop.do(redeem, customer=who(), reward="cake")
    for basket in ((), (line("b1", tags=("bread",)),)):
        with pytest.raises(CodeRefused) as caught:
            shop.do(use, code=done["code"], lines=basket)
        assert caught.value.reason == "wrong_product"
    assert shop.do(use, code=done["code"], lines=(line("c1", tags=("cake",)),))["status"] == "used"


# Held until the till hands it over.


def test_a_product_is_held_for_the_till(shop: Till) -> None:
    """Without a date it is taken now or not: points are held, captured at the till, and a piece leaves the stock."""
    done = shop.do(redeem, customer=who(), reward="mug", minutes=10)
    assert (done["status"], done["balance"], done["held"]) == ("held", 100, 100)
    assert shop.choices()["mug"].left == 1

    used = shop.do(use, code=done["code"])
    assert (used["status"], used["balance"], used["held"], shop.sums()["redemption"]) == ("used", 100, 0, 100)


@pytest.mark.parametrize(("end", "died"), [("cancelled", 100), ("used", 0)])
def test_a_held_reward_foretells_what_would_die(service: Service, clock: Clock, end: str, died: int) -> None:
    """Where its points would be dead it says how many are lost if it is cancelled, and then how many were."""
    shop = till(service, clock, program("fading", points={"expiry": {"mode": "rolling", "period": "P12M"}}, **TABLES))
    shop.enrol("ann")
    shop.give(200)
    clock.on(days=364)
    taken = shop.do(redeem, customer=who(), reward="mug", minutes=10_000)
    ready = shop.do(redeem, customer=who(), reward="five-off")
    assert (taken["lost_if_cancelled"], ready["lost_if_cancelled"]) == (0, None)
    clock.on(days=3)
    shop.settle()
    with shop.service.read() as tx:
        asked = [
            look(tx, program=shop.open, redemption=each["redemption"], now=clock()).lost_if_cancelled
            for each in (taken, ready)
        ]
    assert asked == [100, None]
    if end == "used":
        done = shop.do(use, redemption=taken["redemption"])
    else:
        done = shop.do(cancel, redemption=taken["redemption"], reason="changed their mind")
    assert (done["status"], done["died"], done["lost_if_cancelled"]) == (end, died, None)


def test_what_has_a_cost_is_not_handed_over_for_less(shop: Till) -> None:
    """A till that names fewer points is refused, by the code and by the hold; all of them may be named."""
    done = shop.do(redeem, customer=who(), reward="mug")
    with shop.service.read() as tx:
        held = tx.execute(text("SELECT public_id FROM holds")).scalar()
    with pytest.raises(OperationRefused, match="mug costs 100"):
        shop.do(use, code=done["code"], points=1)
    with pytest.raises(OperationRefused, match="costs 100"):
        shop.do(capture, hold=held, points=1)
    assert shop.do(use, code=done["code"], points=100)["points"] == 100


def test_what_is_not_fetched_comes_back(shop: Till) -> None:
    """When its time is over points and piece are back by themselves."""
    done = shop.do(redeem, customer=who(), reward="mug", minutes=10)
    shop.clock.on(minutes=10)
    with pytest.raises(CodeRefused, match="expired"):
        shop.do(use, code=done["code"])
    assert shop.settle().position.available == 200
    assert shop.choices()["mug"].left == 2
    with pytest.raises(CodeRefused, match="expired"):
        shop.do(use, redemption=done["redemption"])


def test_a_hold_of_a_reward_may_be_resolved_by_itself(shop: Till) -> None:
    """Captured or voided by the hold, the redemption follows."""
    for act, ends, balance in ((capture, "already_used", 100), (void, "cancelled", 100)):
        done = shop.do(redeem, customer=who(), reward="mug")
        with shop.service.read() as tx:
            held = tx.execute(text("SELECT public_id FROM holds ORDER BY id DESC LIMIT 1")).scalar()
        assert shop.do(act, hold=held)["balance"] == balance
        with pytest.raises(CodeRefused) as caught:
            shop.do(use, code=done["code"])
        assert caught.value.reason == ends
    assert shop.choices()["mug"].left == 1


def test_points_pay_a_part_of_an_order(shop: Till) -> None:
    """Held by the rate, captured in part at the till, and worth what was captured."""
    done = shop.do(redeem, customer=who(), reward="pay", points=150, order_minor=150, order_id="A-1")
    assert (done["status"], done["value_minor"], done["balance"], done["code"]) == ("held", 75, 50, None)

    used = shop.do(use, redemption=done["redemption"], points=100)
    assert (used["points"], used["value_minor"], used["balance"], used["order_id"]) == (100, 50, 100, "A-1")


@pytest.mark.parametrize("rate", [{"points": 10, "value": 10}, None])
def test_held_points_keep_the_rate_they_were_held_at(shop: Till, rate: dict[str, int] | None) -> None:
    """Neither another rate nor a programme without the reward changes what the till was told."""
    taken = [
        shop.do(redeem, customer=who(), reward="pay", points=points, order_minor=1000)["redemption"]
        for points in (101, 90)
    ]
    rewards = [each | {"rate": rate} if each["code"] == "pay" and rate else each for each in REWARDS]
    kept = [each for each in rewards if rate or each["code"] != "pay"]
    newer = program("rewards", **TABLES | {"reward": kept})
    later = replace(shop, open=replace(shop.open, template=replace(shop.template, program=newer)))

    assert later.do(use, redemption=taken[0])["value_minor"] == 50
    part = later.do(use, redemption=taken[1], points=60)
    assert (part["points"], part["value_minor"]) == (60, 30)


@pytest.mark.parametrize(("order_minor", "most"), [(100, 100), (101, 100), (39, 38), (0, 0), (1_000_000, 200)])
def test_the_share_of_an_order_is_never_exceeded(shop: Till, order_minor: int, most: int) -> None:
    """The most that can be paid is worth half the order at the most, and one point more would be refused."""
    choice = shop.choices(order_minor=order_minor)["pay"]
    assert choice.most_points == most
    assert (choice.most_minor or 0) * 2 <= order_minor
    if most < 200:
        assert "above_share_of_order" in refusal(shop, reward="pay", points=max(most + 1, 20), order_minor=order_minor)


def test_the_share_of_an_order_is_that_of_all_its_payments(shop: Till) -> None:
    """What points pay of an order already counts to its share, until it has come back; other orders have their own."""
    asked = {"customer": who(), "reward": "pay", "order_minor": 120, "order_id": "A-1"}
    first = shop.do(redeem, points=80, **asked)["redemption"]  # 40 of 60
    assert refusal(shop, points=42, **asked) == ["above_share_of_order"]
    second = shop.do(redeem, points=40, **asked)["redemption"]
    assert refusal(shop, points=20, **asked) == ["above_share_of_order"]
    shop.do(use, redemption=second, points=20)
    shop.do(use, redemption=first)
    shop.do(refund, redemption=first, points=20, reason="r")
    assert refusal(shop, points=42, **asked) == ["above_share_of_order"]
    shop.do(cancel, redemption=shop.do(redeem, points=40, **asked)["redemption"], reason="r")
    shop.do(redeem, points=100, **asked | {"order_minor": 100, "order_id": "A-2"})


@pytest.mark.parametrize(("least", "most"), [(None, 100), (150, 150)])
def test_no_more_points_are_offered_than_buy_anything(
    service: Service, clock: Clock, least: int | None, most: int
) -> None:
    """199 points at a hundred for a cent are one cent, and so are a hundred."""
    pay = {"code": "pay", "kind": "pay_with_points", "rate": {"points": 100, "value": 1}, "min_points": least}
    shop = till(service, clock, program(f"cents{most}", reward=[pay]))
    shop.enrol("ann")
    shop.give(199)
    for order_minor in (None, 1_000):
        choice = shop.choices(order_minor=order_minor)["pay"]
        assert (choice.available, choice.most_points, choice.most_minor) == (True, most, 1)


def test_what_was_paid_comes_back_in_parts(shop: Till) -> None:
    """Refunded by parts: used until all is back, then refunded, and then no more."""
    done = shop.do(redeem, customer=who(), reward="pay", points=150, order_minor=1000)
    with pytest.raises(RedemptionOver):
        shop.do(refund, redemption=done["redemption"], reason="r")
    shop.do(use, redemption=done["redemption"])
    part = shop.do(refund, redemption=done["redemption"], points=50, reason="one of three returned")
    assert (part["status"], part["refunded"], part["balance"]) == ("used", 50, 100)
    with pytest.raises(OperationRefused, match="100 are left"):
        shop.do(refund, redemption=done["redemption"], points=101, reason="r")
    rest = shop.do(refund, redemption=done["redemption"], reason="all returned")
    assert (rest["status"], rest["refunded"], rest["balance"]) == ("refunded", 150, 200)
    with pytest.raises(RedemptionOver):
        shop.do(refund, redemption=done["redemption"], reason="r")
    assert "redemption" not in shop.sums()


# Cancelled before it was used.


def test_a_cancelled_voucher_gives_everything_back(shop: Till) -> None:
    """Points are in the lots they came from, the code is void, and it cannot be cancelled twice."""
    before = shop.lots()
    done = shop.do(redeem, customer=who(), reward="five-off")
    after = shop.do(cancel, redemption=done["redemption"], reason="changed my mind")

    assert (after["status"], after["balance"], after["code"]) == ("cancelled", 200, None)
    assert shop.lots() == before
    assert (shop.member().position.granted, codes(shop)) == ((), {"void": 1})
    with pytest.raises(CodeRefused, match="cancelled"):
        shop.do(use, code=done["code"])
    with pytest.raises(RedemptionOver):
        shop.do(cancel, redemption=done["redemption"], reason="again")


def test_used_is_not_cancelled(shop: Till) -> None:
    """What was handed over is refunded or not, but not undone; its piece stays taken."""
    done = shop.do(redeem, customer=who(), reward="mug")
    shop.do(use, code=done["code"])
    with pytest.raises(RedemptionOver, match="is used"):
        shop.do(cancel, redemption=done["redemption"], reason="r")
    shop.do(refund, redemption=done["redemption"], reason="it was broken")
    assert (shop.balance(), shop.choices()["mug"].left) == (200, 1)


def test_cancelling_forfeits_nothing(service: Service, clock: Clock) -> None:
    """A programme that forfeits what was used still gives back what was not."""
    strict = till(service, clock, program("strict", **TABLES, points={"refund": {"spent": "forfeit"}}))
    strict.enrol("ann")
    strict.give(200)
    done = strict.do(redeem, customer=who(), reward="five-off")
    assert strict.do(cancel, redemption=done["redemption"], reason="r")["balance"] == 200
    used = strict.do(redeem, customer=who(), reward="five-off")
    strict.do(use, code=used["code"])
    gone = strict.do(refund, redemption=used["redemption"], reason="r")
    assert (gone["status"], gone["refunded"], gone["balance"]) == ("refunded", 0, 150)


# Pools, pieces, causes.


def test_gift_cards_come_out_of_their_pool(shop: Till) -> None:
    """Each code goes to one member; when the pool is empty nobody loses points, and the code is money: no way back."""
    assert pool(shop, "GIFT-1", "", " GIFT-2 ", "GIFT-1") == {
        "pool": "bookshop", "added": 2, "known": 0, "left": 2,
    }  # fmt: skip
    assert pool(shop, "GIFT-2")["known"] == 1
    got = [shop.do(redeem, customer=who(), reward="voucher")["code"] for _ in range(2)]
    assert sorted(got) == ["GIFT-1", "GIFT-2"]
    assert refusal(shop, reward="voucher") == ["out_of_stock"]
    assert shop.balance() == 80
    with shop.service.read() as tx:
        first = redeemed(tx, program=shop.open, customer=who())[0]
    with pytest.raises(RedemptionOver, match="gift card"):
        shop.do(cancel, redemption=first.redemption, reason="r")
    assert shop.do(use, code=got[0])["status"] == "used"


def test_a_dead_code_is_not_given_out(shop: Till) -> None:
    """Codes that die first go out first, until they are dead; what they buy dies with them."""
    soon = shop.clock() + timedelta(days=3)
    pool(shop, "LATE")
    pool(shop, "SOON", "SOONER", expires_at=soon)
    done = shop.do(redeem, customer=who(), reward="voucher")
    assert done["valid_until"] == soon.isoformat()
    shop.clock.now = soon
    assert shop.do(redeem, customer=who(), reward="voucher")["code"] == "LATE"
    assert refusal(shop, reward="voucher") == ["out_of_stock"]


@pytest.mark.parametrize("given", [(), ("",), ("x" * 201,)])
def test_a_pool_takes_only_codes(shop: Till, given: tuple[str, ...]) -> None:
    """No codes, or one that is too long for any, is refused; and so is a pool that no reward draws on."""
    with pytest.raises(OperationRefused):
        shop.do(lay_codes, pool="bookshop", given=given)
    with pytest.raises(OperationRefused, match="of no reward"):
        shop.do(lay_codes, pool="cinema", given=("A",))


def test_a_code_of_a_pool_goes_back_if_it_was_not_used(service: Service, clock: Clock) -> None:
    """Cancelled, it is free again and goes to the next one; used, it stays with whom it was used by."""
    reward = {"code": "free", "kind": "free_shipping", "cost": 10, "pool": "post"}
    shop = till(service, clock, program("posted", reward=[reward]))
    shop.enrol("ann")
    shop.give(100)
    shop.do(lay_codes, pool="post", given=("P1",))
    first = shop.do(redeem, customer=who(), reward="free")
    shop.do(cancel, redemption=first["redemption"], reason="r")
    assert codes(shop) == {"free": 1}
    second = shop.do(redeem, customer=who(), reward="free")
    assert shop.do(use, code="P1")["redemption"] == second["redemption"]
    assert codes(shop) == {"used": 1}


def test_a_collectible_has_a_number_of_its_own(shop: Till) -> None:
    """Numbers rise, also after something else; there is nothing left to hand over."""
    done = [shop.do(redeem, customer=who(), reward="star") for _ in range(3)]
    assert [(each["serial"], each["status"], each["code"]) for each in done] == [
        (1, "used", None), (2, "used", None), (3, "used", None),
    ]  # fmt: skip


def test_a_donation_goes_to_the_chosen_cause(shop: Till) -> None:
    """The cause that is named, or else the one that the member gives to."""
    named = shop.do(redeem, customer=who(), reward="trees", points=25, cause="shelter")
    assert (named["cause"], named["points"], named["value_minor"], named["status"]) == ("shelter", 25, 25, "used")
    shop.tell("member.updated", MemberUpdated(who(), cause="forest"))
    assert shop.do(redeem, customer=who(), reward="trees", points=5)["cause"] == "forest"


def test_a_partner_accepts_points(service: Service, clock: Clock) -> None:
    """What a partner hands over is the partner's in the books; another partner cannot use it."""
    shop = till(service, clock, shipped("coalition"))
    shop.enrol("ann")
    shop.give(1000)
    done = shop.do(redeem, customer=who(), reward="cinema-ticket")
    with pytest.raises(CodeRefused) as caught:
        shop.do(use, code=done["code"], partner="bookshop")
    assert caught.value.reason == "wrong_partner"
    shop.do(use, code=done["code"], partner="cinema")
    voucher = shop.do(redeem, customer=who(), reward="book-voucher")
    assert shop.sums() == {"adjustment": -1000, "partner cinema": 300, "partner bookshop": 500}
    shop.do(cancel, redemption=voucher["redemption"], reason="r")
    assert shop.sums() == {"adjustment": -1000, "partner cinema": 300}


def test_whoever_hands_over_a_reward_of_nobodys_own_gets_its_points(service: Service, clock: Clock) -> None:
    """It is settled with the partner, and what is paid back comes from the partner again; a stranger is refused."""
    partners = [
        {"code": code, "issue": {"points": 1, "per": 100}, "accept": code == "bakery"} for code in ("bakery", "bar")
    ]
    mug = {"code": "mug", "kind": "product", "cost": 300}
    shop = till(
        service, clock, program("town", partner=partners, reward=[mug], unit={"code": "points", "cost_micros": 1000})
    )
    shop.enrol("ann")
    shop.give(1000)
    done = shop.do(redeem, customer=who(), reward="mug")
    for stranger in ("bar", "nobody"):
        with pytest.raises(OperationRefused):
            shop.do(use, code=done["code"], partner=stranger)
    assert shop.do(use, code=done["code"], partner="bakery")["partner"] == "bakery"
    assert shop.sums() == {"adjustment": -1000, "partner bakery": 300}
    shop.do(refund, redemption=done["redemption"], points=100, reason="r")
    assert shop.sums() == {"adjustment": -1000, "partner bakery": 200}


def test_a_hold_of_a_partner_s_reward_is_captured_for_that_partner(service: Service, clock: Clock) -> None:
    """Captured by the hold, for another partner it is refused; a refund takes from who got the points."""
    shop = till(service, clock, shipped("coalition"))
    shop.enrol("ann")
    shop.give(1000)
    done = shop.do(redeem, customer=who(), reward="cinema-ticket")
    with shop.service.read() as tx:
        held = tx.execute(text("SELECT public_id FROM holds")).scalar()
    with pytest.raises(OperationRefused, match="cinema"):
        shop.do(capture, hold=held, partner="bookshop")
    shop.do(capture, hold=held, partner="cinema")
    assert shop.sums() == {"adjustment": -1000, "partner cinema": 300}
    shop.do(refund, redemption=done["redemption"], reason="r")
    assert shop.sums() == {"adjustment": -1000}


@dataclass(frozen=True)
class Given:
    """What an operation of this test's own answers."""

    member_id: str


def test_a_granted_reward_costs_nothing(shop: Till) -> None:
    """What an occasion brings is issued without points; its code is made when somebody asks for it."""

    def grant(operation: Operation) -> Given:
        (book,) = books_of(operation, who())
        grant_reward(book, "gift", valid_until=date(2026, 6, 14), reason="birthday")
        return Given(close(operation, book).public_id)

    shop.do(grant)
    assert (shop.balance(), shop.member().position.granted) == (200, ("gift",))
    with shop.service.begin() as tx:
        (found,) = redeemed(tx, program=shop.open, customer=who())
        code = code_of(tx, program=shop.open, redemption=found.redemption, now=shop.clock())
        again = code_of(tx, program=shop.open, redemption=found.redemption, now=shop.clock())
    assert code is not None
    assert code == again
    assert shop.member().position.due_at == datetime(2026, 6, 14, 22, 0, tzinfo=UTC)  # midnight in Prague
    assert shop.do(use, code=code)["status"] == "used"
    with shop.service.begin() as tx:
        assert code_of(tx, program=shop.open, redemption=found.redemption, now=shop.clock()) is None


def test_what_was_given_is_not_counted_as_taken(service: Service, clock: Clock) -> None:
    """A present leaves the member what its limit lets it take for points, and comes in spite of it."""
    cake = {"code": "cake", "kind": "product", "cost": 10, "code_valid": "P7D", "limit": {"times": 1, "per": "P1M"}}
    birthday = {"code": "birthday", "on": "member.birthday", "grant": "cake"}
    shop = till(service, clock, program("presents", reward=[cake], trigger=[birthday]))
    shop.enrol("ann")
    shop.give(100)

    def grant(operation: Operation) -> Given:
        (book,) = books_of(operation, who())
        grant_reward(book, "cake", valid_until=None, reason="birthday")
        return Given(close(operation, book).public_id)

    shop.do(grant)
    assert shop.reasons("cake") == []
    shop.do(redeem, customer=who(), reward="cake")
    assert shop.reasons("cake") == ["limit_reached"]
    shop.do(grant)
    assert shop.member().position.granted == ("cake",) * 3


# What comes by itself.


def coffee(shop: Till, quantity: int, order: str) -> dict[str, Any]:
    """Buy coffees."""
    return shop.buy(
        300 * quantity, order=order, lines=(line("coffee", tags=("coffee",), quantity=quantity, minor=300),)
    )


def test_the_ninth_stamp_brings_a_free_coffee(service: Service, clock: Clock) -> None:
    """Three a day: the third day's order takes nine stamps and puts a coffee on the card, in the same answer."""
    shop = till(service, clock, shipped("stamp_card"))
    shop.enrol("ann")
    balances = []
    for day in range(3):
        balances.append(coffee(shop, 3, f"o{day}")["balance"])
        clock.on(days=1)
    assert balances == [3, 6, 0]
    position = shop.member().position
    assert (position.granted, position.totals.points) == (("free-coffee",), 9)
    shop.check()
    assert shop.reasons("free-coffee") == ["only_automatic", "insufficient_balance"]

    with service.begin() as tx:
        (found,) = redeemed(tx, program=shop.open, customer=who())
        code = code_of(tx, program=shop.open, redemption=found.redemption, now=clock())
    assert shop.do(use, code=code)["status"] == "used"
    assert shop.member().position.granted == ()


def test_what_the_balance_pays_several_times_comes_several_times(service: Service, clock: Clock) -> None:
    """29 stamps bring three coffees and leave two."""
    shop = till(service, clock, shipped("stamp_card"))
    shop.enrol("ann")
    shop.give(29)
    assert (shop.balance(), shop.member().position.granted) == (2, ("free-coffee",) * 3)
    shop.check()


def test_the_same_event_brings_it_once(service: Service, clock: Clock) -> None:
    """A repeated event takes no stamps."""
    shop = till(service, clock, shipped("stamp_card"))
    shop.enrol("ann")
    shop.give(8)
    from_first = coffee(shop, 1, "o1")
    again = coffee(shop, 1, "o1")
    assert (from_first["balance"], again["balance"]) == (0, 0)
    assert shop.member().position.granted == ("free-coffee",)


def test_what_runs_out_no_longer_comes(service: Service, clock: Clock) -> None:
    """With one in stock, one is given; the stamps of the next one stay."""
    table = {"code": "only", "kind": "product", "cost": 10, "auto": True, "stock": 1}
    shop = till(service, clock, program("scarce", reward=[table]))
    shop.enrol("ann")
    shop.give(25)
    assert (shop.balance(), shop.member().position.granted) == (15, ("only",))
    shop.check()


def test_a_limit_holds_for_what_comes_by_itself(service: Service, clock: Clock) -> None:
    """Once a month: the second one waits until the next month has begun, and something happens."""
    table = {"code": "treat", "kind": "product", "cost": 10, "auto": True, "limit": {"times": 1, "per": "P1M"}}
    shop = till(service, clock, program("slow", reward=[table]))
    shop.enrol("ann")
    shop.give(25)
    assert (shop.balance(), shop.member().position.granted) == (15, ("treat",))
    clock.on(days=40)
    shop.give(1)
    assert shop.balance() == 6
    shop.check()


def test_pledges_are_taken_at_the_first_of_the_month(service: Service, clock: Clock) -> None:
    """All that is spendable then goes to the chosen cause, by the programme's clock; batches sum up what was given."""
    shop = till(service, clock, shipped("donation"))
    shop.enrol("ann", "bob")
    shop.buy(12_999, order="a")  # 1 June: 129 impact points, spendable from 1 July
    shop.buy(5_000, order="b", by="bob")
    shop.tell("member.updated", MemberUpdated(who("bob"), cause="shelter"))
    clock.now = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
    shop.buy(1_000, order="c")  # spendable from 20 July
    assert shop.member().position.pending == 139

    clock.now = datetime(2026, 6, 30, 21, 0, tzinfo=UTC)  # midnight in Bucharest
    assert shop.member().position.due_at == clock()
    after = [shop.settle(name).position for name in ("ann", "bob")]
    assert [(each.available, each.pending) for each in after] == [(0, 10), (0, 0)]
    found = pledged(shop)
    assert [(each["month"], each["cause"], each["gifts"], each["points"]) for each in found] == [
        ("2026-07-01", "shelter", 1, 50), ("2026-07-01", "trees", 1, 129),
    ]  # fmt: skip
    assert sum(each["points"] for each in found) == shop.sums()["redemption"] == 179
    assert [shop.settle(name).position.available for name in ("ann", "bob")] == [0, 0]
    assert len(pledged(shop)) == 2


def pledged(shop: Till) -> list[dict[str, Any]]:
    """Return the batches of pledges as JSON says them."""
    from_books = []
    with shop.service.read() as tx:
        for each in pledges(tx, program=shop.open):
            from_books.append(
                {"month": each.month.isoformat(), "cause": each.cause, "gifts": each.gifts, "points": each.points}
            )
    return from_books


def test_a_late_calendar_pledges_what_there_was(service: Service, clock: Clock) -> None:
    """Looked at two months late, each first of a month takes what had become spendable by then, and not more."""
    shop = till(service, clock, shipped("donation"))
    shop.enrol("ann")
    shop.buy(10_000, order="a")  # spendable from 1 July
    clock.now = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
    shop.buy(2_000, order="b")  # spendable from 20 July
    clock.now = datetime(2026, 8, 15, 12, 0, tzinfo=UTC)
    shop.settle()
    assert [(each["month"], each["points"]) for each in pledged(shop)] == [("2026-07-01", 100), ("2026-08-01", 20)]


def test_what_is_given_back_of_a_pledge_is_not_paid_out(service: Service, clock: Clock) -> None:
    """A batch is worth what is left of its gifts; one that came back altogether is none of them."""
    pledge = {"code": "pledge", "kind": "donation", "rate": {"points": 1, "value": 2}, "auto": "monthly"}
    shop = till(service, clock, program("kind", cause=[{"code": "trees", "name": "Trees"}], reward=[pledge]))
    shop.enrol("ann", "bob")
    shop.give(100)
    shop.give(30, to="bob")
    clock.now = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)
    shop.settle("ann")
    shop.settle("bob")
    for name, points, left in (("ann", 40, (2, 90, 180)), ("ann", None, (1, 30, 60)), ("bob", None, None)):
        with shop.service.read() as tx:
            (gift,) = redeemed(tx, program=shop.open, customer=who(name))
        shop.do(refund, redemption=gift.redemption, points=points, reason="by mistake")
        with shop.service.read() as tx:
            found = [(each.gifts, each.points, each.value_minor) for each in pledges(tx, program=shop.open)]
        assert found == ([left] if left else [])


def test_nothing_is_pledged_to_nobody(service: Service, clock: Clock) -> None:
    """Where there is no cause by default, points stay with whoever has chosen none, until one is chosen."""
    causes = [{"code": "trees", "name": "Trees"}, {"code": "shelter", "name": "Shelter"}]
    pledge = {"code": "pledge", "kind": "donation", "rate": {"points": 1, "value": 1}, "auto": "monthly"}
    shop = till(service, clock, program("choosy", cause=causes, reward=[{**pledge, "choose": "cause"}]))
    shop.enrol("ann")
    shop.give(100)
    clock.now = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)
    assert (shop.settle().position.available, pledged(shop)) == (100, [])
    shop.tell("member.updated", MemberUpdated(who(), cause="shelter"))
    clock.now = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
    assert shop.settle().position.available == 0
    assert [(each["month"], each["cause"]) for each in pledged(shop)] == [("2026-08-01", "shelter")]


def test_an_event_before_the_worker_finds_the_pledge_made(service: Service, clock: Clock) -> None:
    """What happens after the first of a month happens after its pledge, whoever comes first."""
    shop = till(service, clock, shipped("donation"))
    shop.enrol("ann")
    shop.buy(10_000, order="a")
    clock.now = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)
    shop.give(7)
    shop.check()
    assert shop.balance() == 7
    assert [each["points"] for each in pledged(shop)] == [100]


# Many at once.


def together(shop: Till, count: int, ask: Any) -> list[str]:
    """Do the same from many threads at the same moment, and return how each of them ended."""
    barrier = threading.Barrier(count, timeout=30)

    def one(number: int) -> str:
        barrier.wait()
        try:
            return str(ask(number))
        except (RewardUnavailable, CodeRefused, HoldResolved) as error:
            return type(error).__name__

    with ThreadPoolExecutor(count) as pool:
        ended = list(pool.map(one, range(count)))
    shop.check()
    return sorted(ended)


def test_stock_is_never_below_zero(service: Service, clock: Clock) -> None:
    """Eight members want one of three pieces at once: three get one, five keep their points."""
    table = {"code": "mug", "kind": "product", "cost": 100, "stock": 3, "code_valid": "P7D"}
    shop = till(service, clock, program("race", reward=[table]))
    names = [f"m{number}" for number in range(8)]
    shop.enrol(*names)
    for name in names:
        shop.give(100, to=name)
    ended = together(
        shop, 8, lambda number: shop.operate(redeem, customer=who(names[number]), reward="mug").answer["status"]
    )

    assert ended == ["RewardUnavailable"] * 5 + ["issued"] * 3
    assert sorted(shop.balance(name) for name in names) == [0] * 3 + [100] * 5


def test_codes_of_a_pool_go_out_once(shop: Till) -> None:
    """Eight want one of five codes at once: each code goes to one."""
    names = [f"m{number}" for number in range(8)]
    shop.enrol(*names)
    for name in names:
        shop.give(60, to=name)
    pool(shop, *(f"G{number}" for number in range(5)))
    ended = together(
        shop, 8, lambda number: shop.operate(redeem, customer=who(names[number]), reward="voucher").answer["code"]
    )
    assert ended == [f"G{number}" for number in range(5)] + ["RewardUnavailable"] * 3


def test_a_code_is_used_once(shop: Till) -> None:
    """Eight tills read the same code at the same moment: one of them hands it over."""
    code = shop.do(redeem, customer=who(), reward="five-off")["code"]
    ended = together(shop, 8, lambda _: shop.operate(use, code=code).answer["status"])
    assert ended == ["CodeRefused"] * 7 + ["used"]


def test_cancelling_and_using_at_once(shop: Till) -> None:
    """Either it is used, and the points are spent, or it is cancelled, and they are back."""
    done = shop.do(redeem, customer=who(), reward="five-off")

    def ask(number: int) -> str:
        try:
            if number % 2:
                return str(shop.operate(use, code=done["code"]).answer["status"])
            return str(shop.operate(cancel, redemption=done["redemption"], reason="r").answer["status"])
        except RedemptionOver:
            return "late"

    ended = together(shop, 8, ask)
    assert ended.count("used") + ended.count("cancelled") == 1
    assert shop.balance() == (150 if "used" in ended else 200)


def test_one_balance_is_spent_once(shop: Till) -> None:
    """Eight vouchers of 50 are wanted at once with 200 points: four come out."""
    ended = together(shop, 8, lambda _: shop.operate(redeem, customer=who(), reward="five-off").answer["status"])
    assert ended == ["RewardUnavailable"] * 4 + ["issued"] * 4
    assert shop.balance() == 0


def test_a_catalogue_is_of_one_moment(shop: Till) -> None:
    """Whoever looks at rewards while a hold times out sees them as they were before it, and not half of each."""
    shop.do(hold, customer=who(), points=100)
    shop.clock.on(days=1)
    timed_out: list[str] = []

    def come_between(*said: object) -> None:
        if "sum(delta) AS points FROM lot_allocations" in str(said[2]) and not timed_out:
            timed_out.append("begun")
            with ThreadPoolExecutor(1) as pool:
                pool.submit(shop.settle).result()
            timed_out.append("done")

    event.listen(shop.service.engine, "before_cursor_execute", come_between)
    with shop.service.snapshot() as tx:
        found = catalogue(tx, program=shop.open, customer=who(), now=shop.clock())
    event.remove(shop.service.engine, "before_cursor_execute", come_between)
    assert timed_out == ["begun", "done"]
    assert {each.reward for each in found} == {each.code for each in shop.rules.reward}
    assert shop.balance() == 200
