"""A member of a programme, with the account as it was last left, and the card that shows it."""

from datetime import date, datetime

from msgspec import Struct, structs

from wallet_service.domain.card import Card
from wallet_service.domain.standing import Reminder
from wallet_service.domain.template import Movement, Standing
from wallet_service.domain.tiering import Amounts, Rank

NOTHING = Amounts()


class Position(Struct, frozen=True):
    """What the books come to for a member: a projection, which can be made anew from them at any time.

    `totals` counts everything ever, `qualifying` what is measured in the window that counts now. `paid_since`
    and `paid_until` are the first and last day of the paid membership that runs, `tier_last_day` that of the tier as
    it looks now. `reminders` are all whose days are not over, oldest first. `due_at` is when the calendar will next
    change anything, None if it will not. `program_version` is the version of the programme by which the position was
    last worked out.
    """

    available: int = 0
    pending: int = 0
    held: int = 0
    active_at: datetime | None = None
    totals: Amounts = NOTHING
    qualifying: int = 0
    rank: Rank | None = None
    tier_last_day: date | None = None
    paid_since: date | None = None
    paid_until: date | None = None
    dying: int = 0
    dying_on: date | None = None
    movements: tuple[Movement, ...] = ()
    rewards: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    due_at: datetime | None = None
    program_version: int = 0


class Profile(Struct, frozen=True):
    """What is personal of a member, kept apart from the books; `birthday` is month and day.

    Where it is told of a member, `cleared` names what is not to be kept any more.
    """

    name: str | None = None
    locale: str | None = None
    birthday: tuple[int, int] | None = None
    cause: str | None = None
    cleared: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether name, language and birthday are known."""
        return None not in (self.name, self.locale, self.birthday)


class Membership(Struct, frozen=True):
    """What one look at the database tells of a member; the digests are those of the card's newest revision.

    `id` is ours and internal, `public_id` ours and shown, `external_id` the merchant's own. `own_digest` is None where
    the card was last drawn by a version that knew none. `merged_into` is the merchant's own id of the member that this
    one has become one with. `replaced` says that the member has another card by now, `erased` that the person is
    forgotten, `listened` that an endpoint of the merchant's may want to hear what happens.
    """

    id: int
    program_id: int
    public_id: str
    external_id: str
    enrolled_at: datetime
    profile: Profile
    position: Position
    card: Card
    card_code: str
    voided: bool
    face_digest: bytes
    own_digest: bytes | None
    merged_into: str | None = None
    replaced: bool = False
    erased: bool = False
    listened: bool = False

    @property
    def locale(self) -> str | None:
        """The language that the member wishes."""
        return self.profile.locale

    @property
    def standing(self) -> Standing:
        """What the card shows; one that was replaced may be a stranger's, and tells nothing, as that of the erased."""
        if self.replaced or self.erased:
            return Standing(0, 0, None, self.enrolled_at, self.card_code, voided=True)
        position = self.position
        return Standing(
            balance=position.available,
            qualifying=position.qualifying,
            member_name=self.profile.name,
            member_since=self.enrolled_at,
            card_code=self.card_code,
            voided=self.voided,
            pending=position.pending,
            tier=position.rank.tier if position.rank else None,
            tier_until=position.tier_last_day,
            dying=position.dying,
            dying_on=position.dying_on,
            member_until=position.paid_until,
            cause=self.profile.cause,
            movements=position.movements,
            rewards=position.rewards,
            granted=position.granted,
            reminders=tuple(each for each in reversed(position.reminders) if each.stands),
        )

    @property
    def customer_id(self) -> str | None:
        """The merchant's own id as it is told; None of whoever was erased, whom nothing names any more."""
        return None if self.erased else self.external_id

    @property
    def is_over(self) -> bool:
        """Whether the person was erased or has become one with another member, so that the calendar brings nothing."""
        return self.erased or self.merged_into is not None

    def with_profile(self, told: Profile) -> "Membership":
        """Return the member with what is told; what is None stays as it was, unless it is cleared."""
        mine = self.profile
        profile = Profile(
            name=told.name or (None if "name" in told.cleared else mine.name),
            locale=told.locale or (None if "locale" in told.cleared else mine.locale),
            birthday=told.birthday or (None if "birthday" in told.cleared else mine.birthday),
            cause=told.cause or (None if "cause" in told.cleared else mine.cause),
        )
        return structs.replace(self, profile=profile)
