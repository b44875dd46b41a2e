"""An event is entered once: the ledger, the card after it, and the answer to its sender, in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain import ledger
from wallet_service.domain.earning import Order, settle
from wallet_service.domain.errors import EventConflict, EventRefused, Fault, UnknownMember
from wallet_service.domain.event import Event, MemberEnrolled, OrderPaid, OrderRefunded, PointsAdjusted
from wallet_service.domain.ledger import Transaction
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.template import Template
from wallet_service.storage import events, members, orders
from wallet_service.storage import ledger as books
from wallet_service.storage.sources import Source
from wallet_service.usecases.enrol import enrol
from wallet_service.usecases.revise import revise

Posting = tuple[Transaction, int | None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the sender is told; `replayed` says that it had been told before and that nothing happened now."""

    answer: dict[str, Any]
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """One event with all that is known before it is entered; `customer_id` is the merchant's own, if it is known."""

    tx: Connection
    source: Source
    template: Template
    event: Event
    customer_id: str | None
    member: Membership | None

    @property
    def program(self) -> Program:
        return self.template.program


def record(
    tx: Connection,
    *,
    source: Source,
    template: Template,
    event: Event,
    pass_type_identifier: str,
    now: datetime,
) -> Recorded:
    """Enter the event and everything that follows from it; nothing is sent, and an error leaves nothing behind.

    Raises `EventConflict`, `EventRefused`, `UnknownMember`, and `events.Raced` when it should be tried again.
    """
    customer_id = _lock(tx, source, event)
    seen = events.find(tx, source.id, event.event_id)
    if seen:
        if seen.content_hash != event.content_hash:
            raise EventConflict(event.event_id)
        return Recorded(seen.answer, replayed=True)
    member = members.find(tx, source.program_id, customer_id) if customer_id else None
    if member is None and isinstance(event.fact, MemberEnrolled) and customer_id:
        member = enrol(
            tx,
            program_id=source.program_id,
            template=template,
            pass_type_identifier=pass_type_identifier,
            external_id=customer_id,
            name=event.fact.name,
            locale=event.fact.locale,
            now=now,
        )
    return Recorded(_enter(_Case(tx, source, template, event, customer_id, member), now), replayed=False)


def _enter(case: _Case, now: datetime) -> dict[str, Any]:
    """Post what follows from the event, revise the card, keep the event with its answer, and return the answer."""
    postings = _postings(case)
    if case.member is None:
        answer = {"event_id": case.event.event_id, "type": case.event.type, "status": "unmatched"}
        events.add(case.tx, source_id=case.source.id, event=case.event, answer=answer, now=now)
        return answer
    after = _after(case, case.member, postings)
    card = revise(case.tx, case.member, after, case.template, now=now)
    answer = _answer(case, after, card.revision, postings)
    event_row = events.add(case.tx, source_id=case.source.id, event=case.event, answer=answer, now=now)
    books.post(
        case.tx,
        postings,
        program_id=case.source.program_id,
        member_id=case.member.id,
        event_id=event_row,
        effective_at=case.event.occurred_at,
        now=now,
    )
    return answer


def _lock(tx: Connection, source: Source, event: Event) -> str | None:
    """Lock the order, if any, then the customer; return the merchant's own id of the customer, if it is known."""
    fact = event.fact
    known = None
    if isinstance(fact, OrderPaid | OrderRefunded):
        members.lock_order(tx, source.id, fact.order_id)
        known = orders.owner(tx, source.id, fact.order_id)
    named = None
    if fact.customer:
        named = members.external_id(tx, source.program_id, fact.customer)
        if named is None:
            raise UnknownMember(str(fact.customer))
    if known and named and known != named:
        raise _refused("data.customer", "is not the customer that the order was first sent with")
    customer_id = named or known
    if customer_id:
        members.lock_customer(tx, source.program_id, customer_id)
    return customer_id


def _postings(case: _Case) -> list[Posting]:
    """Return what the event makes the ledger post, each with the row id of its order."""
    match case.event.fact:
        case MemberEnrolled():
            return _claim_orders(case)
        case OrderPaid() as fact:
            currency = case.program.program.currency
            if fact.currency != currency:
                raise _refused("data.currency", f"is {fact.currency}; the programme counts in {currency}")
            return _settle_order(case, _order(case, fact.order_id).paid(fact.eligible_minor))
        case OrderRefunded() as fact:
            return _settle_order(case, _order(case, fact.order_id).refunded(fact.refunded_minor))
        case PointsAdjusted() as fact:
            return [(_adjustment(case, fact), None)]


def _order(case: _Case, order_id: str) -> Order:
    return orders.find(case.tx, case.source.id, order_id) or Order(order_id)


def _settle_order(case: _Case, order: Order) -> list[Posting]:
    """Bring an order to its present state; without a member it is kept until one enrols."""
    member = case.member
    posted: list[Transaction] = []
    if member:
        order, posted = settle(order, case.program, available=member.standing.balance)
    row_id = orders.put(
        case.tx,
        case.source.id,
        order,
        member_id=member.id if member else None,
        customer_id=None if member else case.customer_id,
    )
    return [(each, row_id) for each in posted]


def _claim_orders(case: _Case) -> list[Posting]:
    """Give a new member the orders that came before the enrolment."""
    postings: list[Posting] = []
    if case.member is None or case.customer_id is None:
        return postings
    available = case.member.standing.balance
    for row_id, waiting in orders.unmatched(case.tx, case.source.program_id, case.customer_id):
        order, posted = settle(waiting, case.program, available=available)
        orders.match(case.tx, row_id, order, member_id=case.member.id)
        postings += [(each, row_id) for each in posted]
        available += ledger.total(posted)[0]
    return postings


def _adjustment(case: _Case, fact: PointsAdjusted) -> Transaction:
    if case.member is None:
        raise UnknownMember(str(fact.customer))
    left = case.member.standing.balance + fact.points
    if left < 0 and case.program.points.refund.earned == "clamp_to_zero":
        raise _refused("data.points", f"would leave the balance at {left}; this programme does not go below 0")
    return ledger.adjust(fact.points, actor=fact.actor, reason=fact.reason)


def _after(case: _Case, member: Membership, postings: list[Posting]) -> Membership:
    """Return the member as the event leaves it."""
    available, qualifying = ledger.total([transaction for transaction, _ in postings])
    standing = replace(
        member.standing,
        balance=member.standing.balance + available,
        qualifying=member.standing.qualifying + qualifying,
    )
    fact = case.event.fact
    if not isinstance(fact, MemberEnrolled):
        return replace(member, standing=standing)
    members.set_profile(case.tx, member_id=member.id, name=fact.name, locale=fact.locale)
    standing = replace(standing, member_name=fact.name or standing.member_name)
    return replace(member, standing=standing, locale=fact.locale or member.locale)


def _answer(case: _Case, after: Membership, revision: int, postings: list[Posting]) -> dict[str, Any]:
    tier = case.program.tier_at(after.standing.qualifying)
    return {
        "event_id": case.event.event_id,
        "type": case.event.type,
        "status": "processed",
        "member_id": after.public_id,
        "customer_id": after.external_id,
        "serial_number": after.card.serial_number,
        "points": ledger.total([transaction for transaction, _ in postings])[0],
        "balance": after.standing.balance,
        "tier": tier.code if tier else None,
        "revision": revision,
    }


def _refused(key: str, message: str) -> EventRefused:
    return EventRefused("The event cannot be entered; nothing was stored.", [Fault("body", key, message)])
