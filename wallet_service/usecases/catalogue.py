"""The rewards of a programme as they lie before a member: which can be had now, and why not the others."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from wallet_service.domain import limits
from wallet_service.domain.errors import UnknownMember
from wallet_service.domain.event import Customer
from wallet_service.domain.member import Membership
from wallet_service.domain.program import Program
from wallet_service.domain.redeeming import Chooser, Offer, Why, offers
from wallet_service.storage import codes, members, redemptions
from wallet_service.usecases.book import account_of
from wallet_service.usecases.operate import OpenProgram


@dataclass(frozen=True, slots=True)
class Choice:
    """A reward, whether the member can have it now, and every reason why not.

    `cost` in points; of one without a fixed cost, `most_points` can be spent now, worth `most_minor`. `left` is how
    many there are, None where they do not run out.
    """

    reward: str
    kind: str
    name: str | None
    cost: int | None
    value: int | None
    available: bool
    whys: tuple[Why, ...]
    min_tier: str | None
    left: int | None
    most_points: int | None
    most_minor: int | None


def catalogue(
    tx: Connection, *, program: OpenProgram, customer: Customer, order_minor: int | None = None, now: datetime
) -> tuple[Choice, ...]:
    """Return all rewards in the programme's order; `order_minor` is the order that points would pay a part of.

    Nothing is written or locked. Raises `UnknownMember`.
    """
    named = members.external_id(tx, program.id, customer)
    member = members.find(tx, program.id, members.survivor(tx, program.id, named)) if named else None
    if member is None:
        raise UnknownMember(str(customer))
    account = account_of(tx, member, program.template)
    if member.position.due_at is not None and member.position.due_at <= now:
        account.settle(now)
    rank = member.position.rank
    rules = program.template.program
    chooser = chooser_of(tx, member, rules, available=account.available, tier=rank.tier if rank else None, now=now)
    return tuple(_choice(each, chooser) for each in offers(rules, chooser, order_minor=order_minor))


def chooser_of(
    tx: Connection, member: Membership, program: Program, *, available: int, tier: str | None, now: datetime
) -> Chooser:
    """Return what decides on the rewards that a member can have: stock, codes that are left, limits."""
    limited = {each.code: each.limit for each in program.reward if each.limit}
    since = {code: limits.since(limit.per, now, program.zone) for code, limit in limited.items()}
    return Chooser(
        available=available,
        tier=tier,
        active=not member.voided and member.merged_into is None,
        uses=redemptions.uses(tx, member.id, since) if since else {},
        left=_left(tx, member.program_id, program, now),
    )


def _left(tx: Connection, program_id: int, program: Program, now: datetime) -> dict[str, int]:
    stocks = {each.code: each.stock for each in program.reward if each.stock is not None}
    used = redemptions.used_stock(tx, program_id, list(stocks)) if stocks else {}
    left = {code: max(stock - used[code], 0) for code, stock in stocks.items()}
    pools = {each.code: each.pool for each in program.reward if each.pool is not None}
    free = codes.left(tx, program_id, sorted(set(pools.values())), now=now) if pools else {}
    return left | {code: min(free[pool], left.get(code, free[pool])) for code, pool in pools.items()}


def _choice(offer: Offer, chooser: Chooser) -> Choice:
    reward = offer.reward
    return Choice(
        reward=reward.code,
        kind=reward.kind,
        name=reward.name,
        cost=reward.cost,
        value=reward.value,
        available=offer.available,
        whys=offer.whys,
        min_tier=reward.min_tier,
        left=chooser.left.get(reward.code),
        most_points=offer.most_points,
        most_minor=offer.most_minor,
    )
