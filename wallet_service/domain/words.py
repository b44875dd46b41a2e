"""The words of a template in one language."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

REFERENCE = "@"


@dataclass(frozen=True)
class Words:
    """Strings by key, the unit's plural forms, the tiers' names, and how the language counts and writes numbers.

    `plural_form` maps a count to its CLDR category; `number` writes it with the language's own grouping, `date` writes
    the day of a moment in the moment's own time zone.
    """

    language: str
    strings: dict[str, str]
    unit: dict[str, str]
    tier: dict[str, str]
    plural_form: Callable[[int], str]
    number: Callable[[int], str]
    date: Callable[[datetime], str]

    def text(self, text: str) -> str:
        """Return the string that `@key` refers to; any other text stands for itself."""
        return self.strings[text[1:]] if text.startswith(REFERENCE) else text

    def amount(self, count: int) -> str:
        """Return a count with its unit in the right plural form: "1 point", "5 баллов"."""
        return f"{self.number(count)} {self.unit[self.plural_form(count)]}"
