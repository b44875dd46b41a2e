"""What is wrong in the tables that say what a member is entitled to: tiers, benefits, membership."""

from collections.abc import Iterator

from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_faults import all_excluded, expiry, matching
from wallet_service.domain.program.earning_tables import ExpiryTable
from wallet_service.domain.program.findings import Finding, all_unresolved, codes, exactly, outside, repeated
from wallet_service.domain.program.tier_tables import ENDED_ON, PAID_ON, Benefit, Tier, TiersTable
from wallet_service.domain.program.values import WHOLE_SHARE

STATES = ("balance", "membership")  # measures that are as they are now, and are not counted over a time


def tiers(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in the tiers, and in what counts towards them."""
    yield from repeated("tier", program.tier)
    if bool(program.tier) != (program.tiers is not None):
        yield "tiers", "[tiers] and [[tier]] belong together; add the one that is missing"
    if program.tier and program.tier[0].threshold != 0:
        yield "tier[0].threshold", "must be 0, so that every member has a tier"
    for index in range(1, len(program.tier)):
        if program.tier[index].threshold <= program.tier[index - 1].threshold:
            yield f"tier[{index}].threshold", "must be higher than the tier's before it"
    for index, tier in enumerate(program.tier):
        yield from _tier(f"tier[{index}]", tier, program)
    if program.tiers:
        yield from _measure(program.tiers, program)
        yield from _times(program.tiers)


def _tier(where: str, tier: Tier, program: Program) -> Iterator[Finding]:
    # Without any [[benefit]] the names of benefits are words for the customer alone, and resolve to nothing.
    known = codes(program.benefit) or tier.benefits
    yield from all_unresolved(f"{where}.benefits", tier.benefits, known, "benefit")
    own = tier.points_expiry
    if own is None:
        return
    if own.mode not in ("none", "rolling"):
        yield f"{where}.points_expiry.mode", f"is {own.mode!r}; a tier's points expire 'rolling' or 'none'"
        return
    yield from expiry(f"{where}.points_expiry", own, program)
    whole = program.points.expiry
    if isinstance(whole, ExpiryTable) and whole.mode == "inactivity":
        message = "cannot stand beside points.expiry.mode = 'inactivity', by which a balance dies as a whole; remove it"
        yield f"{where}.points_expiry", message


def _measure(table: TiersTable, program: Program) -> Iterator[Finding]:
    if table.measure == "membership" and program.membership is None:
        yield "tiers.measure", "is 'membership', and there is no [membership]"
    if table.measure == "referrals" and program.referral is None:
        yield "tiers.measure", "is 'referrals', and there is no [referral]"
    if table.measure in STATES and table.window not in ("none", "lifetime"):
        yield "tiers.window", f"is {table.window!r}, and a {table.measure} is not counted over a time; write 'none'"
    if table.measure not in STATES and table.window == "none":
        yield "tiers.window", f"is 'none', and {table.measure} are counted over a time; write 'lifetime' for all of it"
    for index, tier in enumerate(program.tier):
        if table.measure == "membership" and tier.threshold > 1:
            yield f"tier[{index}].threshold", "is never reached, for a membership counts as 1"


def _times(table: TiersTable) -> Iterator[Finding]:
    if table.start == "next_period" and table.window not in ("calendar_year", "anniversary"):
        yield "tiers.start", f"is 'next_period', and the window {table.window!r} has no periods"
    if table.valid == "end_of_next_calendar_year" and table.window != "calendar_year":
        yield "tiers.valid", "is 'end_of_next_calendar_year', which needs the window 'calendar_year'"
    if table.valid == "membership_period" and table.measure != "membership":
        yield "tiers.valid", "is 'membership_period', which needs the measure 'membership'"


def membership(program: Program) -> Iterator[Finding]:
    """Yield that a membership gives nothing, and events by which none begins or ends."""
    table = program.membership
    if table is None:
        return
    if program.tiers is None or program.tiers.measure != "membership":
        yield "membership", "gives nothing; add [tiers] with the measure 'membership'"
    elif program.tier and not any(each.threshold for each in program.tier):
        yield "membership", "gives nothing; add a [[tier]] with the threshold 1"
    yield from outside("membership.activate_on", table.activate_on, [PAID_ON])
    yield from outside("membership.end_on", table.end_on, [ENDED_ON])


def benefits(program: Program) -> Iterator[Finding]:
    """Yield what is wrong in each benefit."""
    yield from repeated("benefit", program.benefit)
    for index, each in enumerate(program.benefit):
        where = f"benefit[{index}]"
        yield from _benefit(where, each)
        yield from matching(f"{where}.match", each.match)
        yield from matching(f"{where}.exclude", each.exclude)
        yield from all_excluded(f"{where}.exclude", each.match, each.exclude)


def _benefit(where: str, benefit: Benefit) -> Iterator[Finding]:
    kind = f"the kind {benefit.kind!r}"
    off = benefit.kind in ("percent_off", "amount_off")
    yield from exactly(where, benefit, kind, needs=["value"] if off else [], no=[] if off else ["value"])
    if benefit.kind != "early_access":
        yield from exactly(where, benefit, kind, no=["lead"])
    yield from worth(where, benefit.kind, benefit.value)


def worth(where: str, kind: str, value: int | None) -> Iterator[Finding]:
    """Yield a percentage above all, and one of nothing."""
    if value == 0 and kind in ("percent_off", "amount_off"):
        yield f"{where}.value", "must be more than 0"
    if kind == "percent_off" and value is not None and value > WHOLE_SHARE:
        yield f"{where}.value", f"must be at most {WHOLE_SHARE} basis points, which are 100 %"
