"""Cards are replaced and get other codes; persons are forgotten, and told all that is kept about them."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from actors import Clock, Device
from books import faults
from ledger_actors import Till, program, till, who
from listeners import listening
from sqlalchemy import Connection, text

from wallet_service.domain.errors import OperationRefused, UnknownMember
from wallet_service.domain.event import (
    Consent,
    Customer,
    Event,
    MemberEnrolled,
    MemberUpdated,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    PointsAdjusted,
    content_hash,
)
from wallet_service.domain.identity import Identity
from wallet_service.storage import calendar, consents, members
from wallet_service.storage.signing import genuine
from wallet_service.usecases.enter import Entering, enter
from wallet_service.usecases.erase import Erased, erase
from wallet_service.usecases.follow import follow
from wallet_service.usecases.hold import hold
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import Operation
from wallet_service.usecases.portray import portray
from wallet_service.usecases.receive import receive, source_of
from wallet_service.usecases.replace_card import change_code, replace_card
from wallet_service.usecases.revoke import revoke
from wallet_service.usecases.seal import breaks
from wallet_service.wiring import Service

EMAIL = Identity("email", "zuzana.novotna@home.example")
NAME = "Zuzana Novotná"
OWN_ID = "customer-zuzana-4711"


@pytest.fixture
def shop(service: Service, clock: Clock) -> Till:
    """A till at which one member has bought something, and a merchant who is told of it."""
    made = till(service, clock, program("persons"))
    listening(service)
    agreed = Consent("marketing", granted=True, channel="email", text_version="2026-06")
    customer = Customer(id=OWN_ID, identities=(EMAIL,))
    made.tell("member.enrolled", MemberEnrolled(customer, NAME, "cs", (6, 1), consents=(agreed,)))
    made.buy(10_000, order="o1", by=OWN_ID)
    return made


def code_of(shop: Till) -> str:
    """Return the code of the member's card."""
    return shop.member(OWN_ID).card_code


# Cards.


def test_a_new_card_takes_the_place_of_the_old(shop: Till, service: Service) -> None:
    """It shows what the member has, under another serial number, token and code; the old code names nobody."""
    before = shop.member(OWN_ID)
    answer = shop.do(replace_card, customer=who(OWN_ID))
    after = shop.member(OWN_ID)

    assert (answer["voided_serial_number"], answer["serial_number"]) == (
        before.card.serial_number,
        after.card.serial_number,
    )
    assert before.card.authentication_token != after.card.authentication_token
    assert (after.standing.balance, after.voided, after.card.revision) == (100, False, 1)
    shop.tell("points.adjusted", PointsAdjusted(Customer(card_code=after.card_code), 5, "till", "found"))
    with pytest.raises(UnknownMember):
        shop.tell("points.adjusted", PointsAdjusted(Customer(card_code=before.card_code), 5, "till", "found"))


def test_the_old_card_tells_nothing_more(shop: Till, service: Service) -> None:
    """It is void in a revision of its own, which phones are pushed, and it shows neither name nor points."""
    before = shop.member(OWN_ID)
    shop.do(replace_card, customer=who(OWN_ID))
    shop.buy(10_000, order="o2", by=OWN_ID)
    with service.read() as tx:
        old = members.find_by_serial(tx, before.card.serial_number)
    assert old
    assert (old.member.card.revision, old.member.voided) == (before.card.revision + 1, True)
    face = shop.template.draw(old.member.standing, "cs")
    assert "Zuzana" not in repr(face)
    assert old.member.standing.balance == 0
    assert shop.balance(OWN_ID) == 200


def test_a_card_is_replaced_again_and_after_it_was_revoked(shop: Till, service: Service, clock: Clock) -> None:
    """Each time there is one card that is valid; one that was revoked is replaced by a valid one."""
    for _ in range(2):
        shop.do(replace_card, customer=who(OWN_ID))
    with service.begin() as tx:
        found = members.find_by_serial(tx, shop.member(OWN_ID).card.serial_number)
        assert found
        revoke(tx, found, shop.template, now=clock())
    assert shop.member(OWN_ID).voided
    shop.do(replace_card, customer=who(OWN_ID))
    assert not shop.member(OWN_ID).voided
    with service.read() as tx:
        cards = tx.execute(text("SELECT count(*), count(replaced_at), count(voided_at) FROM cards")).one()
    assert tuple(cards) == (4, 3, 3)


def test_a_phone_with_the_old_card_is_told(shop: Till, service: Service, device: Device, clock: Clock) -> None:
    """The wallets of the old card are behind until they have fetched the void one; the new one has none yet."""
    old = shop.member(OWN_ID).card
    with service.begin() as tx:
        tx.execute(
            text("""
                INSERT INTO wallets (card_id, platform, device, target, wanted, sent, listed, fetched, registered_at,
                                     coalesce_for, not_before, attempts)
                SELECT id, 'apple', 'phone', 'token', revision, revision, 0, revision, :now, interval '0', :now, 0
                FROM cards
            """),
            {"now": clock()},
        )
    shop.do(replace_card, customer=who(OWN_ID))
    with service.read() as tx:
        behind = tx.execute(text("SELECT card_id, wanted > sent FROM wallets")).all()
    assert [tuple(each) for each in behind] == [(old.id, True)]


def test_another_code_is_the_same_card(shop: Till) -> None:
    """The barcode changes with the next revision, and the code before is refused at once."""
    before = shop.member(OWN_ID)
    answer = shop.do(change_code, customer=who(OWN_ID))
    after = shop.member(OWN_ID)
    assert (answer["serial_number"], answer["revision"]) == (before.card.serial_number, before.card.revision + 1)
    assert before.card_code != after.card_code
    assert after.card_code in repr(shop.template.draw(after.standing, "cs"))
    with pytest.raises(UnknownMember):
        shop.operate(change_code, customer=Customer(card_code=before.card_code))


def test_a_void_card_gets_no_other_code(shop: Till, service: Service, clock: Clock) -> None:
    """It is to be replaced instead, and the refusal says so."""
    with service.begin() as tx:
        found = members.find_by_serial(tx, shop.member(OWN_ID).card.serial_number)
        assert found
        revoke(tx, found, shop.template, now=clock())
    with pytest.raises(OperationRefused, match="replace it"):
        shop.operate(change_code, customer=who(OWN_ID))


# Persons.


def everything(service: Service) -> str:
    """Return all that the database holds, as one text."""
    with service.read() as tx:
        names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        return "\n".join(
            str(tx.execute(text(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {name} AS t")).scalar_one())
            for name in names
        )


def test_nothing_of_a_person_is_left(shop: Till, service: Service) -> None:
    """Name, address and the merchant's own id are nowhere in the database any more, in no table."""
    held = everything(service)
    assert [each for each in (NAME, OWN_ID) if each in held] == [NAME, OWN_ID]
    answer = shop.do(erase, customer=who(OWN_ID))
    assert answer["points"] == 100
    held = everything(service)
    assert not [each for each in (NAME, OWN_ID, EMAIL.value) if each in held]
    with service.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM member_identities")).scalar_one() == 0


def test_nothing_is_left_of_whom_a_person_was_before(shop: Till, service: Service) -> None:
    """Who has become one with the erased is forgotten with it: no id finds it, and whoever comes with one is new."""
    shop.enrol("bob")
    gone = shop.member(OWN_ID)
    shop.do(merge, merged=who(OWN_ID), survivor=who("bob"), reason="joined twice")
    shop.do(erase, customer=who("bob"))
    held = everything(service)
    assert not [each for each in (NAME, OWN_ID, EMAIL.value) if each in held]
    for each in (who(OWN_ID), Customer(member_id=gone.public_id), Customer(card_code=gone.card_code)):
        with pytest.raises(UnknownMember):
            shop.operate(erase, customer=each)
    assert shop.tell("member.enrolled", MemberEnrolled(who(OWN_ID), None, None))["balance"] == 0
    assert faults(service) == []
    shop.check()


def test_the_books_and_the_chain_stay(shop: Till, service: Service) -> None:
    """What was posted stays to the byte, sealed as it was; the points are taken out by an entry of their own."""
    service.seal()
    tables = ("ledger_transactions", "ledger_entries", "lots", "lot_allocations", "qualifications")
    query = "UNION ALL".join(f"(SELECT '{each}', t::text FROM {each} AS t)" for each in tables)
    with service.read() as tx:
        before = set(tx.execute(text(query)).all())
    shop.do(erase, customer=who(OWN_ID))
    service.seal()
    with service.read() as tx:
        after = set(tx.execute(text(query)).all())
    assert before < after
    assert list(breaks(service.begin, genuine, {service.signing_key.public})) == []


def test_an_erased_member_is_nobody(shop: Till) -> None:
    """Neither id, member id nor code finds them, and whoever comes with the same id is somebody new."""
    gone = shop.member(OWN_ID)
    shop.operate(hold, customer=who(OWN_ID), points=10)
    shop.do(erase, customer=who(OWN_ID))
    for each in (Customer(member_id=gone.public_id), Customer(card_code=gone.card_code)):
        with pytest.raises(UnknownMember):
            shop.tell("points.adjusted", PointsAdjusted(each, 5, "till", "r"))
    with pytest.raises(UnknownMember):
        shop.operate(erase, customer=Customer(member_id=gone.public_id))
    again = shop.tell("member.enrolled", MemberEnrolled(Customer(id=OWN_ID), None, None))
    assert again["member_id"] != gone.public_id
    assert shop.balance(OWN_ID) == 0
    shop.check()


def test_orders_of_an_erased_member_go_on(shop: Till) -> None:
    """Refunds and snapshots are entered for whoever the order was given to; nobody gets or owes anything by it."""
    shop.do(erase, customer=who(OWN_ID))
    assert shop.tell("order.refunded", OrderRefunded("o1", 4_000))["balance"] == 0
    shop.tell("member.enrolled", MemberEnrolled(Customer(id=OWN_ID), None, None))
    paid = OrderPaid(Customer(id=OWN_ID), "o1", "EUR", 10_000)
    later = shop.tell("order.updated", OrderUpdated("o1", shop.clock(), Customer(id=OWN_ID), paid, 5_000))
    assert later["customer_id"] is None
    more = OrderPaid(Customer(id=OWN_ID), "o1", "EUR", 90_000)
    shop.clock.on(days=1)
    grown = shop.tell("order.updated", OrderUpdated("o1", shop.clock(), Customer(id=OWN_ID), more))
    assert (grown["balance"], grown["pending"]) == (0, 0)
    assert shop.balance(OWN_ID) == 0
    shop.check()


def test_what_came_before_the_person_joined_goes_too(shop: Till, service: Service) -> None:
    """An order that waited for its customer was kept as it was sent; once the member is erased, it is not."""
    paid = OrderPaid(who("late"), "o9", "EUR", 10_000)
    assert shop.tell("order.paid", paid, body=b"Late, late@home.example")["status"] == "unmatched"
    shop.enrol("late")
    shop.do(erase, customer=who("late"))
    with service.read() as tx:
        assert b"Late, late@home.example" not in tx.execute(text("SELECT body FROM events")).scalars().all()


def test_what_stands_in_place_of_an_id_is_nobodys(shop: Till, service: Service) -> None:
    """Whoever sends it back, or asks by it, meets nobody: neither profile nor address comes to the erased."""
    gone = shop.member(OWN_ID).public_id
    shop.do(erase, customer=who(OWN_ID))
    name = Customer(id=f"erased:{gone}", identities=(EMAIL,))
    with pytest.raises(UnknownMember):
        shop.tell("member.updated", MemberUpdated(name, name=NAME))
    with pytest.raises(UnknownMember):
        shop.operate(hold, customer=Customer(id=f"erased:{gone}"), points=1)
    assert shop.tell("member.enrolled", MemberEnrolled(name, NAME, None))["member_id"] != gone
    with service.read() as tx:
        query = "SELECT count(*) FROM profiles JOIN members ON members.id = member_id WHERE erased_at IS NOT NULL"
        assert tx.execute(text(query)).scalar_one() == 0


def test_nobody_waits_for_the_calendar_for_ever(shop: Till, service: Service) -> None:
    """Where settling a member has failed, and it is erased or becomes one with another, it is not tried again."""
    shop.enrol("bob", "cyd")
    with service.begin() as tx:
        for name in (OWN_ID, "bob"):
            calendar.delay(tx, shop.member(name).id, attempts=1, not_before=shop.clock(), reason=NAME)
    shop.do(erase, customer=who(OWN_ID))
    shop.do(merge, merged=who("bob"), survivor=who("cyd"), reason="joined twice")
    with service.read() as tx:
        assert calendar.delayed(tx, most=5) == []


def test_a_phone_that_comes_back_leaves_no_trace(shop: Till, service: Service) -> None:
    """Of a void card of somebody erased nothing is counted, whatever wallet it comes into."""
    shop.do(erase, customer=who(OWN_ID))
    with service.begin() as tx:
        (card_id,) = tx.execute(text("SELECT id FROM cards")).scalars().all()
        follow(
            tx,
            members.find_by_cards(tx, [card_id])[card_id].member.card,
            device="d",
            target="ab12" * 16,
            now=shop.clock(),
        )
    with service.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM installs")).scalar_one() == 0


def test_nothing_is_entered_meanwhile_of_any_of_them(shop: Till, service: Service) -> None:
    """Whoever tells of somebody that is forgotten just now waits, by whatever id they know them."""
    shop.enrol("bob")
    shop.do(merge, merged=who(OWN_ID), survivor=who("bob"), reason="joined twice")

    def act(operation: Operation) -> Erased:
        done = erase(operation, customer=who("bob"))
        with service.begin() as other:
            free = [members.try_lock_customer(other, operation.open.id, each) for each in (OWN_ID, "bob")]
        assert free == [False, False]
        return done

    shop.operate(act)


@pytest.mark.parametrize("by", ["a webhook", "the API"])
def test_who_is_told_of_while_it_is_forgotten_is_somebody_new(shop: Till, service: Service, by: str) -> None:
    """An event finds that its member has become one with another, who is erased before it comes to that one."""
    shop.enrol("bob")
    shop.do(merge, merged=who(OWN_ID), survivor=who("bob"), reason="joined twice")
    begun = itertools.count(1)

    @contextmanager
    def begin() -> Iterator[Connection]:
        if next(begun) == 2:
            shop.do(erase, customer=who("bob"))
        with service.begin() as tx:
            yield tx

    fact = MemberEnrolled(Customer(id=OWN_ID), NAME, "cs")
    event = Event("back again", "member.enrolled", content_hash("member.enrolled", fact), shop.clock(), b"{}", fact)
    ours = {"pass_type_identifier": service.identity.pass_type_identifier, "now": shop.clock()}
    if by == "a webhook":
        with service.read() as tx:
            source = source_of(tx, dialect="standard", name=shop.source)
        receive(begin, source=source, template=shop.template, event=event, vault=service.vault, **ours)
    else:
        enter(begin, Entering(event), program=shop.open, key="back again", content={}, actor="till 3", **ours)
    assert next(begun) > 3
    assert shop.member(OWN_ID).profile.name == NAME
    shop.buy(1_000, order="o2", by=OWN_ID)
    with service.read() as tx:
        living = tx.execute(text("SELECT external_id FROM members WHERE erased_at IS NULL")).scalars().all()
    assert living == [OWN_ID]
    assert faults(service) == []


def test_what_comes_for_the_erased_teaches_nothing(shop: Till, service: Service) -> None:
    """A later word of its order makes nobody known again, and is not kept."""
    shop.do(erase, customer=who(OWN_ID))
    account = Customer(identities=(Identity("shopify", "7001"), EMAIL))
    paid = OrderPaid(account, "o1", "EUR", 10_000)
    shop.tell("order.updated", OrderUpdated("o1", shop.clock(), account, paid), body=f"{NAME}, {EMAIL.value}".encode())
    with service.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM member_identities")).scalar_one() == 0
        assert tx.execute(text("SELECT body FROM events ORDER BY id DESC")).scalars().first() == b""
    with pytest.raises(UnknownMember):
        shop.operate(hold, customer=account, points=1)


def test_an_erased_members_card_is_blank(shop: Till, service: Service) -> None:
    """It is void, and shows neither name nor points, also after the rules are published anew; the audit knows that."""
    serial = shop.member(OWN_ID).card.serial_number
    shop.do(erase, customer=who(OWN_ID))
    with service.read() as tx:
        found = members.find_by_serial(tx, serial)
    assert found
    assert found.member.voided
    face = shop.template.draw(found.member.standing, "cs")
    assert "Zuzana" not in repr(face)
    assert faults(service) == []


def test_who_becomes_one_is_known_by_both(shop: Till) -> None:
    """After a merger the survivor is found by the other's address, and keeps its consents."""
    shop.enrol("bob")
    shop.do(merge, merged=who(OWN_ID), survivor=who("bob"), reason="joined twice")
    paid = OrderPaid(Customer(identities=(EMAIL,)), "o2", "EUR", 5_000)
    assert shop.tell("order.paid", paid)["customer_id"] == "bob"


def test_a_person_is_told_all_that_is_kept(shop: Till, service: Service) -> None:
    """Person, addresses, consents, card, orders and every point with its reason, as JSON can say it."""
    with service.read() as tx:
        found = members.find_by_public_id(tx, shop.member(OWN_ID).public_id)
        assert found
        told: dict[str, Any] = json.loads(
            json.dumps(portray(tx, service.vault, found, shop.template.program), default=str)
        )
    assert told["member"]["name"] == NAME
    assert told["member"]["birthday"] == "06-01"
    assert told["identities"] == [{"kind": "email", "value": EMAIL.value, "verified_at": None}]
    assert [(each["purpose"], each["granted"], each["text_version"]) for each in told["consents"]] == [
        ("marketing", True, "2026-06")
    ]
    assert [(each["order_id"], each["points"]) for each in told["orders"]] == [("o1", 100)]
    assert told["statement"][0]["order_id"] == "o1"
    assert service.secret_key not in str(told)


def test_the_newest_word_on_a_purpose_counts(shop: Till, service: Service) -> None:
    """Consents are only added to; what holds is what was said last for each purpose and channel."""
    member = shop.member(OWN_ID)
    with service.begin() as tx:
        no_more = Consent("marketing", granted=False, channel="email")
        consents.add(tx, member.id, [no_more], source="page", now=shop.clock())
        assert [each.consent.granted for each in consents.standing(tx, member.id)] == [False]
        assert [each.consent.granted for each in consents.history(tx, member.id)] == [True, False]
