"""A comparison with Google goes on beside events and workers, and beside processes with other templates."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from actors import Clock, Shop
from held_actors import Holder, compared, copied_template, delivered, wallet_of
from sqlalchemy import Connection, text

from wallet_service.config import Settings
from wallet_service.domain.pass_class import PassClass
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.usecases.reconcile import Comparison
from wallet_service.wiring import Service

Member = Callable[..., Holder]
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def points_class(service: Service) -> list[PassClass]:
    """Return the class of the programme that the members belong to."""
    return [each for each in service.classes() if each.program == "points"]


def waiting(service: Service) -> bool:
    """Whether somebody waits for a lock; a transaction of its own each time, for what one sees there stands still."""
    with service.read() as tx:
        return bool(tx.execute(WAITING).scalar())


def test_card_that_was_sent_after_google_was_asked(ann: Holder, shop: Shop, service: Service, clock: Clock) -> None:
    """What was sent between Google's answer and the comparison is not called different."""
    changes = iter(("1",))

    @contextmanager
    def begin() -> Iterator[Connection]:
        for each in changes:
            clock.on(seconds=1)
            shop.buy(1_000, order=each)
            assert delivered(service).sent == 1
        with service.begin() as tx:
            yield tx

    shelf = wallet_of(service).shelf
    found = list(Comparison(shelf, service.in_force, begin, clock, True).cards(points_class(service)))

    assert found == [1]
    assert ann.balance() == 10


def test_card_that_was_made_after_google_was_asked(
    ann: Holder, member: Member, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """A card that Google has taken since it was asked for its list is not called missing."""
    bob = member("bob")
    google.behave(Behaviour(status=503))
    bob.click()
    google.behave(Behaviour())
    clock.on(minutes=20)
    rounds = iter((1,))

    @contextmanager
    def begin() -> Iterator[Connection]:
        for _ in rounds:
            clock.on(seconds=1)
            assert delivered(service).sent == 1
        with service.begin() as tx:
            yield tx

    shelf = wallet_of(service).shelf
    found = list(Comparison(shelf, service.in_force, begin, clock, True).cards(points_class(service)))

    assert found == [1]
    assert (ann.row()["sent"], bob.row()["sent"]) == (1, 1)


def test_nobody_waits_in_a_circle(member: Member, service: Service, google: SandboxGoogle, clock: Clock) -> None:
    """A comparison locks wallets in the order in which workers do, whatever order Google lists the cards in."""
    holders = [member(f"member {number}") for number in range(6)]
    for each in holders:
        each.click()
        google.change("patch", "loyaltyObject", each.target, {"state": "EXPIRED"})
    clock.on(minutes=1)
    ids = [each.row()["id"] for each in holders]
    listed = sorted(holders, key=lambda each: each.target)
    assert ids == sorted(ids)
    assert [each.name for each in listed] != [each.name for each in holders]
    lock = text("SELECT id FROM wallets WHERE id = :id FOR UPDATE")
    with ThreadPoolExecutor(1) as pool:
        with service.begin() as worker:
            worker.execute(lock, {"id": ids[0]})
            comparison = pool.submit(compared, service)
            while not waiting(service) and not comparison.done():
                time.sleep(0.005)
            for each in ids[1:]:
                worker.execute(lock, {"id": each})
        found = comparison.result()

    assert [each.text for each in found] == ["the card differs in state"] * 6


def test_card_of_a_template_that_is_not_here(
    ann: Holder, settings: Settings, another: Callable[[Settings], Service], tmp_path: Path
) -> None:
    """Cards whose template this process does not know are not taken for missing."""
    folder = copied_template(tmp_path / "other", 'code = "points"', 'code = "other"', file="program.toml")
    (folder / "points").rename(folder / "other")
    apart = another(settings.model_copy(update={"templates": folder}))
    apart.clock.on(minutes=1)  # type: ignore[attr-defined]

    assert compared(apart) == []
    assert ann.row()["sent"] == 1
