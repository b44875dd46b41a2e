"""Advice on a programme that is too much to explain, or says things that will never show."""

import re
from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from itertools import pairwise

from wallet_service.domain.file_model import did_you_mean
from wallet_service.domain.news import TYPES
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_faults import misspelt_order
from wallet_service.domain.program.earning_tables import Campaign, ExpiryTable, MatchTable
from wallet_service.domain.program.findings import Finding, codes
from wallet_service.domain.program.reward_faults import granted
from wallet_service.domain.program.tier_tables import ENDED_ON, PAID_ON
from wallet_service.domain.purchase import OWN_DEEDS

MOST_EXCLUSIONS = 5  # SKUs and tags that members would have to know of, in all tables together
MOST_STACKED = 3  # campaigns at work on one rule on one day
# What happens, is told or is waited for under these names, and is still no deed of a member's.
NO_DEEDS = (*TYPES, PAID_ON, ENDED_ON, "member.updated", "member.inactive", "segment.entered")
NEARLY_EQUAL = 0.9  # of 1, as `difflib` counts it


def advice(program: Program) -> Iterator[Finding]:
    """Yield what hardly anybody would understand, and what stands in the file without ever having an effect."""
    yield from _exclusions(program)
    yield from _stacked(program)
    yield from _factors(program)
    yield from _by_tier(program)
    yield from _without_effect(program)
    yield from _never_sent(program)
    yield from _spelt_twice(program)
    yield from _unused(program)


def _exclusions(program: Program) -> Iterator[Finding]:
    excluded: set[tuple[str, str]] = set()
    tables = [(f"earning_rule[{index}]", each.exclude) for index, each in enumerate(program.earning_rule)]
    tables += [(f"benefit[{index}]", each.exclude) for index, each in enumerate(program.benefit)]
    for where, table in tables:
        before = len(excluded)
        excluded |= _named(table)
        if before <= MOST_EXCLUSIONS < len(excluded):
            message = (
                f"brings the exclusions to {len(excluded)}; with more than {MOST_EXCLUSIONS} nobody knows what earns"
            )
            yield f"{where}.exclude", message


def _named(table: MatchTable | None) -> set[tuple[str, str]]:
    if table is None:
        return set()
    return {("sku", each) for each in table.skus} | {("tag", each) for each in table.tags}


def _stacked(program: Program) -> Iterator[Finding]:
    """Yield that one rule has too many campaigns at a time, whatever their weekdays, hours and members."""
    for rule in program.earning_rule:
        on_rule = [
            (index, each)
            for index, each in enumerate(program.campaign)
            if each.kind != "challenge" and each.stack != "exclusive" and _touches(each, rule.code, rule.for_orders)
        ]
        # The most run together where one begins or ends; where none does, they always run.
        windows = [window for _, each in on_rule for window in each.active]
        moments = {each.from_ for each in windows} | {each.to for each in windows} | {None}
        at_once = max(([index for index, each in on_rule if _runs(each, moment)] for moment in moments), key=len)
        if len(at_once) > MOST_STACKED:
            message = (
                f"makes {len(at_once)} campaigns at a time on {rule.code!r}; more than {MOST_STACKED} are too many"
            )
            yield f"campaign[{at_once[-1]}]", message


def _touches(campaign: Campaign, rule: str, for_orders: bool) -> bool:
    return rule in campaign.rules if campaign.rules else for_orders


def _runs(campaign: Campaign, moment: datetime | None) -> bool:
    if not campaign.active or moment is None:
        return not campaign.active
    return any(
        (each.from_ is None or each.from_ <= moment) and (each.to is None or moment <= each.to)
        for each in campaign.active
    )


def _factors(program: Program) -> Iterator[Finding]:
    for index, each in enumerate(program.campaign):
        if each.factor is not None and each.factor <= 1:
            yield f"campaign[{index}].factor", "is 1 or less, so nobody gets more by it"
        if each.budget and each.budget.points and each.points and each.budget.points < each.points:
            yield f"campaign[{index}].budget.points", "is less than one member gets, so nobody gets it"


def _by_tier(program: Program) -> Iterator[Finding]:
    tiers = codes(program.tier)
    for index, rule in enumerate(program.earning_rule):
        where = f"earning_rule[{index}].tier_multiplier"
        factors = [(tier, rule.tier_multiplier[tier]) for tier in tiers if tier in rule.tier_multiplier]
        for (lower, less), (higher, more) in pairwise(factors):
            if more < less:
                yield f"{where}.{higher}", f"is less than that of the lower tier {lower!r}"
        yield from _left_out(where, set(rule.tier_multiplier), tiers, "who earn as if it were 1")
    for index, trigger in enumerate(program.trigger):
        where = f"trigger[{index}].window_by_tier"
        yield from _left_out(where, set(trigger.window_by_tier), tiers, "who have the day alone")


def _left_out(where: str, named: set[str], tiers: list[str], what: str) -> Iterator[Finding]:
    missing = [tier for tier in tiers if tier not in named]
    if named and missing:
        yield where, f"leaves out {', '.join(map(repr, missing))}, {what}"


def _without_effect(program: Program) -> Iterator[Finding]:
    points = program.points
    if points.refund.earned == "only_pending" and points.pending == "none":
        yield "points.refund.earned", "is 'only_pending', and points are never pending: a refund takes nothing back"
    if points.refund.earned == "allow_negative" and points.min_balance == 0:
        yield "points.min_balance", "is 0, so that refund.earned = 'allow_negative' allows nothing; set it below 0"
    if program.tiers and program.tiers.downgrade == "none" and program.tiers.valid != "forever":
        yield "tiers.valid", "ends, and with downgrade = 'none' nothing follows; write 'forever'"
    if program.tiers and program.tiers.grace_days and program.tiers.valid == "forever" and not program.membership:
        yield "tiers.grace_days", "means nothing, for tiers are valid 'forever'; remove it"
    expires = [points.expiry, *(each.points_expiry for each in program.tier)]
    dies = any(isinstance(each, ExpiryTable) and each.mode != "none" for each in expires)
    for index, trigger in enumerate(program.trigger):
        if trigger.on == "points.expiring" and not dies:
            yield f"trigger[{index}].on", "is 'points.expiring', and no points expire"
        if "webhook" in trigger.notify and (len(trigger.notify) > 1 or trigger.grant or trigger.points):
            at = trigger.notify.index("webhook")
            yield f"trigger[{index}].notify[{at}]", "is 'webhook', and endpoints are told in any case; remove it"


def _never_sent(program: Program) -> Iterator[Finding]:
    named = [(f"earning_rule[{index}].on", each.on) for index, each in enumerate(program.earning_rule)]
    named += [(f"campaign[{at}].goal.event", each.goal.event) for at, each in enumerate(program.campaign) if each.goal]
    named += [("referral.qualifies_on", program.referral.qualifies_on)] if program.referral else []
    for where, on in named:
        if on in OWN_DEEDS:
            continue
        meant = misspelt_order(on) or did_you_mean(on, OWN_DEEDS)
        if on in NO_DEEDS:
            yield where, f"is {on!r}, by which nothing is earned unless your own tools send 'activity.{on}'"
        elif meant:
            yield where, f"is {on!r}, which only your own tools can send{meant}"


def _spelt_twice(program: Program) -> Iterator[Finding]:
    """Yield benefits without a table of which two tiers have nearly equal ones; numbers tell benefits apart."""
    if program.benefit:
        return
    known: dict[str, str] = {}
    for index, tier in enumerate(program.tier):
        others = [each for each in known if each not in tier.benefits]
        for at, code in enumerate(tier.benefits):
            near = get_close_matches(code, others, n=1, cutoff=NEARLY_EQUAL) if code not in known else []
            if near and _without_digits(near[0]) != _without_digits(code):
                other = f"the tier {known[near[0]]!r} has {near[0]!r}"
                yield f"tier[{index}].benefits[{at}]", f"names {code!r}, and {other}; did you mean the same?"
        known = dict.fromkeys(tier.benefits, tier.code) | known


def _without_digits(code: str) -> str:
    return re.sub(r"\d+", "", code)


def _unused(program: Program) -> Iterator[Finding]:
    entitled = {code for tier in program.tier for code in tier.benefits}
    for index, benefit in enumerate(program.benefit):
        if benefit.code not in entitled:
            yield f"benefit[{index}].code", f"is {benefit.code!r}, and no tier has this benefit"
    if not any(each.rate for each in program.earning_rule):
        for index, partner in enumerate(program.partner):
            if partner.issue.points:
                yield f"partner[{index}].issue", "is never used: no earning rule has the rate 'partner.issue'"
    if program.cause and not any(each.kind == "donation" for each in program.reward):
        yield "cause", "cannot be given to: no reward has the kind 'donation'"
    for index, reward in enumerate(program.reward):
        if reward.auto and reward.code in granted(program):
            yield f"reward[{index}].auto", "comes beside what a trigger or a referral grants of the same reward"
