"""What a card's fields say: each value that a look can name, drawn from where the member stands."""

from collections.abc import Callable, Iterator
from datetime import date

from msgspec import Struct

from wallet_service.domain import face
from wallet_service.domain.errors import Fault
from wallet_service.domain.look import MOST_STAMPS, Look, StampsTable
from wallet_service.domain.program import Program, Tier, exponent
from wallet_service.domain.program.earning_tables import ExpiryTable
from wallet_service.domain.reminder_words import NOTHING, REMINDER_WORDS
from wallet_service.domain.reminding import DYING, tells
from wallet_service.domain.standing import Reminder, Standing
from wallet_service.domain.words import Words

MOST_ENTRIES = 5
MOST_REMINDERS = 3
SEPARATOR = ", "
BETWEEN_LINES = "; "
A_YEAR = 12  # months
COUNTED = ("orders", "visits", "referrals")  # measures that are counted in themselves, and not in the unit
# What a value needs of the programme, lest its field stay empty on every card.
NEEDS = {
    "unit": ("balance", "pending", "next_expiry", "entries"),
    "tiers": ("tier", "next_tier", "tier_until"),
    "membership": ("member_until",),
    "benefit": ("discount",),
    "cause": ("cause",),
    "reward": ("rewards", "granted"),
}


class Case(Struct, frozen=True):
    """A member's standing in a programme, and the language to say it in; `full` stamps fill the card."""

    standing: Standing
    program: Program
    words: Words
    full: int | None = None


def value(name: str, case: Case) -> face.Value:
    """Return the value of that name (one of `look.ValueName`); an empty text where the member has none."""
    return DRAWERS[name](case)


def full(program: Program, table: StampsTable | None) -> int | None:
    """Return how many stamps fill a card: as `[stamps]` says, else what the reward costs that comes by itself."""
    of = table.of if table else None
    if isinstance(of, int):
        return of
    by_itself = (each for each in program.reward if each.auto is True and each.cost)
    reward = program.reward_of(of) if of else next(by_itself, None)
    return reward.cost if reward else None


def stamps(case: Case) -> face.Stamps | None:
    """Return how many of the stamps a member has; a debt is none, and what is beyond a full card waits."""
    return face.Stamps(min(max(case.standing.balance, 0), case.full), case.full) if case.full else None


def next_tier(program: Program, standing: Standing) -> Tier | None:
    """Return the next tier above the member's own that is still out of reach; None if there is none."""
    higher = program.tier[program.rank(standing.tier) + 1 :]
    return next((each for each in higher if each.threshold > max(standing.qualifying, 0)), None)


def tier_name(program: Program, words: Words, code: str | None) -> str:
    """Return what the language calls a tier; empty for none."""
    if code is None:
        return ""
    found = program.tier_of(code)
    return words.name("tier", code, found.name if found else None)


def faults(program: Program, look: Look, place: str) -> Iterator[Fault]:
    """Yield what a look shows and the programme does not have."""
    for where, each in look.fields():
        for table, values in NEEDS.items():
            if each.value in values and not getattr(program, table):
                yield Fault(place, f"{where}.value", f"is {each.value!r}, but program.toml has no [{table}]")
        if each.value == "stamps" and full(program, look.stamps) is None:
            message = "is 'stamps', but no reward with a cost is `auto`; say in [stamps] how many fill a card"
            yield Fault(place, f"{where}.value", message)
    yield from _untold(program, look, place)
    if look.stamps is not None:
        of = full(program, look.stamps)
        if of is None:
            message = f"is {look.stamps.of!r}, but program.toml has no reward of that code with a cost"
            yield Fault(place, "stamps.of", message)
        elif of > MOST_STAMPS:
            yield Fault(place, "stamps.of", f"makes {of} stamps; a strip has room for {MOST_STAMPS}")


def _untold(program: Program, look: Look, place: str) -> Iterator[Fault]:
    """Yield that triggers remind and the card does not say so, or the other way round."""
    fields = [(where, each) for where, each in look.fields() if each.value == "reminder"]
    telling = tells(program)
    if telling and not any(each.change for _, each in fields):
        message = (
            f"has no field with the value reminder and a `change`, by which {telling[0].code!r} would tell members"
        )
        yield Fault(place, "back", message)
    for where, _ in () if telling else fields:
        yield Fault(place, f"{where}.value", "is 'reminder', but no [[trigger]] has notify = [\"pass\"]")


def _amount(case: Case, points: int) -> face.Value:
    if case.program.unit is None:
        return ""
    return _money(case.program, points) if case.program.unit.is_money else points


def _money(program: Program, minor: int) -> face.Money:
    currency = program.program.currency
    return face.Money(minor, currency, exponent(currency))


def said(case: Case, points: int) -> str:
    """Return an amount of the unit in words: "120 points", "$12.50"; a bare number where there is no unit."""
    if case.program.unit is None:
        return case.words.number(points)
    if case.program.unit.is_money:
        return case.words.money(_money(case.program, points))
    return case.words.amount(points)


def figure(case: Case, points: int) -> str:
    """Return an amount without its unit, unless it is money: "1,200", "$12.50"."""
    return said(case, points) if case.program.unit and case.program.unit.is_money else case.words.number(points)


def signed(case: Case, points: int) -> str:
    """Return a figure with its sign in front: "+40", "-40", and "0"."""
    return f"{'+' if points > 0 else ''}{figure(case, points)}"


def progress(case: Case) -> tuple[str, str] | None:
    """Return what is missing to the next tier, and what that is called; None where no tier is out of reach."""
    tiers, tier = case.program.tiers, next_tier(case.program, case.standing)
    if tiers is None or tiers.measure == "membership" or tier is None:
        return None
    missing = _measured(case, tiers.measure, tier.threshold - max(case.standing.qualifying, 0))
    return missing, tier_name(case.program, case.words, tier.code)


def _pending(case: Case) -> face.Value:
    return _amount(case, case.standing.pending) if case.standing.pending > 0 else ""


def _next_expiry(case: Case) -> str:
    standing = case.standing
    if standing.dying <= 0 or standing.dying_on is None:
        return ""
    day = case.words.short_date if _live_long(case.program) else case.words.day
    return case.words.strings["next_expiry"].format(points=said(case, standing.dying), date=day(standing.dying_on))


def reminders(case: Case) -> list[tuple[tuple[str, date], str]]:
    """Return what the card reminds of, the newest first, and of each what it says under what it is known by.

    What two triggers say of the same dying points is said once, in the words of the later.
    """
    triggers = {each.code: each for each in case.program.trigger}
    found: dict[tuple[str, date], str] = {}
    days = set()
    for each in case.standing.reminders:
        trigger = triggers.get(each.trigger)
        if trigger is None or (trigger.on == DYING and each.day in days):
            continue
        if trigger.on == DYING:
            days.add(each.day)
        found[each.trigger, each.day] = reminder_line(case, each, trigger.on)
    return list(found.items())[:MOST_REMINDERS]


def reminder_line(case: Case, reminder: Reminder, on: str) -> str:
    """Return what is said of a reminder whose trigger acts `on` that; empty where the language has no words for it."""
    own = case.words.names.get("trigger", {}).get(reminder.trigger)
    if on != DYING:
        return own or REMINDER_WORDS.get(case.words.language, {}).get(on, "")
    day = case.words.short_date if _live_long(case.program) else case.words.day
    pattern = own or case.words.strings.get("next_expiry", "")
    return pattern.format(points=said(case, reminder.points), date=day(reminder.until))


def nothing(words: Words) -> str:
    """Return what a field says that announces and has nothing to say now."""
    return NOTHING.get(words.language, "-")


def _live_long(program: Program) -> bool:
    """Whether points may die more than a year ahead, where a day without its year would be read as the next such."""
    tables = (program.points.expiry, *(each.points_expiry for each in program.tier))
    return any(_months(each) > A_YEAR for each in tables if isinstance(each, ExpiryTable))


def _months(table: ExpiryTable) -> int:
    """Return for how long a point lives at the most, in months rounded up."""
    if table.mode == "calendar":
        return table.years * A_YEAR
    rounding = {None: 0, "end_of_month": 1, "end_of_quarter": 3, "end_of_year": 12}[table.round]
    period = table.period
    return period.months + -(-period.days // 30) + rounding if period is not None else 0


def _next_tier(case: Case) -> str:
    tiers = case.program.tiers
    if tiers is None or tiers.measure == "membership":
        return ""
    ahead = progress(case)
    if ahead is None:
        return case.words.strings["top_tier"]
    missing, tier = ahead
    return case.words.strings["next_tier"].format(points=missing, tier=tier)


def _measured(case: Case, measure: str, missing: int) -> str:
    if measure == "spend":
        return case.words.money(_money(case.program, missing))
    if measure in COUNTED or case.program.unit is None:
        return case.words.number(missing)
    return said(case, missing)


def _discount(case: Case) -> str:
    tier = case.program.tier_of(case.standing.tier or "")
    theirs = [each for each in case.program.benefit if tier and each.code in tier.benefits]
    percents = [each.value for each in theirs if each.kind == "percent_off" and each.value]
    return case.words.percent(max(percents)) if percents else ""


def _cause(case: Case) -> str:
    """Return the cause that the member chose, else the one to which donations go without a choice."""
    code = case.standing.cause or next((each.default for each in case.program.reward if each.choose == "cause"), None)
    if code is None:
        return ""
    return case.words.name("cause", code, next((each.name for each in case.program.cause if each.code == code), None))


def _entries(case: Case) -> str:
    lines = (
        f"{case.words.short_date(each.day)} · {signed(case, each.points)} · {case.words.name('entry', each.type)}"
        for each in case.standing.movements[:MOST_ENTRIES]
    )
    return "\n".join(lines)


def _reward_names(case: Case, codes: tuple[str, ...]) -> str:
    found = ((code, case.program.reward_of(code)) for code in codes)
    return SEPARATOR.join(case.words.name("reward", code, each.name if each else None) for code, each in found)


def _stamps(case: Case) -> str:
    drawn = stamps(case)
    if drawn is None:
        return ""
    number = case.words.number
    return case.words.strings["stamps"].format(filled=number(drawn.filled), of=number(drawn.of))


def grouped(code: str) -> str:
    """Return a card code in groups of four, as it is read aloud: "K7QM 2XTD"."""
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


DRAWERS: dict[str, Callable[[Case], face.Value]] = {
    "balance": lambda case: _amount(case, case.standing.balance),
    "pending": _pending,
    "next_expiry": _next_expiry,
    "tier": lambda case: tier_name(case.program, case.words, case.standing.tier),
    "tier_until": lambda case: case.words.short_date(case.standing.tier_until) if case.standing.tier_until else "",
    "next_tier": _next_tier,
    "discount": _discount,
    "member_name": lambda case: case.standing.member_name or "",
    "member_since": lambda case: case.standing.member_since,
    "member_until": lambda case: (
        case.words.short_date(case.standing.member_until) if case.standing.member_until else ""
    ),
    "cause": _cause,
    "entries": _entries,
    "rewards": lambda case: _reward_names(case, case.standing.rewards),
    "granted": lambda case: _reward_names(case, case.standing.granted),
    "reminder": lambda case: BETWEEN_LINES.join(line for _, line in reminders(case)),
    "stamps": _stamps,
    "card_code": lambda case: case.standing.card_code,
    "card_code_grouped": lambda case: grouped(case.standing.card_code),
}
