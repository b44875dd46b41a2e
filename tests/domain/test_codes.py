"""Codes that are made here: no letter is mistaken for another, and slips of whoever types them are found."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wallet_service.domain.codes import ALPHABET, BODY, as_made, code_of

bodies = st.text(ALPHABET, min_size=BODY, max_size=BODY)
places = st.integers(0, BODY)


def letters(code: str) -> list[str]:
    """Return the letters of a code without what stands between its groups."""
    return list(code.replace("-", ""))


@given(bodies)
def test_a_code_is_read_back_however_it_is_typed(body: str) -> None:
    """Small letters, spaces, no dashes at all, and I or L for 1: it is the same code."""
    code = code_of(body)
    assert len(code) == BODY + 1 + 2
    for typed in (code, code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} ", code.replace("1", "l")):
        assert as_made(typed) == code


@given(bodies, places, st.sampled_from(ALPHABET))
def test_a_wrong_letter_is_found(body: str, at: int, letter: str) -> None:
    """One letter other than it was made, in any place, and it is no code."""
    typed = letters(code_of(body))
    assume(typed[at] != letter)
    typed[at] = letter
    assert as_made("".join(typed)) is None


@given(bodies, places, places)
def test_two_swapped_letters_are_found(body: str, one: int, other: int) -> None:
    """Two letters that changed places, neighbours or not, and it is no code."""
    typed = letters(code_of(body))
    assume(typed[one] != typed[other])
    typed[one], typed[other] = typed[other], typed[one]
    assert as_made("".join(typed)) is None


@pytest.mark.parametrize("typed", ["", "-", "1111", "1" * 13, "0" * 12, "GIFT-CARD-2026-ABC", "ÄÖÜ"])
def test_what_was_not_made_here_is_no_code(typed: str) -> None:
    """Too short, too long, with other letters."""
    assert as_made(typed) is None


def test_no_letter_is_mistaken_for_another() -> None:
    """Neither 0 nor O, neither I nor L, and no U that is read as V; the number of letters is a prime."""
    assert set("0OILU").isdisjoint(ALPHABET)
    assert (len(ALPHABET), len(set(ALPHABET))) == (31, 31)


def test_a_letter_of_no_alphabet_makes_no_code() -> None:
    """What could not be read back is not made."""
    with pytest.raises(ValueError, match="substring not found"):
        code_of("0" * BODY)
