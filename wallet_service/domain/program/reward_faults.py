"""What is wrong in the tables that say what points are good for, and what happens by itself."""

from collections.abc import Iterator

from wallet_service.domain.period import Period
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_faults import event, matching, misspelt_order
from wallet_service.domain.program.findings import (
    A_YEAR,
    Finding,
    all_unresolved,
    codes,
    exactly,
    given,
    longest,
    outside,
    repeated,
    shortest,
    unlimited,
    unresolved,
)
from wallet_service.domain.program.reward_tables import HOLDOUT, METRICS, Experiment, Reward, Segment, Trigger
from wallet_service.domain.program.tier_faults import worth
from wallet_service.domain.program.values import exact
from wallet_service.domain.purchase import YEARLY

RATED = ("pay_with_points", "donation", "gift_card")  # kinds of any amount
ALWAYS_RATED = ("pay_with_points", "donation")


def rewards(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each reward."""
    yield from repeated("reward", program.reward)
    for index, reward in enumerate(program.reward):
        where = f"reward[{index}]"
        yield from _price(where, reward, program)
        yield from _kind(where, reward)
        yield from _cause(where, reward, program)
        yield from unresolved(f"{where}.min_tier", reward.min_tier, codes(program.tier), "tier")
        yield from unresolved(f"{where}.partner", reward.partner, codes(program.partner), "partner")
        partner = program.partner_of(reward.partner)
        if partner and not partner.accept:
            yield f"{where}.partner", f"is {partner.code!r}, who accepts no points"
        yield from matching(f"{where}.match", reward.match)
        yield from unlimited(f"{where}.limit", reward.limit)


def granted(program: Program) -> set[str]:
    """Return the codes of the rewards that come by themselves."""
    given_away = {each.grant for each in program.trigger}
    if program.referral:
        given_away |= {program.referral.referrer.reward, program.referral.referee.reward}
    return {code for code in given_away if code}


def _price(where: str, reward: Reward, program: Program) -> Iterator[Finding]:
    if reward.cost and reward.rate:
        yield f"{where}.rate", "cannot stand beside cost; remove one of them"
    if not reward.rate:
        yield from exactly(where, reward, "a cost", no=["min_points", "max_share_of_order"])
    if reward.rate and reward.kind not in RATED:
        yield f"{where}.rate", f"means nothing with the kind {reward.kind!r}; give it a cost"
    elif reward.kind in ALWAYS_RATED:
        yield from exactly(where, reward, f"the kind {reward.kind!r}", needs=["rate"])
    elif not reward.cost and not reward.rate:
        if reward.auto:
            yield f"{where}.cost", "is missing; auto needs it"
        elif reward.code not in granted(program):
            yield f"{where}.cost", "is missing; nobody gets this without a cost, a trigger or a referral that grants it"
    if reward.auto is True and reward.rate:
        yield f"{where}.auto", "needs a cost; by a rate write 'monthly'"


def _kind(where: str, reward: Reward) -> Iterator[Finding]:
    kind = f"the kind {reward.kind!r}"
    if reward.kind in ("percent_off", "amount_off"):
        yield from exactly(where, reward, kind, needs=["value"])
    elif reward.kind != "gift_card" or reward.rate:
        yield from exactly(where, reward, kind if reward.kind != "gift_card" else "a rate", no=["value"])
    yield from worth(where, reward.kind, reward.value)
    if reward.kind == "donation":
        yield from exactly(where, reward, kind, no=["pool", "code_valid", "match"])
    if reward.kind != "pay_with_points" and reward.rate:
        yield from exactly(where, reward, kind, no=["max_share_of_order"])
    if reward.kind == "pay_with_points":
        yield from exactly(where, reward, kind, no=["code_valid"])
    if reward.kind == "pay_with_points" and reward.auto:
        yield f"{where}.auto", f"means nothing with {kind}; remove it"
    if reward.max_share_of_order == 0:
        yield f"{where}.max_share_of_order", "must be more than 0"


def _cause(where: str, reward: Reward, program: Program) -> Iterator[Finding]:
    if reward.kind != "donation":
        yield from exactly(where, reward, f"the kind {reward.kind!r}", no=["choose", "default"])
        return
    yield from unresolved(f"{where}.default", reward.default, codes(program.cause), "cause")
    if not program.cause:
        yield f"{where}.kind", "is 'donation', and there is no [[cause]]"
    elif len(program.cause) > 1 and reward.choose is None and reward.default is None:
        yield f"{where}.default", "is missing; there are several causes, and members do not choose"


def partners(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in partners and causes."""
    yield from repeated("partner", program.partner)
    yield from repeated("cause", program.cause)
    for index, each in enumerate(program.partner):
        if not each.issue.points and not each.accept:
            yield f"partner[{index}].accept", "is false, and no points are issued either; such a partner does nothing"


def _given_away(where: str, code: str | None, program: Program) -> Iterator[Finding]:
    """Yield that a reward which is to be given is not there, or would be worth nothing without points."""
    yield from unresolved(where, code, codes(program.reward), "reward")
    found = program.reward_of(code) if code else None
    if found and found.rate:
        yield where, f"is {code!r}, which is worth as much as is paid by its rate; give points, or one without a rate"


def triggers(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each trigger."""
    yield from repeated("trigger", program.trigger)
    for index, trigger in enumerate(program.trigger):
        where = f"trigger[{index}]"
        yield from _occasion(where, trigger)
        yield from _windows(where, trigger, program)
        yield from _given_away(f"{where}.grant", trigger.grant, program)
        yield from unresolved(f"{where}.segment", trigger.segment, codes(program.segment), "segment")
        yield from unlimited(f"{where}.limit", trigger.limit)
        for at, channel in enumerate(trigger.notify):
            if channel in trigger.notify[:at]:
                yield f"{where}.notify[{at}]", f"names {channel!r} a second time; remove it"
            elif channel == "webhook" and trigger.on != "points.expiring":
                message = "is 'webhook', and endpoints hear of points about to die and of what triggers give; remove it"
                yield f"{where}.notify[{at}]", message


def _occasion(where: str, trigger: Trigger) -> Iterator[Finding]:
    own = {"points.expiring": "lead", "member.inactive": "after", "segment.entered": "segment"}
    needed = own.pop(trigger.on, None)
    yield from exactly(where, trigger, repr(trigger.on), needs=[needed] if needed else [], no=list(own.values()))
    if trigger.grant and trigger.points:
        yield f"{where}.points", "cannot stand beside grant; write two triggers"
    if not trigger.grant and not trigger.points and not trigger.notify:
        yield f"{where}.grant", "is missing; without grant, points and notify nothing happens"


def _windows(where: str, trigger: Trigger, program: Program) -> Iterator[Finding]:
    if trigger.on not in YEARLY:
        yield from exactly(where, trigger, repr(trigger.on), no=["window", "window_by_tier"])
        return
    window = trigger.window
    if window and trigger.window_by_tier:
        yield f"{where}.window", "cannot stand beside window_by_tier; remove one of them"
    if window and not window.before and not window.after:
        yield f"{where}.window", "is empty; give it before, after or both"
    if window:
        yield from _within_a_year(f"{where}.window", window.before, window.after)
    for tier, period in trigger.window_by_tier.items():
        yield from unresolved(f"{where}.window_by_tier.{tier}", tier, codes(program.tier), "tier")
        yield from _within_a_year(f"{where}.window_by_tier.{tier}", period)


def _within_a_year(where: str, *periods: Period | None) -> Iterator[Finding]:
    if sum(longest(each) for each in periods if each) > A_YEAR:
        yield where, "is longer than a year, and would run into the next one"


def referral(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in how members bring others."""
    table = program.referral
    if table is None:
        return
    sides = {"referrer": table.referrer, "referee": table.referee}
    for name, side in sides.items():
        yield from _given_away(f"referral.{name}.reward", side.reward, program)
    if not any(side.points or side.reward for side in sides.values()):
        yield "referral.referrer", "gets nothing, and the other does not either; give points or a reward"
    yield from event("referral.qualifies_on", table.qualifies_on)
    if not table.qualifies_on.startswith("order.") and table.min_order:
        meant = misspelt_order(table.qualifies_on)
        if meant:
            yield "referral.qualifies_on", f"is {table.qualifies_on!r}, and min_order is for orders{meant}"
        else:
            yield "referral.min_order", f"means nothing with {table.qualifies_on!r}, which is no order; remove it"
    yield from unlimited("referral.max_per_referrer", table.max_per_referrer)


def experiments(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each experiment."""
    yield from repeated("experiment", program.experiment)
    for index, each in enumerate(program.experiment):
        yield from _experiment(f"experiment[{index}]", each)


def _experiment(where: str, experiment: Experiment) -> Iterator[Finding]:
    yield from outside(f"{where}.metric", experiment.metric, METRICS)
    if len(experiment.arms) + bool(experiment.holdout) < 2:
        yield f"{where}.arms", "leave nothing to compare; give two arms, or one and a holdout"
        return
    if HOLDOUT in experiment.arms:
        yield f"{where}.arms.{HOLDOUT}", "is what those are called whom no arm takes; choose another name"
    empty = [name for name, share in experiment.arms.items() if not share]
    for name in empty:
        yield f"{where}.arms.{name}", "is 0, so nobody falls into it; remove it"
    total = experiment.holdout + sum(experiment.arms.values())
    if total != 1 and not empty:
        yield f"{where}.arms", f"make {exact(total)} with the holdout; together they must make 1"


def segments(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each segment."""
    yield from repeated("segment", program.segment)
    for index, each in enumerate(program.segment):
        where = f"segment[{index}]"
        yield from all_unresolved(f"{where}.tiers", each.tiers, codes(program.tier), "tier")
        yield from _segment(where, each)


def _segment(where: str, segment: Segment) -> Iterator[Finding]:
    conditions = ("tiers", "min_orders", "max_orders", "min_spend", "inactive_for", "active_within")
    if not segment.birthday_month and not any(given(segment, each) for each in conditions):
        yield where, "says nothing of its members, and so holds all of them; give it a condition"
    low, high = segment.min_orders, segment.max_orders
    if low is not None and high is not None and low > high:
        yield f"{where}.max_orders", "is below min_orders, so the segment has no members"
    idle, busy = segment.inactive_for, segment.active_within
    if idle and busy and shortest(idle) >= longest(busy):
        yield f"{where}.active_within", "is not longer than inactive_for, so the segment has no members"
