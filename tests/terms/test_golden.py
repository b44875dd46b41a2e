"""The terms of whole programmes, word for word, in four languages, and the laws that they keep."""

import re

import pytest
from babel.numbers import format_decimal
from terms_actors import GOLDEN, PROGRAMS, golden, own_words, program_named, told

from wallet_service.domain.errors import UnknownLanguage
from wallet_service.domain.program import Program
from wallet_service.terms import LANGUAGES, Vocabulary, as_text, explain
from wallet_service.terms.tongue import tongue_of

EACH = [(name, language) for name in PROGRAMS for language in LANGUAGES]


@pytest.mark.parametrize(("name", "language"), EACH)
def test_terms_are_told_word_for_word(name: str, language: str) -> None:
    """The text is the golden one; `tests/terms_actors.py` says how it is written anew."""
    assert told(name, language) == golden(name, language).read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_programme() -> None:
    """No golden text stays that nothing is compared with."""
    assert {each.name for each in GOLDEN.iterdir()} == {golden(*each).name for each in EACH}


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_languages_say_as_much(name: str) -> None:
    """Sections and lines are as many in each language."""
    told = [explain(program_named(name), own_words(name, each), each) for each in LANGUAGES]
    shapes = {tuple(len(section.lines) for section in sections) for sections in told}
    assert len(shapes) == 1
    assert all(shapes.pop())


@pytest.mark.parametrize(("name", "language"), EACH)
def test_nothing_is_left_unformatted(name: str, language: str) -> None:
    """No placeholder, no long number without its grouping, and no sentence that does not end once."""
    text = told(name, language)
    assert not re.search(r"[{}]|\d{5}|None|Fraction|Period", text)
    for line in filter(lambda each: each.startswith("•"), text.splitlines()):
        assert re.search(r"[^.]\.$", line), line
        assert not re.search(r"\.\.|\. \.| {2}|: \.", line), line


@pytest.mark.parametrize(("name", "language"), EACH)
def test_every_number_that_a_member_needs_is_told(name: str, language: str) -> None:
    """What each rule gives, each tier asks for and each reward costs stands in the text."""
    program, text = program_named(name), told(name, language)
    numbers = list(numbers_of(program, language))
    assert [each for each in numbers if each not in text] == []
    assert numbers


def numbers_of(program: Program, language: str) -> list[str]:
    """Return how the points of rules, the thresholds of tiers and the costs of rewards are written."""

    def points(count: int) -> str:
        return money(count) if program.unit and program.unit.is_money else format_decimal(count, locale=language)

    def money(minor: int) -> str:
        return tongue_of(language).money(minor, program.program.currency)

    spend = program.tiers is not None and program.tiers.measure == "spend"
    counted = program.tiers is not None and program.tiers.measure != "membership"
    return [
        *(points(each.points) for each in program.earning_rule if each.points),
        *(points(bonus.points) for each in program.earning_rule for bonus in each.bonus),
        *((money if spend else points)(each.threshold) for each in program.tier if counted and each.threshold),
        *(points(each.cost) for each in program.reward if each.cost),
        *(money(each.value) for each in program.reward if each.kind == "amount_off" and each.value),
        *(points(each.points) for each in program.campaign if each.points),
        *(points(each.points) for each in program.trigger if each.points),
        *(points(each.issue.points) for each in program.partner if each.issue.points),
        *([money(program.membership.price)] if program.membership else []),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_words_a_unit_is_not_declined(language: str) -> None:
    """English has the programme's two forms; other languages show the unit behind a sign of times."""
    text = as_text(explain(program_named("starbucks_like"), None, language))
    shown = "25 Stars" if language == "en" else "25 \N{MULTIPLICATION SIGN} Star"
    assert shown in text


def test_plural_forms_are_those_of_the_language() -> None:
    """A template's unit stands in the form that its count asks for."""
    text = told("coalition", "ru")
    assert all(each in text for each in ("1 балл ", "2 балла ", "300 баллов"))
    assert all(each in told("coalition", "cs") for each in ("1 bod ", "2 body ", "300 bodů"))
    assert all(each in told("coalition", "ro") for each in ("1 punct ", "2 puncte ", "300 de puncte"))


def test_a_region_is_left_aside() -> None:
    """cs-CZ is told as cs."""
    program = program_named("stamp_card")
    assert explain(program, None, "cs-CZ") == explain(program, None, "cs")


def test_another_language_is_refused() -> None:
    """Terms are not told in a language that nobody has written them in."""
    with pytest.raises(UnknownLanguage, match="'de'"):
        explain(program_named("stamp_card"), Vocabulary(), "de")
