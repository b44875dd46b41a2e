"""A book that is closed says all that follows: what dies next, by the rule of the tier that the member is in then."""

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from actors import START, Clock, Shop
from sqlalchemy import text

from wallet_service.domain.earning import new_lot
from wallet_service.domain.ledger import Hold, Lot
from wallet_service.domain.program import Program
from wallet_service.domain.template import Template
from wallet_service.storage import lots, members
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.book import Book, close_and_show, open_book
from wallet_service.usecases.correct import correct
from wallet_service.usecases.evaluate import give
from wallet_service.wiring import Service

WHO = {"actor": "a person", "reason": "a test"}


def template(service: Service, **tables: Any) -> Template:
    """Return the demo's template with other rules."""
    plain = service.template("points")
    rules = plain.program.model_dump(by_alias=True, exclude_unset=True) | tables
    return replace(plain, program=Program.model_validate(rules))


def opened(service: Service, look: Template, tx: Any, clock: Clock) -> Book:
    """Return the book of the first member."""
    found = members.find(tx, 1, "ann")
    assert found
    return open_book(tx, found, look, now=clock.now)


def close(book: Book) -> Any:
    """Close the book and return where the member then stands."""
    return close_and_show(book, cause=Cause(), reason="a test").position


def test_the_new_tiers_rule_says_what_dies_next(service: Service, shop: Shop, clock: Clock) -> None:
    """Whoever rises into a tier whose points die by inactivity is due on that day, and the card says so at once."""
    shop.enrol("ann")
    tiers = service.template("points").program.model_dump(by_alias=True, exclude_unset=True)["tier"]
    tiers[1]["points_expiry"] = {"mode": "inactivity", "period": "P60D"}
    look = template(service, tier=tiers)
    with service.begin() as tx:
        book = opened(service, look, tx, clock)
        give(book, look.program, 150, rule="gift", at=START)
        position = close(book)
    assert position.rank.tier == "chapter"
    assert (position.dying, position.dying_on) == (150, date(2026, 7, 30))
    assert position.due_at.isoformat() == "2026-07-30T22:00:00+00:00"


def test_what_a_person_gives_starts_the_clock_of_silence(service: Service, shop: Shop, clock: Clock) -> None:
    """By inactivity, whoever has never earned or redeemed anything has points that live as long as earned ones."""
    shop.enrol("ann")
    look = template(service, points={"expiry": {"mode": "inactivity", "period": "P60D"}})
    with service.begin() as tx:
        book = opened(service, look, tx, clock)
        correct(book, 30, at=START, **WHO)
        position = close(book)
    assert (position.available, position.dying, position.dying_on) == (30, 30, date(2026, 7, 30))


def test_a_lot_that_covered_a_deficit_has_its_dates_in_the_books(service: Service, shop: Shop, clock: Clock) -> None:
    """Points that waited for an event and all went into a deficit are dated by rows that are only added to."""
    shop.enrol("ann")
    shop.buy(10, order="o1")
    pending = {"mode": "event", "on": "order.fulfilled"}
    expiry = {"mode": "rolling", "period": "P10D"}
    look = template(service, points={"pending": pending, "expiry": expiry, "refund": {"earned": "allow_negative"}})
    with service.begin() as tx:
        book = opened(service, look, tx, clock)
        order_row = tx.execute(text("SELECT id FROM orders")).scalar_one()
        waiting = new_lot(look.program, book.account.expiry, 30, earned_at=START, rule="purchase", order_row=order_row)
        book.account.earn(waiting)
        book.account.take(50, at=START, floor=None, **WHO)
        close(book)
    clock.on(days=1)
    with service.begin() as tx:
        book = opened(service, look, tx, clock)
        book.account.activate(book.account.lots, at=clock.now)
        assert close(book).available == -20
        dates = "SELECT max(expires_at) FROM {}"
        said, kept = (
            tx.execute(text(dates.format(table))).scalar_one() for table in ("lot_balances", "lot_allocations")
        )
    assert said == kept == START + timedelta(days=10, hours=12)


def test_a_hold_is_kept_with_its_parts(service: Service, shop: Shop, clock: Clock) -> None:
    """A hold and the allocations that name it are posted together, and found again."""
    shop.enrol("ann")
    shop.buy(8_000, order="o1")
    hold = Hold(30, "reward", START, START + timedelta(hours=1), "hld_1")
    with service.begin() as tx:
        book = opened(service, service.template("points"), tx, clock)
        book.account.hold(hold)
        position = close(book)
        _, (found,) = lots.live(tx, 1)
    assert (position.available, position.held, position.due_at) == (50, 30, START + timedelta(hours=1))
    assert [(lot.points, part) for lot, part in found.parts] == [(80, 30)]


def test_what_is_foreseen_is_what_the_database_then_says(service: Service, shop: Shop, clock: Clock) -> None:
    """New lots are joined to what came next before as the database joins them: what dies, and what waits."""
    shop.enrol("ann")
    chance = random.Random(20261128)
    for _ in range(40):
        with service.begin() as tx:
            book = opened(service, service.template("points"), tx, clock)
            found = members.ask(tx, 1, "ann")()
            assert found
            for _ in range(chance.randrange(3)):
                activates, expires = (chance.choice([None, START + timedelta(days=day)]) for day in (40, 80))
                expires = expires and expires + timedelta(days=chance.randrange(-9, 9))
                lot = Lot(chance.randrange(1, 99), START, activates_at=activates, expires_at=expires, rule="gift")
                book.account.earn(lot)
            new = book.account.only_new
            assert new is not None
            foreseen = found[1].with_new(new)
            close(book)
            assert foreseen == lots.ahead(tx, 1, kept_until=None)
        clock.on(minutes=1)
