"""All that is projected can be dropped and made anew from the append-only tables, equal to the last byte."""

from collections.abc import Callable
from functools import partial
from typing import Any

import books
import pytest
from actors import Clock
from history import LIVING, RULES, TIERS, Story, live, with_rules
from sqlalchemy import text

from wallet_service.domain.event import Customer
from wallet_service.usecases import audit
from wallet_service.usecases.erase import erase
from wallet_service.usecases.merge import merge
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.usecases.redeem import cancel
from wallet_service.wiring import Service

PROJECTIONS = {
    "lot_balances": "lot_id",
    "expiry_days": "member_id, expires_at",
    "open_holds": "hold_id",
    "qualification_days": "member_id, day",
    "balances": "member_id",
    "cards": "id",
}
FREE = {"measure": "spend", "window": "rolling_12_months"}
DAMAGES = (
    "UPDATE balances SET movements = '[]'",
    "UPDATE lot_balances SET available = available + 1",
    "UPDATE lot_balances SET member_id = (SELECT max(id) FROM members)",
    "UPDATE lot_balances SET expires_at = 'epoch', activates_at = NULL, pending = 3",
    "DELETE FROM lot_balances",
    "UPDATE expiry_days SET available = available + 1",
    "DELETE FROM expiry_days",
    "INSERT INTO expiry_days SELECT id, '2030-01-01', 5 FROM members",
    "INSERT INTO open_holds SELECT id, member_id, expires_at FROM holds ON CONFLICT DO NOTHING",
    "DELETE FROM open_holds",
    "UPDATE qualification_days SET spend = spend - 1, points = 0, orders = 9, referrals = 2",
    "DELETE FROM qualification_days",
    "DELETE FROM balances WHERE member_id = (SELECT min(id) FROM members)",
    "UPDATE balances SET available = 1000000, pending = 5, held = 5",
    "UPDATE balances SET active_at = NULL, spend_total = 1, earned_total = 2, orders_total = 3, referrals_total = 4",
    "UPDATE balances SET tier = 'novel', tier_since = '2020-01-01', tier_until = NULL, tier_manual = true",
    "UPDATE balances SET tier = NULL, due_at = NULL",
    "UPDATE balances SET tier_measured_to = '2020-01-01', tier_floor = 'novel', tier_floor_until = '2099-01-01'",
    "UPDATE balances SET paid_until = '2020-01-01', dying = 5, dying_on = '2020-01-01', due_at = NULL",
    "UPDATE balances SET rewards = '{bag}', qualifying = 3, program_version = 9, tier_last_day = '2020-01-01'",
)


@pytest.fixture(params=["with days and dates", "with events and activity"])
def lived(request: pytest.FixtureRequest, service: Service, clock: Clock) -> Service:
    """A service whose members have lived through everything that moves points, up to now."""
    rules = RULES if request.param == "with days and dates" else LIVING
    service = with_rules(service, rules)
    story = Story(service, clock)
    live(story)
    story.settle("ann", "bob")
    return service


def dump(service: Service) -> dict[str, list[Any]]:
    """Return every column of every projection."""
    with service.read() as tx:
        return {
            table: [tuple(row) for row in tx.execute(text(f"SELECT * FROM {table} ORDER BY {key}"))]
            for table, key in PROJECTIONS.items()
        }


def kinds(service: Service) -> set[str]:
    """Return the types of all transactions."""
    with service.read() as tx:
        return set(tx.execute(text("SELECT type FROM ledger_transactions")).scalars())


def rebuild(service: Service) -> tuple[int, int]:
    """Make everything anew."""
    return audit.rebuild(service.begin, service.in_force, now=service.clock())


def test_a_sound_database_is_made_anew_as_it_was(lived: Service, clock: Clock) -> None:
    """Made anew right away, and days later while the calendar brings nothing, not a byte is another one."""
    before = dump(lived)
    assert {"earn", "activate", "hold", "redeem", "hold_void", "hold_expire", "redeem_reversal", "expire"} <= kinds(
        lived
    )
    assert {table for table, rows in before.items() if not rows} <= {"expiry_days"}  # no lot has a date of its own
    assert books.faults(lived) == []
    assert rebuild(lived) == (0, 0)
    assert dump(lived) == before

    clock.on(hours=1)
    assert rebuild(lived) == (0, 0)
    assert dump(lived) == before


def test_damage_is_found_and_mended(lived: Service) -> None:
    """Whatever is done to a projection is named, and is as before once made anew."""
    before = dump(lived)
    damages = [
        each for each in DAMAGES if before["expiry_days"] or ("UPDATE expiry" not in each and "M expiry" not in each)
    ]
    for damage in damages:
        with lived.begin() as tx:
            tx.execute(text(damage))
        assert dump(lived) != before, damage
        assert books.faults(lived), damage

        changed, _ = rebuild(lived)
        assert changed in (1, 2), damage
        assert dump(lived) == before, damage
        assert books.faults(lived) == [], damage


def test_months_that_are_over_bring_no_gift_once_more(service: Service, clock: Clock) -> None:
    """What is given once a month was given or not when the month began; made anew, nothing is given for it."""
    monthly = {"code": "pledge", "kind": "donation", "cost": 30, "auto": "monthly", "default": "trees"}
    causes = [{"code": "trees", "name": "Trees"}]
    story = Story(with_rules(service, {"tier": TIERS, "tiers": FREE, "reward": [monthly], "cause": causes}), clock)
    story.enrol("ann")
    story.buy("ann", "a1", 50_000)
    before = dump(story.service)
    assert rebuild(story.service) == (0, 0)
    assert dump(story.service) == before

    clock.on(days=40)
    story.settle("ann")
    before = dump(story.service)
    assert kinds(story.service) == {"earn", "redeem"}
    assert rebuild(story.service) == (0, 0)
    assert dump(story.service) == before


def done(story: Story, act: Callable[..., Any], **asked: Any) -> Any:
    """Do an operation, and return its answer."""
    rules = story.service.in_force.of_source(story.source)
    program = OpenProgram(story.source.program_id, rules, story.service.vault)
    how: dict[str, Any] = {"kind": act.__name__, "content": {}, "actor": "a person", "now": story.clock()}
    key = f"key {next(story.ids)}"
    return operate(story.service.begin, program=program, key=key, act=partial(act, **asked), **how).answer


def test_what_came_by_itself_and_was_taken_back_is_not_given_once_more(service: Service, clock: Clock) -> None:
    """Its points would do for it again, and it waits for what happens next to the member: making anew is nothing."""
    treat = {"code": "treat", "kind": "product", "cost": 300, "auto": True, "code_valid": "P30D"}
    story = Story(with_rules(service, {"reward": [treat]}), clock)
    story.enrol("ann")
    story.buy("ann", "a1", 40_000)
    with service.read() as tx:
        given = tx.execute(text("SELECT public_id FROM redemptions")).scalar_one()
    done(story, cancel, redemption=given, reason="not wanted")
    before = dump(story.service)
    assert rebuild(story.service) == (0, 0)
    assert dump(story.service) == before


@pytest.mark.parametrize("end", [erase, merge])
def test_whoever_is_no_more_is_left_as_they_were(service: Service, clock: Clock, end: Callable[..., Any]) -> None:
    """The calendar goes on without the erased and the merged, and so do the books that are made anew and looked at."""
    rules: dict[str, Any] = {
        "points": {"pending": {"mode": "days", "days": 5}, "expiry": {"mode": "rolling", "period": "P3M"}},
        "tiers": FREE | {"valid": "P6M"},
        "tier": TIERS,
    }
    story = Story(with_rules(service, rules), clock)
    for name in ("ann", "bob"):
        story.enrol(name)
        story.buy(name, f"of {name}", 60_000)
        story.adjust(name, 30)
    if end is erase:
        assert done(story, erase, customer=Customer(id="ann"))["points"] == 630  # those that were pending, too
    else:
        done(story, merge, merged=Customer(id="ann"), survivor=Customer(id="bob"), reason="one person")
    story.refund("of ann", 10_000)
    for days in (0, 10, 400):
        clock.on(days=days)
        story.settle("bob")
        before = dump(story.service)
        assert books.faults(story.service) == []
        assert rebuild(story.service) == (0, 0)
        assert dump(story.service) == before
