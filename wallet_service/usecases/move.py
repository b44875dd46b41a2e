"""Points go from one member's book into another's: each lot keeps its dates."""

from wallet_service.domain.errors import InsufficientBalance
from wallet_service.domain.ledger import Lot
from wallet_service.usecases.book import Book


def move(giver: Book, taker: Book, points: int, *, actor: str, reason: str) -> None:
    """Move spendable points, soonest to die first; the taker's deficit is covered first.

    Raises `InsufficientBalance`.
    """
    account = giver.account
    if account.available < points:
        raise InsufficientBalance(needed=points, available=account.available)
    left = points
    for lot in account.spendable():
        part = min(left, lot.available)
        if part:
            _move(giver, taker, lot, part, actor=actor, reason=reason)
        left -= part


def move_everything(giver: Book, taker: Book, *, actor: str, reason: str) -> None:
    """Move all points, pending ones too, and what was spent too much; orders stay known to their lots.

    No hold of the giver's is open.
    """
    for lot in [each for each in giver.account.lots if each.left]:
        part = lot.pending or lot.available
        _move(giver, taker, lot, part, actor=actor, reason=reason, order_row=lot.order_row)
    deficit = giver.account.deficit
    if deficit:
        giver.account.hand_over_deficit(at=giver.now, actor=actor, reason=reason)
        taker.account.take_over_deficit(deficit, at=giver.now, actor=actor, reason=reason)


def _move(
    giver: Book, taker: Book, lot: Lot, points: int, *, actor: str, reason: str, order_row: int | None = None
) -> None:
    pending = bool(lot.pending)
    giver.account.give(lot, points, at=giver.now, actor=actor, reason=reason)
    same = Lot(
        points,
        lot.effective_at,
        activates_at=lot.activates_at if pending else None,
        expires_at=lot.expires_at,
        rule=lot.rule,
        order_row=order_row,
        partner=lot.partner,
    )
    taker.account.receive(same, at=giver.now, actor=actor, reason=reason)
