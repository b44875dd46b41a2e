"""What an order would earn, and the ways to pay less for it, by the same code that would do it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain.earning import Order
from wallet_service.domain.entitlements import Discount, best, discounts
from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import Customer
from wallet_service.domain.purchase import Purchase
from wallet_service.domain.redeeming import offers
from wallet_service.storage import members
from wallet_service.storage.ledger import Cause
from wallet_service.usecases.book import open_book
from wallet_service.usecases.catalogue import chooser_of
from wallet_service.usecases.evaluate import evaluate_order
from wallet_service.usecases.operate import OpenProgram
from wallet_service.usecases.statement import Part, Uncounted, parts_of, uncounted_of

TRIAL = "quote"


@dataclass(frozen=True, slots=True)
class Quote:
    """What the order would come to for the member, if it were paid now.

    `points` it would earn by the rules' `parts`, without what would be `refused`, as many as `pending` of them would
    wait; then `balance` and `tier` would be these. `discounts` are all ways to pay less, with reasons why some cannot
    be had; `best` names the one that takes most off.
    """

    member_id: str
    points: int
    pending: int
    parts: tuple[Part, ...]
    refused: tuple[Uncounted, ...]
    balance: int
    tier: str | None
    discounts: tuple[Discount, ...]
    best: str | None


def quote(trial: Connection, *, program: OpenProgram, customer: Customer, purchase: Purchase, now: datetime) -> Quote:
    """Return what the order would come to; the transaction has to be rolled back, since everything is done in it.

    Raises `UnknownMember`.
    """
    named = members.external_id(trial, program.id, customer)
    name = members.survivor(trial, program.id, named) if named else None
    if name is not None:
        members.lock_customer(trial, program.id, name)
    member = members.find(trial, program.id, name) if name else None
    if member is None:
        raise UnknownMember(str(customer))
    book = open_book(trial, member, program.template, now=now)
    rules = program.template.program
    chooser = chooser_of(trial, member, rules, available=book.account.available, tier=book.tier, now=now)
    found = discounts(rules, book.tier, offers(rules, chooser, order_minor=purchase.eligible_minor), purchase)
    book.automatic = False
    before = len(book.account.posted)
    order = evaluate_order(book, Order(purchase.order_id, next(book.ids), purchase), rules, program.template.rules)
    order = book.settle_order(order, at=now)
    earned = book.account.posted[before:]
    after = book.close(cause=Cause(), reason=TRIAL).position
    chosen = best(found)
    return Quote(
        member_id=member.public_id,
        points=order.kept,
        pending=sum(each.gained("pending") for each in earned),
        parts=parts_of(order.grounds),
        refused=uncounted_of(order.grounds),
        balance=after.available,
        tier=after.rank.tier if after.rank else None,
        discounts=found,
        best=chosen.code if chosen else None,
    )
