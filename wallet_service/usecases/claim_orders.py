"""Orders that came before their customer enrolled are given to the new member."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from wallet_service.domain.earning import Order
from wallet_service.domain.program import Program
from wallet_service.domain.template import Template
from wallet_service.storage import identities, orders
from wallet_service.usecases import refer
from wallet_service.usecases.book import Book
from wallet_service.usecases.evaluate import evaluate_order
from wallet_service.usecases.repay import repay


def rules_of(template: Template, several: Iterable[Order]) -> list[Program]:
    """Return the rules by which orders are evaluated, whose budgets have to be locked together before."""
    return [
        template.rules_at(each.purchase.paid_at).program
        if each.program_version is None
        else template.program_in(each.program_version)
        for each in several
        if each.purchase
    ]


def waiting_orders(
    book: Book, customer_id: str | None, marks: Sequence[bytes], *, but: int | None = None
) -> list[Order]:
    """Return the orders that wait for the member by the merchant's own id or these marks, `but` the one at hand.

    And those that wait for an account that one of them names.
    """
    found: dict[int, Order] = {}
    while marks or customer_id:
        waiting = orders.unmatched(book.tx, book.member.program_id, customer_id, marks)
        new = {each.row_id: each for each in waiting if each.row_id != but and each.row_id not in found}
        found |= new
        customer_id = None
        marks = identities.inherit(book.tx, book.member.id, list(new), now=book.now) if new else []
    return [found[each] for each in sorted(found)]


def claim_orders(book: Book, waiting: Sequence[Order], *, at: datetime) -> None:
    """Enter orders in the member's book as if they came now; the budgets of all their rules are locked already."""
    for each in waiting:
        order = book.settle_order(evaluated(book, each), at=at)
        orders.match(book.tx, order, member_id=book.member.id)
        if order.paid_back:
            repay(book, order)
        refer.look_at_order(book, order)
    identities.found(book.tx, [each.row_id for each in waiting])


def evaluated(book: Book, order: Order) -> Order:
    """Return the order with what it earns by the rules of its first evaluation: those in force when it was paid."""
    if order.purchase is None:
        return order
    if order.program_version is not None:
        return evaluate_order(book, order, book.template.program_in(order.program_version), order.program_version)
    rules = book.template.rules_at(order.purchase.paid_at)
    return evaluate_order(book, order, rules.program, rules.number)
