"""The points that an order was paid with follow its refunds: they come back by the same share, and are taken anew."""

from wallet_service.domain.earning import Order
from wallet_service.domain.member import Membership
from wallet_service.domain.redeeming import last_taken
from wallet_service.storage import lots, members, orders, spendings
from wallet_service.storage.redemptions import Change
from wallet_service.storage.spendings import Spending
from wallet_service.usecases.book import Book, open_book
from wallet_service.usecases.give_back import grace_of
from wallet_service.usecases.operate import Operation, close


def repay(book: Book, order: Order) -> None:
    """Bring what an order was paid with in points to what its present state leaves spent; the order is settled.

    As with what it earned, the difference to that state is posted, so that it does not matter in which order, or how
    often, refunds are told. What somebody has given back by hand counts as given back. Where a refund is undone, only
    what the member can spend is taken anew.
    """
    if book.template.program_in(order.program_version).points.refund.spent != "restore":
        return
    found = spendings.of_order(book.tx, member_id=book.member.id, order_row=order.row_id, order_id=order.order_id)
    paid = sum(each.points for each in found if not each.anew)
    wanted = min(order.still_spent(paid), paid - sum(each.by_hand for each in found))
    spent = sum(each.left for each in found)
    for each in reversed(found):
        if spent > wanted and each.left:
            back = min(spent - wanted, each.left)
            _return(book, order, each, back)
            spent -= back
    if spent < wanted:
        book.account.settle(book.now, since=book.now)  # what an old order has just earned anew may be dead
    if spent < wanted and book.account.available > 0:
        points, first = min(wanted - spent, book.account.available), found[0]
        book.account.spend(points, at=book.now, partner=first.partner, rule=first.rule, order_row=order.row_id)


def repay_named(operation: Operation, after: Membership, order_id: str | None) -> Membership:
    """Return the member after points were used up for the order of that id, if it had been refunded before that."""
    order = orders.paid_back(operation.tx, after.id, order_id) if order_id is not None else None
    if order is None:
        return after
    member = members.find(operation.tx, after.program_id, after.external_id)
    assert member is not None
    book = open_book(operation.tx, member, operation.open.template, now=operation.now)
    book.orders[order.row_id] = order.order_id
    repay(book, order)
    return close(operation, book)


def _return(book: Book, order: Order, spending: Spending, points: int) -> None:
    account = book.account
    if spending.hold_row is not None:
        parts = lots.set_apart(book.tx, spending.hold_row, account.lots)
    else:
        parts = lots.used(book.tx, spending.transaction_row, account.lots)
    account.give_back(
        last_taken(parts, taken=spending.points, before=spending.returned, points=points),
        at=book.now,
        reverses=spending.transaction_row,
        partner=spending.partner,
        grace_until=grace_of(book.program, book.now),
        order_row=order.row_id,
    )
    account.settle(book.now, since=book.now)
    book.automatic = False  # or what comes back would be taken for the next reward at once
    if spending.redemption_row is not None:
        over = points == spending.left
        told = Change(spending.redemption_row, "refunded" if over else "used", refunded=spending.returned + points)
        book.ended.append(told)
