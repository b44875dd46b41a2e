"""Each law of the books, broken behind the database's own guards, is found and named at its place."""

import itertools
from datetime import timedelta

import books
import pytest
from actors import Clock
from history import LIVING, PURCHASE, RULES, Story, campaign, live, published, with_rules
from ledger_actors import Till, program, till, who
from sqlalchemy import text

from wallet_service.domain.event import ActivityDone, OrderFulfilled, OrderPaid, OrderUpdated
from wallet_service.storage import migrate
from wallet_service.usecases import audit
from wallet_service.wiring import Service

# What is done behind the guards, whose id names the place, and what is said of it.
OF_TYPE = "SELECT id FROM ledger_transactions WHERE type = '{}' ORDER BY id LIMIT 1"
BREACHES = (
    (
        "UPDATE ledger_entries SET points = points + 1 WHERE points > 0 AND transaction_id = :id",
        OF_TYPE.format("earn"),
        "transaction {}: its entries do not sum to zero: 1 instead of 0",
    ),
    (
        "UPDATE ledger_entries SET points = points + 1 WHERE points > 0 AND transaction_id = :id",
        OF_TYPE.format("earn"),
        "all entries of the programme points do not sum to zero: 1 instead of 0",
    ),
    ("DELETE FROM ledger_entries WHERE transaction_id = :id", OF_TYPE.format("adjust"), "{}: it has no entries"),
    (
        """UPDATE ledger_entries SET account_id = (
               SELECT id FROM ledger_accounts WHERE kind = 'available' AND member_id = (SELECT max(id) FROM members)
           ) WHERE points > 0 AND transaction_id = :id""",
        OF_TYPE.format("activate"),
        "transaction {}: an entry is on the account of another member",
    ),
    (
        "UPDATE lot_allocations SET delta = delta + 1 WHERE lot_id = :id AND bucket = 'pending'",
        "SELECT min(id) FROM lots",
        "lot {}, transaction",
    ),
    ("UPDATE lots SET points = points + 1 WHERE id = :id", "SELECT min(id) FROM lots", "do not sum to its points"),
    (
        "UPDATE lot_allocations SET delta = 9 * delta WHERE transaction_id = :id",
        OF_TYPE.format("expire"),
        "transaction {}: its bucket available falls below zero",
    ),
    (
        "DELETE FROM lot_allocations WHERE transaction_id = :id",
        OF_TYPE.format("hold"),
        "the account held is not what its lots hold",
    ),
    (
        "DELETE FROM lot_allocations WHERE transaction_id = :id",
        OF_TYPE.format("expire"),
        "the account available is not what its lots hold",
    ),
    (
        "UPDATE hold_outcomes SET points = 1000 WHERE transaction_id = :id",
        OF_TYPE.format("redeem"),
        "the hold hold_1 captured more than it held: 1000 instead of 100",
    ),
    (
        "UPDATE hold_outcomes SET points = 10 WHERE transaction_id = :id",
        OF_TYPE.format("hold_void"),
        "the hold hold_2 was given up and captured points all the same: 10 instead of 0",
    ),
    (
        "DELETE FROM hold_outcomes WHERE transaction_id = :id",
        OF_TYPE.format("hold_expire"),
        "is not what is set apart in lots: 0 instead of",
    ),
    (
        "UPDATE lots SET expires_at = '2026-06-02'",
        OF_TYPE.format("hold"),
        "transaction {}: it takes points that had died: 2026-06-24 10:00:00+00:00 instead of 2026-06-02 00:00:00+00:00",
    ),
    (
        "UPDATE balances SET due_at = NULL WHERE due_at IS NOT NULL",
        "SELECT 0",
        "the calendar comes too late: never instead of",
    ),
    (
        "UPDATE membership_terms SET ends_on = '2030-01-01' WHERE kind = 'cancelled'",
        "SELECT 0",
        "its paid membership is not what the books make",
    ),
    ("DELETE FROM tier_changes WHERE id > :id", "SELECT min(id) FROM tier_changes", "its tier is not what the books"),
)


@pytest.fixture
def lived(service: Service, clock: Clock) -> Service:
    """A service whose members have lived through everything that moves points."""
    service = with_rules(service, RULES)
    live(Story(service, clock))
    return service


def test_each_breach_is_named(lived: Service) -> None:
    """Whatever law is broken, the member, lot or transaction is named with what is said and what should be."""
    for breach, place, said in BREACHES:
        with lived.engine.connect() as tx:
            found = tx.execute(text(place)).scalar_one()
            tx.execute(text("SET LOCAL session_replication_role = replica"))
            tx.execute(text(breach), {"id": found})
            named = [str(each) for each in audit.audit(tx, lived.in_force, most=99).differences]
            tx.rollback()
        assert any(said.format(found) in each for each in named), (breach, named)
    assert books.faults(lived) == []


def test_each_check_names_a_few(lived: Service) -> None:
    """However much is wrong, no check names more than was asked for."""
    with lived.engine.connect() as tx:
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        tx.execute(text("UPDATE ledger_entries SET points = points + 1"))
        found = audit.audit(tx, lived.in_force, most=2).differences
        tx.rollback()
    said = [each.what for each in found]
    assert said.count("its entries do not sum to zero") == 2


def test_a_life_is_sound_under_other_rules(service: Service, clock: Clock, lived: Service) -> None:
    """From the day on from which activity keeps points alive, whoever goes on as before does nothing wrong."""
    assert books.faults(lived) == []
    living = published(with_rules(service, LIVING))
    story = Story(living, clock, itertools.count(1000))
    story.buy("ann", "a5", 30_000)
    story.tell("order.fulfilled", OrderFulfilled("a5"))
    story.hold("ann", 200, "hold_6")
    clock.on(days=1)
    story.adjust("ann", -60)
    with living.read() as tx:
        found = audit.audit(tx, living.in_force, most=9)
    assert (found.differences, found.unchecked) == ((), ())


def spent(service: Service, clock: Clock) -> Till:
    """Return a till of a programme in which orders, a deed and a challenge have drawn on budgets."""
    review = {"code": "review", "on": "review.created", "points": 50}
    budget = {"budget": {"points": 1_000}}
    goal = {"event": "review.created", "times": 2, "within": "P30D"}
    critic = {"code": "critic", "kind": "challenge", "points": 7, "goal": goal}
    campaigns = [
        campaign("double", factor="2", rules=["purchase", "review"]) | budget,
        critic | {"budget": {"points": 8, "stock": 5}},
    ]
    here = till(service, clock, program("spent", earning_rule=[PURCHASE, review], campaign=campaigns))
    here.enrol("ann")
    for number in range(2):
        here.tell("review.created", ActivityDone(who(), "review.created", {"number": number}))
    for minute, minor in enumerate((1_000, 3_000, 2_000)):
        paid = OrderPaid(who(), "o1", "EUR", minor)
        here.tell("order.updated", OrderUpdated("o1", clock() + timedelta(minutes=minute), who(), paid))
    here.buy(500, order="o2")
    here.refund(500, order="o2")
    return here


def test_budgets_are_what_was_given_of_them(service: Service, clock: Clock) -> None:
    """Orders as they stand now, deeds and prizes explain what each campaign has given; anything else is named."""
    here = spent(service, clock)
    assert books.faults(service) == []
    for change, said in (
        ("UPDATE campaign_states SET points = points + 1 WHERE code = 'double'", "126 points, 4 times instead of 125"),
        ("UPDATE campaign_states SET claims = claims - 1 WHERE code = 'critic'", "7 points, 0 times instead of 7 poin"),
        (
            "UPDATE ledger_transactions SET award = award - 'spent' WHERE award ? 'spent'",
            "instead of 0 points, 0 times",
        ),
    ):
        with service.engine.connect() as tx:
            tx.execute(text("SET LOCAL session_replication_role = replica"))
            tx.execute(text(change))
            named = [str(each) for each in audit.audit(tx, here.service.in_force, most=99).differences]
            tx.rollback()
        assert any("of the programme spent is not what was given" in each and said in each for each in named), named


def test_what_nothing_explains_is_left_as_it_was(service: Service, clock: Clock) -> None:
    """What deeds had taken of a budget before they kept it is taken for granted from then on, and no more than that."""
    spent(service, clock)
    migrate.downgrade(service.engine, "0024")
    migrate.upgrade(service.engine)
    with service.read() as tx:
        kept = "SELECT code, points_before, claims_before FROM campaign_states ORDER BY code"
        assert [tuple(row) for row in tx.execute(text(kept))] == [("critic", 7, 1), ("double", 100, 2)]
    assert books.faults(service) == []


def test_what_deeds_and_prizes_explain_stays_explained(service: Service, clock: Clock) -> None:
    """Where the tables went back by no more than the budgets' own, what transactions tell is not taken for granted."""
    spent(service, clock)
    migrate.downgrade(service.engine, "0026")
    migrate.upgrade(service.engine)
    assert books.faults(service) == []
