"""An event is entered once: the ledger, the card after it, and the answer to its sender, in one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import Connection

from wallet_service.domain.earning import Order, told
from wallet_service.domain.errors import EventConflict, EventRefused, Fault, InsufficientBalance, UnknownMember
from wallet_service.domain.event import (
    ABOUT_ORDERS,
    ActivityDone,
    Event,
    Fact,
    MemberEnrolled,
    MemberUpdated,
    OrderClaimed,
    OrderFact,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    PointsAdjusted,
    RefundUpdated,
    SubscriptionCancelled,
    SubscriptionPaid,
)
from wallet_service.domain.limits import Need
from wallet_service.domain.member import Membership, Profile
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import FULFILLED
from wallet_service.domain.purchase import ENROLLED, PROFILE_COMPLETED, YEARLY, Deed
from wallet_service.domain.template import Template
from wallet_service.storage import arrivals, awards, consents, events, identities, members, orders
from wallet_service.storage.arrivals import Arrival
from wallet_service.storage.events import Raced
from wallet_service.storage.identities import Mark
from wallet_service.storage.ledger import Cause
from wallet_service.storage.lots import Ahead
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault
from wallet_service.usecases import refer
from wallet_service.usecases.book import Book, close_and_show, fresh_ids, open_book
from wallet_service.usecases.claim_orders import claim_orders, evaluated, rules_of, waiting_orders
from wallet_service.usecases.correct import correct
from wallet_service.usecases.enrol import enrol
from wallet_service.usecases.evaluate import give_for_deed, lock_all_budgets
from wallet_service.usecases.repay import repay
from wallet_service.usecases.subscribe import cancel, subscribe


class Merged(Exception):
    """The event is about a member who has become one with another; start again with that one.

    `survivor` is None where it is whoever the order was given to, and was erased since; start again with nobody named.
    """

    def __init__(self, survivor: str | None) -> None:
        self.survivor = survivor
        super().__init__()


class Recorded(Struct, frozen=True):
    """What the sender is told; `replayed` says that it had been told before and that nothing happened now.

    `joined` says that the event has made its customer a member.
    """

    answer: dict[str, Any]
    replayed: bool
    joined: bool = False


class _Case(Struct, frozen=True):
    """One event with all that is known before it is entered; `customer_id` is the merchant's own, if it is known.

    `marks` are what else the customer is known by. `matched` says that the order is a member's, `ahead` what comes next
    to the member, where that was asked; `joins` says that the event makes its customer a member.
    """

    tx: Connection
    source: Source
    template: Template
    event: Event
    customer_id: str | None
    order: Order | None
    marks: tuple[Mark, ...]
    vault: Vault
    ids: Iterator[int]
    now: datetime
    matched: bool = False
    ahead: Ahead | None = None
    joins: bool = False

    @property
    def program(self) -> Program:
        """The programme as it was in force when the event happened."""
        return self.template.rules_at(self.event.occurred_at).program


def record(
    tx: Connection,
    *,
    source: Source,
    template: Template,
    vault: Vault,
    event: Event,
    pass_type_identifier: str,
    now: datetime,
    check: Callable[[Membership], None] | None = None,
    survivor: str | None = None,
) -> Recorded:
    """Enter the event and everything that follows from it; nothing is sent, and an error leaves nothing behind.

    `check` looks at the member as it stands under all locks, before anything is done, and may refuse. `survivor` is
    whom a try before has found in place of whoever the event names.
    Raises `EventConflict`, `EventRefused`, `UnknownMember`, and `Merged` or `Raced` to be tried again. So it is to be
    if the same event is entered meanwhile: the database refuses this one, at the end of the transaction at the latest
    (`events.is_race`).
    """
    marks = identities.marks_of(vault, event.fact.customer.identities) if event.fact.customer else ()
    customer_id, member, ahead, known = _look(tx, source, event, marks)
    if known.answer is not None:
        if known.content_hash != event.content_hash:
            raise EventConflict(event.event_id)
        return Recorded(known.answer, replayed=True)
    if known.owner and known.owner != customer_id and (known.matched or not _may_move(event)):
        erased = members.is_nobodys(known.owner)
        if erased or members.survivor(tx, source.program_id, str(customer_id)) == known.owner:
            raise Merged(None if erased else known.owner)
        raise _refused("data.customer", "is not the customer that the order was first sent with")
    if member and member.merged_into:
        raise Merged(member.merged_into)
    if member is None and survivor is not None:
        raise Raced  # it was erased meanwhile, and with it whoever was named
    if member and check:
        check(member)
    ids = fresh_ids(tx, known.reserved)
    case = _Case(tx, source, template, event, customer_id, known.order, marks, vault, ids, now, known.matched, ahead)
    if member is None and isinstance(event.fact, MemberEnrolled):
        member = enrol(
            tx,
            program_id=source.program_id,
            template=template,
            pass_type_identifier=pass_type_identifier,
            external_id=customer_id,
            profile=_profile(event.fact),
            now=now,
        )
        case = structs.replace(case, joins=True, customer_id=member.external_id)
    answer = _enter(case, member) if member else _keep(case)
    return Recorded(answer, replayed=False, joined=case.joins)


def _enter(case: _Case, member: Membership) -> dict[str, Any]:
    """Do what the event says in the member's book, show it on the card, and keep the event with its answer.

    Of whoever was erased nothing is learnt, and not kept what was sent.
    """
    book = open_book(case.tx, member, case.template, now=case.now, ids=case.ids)
    book.foreseen = case.ahead
    event_row = next(case.ids)
    if not isinstance(case.event.fact, MemberEnrolled) and not member.erased:
        _learn(case, book)
    more = _act(case, book)
    after = close_and_show(book, cause=Cause(event_id=event_row), reason=case.event.type)
    answer = _answer(case, after, book) | more
    event = replace(case.event, body=b"") if member.erased else case.event
    events.add(case.tx, row_id=event_row, source_id=case.source.id, event=event, answer=answer, now=case.now)
    return answer


def _keep(case: _Case) -> dict[str, Any]:
    """Keep what an event says of somebody who has not enrolled yet.

    Raises `UnknownMember` where it can only be said of a member.
    """
    fact = case.event.fact
    if not isinstance(fact, ABOUT_ORDERS):
        raise UnknownMember(str(fact.customer))
    order = _told(case, fact)
    orders.put(case.tx, case.source.id, order, member_id=None, customer_id=case.customer_id)
    identities.wait(case.tx, case.vault, order.row_id, case.source.program_id, case.marks)
    answer = {"event_id": case.event.event_id, "type": case.event.type, "status": "unmatched"}
    answer["order_id"] = order.order_id
    events.add(case.tx, row_id=next(case.ids), source_id=case.source.id, event=case.event, answer=answer, now=case.now)
    return answer


def _look(
    tx: Connection, source: Source, event: Event, marks: tuple[Mark, ...]
) -> tuple[str | None, Membership | None, Ahead | None, Arrival]:
    """Lock the order, if any, then the customer; return the customer, the member, and what is known of the event.

    The customer is the merchant's own id of whoever is named, or else of whoever the order is known to belong to.
    """
    fact = event.fact
    order_id = fact.order_id if isinstance(fact, ABOUT_ORDERS) else None
    if fact.customer is None or marks or isinstance(fact, OrderClaimed | MemberEnrolled):
        closely, member, known = _look_closely(tx, source, event, marks)
        return closely, member, None, known
    named = members.external_id(tx, source.program_id, fact.customer)
    if named is None:
        raise UnknownMember(str(fact.customer))
    if order_id is None:
        members.lock_customer(tx, source.program_id, named)
    else:
        members.lock_order_and_customer(
            tx, source_id=source.id, order_id=order_id, program_id=source.program_id, external_id=named
        )
    asked = members.ask(tx, source.program_id, named)
    known = arrivals.look(tx, source_id=source.id, event_id=event.event_id, order_id=order_id)
    found = asked()
    return (named, *found, known) if found else (named, None, None, known)


def _look_closely(
    tx: Connection, source: Source, event: Event, marks: tuple[Mark, ...]
) -> tuple[str | None, Membership | None, Arrival]:
    """Do as `_look` does where it takes a look to know whom to lock: by marks, or by the order alone.

    Whoever the order belongs to, or waits for, is locked, too, since it may be given to them meanwhile.
    Raises `Raced` where all that has changed until the locks were taken.
    """
    fact, program_id = event.fact, source.program_id
    order_id = fact.order_id if isinstance(fact, ABOUT_ORDERS) else None
    if order_id is not None:
        members.lock_order(tx, source.id, order_id)
    whose = orders.whose(tx, source.id, order_id) if order_id is not None else None
    named = _named(tx, program_id, fact, marks)
    reached = _reached(tx, program_id, event, named, marks)
    names = {named, whose.owner if whose else None} - {None}
    locked = names | {identities.lock_name(each) for each in reached | (whose.marks if whose else frozenset())}
    members.lock_customers(tx, [(program_id, str(each)) for each in locked])
    known = arrivals.look(tx, source_id=source.id, event_id=event.event_id, order_id=order_id)
    if order_id is not None and orders.whose(tx, source.id, order_id) != whose:
        raise Raced
    if _named(tx, program_id, fact, marks) != named or _reached(tx, program_id, event, named, marks) != reached:
        raise Raced
    if named is None and fact.customer is not None and not marks and not isinstance(fact, MemberEnrolled):
        raise UnknownMember(str(fact.customer))
    if known.owner and (fact.customer is None or (marks and known.matched)):
        named = known.owner  # to whom it was given first; shop systems may well name somebody else later
    return named, members.find(tx, program_id, named) if named else None, known


def _reached(
    tx: Connection, program_id: int, event: Event, named: str | None, marks: tuple[Mark, ...]
) -> frozenset[bytes]:
    """Return all marks that the customer will be known by, with those of the orders that wait for it."""
    if not marks and not isinstance(event.fact, MemberEnrolled):
        return frozenset()
    return identities.reach(tx, program_id, named, [each.mark for each in marks])


def _named(tx: Connection, program_id: int, fact: Fact, marks: tuple[Mark, ...]) -> str | None:
    """Return the merchant's own id of whoever is meant.

    Whoever enrols under an id of their own is somebody else than who has the same address.
    """
    customer = fact.customer
    if customer is None:
        return None
    somebody_new = isinstance(fact, MemberEnrolled) and customer.id is not None
    return identities.named(tx, program_id, customer, () if somebody_new else marks)


def _may_move(event: Event) -> bool:
    """Whether the event may take an order that nobody has enrolled for yet to another customer."""
    fact = event.fact
    return isinstance(fact, OrderClaimed) or bool(fact.customer and fact.customer.identities)


def _learn(case: _Case, book: Book) -> None:
    """Let the member be known by what the event names, and give it the orders that have waited for it.

    Addresses count as the member's own only if it is they that the event tells; an order teaches accounts alone.
    """
    told = isinstance(case.event.fact, MemberEnrolled | MemberUpdated)
    marks = [each for each in case.marks if told or each.identity.is_an_account]
    new = []
    if marks:
        new = identities.add(
            case.tx, case.vault, marks, program_id=book.member.program_id, member_id=book.member.id, now=case.now
        )
    if new or case.joins:
        _claim_orders(case, book, new)


def _act(case: _Case, book: Book) -> dict[str, Any]:
    """Do in the book what the event says; return what is to be answered besides where the member stands."""
    at = case.event.occurred_at
    more: dict[str, Any] = {}
    match case.event.fact:
        case MemberEnrolled() as fact:
            _tell(book, fact)
            if fact.referral_code is not None and book.program.referral is not None:
                more["referral"] = refer.join(book, fact.referral_code, new=case.joins)
            if book.program.referral is not None:
                more["referral_code"] = refer.code_of(book)
            _learn(case, book)  # after the referral, for which an order of that day may count
            if case.program.waits_for_deed(PROFILE_COMPLETED):
                lock_all_budgets(book, [case.program])
            _deed(case, book, Deed(ENROLLED, at))
            _look_at_profile(case, book)
        case MemberUpdated() as fact:
            _tell(book, fact)
            _look_at_profile(case, book)
        case (
            OrderPaid() | OrderRefunded() | OrderUpdated() | RefundUpdated() | OrderFulfilled() | OrderClaimed()
        ) as fact:
            _settle_order(case, book, _told(case, fact))
        case PointsAdjusted() as fact:
            _adjust(book, fact, at)
        case ActivityDone() as fact:
            if fact.activity in YEARLY:
                raise _refused("type", "comes by the calendar; tell the birthday with the member instead")
            act = _deed_once if fact.activity == PROFILE_COMPLETED else _deed
            act(case, book, Deed(fact.activity, at, dict(fact.properties)))
        case SubscriptionPaid() as fact:
            subscribe(book, fact, at=at)
        case SubscriptionCancelled() as fact:
            cancel(book, fact, at=at)
    return more


def _told(case: _Case, fact: OrderFact) -> Order:
    """Return the order with what the event says of it.

    Raises `EventRefused` for what the programme cannot count.
    """
    paid = fact.paid if isinstance(fact, OrderUpdated) else fact if isinstance(fact, OrderPaid) else None
    if paid:
        _check(case.program, paid)
    if case.order is None and isinstance(fact, OrderClaimed):
        raise _refused("data.order_id", "is of no order that we know; send it when the order has come")
    order = case.order or Order(fact.order_id, next(case.ids))
    return told(order, fact, at=case.event.occurred_at)


def _check(program: Program, paid: OrderPaid) -> None:
    currency = program.program.currency
    if paid.currency != currency:
        raise _refused("data.currency", f"is {paid.currency}; the programme counts in {currency}")
    if paid.partner is not None and program.partner_of(paid.partner) is None:
        raise _refused("data.partner", f"{paid.partner!r} is no partner of the programme")


def _settle_order(case: _Case, book: Book, order: Order) -> None:
    order = book.settle_order(evaluated(book, order), at=case.event.occurred_at)
    if order.fulfilled_at is not None and book.template.program_in(order.program_version).points.waits_for(FULFILLED):
        book.account.activate_order(order.row_id, at=order.fulfilled_at)
    orders.put(case.tx, case.source.id, order, member_id=book.member.id, customer_id=None)
    if order.paid_back or (case.order is not None and case.order.paid_back):
        repay(book, order)
    if case.order is not None and not case.matched:
        identities.found(case.tx, [order.row_id])
    refer.look_at_order(book, order)


def _claim_orders(case: _Case, book: Book, marks: list[bytes]) -> None:
    """Give a member the orders that came before it was known by its own id or these marks."""
    own = case.order.row_id if case.order else None
    waiting = waiting_orders(book, case.customer_id if case.joins else None, marks, but=own)
    if waiting:
        fact = case.event.fact
        at_hand = [_told(case, fact)] if isinstance(fact, ABOUT_ORDERS) else []
        lock_all_budgets(book, [case.program, *rules_of(case.template, [*waiting, *at_hand])])
        claim_orders(book, waiting, at=case.event.occurred_at)


def _tell(book: Book, fact: MemberEnrolled | MemberUpdated) -> None:
    """Keep what is said of the member's person."""
    book.told = _profile(fact)
    members.set_profile(book.tx, member_id=book.member.id, profile=book.told)
    consents.add(book.tx, book.member.id, fact.consents, source="event", now=book.now)


def _deed(case: _Case, book: Book, deed: Deed) -> None:
    """Give what a deed earns."""
    give_for_deed(book, case.program, deed)
    refer.look_at_deed(book, deed)


def _deed_once(case: _Case, book: Book, deed: Deed) -> None:
    """Give what a deed earns the first time in a member's life, whatever limits the rules have."""
    if not case.program.waits_for_deed(deed.type):
        return
    code = f"deed:{deed.type}"
    if not awards.usage(book.tx, book.member.id, [Need(code, "", None)])[code, ""]:
        awards.use(book.tx, book.member.id, [(code, "")], at=deed.at)
        _deed(case, book, deed)


def _look_at_profile(case: _Case, book: Book) -> None:
    """Give what a complete profile earns, if the programme waits for one and the member has it by now."""
    if book.profile.is_complete:
        _deed_once(case, book, Deed(PROFILE_COMPLETED, case.event.occurred_at))


def _adjust(book: Book, fact: PointsAdjusted, at: datetime) -> None:
    try:
        correct(book, fact.points, actor=fact.actor, reason=fact.reason, at=at)
    except InsufficientBalance as error:
        left = error.available - error.needed
        raise _refused("data.points", f"would leave the balance at {left}; it may not go so low") from None


def _profile(fact: MemberEnrolled | MemberUpdated) -> Profile:
    cleared = fact.cleared if isinstance(fact, MemberUpdated) else ()
    return Profile(fact.name, fact.locale, fact.birthday, fact.cause, cleared)


def _answer(case: _Case, after: Membership, book: Book) -> dict[str, Any]:
    rank = after.position.rank
    return {
        "event_id": case.event.event_id,
        "type": case.event.type,
        "status": "processed",
        "member_id": after.public_id,
        "customer_id": after.customer_id,
        "serial_number": after.card.serial_number,
        "points": sum(each.available for each in book.caused),
        "balance": after.position.available,
        "pending": after.position.pending,
        "tier": rank.tier if rank else None,
        "revision": after.card.revision,
    }


def _refused(key: str, message: str) -> EventRefused:
    return EventRefused("The event cannot be entered; nothing was stored.", [Fault("body", key, message)])
