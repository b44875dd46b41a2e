"""Versions of a programme: which rules count for what, and that new ones move tiers and cards but no points."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from actors import START, Clock, Device, Shop, card_of, connected_shop
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from town import Ruled, Town
from town import rules as plain

from wallet_service.domain.errors import TemplateRefused
from wallet_service.domain.event import OrderFulfilled
from wallet_service.domain.file_model import parse, read
from wallet_service.domain.program import Program
from wallet_service.domain.program.differences import differences
from wallet_service.storage import programs
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.publish import publish, stale
from wallet_service.usecases.publish_program import preview, publish_program
from wallet_service.web import create_app
from wallet_service.wiring import Service

STARTERS = Path(__file__).parents[2] / "pass_templates"
EXAMPLES = Path(__file__).parents[1] / "programs"
EVENT, DAYS = '{ mode = "event", on = "order.fulfilled" }', '{ mode = "days", days = 14 }'
BOOKS = (
    "SELECT * FROM ledger_entries ORDER BY id",
    "SELECT * FROM ledger_transactions ORDER BY id",
    "SELECT * FROM lots ORDER BY id",
    "SELECT * FROM lot_allocations ORDER BY id",
    "SELECT * FROM lot_balances ORDER BY lot_id",
    "SELECT member_id, available, pending, held, earned_total, spend_total, orders_total FROM balances ORDER BY 1",
    "SELECT * FROM redemptions ORDER BY id",
)


def put_in_force(service: Service) -> int | None:
    """Publish the rules of the service's files and redraw the cards; return the number of the version."""
    with service.begin() as tx:
        (opened,) = programs.of_template(tx, "points")
        newer = publish_program(tx, opened, service.in_force, actor="ann", now=service.clock())
    list(publish(service.begin, service.in_force, "points", now=service.clock()))
    return newer.version if newer else None


def books(service: Service) -> list[Any]:
    """Return all that the books hold."""
    with service.read() as tx:
        return [[tuple(row) for row in tx.execute(text(query))] for query in BOOKS]


def tiers(service: Service) -> dict[str, str]:
    """Return the members' tiers by the merchant's own ids."""
    query = "SELECT external_id, tier FROM balances JOIN members ON members.id = member_id WHERE tier IS NOT NULL"
    with service.read() as tx:
        return {row.external_id: row.tier for row in tx.execute(text(query))}


def test_a_programme_begins_with_the_rules_of_its_files(service: Service, shop: Shop) -> None:
    """The first source opens the programme and publishes version 1; a second source publishes nothing more."""
    connected_shop(service, shop.client, "till")
    with service.read() as tx:
        (opened,) = programs.of_template(tx, "points")
        (version,) = programs.versions(tx, opened.id, newest=opened.version)
    assert opened.version == 1
    assert version.definition == (STARTERS / "points" / "program.toml").read_text()
    assert service.in_force.of_program(opened).version == service.template("points").version


def test_files_alone_change_nothing(shop: Shop, ruled: Ruled) -> None:
    """A service started with other rules goes on by those that were published."""
    generous = ruled(("points = 1\n", "points = 7\n"))
    shop.client = create_app(generous).test_client()
    shop.enrol()
    assert shop.buy(1000, order="a")["points"] == 10
    assert put_in_force(generous) == 2
    assert shop.buy(1000, order="b")["points"] == 70


def test_a_running_process_follows_at_once(service: Service, shop: Shop, ruled: Ruled) -> None:
    """Who publishes need tell nobody: another process takes the new rules with its next event."""
    shop.enrol()
    put_in_force(ruled(("points = 1\n", "points = 7\n")))
    assert shop.buy(1000, order="a")["points"] == 70
    with service.begin() as tx:
        assert stale(tx, service.in_force) == 0


def test_what_comes_late_earns_by_the_rules_of_its_day(shop: Shop, clock: Clock, ruled: Ruled) -> None:
    """An order is evaluated by the version in force when it was paid, keeps it, and stays by it when refunded."""
    shop.enrol()
    clock.on(days=1)
    tripled = ruled(("points = 1\n", "points = 3\n"))
    put_in_force(tripled)
    before, after = clock.now - timedelta(minutes=1), clock.now
    data = {"customer": {"id": "ann"}, "currency": "EUR", "eligible_minor": 1000}
    assert shop.post("order.paid", data | {"order_id": "late"}, at=before).get_json()["points"] == 10
    assert shop.post("order.paid", data | {"order_id": "new"}, at=after).get_json()["points"] == 30
    assert (
        shop.post("order.paid", data | {"order_id": "first"}, at=START - timedelta(days=1)).get_json()["points"] == 10
    )
    assert shop.refund(500, order="late")["points"] == -5
    with tripled.read() as tx:
        kept = tx.execute(text("SELECT order_id, program_version FROM orders ORDER BY id")).all()
    assert [tuple(each) for each in kept] == [("late", 1), ("new", 2), ("first", 1)]


def test_a_changed_order_keeps_the_version_of_its_first_evaluation(shop: Shop, clock: Clock, ruled: Ruled) -> None:
    """Also where it says that it was paid later than the rules were published that came after its evaluation."""
    shop.enrol()
    paid_at = clock.now + timedelta(days=2)
    data = {"order_id": "o", "customer": {"id": "ann"}, "currency": "EUR", "paid": True, "paid_at": paid_at.isoformat()}
    whole = {"version": clock.now.isoformat(), "eligible_minor": 1000}
    assert shop.post("order.updated", data | whole).get_json()["points"] == 10
    clock.on(days=1)
    put_in_force(ruled(("points = 1\n", "points = 3\n")))
    changed = {"version": clock.now.isoformat(), "eligible_minor": 4000}
    assert shop.post("order.updated", data | changed).get_json()["points"] == 30


@pytest.mark.parametrize(
    ("first", "second", "balances"),
    [(EVENT, DAYS, [(10, 20), (10, 20)]), (DAYS, EVENT, [(0, 30), (20, 10)])],
)
def test_what_waits_for_its_order_is_let_go_by_the_rules_of_its_day(
    town: Callable[[str], Town], ruled: Ruled, first: str, second: str, balances: list[tuple[int, int]]
) -> None:
    """Points that began to wait for an event go with it, and those that wait for a day do not, whatever came since."""
    here = town(plain(points=f"pending = {first}"))
    here.enrol()
    here.buy(1000, order="before")
    put_in_force(ruled(whole=plain(points=f"pending = {second}")))
    here.clock.on(days=1)
    here.buy(2000, order="since")
    for order, standing in zip(("before", "since"), balances, strict=True):
        here.say("order.fulfilled", OrderFulfilled(order))
        assert here.balances() == standing


def test_tiers_that_come_later_rank_by_what_was_done_before(service: Service, shop: Shop, ruled: Ruled) -> None:
    """A programme that begins with points alone gains tiers: balances stay, and everybody stands where they belong."""
    said = (STARTERS / "points" / "program.toml").read_text()
    plain = said[: said.index("[tiers]")]
    put_in_force(ruled(whole=plain))
    for customer, minor in (("ann", 60_000), ("bob", 12_000), ("cyd", 100)):
        shop.enrol(customer)
        shop.buy(minor, order=f"order of {customer}", customer=customer)
    assert tiers(service) == {}
    before = books(service)

    put_in_force(ruled())
    assert tiers(service) == {"ann": "novel", "bob": "chapter", "cyd": "page"}
    assert books(service) == before


def test_new_thresholds_move_members_and_their_cards(shop: Shop, device: Device, ruled: Ruled) -> None:
    """Publishing ranks everybody anew and gives a new revision to the cards that look otherwise, and to no other."""
    serials = {}
    for customer, minor in (("ann", 30_000), ("bob", 1_000)):
        serials[customer] = shop.enrol(customer)["serial_number"]
        shop.buy(minor, order=customer, customer=customer)
    lower = ruled(("threshold = 500", "threshold = 300"))
    revisions = {name: card_of(lower, serial).revision for name, serial in serials.items()}
    with lower.read() as tx:
        (opened,) = programs.of_template(tx, "points")
    *_, shown = preview(lower.begin, opened, lower.in_force, most=5, now=lower.clock())
    assert (shown.members, shown.points, dict(shown.moves)) == (2, 310, {("chapter", "novel"): 1})
    assert tiers(lower) == {"ann": "chapter", "bob": "page"}

    assert put_in_force(lower) == 2
    assert tiers(lower) == {"ann": "novel", "bob": "page"}
    assert card_of(lower, serials["ann"]).revision == revisions["ann"] + 1
    with lower.begin() as tx:
        assert stale(tx, lower.in_force) == 0
        causes = tx.execute(text("SELECT cause FROM tier_changes WHERE kind = 'upgraded' ORDER BY id")).scalars()
        assert list(causes) == ["order.paid", "program"]


def test_a_version_is_read_once(service: Service, shop: Shop) -> None:
    """Once a process knows a version, no further look at the database is needed for it."""
    with service.read() as tx:
        (opened,) = programs.of_template(tx, "points")
    reads: list[int] = []

    @contextmanager
    def counted() -> Iterator[Connection]:
        reads.append(1)
        with service.read() as tx:
            yield tx

    known = InForce(service.templates, counted)
    assert known.of_program(opened) is known.of_program(opened)
    assert len(reads) == 1


def test_events_go_on_while_rules_are_published(town: Callable[[str], Town], clock: Clock, ruled: Ruled) -> None:
    """Four threads buy while three versions follow each other: nobody waits in a circle, and all end by the last."""
    tiers = '[tiers]\nmeasure = "orders"\n[[tier]]\ncode = "page"\nthreshold = 0\n'
    here = town(plain(more=tiers))
    for number in range(12):
        here.enrol(f"c{number}")

    def buy(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(25):
            here.buy(100, order=f"o{seed} {number}", customer=f"c{chance.randrange(12)}")

    with ThreadPoolExecutor(4) as pool:
        buying = [pool.submit(buy, seed) for seed in range(4)]
        for step in (9, 5, 3):
            chapter = f'[[tier]]\ncode = "chapter"\nthreshold = {step}\n'
            newest = ruled(whole=plain(more=tiers + chapter))
            put_in_force(newest)
        for each in buying:
            each.result(timeout=120)
    list(publish(newest.begin, newest.in_force, "points", now=clock.now))
    with newest.read() as tx:
        assert stale(tx, newest.in_force) == 0
        rows = tx.execute(text("SELECT tier, orders_total, program_version FROM balances")).all()
    assert {(row.tier, row.program_version) for row in rows} <= {("chapter", 4), ("page", 4)}
    assert all((row.tier == "chapter") == (row.orders_total >= 3) for row in rows)
    assert sum(row.orders_total for row in rows) == 100


def test_the_same_rules_are_not_published_twice(shop: Shop, ruled: Ruled) -> None:
    """A comment says nothing that a version could be made of."""
    shop.enrol()
    assert put_in_force(ruled(("schema = 1", "schema = 1  # the first and last"))) is None


def test_no_version_changes_the_currency(shop: Shop, ruled: Ruled) -> None:
    """What all points were counted in cannot be exchanged under them."""
    shop.enrol()
    with pytest.raises(TemplateRefused, match="open another programme"):
        put_in_force(ruled(('currency = "EUR"', 'currency = "CZK"')))
    with pytest.raises(TemplateRefused):
        put_in_force(ruled(('code = "points"   ', 'is_money = true\ncode = "points"   ')))


EXPIRIES = ("", 'expiry = { mode = "rolling", period = "P1M" }\n', 'expiry = { mode = "inactivity", period = "P1M" }\n')
PENDINGS = ("", 'pending = { mode = "days", days = 3 }\n', f"pending = {EVENT}\n")


@st.composite
def rewards(draw: st.DrawFn) -> str:
    """Return the text of rewards, some of which come by themselves, and whose costs differ from version to version."""
    return "".join(
        f'[[reward]]\ncode = "{code}"\nkind = "product"\ncost = {draw(st.integers(1, 400))}\n'
        + draw(st.sampled_from(["", "auto = true\n", 'auto = true\nlimit = { times = 1, per = "lifetime" }\n']))
        for code in draw(st.lists(st.sampled_from(["cup", "cake", "bowl"]), unique=True))
    )


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Return the text of a programme like the starter's with other points, dates and tiers."""
    measure = draw(st.sampled_from(["points_earned", "spend", "orders", "balance"]))
    window = draw(st.sampled_from(["lifetime", "calendar_year", "rolling_12_months"]))
    steps = sorted(draw(st.sets(st.integers(1, 2000), max_size=2)))
    names = ["page", "chapter", "novel"]
    levels = "".join(
        f'[[tier]]\ncode = "{name}"\nthreshold = {step}\n' for name, step in zip(names, [0, *steps], strict=False)
    )
    table = f'[tiers]\nmeasure = "{measure}"\nwindow = "{"none" if measure == "balance" else window}"\n'
    return (
        'schema = 1\n[program]\ncode = "points"\nname = "P"\ntimezone = "Europe/Prague"\ncurrency = "EUR"\n'
        '[unit]\ncode = "points"\n[points]\n'
        + draw(st.sampled_from(EXPIRIES))
        + draw(st.sampled_from(PENDINGS))
        + 'refund = { earned = "clamp_to_zero" }\n'
        + '[[earning_rule]]\ncode = "purchase"\non = "order.paid"\nbasis = "net_items"\nper = 100\n'
        + f"points = {draw(st.integers(1, 9))}\n"
        + (table + levels if draw(st.booleans()) else "")
        + draw(rewards())
    )


@trials(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=st.lists(rules(), min_size=1, max_size=3), days=st.integers(0, 40))
def test_publishing_moves_no_point(
    service: Service, shop: Shop, clock: Clock, ruled: Ruled, versions: list[str], days: int
) -> None:
    """Whatever follows on whatever: entries, lots and balances are the same before and after."""
    for version in versions:
        customer = f"customer {next(shop.ids)}"
        shop.enrol(customer)
        shop.buy(4200, order=f"order {next(shop.ids)}", customer=customer)
        clock.on(days=days)
        newer = ruled(whole=version)
        before = books(service)
        put_in_force(newer)
        assert books(service) == before
        with newer.begin() as tx:
            assert stale(tx, newer.in_force) == 0


@pytest.mark.parametrize("cost", [30, 9000])
def test_what_new_rules_give_by_itself_comes_with_the_next_event(shop: Shop, ruled: Ruled, cost: int) -> None:
    """A reward that publishing makes automatic takes no points then; the dry run says to how many it will come."""
    shop.enrol()
    shop.buy(4200, order="a")
    newer = ruled(whole=plain(more=f'[[reward]]\ncode = "cup"\nkind = "product"\ncost = {cost}\nauto = true\n'))
    with newer.read() as tx:
        (opened,) = programs.of_template(tx, "points")
    *_, shown = preview(newer.begin, opened, newer.in_force, most=5, now=newer.clock())
    before = books(newer)
    put_in_force(newer)
    assert books(newer) == before

    balance = shop.buy(100, order="b")["balance"]
    assert (balance, shown.rewarded_next) == ((13, 1) if cost == 30 else (43, 0))


def test_a_dry_run_counts_whose_points_would_die_at_once(
    town: Callable[[str], Town], clock: Clock, ruled: Ruled
) -> None:
    """Whoever has been silent for too long by the new rules is counted; who is due for something else is not."""
    waits = f"pending = {DAYS}\n"
    here = town(plain(points=waits))
    here.enrol("ann")
    here.buy(4200, order="a", customer="ann")
    clock.on(days=20)
    assert here.sweep().settled == 1
    here.enrol("bob")
    here.buy(4200, order="b", customer="bob")
    clock.on(days=16)
    newer = ruled(whole=plain(points=waits + 'expiry = { mode = "inactivity", period = "P1M" }\n'))
    with newer.read() as tx:
        (opened,) = programs.of_template(tx, "points")
    *_, shown = preview(newer.begin, opened, newer.in_force, most=5, now=newer.clock())
    assert (shown.members, shown.dying_at_once) == (2, 1)
    assert here.sweep().settled == 1  # bob, whose points can be spent now


def test_differences_are_told_by_key() -> None:
    """Each key that says something else is named once, tables of a list by their code."""
    texts = [(EXAMPLES / "stamp_card.toml").read_text()]
    texts.append(texts[0].replace("cost = 9", "cost = 10").replace('period = "P6M"', 'period = "P1Y"'))
    texts[1] = texts[1].replace("expiry = {", "grace_days = 3\nexpiry = {").replace('code = "coffee"', 'code = "cup"')
    before, after = (read(Program, "x", parse(each.encode(), "x")[0] or {})[0] for each in texts)
    assert before
    assert after
    told = {each.key: str(each) for each in differences(before, after)}
    assert told.keys() == {
        "points.expiry.period", "points.grace_days", "earning_rule.coffee", "earning_rule.cup",
        "reward.free-coffee.cost",
    }  # fmt: skip
    assert told["reward.free-coffee.cost"] == "reward.free-coffee.cost was 9 and becomes 10"
    assert told["points.expiry.period"] == "points.expiry.period was P6M and becomes P12M"
    assert differences(before, before) == []
