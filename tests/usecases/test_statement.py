"""Every point of a member is explained, and what the books make of it can be checked and made anew."""

import csv
import json
from datetime import date, timedelta

import books
import pytest
from actors import START, Clock, Shop
from click.testing import CliRunner
from history import LIMITED, PURCHASE, RULES, Story, campaign, live, with_rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_actors import program, till, who
from sqlalchemy import text

from wallet_service.cli import main
from wallet_service.domain.errors import UnknownCard
from wallet_service.domain.event import ActivityDone, OrderPaid, OrderUpdated
from wallet_service.usecases import audit
from wallet_service.usecases.serve import card_or_member
from wallet_service.usecases.statement import Part, Statement, statement
from wallet_service.wiring import Service


def said(service: Service, name: str) -> Statement:
    """The statement of a member, by our id or the card's serial number."""
    with service.read() as tx:
        found = card_or_member(tx, name)
        return statement(tx, found.member, service.template(found.template).program)


def test_every_point_has_its_reason(service: Service, shop: Shop, clock: Clock) -> None:
    """A purchase names rule and order, a correction the person and the reason; the last balance is the member's."""
    enrolled = shop.enrol("ann")
    shop.buy(8_040, order="o1")
    clock.on(days=1)
    shop.refund(4_000, order="o1")
    told = shop.adjust(5)
    lines = said(service, enrolled["member_id"]).lines

    assert said(service, enrolled["member_id"]) == said(service, enrolled["serial_number"])
    assert [(each.type, each.points, each.balance, each.qualifying) for each in lines] == [
        ("earn", 80, 80, 80),
        ("earn_reversal", -40, 40, -40),
        ("adjust", 5, 45, 0),
    ]
    assert [(each.rule, each.order_id, each.actor, each.reason) for each in lines] == [
        ("purchase", "o1", None, None),
        ("purchase", "o1", None, None),
        (None, None, "till 3", "complaint"),
    ]
    assert [each.parts for each in lines] == [(Part("purchase", "rule", "402/5"),), (), ()]
    assert [each.at for each in lines] == [START, START + timedelta(days=1), START + timedelta(days=1)]
    assert {(each.source, each.cause) for each in lines} == {("shop", "event")}
    assert lines[-1].balance == told["balance"]


def test_every_point_lies_in_a_lot(service: Service, clock: Clock) -> None:
    """Each line names the lots that it opened or took from; what all lines left in a lot is what is in it now."""
    service = with_rules(service, RULES)
    story = Story(service, clock)
    live(story)
    story.settle("ann", "bob")
    with service.read() as tx:
        names = tx.execute(text("SELECT public_id FROM members")).scalars().all()
    for name in names:
        statement = said(service, name)
        left: dict[int, list[int]] = {}
        for line in statement.lines:
            moved = [sum(getattr(each, bucket) for each in line.lots) for bucket in ("pending", "held")]
            assert moved == [line.pending, line.held]
            for each in line.lots:
                opened = left.setdefault(each.lot, [0, 0, 0])
                left[each.lot] = [opened[0] + each.pending, opened[1] + each.available, opened[2] + each.held]
        assert {lot: buckets for lot, buckets in left.items() if any(buckets)} == {
            each.lot: [each.pending, each.available, each.held] for each in statement.lots
        }
        assert sum(each.available for each in statement.lots) == max(statement.lines[-1].balance, 0)

    lines = [line for name in names for line in said(service, name).lines]
    calendar = {each.type for each in lines if each.cause == "calendar"}
    assert calendar >= {"activate", "expire", "hold_expire"}
    earned = next(each for each in lines if each.order_id == "a1" and each.type == "earn")
    assert [(each.opened, each.pending, each.dies_on) for each in earned.lots] == [(True, 300, date(2026, 9, 30))]
    assert all(line.posted_at >= line.at for line in lines)


@pytest.mark.parametrize("form", ["table", "json", "csv", "lots"])
def test_the_command_says_the_same(service: Service, shop: Shop, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """As a table, JSON or CSV the command names rule, order, lot and person, and no cell begins like a formula."""
    enrolled = shop.enrol("ann")
    shop.buy(8_040, order="o1")
    shop.answer("points.adjusted", {"customer": {"id": "ann"}, "points": 5, "actor": "=cmd", "reason": "@complaint"})
    monkeypatch.setenv("WALLET_DATABASE_URL", service.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("WALLET_DATA_FOLDER", str(service.settings.data_folder))
    monkeypatch.setenv("WALLET_TEMPLATES", str(service.settings.templates))
    options = ["--format", "csv", "--lots"] if form == "lots" else ["--format", form]
    done = CliRunner().invoke(main, ["statement", enrolled["member_id"], *options])

    assert done.exit_code == 0, done.output
    if form == "csv":
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert [(row["rule"], row["order_id"], row["actor"], row["reason"]) for row in rows] == [
            ("purchase", "o1", "", ""),
            ("", "", "'=cmd", "'@complaint"),
        ]
        assert rows[0]["lots"].startswith("opens lot")
    elif form == "lots":
        assert [row["available"] for row in csv.DictReader(done.stdout.splitlines())] == ["80", "5"]
    elif form == "json":
        told = json.loads(done.stdout)
        assert [each["points"] for each in told["lines"]] == [80, 5]
        assert [each["available"] for each in told["lots"]] == [80, 5]
    else:
        assert "order o1" in done.stdout
        assert "80 can be spent of 80" in done.stdout


def test_what_did_not_count_is_told(service: Service, clock: Clock) -> None:
    """A campaign beyond its limit or budget, and what an order's cap took, stand beside what counted."""
    here = till(service, clock, program("limited", **LIMITED))
    here.enrol("ann")
    for number, minor in enumerate((2_000, 3_000, 20_000)):
        here.buy(minor, order=f"o{number}")
    with service.read() as tx:
        lines = statement(tx, here.member(), here.rules).lines
    assert [each.points for each in lines] == [45, 30, 100]
    lost = [[(each.code, each.reason) for each in line.refused] for line in lines]
    over = [("double", "limit_reached"), ("spring", "budget_spent")]
    assert lost == [[], over, [("cap", "capped"), *over]]


def test_deeds_and_prizes_are_explained_like_purchases(service: Service, clock: Clock) -> None:
    """What a tier, a campaign or a challenge adds to a deed stands in the books beside what the deed gives itself."""
    review = {"code": "review", "on": "review.created", "points": 50, "tier_multiplier": {"vip": "1.5"}}
    double = {"code": "double", "kind": "multiplier", "factor": "2", "rules": ["review"]}
    goal = {"event": "review.created", "times": 2, "within": "P30D"}
    critic = {"code": "critic", "kind": "challenge", "points": 7, "goal": goal}
    tiers = {
        "tiers": {"measure": "spend", "window": "lifetime", "valid": "forever"},
        "tier": [{"code": "base", "name": "Base", "threshold": 0}, {"code": "vip", "name": "VIP", "threshold": 1000}],
    }
    here = till(service, clock, program("critics", earning_rule=[PURCHASE, review], campaign=[double, critic], **tiers))
    here.enrol("ann")
    here.buy(2_000, order="o1")
    for number in range(2):
        here.tell("review.created", ActivityDone(who(), "review.created", {"number": number}))
    with service.read() as tx:
        _, _, deed, prize = statement(tx, here.member(), here.rules).lines
    assert (deed.points, deed.rule) == (125, "review+double")
    assert deed.parts == (Part("review", "rule", "50"), Part("vip", "tier", "25"), Part("double", "campaign", "50"))
    assert (prize.points, prize.parts) == (7, (Part("critic", "campaign", "7"),))


def test_a_line_tells_what_was_known_when_it_was_posted(service: Service, clock: Clock) -> None:
    """An order that grows is evaluated again, and the line of its first evaluation goes on to tell of that."""
    here = till(service, clock, program("growing", campaign=[campaign("double", factor="2")]))
    here.enrol("ann")
    for minute, minor in enumerate((1_000, 2_500)):
        paid = OrderPaid(who(), "o1", "EUR", minor)
        here.tell("order.updated", OrderUpdated("o1", clock() + timedelta(minutes=minute), who(), paid))
    with service.read() as tx:
        lines = statement(tx, here.member(), here.rules).lines
    shares = [[(each.code, each.points) for each in line.parts] for line in lines]
    assert [each.points for each in lines] == [20, 30]
    assert shares == [[("purchase", "10"), ("double", "10")], [("purchase", "25"), ("double", "25")]]


def test_part_of_a_statement_is_a_slice_of_it(service: Service, clock: Clock) -> None:
    """The newest lines before some have the same balances and lots as among all."""
    service = with_rules(service, RULES)
    story = Story(service, clock)
    live(story)
    with service.read() as tx:
        (name, *_) = tx.execute(text("SELECT public_id FROM members ORDER BY id")).scalars()
        found = card_or_member(tx, name)
        program = service.template(found.template).program
        whole = statement(tx, found.member, program)
        newest = whole.lines[::-1]
        assert whole.total == len(newest) > 4
        for most, skip in ((1, 0), (3, 0), (2, 2), (2, len(newest) - 1), (5, len(newest))):
            part = statement(tx, found.member, program, most=most, skip=skip)
            assert part.lines[::-1] == newest[skip : skip + most]
            assert (part.lots, part.total) == (whole.lots, whole.total)


def test_unknown_member_is_refused(service: Service) -> None:
    """Neither an id nor a serial number that is nobody's has a statement."""
    for name in ("mem_nobody", "nobody"):
        with pytest.raises(UnknownCard):
            said(service, name)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(0, 90_000), st.integers(0, 3)),
        st.tuples(st.just("refund"), st.integers(0, 90_000), st.integers(0, 3)),
        st.tuples(st.just("adjust"), st.integers(1, 500), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_statement_and_balance_agree(service: Service, shop: Shop, acts: list[tuple[str, int, int]]) -> None:
    """After any events the last balance is the member's, the books are sound, and making anew changes nothing."""
    check_statement(service, shop, acts)


@pytest.mark.soak
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_many_more_statements_and_balances_agree(
    service: Service, shop: Shop, acts: list[tuple[str, int, int]]
) -> None:
    """The same search, deeper."""
    check_statement(service, shop, acts)


def check_statement(service: Service, shop: Shop, acts: list[tuple[str, int, int]]) -> None:
    """Let a new member do all that, and compare statement, balance and books."""
    who = f"member {next(shop.ids)}"
    told = shop.enrol(who)
    for act, amount, number in acts:
        order = f"{who} {number}"
        if act == "buy":
            told = shop.buy(amount, order=order, customer=who)
        elif act == "refund":
            shop.refund(amount, order=order)
        else:
            told = shop.adjust(amount, customer=who)
    with service.read() as tx:
        found = card_or_member(tx, told["member_id"])
        lines = statement(tx, found.member, service.template("points").program).lines

    assert sum(each.points for each in lines) == found.member.standing.balance == (lines[-1].balance if lines else 0)
    assert sum(each.qualifying for each in lines) == found.member.standing.qualifying
    assert books.faults(service) == []
    assert audit.rebuild(service.begin, service.in_force, now=service.clock()) == (0, 0)


def test_tampering_is_named_and_mended(service: Service, shop: Shop) -> None:
    """A balance and a card that somebody changed are found, and made from the entries again; the entries stay."""
    enrolled = shop.enrol("ann")
    shop.buy(8_040, order="o1")
    with service.begin() as tx:
        tx.execute(text("UPDATE balances SET available = 1000000, qualifying = 7"))
    member = f"member {enrolled['member_id']}"
    assert books.faults(service) == [
        f"{member}: its available is not what the books make: 1000000 instead of 80",
        f"{member}: its qualifying is not what books, rules and calendar make: 7 instead of 80",
        enrolled["serial_number"],
    ]

    assert audit.rebuild(service.begin, service.in_force, now=service.clock()) == (1, 0)
    assert books.faults(service) == []
    with service.begin() as tx:
        tx.execute(text("UPDATE cards SET face_digest = '\\x00'"))
    assert audit.rebuild(service.begin, service.in_force, now=service.clock()) == (0, 1)
    assert books.faults(service) == []
    assert [each.points for each in said(service, enrolled["serial_number"]).lines] == [80]
