"""Many at once: a link is used as often as it may be and no more, and one prospect becomes one member."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from actors import Clock, connected_shop
from flask.testing import FlaskClient
from link_actors import IPHONE, Browser, Marketer, marketer

from wallet_service.domain.errors import LinkOver
from wallet_service.domain.event import Customer
from wallet_service.storage import programs
from wallet_service.usecases.erase import erase
from wallet_service.usecases.join import joined_through
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.portray import portray
from wallet_service.usecases.serve import card_or_member
from wallet_service.usecases.visit import look_up
from wallet_service.web import create_app
from wallet_service.wiring import Service

AT_ONCE = 8


@pytest.fixture
def spring(service: Service, client: FlaskClient) -> Marketer:
    """A marketer with a campaign, of a shop with a few members."""
    shop = connected_shop(service, client, "shop")
    for number in range(AT_ONCE):
        shop.enrol(f"customer {number}")
    return marketer(service)


def at_once(act: Callable[[int], Any]) -> list[Any]:
    """Do something from as many threads, all beginning together; return what each came to, or its error."""
    barrier = Barrier(AT_ONCE)

    def one(number: int) -> Any:
        barrier.wait()
        try:
            return act(number)
        except LinkOver as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_one_prospect_becomes_one_member(service: Service, spring: Marketer) -> None:
    """Whoever presses the button many times at once is enrolled once, and every press leads to the card."""
    app, link = create_app(service), spring.prospect("new")
    answers = at_once(lambda _: Browser(app.test_client(), IPHONE).post(f"{link}/join/apple").status_code)
    assert answers == [303] * AT_ONCE
    assert spring.rows("SELECT count(*) FROM members WHERE external_id = 'new'") == [(1,)]
    assert spring.rows("SELECT uses FROM links") == [(1,)]
    assert spring.rows("SELECT count(*) FROM link_joins") == [(1,)]


def test_the_last_use_goes_to_one(service: Service, spring: Marketer, clock: Clock) -> None:
    """Of many who join at once through a link for three, three do."""
    code = spring.short(limit=3)

    def join(number: int) -> None:
        with service.begin() as tx:
            joined_through(tx, look_up(tx, code), None, spring.member(f"customer {number}"), now=clock())

    answers = at_once(join)
    assert sum(each is None for each in answers) == 3
    assert {each.reason for each in answers if each} == {"used_up"}
    assert spring.rows("SELECT uses FROM links") == [(3,)]
    assert spring.rows("SELECT count(*) FROM link_joins") == [(3,)]


def test_a_link_that_is_opened_first_by_many_has_one_row(service: Service, spring: Marketer) -> None:
    """However many open it at once, and every opening is counted."""
    app, link = create_app(service), spring.link(member="customer 0")
    assert at_once(lambda _: Browser(app.test_client(), IPHONE).get(link).status_code) == [200] * AT_ONCE
    assert spring.rows("SELECT count(*) FROM links") == [(1,)]
    assert spring.visits() == [("opened", "ios", AT_ONCE)]


def test_nothing_of_a_persons_links_outlives_the_person(service: Service, spring: Marketer, clock: Clock) -> None:
    """A member is told what is kept of opened links; once erased, there is nothing of it, and the link is over."""
    client, link = create_app(service).test_client(), spring.link(member="customer 0")
    assert Browser(client, IPHONE).get(f"{link}/card.pkpass").status_code == 200
    with service.read() as tx:
        opened = programs.find(tx, "points")
        assert opened
        found = card_or_member(tx, spring.one("SELECT public_id FROM members WHERE external_id = 'customer 0'"))
        program = service.in_force.of_program(opened)
        told = portray(tx, service.vault, found, program.program)
    (visit,) = told["links"]
    assert (visit["campaign"], visit["step"], visit["device"]) == ("spring", "downloaded", "ios")
    assert told["objects_to_counting_since"] is None
    operate(
        service.begin,
        program=OpenProgram(opened.id, program, service.vault),
        key="k",
        kind="erase",
        content={},
        actor="a test",
        now=clock(),
        act=lambda operation: erase(operation, customer=Customer(id="customer 0")),
    )
    assert spring.visits() == []
    assert Browser(client, IPHONE).get(link).status_code == 410
