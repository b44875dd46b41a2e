"""A row of a file of members: who it is about, and with what the member begins here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, InstanceOf, ValidationError

from wallet_service.domain.expiry import expiry_of
from wallet_service.domain.identity import Identity
from wallet_service.domain.member import Profile
from wallet_service.domain.period import end_of, local_day, start_of
from wallet_service.domain.program import Program
from wallet_service.domain.values import Birthday, Code, Day, Email, Id, Locale, Phone, Words

COLUMNS = (
    "external_id",
    "name",
    "locale",
    "birthday",
    "cause",
    "email",
    "phone",
    "balance",
    "expires_at",
    "tier",
    "tier_until",
    "enrolled_at",
)
NEEDED = "external_id"
OWN = "member_id"  # our own id of a member, which only our exports tell
# What our exports and reports tell besides; nobody tells it to us.
TOLD = ("pending", "held", "serial_number", "link", "row", "reason")
MOST = 10**9  # points
ONE_DAY = timedelta(days=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = date(2999, 12, 31)


@dataclass(frozen=True, slots=True, order=True)
class RowFault:
    """What is wrong in a row: in which column, "" where it is the row as a whole."""

    column: str
    reason: str

    def __str__(self) -> str:
        return f"{self.column} {self.reason}" if self.column else self.reason


@dataclass(frozen=True, slots=True)
class MemberRow:
    """What a row says of a member; what is None is not said.

    `balance` is what the member begins with, spendable through the day `expires_on`; `tier` is held through the day
    `tier_until`. `enrolled` may be a day of the programme's. `member_id` is set where we have told the row ourselves.
    """

    external_id: str
    profile: Profile
    identities: tuple[Identity, ...] = ()
    balance: int | None = None
    expires_on: date | None = None
    tier: str | None = None
    tier_until: date | None = None
    enrolled: date | datetime | None = None
    member_id: str | None = None

    def enrolled_at(self, program: Program) -> datetime | None:
        """Return when the member joined, if the row says so."""
        if self.enrolled is None or isinstance(self.enrolled, datetime):
            return self.enrolled
        return start_of(self.enrolled, program.zone)

    def dies_at(self, program: Program) -> datetime | None:
        """Return when the points of the balance are dead, if the row says so."""
        return end_of(self.expires_on, program.zone) if self.expires_on else None


def read_row(said: Mapping[str, Any]) -> tuple[MemberRow | None, tuple[RowFault, ...]]:
    """Return what the cells of a row say, or None and everything that is wrong with them; empty cells say nothing."""
    told = {column: value for column, value in said.items() if value not in (None, "") and column not in TOLD}
    try:
        row = _Row.model_validate(told)
    except ValidationError as error:
        return None, tuple(sorted(_fault(each) for each in error.errors(include_url=False, include_input=False)))
    faults = tuple(
        RowFault(column, f"says nothing without {needed}")
        for column, needed in (("expires_at", "balance"), ("tier_until", "tier"))
        if getattr(row, column) is not None and getattr(row, needed) is None
    )
    return (None, faults) if faults else (row.noun(), ())


def faults_in(row: MemberRow, program: Program, *, now: datetime) -> tuple[RowFault, ...]:
    """Return what of a row the programme cannot do."""
    return tuple(
        RowFault(column, reason)
        for column, reason in (
            ("tier", _against_tier(row, program)),
            ("tier_until", _over(row.tier_until, program, now)),
            ("expires_at", _over(row.expires_on, program, now) or _against_expiry(row, program)),
            ("enrolled_at", _against_joining(row.enrolled_at(program), now)),
        )
        if reason
    )


def _against_tier(row: MemberRow, program: Program) -> str | None:
    if row.tier is None or program.tier_of(row.tier) is not None:
        return None
    return f"is none of the programme's: {', '.join(each.code for each in program.tier) or 'it has none'}"


def _over(day: date | None, program: Program, now: datetime) -> str | None:
    if day is None or local_day(now, program.zone) <= day <= LATEST:
        return None
    return "is too far away" if day > LATEST else "is over"


def _against_expiry(row: MemberRow, program: Program) -> str | None:
    whole = row.expires_on is not None and expiry_of(program, row.tier).whole
    return "cannot be kept: the programme's points die together, when a member has been silent" if whole else None


def _against_joining(enrolled_at: datetime | None, now: datetime) -> str | None:
    if enrolled_at is None or EARLIEST <= enrolled_at <= now:
        return None
    return "lies in the future" if enrolled_at > now else "lies before 1970"


def _points(given: object) -> object:
    """Return whole points of a number or of digits; a bool is an int to Python, and 1.0 is what spreadsheets make."""
    text = given.strip() if isinstance(given, str) else str(given) if type(given) is int else ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and int(text) <= MOST):
        raise ValueError(f"should be a whole number from 0 to {MOST}")
    return int(text)


def _joined(given: object) -> object:
    """Return a day, or a moment with its zone."""
    text = given.strip() if isinstance(given, str) else ""
    whole_day = len(text) == len("2026-06-01")
    try:
        found = date.fromisoformat(text) if whole_day else datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or (isinstance(found, datetime) and found.tzinfo is None):
        raise ValueError("should be a day such as 2026-06-01, or a time with its zone such as 2026-06-01T10:00:00Z")
    return found


def _in_reach(given: date | datetime) -> date | datetime:
    """Refuse days at the ends of the calendar, which do not survive a change of time zone."""
    if not EARLIEST.year <= given.year <= LATEST.year:
        raise ValueError("should lie between 1970 and 2999")
    return given


class _Row(BaseModel):
    """What we read of a row."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    external_id: Id
    name: Words | None = None
    locale: Locale | None = None
    birthday: Birthday | None = None
    cause: Code | None = None
    email: Email | None = None
    phone: Phone | None = None
    balance: Annotated[int, BeforeValidator(_points)] | None = None
    expires_at: Annotated[Day, AfterValidator(_in_reach)] | None = None
    tier: Id | None = None
    tier_until: Annotated[Day, AfterValidator(_in_reach)] | None = None
    enrolled_at: Annotated[InstanceOf[date], BeforeValidator(_joined), AfterValidator(_in_reach)] | None = None
    member_id: Id | None = None

    def noun(self) -> MemberRow:
        return MemberRow(
            external_id=self.external_id,
            profile=Profile(self.name, self.locale, self.birthday, self.cause),
            identities=(
                *((Identity("email", self.email),) if self.email else ()),
                *((Identity("phone", self.phone),) if self.phone else ()),
            ),
            balance=self.balance,
            expires_on=self.expires_at,
            tier=self.tier,
            tier_until=self.tier_until,
            enrolled=self.enrolled_at,
            member_id=self.member_id,
        )


_MESSAGES = {
    ("missing", ""): "is missing",
    ("extra_forbidden", ""): "is no column that is known",
    ("string_type", ""): "should be a text",
    ("string_pattern_mismatch", "locale"): "should be a language such as en or cs-CZ",
    ("string_pattern_mismatch", "cause"): "should be a code of small letters, digits, - and _",
}


def _fault(error: Any) -> RowFault:
    column = str(error["loc"][0]) if error["loc"] else ""
    said = str(error["msg"]).removeprefix("Value error, ")
    return RowFault(column, _MESSAGES.get((error["type"], column)) or _MESSAGES.get((error["type"], "")) or said)
