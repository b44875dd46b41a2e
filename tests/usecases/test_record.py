"""Entering events: in any order, any number of times, the books end where the orders' last state says."""

from collections.abc import Callable
from pathlib import Path

import books
import pytest
from actors import START
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from town import Town, rules

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.event import (
    ActivityDone,
    Customer,
    Event,
    Fact,
    MemberEnrolled,
    MemberUpdated,
    OrderPaid,
    OrderRefunded,
    PointsAdjusted,
    content_hash,
)
from wallet_service.usecases.connect import connect
from wallet_service.usecases.receive import receive, source_of
from wallet_service.wiring import Service, build

ROOT = Path(__file__).parent.parent.parent
WHO = Customer(id="ann")
FACTS: tuple[tuple[str, Fact], ...] = (
    ("member.enrolled", MemberEnrolled(WHO, "Ann", "en")),
    ("order.paid", OrderPaid(WHO, "a", "EUR", 10_000)),
    ("order.paid", OrderPaid(WHO, "a", "EUR", 10_000)),
    ("order.refunded", OrderRefunded("a", 3_000)),
    ("order.refunded", OrderRefunded("a", 7_000, WHO)),
    ("order.refunded", OrderRefunded("a", 5_000)),
    ("order.paid", OrderPaid(WHO, "b", "EUR", 999)),
    ("order.refunded", OrderRefunded("b", 999)),
)
STANDING = """
    SELECT available, qualifying FROM balances JOIN members ON members.id = member_id WHERE external_id = :id
"""
BALANCE = 30  # order a keeps 30 of its 100 points, order b none of its 9


@pytest.fixture
def trial(engine: Engine, identity: Identity, tmp_path: Path) -> "Trial":
    """A service on which one customer after another lives through the same events in another order."""
    settings = Settings(data_folder=tmp_path, templates=ROOT / "pass_templates")
    return Trial(build(settings, clock=lambda: START, engine=engine, identity=identity))


class Trial:
    """Posts facts to a fresh shop each time, so that no run sees another's orders."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.runs = 0

    def post(self, order: list[int]) -> tuple[int, int]:
        """Post the facts in this order to a fresh programme member and return balance and way to a tier."""
        self.runs += 1
        who = Customer(id=f"{WHO.id} {self.runs}")
        with self.service.begin() as tx:
            template = self.service.template("points")
            connect(tx, vault=self.service.vault, template=template, name=f"shop {self.runs}", now=START)
            source = source_of(tx, dialect="standard", name=f"shop {self.runs}")
        for number in order:
            kind, fact = FACTS[number]
            if fact.customer:
                fact = type(fact)(**{**{name: getattr(fact, name) for name in fact.__slots__}, "customer": who})
            event = Event(f"evt {number}", kind, content_hash(kind, fact), START, b"", fact)
            receive(
                self.service.begin,
                source=source,
                template=template,
                event=event,
                pass_type_identifier=self.service.identity.pass_type_identifier,
                vault=self.service.vault,
                now=START,
            )
        with self.service.begin() as tx:
            found = tx.execute(
                text(STANDING),
                {"id": who.id},
            ).one()
        return found.available, found.qualifying


everything = st.lists(st.sampled_from(range(len(FACTS))), max_size=6).flatmap(
    lambda again: st.permutations([*range(len(FACTS)), *again])
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=everything)
def test_any_order_and_repetition_ends_the_same(trial: Trial, order: list[int]) -> None:
    """Orders before their customer, refunds before their order, everything twice: the same balance, the same tier."""
    assert trial.post(list(order)) == (BALANCE, BALANCE)
    assert books.faults(trial.service) == []


@pytest.mark.soak
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=everything)
def test_many_more_orders_end_the_same(trial: Trial, order: list[int]) -> None:
    """The same search, deeper."""
    assert trial.post(list(order)) == (BALANCE, BALANCE)
    assert books.faults(trial.service) == []


def test_spent_points_are_forgiven_when_an_order_comes_back(service: Service) -> None:
    """Where a programme does not go below zero, a refund takes what is left and forgives the rest."""
    trial = Trial(service)
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=service.template("points"), name="till", now=START)
        source = source_of(tx, dialect="standard", name="till")
    story: list[tuple[str, Fact]] = [
        ("member.enrolled", MemberEnrolled(WHO, None, None)),
        ("order.paid", OrderPaid(WHO, "a", "EUR", 10_000)),
        ("points.adjusted", PointsAdjusted(WHO, -80, "till", "spent on a voucher")),
        ("order.refunded", OrderRefunded("a", 10_000)),
    ]
    for number, (kind, fact) in enumerate(story):
        event = Event(f"evt {number}", kind, content_hash(kind, fact), START, b"", fact)
        answer = receive(
            service.begin,
            source=source,
            template=service.template("points"),
            event=event,
            pass_type_identifier=service.identity.pass_type_identifier,
            vault=service.vault,
            now=START,
        ).answer

    assert (answer["balance"], answer["points"], answer["tier"]) == (0, -20, "page")
    with trial.service.begin() as tx:
        query = """SELECT kind, sum(points) FROM ledger_entries JOIN ledger_accounts ON ledger_accounts.id = account_id
                   GROUP BY kind HAVING sum(points) <> 0"""
        assert dict(tx.execute(text(query)).all()) == {"adjustment": 80, "forgiven": -80}  # type: ignore[arg-type]


@pytest.mark.parametrize("start", ["immediately", "next_order"])
def test_an_order_earns_by_the_tier_before_it(town: Callable[[str], Town], start: str) -> None:
    """The purchase that reaches a tier earns by the old one and the next by the new one, whichever word says so."""
    tiers = f"""
        tier_multiplier = {{ low = "1", high = "2" }}
        [tiers]
        measure = "spend"
        start = "{start}"
        [[tier]]
        code = "low"
        name = "Low"
        threshold = 0
        [[tier]]
        code = "high"
        name = "High"
        threshold = 5000
    """
    here = town(rules(more=tiers))
    here.enrol()
    answers = [here.buy(6000, order=order) for order in ("a", "b")]
    assert [(each["points"], each["tier"]) for each in answers] == [(60, "high"), (120, "high")]


PROFILE = """
    [[earning_rule]]
    code = "profile"
    on = "member.profile_completed"
    points = 50
"""


def test_a_profile_that_is_complete_earns_once(town: Callable[[str], Town]) -> None:
    """The last of name, language and birthday brings it, and nothing does again: no other name, no filled gap."""
    here = town(rules(more=PROFILE))
    assert here.enrol(name="Ann")["points"] == 0
    told = (
        (MemberUpdated(WHO, locale="en"), 0),
        (MemberUpdated(WHO, birthday=(6, 1)), 50),
        (MemberUpdated(WHO, name="Anna"), 0),
        (MemberUpdated(WHO, cleared=("birthday",)), 0),
        (MemberUpdated(WHO, birthday=(6, 2)), 0),
        (ActivityDone(WHO, "member.profile_completed"), 0),
    )
    kinds = [
        "activity.member.profile_completed" if isinstance(fact, ActivityDone) else "member.updated" for fact, _ in told
    ]
    assert [here.say(kind, fact)["points"] for kind, (fact, _) in zip(kinds, told, strict=True)] == [
        points for _, points in told
    ]


def test_a_profile_may_be_complete_from_the_beginning(town: Callable[[str], Town]) -> None:
    """Who enrols with all of it has it at once; who is told to have done it gets no more for the profile."""
    here = town(rules(more=PROFILE))
    assert here.enrol(name="Ann", locale="en", birthday=(6, 1))["points"] == 50
    here.enrol("bob")
    bob = Customer(id="bob")
    done = [
        here.say("activity.member.profile_completed", ActivityDone(bob, "member.profile_completed")) for _ in range(2)
    ]
    assert [each["points"] for each in done] == [50, 0]
    assert here.say("member.updated", MemberUpdated(bob, name="Bob", locale="en", birthday=(1, 2)))["points"] == 0


def test_no_programme_notes_profiles_that_waits_for_none(town: Callable[[str], Town]) -> None:
    """Where no rule names it, a complete profile is nothing to keep."""
    here = town(rules())
    here.enrol(name="Ann", locale="en", birthday=(6, 1))
    assert here.rows("SELECT count(*) FROM award_uses") == [(0,)]
