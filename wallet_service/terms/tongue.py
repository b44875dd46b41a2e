"""A language: its phrases from a TOML file beside this module, and how it writes numbers, money, dates and periods."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_location
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_name, get_currency_symbol

from wallet_service.domain.period import Period
from wallet_service.domain.program import exponent

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "ru", "cs", "ro")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FACTOR_DIGITS = "#,##0.######"  # as many decimals as a factor of a programme can have
LEAP_YEAR = 2000  # in which every day of a year exists
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Tongue:
    """One of our languages; `phrases` are the tables of its file."""

    language: str
    locale: Locale
    phrases: dict[str, Any]

    def say(self, key: str, /, **parts: str) -> str:
        """Return a phrase with its parts put in."""
        return self.one_of("say", key, **parts)

    def one_of(self, table: str, key: str, /, **parts: str) -> str:
        """Return the phrase of that key in another table, with its parts put in."""
        return str(self.phrases[table][key]).format(**parts)

    def known(self, table: str, key: str) -> str | None:
        """Return what a name that merchants choose freely is called, if it is one that everybody uses."""
        found = self.phrases[table].get(key)
        return None if found is None else str(found)

    def count(self, key: str, count: int, /, **parts: str) -> str:
        """Return a phrase in the plural form of the count: its own for exactly one, where there is one."""
        forms = self.phrases["count"][key]
        form = forms.get(str(count)) or forms.get(self.locale.plural_form(count)) or forms["other"]
        return str(form).format(number=self.number(count), **parts)

    def quoted(self, text: str) -> str:
        """Return a text in the language's quotation marks."""
        return self.say("quoted", text=text)

    def listed(self, texts: Iterable[str]) -> str:
        """Return texts as a list with the language's "and"."""
        return str(format_list(list(texts), locale=self.locale))

    def number(self, count: int) -> str:
        """Return a whole number with the language's grouping."""
        return str(format_decimal(count, locale=self.locale))

    def factor(self, factor: Fraction) -> str:
        """Return an exact factor such as 1.25 with the language's decimal sign."""
        return str(format_decimal(_decimal(factor), FACTOR_DIGITS, locale=self.locale))

    def percent(self, share: Fraction) -> str:
        """Return a share of one as a percentage, with as many decimals as it has."""
        pattern = self.locale.percent_formats[None].pattern.replace("0", "0.######")
        return str(format_percent(_decimal(share), pattern, locale=self.locale))

    def money(self, minor: int, currency: str) -> str:
        """Return an amount of minor units in the currency's own decimals: JPY none, KWD three."""
        digits = exponent(currency)
        pattern = self.locale.currency_formats["standard"].pattern.replace(
            "0.00", f"0.{'0' * digits}" if digits else "0"
        )
        if get_currency_symbol(currency, locale=self.locale).isalpha():  # "KWD 1.000", and not "KWD1.000"
            pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
        amount = Decimal(minor).scaleb(-digits)
        return str(format_currency(amount, currency, pattern, locale=self.locale, currency_digits=False))

    def currency(self, currency: str) -> str:
        """Return the name of a currency."""
        return str(get_currency_name(currency, locale=self.locale))

    def day(self, day: date) -> str:
        """Return a day with its year."""
        return str(format_date(day, "long", locale=self.locale))

    def day_of_year(self, month: int, day: int) -> str:
        """Return a day that comes every year; one that its month does not have is the month's last."""
        last = (date(LEAP_YEAR + month // 12, month % 12 + 1, 1) - date(LEAP_YEAR, month, 1)).days
        return str(format_skeleton("MMMMd", date(LEAP_YEAR, month, min(day, last)), locale=self.locale))

    def clock(self, clock: time) -> str:
        """Return a time of day; seconds only where there are any."""
        return str(format_time(clock.replace(tzinfo=None), "medium" if clock.second else "short", locale=self.locale))

    def weekday(self, day: str) -> str:
        """Return the name of a weekday ("mon")."""
        return str(self.locale.days["stand-alone"]["wide"][WEEKDAYS.index(day)])

    def place(self, zone: ZoneInfo) -> str:
        """Return the city that a time zone is known by."""
        return str(get_timezone_location(zone, locale=self.locale, return_city=True))

    def period(self, period: Period) -> str:
        """Return a length of time in the accusative, which all our phrases ask for."""
        years, months = divmod(period.months, 12)
        if years < 2 or months:  # "12 months", "18 months", but "2 years"
            years, months = 0, period.months
        parts = {"years": years, "months": months, "days": period.days, "hours": period.hours}
        return self.listed(self.count(unit, count) for unit, count in parts.items() if count)


def sentence(text: str) -> str:
    """Return a phrase as a sentence: its first letter large, and a full stop unless it has one, as Russian dates do."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…", "!", "?")) else ".")


def lowered(text: str) -> str:
    """Return a phrase as the rest of a sentence: its first letter small."""
    return text[:1].lower() + text[1:]


def line(*phrases: str | None) -> str:
    """Return the phrases that there are as sentences of one line."""
    return " ".join(sentence(each) for each in phrases if each)


@cache
def tongue_of(language: str) -> Tongue:
    """Return one of our `LANGUAGES`, read once."""
    phrases = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return Tongue(language, Locale.parse(language), phrases)


def short(language: str) -> str:
    """Return a language without its region: "cs" of "cs-CZ"."""
    return language.replace("_", "-").split("-")[0].lower()


def _decimal(exact: Fraction) -> Decimal:
    return Decimal(exact.numerator) / Decimal(exact.denominator)
