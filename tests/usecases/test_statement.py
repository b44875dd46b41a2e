"""Every point of a member is explained, and what the books make of it can be checked and made anew."""

from datetime import timedelta

import pytest
from actors import START, Clock, Shop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from wallet_service.domain.errors import UnknownCard
from wallet_service.usecases import audit
from wallet_service.usecases.serve import card_or_member
from wallet_service.usecases.statement import Line, statement
from wallet_service.wiring import Service


def lines(service: Service, name: str) -> list[Line]:
    """The statement of a member, by our id or the card's serial number."""
    with service.read() as tx:
        return statement(tx, card_or_member(tx, name).member)


def test_every_point_has_its_reason(service: Service, shop: Shop, clock: Clock) -> None:
    """A purchase names rule and order, a correction the person and the reason; the last balance is the member's."""
    enrolled = shop.enrol("ann")
    shop.buy(8_040, order="o1")
    clock.on(days=1)
    shop.refund(4_000, order="o1")
    told = shop.adjust(5)
    said = lines(service, enrolled["member_id"])

    assert said == lines(service, enrolled["serial_number"])
    assert [(each.type, each.points, each.balance, each.qualifying) for each in said] == [
        ("earn", 80, 80, 80),
        ("earn_reversal", -40, 40, -40),
        ("adjust", 5, 45, 0),
    ]
    assert [(each.rule, each.order_id, each.actor, each.reason) for each in said] == [
        ("purchase", "o1", None, None),
        ("purchase", "o1", None, None),
        (None, None, "till 3", "complaint"),
    ]
    assert [each.at for each in said] == [START, START + timedelta(days=1), START + timedelta(days=1)]
    assert {each.source for each in said} == {"shop"}
    assert said[-1].balance == told["balance"]


def test_unknown_member_is_refused(service: Service) -> None:
    """Neither an id nor a serial number that is nobody's has a statement."""
    for name in ("mem_nobody", "nobody"):
        with pytest.raises(UnknownCard):
            lines(service, name)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(0, 90_000), st.integers(0, 3)),
        st.tuples(st.just("refund"), st.integers(0, 90_000), st.integers(0, 3)),
        st.tuples(st.just("adjust"), st.integers(1, 500), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_statement_and_balance_agree(service: Service, shop: Shop, acts: list[tuple[str, int, int]]) -> None:
    """After any events the last balance is the member's, the books are sound, and making anew changes nothing."""
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
        said = statement(tx, found.member)

    assert sum(each.points for each in said) == found.member.standing.balance == (said[-1].balance if said else 0)
    assert sum(each.qualifying for each in said) == found.member.standing.qualifying
    with service.begin() as tx:
        assert audit.audit(tx, most=9).good
    assert list(audit.wrong_faces(service.begin, service.in_force)) == []
    assert audit.rebuild(service.begin, service.in_force, now=service.clock()) == (0, 0)


def test_tampering_is_named_and_mended(service: Service, shop: Shop) -> None:
    """A balance and a card that somebody changed are found, and made from the entries again; the entries stay."""
    enrolled = shop.enrol("ann")
    shop.buy(8_040, order="o1")
    with service.begin() as tx:
        tx.execute(text("UPDATE balances SET available = 1000000, earned_total = 7"))
    with service.begin() as tx:
        books = audit.audit(tx, most=9)
    assert [(each.public_id, each.available, each.entered) for each in books.differences] == [
        (enrolled["member_id"], 1_000_000, 80)
    ]
    assert list(audit.wrong_faces(service.begin, service.in_force)) == [enrolled["serial_number"]]

    assert audit.rebuild(service.begin, service.in_force, now=service.clock()) == (1, 0)
    assert list(audit.wrong_faces(service.begin, service.in_force)) == []
    with service.begin() as tx:
        tx.execute(text("UPDATE cards SET face_digest = '\\x00'"))
    assert audit.rebuild(service.begin, service.in_force, now=service.clock()) == (0, 1)
    with service.begin() as tx:
        assert audit.audit(tx, most=9).good
    assert [each.points for each in lines(service, enrolled["serial_number"])] == [80]


def test_entries_that_do_not_sum_up_are_named(service: Service, shop: Shop) -> None:
    """Even where the database's own guard was switched off, a transaction that does not sum to zero is found."""
    shop.enrol("ann")
    shop.buy(8_040, order="o1")
    with service.begin() as tx:
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        tx.execute(text("UPDATE ledger_entries SET points = points + 1 WHERE points > 0"))
    with service.begin() as tx:
        books = audit.audit(tx, most=9)

    assert (books.total, len(books.unsound), books.good) == (1, 1, False)
