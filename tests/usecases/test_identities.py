"""Persons are known by more than one id: orders find them by any, and wait for whoever will be known by one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from actors import START, Clock
from books import faults
from sqlalchemy import text
from town import Town, rules, settled_town

from wallet_service.domain.errors import EventRefused, UnknownMember
from wallet_service.domain.event import (
    Customer,
    MemberEnrolled,
    MemberUpdated,
    OrderClaimed,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    PointsAdjusted,
    Refund,
    RefundUpdated,
)
from wallet_service.domain.identity import Identity, Kind, identity
from wallet_service.storage import identities
from wallet_service.wiring import Service

EMAIL, OTHER = Identity("email", "ann@home.example"), Identity("email", "bob@home.example")
PHONE, SHOP_ID = Identity("phone", "+420601000000"), Identity("shopify", "115310627314723954")


@pytest.fixture
def place(service: Service, clock: Clock) -> Town:
    """A shop whose customers are known by whatever a test says, a day after its orders were paid."""
    clock.now = START + timedelta(days=1)
    return settled_town(service, clock)


def by(*known: Identity, id: str | None = None) -> Customer:  # noqa: A002 - as the noun has it
    """Return a customer who is known by these."""
    return Customer(id=id, identities=known)


def enrol(place: Town, *known: Identity, id: str | None = "ann") -> dict[str, Any]:  # noqa: A002
    """Enrol somebody who is known by these."""
    return place.say("member.enrolled", MemberEnrolled(by(*known, id=id), None, None))


def pay(place: Town, order: str, customer: Customer | None, *, minor: int = 10_000) -> dict[str, Any]:
    """Say as shop systems do that an order is paid."""
    paid = OrderPaid(customer or Customer(), order, "EUR", minor, paid_at=START)
    return place.say("order.updated", OrderUpdated(order, START, customer, paid))


def test_an_order_finds_its_member_by_an_address(place: Town) -> None:
    """Whoever is known by the address gets the points, also where the shop's own id is another."""
    ann = enrol(place, EMAIL)
    bought = pay(place, "o1", by(EMAIL, id="shop-77"))
    assert (bought["member_id"], bought["points"]) == (ann["member_id"], 100)


def test_an_order_waits_for_an_address(place: Town) -> None:
    """A guest's order is kept, and whoever enrols with its address later has it."""
    assert pay(place, "o1", by(EMAIL))["status"] == "unmatched"
    assert enrol(place, OTHER, id="bob")["balance"] == 0
    assert enrol(place, EMAIL)["balance"] == 100
    assert faults(place.service) == []


def test_an_order_waits_for_a_member_who_tells_more(place: Town) -> None:
    """A member who gives an address later gets the orders of that address then."""
    enrol(place)
    pay(place, "o1", by(EMAIL))
    told = place.say("member.updated", MemberUpdated(by(EMAIL, id="ann")))
    assert told["balance"] == 100


def test_an_order_teaches_by_what_else_its_customer_is_known(place: Town) -> None:
    """Found by the address, a member is known by the shop's id, too; and guests' orders of that id come along."""
    enrol(place, EMAIL)
    assert pay(place, "o1", by(SHOP_ID))["status"] == "unmatched"
    assert pay(place, "o2", by(SHOP_ID, EMAIL))["balance"] == 200
    assert pay(place, "o3", by(SHOP_ID))["balance"] == 300


def test_an_address_on_an_order_teaches_nothing(place: Town) -> None:
    """A till may type one address for all its guests; nobody gets others' orders by it."""
    enrol(place, SHOP_ID)
    pay(place, "o1", by(SHOP_ID, OTHER))
    assert pay(place, "o2", by(OTHER))["status"] == "unmatched"
    assert place.balances() == (100, 0)


def test_accounts_of_orders_that_waited_are_learned_with_them(place: Town) -> None:
    """An order that is claimed by its address names an account, and others have waited for that."""
    pay(place, "o1", by(SHOP_ID))
    pay(place, "o2", by(SHOP_ID, EMAIL))
    assert enrol(place, EMAIL)["balance"] == 200
    assert pay(place, "o3", by(SHOP_ID))["balance"] == 300


def test_what_is_known_of_one_is_not_taken_by_another(place: Town) -> None:
    """An address belongs to who gave it first; the other keeps the rest."""
    enrol(place, EMAIL)
    enrol(place, EMAIL, PHONE, id="bob")
    assert pay(place, "o1", by(EMAIL))["customer_id"] == "ann"
    assert pay(place, "o2", by(PHONE))["customer_id"] == "bob"


def test_a_shops_own_id_counts_for_more_than_an_address(place: Town) -> None:
    """Two people may share an address; the shop's account is one person's."""
    enrol(place, EMAIL)
    enrol(place, SHOP_ID, id="bob")
    assert pay(place, "o1", by(EMAIL, SHOP_ID))["customer_id"] == "bob"


def test_an_order_stays_with_its_member(place: Town) -> None:
    """Once matched, an order is its member's, whoever the shop names in later snapshots of it."""
    enrol(place, EMAIL)
    enrol(place, OTHER, id="bob")
    pay(place, "o1", by(EMAIL))
    later = OrderUpdated("o1", START + timedelta(hours=1), by(OTHER), None, refunded_minor=4_000)
    assert place.say("order.updated", later)["customer_id"] == "ann"
    assert (place.balances("ann")[0], place.balances("bob")[0]) == (60, 0)


def test_enrolled_twice_by_an_address_is_one_member(place: Town) -> None:
    """Whoever is known already is found instead of being made anew, and has one card."""
    first = enrol(place, EMAIL, id=None)
    second = enrol(place, EMAIL, id=None)
    assert first["customer_id"] == first["member_id"]
    assert (second["member_id"], second["serial_number"]) == (first["member_id"], first["serial_number"])
    assert place.rows("SELECT count(*) FROM members") == [(1,)]


def test_only_members_have_balances_to_correct(place: Town) -> None:
    """What can only be said of a member is refused where nobody is known by what is named; no value is repeated."""
    with pytest.raises(UnknownMember) as refused:
        place.say("points.adjusted", PointsAdjusted(by(EMAIL), 5, "till", "a gift"))
    assert "email" in str(refused.value)
    assert EMAIL.value not in str(refused.value)


def test_an_order_is_claimed_by_its_receipt(place: Town) -> None:
    """An order of nobody's, or of a customer who has not enrolled, is given to whoever claims it, once."""
    enrol(place)
    enrol(place, id="bob")
    pay(place, "o1", None)
    pay(place, "o2", Customer(id="a guest"))
    assert place.say("order.claimed", OrderClaimed("o1", Customer(id="ann")))["balance"] == 100
    assert place.say("order.claimed", OrderClaimed("o2", Customer(id="ann")))["balance"] == 200
    for order in ("o1", "o2"):
        with pytest.raises(EventRefused, match="is not the customer"):
            place.say("order.claimed", OrderClaimed(order, Customer(id="bob")))
    with pytest.raises(EventRefused, match="no order that we know"):
        place.say("order.claimed", OrderClaimed("o3", Customer(id="bob")))
    assert enrol(place, id="a guest")["balance"] == 0
    assert faults(place.service) == []


def test_values_are_nowhere_in_clear(place: Town, service: Service) -> None:
    """The database holds hashes and sealed values; with our key they can be read again."""
    enrol(place, EMAIL, PHONE)
    pay(place, "o1", by(OTHER))
    rows = str(place.rows("SELECT * FROM member_identities")) + str(place.rows("SELECT * FROM order_identities"))
    assert not [each for each in (EMAIL, PHONE, OTHER) if each.value in rows]
    with service.read() as tx:
        known = identities.of_member(tx, service.vault, place.member().id)
    assert known == [(EMAIL, None), (PHONE, None)]


# What happens in whatever order.

TOLD: dict[str, Callable[[Town], Any]] = {
    "enrolled": lambda place: enrol(place, EMAIL),
    "paid": lambda place: pay(place, "o1", by(SHOP_ID, EMAIL)),
    "guest": lambda place: pay(place, "o2", by(SHOP_ID)),
    "refunded": lambda place: place.say(
        "refund.updated", RefundUpdated("o1", Refund("r1", 3_000, START + timedelta(hours=1)))
    ),
    "undone": lambda place: place.say(
        "refund.updated", RefundUpdated("o1", Refund("r1", 3_000, START + timedelta(hours=2), undone=True))
    ),
    "again": lambda place: place.say(
        "refund.updated", RefundUpdated("o1", Refund("r2", 2_500, START + timedelta(hours=3)))
    ),
}


@pytest.mark.parametrize("part", range(4))
def test_any_order_of_arrival_ends_alike(place: Town, part: int) -> None:
    """Enrolment, orders of one person under two names, a refund, its failure and another: 75 points and 100 points."""
    orders = list(permutations(TOLD))[part * 7 :: 193]
    for number, names in enumerate(orders):
        fresh = settled_town(place.service, place.clock, f"shop {number}")
        with fresh.service.begin() as tx:
            # Another world: nobody is known. With the number no row gets what another one has until it is its turn.
            another = text("UPDATE member_identities SET mark = sha256(mark || CAST(:number AS bytea))")
            tx.execute(another, {"number": str(number).encode()})
            tx.execute(text("DELETE FROM order_identities"))
        for name in names:
            told = TOLD[name] if name != "enrolled" else _enrolled_as(f"ann {number}")
            told(fresh)
        assert fresh.balances(f"ann {number}") == (175, 0), names
    assert faults(place.service) == []


def _enrolled_as(name: str) -> Callable[[Town], Any]:
    return lambda place: enrol(place, EMAIL, id=name)


# What happens at the same moment.


def together(*acts: Callable[[], Any]) -> None:
    """Do these at the same moment, each in a thread of its own; raises what they raise."""
    barrier = threading.Barrier(len(acts), timeout=30)

    def act(one: Callable[[], Any]) -> None:
        barrier.wait()
        one()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(act, acts))


@pytest.mark.parametrize("round_", range(3))
def test_an_order_and_its_member_at_once(place: Town, round_: int) -> None:
    """An order by an address, its refund by nobody, and the enrolment with the address: none misses the other."""
    for number in range(6):
        name, mail = f"ann {number}", Identity("email", f"ann{number}@home.example")
        order = f"o{number}"
        if round_ == 1:
            pay(place, order, by(mail))
        if round_ == 2:
            enrol(place, id=name)
        acts: list[Callable[[], Any]] = [
            lambda name=name, mail=mail: (
                enrol(place, mail, id=name)
                if round_ < 2
                else place.say("member.updated", MemberUpdated(by(mail, id=name)))
            ),
            lambda order=order, mail=mail: pay(place, order, by(mail)),
            lambda order=order: place.say("order.refunded", OrderRefunded(order, 4_000)),
            lambda order=order: place.say("order.fulfilled", OrderFulfilled(order)),
        ]
        together(*acts)
        assert place.balances(name) == (60, 0)
    assert faults(place.service) == []


def test_a_refund_of_nobodys_and_an_enrolment_at_once(place: Town) -> None:
    """An order that waits for a customer's id is refunded while the customer enrols: neither undoes the other."""
    for number in range(8):
        pay(place, f"o{number}", Customer(id=f"ann {number}"))
        together(
            lambda number=number: enrol(place, id=f"ann {number}"),
            lambda number=number: place.say("order.refunded", OrderRefunded(f"o{number}", 4_000)),
        )
        assert place.balances(f"ann {number}") == (60, 0)
    assert faults(place.service) == []


# Values have one form each.


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("email", " Ann@Home.Example ", "ann@home.example"),
        ("email", "ann@home", None),
        ("email", "a b@home.example", None),
        ("email", "", None),
        ("phone", "+420 601-000 (000)", "+420601000000"),
        ("phone", "00420601000000", "+420601000000"),
        ("phone", "601000000", None),
        ("phone", "+0601000000", None),
        ("shopify", "115310627314723954", "115310627314723954"),
        ("shopify", "with space", None),
        ("square", "", None),
    ],
)
def test_a_value_has_one_form(kind: Kind, given: str, kept: str | None) -> None:
    """Addresses are compared without regard to case, numbers without separators; what is none is nobody's."""
    found = identity(kind, given)
    assert (found.value if found else None) == kept


def test_rules_of_a_programme_apply_to_what_is_found_later(town: Callable[[str], Town]) -> None:
    """Orders that waited are rated by the rules of their own time and wait as long as they would have."""
    place = town(rules(points='pending = { mode = "days", days = 30 }'))
    pay(place, "o1", by(EMAIL))
    place.clock.now = START + timedelta(days=10)
    enrol(place, EMAIL)
    assert place.balances() == (0, 100)
    place.clock.now = START + timedelta(days=31)
    place.sweep()
    assert place.balances() == (100, 0)
