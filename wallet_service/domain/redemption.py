"""A redemption: a reward that a member has taken, from the points set apart or spent for it to its use or return."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from wallet_service.domain.ledger import Hold, Transaction
from wallet_service.domain.program.reward_tables import Reward, RewardKind

Status = Literal["held", "issued", "used", "cancelled", "expired", "refunded"]


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption as it stands; `id` and what ends in `_row` are ours and internal.

    `points` is what it cost, or what is held for it; `refunded` of them came back after it had been used.
    `value_minor` is what they are worth where the reward is money, `serial` the number of a piece in a series, `month`
    the first day of the month of a monthly gift. `code_row` is None while no code has been made. `taken_by` is the
    member whose points it cost, who may have become one with another since.
    """

    id: int
    public_id: str
    member_id: int
    taken_by: int
    reward: str
    kind: RewardKind
    points: int
    status: Status
    created_at: datetime
    value_minor: int | None = None
    hold_row: int | None = None
    transaction_row: int | None = None
    code_row: int | None = None
    valid_until: datetime | None = None
    partner: str | None = None
    cause: str | None = None
    order_id: str | None = None
    serial: int | None = None
    month: date | None = None
    refunded: int = 0


@dataclass(slots=True, eq=False)
class NewRedemption:
    """A redemption that is coming about; it is written once the ledger has given its hold and transaction their ids.

    `stocked`: one piece was taken from a stock.
    """

    public_id: str
    reward: Reward
    points: int
    status: Status
    at: datetime
    value_minor: int | None = None
    hold: Hold | None = None
    taken: Transaction | None = None
    code_row: int | None = None
    stocked: bool = False
    valid_until: datetime | None = None
    cause: str | None = None
    order_id: str | None = None
    serial: int | None = None
    month: date | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A redemption that was used or taken back just now, wholly or in part: what became of it, by our id of it."""

    public_id: str
    reward: str
    kind: RewardKind
    status: Status
    points: int
    refunded: int
    value_minor: int | None
    order_id: str | None
