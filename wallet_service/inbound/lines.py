"""What shop systems say was bought, line by line."""

from collections.abc import Sequence
from datetime import datetime

from wallet_service.domain.event import Customer, OrderPaid
from wallet_service.domain.purchase import Line
from wallet_service.inbound.reading import LARGEST, refused

MOST_SKU = 200


def bought(
    who: Customer | None,
    *,
    order_id: str,
    currency: str,
    lines: Sequence[Line],
    tax_minor: int,
    total_minor: int,
    paid_at: datetime,
    location: str | None = None,
) -> OrderPaid:
    """Return a paid order with what earns of it: the sum of its lines.

    Where a line takes something off, as a part exchange does, only the sum is told, since no rule is for such lines.
    Raises `EventRefused`.
    """
    eligible = sum(line.net_minor for line in lines if line.earns)
    if eligible > LARGEST:
        raise refused("line_items", "are more than any order comes to")
    return OrderPaid(
        customer=who or Customer(),
        order_id=order_id,
        currency=currency,
        eligible_minor=max(eligible, 0),
        lines=() if any(line.net_minor < 0 for line in lines) else tuple(lines),
        tax_minor=max(tax_minor, 0),
        total_minor=max(total_minor, 0),
        location=location,
        paid_at=paid_at,
    )


def named(sku: str | None, *ids: str | None) -> str:
    """Return what a line is called by: its stock keeping unit, or else the first id that it has."""
    text = "".join(filter(str.isprintable, sku or "")).strip()[:MOST_SKU]
    return text or next(filter(None, ids), "-")
