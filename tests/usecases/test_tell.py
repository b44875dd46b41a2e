"""What happens to members is told to their merchant's endpoints, in order and once, and nothing personal with it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from actors import START, Clock, Device, Shop, card_of, connected_shop
from flask.testing import FlaskClient
from ledger_actors import Till, program, till, who
from listeners import Listener, listening
from town import Town, moment, rules

from wallet_service.domain.errors import EventRefused, InsufficientBalance
from wallet_service.domain.event import (
    ActivityDone,
    MemberUpdated,
    OrderFulfilled,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.push import Gone
from wallet_service.storage import merchants
from wallet_service.usecases.adjust import adjust, set_tier
from wallet_service.usecases.connect import connect
from wallet_service.usecases.endpoints import remove
from wallet_service.usecases.hold import capture, hold, void
from wallet_service.usecases.hold import refund as refund_hold
from wallet_service.usecases.merge import merge
from wallet_service.usecases.receive import source_of
from wallet_service.usecases.redeem import cancel, redeem, refund, use
from wallet_service.usecases.transfer import transfer
from wallet_service.wiring import Service

TIERS: dict[str, Any] = {
    "tier": [{"code": code, "name": code, "threshold": least} for code, least in (("base", 0), ("gold", 100))],
    "tiers": {"measure": "spend", "window": "calendar_year", "valid": "end_of_next_calendar_year"},
}
REWARDS = [
    {"code": "five-off", "kind": "amount_off", "cost": 50, "value": 500, "code_valid": "P30D"},
    {"code": "mug", "kind": "product", "cost": 40},
    {"code": "trees", "kind": "donation", "rate": {"points": 1, "value": 1}, "choose": "cause"},
]
FOREST = {"code": "forest", "name": "Forest"}
WHOSE = ("program", "member_id", "customer_id", "serial_number")


def sums(messages: list[dict[str, Any]]) -> None:
    """Check of all messages of one member about points that each says what the one before it and its points come to."""
    available = pending = held = 0
    for each in messages:
        kind, data = each["type"], each["data"]
        if not kind.startswith("points.") or kind == "points.expiring":
            continue
        before, points = available + pending + held, data["points"]
        available, pending, held = data["balance"], data["pending"], data["held"]
        change = available + pending + held - before
        match kind:
            case "points.earned" | "points.pending" | "points.adjusted":
                assert change == points
            case "points.redeemed" | "points.expired" | "points.reversed":
                assert change == -points
            case "points.activated" | "points.held":
                assert change == 0
            case "points.returned":
                assert change in (0, points)


@pytest.fixture
def shop(service: Service, clock: Clock) -> Till:
    """A till of a programme whose points wait, die, and can be spent."""
    points = {"pending": {"mode": "days", "days": 3}, "expiry": {"mode": "rolling", "period": "P1M"}}
    return till(service, clock, program("telling", points=points, reward=REWARDS, cause=[FOREST]))


def test_every_way_of_points_is_told(shop: Till, service: Service, clock: Clock) -> None:
    """From earning to dying each step is a message, with the account as that step has left it."""
    ear = listening(service)
    shop.enrol("ann")
    shop.buy(20_000, order="a")
    clock.on(days=4)
    shop.settle()
    first = shop.do(hold, customer=who(), points=30, reference="order b")
    shop.do(capture, hold=first["hold"], points=20)
    shop.do(refund_hold, hold=first["hold"], reason="came back")
    second = shop.do(hold, customer=who(), points=10)
    shop.do(void, hold=second["hold"])
    shop.refund(5_000, order="a")
    shop.do(adjust, customer=who(), points=-7, reason="Zora complained")
    clock.on(days=60)
    shop.settle()

    kinds = ("pending", "activated", "held", "redeemed", "returned", "held", "returned", "reversed", "adjusted")
    assert ear.types() == ["member.enrolled", *(f"points.{kind}" for kind in kinds), "points.expired"]
    points = [each["data"]["points"] for each in ear.told()[1:]]
    assert points == [200, 200, 30, 20, 20, 10, 10, 50, -7, 143]
    sums(ear.told())
    assert [each["data"]["order_id"] for each in ear.told("points.pending", "points.reversed")] == ["a", "a"]
    assert {each["hold"] for each in ear.facts("points.held")} == {first["hold"], second["hold"]}
    last = ear.told()[-1]["data"]
    assert (last["balance"], last["pending"], last["held"]) == (0, 0, 0)


def test_a_message_says_whose_it_is(shop: Till, service: Service, clock: Clock) -> None:
    """Programme, member by both ids, card, what was posted and when it counts; and all times can be read."""
    ear = listening(service)
    shop.enrol("ann")
    shop.buy(1_000, order="a")
    member = shop.member()
    enrolled, earned = ear.told()
    assert enrolled["data"] == {
        "program": "telling",
        "member_id": member.public_id,
        "customer_id": "ann",
        "serial_number": member.card.serial_number,
        "tier": None,
        "balance": 0,
        "pending": 0,
        "held": 0,
    }
    assert earned["timestamp"] == clock.now.isoformat()
    assert earned["data"] | {"transaction": 0} == {
        **{name: enrolled["data"][name] for name in WHOSE},
        "transaction": 0,
        "entry": "earn",
        "points": 10,
        "effective_at": START.isoformat(),
        "rule": "purchase",
        "order_id": "a",
        "activates_at": moment("2026-06-03 22:00").isoformat(),
        "expires_at": moment("2026-07-03 22:00").isoformat(),
        "balance": 0,
        "pending": 10,
        "held": 0,
        "tier": None,
    }


def test_nothing_personal_is_told(service: Service, clock: Clock) -> None:
    """Neither names, nor birthdays, nor causes, nor what staff wrote, nor a code that is money."""
    shop = till(service, clock, program("quiet", **TIERS, reward=REWARDS, cause=[FOREST]))
    ear = listening(service)
    shop.enrol("ann")
    shop.tell("member.updated", MemberUpdated(who(), name="Zora", locale="cs", birthday=(2, 29), cause="forest"))
    shop.buy(20_000, order="a")
    shop.do(adjust, customer=who(), points=5, reason="Zora is my cousin")
    shop.do(set_tier, customer=who(), tier="gold", until=None, reason="Zora is my cousin")
    voucher = shop.do(redeem, customer=who(), reward="five-off")
    shop.do(cancel, redemption=voucher["redemption"], reason="Zora changed her mind")
    said = json.dumps(ear.told())
    for secret in ("Zora", "Ann", "cousin", "mind", "till 3", "02-29", "forest", '"cs"', voucher["code"]):
        assert secret not in said
    assert len(ear.told()) > 6


def test_nobody_listens_and_nothing_is_written(shop: Till, service: Service) -> None:
    """Before an endpoint is added, and once it is removed, no message is written."""
    shop.enrol("ann")
    ear = listening(service)
    shop.give(5)
    with service.begin() as tx:
        remove(tx, merchant_id=ear.merchant_id, endpoint=ear.id, now=service.clock())
    shop.give(5)
    assert ear.types() == ["points.adjusted"]


@pytest.mark.parametrize(
    ("types", "heard"),
    [
        ((), ["member.enrolled", "points.pending", "points.adjusted"]),
        (("points.*",), ["points.pending", "points.adjusted"]),
        (("points.adjusted", "member.*"), ["member.enrolled", "points.adjusted"]),
        (("reward.issued",), []),
    ],
)
def test_filters_choose(shop: Till, service: Service, types: tuple[str, ...], heard: list[str]) -> None:
    """An endpoint hears everything, whole families, or types by their names."""
    ear = listening(service, types=types)
    shop.enrol("ann")
    shop.buy(1_000, order="a")
    shop.give(5)
    assert ear.types() == heard


def test_several_endpoints_hear_the_same(shop: Till, service: Service) -> None:
    """Each has messages of its own with ids of their own, which say the same."""
    ears = [listening(service), listening(service)]
    shop.enrol("ann")
    shop.give(5)
    assert ears[0].told() == ears[1].told()
    assert len(ears[0].told()) == 2


def test_merchants_hear_of_their_own_members_alone(service: Service, clock: Clock) -> None:
    """What happens in one merchant's programme is told to none of another's endpoints."""
    ours = till(service, clock, program("ours"))
    with service.begin() as tx:
        merchants.add(tx, code="other", name="Other", now=clock.now)
    theirs = service.template("small_shop")
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=theirs, name="theirs", merchant="other", now=clock.now)
        source = source_of(tx, dialect="standard", name="theirs")
    mine, other = listening(service), listening(service, merchant="other")
    ours.enrol("ann")
    Town(service, clock, source).enrol("bob")
    assert {each["data"]["customer_id"] for each in mine.told()} == {"ann"}
    assert {each["data"]["customer_id"] for each in other.told()} == {"bob"}
    assert {each["data"]["program"] for each in other.told()} == {theirs.program.program.code}


def test_what_is_not_done_is_not_told(shop: Till, service: Service) -> None:
    """A repeat is told of once, and what is refused not at all: messages are a part of the transaction."""
    ear = listening(service)
    shop.enrol("ann")
    shop.buy(1_000, order="a")
    said = ear.told()
    with pytest.raises(InsufficientBalance):
        shop.operate(hold, customer=who(), points=10_000)
    with pytest.raises(EventRefused):
        shop.give(-10_000)
    assert ear.told() == said
    for _ in range(2):
        shop.operate(adjust, key="once", customer=who(), points=5, reason="r")
        fact = ActivityDone(who(), "review.approved", {})
        shop.tell("activity.review.approved", fact, event_id="the same")
    assert ear.types()[len(said) :] == ["points.adjusted"]


def test_points_that_wait_for_an_event(service: Service, clock: Clock) -> None:
    """They have no day on which they can be spent, so none is told; the event that lets them go is."""
    shop = till(service, clock, program("posted", points={"pending": {"mode": "event", "on": "order.fulfilled"}}))
    ear = listening(service)
    shop.enrol("ann")
    shop.buy(1_000, order="a")
    shop.tell("order.fulfilled", OrderFulfilled("a", None))
    assert ear.types()[1:] == ["points.pending", "points.activated"]
    assert "activates_at" not in ear.facts("points.pending")[0]
    sums(ear.told())


def test_members_who_give_and_become_one(shop: Till, service: Service) -> None:
    """What goes from one to another is told of both, each in the order of its own book."""
    ear = listening(service, types=("points.*",))
    shop.enrol("ann", "bob")
    shop.give(100)
    shop.do(transfer, giver=who(), taker=who("bob"), points=30, reason="a gift")
    shop.do(merge, merged=who("bob"), survivor=who(), reason="joined twice")
    by_customer: dict[str, list[dict[str, Any]]] = {}
    for each in ear.told():
        by_customer.setdefault(each["data"]["customer_id"], []).append(each)
    assert [each["data"]["points"] for each in by_customer["ann"]] == [100, -30, 30]
    assert [each["data"]["points"] for each in by_customer["bob"]] == [30, -30]
    assert by_customer["ann"][-1]["data"]["entry"] == "transfer_in"
    for several in by_customer.values():
        sums(several)


def test_rewards_from_issue_to_end(service: Service, clock: Clock) -> None:
    """Issued, used and cancelled are told with the points that they cost, and what lapses is cancelled."""
    shop = till(service, clock, program("gifts", reward=REWARDS, cause=[FOREST]))
    ear = listening(service, types=("reward.*",))
    shop.enrol("ann")
    shop.give(1_000)
    used, taken_back, paid_back, lapsed = (
        shop.do(redeem, customer=who(), reward="five-off")["redemption"] for _ in range(4)
    )
    shop.do(use, redemption=used, order_id="order 7")
    shop.do(cancel, redemption=taken_back, reason="r")
    shop.do(use, redemption=paid_back)
    shop.do(refund, redemption=paid_back, points=20, reason="a part")
    shop.do(refund, redemption=paid_back, reason="the rest")
    mug = shop.do(redeem, customer=who(), reward="mug")["redemption"]
    shop.do(use, redemption=mug)
    trees = shop.do(redeem, customer=who(), reward="trees", points=11, cause="forest")["redemption"]
    clock.on(days=31)
    shop.settle()

    said = [(each["type"], each["data"]["redemption"], each["data"]["status"]) for each in ear.told()]
    assert said[4:] == [
        ("reward.used", used, "used"),
        ("reward.cancelled", taken_back, "cancelled"),
        ("reward.used", paid_back, "used"),
        ("reward.cancelled", paid_back, "refunded"),
        ("reward.issued", mug, "held"),
        ("reward.used", mug, "used"),
        ("reward.issued", trees, "used"),
        ("reward.used", trees, "used"),
        ("reward.cancelled", lapsed, "expired"),
    ]
    assert {each[0] for each in said[:4]} == {"reward.issued"}
    assert ear.facts("reward.used")[0]["order_id"] == "order 7"
    assert ear.facts("reward.issued")[0] | dict.fromkeys(WHOSE) == dict.fromkeys(WHOSE) | {
        "redemption": used,
        "reward": "five-off",
        "kind": "amount_off",
        "status": "issued",
        "points": 50,
        "value_minor": 500,
        "valid_until": moment("2026-07-01 10:00").isoformat(),
        "balance": 950,
        "pending": 0,
        "held": 0,
        "tier": None,
    }


def test_tiers_up_and_down(service: Service, clock: Clock) -> None:
    """A rise, a warning a month before the end, the fall, and what a person decides."""
    shop = till(service, clock, program("ranks", **TIERS))
    ear = listening(service, types=("tier.*",))
    shop.enrol("ann")
    shop.buy(20_000, order="a")
    clock.now = moment("2027-11-30 22:59")
    shop.settle()
    assert ear.types() == ["tier.upgraded"]
    clock.now = moment("2027-11-30 23:00")
    shop.settle()
    shop.settle()
    shop.buy(10, order="b")
    assert ear.types() == ["tier.upgraded", "tier.expiring"]
    clock.now = moment("2027-12-31 23:00")
    shop.settle()
    shop.do(set_tier, customer=who(), tier="gold", until=None, reason="a guest")
    shop.do(set_tier, customer=who(), tier="gold", until=None, reason="still a guest")
    up, warned, down, guest, again = ear.told("tier.upgraded", "tier.expiring", "tier.downgraded", "tier.prolonged")
    facts = ("tier", "previous_tier", "next_tier", "last_day")
    said = [
        {name: each["data"][name] for name in facts if name in each["data"]}
        for each in (up, warned, down, guest, again)
    ]
    assert said == [
        {"tier": "gold", "previous_tier": "base", "last_day": "2027-12-31"},
        {"tier": "gold", "next_tier": "base", "last_day": "2027-12-31"},
        {"tier": "base", "previous_tier": "gold"},
        {"tier": "gold", "previous_tier": "base"},
        {"tier": "gold", "previous_tier": "gold"},
    ]
    assert [each["type"] for each in (down, guest, again)] == ["tier.downgraded", "tier.upgraded", "tier.prolonged"]


def test_a_tier_that_will_be_kept_is_not_said_to_end(service: Service, clock: Clock) -> None:
    """Who has earned the tier again by the month before its end is not warned, and hears that it was prolonged."""
    shop = till(service, clock, program("ranks", **TIERS))
    ear = listening(service, types=("tier.*",))
    shop.enrol("ann")
    shop.buy(20_000, order="a")
    clock.now = moment("2027-03-01 10:00")
    shop.buy(20_000, order="b")
    for day in ("2027-12-02 10:00", "2028-01-01 10:00"):
        clock.now = moment(day)
        shop.settle()
    assert ear.types() == ["tier.upgraded", "tier.prolonged"]


def test_whoever_begins_high_has_risen(service: Service, clock: Clock) -> None:
    """Orders that waited for an enrolment may make a tier at once; it is told as a rise from the lowest."""
    shop = till(service, clock, program("ranks", **TIERS))
    ear = listening(service)
    shop.buy(20_000, order="a")
    shop.enrol("ann")
    assert ear.types() == ["member.enrolled", "points.earned", "tier.upgraded"]
    assert (ear.told()[0]["data"]["tier"], ear.told()[2]["data"]["previous_tier"]) == ("base", "base")


def test_paid_memberships(service: Service, clock: Clock) -> None:
    """Begun, renewed without a gap, over by the calendar once, begun anew, and ended at once where that is the rule."""
    membership = {"kind": "paid", "price": 100, "period": "P1M", "on_cancel": "immediately"}
    shop = till(service, clock, program("club", membership=membership))
    ear = listening(service, types=("membership.*",))
    shop.enrol("ann")
    for reference in ("fee 1", "fee 1", "fee 2"):
        shop.tell("subscription.paid", SubscriptionPaid(who(), reference))
    assert ear.types() == ["membership.started", "membership.renewed"]
    clock.now = moment("2026-07-31 21:59")
    shop.buy(100, order="a")
    assert len(ear.told()) == 2
    clock.now = moment("2026-07-31 22:00")
    shop.settle()
    shop.settle()
    clock.on(days=1)
    shop.buy(100, order="b")
    shop.tell("subscription.paid", SubscriptionPaid(who(), "fee 3"))
    shop.tell("subscription.cancelled", SubscriptionCancelled(who(), "fee 3"))
    shop.tell("subscription.cancelled", SubscriptionCancelled(who(), "fee 3"))
    clock.on(days=60)
    shop.settle()
    assert ear.types()[2:] == ["membership.ended", "membership.started", "membership.ended"]
    assert [each["last_day"] for each in ear.facts("membership.ended")] == ["2026-07-31", "2026-08-01"]
    assert ear.facts("membership.started")[0]["first_day"] == "2026-06-01"


def test_what_days_bring_is_told_once_though_books_are_made_anew(service: Service, clock: Clock) -> None:
    """After everything counts as due again, nothing that was told is told a second time."""
    shop = till(service, clock, program("club", membership={"kind": "paid", "price": 100, "period": "P1M"}))
    ear = listening(service, types=("membership.*",))
    shop.enrol("ann")
    shop.tell("subscription.paid", SubscriptionPaid(who(), "fee 1"))
    clock.on(days=40)
    shop.settle()
    with service.begin() as tx:
        tx.exec_driver_sql("UPDATE balances SET due_at = 'epoch'")
    shop.settle()
    assert ear.types() == ["membership.started", "membership.ended"]


def test_challenges_step_by_step(service: Service, clock: Clock) -> None:
    """Each new mark is told, a repeated one is not, and the last is the completion, with its prize before it."""
    challenge = {
        "code": "three-days",
        "kind": "challenge",
        "points": 50,
        "goal": {"event": "order.paid", "times": 3, "within": "P30D", "distinct": "local_date"},
    }
    shop = till(service, clock, program("dares", campaign=[challenge]))
    ear = listening(service, types=("challenge.*",))
    shop.enrol("ann")
    for number in range(5):
        shop.buy(100, order=f"order {number}")
        clock.on(days=0 if number == 0 else 1)
    said = [(each["type"].split(".")[1], each["data"]["done"], each["data"]["round"]) for each in ear.told()]
    assert said == [("progressed", 1, 1), ("progressed", 2, 1), ("completed", 3, 1), ("progressed", 1, 2)]
    assert {each["data"]["of"] for each in ear.told()} == {3}


def test_referrals_that_qualify(town: Callable[[str], Town], service: Service) -> None:
    """The order that makes a referral good is told of the one who came, with the one who brought."""
    here = town(rules(more="[referral]\nreferrer = { points = 5 }\nreferee = { points = 5 }\nhold_days = 14"))
    ear = listening(here.service, types=("referral.*",))
    code = here.enrol("ann")["referral_code"]
    here.enrol("bob", referral_code=code)
    here.buy(5_000, order="a", customer="bob")
    (said,) = ear.facts("referral.qualified")
    assert said["customer_id"] == "bob"
    assert said["referrer_member_id"] == here.member("ann").public_id
    assert said["stands_at"] == moment("2026-06-14 22:00").isoformat()


@pytest.mark.parametrize("channels", [["pass"], ["webhook"]])
def test_points_about_to_die(service: Service, clock: Clock, channels: list[str]) -> None:
    """Where a trigger waits for it, the merchant is told how many, and through which day, whoever else is told."""
    points = {"expiry": {"mode": "rolling", "period": "P1M"}}
    trigger = {"code": "soon", "on": "points.expiring", "lead": "P7D", "notify": channels}
    shop = till(service, clock, program("dying", points=points, trigger=[trigger]))
    ear = listening(service, types=("points.expiring",))
    shop.enrol("ann")
    shop.buy(1_000, order="a")
    clock.on(days=2)
    shop.buy(3_000, order="b")
    clock.now = moment("2026-06-23 22:00")
    shop.settle()
    clock.now = moment("2026-06-25 22:00")
    shop.settle()
    assert [(each["points"], each["last_day"]) for each in ear.facts("points.expiring")] == [
        (10, "2026-06-30"),
        (30, "2026-07-02"),
    ]


class TestPasses:
    """Phones and Google take cards and give them up."""

    @pytest.fixture
    def ear(self, service: Service) -> Listener:
        """Who hears of passes alone."""
        return listening(service, types=("pass.*",))

    @pytest.fixture
    def shop(self, service: Service, client: FlaskClient) -> Shop:
        """A shop that posts webhooks."""
        return connected_shop(service, client, "shop")

    def test_a_phone_adds_and_removes_a_card(self, ear: Listener, service: Service, shop: Shop, device: Device) -> None:
        """Once each, though it registers and unregisters twice."""
        card = card_of(service, shop.enrol("ann")["serial_number"])
        for _ in range(2):
            device.register(card)
        for _ in range(2):
            device.unregister(card)
        assert ear.types() == ["pass.added", "pass.removed"]
        assert {each["data"]["wallet"] for each in ear.told()} == {"apple"}
        assert ear.told()[0]["data"]["serial_number"] == card.serial_number
        assert device.library not in json.dumps(ear.told())

    def test_a_phone_that_is_gone_has_removed_its_cards(
        self, ear: Listener, service: Service, shop: Shop, device: Device
    ) -> None:
        """Apple says that its push token is dead: the card is on that phone no more."""
        card = card_of(service, shop.enrol("ann")["serial_number"])
        device.register(card)
        delivery = service.delivery()

        class Vendor:
            def send(self, pushes: Any) -> Any:
                return ((each, Gone("Unregistered", service.clock())) for each in pushes)

        type(delivery)("apple", Vendor(), service.begin, service.clock, timedelta(seconds=9), 10).deliver()
        assert ear.types() == ["pass.added", "pass.removed"]
