"""A language writes money, factors, periods, days and lists as it is used to."""

from datetime import date, time
from fractions import Fraction
from zoneinfo import ZoneInfo, available_timezones

import pytest

from wallet_service.domain.period import parse
from wallet_service.terms import LANGUAGES
from wallet_service.terms.tongue import line, sentence, short, tongue_of

NBSP = "\N{NO-BREAK SPACE}"
YEAR = "2026\N{NARROW NO-BREAK SPACE}\N{CYRILLIC SMALL LETTER GHE}."


@pytest.mark.parametrize(
    ("language", "minor", "currency", "shown"),
    [
        ("en", 1234567, "USD", "$12,345.67"),
        ("en", 1234567, "JPY", "¥1,234,567"),
        ("en", 1234567, "KWD", f"KWD{NBSP}1,234.567"),
        ("cs", 1000, "CZK", f"10,00{NBSP}Kč"),
        ("cs", 1234567, "JPY", f"1{NBSP}234{NBSP}567{NBSP}JP¥"),
        ("ru", 1234567, "RUB", f"12{NBSP}345,67{NBSP}₽"),
        ("ru", 1, "KWD", f"0,001{NBSP}KWD"),
        ("ro", 1234567, "RON", f"12.345,67{NBSP}RON"),
        ("ro", 5, "RSD", f"0,05{NBSP}RSD"),  # CLDR shows none of its decimals; amounts in minor units need them
    ],
)
def test_money_has_its_currency_s_decimals(language: str, minor: int, currency: str, shown: str) -> None:
    """JPY has no decimals, KWD three, others two, whatever a language does with them."""
    assert tongue_of(language).money(minor, currency) == shown


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("en", "P1Y", "12 months"),
        ("en", "P2Y", "2 years"),
        ("en", "P18M", "18 months"),
        ("en", "P1M14D", "1 month and 14 days"),
        ("ru", "P1D", "1 день"),
        ("ru", "P2D", "2 дня"),
        ("ru", "P21D", "21 день"),
        ("ru", "P12M", "12 месяцев"),
        ("ru", "P5Y", "5 лет"),
        ("cs", "PT1H", "1 hodinu"),
        ("cs", "P3M", "3 měsíce"),
        ("cs", "P5Y", "5 let"),
        ("ro", "P1M", "1 lună"),
        ("ro", "P19D", "19 zile"),
        ("ro", "P20D", "20 de zile"),
        ("ro", "P101D", "101 zile"),
    ],
)
def test_periods_are_declined(language: str, text: str, shown: str) -> None:
    """A period stands in the accusative and in its plural form."""
    assert tongue_of(language).period(parse(text)) == shown


@pytest.mark.parametrize(
    ("language", "times", "shown"),
    [
        ("en", 1, "at most once"),
        ("ru", 1, "не больше одного раза"),
        ("ru", 21, "не больше 21 раза"),
        ("ru", 22, "не больше 22 раз"),
        ("cs", 5, "nejvýše 5krát"),
        ("ro", 1, "cel mult o dată"),
        ("ro", 19, "cel mult de 19 ori"),
        ("ro", 20, "cel mult de 20 de ori"),
    ],
)
def test_exactly_one_has_a_form_of_its_own(language: str, times: int, shown: str) -> None:
    """ "Once" is no number with a noun, while 21 in Russian is."""
    assert tongue_of(language).count("at_most", times) == shown


def test_shares_and_factors_are_exact() -> None:
    """No decimal is lost, and none is shown that is not there."""
    assert tongue_of("en").percent(Fraction("0.5")) == "50%"
    assert tongue_of("cs").percent(Fraction("0.125")) == f"12,5{NBSP}%"
    assert tongue_of("en").percent(Fraction("0.000001")) == "0.0001%"
    assert tongue_of("ru").factor(Fraction("1.25")) == "1,25"
    assert tongue_of("en").factor(Fraction("0.000001")) == "0.000001"
    assert tongue_of("en").factor(Fraction(1000)) == "1,000"


@pytest.mark.parametrize(
    ("month", "day", "shown"),
    [(12, 31, "31. prosince"), (2, 29, "29. února"), (2, 30, "29. února"), (6, 31, "30. června")],
)
def test_a_day_of_the_year_is_one_that_its_month_has(month: int, day: int, shown: str) -> None:
    """The 31st of a shorter month is its last day."""
    assert tongue_of("cs").day_of_year(month, day) == shown


def test_days_and_times_are_the_language_s() -> None:
    """Dates in full, seconds only where there are any, weekdays by name."""
    assert tongue_of("ru").day(date(2026, 11, 3)) == f"3 ноября {YEAR}"
    assert tongue_of("cs").clock(time(9, 30)) == "9:30"
    assert tongue_of("cs").clock(time(9, 30, 5)) == "9:30:05"
    assert tongue_of("ro").weekday("sun") == "duminică"
    assert tongue_of("cs").listed(["a", "b", "c"]) == f"a, b a{NBSP}c"


def test_a_sentence_ends_once() -> None:
    """A phrase that ends with a full stop already gets no second."""
    assert sentence(f"3 ноября {YEAR}") == f"3 ноября {YEAR}"
    assert line("one", None, "", "two") == "One. Two."
    assert short("pt_BR") == "pt"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_zone_has_a_place(language: str) -> None:
    """Whatever zone a programme can have is named."""
    assert all(tongue_of(language).place(ZoneInfo(each)) for each in available_timezones())
