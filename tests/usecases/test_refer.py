"""Members bring members: who counts, when both sides get theirs, and what takes it back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from actors import Clock, card_of
from town import Town, moment, rules

from wallet_service.domain.event import ActivityDone, Customer
from wallet_service.storage import audit, referrals, triggers
from wallet_service.usecases.book import open_book
from wallet_service.usecases.erase import erase
from wallet_service.usecases.follow import follow
from wallet_service.usecases.merge import merge
from wallet_service.usecases.refer import code_of

Opened = Callable[[str], Town]
TABLES = """
    [[reward]]
    code = "five-off"
    kind = "amount_off"
    cost = 100
    value = 500
    [referral]
    referrer = { points = 500 }
    referee = { reward = "five-off" }
    min_order = 2500
    hold_days = 14
    max_per_referrer = { times = 2, per = "calendar_year" }
"""


@pytest.fixture
def here(town: Opened) -> Town:
    """A town whose members bring others, and Ann in it."""
    opened = town(rules(more=TABLES))
    opened.enrol("ann")
    return opened


def code(here: Town, customer: str = "ann") -> str:
    """Return the code by which a member brings others."""
    with here.service.begin() as tx:
        book = open_book(tx, here.member(customer), here.service.in_force.of_source(here.source), now=here.clock.now)
        return code_of(book)


def states(here: Town) -> dict[str, tuple[str, str | None]]:
    """Return how each referral stands, and why, by who came."""
    query = "SELECT external_id, status, reason FROM referrals JOIN members ON members.id = referee_id"
    return {customer: (status, reason) for customer, status, reason in here.rows(query)}


def sweep(here: Town) -> int:
    """Do all that time brings, and return how many were rewarded."""
    return sum(settle().settled for settle in here.service.calendars()[1:])


def bring(here: Town, *names: str) -> None:
    """Let members join by Ann's code, and pay an order that is named like them."""
    mine = code(here)
    for name in names:
        here.enrol(name, referral_code=mine)
        here.buy(5000, order=name, customer=name)


def become_one(here: Town, gone: str, survivor: str) -> None:
    """Make one member of two."""
    asked = {"merged": Customer(id=gone), "survivor": Customer(id=survivor), "reason": "one person"}
    here.do(lambda each: merge(each, **asked))


def granted(here: Town, customer: str) -> list[str]:
    """Return the rewards that a member was given."""
    with here.service.read() as tx:
        return [each.reward for each in triggers.granted(tx, here.member(customer).id)]


def test_both_get_theirs_when_the_order_has_stood(here: Town, clock: Clock) -> None:
    """Joined by the code, qualified by the order, rewarded after the days of waiting, at their midnight."""
    assert here.enrol("bob", referral_code=code(here).lower())["referral"] == "joined"
    here.buy(2499, order="small", customer="bob")
    assert states(here) == {"bob": ("joined", None)}
    here.buy(2500, order="a", customer="bob")
    assert states(here) == {"bob": ("qualified", None)}
    clock.now = moment("2026-06-14 21:59")
    assert sweep(here) == 0
    clock.now = moment("2026-06-14 22:00")
    assert sweep(here) == 1
    assert (here.balances("ann"), granted(here, "bob"), granted(here, "ann")) == ((500, 0), ["five-off"], [])
    assert here.member("ann").position.totals.referrals == 1
    assert sweep(here) == 0
    with here.service.read() as tx:
        assert audit.grand_total(tx) == 0


def test_an_order_that_comes_back_in_time_takes_it_along(here: Town, clock: Clock) -> None:
    """A refund within the days of waiting leaves the referral where it was; a later order qualifies anew."""
    here.enrol("bob", referral_code=code(here))
    here.buy(5000, order="a", customer="bob")
    here.refund(2501, order="a")
    assert states(here) == {"bob": ("joined", None)}
    clock.on(days=20)
    assert sweep(here) == 0
    here.buy(5000, order="b", customer="bob")
    clock.on(days=15)
    assert sweep(here) == 1
    here.refund(5000, order="b")
    assert states(here) == {"bob": ("rewarded", None)}


def test_another_order_that_stands_takes_over(here: Town, clock: Clock) -> None:
    """With two orders large enough the second one carries it, from its own day on, when the first comes back."""
    here.enrol("bob", referral_code=code(here))
    here.buy(5000, order="a", customer="bob")
    clock.on(days=5)
    here.buy(5000, order="b", customer="bob")
    here.refund(5000, order="a")
    assert states(here) == {"bob": ("qualified", None)}
    clock.on(days=10)
    assert sweep(here) == 0
    clock.on(days=5)
    assert sweep(here) == 1


def test_who_may_not_be_brought(here: Town) -> None:
    """A wrong code, one's own, a member of before and a second claim bring nothing; nobody's enrolment is refused."""
    mine = code(here)
    assert here.enrol("bob", referral_code="NOBODYS1")["referral"] == "rejected"
    assert here.enrol("ann", referral_code=mine)["referral"] == "rejected"
    here.enrol("cyd")
    assert here.enrol("cyd", referral_code=mine)["referral"] == "rejected"
    assert here.enrol("dan", referral_code=mine)["referral"] == "joined"
    assert here.enrol("dan", referral_code=code(here, "cyd"))["referral"] == "rejected"
    assert here.enrol("dan", referral_code=mine)["referral"] == "joined"
    assert states(here) == {
        "bob": ("rejected", "unknown_code"),
        "ann": ("rejected", "self_referral"),
        "cyd": ("rejected", "member_before"),
        "dan": ("joined", None),
    }


def test_two_cards_in_one_phone_are_one_person(here: Town, clock: Clock) -> None:
    """Who brings oneself under another name, and has both cards in one phone, gets nothing."""
    serials = [here.member("ann").card.serial_number]
    serials.append(here.enrol("ann again", referral_code=code(here))["serial_number"])
    for serial in serials:
        with here.service.begin() as tx:
            follow(tx, card_of(here.service, serial), device="one phone", target="ab12" * 16, now=clock.now)
    here.buy(5000, order="a", customer="ann again")
    clock.on(days=15)
    sweep(here)
    assert states(here) == {"ann again": ("rejected", "self_referral")}
    assert here.balances("ann") == (0, 0)


def test_who_becomes_one_with_the_other_brought_nobody(here: Town, clock: Clock) -> None:
    """A member who turns out to be the one who brought it gets nothing for either, and the books are whole."""
    here.enrol("bob", referral_code=code(here))
    here.buy(5000, order="a", customer="bob")
    here.enrol("cyd")
    here.enrol("dan", referral_code=code(here, "cyd"))
    here.buy(5000, order="b", customer="dan")
    become_one(here, "bob", "ann")
    become_one(here, "cyd", "dan")
    clock.on(days=15)
    assert sweep(here) == 0
    assert states(here) == dict.fromkeys(("bob", "dan"), ("rejected", "self_referral"))
    assert (here.balances("ann"), granted(here, "ann")) == ((50, 0), [])
    assert here.member("ann").position.totals.referrals == 0


def test_a_survivor_has_come_as_the_other_came(here: Town, clock: Clock) -> None:
    """Where who is left joined later and was brought by nobody, it gets what the other came for; a refund is found."""
    bring(here, "bob", "cyd")
    clock.on(minutes=1)
    for name in ("bob", "cyd"):
        here.enrol(f"{name} again")
        become_one(here, name, f"{name} again")
    assert states(here) == {"bob again": ("qualified", None), "cyd again": ("qualified", None)}
    here.refund(5000, order="cyd")
    assert states(here)["cyd again"] == ("joined", None)
    clock.on(days=15)
    assert sweep(here) == 1
    assert (here.balances("ann"), granted(here, "bob again"), granted(here, "cyd again")) == (
        (500, 0),
        ["five-off"],
        [],
    )


def test_who_turns_out_to_be_a_member_of_before_was_not_brought(here: Town, clock: Clock) -> None:
    """Nor is a person brought twice, by two enrolments: what has come first counts."""
    here.enrol("old")
    here.enrol("dan", referral_code=code(here))
    clock.on(minutes=1)
    mine = code(here)
    here.enrol("bob", referral_code=mine)
    here.enrol("dan again", referral_code=mine)
    for name in ("bob", "dan", "dan again"):
        here.buy(5000, order=name, customer=name)
    become_one(here, "bob", "old")
    become_one(here, "dan again", "dan")
    assert states(here) == {
        "bob": ("rejected", "member_before"),
        "dan": ("qualified", None),
        "dan again": ("rejected", "member_before"),
    }
    clock.on(days=15)
    assert sweep(here) == 1


def test_who_was_brought_once_is_not_brought_again_by_becoming_another(here: Town, clock: Clock) -> None:
    """A person who has had the reward as one member does not get it as the other one with which it becomes one."""
    mine = code(here)
    here.enrol("bob", referral_code=mine)
    here.buy(5000, order="a", customer="bob")
    clock.on(days=15)
    assert sweep(here) == 1
    here.enrol("bob again", referral_code=mine)
    here.buy(5000, order="b", customer="bob again")
    become_one(here, "bob", "bob again")
    assert states(here) == {"bob": ("rewarded", None), "bob again": ("rejected", "member_before")}


def test_nobody_is_brought_twice_by_several_mergers(here: Town, clock: Clock) -> None:
    """Whoever was rewarded once is known for it through every member that it becomes one with."""
    mine = code(here)
    here.enrol("bob", referral_code=mine)
    here.buy(5000, order="a", customer="bob")
    clock.on(days=15)
    assert sweep(here) == 1
    here.enrol("bob two")
    become_one(here, "bob", "bob two")
    here.enrol("bob three", referral_code=mine)
    here.buy(5000, order="b", customer="bob three")
    become_one(here, "bob two", "bob three")
    clock.on(days=15)
    assert sweep(here) == 0
    assert states(here)["bob three"] == ("rejected", "member_before")


def test_a_claim_stands_though_the_referrer_became_another(here: Town) -> None:
    """The same code told again is the same claim, also where its owner has become one with somebody since."""
    mine = code(here)
    here.enrol("bob", referral_code=mine)
    here.enrol("ann two")
    become_one(here, "ann", "ann two")
    assert here.enrol("bob", referral_code=mine)["referral"] == "joined"


@pytest.mark.parametrize("erased", ["ann", "bob"])
def test_who_is_erased_gets_nothing_more_and_the_other_does(here: Town, clock: Clock, erased: str) -> None:
    """The order has stood: whoever is still a member gets theirs, and nothing is given to nobody."""
    here.enrol("bob", referral_code=code(here))
    here.buy(5000, order="a", customer="bob")
    here.do(lambda each: erase(each, customer=Customer(id=erased)))
    clock.on(days=15)
    assert sweep(here) == 1
    query = "SELECT reward, available FROM balances LEFT JOIN reward_grants USING (member_id) ORDER BY member_id"
    ann, bob = ((None, 0), ("five-off", 50)) if erased == "ann" else ((None, 500), (None, 0))
    assert here.rows(query) == [ann, bob]


def test_a_referrer_gets_so_much_a_year_and_no_more(here: Town, clock: Clock) -> None:
    """Beyond the limit those who come still get theirs, and the deed still counts for the referrer."""
    mine = code(here)
    for name in ("bob", "cyd", "dan"):
        here.enrol(name, referral_code=mine)
        here.buy(5000, order=name, customer=name)
    clock.on(days=15)
    assert sweep(here) == 3
    assert here.balances("ann") == (1000, 0)
    assert [granted(here, name) for name in ("bob", "cyd", "dan")] == [["five-off"]] * 3
    assert sorted(reason or "" for _, reason in states(here).values()) == ["", "", "max_per_referrer"]
    assert here.member("ann").position.totals.referrals == 3


def test_the_orders_of_before_the_enrolment_day_do_not_count(here: Town, clock: Clock) -> None:
    """Who has bought long ago and joins now was no new customer; an order of the same day counts."""
    here.buy(5000, order="old", customer="bob")
    clock.on(days=2)
    here.buy(5000, order="today", customer="cyd")
    clock.on(minutes=1)
    for name in ("bob", "cyd"):
        here.enrol(name, referral_code=code(here))
    assert states(here) == {"bob": ("joined", None), "cyd": ("qualified", None)}


def test_workers_reward_each_once(here: Town, clock: Clock) -> None:
    """Four at once reward twelve referrals of one referrer: nobody waits in a circle, nobody gets it twice."""
    mine = code(here)
    for number in range(12):
        here.enrol(f"c{number}", referral_code=mine)
        here.buy(5000, order=f"o{number}", customer=f"c{number}")
    clock.on(days=15)
    with ThreadPoolExecutor(4) as pool:
        counts = [each.result(timeout=60) for each in [pool.submit(sweep, here) for _ in range(4)]]
    assert sum(counts) == 12
    assert here.balances("ann") == (1000, 0)
    assert len(here.rows("SELECT id FROM reward_grants")) == 12


def test_a_deed_may_qualify(town: Opened, clock: Clock) -> None:
    """Where the programme waits for a deed, it is that which qualifies: no order does, and no other deed."""
    here = town(rules(more=TABLES.replace("min_order = 2500", 'qualifies_on = "review.approved"')))
    here.enrol("ann")
    here.enrol("bob", referral_code=code(here))
    here.buy(5000, order="a", customer="bob")
    here.say("activity.survey.completed", ActivityDone(Customer(id="bob"), "survey.completed"))
    assert states(here) == {"bob": ("joined", None)}
    clock.on(days=3)
    here.say("activity.review.approved", ActivityDone(Customer(id="bob"), "review.approved"))
    assert states(here) == {"bob": ("qualified", None)}
    clock.on(days=13)
    assert sweep(here) == 0
    clock.on(days=1)
    assert sweep(here) == 1
    assert (here.balances("ann"), granted(here, "bob")) == ((500, 0), ["five-off"])


def test_referrals_make_tiers(town: Opened, clock: Clock) -> None:
    """Where referrals are what counts, the referrer rises by them."""
    steps = (("page", 0), ("chapter", 1))
    tiers = '[tiers]\nmeasure = "referrals"\n' + "".join(
        f'[[tier]]\ncode = "{name}"\nthreshold = {step}\n' for name, step in steps
    )
    here = town(rules(more=tiers + TABLES))
    here.enrol("ann")
    here.enrol("bob", referral_code=code(here))
    here.buy(5000, order="a", customer="bob")
    assert here.member("ann").standing.tier == "page"
    clock.on(days=15)
    sweep(here)
    assert here.member("ann").standing.tier == "chapter"


def test_a_failure_puts_one_off_and_stops_nobody(here: Town, clock: Clock) -> None:
    """A referral that cannot be rewarded is tried again later."""
    bring(here, "bob", "cyd")
    clock.on(days=15)
    bob = here.member("bob").id
    with here.service.begin() as tx:
        tx.exec_driver_sql(f"ALTER TABLE reward_grants ADD CONSTRAINT no_bob CHECK (member_id <> {bob})")
    assert sweep(here) == 1
    assert states(here) == {"bob": ("qualified", None), "cyd": ("rewarded", None)}
    with here.service.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE reward_grants DROP CONSTRAINT no_bob")
        known = referrals.of_referee(tx, bob)
    assert known is not None
    assert known.hold_until is not None
    assert known.hold_until > clock.now
    clock.on(**{"seconds": (known.hold_until - clock.now) / timedelta(seconds=1)})
    assert sweep(here) == 1
