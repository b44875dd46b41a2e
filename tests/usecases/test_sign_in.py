"""Links of letters that are used by many hands at once: one gets in, one address is one member's, nothing is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from actors import Clock, Shop, connected_shop
from books import faults
from member_actors import Mailbox
from sqlalchemy import text
from structlog.testing import capture_logs

from wallet_service.domain.errors import UnknownLink
from wallet_service.domain.event import Customer
from wallet_service.domain.identity import Identity
from wallet_service.domain.join_form import Joining
from wallet_service.storage import identities
from wallet_service.storage.vault import Vault
from wallet_service.usecases.join_by_form import Form, join_by_form, program_of
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.sign_in import ask_to_sign_in, begin_session, sign_in, signed_in
from wallet_service.usecases.verify_address import Verifying
from wallet_service.web import create_app
from wallet_service.wiring import Service

AT_ONCE = 8
ANN = Identity("email", "ann@home.example")


@pytest.fixture
def mailbox(service: Service) -> Mailbox:
    """All letters."""
    return Mailbox(service)


def ask(service: Service) -> None:
    """Ask for a link."""
    with service.begin() as tx:
        ask_to_sign_in(
            tx,
            service.vault,
            program_id=program_of(tx, "points").id,
            address=ANN,
            locale="en",
            block="b",
            per_block=100,
            per_address=100,
            now=service.clock(),
        )


def join(service: Service, name: str, code: str = "points") -> None:
    """Join by the form, with that address."""
    with service.read() as tx:
        opened = program_of(tx, code)
    join_by_form(
        service.begin,
        Form(name, Joining(name, None, (ANN,)), (), "en"),
        opened=opened,
        template=service.in_force.of_program(opened),
        vault=service.vault,
        pass_type_identifier=service.identity.pass_type_identifier,
        through=None,
        letters=100,
        now=service.clock(),
    )


def verifying(service: Service, code: str = "points") -> Verifying:
    """What verifies addresses of the programme."""
    with service.read() as tx:
        opened = program_of(tx, code)
    program = OpenProgram(opened.id, service.in_force.of_program(opened), service.vault)
    return Verifying(service.begin, program, service.identity.pass_type_identifier, service.clock())


def token_of(path: str) -> str:
    """Return the token in a letter's path."""
    return path.rsplit("/", 1)[1]


def at_once(*works: Callable[[], object]) -> list[object]:
    """Do all of it at the same time, and return what came of each; a link that does not work is None."""

    def one(work: Callable[[], object]) -> object:
        try:
            return work()
        except UnknownLink:
            return None

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_of_many_who_press_one_gets_in(service: Service, shop: Shop, mailbox: Mailbox) -> None:
    """A link that is used at the same moment by several begins one session."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN.value}})
    ask(service)
    token = token_of(mailbox.link())

    def use() -> str:
        with service.begin() as tx:
            return sign_in(tx, token, program_id=program_of(tx, "points").id, now=service.clock())

    (session,) = [each for each in at_once(*[use] * AT_ONCE) if each]
    with service.begin() as tx:
        found = signed_in(tx, str(session), program_id=program_of(tx, "points").id, now=service.clock())
    assert found is not None
    assert found.member.external_id == "ann"


def test_letters_are_written_once(service: Service, shop: Shop, mailbox: Mailbox) -> None:
    """However many workers write what was asked for, each gets one letter, and whoever is nobody gets none."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN.value}})
    for _ in range(3):
        ask(service)
    done = at_once(*[service.asked_letters().step] * AT_ONCE)
    assert done.count(True) == 3
    assert len(mailbox.read()) == 3


def test_an_address_is_verified_once(service: Service, shop: Shop, mailbox: Mailbox) -> None:
    """Of several who press the button of one letter one gets in; the address is known once."""
    join(service, "Ann")
    token = token_of(mailbox.link())
    done = at_once(*[lambda: verifying(service).verify(token)] * AT_ONCE)
    assert len([each for each in done if each]) == 1
    assert faults(service) == []


@pytest.mark.parametrize("turn", range(3))
def test_two_cards_of_one_address_become_one(service: Service, shop: Shop, mailbox: Mailbox, turn: int) -> None:
    """Whoever joins several times and confirms all letters at once has one card in the end, with all that was got."""
    for number in range(3):
        join(service, f"Ann {turn} {number}")
    with service.read() as tx:
        for (public_id,) in tx.execute(text("SELECT public_id FROM members")).all():
            shop.answer(
                "points.adjusted",
                {"customer": {"member_id": public_id}, "points": 10, "actor": "a till", "reason": "hello"},
            )
    tokens = [token_of(each) for each in mailbox.links()]
    done = at_once(*[lambda token=token: verifying(service).verify(token) for token in tokens])
    assert all(done)
    with service.read() as tx:
        alive = tx.execute(text("SELECT id FROM members WHERE merged_into IS NULL")).scalars().all()
        assert len(alive) == 1
        assert identities.of_member(tx, service.vault, alive[0]) == [(ANN, service.clock())]
        assert tx.execute(text("SELECT available FROM balances WHERE member_id = :id"), {"id": alive[0]}).scalar() == 30
    assert faults(service) == []


def test_joining_twice_is_thanked_once(service: Service, mailbox: Mailbox) -> None:
    """What a programme gives for joining does not go over with a second card of the same address."""
    connected_shop(service, create_app(service).test_client(), "corner", template="small_shop")
    code = service.template("small_shop").program.program.code
    for number in range(3):
        join(service, f"Ann {number}", code)
    for each in mailbox.links():
        verifying(service, code).verify(token_of(each))
    left = "SELECT available + pending FROM balances JOIN members ON id = member_id WHERE merged_into IS NULL"
    with service.read() as tx:
        assert tx.execute(text(left)).scalars().all() == [50]
    assert faults(service) == []


def test_an_address_that_the_shop_tells_meanwhile(service: Service, shop: Shop, mailbox: Mailbox) -> None:
    """Whether the letter or the shop's word comes first, the address is one member's in the end."""
    join(service, "Ann")
    token = token_of(mailbox.link())
    data = {"customer": {"id": "ann", "email": ANN.value}}
    at_once(lambda: verifying(service).verify(token), lambda: shop.answer("member.enrolled", data))
    with service.read() as tx:
        (mark,) = identities.marks_of(service.vault, [ANN])
        assert identities.owner(tx, program_of(tx, "points").id, [mark]) is not None
    assert faults(service) == []


def test_what_is_over_is_dropped(service: Service, shop: Shop, mailbox: Mailbox, clock: Clock) -> None:
    """Links and sessions that are over are deleted by the worker; those that work stay."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN.value}})
    ask(service)
    token = token_of(mailbox.link())
    with service.begin() as tx:
        sign_in(tx, token, program_id=program_of(tx, "points").id, now=service.clock())
    ask(service)
    mailbox.read()
    assert service.prune_sign_ins() == 0
    clock.now += timedelta(minutes=15)
    assert service.prune_sign_ins() == 1
    clock.now += timedelta(minutes=15)
    assert service.prune_sign_ins() == 1


def test_a_member_who_becomes_another_is_signed_out(service: Service, shop: Shop, mailbox: Mailbox) -> None:
    """The session of whoever is merged into somebody else ends: it was one of a member who is no more."""
    for name in ("ann", "bob"):
        shop.enrol(name)
    with service.begin() as tx:
        one = tx.execute(text("SELECT id FROM members WHERE external_id = 'bob'")).scalar_one()
        session = begin_session(tx, one, now=service.clock())
    program = verifying(service).program
    operate(
        service.begin,
        program=program,
        key="once",
        kind="member.merge",
        content={},
        actor="a test",
        now=service.clock(),
        act=lambda operation: merge(
            operation, merged=Customer(id="bob"), survivor=Customer(id="ann"), reason="joined twice"
        ),
    )
    with service.begin() as tx:
        assert signed_in(tx, session, program_id=program.id, now=service.clock()) is None


def test_a_letter_that_nobody_can_write_is_given_up(service: Service, shop: Shop, mailbox: Mailbox) -> None:
    """An address that another key has sealed cannot be read: that is logged, and the next letter is written."""
    shop.answer("member.enrolled", {"customer": {"id": "ann", "email": ANN.value}})
    ask(service)
    with service.begin() as tx:
        tx.execute(text("UPDATE asked_letters SET sealed = :sealed"), {"sealed": Vault("o" * 32).seal(ANN.value)})
    ask(service)
    with capture_logs() as logs:
        assert len(mailbox.read()) == 1
    assert [each["error"] for each in logs if each["event"] == "letter.not_written"] == ["SettingsRefused"]
