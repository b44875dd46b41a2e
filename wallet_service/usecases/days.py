"""What days bring a member, as its book stands: occasions to act on, and what its card and letters remind of."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection

from wallet_service.domain import occasions, reminding
from wallet_service.domain.account import Account
from wallet_service.domain.limits import Need
from wallet_service.domain.member import Membership, Profile
from wallet_service.domain.occasions import Occasion, Person
from wallet_service.domain.period import end_of, local_day, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.segments import segments_of
from wallet_service.domain.standing import Reminder
from wallet_service.domain.tiering import Amounts
from wallet_service.storage import awards, lots, triggers

ONE_DAY = timedelta(days=1)
LATE = timedelta(days=31)  # what days brought longer ago than that is not made up for


class Days(Struct, frozen=True):
    """A member on a day: its account, person and tier after what was done, `totals` being what counts for a tier."""

    tx: Connection
    program: Program
    member: Membership
    profile: Profile
    account: Account
    totals: Amounts
    tier: str | None
    now: datetime

    @property
    def today(self) -> date:
        """The programme's day."""
        return local_day(self.now, self.program.zone)

    def segments(self) -> frozenset[str]:
        """Return the segments that the member belongs to."""
        return segments_of(
            self.program,
            tier=self.tier,
            totals=self.totals,
            active_at=self.account.active_at,
            birthday=self.profile.birthday,
            today=self.today,
        )

    def occasions(self) -> list[Occasion]:
        """Return what days have brought the member, and was not acted on yet."""
        return self._unused(self._person()) if occasions.matter(self.program) else []

    def next_occasion(self) -> datetime | None:
        """Return when somebody must look after the member's occasions; what is left undone stays due."""
        if not occasions.matter(self.program):
            return None
        person = self._person()
        if self._unused(person) or self._left():
            return min(self.member.position.due_at or self.now, self.now)
        opening = occasions.next_opening(self.program, person, self.today)
        return start_of(opening, self.program.zone) if opening else None

    def dying_points(self) -> dict[date, int]:
        """Return the points that can be spent now and will die, by the first day on which they are dead."""
        found: dict[date, int] = {}
        for lot in self.account.spendable():
            dies_at = self.account.dies_at(lot)
            if dies_at is not None:
                day = local_day(dies_at, self.program.zone)
                found[day] = found.get(day, 0) + lot.available
        return found

    def reminders(self, new: Iterable[Reminder]) -> tuple[Reminder, ...]:
        """Return what the card reminds of from now on: what it did, and what is new, as far as it is true."""
        return self._looked_at(reminding.CARD, (*self.member.position.reminders, *new))

    def letters(self, new: Collection[Reminder]) -> list[Reminder]:
        """Return those of new reminders by letter that are true."""
        return [each for each in self._looked_at(reminding.LETTERS, new) if each.stands]

    def _looked_at(self, by: Collection[str], reminders: Collection[Reminder]) -> tuple[Reminder, ...]:
        kept = reminding.kept(reminders, self.today)
        if not kept:
            return ()
        waiting = reminding.tells(self.program, by)
        dying = self.dying_points() if reminding.about_points(waiting, kept) else {}
        present = reminding.Present(dying, self.account.active_at, self.segments())
        return tuple(reminding.looked_at(waiting, kept, present))

    def _unused(self, person: Person) -> list[Occasion]:
        looked_at = max(min(self.member.position.due_at or self.now, self.now), self.now - LATE)
        since = local_day(looked_at, self.program.zone)
        due = occasions.due(self.program, person, self.today, since=since)
        needs = [Need(each.code, each.once, None) for each in due if each.once]
        used = awards.usage(self.tx, self.member.id, needs) if needs else {}
        return [each for each in due if not used.get((each.code, each.once))]

    def _person(self) -> Person:
        zone, active_at = self.program.zone, self.account.active_at
        return Person(
            enrolled_on=local_day(self.member.enrolled_at, zone),
            birthday=self.profile.birthday,
            tier=self.tier,
            active_on=local_day(active_at, zone) if active_at else None,
            dying=self._dying(),
            entered=self.segments() - self._seen_in() if occasions.watched(self.program) else frozenset(),
        )

    def _seen_in(self) -> frozenset[str]:
        return triggers.segments(self.tx, self.member.id)

    def _left(self) -> bool:
        """Whether the member has left a segment that somebody waits for, and may enter again."""
        return bool(occasions.watched(self.program)) and bool(self._seen_in() - self.segments())

    def _dying(self) -> tuple[date, ...]:
        """Return the first days on which points are dead, as far as a reminder of it may be due."""
        leads = [each.lead for each in self.program.trigger if each.on == "points.expiring" and each.lead]
        if not leads:
            return ()
        account, zone = self.account, self.program.zone
        kept_until = account.expiry.kept_until(account.active_at)
        if account.expiry.whole:
            moments = [kept_until] if kept_until and account.available > 0 else []
        else:
            horizon = max(end_of(each.from_day(self.today), zone) for each in leads)
            dates = lots.dying(self.tx, self.member.id, until=horizon)
            moments = [max(each, kept_until or each) for each in dates]
        return tuple(sorted({local_day(each, zone) for each in moments}))
