"""Double entry in points: accounts, entries that sum to zero, and the transactions of the trade."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MemberAccount = Literal["available"]
ProgramAccount = Literal["issuance", "adjustment", "forgiven"]
AccountKind = MemberAccount | ProgramAccount

TransactionType = Literal["earn", "earn_reversal", "adjust"]


class Unbalanced(Exception):
    """Entries of a transaction do not sum to zero: a fault in our own rules, never in a sender's data."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Points that one account gains (positive) or gives (negative); never zero."""

    account: AccountKind
    points: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """Entries that belong together; `qualifying` is what they add to the member's way to a tier.

    Raises `Unbalanced` when the entries do not sum to zero.
    """

    type: TransactionType
    entries: tuple[Entry, ...]
    qualifying: int = 0
    rule: str | None = None
    actor: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        points = [each.points for each in self.entries]
        if not points or sum(points) != 0 or 0 in points:
            raise Unbalanced(f"{self.type}: {self.entries}")

    @property
    def available(self) -> int:
        """What the member's spendable balance gains or loses."""
        return sum(each.points for each in self.entries if each.account == "available")


def earn(points: int, *, rule: str) -> Transaction:
    """Return the issue of `points` > 0 to a member; they count towards the tier."""
    return Transaction("earn", (Entry("issuance", -points), Entry("available", points)), points, rule)


def reverse_earning(points: int, *, available: int, clamp: bool, rule: str) -> Transaction:
    """Return the taking back of `points` > 0 that an order no longer deserves.

    With `clamp` the balance never falls below zero: what the member has already spent is forgiven, on an account
    of its own. Without it the balance may become negative. The way to the tier loses all of them either way.
    """
    taken = min(points, max(available, 0)) if clamp else points
    entries = (Entry("available", -taken), Entry("issuance", points), Entry("forgiven", taken - points))
    return Transaction("earn_reversal", tuple(each for each in entries if each.points), -points, rule)


def adjust(points: int, *, actor: str, reason: str) -> Transaction:
    """Return a correction by a person; it changes what can be spent, never the way to a tier."""
    entries = (Entry("adjustment", -points), Entry("available", points))
    return Transaction("adjust", entries, actor=actor, reason=reason)


def total(transactions: Sequence[Transaction]) -> tuple[int, int]:
    """Return what the transactions together add to the spendable balance and to the way to a tier."""
    return sum(each.available for each in transactions), sum(each.qualifying for each in transactions)
