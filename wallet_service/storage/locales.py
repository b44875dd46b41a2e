"""The words of a template: reads what a `locales/<language>.toml` holds, and finds what is wrong in it."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from string import Formatter
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol

from wallet_service.domain import look
from wallet_service.domain.entry_words import ENTRY_WORDS, KINDS
from wallet_service.domain.errors import Fault
from wallet_service.domain.face import Money
from wallet_service.domain.look import Look
from wallet_service.domain.program import Program
from wallet_service.domain.program.earning_tables import FULFILLED
from wallet_service.domain.reminder_words import REMINDER_WORDS
from wallet_service.domain.reminding import CARD, DYING, LETTERS, tells
from wallet_service.domain.words import NAMED, REFERENCE, TABLES, Words

WORD_LIMIT = 2000
# The placeholders of the strings that a value is written with.
PATTERNS: dict[str, dict[str, set[str]]] = {
    "next_tier": {"next_tier": {"points", "tier"}, "top_tier": set()},
    "next_expiry": {"next_expiry": {"points", "date"}},
    "reminder": {"next_expiry": {"points", "date"}},
    "stamps": {"stamps": {"filled", "of"}},
}
OWN = {"rule": "earning_rule"}  # where the table of the programme is called otherwise
SPOKEN = ("event", "property", "sku", "tag")  # what no table of the programme has a code for
STRAY = {"entry": "is no kind of entry", "rule": "names no [[earning_rule]] of program.toml"} | {
    name: f"is no {name} that program.toml speaks of" for name in SPOKEN
}
# The values that say names from a table; those of tiers are wanted in any case.
NAMING = {"rewards": "reward", "granted": "reward", "cause": "cause"}


def words(
    language: str, table: Mapping[str, Any], rules: Program | None, design: Look | None
) -> tuple[Words | None, list[Fault]]:
    """Return the words that a parsed file holds, None if it is named after no language, and what is wrong in it."""
    place = f"locales/{language}.toml"
    locale = _locale(language)
    if locale is None:
        return None, [Fault(place, "", "is not named after a language; use a code such as en or cs")]
    strings = {key: text for key, text in table.items() if key not in TABLES}
    tables = {name: table.get(name, {}) for name in TABLES}
    faults = _wrong_texts(place, "", strings)
    for name, each in tables.items():
        faults += _wrong_texts(place, f"{name}.", each)
    sound = {name: each for name, each in tables.items() if isinstance(each, dict)}
    if rules is not None:
        faults += _missing_names(place, sound, rules, design, locale)
        faults += _stray_names(place, sound, rules)
        faults += _reminder_patterns(place, sound, rules)
    names = {name: sound.get(name, {}) for name in NAMED}
    names["entry"] = {**ENTRY_WORDS.get(language, {}), **sound.get("entry", {})}
    return _spoken(locale, strings, sound.get("unit", {}), names), faults


def missing(words: Words, design: Look, rules: Program, tables: Mapping[str, Mapping[str, Any]]) -> list[Fault]:
    """Return the strings that look and rules refer to and this language lacks, and what is wrong in those it has."""
    place = f"locales/{words.language}.toml"
    faults = [
        Fault(place, text[1:], f"is missing; pass.toml refers to it at {key}")
        for key, text in design.texts()
        if text.startswith(REFERENCE) and text[1:] not in words.strings
    ]
    elsewhere = {key for table in tables.values() for key in table if key not in TABLES}
    faults += [
        Fault(place, key, "is missing; another language has it")
        for key in sorted(elsewhere - set(words.strings) - {each.key for each in faults})
    ]
    for key, text in design.texts():
        said = words.strings.get(text[1:]) if text.startswith(REFERENCE) else None
        if key.endswith(".change") and isinstance(said, str) and said.count(look.NEW_VALUE) != 1:
            faults.append(Fault(place, text[1:], look.WITHOUT_NEW_VALUE))
    shown = {each.value for _, each in design.fields()}
    named = {each.key for each in faults}
    for value, patterns in PATTERNS.items():
        for key, names in patterns.items() if value in shown else ():
            who = f"a field with the value {value}"
            faults += _pattern(place, words, key, names, who) if key not in named else []
    if shown.isdisjoint(("next_expiry", "reminder")) and any(each.on == DYING for each in tells(rules, LETTERS)):
        for key, names in PATTERNS["next_expiry"].items() if "next_expiry" not in named else ():
            faults += _pattern(place, words, key, names, "a letter about points that die")
    if "entries" in shown:
        faults += [
            Fault(place, f"entry.{kind}", "is missing; a field with the value entries needs it")
            for kind in KINDS
            if kind not in words.names["entry"]
        ]
    return faults


@cache
def _locale(language: str) -> Locale | None:
    """Return the language of that code; None also for pt_BR or EN, which no member's wish would ever find."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None
    return locale if locale.language == language else None


def _spoken(
    locale: Locale, strings: Mapping[str, str], unit: Mapping[str, str], names: Mapping[str, Mapping[str, str]]
) -> Words:
    def money(amount: Money) -> str:
        pattern = locale.currency_formats["standard"].pattern
        if pattern.startswith("¤#") and get_currency_symbol(amount.currency, locale)[-1].isalpha():
            pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
        if amount.minor % 10**amount.exponent == 0:
            pattern = pattern.replace(".00", "")
        return str(format_currency(amount.decimal, amount.currency, pattern, locale, currency_digits=".00" in pattern))

    # Russian dates end in the word for year, which takes room and says nothing.
    short = re.sub(r"\s*'[^']'\.", "", locale.date_formats["medium"].pattern)
    return Words(
        language=locale.language,
        strings=strings,
        unit=unit,
        names=names,
        plural_form=locale.plural_form,
        number=lambda count: str(format_decimal(count, locale=locale)),
        percent=lambda points: str(
            format_percent(Decimal(points).scaleb(-4), locale=locale, decimal_quantization=False)
        ),
        money=money,
        date=lambda day: str(format_date(day, format="long", locale=locale)),
        short_date=lambda day: str(format_date(day, format=short, locale=locale)),
        day=lambda day: str(format_skeleton("MMMd", day, locale=locale)),
    )


def _wrong_texts(place: str, table: str, texts: Any) -> list[Fault]:
    if not isinstance(texts, dict):
        return [Fault(place, table.rstrip("."), "must be a table of texts")]
    return [
        Fault(place, f"{table}{key}", f"must be a text of 1 to {WORD_LIMIT} characters")
        for key, text in texts.items()
        if not isinstance(text, str) or not 1 <= len(text) <= WORD_LIMIT
    ]


def _missing_names(
    place: str, tables: Mapping[str, Mapping[str, Any]], rules: Program, design: Look | None, locale: Locale
) -> Iterator[Fault]:
    """Yield what a card would have no word for: plural forms, and names that program.toml does not give either."""
    counts = rules.unit is not None and not rules.unit.is_money
    wanted = [("unit", form) for form in sorted(locale.plural_form.tags | {"other"})] if counts else []
    shown = {NAMING[each.value] for _, each in design.fields() if each.value in NAMING} if design else set()
    for name in ("tier", *sorted(shown)):
        wanted += [(name, each.code) for each in getattr(rules, name) if each.name is None]
    if tells(rules, LETTERS) or (design and any(each.value == "reminder" for _, each in design.fields())):
        wanted += [("trigger", code) for code in _wordless(rules, locale.language)]
    for name, key in wanted:
        if name in tables and key not in tables[name]:
            yield Fault(place, f"{name}.{key}", "is missing; add it")


def _wordless(rules: Program, language: str) -> Iterator[str]:
    """Yield the triggers that remind and need words of their own: what they say is not known, or is said by several."""
    telling = tells(rules, (*CARD, *LETTERS))
    about_points = [each for each in telling if each.on == DYING]
    for each in telling:
        if len(about_points) > 1 if each in about_points else each.on not in REMINDER_WORDS.get(language, {}):
            yield each.code


def _stray_names(place: str, tables: Mapping[str, Mapping[str, Any]], rules: Program) -> Iterator[Fault]:
    """Yield names of what the programme does not have."""
    known: dict[str, list[str]] = {**_nameable(rules), "entry": list(KINDS)}
    for name, codes in known.items():
        for key in tables.get(name, {}):
            if key not in codes:
                near = get_close_matches(key, codes, n=1)
                what = STRAY.get(name, f"names no [[{name}]] of program.toml")
                advice = f"did you mean {near[0]!r}?" if near else "remove it"
                yield Fault(place, f"{name}.{key}", f"{what}; {advice}")


def _nameable(rules: Program) -> dict[str, list[str]]:
    """Return what the words may name, by table: what has a code of its own, and what the rules only speak of."""
    found: dict[str, list[str]] = {
        name: [each.code for each in getattr(rules, OWN.get(name, name))] for name in NAMED if name not in SPOKEN
    }
    found["benefit"] += [code for tier in rules.tier for code in tier.benefits]
    found["event"] = [each.on for each in rules.earning_rule]
    found["event"] += [each.goal.event for each in rules.campaign if each.goal]
    found["event"] += [rules.referral.qualifies_on] if rules.referral else []
    found["event"] += [FULFILLED] if rules.points.waits_for(FULFILLED) else []
    found["property"] = [bonus.when for each in rules.earning_rule for bonus in each.bonus]
    goods = [
        *(each.match for each in rules.earning_rule),
        *(each.exclude for each in rules.earning_rule),
        *(each.match for each in rules.campaign),
        *(each.match for each in rules.benefit),
        *(each.exclude for each in rules.benefit),
        *(each.match for each in rules.reward),
    ]
    found["sku"] = [sku for each in goods if each for sku in each.skus]
    found["tag"] = [tag for each in goods if each for tag in each.tags]
    return found


def _reminder_patterns(place: str, tables: Mapping[str, Mapping[str, Any]], rules: Program) -> Iterator[Fault]:
    """Yield what is wrong in a trigger's own words about points that are going to die."""
    said = tables.get("trigger", {})
    for each in rules.trigger:
        text = said.get(each.code)
        if each.on == DYING and isinstance(text, str):
            yield from _placeholders(place, f"trigger.{each.code}", text, PATTERNS["reminder"]["next_expiry"])


def _pattern(place: str, words: Words, key: str, names: set[str], who: str) -> list[Fault]:
    text = words.strings.get(key)
    if not isinstance(text, str):
        return [Fault(place, key, f"is missing; {who} needs it")]
    return _placeholders(place, key, text, names)


def _placeholders(place: str, key: str, text: str, names: set[str]) -> list[Fault]:
    try:
        # What follows a colon or an exclamation mark would be obeyed, and fail, only when a card is drawn.
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
        found = {"?" if spec or conversion else name for _, name, spec, conversion in parts}
    except ValueError:
        found = {"?"}
    if found == names:
        return []
    wanted = " and ".join(sorted(f"{{{name}}}" for name in names)) or "no placeholder"
    return [Fault(place, key, f"must hold {wanted}")]
