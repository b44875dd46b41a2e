"""What the linter's rules are made of: keys that a table needs or cannot use, codes that repeat or name nothing."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Protocol

from wallet_service.domain.file_model import FileModel, did_you_mean
from wallet_service.domain.period import Period
from wallet_service.domain.program.earning_tables import LimitTable

RESERVED = ("cap",)  # the orders of a day are counted under it
A_YEAR = 365 * 24  # hours
Finding = tuple[str, str]  # the key and what is wrong there
# Years with a 29 February every four years, and the eight around 2100 that have none.
_STARTS = [date(year, month, 1) for year in range(2096, 2105) for month in range(1, 13)]


class Coded(Protocol):
    """A table that has a code."""

    @property
    def code(self) -> str:
        """How other tables name it."""
        ...


class NamesNothing(str):
    """What is said of a code that no `[[table]]` has, with the one of those that are known that may be meant."""

    code: str
    table: str
    known: Sequence[str]

    def __new__(cls, code: str, table: str, known: Sequence[str]) -> "NamesNothing":  # noqa: D102
        there = f"which no [[{table}]] has" if known else f"and there is no [[{table}]]"
        made = super().__new__(cls, f"names {code!r}, {there}{did_you_mean(code, known)}")
        made.code, made.table, made.known = code, table, known
        return made


def codes(tables: Sequence[Coded]) -> list[str]:
    """Return the codes of all tables of a kind."""
    return [each.code for each in tables]


def given(table: FileModel, key: str) -> bool:
    """Whether the file says something at that key."""
    return key in table.model_fields_set and getattr(table, key) not in (None, (), {})


def exactly(
    where: str, table: FileModel, of: str, *, needs: Sequence[str] = (), no: Sequence[str] = ()
) -> Iterator[Finding]:
    """Yield the keys that are missing though `of` needs them, and those with which it can do nothing."""
    for key in needs:
        if not given(table, key):
            yield f"{where}.{key}", f"is missing; {of} needs it"
    for key in no:
        if given(table, key):
            yield f"{where}.{key}", f"means nothing with {of}; remove it"


def repeated(table: str, tables: Sequence[Coded]) -> Iterator[Finding]:
    """Yield each code that another table of the kind has already."""
    found = codes(tables)
    for index, code in enumerate(found):
        if code in found[:index]:
            yield f"{table}[{index}].code", f"{code!r} is used twice; give each its own code"


def shared(table: str, tables: Sequence[Coded], others: Sequence[Coded]) -> Iterator[Finding]:
    """Yield each code that is taken outside the table: uses of both kinds are counted under their code alone."""
    for index, each in enumerate(tables):
        if each.code in codes(others):
            yield f"{table}[{index}].code", f"{each.code!r} is an earning rule's, too; give each its own code"
        if each.code in RESERVED:
            yield f"{table}[{index}].code", f"{each.code!r} has a meaning of its own; choose another code"


def outside(where: str, value: str, known: Sequence[str]) -> Iterator[Finding]:
    """Yield a word that means nothing there, with those that do.

    For what earlier releases let through: as a type it would make versions unreadable that were published with it.
    """
    if value not in known:
        yield where, f"should be {' or '.join(map(repr, known))} (found {value!r}{did_you_mean(value, known)})"


def unresolved(where: str, code: str | None, known: Sequence[str], table: str) -> Iterator[Finding]:
    """Yield a code that no `[[table]]` has, with the one that may be meant."""
    if code is not None and code not in known:
        yield where, NamesNothing(code, table, known)


def all_unresolved(where: str, named: Sequence[str], known: Sequence[str], table: str) -> Iterator[Finding]:
    """Yield the codes of a list that no `[[table]]` has, and those that it names twice."""
    for index, code in enumerate(named):
        yield from unresolved(f"{where}[{index}]", code, known, table)
        if code in named[:index]:
            yield f"{where}[{index}]", f"names {code!r} a second time; remove it"


def unlimited(
    where: str, limit: LimitTable | None, *, campaign: bool = False, properties: bool = False
) -> Iterator[Finding]:
    """Yield what a limit counts by and cannot: a campaign outside campaigns, a property where events have none."""
    if limit is None:
        return
    if limit.per == "campaign" and not campaign:
        yield f"{where}.per", "'campaign' is for the limit of a [[campaign]]; did you mean 'lifetime'?"
    if limit.key is not None and not properties:
        yield f"{where}.key", "counts by a property, which only activities have; remove it"


def shortest(period: Period) -> int:
    """Return the fewest hours that a period can last: a month has 28 days."""
    return min(_lengths(period)) * 24 + period.hours


def longest(period: Period) -> int:
    """Return the most hours that a period can last: a month has 31 days."""
    return max(_lengths(period)) * 24 + period.hours


def _lengths(period: Period) -> list[int]:
    return [(period.from_day(start) - start).days for start in _STARTS]
