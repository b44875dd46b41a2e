"""The words of a template in one language."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wallet_service.domain.face import Money

REFERENCE = "@"
NAMED = (
    "tier",
    "reward",
    "benefit",
    "cause",
    "partner",
    "trigger",
    "rule",
    "campaign",
    "event",
    "property",
    "sku",
    "tag",
)  # tables of a locale that name what a programme has by code, or speaks of
TABLES = ("unit", "entry", *NAMED)


@dataclass(frozen=True)
class Words:
    """Strings by key, the unit's plural forms, names by table and code, and how the language counts and writes.

    `plural_form` maps a count to its CLDR category; `number` writes it with the language's own grouping. `date` writes
    a day in full (of a moment, the day in its own time zone), `short_date` shortly with its year, `day` without one.
    `percent` takes basis points (500 is "5 %"); `money` leaves out decimals that are all zero.
    """

    language: str
    strings: Mapping[str, str]
    unit: Mapping[str, str]
    names: Mapping[str, Mapping[str, str]]
    plural_form: Callable[[int], str]
    number: Callable[[int], str]
    percent: Callable[[int], str]
    money: Callable[[Money], str]
    date: Callable[[dt.date], str]
    short_date: Callable[[dt.date], str]
    day: Callable[[dt.date], str]

    def text(self, text: str) -> str:
        """Return the string that `@key` refers to; any other text stands for itself."""
        return self.strings[text[1:]] if text.startswith(REFERENCE) else text

    def amount(self, count: int) -> str:
        """Return a count with its unit in the right plural form: "1 point", "5 баллов"."""
        return f"{self.number(count)} {self.unit[self.plural_form(abs(count))]}"

    def name(self, table: str, code: str, otherwise: str | None = None) -> str:
        """Return what the language calls something of the programme, else its name there, else its code."""
        return self.names.get(table, {}).get(code) or otherwise or code
