"""Codes that people read out and type: no letter that is mistaken for another, and a last one that finds slips."""

# Without 0, I, L, O and U. 31 is a prime, so that the sum below finds each wrong letter and each two that were swapped.
ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"
BODY = 11  # letters before the last, where the code is worth something; 54 bits
GROUP = 4
_READ_AS = str.maketrans({"I": "1", "L": "1", "-": None, " ": None})


def code_of(body: str) -> str:
    """Return the code that these letters of the alphabet make: with its check letter, in groups of four.

    Raises `ValueError` for a letter that is none of the alphabet's.
    """
    letters = body + _check(body)
    return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))


def as_made(typed: str, body: int = BODY) -> str | None:
    """Return the code as it was made from how somebody typed it, or None if it cannot be one that was made here.

    `body` is how many letters such codes have before the last.
    """
    letters = typed.strip().upper().translate(_READ_AS)
    if len(letters) != body + 1 or not set(letters) <= set(ALPHABET) or _check(letters[:-1]) != letters[-1]:
        return None
    return code_of(letters[:-1])


def _check(body: str) -> str:
    """Return the letter with which the weighted sum of all becomes a multiple of the alphabet's length."""
    total = sum(place * ALPHABET.index(letter) for place, letter in enumerate(body, start=2))
    return ALPHABET[-total % len(ALPHABET)]
