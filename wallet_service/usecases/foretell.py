"""What days bring a member that the merchant is told of: a paid membership is over, a tier is about to be lost."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from wallet_service.domain import tiering
from wallet_service.domain.limits import Need
from wallet_service.domain.member import Membership
from wallet_service.domain.news import News
from wallet_service.domain.period import end_of, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.qualifying import grace_days
from wallet_service.domain.tiering import CALENDAR, Facts
from wallet_service.storage import awards

ONE_DAY = timedelta(days=1)
LEAD = timedelta(days=30)  # before the end of a tier
LATE = timedelta(days=31)  # what days brought longer ago than that is not told any more
ENDED, EXPIRING = "membership.ended", "tier.expiring"


def moments(
    program: Program, paid_until: date | None, tier_last_day: date | None, *, after: datetime
) -> list[datetime]:
    """Return when a membership ends that is paid until that day, and a tier is close to its end, if later than now."""
    found = (_over(program, paid_until), _near(program, tier_last_day))
    return [each for each in found if each is not None and each > after]


def foretell(
    tx: Connection, program: Program, before: Membership, after: Membership, known: Facts, *, now: datetime
) -> Iterator[News]:
    """Yield what has come since the member was last looked at, once; what is not to be lost after all is not told.

    `before` is the member as it stood then, `after` as it stands, `known` what counts for the tier.
    """
    since = before.position.due_at
    if since is None or since > now:
        return
    since = max(since, now - LATE)
    paid_until, last_day = before.position.paid_until, after.position.tier_last_day
    over, near = _over(program, paid_until), _near(program, last_day)
    if over and since <= over <= now and _first(tx, before.id, ENDED, paid_until, now):
        yield News(ENDED, {"last_day": paid_until})
    lower = _falls(program, after, known) if near and since <= near <= now else None
    if lower and _first(tx, before.id, EXPIRING, last_day, now):
        yield News(EXPIRING, {"last_day": last_day, "next_tier": lower})


def _over(program: Program, paid_until: date | None) -> datetime | None:
    return end_of(paid_until, program.zone) if program.membership and paid_until else None


def _near(program: Program, last_day: date | None) -> datetime | None:
    return start_of(last_day - LEAD, program.zone) if last_day else None


def _falls(program: Program, member: Membership, known: Facts) -> str | None:
    """Return the lower tier that the member falls to if nothing is done until then; None where the tier is kept."""
    rank, last_day = member.position.rank, member.position.tier_last_day
    if rank is None or last_day is None or program.tiers is None:
        return None
    then = last_day + ONE_DAY + timedelta(days=grace_days(program, program.tiers))
    later, _ = tiering.advance(program, rank, known, then, cause=CALENDAR)
    return later.tier if later and program.rank(later.tier) < program.rank(rank.tier) else None


def _first(tx: Connection, member_id: int, code: str, day: date | None, now: datetime) -> bool:
    """Note that it is told of that day, and return whether it had not been."""
    key = str(day)
    if awards.usage(tx, member_id, [Need(code, key, None)])[code, key]:
        return False
    awards.use(tx, member_id, [(code, key)], at=now)
    return True
