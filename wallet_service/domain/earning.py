"""What an order deserves in its present state, and how the ledger is brought there."""

import operator
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, structs

from wallet_service.domain.account import Account
from wallet_service.domain.award import Award
from wallet_service.domain.event import (
    OrderClaimed,
    OrderFact,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    OrderUpdated,
    Refund,
    RefundUpdated,
)
from wallet_service.domain.expiry import NEVER, Expiry, activates_at, expiry_of
from wallet_service.domain.grounds import UNFOUNDED, Grounds
from wallet_service.domain.ledger import Lot
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import FULFILLED
from wallet_service.domain.purchase import Buyer, Purchase
from wallet_service.domain.taken import UNTAKEN, Pairs, Taken


class Order(Struct, frozen=True):
    """An order as far as it is known; amounts in minor units.

    `purchase` is None until the order itself has arrived: a refund may come first. `earned` is what its evaluation gave
    for `evaluated_minor`, by `rule` and on these `grounds`, in `program_version` of the programme and to somebody in
    `tier`: those of its first evaluation, so that a later change of the rules re-rates no old order. Where something
    else was bought than was `evaluated`, it is evaluated again, in just that version and tier, and `taken` is not taken
    again. One of which that was not kept yet earns at the rate that it had.
    `kept` is what the ledger holds for it now, `forgiven` what could not be taken back. `counted_minor` of it counts as
    spent, `counted` as an order.

    `refunds` are the cumulative refunds that were told by themselves, with their times, as far as no later one tells as
    much; `snapshot_minor` is that of the newest whole snapshot of the order, as it stood at `version`, and
    `snapshot_gross` if that counts tax and shipping. `singles` are the refunds that were told one by one, each as it
    stood last.
    """

    order_id: str
    row_id: int
    purchase: Purchase | None = None
    refunds: tuple[tuple[datetime, int], ...] = ()
    snapshot_minor: int = 0
    snapshot_gross: bool = False
    singles: tuple[Refund, ...] = ()
    cancelled: bool = False
    version: datetime | None = None
    fulfilled_at: datetime | None = None
    earned: int | None = None
    evaluated_minor: int | None = None
    rule: str | None = None
    grounds: Grounds = UNFOUNDED
    tier: str | None = None
    program_version: int | None = None
    evaluated: Purchase | None = None
    taken: Taken | None = None
    kept: int = 0
    forgiven: int = 0
    counted_minor: int = 0
    counted: bool = False

    def paid(self, purchase: Purchase) -> "Order":
        """Return the order with what was bought, as the newest snapshot has it, or else whatever arrived first.

        When it was paid, and to whom, stays as it arrived first.
        """
        known = self.purchase
        if known is None:
            return structs.replace(self, purchase=purchase)
        if known.version is None and purchase.version is None:
            return self
        newest = max(known, purchase, key=_newness)
        return structs.replace(self, purchase=structs.replace(newest, paid_at=known.paid_at, partner=known.partner))

    def refunded(self, refunded_minor: int, *, at: datetime) -> "Order":
        """Return the order with a cumulative refund; a smaller figure of an earlier time says nothing."""
        told = {*self.refunds, (at, refunded_minor)}
        lasting = [
            (when, minor)
            for when, minor in told
            if not any(later >= when and more >= minor and (later, more) != (when, minor) for later, more in told)
        ]
        return structs.replace(self, refunds=tuple(sorted(lasting)))

    def refund_told(self, refund: Refund) -> "Order":
        """Return the order with one refund; an older state of it says nothing.

        Of two states of the same time the one that undoes it counts, then the larger one, whichever comes first.
        """
        known = next((each for each in self.singles if each.id == refund.id), None)
        if known and _lateness(known) >= _lateness(refund):
            return self
        others = (each for each in self.singles if each.id != refund.id)
        return structs.replace(self, singles=tuple(sorted((*others, refund), key=lambda each: each.id)))

    def seen(self, *, refunded_minor: int, cancelled: bool, version: datetime, gross: bool = False) -> "Order":
        """Return the order as a whole snapshot of it says, which may undo a refund; an older snapshot says nothing.

        Of two of the same time the one that pays back more counts, whichever comes first.
        """
        told = (version, cancelled, refunded_minor, gross)
        if self.version is not None and told <= (
            self.version,
            self.cancelled,
            self.snapshot_minor,
            self.snapshot_gross,
        ):
            return self
        return structs.replace(
            self, snapshot_minor=refunded_minor, snapshot_gross=gross, cancelled=cancelled, version=version
        )

    def fulfilled(self, at: datetime) -> "Order":
        """Return the order as one that was handed over or sent; of several times the first counts."""
        return structs.replace(self, fulfilled_at=min(self.fulfilled_at or at, at))

    @property
    def refunded_minor(self) -> int:
        """What was paid back of what is eligible: cumulative figures or single refunds, whichever tell of more.

        Cumulative is what the newest snapshot says, or more if that was told after it; a refund that was undone after
        the snapshot is still in it. Disputes come on top of either.
        """
        return self._paid_back(self._of_eligible)

    def _paid_back(self, part: Callable[[int, int], int]) -> int:
        """Return the `part` of all that was paid back, which it is asked for of goods alone, and with tax and all."""
        if not (self.refunds or self.singles or self.snapshot_minor):
            return 0
        later = [minor for at, minor in self.refunds if self.version is None or at > self.version]
        refunds = [each for each in self.singles if not each.disputed]
        undone = [each for each in refunds if each.undone and self.version and each.version > self.version]
        told = _added([each for each in refunds if not each.undone])
        disputed = _added([each for each in self.singles if each.disputed and not each.undone])
        back_net, back_gross = _added(undone)
        snapshot = (0, self.snapshot_minor) if self.snapshot_gross else (self.snapshot_minor, 0)
        cumulative = part(snapshot[0] - back_net, snapshot[1] - back_gross)
        return max((cumulative, *later, part(*told))) + part(*disputed)

    def _of_eligible(self, net: int, gross: int) -> int:
        """Return the part of amounts that is of what is eligible; floored, and all of it where all was paid back."""
        total = self.purchase.total_minor if self.purchase else None
        if self.purchase is None or not total:
            return net + gross
        return net + gross * self.purchase.eligible_minor // total

    @property
    def remaining_minor(self) -> int:
        """What is still paid of the eligible amount."""
        if self.purchase is None or self.cancelled:
            return 0
        return max(self.purchase.eligible_minor - self.refunded_minor, 0)

    @property
    def _left(self) -> tuple[int, int]:
        """What is left of how much: of the eligible amount, or of all that was paid where nothing is eligible."""
        if self.purchase is None or self.cancelled:
            return 0, 1
        if self.purchase.eligible_minor:
            return self.remaining_minor, self.purchase.eligible_minor
        total = self.purchase.total_minor
        return (max(total - self._paid_back(operator.add), 0), total) if total else (1, 1)

    @property
    def deserved(self) -> int:
        """The points that the order's present state deserves: earned x remaining / evaluated, floored once."""
        if not self.earned:
            return 0
        if self.evaluated_minor and self.taken is None:
            return self.earned * self.remaining_minor // self.evaluated_minor
        left, whole = self._left
        return self.earned * left // whole

    @property
    def to_be_evaluated(self) -> bool:
        """Whether it was paid, and not evaluated yet, or by something else than what was bought."""
        if self.purchase is None or self.earned is None:
            return self.purchase is not None
        return self.taken is not None and (self.evaluated is None or _bare(self.evaluated) != _bare(self.purchase))

    def as_first(self, buyer: Buyer) -> Buyer:
        """Return the buyer by whom the order is evaluated: in the tier and the segments of its first evaluation."""
        if self.taken is None:
            return buyer
        return structs.replace(buyer, tier=self.tier, segments=frozenset(self.taken.segments))

    @property
    def to_be_looked_at(self) -> bool:
        """Whether it is to be evaluated, or counts as an order and did not before, or the other way round."""
        return self.to_be_evaluated or (self.taken is not None and self.taken.idle == self.counts)

    def rated(self, purchase: Purchase, award: Award, buyer: Buyer) -> "Order":
        """Return the order with what that purchase earns by an evaluation, which took the place of the one before."""
        return structs.replace(
            self,
            earned=award.points,
            evaluated_minor=purchase.eligible_minor,
            rule=award.rule or None,
            grounds=award.grounds,
            tier=buyer.tier,
            evaluated=purchase,
            taken=(self.taken or UNTAKEN).followed_by(award, buyer.segments),
        )

    def counting(self, marks: Pairs, *, but: Pairs) -> "Order":
        """Return the order as it now counts or does not, with these `marks` and those before `but` some of them."""
        taken = self.taken or UNTAKEN
        kept = tuple(each for each in taken.marks if each not in but)
        new = tuple(each for each in marks if each not in kept)
        return structs.replace(self, taken=structs.replace(taken, marks=kept + new, idle=not self.counts))

    @property
    def paid_back(self) -> bool:
        """Whether some of it was paid back, or it was cancelled."""
        left, whole = self._left
        return self.cancelled or (self.purchase is not None and left < whole)

    def still_spent(self, points: int) -> int:
        """Return how many of so many points that paid for it are still spent: as much of them as of it, rounded up."""
        if self.purchase is None and not self.cancelled:
            return points
        left, whole = self._left
        return min(-(-points * left // whole), points)

    @property
    def counts(self) -> bool:
        """Whether the order counts as one: it was paid, and not all of it was paid back."""
        return self._left[0] > 0


def _bare(purchase: Purchase) -> Purchase:
    """Return what was bought, whichever snapshot told of it."""
    return structs.replace(purchase, version=None)


def _newness(purchase: Purchase) -> tuple[object, ...]:
    """Order purchases by the snapshots that told of them; of one time the larger counts, whichever comes first."""
    told_at = (purchase.version is not None, purchase.version or purchase.paid_at)
    rest = (purchase.tax_minor, purchase.location, purchase.lines)
    return (*told_at, purchase.eligible_minor, purchase.total_minor or 0, repr(rest))


def _added(refunds: list[Refund]) -> tuple[int, int]:
    """Return what refunds come to: those of goods alone, and those with tax and shipping."""
    gross = sum(each.minor for each in refunds if each.gross)
    return sum(each.minor for each in refunds) - gross, gross


def _lateness(refund: Refund) -> tuple[object, ...]:
    return (refund.version, refund.undone, refund.minor, refund.gross, refund.disputed)


def told(order: Order, fact: OrderFact, *, at: datetime) -> Order:
    """Return the order with what an event of the time `at` says of it."""
    match fact:
        case OrderPaid():
            return order.paid(_bought(fact, at))
        case OrderRefunded():
            return order.refunded(fact.refunded_minor, at=at)
        case OrderUpdated():
            order = order.seen(
                refunded_minor=fact.refunded_minor, cancelled=fact.cancelled, version=fact.version, gross=fact.gross
            )
            for refund in fact.refunds:
                order = order.refund_told(refund)
            return order.paid(structs.replace(_bought(fact.paid, at), version=fact.version)) if fact.paid else order
        case RefundUpdated():
            return order.refund_told(fact.refund)
        case OrderFulfilled():
            return order.fulfilled(at)
        case OrderClaimed():
            return order  # whose it is, the order itself does not say


def _bought(fact: OrderPaid, at: datetime) -> Purchase:
    return Purchase(
        order_id=fact.order_id,
        paid_at=fact.paid_at or at,
        eligible_minor=fact.eligible_minor,
        lines=fact.lines,
        tax_minor=fact.tax_minor,
        total_minor=fact.total_minor,
        partner=fact.partner,
        location=fact.location,
    )


def settle(order: Order, account: Account, program: Program, *, at: datetime) -> Order:
    """Bring the ledger to what the order deserves, and return the order as it then stands.

    Posting the difference to the desired state, instead of each event's own effect, lets events arrive in any order
    and any number of times. `at` is when the event happened that made the difference.
    """
    change = order.deserved - order.kept
    partner = order.purchase.partner if order.purchase and program.partner else None
    if change > 0:
        lot = new_lot(
            program,
            expiry_of(program, order.tier),
            change,
            earned_at=order.purchase.paid_at if order.purchase else at,
            rule=order.rule,
            order_row=order.row_id,
            partner=partner,
        )
        if order.fulfilled_at is not None and program.points.waits_for(FULFILLED):
            lot.activates_at = None  # what they wait for has happened already
            lot.expires_at = account.expiry.of_lot(max(lot.effective_at, order.fulfilled_at))
        account.earn(lot, qualifying=change, forgiven=order.forgiven, grounds=order.grounds)
        return structs.replace(order, kept=order.deserved, forgiven=max(order.forgiven - change, 0))
    if change < 0:
        _, forgiven = account.reverse(
            -change,
            order_row=order.row_id,
            at=at,
            only_pending=program.points.refund.earned == "only_pending",
            floor=program.points.floor,
            rule=order.rule,
            partner=partner,
        )
        return structs.replace(order, kept=order.deserved, forgiven=order.forgiven + forgiven)
    return order


def new_lot(
    program: Program,
    expiry: Expiry,
    points: int,
    *,
    earned_at: datetime,
    rule: str | None,
    order_row: int | None = None,
    partner: str | None = None,
) -> Lot:
    """Return a lot of points earned then: pending where the programme says so, and with its day of death.

    Points that belong to no order are spendable at once where others wait for an event of their order.
    """
    waits_until = activates_at(program, earned_at)
    if waits_until == NEVER and order_row is None:
        waits_until = None
    return Lot(
        points=points,
        effective_at=earned_at,
        activates_at=waits_until,
        expires_at=expiry.of_lot(waits_until or earned_at),
        rule=rule,
        order_row=order_row,
        partner=partner,
    )
