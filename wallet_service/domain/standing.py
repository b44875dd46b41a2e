"""Where a member stands: all that a card can show of its member."""

from datetime import date, datetime

from msgspec import Struct

from wallet_service.domain.ledger import TransactionType


class Movement(Struct, frozen=True):
    """One line of the last entries: the day, by how much the balance moved, and the kind of transaction."""

    day: date
    points: int
    type: TransactionType


class Reminder(Struct, frozen=True):
    """Something that a trigger, named by its code, has told the member, and the card shows through the day `until`.

    `day` is that of its occasion: of points about to die, the first on which they are dead, and `points` are those that
    would be. `at` is when it was told, and `stands` whether it is still true.
    """

    trigger: str
    day: date
    until: date
    at: datetime
    points: int = 0
    stands: bool = True


class Standing(Struct, frozen=True):
    """All that a card can show of its member.

    `balance` can be spent now; `pending` cannot yet. `qualifying` is the measured amount that counts for the tier, in
    the present window. `tier_until` and `member_until` are the last days of the tier and of the paid membership;
    `dying` points can be spent through the day `dying_on` and not after it. `movements` are the newest first. `rewards`
    are the codes of rewards that the member could take now, `granted` those that lie ready to be used. `reminders` are
    those that stand, the newest first.
    """

    balance: int
    qualifying: int
    member_name: str | None
    member_since: datetime
    card_code: str
    voided: bool = False
    pending: int = 0
    tier: str | None = None
    tier_until: date | None = None
    dying: int = 0
    dying_on: date | None = None
    member_until: date | None = None
    cause: str | None = None
    movements: tuple[Movement, ...] = ()
    rewards: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    reminders: tuple[Reminder, ...] = ()
