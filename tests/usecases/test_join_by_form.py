"""Whoever joins by a form at the same moment as others: one member a form, and no more than there is room for."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from actors import Shop
from sqlalchemy import text

from wallet_service.domain.errors import EventConflict, UnknownProgram
from wallet_service.domain.identity import Identity
from wallet_service.domain.join_form import Joining
from wallet_service.usecases.join_by_form import Form, count_join, join_by_form, program_of
from wallet_service.usecases.record import Recorded
from wallet_service.wiring import Service

AT_ONCE = 8
ANN = Joining("Ann Example", None, (Identity("email", "ann@home.example"),))


def join(service: Service, form: Form) -> Recorded:
    """Send a form."""
    with service.read() as tx:
        opened = program_of(tx, "points")
    return join_by_form(
        service.begin,
        form,
        opened=opened,
        template=service.in_force.of_program(opened),
        vault=service.vault,
        pass_type_identifier=service.identity.pass_type_identifier,
        through=None,
        now=service.clock(),
    )


def test_one_form_from_many_hands_is_one_member(service: Service, shop: Shop) -> None:
    """However many times a form arrives at once, the first of a programme even, all are told of one card."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(lambda _: join(service, Form("f1", ANN, (), "en")), range(AT_ONCE)))
    assert len({each.answer["serial_number"] for each in told}) == 1
    assert sum(not each.replayed for each in told) == 1
    with service.read() as tx:
        counted = "SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM typed_addresses)"
        assert tuple(tx.execute(text(counted)).one()) == (1, 1)
    with pytest.raises(EventConflict):
        join(service, Form("f1", Joining("Bob Example", None, ()), (), "en"))


def test_no_more_are_let_in_than_there_is_room_for(service: Service, shop: Shop) -> None:
    """Of many who come at once from one block, as many are let in as the measure says, whichever process counts."""

    def come(_: int) -> int | None:
        with service.begin() as tx:
            return count_join(
                tx, service.vault, program="points", block="b", per_block=3, in_all=100, now=service.clock()
            )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        waits = list(pool.map(come, range(AT_ONCE)))
    assert waits.count(None) == 3
    assert {each for each in waits if each is not None} == {1200}


def test_a_programme_has_to_be_opened(service: Service) -> None:
    """Nobody joins what no shop has opened."""
    with service.read() as tx, pytest.raises(UnknownProgram):
        program_of(tx, "points")
