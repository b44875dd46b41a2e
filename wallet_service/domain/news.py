"""What a merchant is told of a member: the types of news, and what a closed book comes to in them.

Nothing personal is among it: no name, no birthday, and nothing that staff wrote.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wallet_service.domain.expiry import NEVER
from wallet_service.domain.ledger import MEMBER_ACCOUNTS, Transaction, TransactionType
from wallet_service.domain.member import Membership, Position
from wallet_service.domain.program import Program
from wallet_service.domain.redemption import Ended, NewRedemption
from wallet_service.domain.tiering import Change

TYPES = (
    "member.enrolled",
    "points.earned",
    "points.pending",
    "points.activated",
    "points.held",
    "points.redeemed",
    "points.returned",
    "points.reversed",
    "points.expired",
    "points.expiring",
    "points.adjusted",
    "tier.upgraded",
    "tier.downgraded",
    "tier.prolonged",
    "tier.expiring",
    "reward.issued",
    "reward.used",
    "reward.cancelled",
    "referral.qualified",
    "challenge.progressed",
    "challenge.completed",
    "membership.started",
    "membership.renewed",
    "membership.ended",
    "pass.added",
    "pass.removed",
)
TEST = "endpoint.test"  # what an endpoint is tried out with; no filter names it
FAMILIES = tuple(dict.fromkeys(each.split(".")[0] + ".*" for each in TYPES))  # as filters name them: "points.*"

_POSTED: dict[TransactionType, str] = {
    "earn": "points.earned",
    "activate": "points.activated",
    "hold": "points.held",
    "redeem": "points.redeemed",
    "hold_void": "points.returned",
    "hold_expire": "points.returned",
    "redeem_reversal": "points.returned",
    "expire": "points.expired",
    "earn_reversal": "points.reversed",
    "adjust": "points.adjusted",
    "transfer_out": "points.adjusted",
    "transfer_in": "points.adjusted",
}
_ENDED = {"used": "reward.used", "cancelled": "reward.cancelled", "expired": "reward.cancelled"} | {
    "refunded": "reward.cancelled"
}
_RANKED = {"upgraded": "tier.upgraded", "downgraded": "tier.downgraded", "prolonged": "tier.prolonged"}


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened to a member: its type, and what there is to say of it.

    Where the member stood afterwards is said beside it, as of when all is done unless `facts` have it otherwise.
    """

    type: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """A closed book: the member before and after, what was posted, and what became of tier and rewards.

    `orders` names the merchant's orders by our row ids of them. `noted` is what else happened on the way.
    """

    program: Program
    before: Membership
    after: Membership
    posted: Sequence[Transaction]
    orders: Mapping[int, str]
    taken: Sequence[NewRedemption] = ()
    ended: Sequence[Ended] = ()
    changes: Sequence[Change] = ()
    noted: Sequence[News] = ()

    def news(self) -> list[News]:
        """Return everything in its order: points, rewards, what else was noted, the tier."""
        return [*self._points(), *self._rewards(), *self.noted, *self._tiers()]

    def _points(self) -> Iterator[News]:
        position = self.before.position
        has = {each: getattr(position, each) for each in MEMBER_ACCOUNTS}
        for each in self.posted:
            gained = {account: each.gained(account) for account in MEMBER_ACCOUNTS}
            has = {account: has[account] + gained[account] for account in MEMBER_ACCOUNTS}
            if any(gained.values()):
                standing = {"balance": has["available"], "pending": has["pending"], "held": has["held"]}
                yield News(_type_of(each), _of_entry(each, self.orders) | standing)

    def _rewards(self) -> Iterator[News]:
        for each in self.taken:
            facts = {
                "redemption": each.public_id,
                "reward": each.reward.code,
                "kind": each.reward.kind,
                "status": each.status,
                "points": each.points,
                "value_minor": each.value_minor,
                "order_id": each.order_id,
                "valid_until": each.valid_until,
            }
            yield News("reward.issued", _known(facts))
            if each.status == "used":
                yield News("reward.used", _known(facts))
        for gone in self.ended:
            if gone.status != "used" or not gone.refunded:  # what comes back in part was used all the same
                facts = {
                    "redemption": gone.public_id,
                    "reward": gone.reward,
                    "kind": gone.kind,
                    "status": gone.status,
                    "points": gone.points,
                    "value_minor": gone.value_minor,
                    "order_id": gone.order_id,
                }
                yield News(_ENDED[gone.status], _known(facts))

    def _tiers(self) -> Iterator[News]:
        rank, lowest = self.before.position.rank, next((each.code for each in self.program.tier), None)
        tier = rank.tier if rank else lowest
        for each in self.changes:
            kind = _RANKED.get(each.kind) or self._moved(each, tier)
            if kind is not None:
                facts = {"tier": each.tier, "previous_tier": tier, "day": each.day, "last_day": each.valid_until}
                yield News(kind, _known(facts))
            tier = each.tier

    def _moved(self, change: Change, before: str | None) -> str | None:
        """Return what became of a tier that a person has set, or that somebody joined in, also anew by other rules."""
        higher = self.program.rank(change.tier) - max(self.program.rank(before), 0)
        if change.kind == "left" or (change.kind == "joined" and not higher):
            return None
        return "tier.prolonged" if not higher else "tier.upgraded" if higher > 0 else "tier.downgraded"


def told(news: News, *, program: str, member: Membership) -> dict[str, Any]:
    """Return what a message says of some news: whose it is, what happened, and where the member stands."""
    whose = {
        "program": program,
        "member_id": member.public_id,
        "customer_id": member.customer_id,
        "serial_number": member.card.serial_number,
    }
    standing = {name: value for name, value in _standing(member.position).items() if name not in news.facts}
    return whose | dict(news.facts) | standing


def pattern_fault(pattern: str) -> str | None:
    """Return what is wrong with a filter, or None: it names a type, or a family of them."""
    if pattern in TYPES or pattern in FAMILIES:
        return None
    return f"{pattern!r} is no type of event; there are {', '.join(FAMILIES)} and each type by its name"


def _standing(position: Position) -> dict[str, Any]:
    return {
        "balance": position.available,
        "pending": position.pending,
        "held": position.held,
        "tier": position.rank.tier if position.rank else None,
    }


def _type_of(posted: Transaction) -> str:
    return "points.pending" if posted.type == "earn" and posted.gained("pending") else _POSTED[posted.type]


def _of_entry(posted: Transaction, orders: Mapping[int, str]) -> dict[str, Any]:
    total = sum(posted.gained(account) for account in MEMBER_ACCOUNTS)
    moved = max(posted.gained(account) for account in MEMBER_ACCOUNTS)
    by_hand = _POSTED[posted.type] == "points.adjusted"
    lot = posted.opens
    facts = {
        "transaction": posted.id,
        "entry": posted.type,
        "points": total if by_hand else abs(total) or moved,
        "effective_at": posted.at,
        "rule": posted.rule,
        "order_id": orders.get(posted.order_row) if posted.order_row is not None else None,
        "hold": posted.hold.public_id if posted.hold else None,
        "activates_at": lot.activates_at if lot else None,
        "expires_at": lot.expires_at if lot else None,
    }
    return _known(facts)


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts without those that are not known, or lie beyond all time."""
    return {name: value for name, value in facts.items() if value is not None and value != NEVER}
