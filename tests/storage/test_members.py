"""Members are found by any of their names, locked against each other's changes, and personal data stays apart."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from actors import START, Device, Shop, card_of
from msgspec import structs
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from wallet_service.domain.card import Card, Revised
from wallet_service.domain.errors import ProgramTaken
from wallet_service.domain.event import Customer
from wallet_service.domain.face import Barcode, Colors, Face
from wallet_service.domain.member import Profile
from wallet_service.storage import members, merchants, programs
from wallet_service.wiring import Service

CARD = Card(
    id=0,
    serial_number="serial-ann",
    authentication_token="token-ann",
    pass_type_identifier="pass.example",
    revision=1,
    modified_at=START,
)


FACE = Face("en", "Shop", "Club", "A card", Colors("#000000", "#ffffff", "#ffffff"), Barcode("qr", "1"))


def open_program(tx: Connection, *, code: str, template: str, merchant: str = "main") -> int:
    """Open a programme of a merchant's."""
    merchants.add(tx, code=merchant, name=merchant, now=START)
    owner = merchants.find(tx, merchant)
    assert owner
    return programs.open_program(tx, code=code, template=template, merchant_id=owner.id, now=START)


@pytest.fixture
def program(engine: Engine) -> int:
    """The row id of an open programme."""
    with engine.begin() as tx:
        return open_program(tx, code="points", template="points")


def add(tx: Connection, program: int, name: str = "ann") -> int:
    """Add a member with a card, all named alike."""
    member = members.add(tx, program_id=program, public_id=f"mem_{name}", external_id=name, now=START)
    card = structs.replace(CARD, serial_number=f"serial-{name}")
    code = f"CODE{name.upper()}"
    members.add_card(tx, member_id=member, card=card, code=code, face=FACE, template_version="v1", now=START)
    return member


def test_a_member_is_found_as_it_was_added(engine: Engine, program: int) -> None:
    """A new member stands at zero, with a card in its first revision and nothing personal."""
    with engine.begin() as tx:
        member = add(tx, program)
        found = members.find(tx, program, "ann")

    assert found
    assert (found.id, found.public_id, found.external_id, found.locale) == (member, "mem_ann", "ann", None)
    assert structs.replace(found.card, id=0) == CARD
    assert (found.face_digest, found.own_digest) == (FACE.digest(), FACE.own_digest())
    assert (found.standing.balance, found.standing.qualifying, found.standing.member_name) == (0, 0, None)
    assert (found.standing.member_since, found.standing.card_code) == (START, "CODEANN")


def test_each_name_finds_its_own_kind(engine: Engine, program: int) -> None:
    """A merchant's id stands for itself; our member id and the card's code are looked up, each as what it is."""
    names = {
        Customer(id="ann"): "ann",
        Customer(id="nobody yet"): "nobody yet",
        Customer(member_id="mem_ann"): "ann",
        Customer(card_code="CODEANN"): "ann",
        Customer(member_id="mem_nobody"): None,
        Customer(card_code="CODENOBODY"): None,
        Customer(member_id="CODEANN"): None,
        Customer(card_code="mem_ann"): None,
        Customer(card_code="ann"): None,
        Customer(card_code="codeann"): None,
        Customer(card_code="' OR true --"): None,
        Customer(member_id="%"): None,
    }
    with engine.begin() as tx:
        add(tx, program)
        add(tx, program, "bob")
        assert {each: members.external_id(tx, program, each) for each in names} == names


def test_a_programme_sees_its_own_members_only(engine: Engine, program: int) -> None:
    """The same customer in another programme is somebody else, and other programmes' cards are not found."""
    with engine.begin() as tx:
        add(tx, program)
        other = open_program(tx, code="other", template="points")
        assert members.find(tx, other, "ann") is None
        assert members.external_id(tx, other, Customer(card_code="CODEANN")) is None
        assert members.external_id(tx, other, Customer(member_id="mem_ann")) is None


def test_opening_a_programme_twice_opens_one(engine: Engine, program: int) -> None:
    """The second time the programme and its accounts are there already."""
    with engine.begin() as tx:
        accounts = tx.execute(text("SELECT count(*) FROM ledger_accounts")).scalar_one()
        assert open_program(tx, code="points", template="points") == program
        assert tx.execute(text("SELECT count(*) FROM ledger_accounts")).scalar_one() == accounts == 7


def test_a_programme_cannot_be_taken_over(engine: Engine, program: int) -> None:
    """A template that names another's programme is refused, and its members keep their look and rules."""
    with pytest.raises(ProgramTaken, match="belongs to the template 'points'"), engine.begin() as tx:
        open_program(tx, code="points", template="new")
    with pytest.raises(ProgramTaken, match="is another merchant's"), engine.begin() as tx:
        open_program(tx, code="points", template="points", merchant="other")
    with engine.begin() as tx:
        assert tx.execute(text("SELECT template FROM programs")).scalars().all() == ["points"]


def test_a_customer_is_a_member_once(engine: Engine, program: int) -> None:
    """A second member of the same name is refused by the database, also one without an account."""
    with engine.begin() as tx:
        add(tx, program)
    with pytest.raises(IntegrityError), engine.begin() as tx:
        members.add(tx, program_id=program, public_id="mem_other", external_id="ann", now=START)
    with engine.connect() as tx:
        assert tx.execute(text("SELECT count(*) FROM balances")).scalar_one() == 1


def test_what_is_not_said_stays_as_it_was(engine: Engine, program: int) -> None:
    """What is None keeps what was known before, and a member in memory is told the same as the tables."""
    told = [
        Profile(locale="cs"),
        Profile(name="Ann", birthday=(2, 29)),
        Profile(),
        Profile(name="Anna", locale="en-GB", cause="reefs"),
        Profile(birthday=(1, 1)),
    ]
    with engine.begin() as tx:
        member = add(tx, program)
        before = members.find(tx, program, "ann")
        seen = []
        for each in told:
            members.set_profile(tx, member_id=member, profile=each)
            found = members.find(tx, program, "ann")
            assert before
            assert found == before.with_profile(each)
            before = found
            seen.append(found.profile)
    assert seen == [
        Profile(None, "cs"),
        Profile("Ann", "cs", (2, 29)),
        Profile("Ann", "cs", (2, 29)),
        Profile("Anna", "en-GB", (2, 29), "reefs"),
        Profile("Anna", "en-GB", (1, 1), "reefs"),
    ]


def test_names_live_in_one_table_alone(service: Service, shop: Shop) -> None:
    """But for the raw body that brought it, a member's name stands in the profile alone."""
    shop.enrol("ann", name="Ann Unmistakable")
    shop.buy(8_040, order="o1")
    with service.read() as tx:
        tables = tx.execute(text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"))
        telling = [
            table
            for table in tables.scalars()
            if "Unmistakable" in str(tx.execute(text(f"SELECT json_agg(t)::text FROM {table} AS t")).scalar())
        ]
    assert telling == ["profiles"]


def test_a_revision_is_written_whole(engine: Engine, program: int) -> None:
    """Revision, date, announcement and face change together, and so does the transaction that phones' tags compare."""
    with engine.begin() as tx:
        add(tx, program)
    with engine.begin() as tx:
        before = tx.execute(text("SELECT changed_xid::text FROM cards")).scalar_one()
        found = members.find(tx, program, "ann")
        assert found
        later = structs.replace(found.card, revision=2, modified_at=START + timedelta(seconds=1), announced="tier")
        revised = Revised(later, b"\x02", b"\x03", own_changed=True)
        members.revise(tx, [revised], template_version="v2")
        again = members.find(tx, program, "ann")
        after = tx.execute(text("SELECT changed_xid::text FROM cards")).scalar_one()

    assert again
    assert (again.card, again.face_digest, again.own_digest) == (later, b"\x02", b"\x03")
    assert int(after) > int(before)


def test_a_card_is_found_by_its_serial_number_alone(service: Service, shop: Shop, device: Device) -> None:
    """The card comes with its template, and with whether some phone is not known to hold its newest face."""
    serial = shop.enrol("ann")["serial_number"]
    with service.read() as tx:
        assert members.find_by_serial(tx, serial.upper() + "x") is None
        alone = members.find_by_serial(tx, serial)
    device.register(card_of(service, serial))
    with service.read() as tx:
        followed = members.find_by_serial(tx, serial)

    assert alone
    assert followed
    assert (alone.template, alone.unfetched, followed.unfetched) == ("points", False, True)
    assert alone.member == followed.member


def waits(engine: Engine, lock: Callable[[Connection], None]) -> bool:
    """Tell whether the lock has to wait for somebody else."""
    try:
        with engine.begin() as tx:
            tx.execute(text("SET LOCAL lock_timeout = '200ms'"))
            lock(tx)
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return True
        raise
    return False


def test_who_touches_the_same_customer_waits(engine: Engine, program: int) -> None:
    """A customer is locked whether a member or not, until the transaction ends; others are not held up."""
    with engine.begin() as tx:
        members.lock_customer(tx, program, "ann")
        assert waits(engine, lambda other: members.lock_customer(other, program, "ann"))
        assert not waits(engine, lambda other: members.lock_customer(other, program, "bob"))
        assert not waits(engine, lambda other: members.lock_customer(other, program + 1, "ann"))
        assert not waits(engine, lambda other: members.lock_order(other, program, "ann"))
    assert not waits(engine, lambda other: members.lock_customer(other, program, "ann"))


def test_who_touches_the_same_order_waits(engine: Engine) -> None:
    """An order is locked per source, before it is known."""
    with engine.begin() as tx:
        members.lock_order(tx, 1, "o1")
        assert waits(engine, lambda other: members.lock_order(other, 1, "o1"))
        assert not waits(engine, lambda other: members.lock_order(other, 2, "o1"))
        assert not waits(engine, lambda other: members.lock_order(other, 1, "o2"))


def test_odd_names_are_names(engine: Engine, program: int) -> None:
    """Ids are values and never part of a statement."""
    for odd in ("", " ", "x" * 10_000, "'; DROP TABLE members; --", "кот 🐈", ":id", "%s", "\\"):
        with engine.begin() as tx:
            members.lock_customer(tx, program, odd)
            members.lock_order(tx, program, odd)
            assert members.find(tx, program, odd) is None
            assert members.find_by_serial(tx, odd) is None
