"""Double entry in points: accounts, lots, entries that sum to zero, and what a transaction moves."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from msgspec import Struct

from wallet_service.domain.grounds import UNFOUNDED, Grounds

MemberAccount = Literal["available", "pending", "held"]
ProgramAccount = Literal["issuance", "redemption", "breakage", "adjustment", "forgiven", "partner", "transfer"]
AccountKind = MemberAccount | ProgramAccount
MEMBER_ACCOUNTS: tuple[MemberAccount, ...] = ("available", "pending", "held")
Bucket = Literal["pending", "available", "held", "out"]

TransactionType = Literal[
    "earn",
    "activate",
    "hold",
    "redeem",
    "hold_void",
    "hold_expire",
    "redeem_reversal",
    "expire",
    "earn_reversal",
    "adjust",
    "transfer_out",
    "transfer_in",
    "partner_settlement",
]


# What always keeps points alive, where a programme's expiry depends on it.
ACTIVITY: tuple[TransactionType, ...] = ("earn", "redeem", "transfer_in")


class Unbalanced(Exception):
    """A transaction's entries or allocations do not add up: a fault in our own rules, never in a sender's data."""


class Entry(Struct, frozen=True):
    """Points that one account gains (positive) or gives (negative); never zero. `partner` names whose account."""

    account: AccountKind
    points: int
    partner: str | None = None


@dataclass(slots=True, eq=False)
class Lot:
    """Points that came together and die together; the buckets say where they are now, what is missing has gone out.

    `id` is 0 until the lot has been entered. `order_row` is our row id of the order that earned it.
    """

    points: int
    effective_at: datetime
    id: int = 0
    pending: int = 0
    available: int = 0
    held: int = 0
    activates_at: datetime | None = None
    expires_at: datetime | None = None
    rule: str | None = None
    order_row: int | None = None
    partner: str | None = None

    @property
    def left(self) -> int:
        """The points that are still the member's."""
        return self.pending + self.available + self.held


class Allocation(Struct, frozen=True):
    """What one bucket of a lot gains or gives."""

    lot: Lot
    bucket: Bucket
    delta: int


@dataclass(slots=True, eq=False)
class Hold:
    """Points set apart until they are captured, voided or timed out; `parts` says how many came from which lot."""

    points: int
    purpose: Literal["reward", "pay_with_points"]
    created_at: datetime
    expires_at: datetime
    public_id: str
    reference: str | None = None
    id: int = 0
    parts: list[tuple[Lot, int]] = field(default_factory=list)


Outcome = Literal["captured", "voided", "expired"]


@dataclass(slots=True, eq=False)
class Transaction:
    """Entries that belong together, the lots that they move, and why.

    `at` is when it counts, `qualifying` what it adds to the points that count for a tier. `opens` is a lot that it
    brings into being; `hold` the hold that it opens, or ends with `outcome`. `reverses` is the transaction taken back.
    `grounds` say why all was earned of which it gives the whole or a part.
    Raises `Unbalanced` when it does not add up.
    """

    type: TransactionType
    at: datetime
    entries: tuple[Entry, ...]
    allocations: tuple[Allocation, ...] = ()
    opens: Lot | None = None
    hold: Hold | None = None
    outcome: Outcome | None = None
    qualifying: int = 0
    rule: str | None = None
    order_row: int | None = None
    actor: str | None = None
    reason: str | None = None
    reverses: int | None = None
    grounds: Grounds = UNFOUNDED
    id: int = 0

    @property
    def is_activity(self) -> bool:
        """Whether it keeps points alive; points that a person gives do where no day of their own ends them."""
        given = self.type == "adjust" and self.opens is not None and self.opens.expires_at is None
        return given or self.type in ACTIVITY

    def __post_init__(self) -> None:
        points = [each.points for each in self.entries]
        if not points or sum(points) != 0 or 0 in points:
            raise Unbalanced(f"{self.type}: {self.entries}")
        moved: dict[int, int] = {}
        for each in self.allocations:
            moved[id(each.lot)] = moved.get(id(each.lot), 0) + each.delta
        for lot in {id(each.lot): each.lot for each in self.allocations}.values():
            if moved[id(lot)] != (lot.points if lot is self.opens else 0):
                raise Unbalanced(f"{self.type}: a lot of {lot.points} points moved by {moved[id(lot)]}")
        for bucket in ("pending", "held"):  # the available account may differ from its lots by a deficit
            if self.gained(bucket) != sum(each.delta for each in self.allocations if each.bucket == bucket):
                raise Unbalanced(f"{self.type}: {bucket} and its lots differ")

    def gained(self, account: MemberAccount) -> int:
        """Return what a member's account gains or gives."""
        return sum(each.points for each in self.entries if each.account == account)

    @property
    def forgiven(self) -> int:
        """What it lets the member off, below 0 where that is taken after all."""
        return -sum(each.points for each in self.entries if each.account == "forgiven")

    @property
    def available(self) -> int:
        """What the member's spendable balance gains or loses."""
        return self.gained("available")
