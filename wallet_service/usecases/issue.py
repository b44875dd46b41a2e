"""A reward is taken: a piece of its stock and a code of its pool go to it, and points are set apart or spent for it.

Nothing is written of a redemption before the ledger has given its transaction an id; `enter` does that.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection

from wallet_service.domain import limits
from wallet_service.domain.account import Account
from wallet_service.domain.errors import RewardUnavailable
from wallet_service.domain.ledger import Hold, Transaction
from wallet_service.domain.period import local_day, plus_months, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.program.reward_faults import granted
from wallet_service.domain.program.reward_tables import Reward
from wallet_service.domain.redeeming import (
    DONE_AT_ONCE,
    Why,
    cause_of,
    good_until,
    held,
    least_points,
    reached,
    worth,
)
from wallet_service.domain.redemption import Ended, NewRedemption, Redemption
from wallet_service.storage import codes, redemptions
from wallet_service.storage.redemptions import Change

HOLD_PREFIX = "hld_"
REDEMPTION_PREFIX = "rdm_"


class Taking(Struct, frozen=True):
    """Who takes rewards, from which account and when: a member under the customer's lock."""

    tx: Connection
    account: Account
    program: Program
    program_id: int
    member_id: int
    tier: str | None
    usual_cause: str | None
    now: datetime


def new_id(prefix: str) -> str:
    """Return an id that nobody guesses."""
    return prefix + secrets.token_hex(10)


def issue(
    taking: Taking,
    reward: Reward,
    *,
    points: int,
    cause: str | None = None,
    order_id: str | None = None,
    month: date | None = None,
    valid_until: datetime | None = None,
    at: datetime | None = None,
    minutes: int | None = None,
    actor: str | None = None,
) -> NewRedemption:
    """Take one of a reward for so many points, which are held for the till or spent at once as its kind wants it.

    What is issued can be used as long as the reward says, or until `valid_until` where that is given.
    Raises `RewardUnavailable` where stock or pool are empty, and `InsufficientBalance`.
    """
    at = at or taking.now
    new = NewRedemption(new_id(REDEMPTION_PREFIX), reward, points, "issued", at, cause=cause, order_id=order_id)
    new.month = month
    new.valid_until = valid_until or good_until(taking.program, reward, at)
    _draw(taking, new)
    new.value_minor = worth(reward, points)
    if held(reward) and points:
        until = at + timedelta(minutes=minutes or taking.program.points.hold_minutes)
        purpose = "pay_with_points" if reward.kind == "pay_with_points" else "reward"
        new.status, new.valid_until = "held", until
        new.hold = Hold(points, purpose, at, until, new_id(HOLD_PREFIX), order_id)  # type: ignore[arg-type]
        taking.account.hold(new.hold, rule=reward.code, actor=actor)
        return new
    if points:
        new.taken = taking.account.spend(points, at=at, partner=reward.partner, rule=reward.code)
    if reward.kind in DONE_AT_ONCE:
        new.status = "used"
    return new


def give_automatic(taking: Taking) -> Iterator[NewRedemption]:
    """Take every reward that comes by itself, as often as the balance reaches its cost."""
    for reward in taking.program.reward:
        left = _due(taking, reward)
        while left > 0 and reward.cost and taking.account.available >= reward.cost:
            cause = cause_of(taking.program, reward, chosen=None, usual=taking.usual_cause)
            try:
                yield issue(taking, reward, points=reward.cost, cause=cause)
            except RewardUnavailable:
                break
            left -= 1


def comes(taking: Taking) -> bool:
    """Whether a reward would come by itself now, as far as balance, tier and limits say."""
    return any(_due(taking, each) > 0 for each in taking.program.reward)


def give_monthly(taking: Taking, first: date, before: Sequence[NewRedemption]) -> Iterator[NewRedemption]:
    """Take what is given once a month, on the first day of one: of a gift without a fixed cost all that there is.

    Nothing is taken of whoever has chosen no cause, where the programme does not name one either.
    `before` are the rewards that were taken just now and are not written yet.
    """
    at = start_of(first, taking.program.zone)
    for reward in monthly(taking.program):
        points = reward.cost or taking.account.available
        least = max(least_points(reward), 1)
        if not least <= points <= taking.account.available or not reached(taking.program, reward, taking.tier):
            continue
        if reward.limit and _left(taking, reward, at, before) <= 0:
            continue
        cause = cause_of(taking.program, reward, chosen=None, usual=taking.usual_cause)
        if reward.kind == "donation" and cause is None:
            continue
        try:
            yield issue(taking, reward, points=points, cause=cause, month=first, at=at)
        except RewardUnavailable:
            continue


def monthly(program: Program) -> tuple[Reward, ...]:
    """Return the rewards that are taken once a month by themselves."""
    return tuple(each for each in program.reward if each.auto == "monthly")


def firsts(program: Program, since: datetime, until: datetime) -> Iterator[date]:
    """Yield the firsts of months that begin between two moments, both included, where anything happens on them."""
    if not monthly(program):
        return
    first = local_day(since, program.zone).replace(day=1)
    while (at := start_of(first, program.zone)) <= until:
        if at >= since:
            yield first
        first = plus_months(first, 1)


def next_first(program: Program, now: datetime) -> datetime | None:
    """Return when the next month begins on which something is given by itself."""
    if not monthly(program):
        return None
    return start_of(plus_months(local_day(now, program.zone).replace(day=1), 1), program.zone)


def enter(
    taking: Taking,
    new: Sequence[tuple[int, NewRedemption]],
    ended: Sequence[Change],
    posted: Sequence[Transaction],
    *,
    calendar: bool,
) -> list[Ended]:
    """Write new redemptions, and what the cause, the posted transactions and the calendar make of those before.

    Returns those before that have changed.
    """
    if new:
        redemptions.add(taking.tx, new, program_id=taking.program_id, member_id=taking.member_id)
    told = {each.id: each for each in ended}
    resolved = [_with(each, told.pop(each.id, None)) for each in _resolved(taking, posted)]
    changes = [*resolved, *told.values()]
    if calendar:
        lapsed = redemptions.lapsed(taking.tx, taking.member_id, now=taking.now)
        changes += [Change(each.id, "expired") for each in lapsed if each.id not in told]
    return redemptions.change(taking.tx, changes, program_id=taking.program_id, now=taking.now) if changes else []


def _resolved(taking: Taking, posted: Sequence[Transaction]) -> list[Change]:
    """Return what becomes of redemptions whose holds are resolved, by whomever."""
    ended = {each.hold.id: each for each in posted if each.hold and each.outcome}
    if not ended:
        return []
    found = redemptions.of_holds(taking.tx, list(ended))
    return [_ended(taking.program, each, ended[each.hold_row]) for each in found if each.hold_row]


def _ended(program: Program, held: Redemption, by: Transaction) -> Change:
    if by.outcome != "captured":
        status = "cancelled" if by.outcome == "voided" else "expired"
        return Change(held.id, status, returned=True, actor=by.actor, reason=by.reason)  # type: ignore[arg-type]
    assert by.hold is not None
    used = by.hold.points - by.available
    partner = next((each.partner for each in by.entries if each.partner), None)
    value = _worth_of(program, held, used)
    return Change(
        held.id, "used", points=used, value_minor=value, transaction_row=by.id, partner=partner, actor=by.actor
    )


def _worth_of(program: Program, held: Redemption, used: int) -> int | None:
    """Return what so many of the held points are worth: by the rate at which they were held, whatever it is now."""
    if held.value_minor is None:
        return None
    reward = program.reward_of(held.reward)
    if reward is not None and worth(reward, held.points) == held.value_minor:
        return worth(reward, used)
    return held.value_minor * used // held.points


def _with(change: Change, told: Change | None) -> Change:
    """Return what a resolved hold makes of a redemption, with what the cause says of it."""
    return replace(change, order_id=told.order_id, actor=told.actor, reason=told.reason) if told else change


def _draw(taking: Taking, new: NewRedemption) -> None:
    """Take a piece of the stock and a code of the pool.

    Raises `RewardUnavailable`.
    """
    reward = new.reward
    if reward.stock is not None or reward.kind == "collectible":
        redemptions.lock_stock(taking.tx, taking.program_id, _drawn_together(taking.program, reward))
        piece = redemptions.take_piece(taking.tx, program_id=taking.program_id, reward=reward.code, total=reward.stock)
        if piece is None:
            raise RewardUnavailable(reward.code, [Why("out_of_stock")])
        new.stocked = True
        new.serial = piece if reward.kind == "collectible" else None
    if reward.pool is not None:
        drawn = codes.draw(taking.tx, program_id=taking.program_id, pool=reward.pool, now=taking.now)
        if drawn is None:
            if new.stocked:
                redemptions.return_piece(taking.tx, program_id=taking.program_id, reward=reward.code)
            raise RewardUnavailable(reward.code, [Why("out_of_stock")])
        new.code_row = drawn.id
        new.valid_until = min((each for each in (new.valid_until, drawn.expires_at) if each), default=None)


def _drawn_together(program: Program, reward: Reward) -> set[str]:
    """Return the stocks that one transaction may draw on in any order: this one, and those of what comes by itself."""
    themselves = granted(program) | {each.code for each in program.reward if each.auto}
    return {reward.code} | {each.code for each in program.reward if each.stock is not None and each.code in themselves}


def _due(taking: Taking, reward: Reward) -> int:
    """Return how often a reward may come by itself; 0 unless the balance reaches its cost."""
    if reward.auto is not True or not reward.cost or taking.account.available < reward.cost:
        return 0
    return _left(taking, reward, taking.now) if reached(taking.program, reward, taking.tier) else 0


def _left(taking: Taking, reward: Reward, at: datetime, before: Sequence[NewRedemption] = ()) -> int:
    """Return how often the reward's limit still lets the member take it then, after those that are not written yet."""
    if reward.limit is None:
        return taking.account.available
    since = limits.since(reward.limit.per, at, taking.program.zone)
    uses = redemptions.uses(taking.tx, taking.member_id, {reward.code: since})
    unwritten = sum(each.reward is reward and (since is None or each.at >= since) for each in before)
    return reward.limit.times - uses.get(reward.code, 0) - unwritten
