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
    postings = _follow(tx, source, template, event, member, customer_id)
    after = _after(tx, event, member, postings) if member else None
    card = revise(tx, member, after, template, now=now) if member and after else None
    answer = _answer(event, template, member, after, card.revision if card else None, postings)
    event_row = events.add(tx, source_id=source.id, event=event, answer=answer, now=now)
    if member:
        books.post(
            tx,
            postings,
            program_id=source.program_id,
            member_id=member.id,
            event_id=event_row,
            effective_at=event.occurred_at,
            now=now,
        )
    return Recorded(answer, replayed=False)


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


def _follow(
    tx: Connection,
    source: Source,
    template: Template,
    event: Event,
    member: Membership | None,
    customer_id: str | None,
) -> list[Posting]:
    """Return what the event makes the ledger post, each with the row id of its order."""
    match event.fact:
        case MemberEnrolled():
            return _claim_orders(tx, source, template, member, customer_id)
        case OrderPaid() as fact:
            if fact.currency != template.program.program.currency:
                message = f"is {fact.currency}; the programme counts in {template.program.program.currency}"
                raise _refused("data.currency", message)
            order = _order(tx, source, fact.order_id).paid(fact.eligible_minor)
            return _settle_order(tx, source, template, order, member, customer_id)
        case OrderRefunded() as fact:
            order = _order(tx, source, fact.order_id).refunded(fact.refunded_minor)
            return _settle_order(tx, source, template, order, member, customer_id)
        case PointsAdjusted() as fact:
            if member is None:
                raise UnknownMember(str(fact.customer))
            left = member.standing.balance + fact.points
            if left < 0 and template.program.points.refund.earned == "clamp_to_zero":
                raise _refused("data.points", f"would leave the balance at {left}; this programme does not go below 0")
            return [(ledger.adjust(fact.points, actor=fact.actor, reason=fact.reason), None)]


def _order(tx: Connection, source: Source, order_id: str) -> Order:
    return orders.find(tx, source.id, order_id) or Order(order_id)


def _settle_order(
    tx: Connection,
    source: Source,
    template: Template,
    order: Order,
    member: Membership | None,
    customer_id: str | None,
) -> list[Posting]:
    """Bring an order to its present state; without a member it is kept until one enrols."""
    posted: list[Transaction] = []
    if member:
        order, posted = settle(order, template.program, available=member.standing.balance)
    row_id = orders.put(
        tx, source.id, order, member_id=member.id if member else None, customer_id=None if member else customer_id
    )
    return [(each, row_id) for each in posted]


def _claim_orders(
    tx: Connection, source: Source, template: Template, member: Membership | None, customer_id: str | None
) -> list[Posting]:
    """Give a new member the orders that came before the enrolment."""
    postings: list[Posting] = []
    if member is None or customer_id is None:
        return postings
    available = member.standing.balance
    for row_id, waiting in orders.unmatched(tx, source.program_id, customer_id):
        order, posted = settle(waiting, template.program, available=available)
        orders.match(tx, row_id, order, member_id=member.id)
        postings += [(each, row_id) for each in posted]
        available += ledger.total(posted)[0]
    return postings


def _after(tx: Connection, event: Event, member: Membership, postings: list[Posting]) -> Membership:
    """Return the member as the event leaves it."""
    available, qualifying = ledger.total([transaction for transaction, _ in postings])
    standing = replace(
        member.standing,
        balance=member.standing.balance + available,
        qualifying=member.standing.qualifying + qualifying,
    )
    locale = member.locale
    if isinstance(event.fact, MemberEnrolled):
        members.set_profile(tx, member_id=member.id, name=event.fact.name, locale=event.fact.locale)
        standing = replace(standing, member_name=event.fact.name or standing.member_name)
        locale = event.fact.locale or locale
    return replace(member, standing=standing, locale=locale)


def _answer(
    event: Event,
    template: Template,
    member: Membership | None,
    after: Membership | None,
    revision: int | None,
    postings: list[Posting],
) -> dict[str, Any]:
    if member is None or after is None:
        return {"event_id": event.event_id, "type": event.type, "status": "unmatched"}
    tier = template.program.tier_at(after.standing.qualifying)
    return {
        "event_id": event.event_id,
        "type": event.type,
        "status": "processed",
        "member_id": member.public_id,
        "customer_id": member.external_id,
        "serial_number": member.card.serial_number,
        "points": ledger.total([transaction for transaction, _ in postings])[0],
        "balance": after.standing.balance,
        "tier": tier.code if tier else None,
        "revision": revision,
    }


def _refused(key: str, message: str) -> EventRefused:
    return EventRefused("The event cannot be entered; nothing was stored.", [Fault("body", key, message)])
