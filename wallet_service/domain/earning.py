"""What an order deserves in its present state, and the transactions that bring the ledger there."""

from dataclasses import dataclass, replace

from wallet_service.domain import ledger
from wallet_service.domain.ledger import Transaction
from wallet_service.domain.program import Program


@dataclass(frozen=True, slots=True)
class Order:
    """An order as far as it is known; amounts in minor units.

    `eligible_minor` is None until the order itself has arrived: a refund may come first. `earned` is what its first
    evaluation gave and stays as it was, so that a later change of the rules re-rates no old order. `kept` is what
    the ledger holds for it now.
    """

    order_id: str
    eligible_minor: int | None = None
    refunded_minor: int = 0
    earned: int | None = None
    kept: int = 0

    def paid(self, eligible_minor: int) -> "Order":
        """Return the order with its eligible amount; the first amount that arrives stays."""
        return self if self.eligible_minor is not None else replace(self, eligible_minor=eligible_minor)

    def refunded(self, refunded_minor: int) -> "Order":
        """Return the order with its cumulative refund; an older, smaller figure that arrives late changes nothing."""
        return replace(self, refunded_minor=max(self.refunded_minor, refunded_minor))

    @property
    def deserved(self) -> int:
        """The points that the order's present state deserves: earned x remaining / eligible, floored once."""
        if not self.earned or not self.eligible_minor:
            return 0
        remaining = max(self.eligible_minor - self.refunded_minor, 0)
        return self.earned * remaining // self.eligible_minor


def settle(order: Order, program: Program, *, available: int) -> tuple[Order, list[Transaction]]:
    """Return the order as it stands after posting, and the transactions that make up the difference.

    Posting the difference to the desired state, instead of each event's own effect, lets events arrive in any order
    and any number of times.
    """
    if order.eligible_minor is not None and order.earned is None:
        order = replace(order, earned=program.earned(order.eligible_minor))
    change = order.deserved - order.kept
    settled = replace(order, kept=order.deserved)
    rule = "+".join(each.code for each in program.earning_rule)
    if change > 0:
        return settled, [ledger.earn(change, rule=rule)]
    if change < 0:
        clamp = program.points.refund.earned == "clamp_to_zero"
        return settled, [ledger.reverse_earning(-change, available=available, clamp=clamp, rule=rule)]
    return settled, []
