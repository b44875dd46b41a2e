"""What is given: rewards for points, causes, referrals, and gifts on certain days; and who the partners are."""

from collections.abc import Iterator

from wallet_service.domain.period import Period
from wallet_service.domain.program.reward_tables import Reward, Trigger
from wallet_service.domain.redeeming import cause_of
from wallet_service.terms.collecting import each_money
from wallet_service.terms.section import Section
from wallet_service.terms.telling import Telling
from wallet_service.terms.tongue import line


def rewards(telling: Telling) -> Section | None:
    """Tell every reward: its price, what restricts it, and how it is received."""
    return telling.section("reward", (line(*_reward(telling, each)) for each in telling.program.reward))


def partners(telling: Telling) -> Section | None:
    """Tell where else something is collected and used; how partners settle is no concern of members."""
    return telling.section("partner", _partners(telling))


def causes(telling: Telling) -> Section | None:
    """Tell what members can give to."""
    return telling.section(
        "cause", (line(telling.named("cause", each.code, each.name)) for each in telling.program.cause)
    )


def referral(telling: Telling) -> Section | None:
    """Tell what both sides of a recommendation receive, and when."""
    return telling.section("referral", _referral(telling))


def occasions(telling: Telling) -> Section | None:
    """Tell what comes by itself: gifts, points and reminders; what only the merchant's server is told does not."""
    told = (each for each in telling.program.trigger if each.grant or each.points or set(each.notify) - {"webhook"})
    return telling.section("occasion", (line(*_occasion(telling, each)) for each in told))


def _reward(telling: Telling, reward: Reward) -> Iterator[str | None]:
    tongue, name = telling.tongue, telling.reward_name(reward)
    if reward.cost:
        yield tongue.say("reward_cost", reward=name, amount=telling.amount(reward.cost))
    elif reward.rate:
        points, money = telling.amount(reward.rate.points), telling.money(reward.rate.value)
        gives_all = reward.kind == "donation" and reward.auto
        yield (
            name if points == money or gives_all else tongue.say("reward_rate", reward=name, amount=points, money=money)
        )
    else:
        yield name
        if reward.code in _given(telling):
            yield tongue.say("reward_given")
    if reward.min_points:
        yield tongue.say("minimum", amount=telling.amount(reward.min_points))
    if reward.max_share_of_order is not None:
        yield tongue.say("share", percent=tongue.percent(reward.max_share_of_order))
    yield from telling.matching(reward.match)
    if reward.partner:
        yield tongue.say("reward_partner", partner=_partner(telling, reward.partner))
    if reward.min_tier:
        yield tongue.say("min_tier", tier=tongue.quoted(telling.tier(reward.min_tier)))
    if reward.stock:
        yield tongue.say("stock", number=tongue.number(reward.stock))
    if reward.limit:
        yield telling.limit(reward.limit)
    yield from _received(telling, reward)


def _received(telling: Telling, reward: Reward) -> Iterator[str]:
    tongue = telling.tongue
    code = cause_of(telling.program, reward, chosen=None, usual=None)
    cause = next((each for each in telling.program.cause if each.code == code), None)
    if cause and reward.kind == "donation":
        key = "choose_default" if reward.choose and len(telling.program.cause) > 1 else "given_to"
        yield tongue.say(key, cause=telling.named("cause", cause.code, cause.name))
    elif reward.choose:
        yield tongue.say("choose")
    if reward.auto == "monthly":
        yield tongue.say("monthly_all" if reward.rate else "monthly")
    elif reward.auto:
        yield tongue.say("auto")
    if reward.code_valid:
        yield tongue.say("code_valid", period=tongue.period(reward.code_valid))
    elif reward.pool:
        yield tongue.say("code_once")


def _given(telling: Telling) -> set[str | None]:
    """Return the codes of the rewards that days and recommendations bring."""
    both = telling.program.referral
    sides = {both.referrer.reward, both.referee.reward} if both else set()
    return {each.grant for each in telling.program.trigger} | sides


def _partner(telling: Telling, code: str) -> str:
    found = telling.program.partner_of(code)
    return telling.named("partner", code, found.name if found else None)


def _partners(telling: Telling) -> Iterator[str]:
    tongue = telling.tongue
    for each in telling.program.partner:
        name = _partner(telling, each.code)
        if each.issue.points:
            rate = each_money(telling, each.issue.per)
            issues = tongue.say("partner_issues", partner=name, amount=telling.amount(each.issue.points), each=rate)
        else:
            issues = tongue.say("partner_silent", partner=name)
        yield line(issues, tongue.say("accepts") if each.accept else tongue.say("accepts_not"))


def _referral(telling: Telling) -> Iterator[str]:
    table, tongue = telling.program.referral, telling.tongue
    if table is None:
        return
    for key, side in (("you_receive", table.referrer), ("friend_receives", table.referee)):
        if gift := _gift(telling, side.points, side.reward):
            yield line(tongue.say(key, gift=gift))
    yield line(tongue.say("referral_event", event=telling.event(table.qualifies_on)))
    if table.min_order:
        yield line(tongue.say("min_order", money=telling.money(table.min_order)))
    if table.hold_days:
        of_order = table.qualifies_on == "order.paid"
        yield line(tongue.say("hold" if of_order else "hold_event", period=tongue.period(Period(days=table.hold_days))))
    if table.max_per_referrer:
        yield line(tongue.say("referral_limit", limit=telling.limit(table.max_per_referrer)))


def _gift(telling: Telling, points: int | None, reward: str | None) -> str:
    gifts = [telling.amount(points)] if points else []
    return telling.tongue.listed(gifts + ([telling.reward(reward)] if reward else []))


def _occasion(telling: Telling, trigger: Trigger) -> Iterator[str | None]:
    tongue = telling.tongue
    when, gift = occasion_of(telling, trigger), _gift(telling, trigger.points, trigger.grant)
    yield tongue.say("occasion", occasion=when, gift=gift) if gift else tongue.say("occasion_reminder", occasion=when)
    yield _window(telling, trigger)
    if trigger.window_by_tier:
        tiers = sorted(trigger.window_by_tier.items(), key=lambda each: telling.program.rank(each[0]))
        told = [
            tongue.say("tier_period", tier=telling.tier(code), period=tongue.period(period)) for code, period in tiers
        ]
        yield tongue.say("window_by_tier", tiers=", ".join(told))
    if trigger.limit:
        yield telling.limit(trigger.limit)
    if channels := [tongue.one_of("channel", each) for each in trigger.notify if each != "webhook"]:
        yield tongue.say("notify", channels=", ".join(channels))


def occasion_of(telling: Telling, trigger: Trigger) -> str:
    """Return the occasion on which a trigger acts."""
    tongue, say, period = telling.tongue, telling.tongue.say, telling.tongue.period
    match trigger.on:
        case "points.expiring":
            return say("expiring_lead", period=period(trigger.lead)) if trigger.lead else say("expiring")
        case "member.inactive":
            return say("inactive_after", period=period(trigger.after)) if trigger.after else say("inactive")
        case "segment.entered":
            members = telling.members(trigger.segment)
            return say("segment_entered", conditions=members) if members else say("segment_unknown")
        case event:
            return telling.event(event) if tongue.known("event", event) else event


def _window(telling: Telling, trigger: Trigger) -> str | None:
    tongue, window = telling.tongue, trigger.window
    match (window.before, window.after) if window else (None, None):
        case (Period() as before, Period() as after):
            return tongue.say("window_both", before=tongue.period(before), after=tongue.period(after))
        case (Period() as before, None):
            return tongue.say("window_before", before=tongue.period(before))
        case (None, Period() as after):
            return tongue.say("window_after", after=tongue.period(after))
        case _:
            return None
