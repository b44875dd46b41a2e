"""A QR code as rows of dark and light, and in which colour it may be printed.

Standard: ISO/IEC 18004, which asks for a quiet zone of four modules. Readers look for dark on light, and many of them
for nothing else, so a colour that is too light is never used.
"""

import re
from functools import lru_cache
from typing import Literal

import qrcode
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError

from wallet_service.domain.errors import Fault, PosterRefused

Level = Literal["L", "M", "Q", "H"]
Rows = tuple[tuple[bool, ...], ...]

QUIET_ZONE = 4  # modules
BLACK, WHITE = "#000000", "#ffffff"
LEAST_CONTRAST = 7.0  # between the modules and white paper, as WCAG 2.2 counts it; print and cheap cameras take from it
PRINTED: Level = "Q"  # a quarter may be lost, as to a scratch or a reflection
SHOWN: Level = "M"

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_LEVELS = {"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q, "H": ERROR_CORRECT_H}


@lru_cache(maxsize=256)
def rows_of(text: str, level: Level) -> Rows:
    """Return the code of a text, row by row, True for dark, with its quiet zone.

    Raises `PosterRefused` for a text that no code of that level holds.
    """
    code = qrcode.QRCode(error_correction=_LEVELS[level], border=QUIET_ZONE)
    code.add_data(text)
    try:
        code.make()
    except (ValueError, DataOverflowError):
        raise _refused("link", f"is too long for a QR code of level {level}") from None
    return tuple(tuple(bool(dark) for dark in row) for row in code.get_matrix())


def runs(rows: Rows) -> list[tuple[int, int, int]]:
    """Return every run of dark modules within a row: where it begins, in which row, and how long it is."""
    found = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            length = 0
            while x + length < len(row) and row[x + length]:
                length += 1
            if length:
                found.append((x, y, length))
            x += length or 1
    return found


def ink(color: str) -> str:
    """Return the colour, in which a code may be printed on white.

    Raises `PosterRefused` for one that readers could not tell from the paper.
    """
    if not _COLOR.fullmatch(color):
        raise _refused("color", f"{color!r} is no colour; write it as #rrggbb")
    contrast = contrast_with_white(color)
    if contrast < LEAST_CONTRAST:
        message = (
            f"{color} has a contrast of {contrast:.1f} to white; readers need {LEAST_CONTRAST:.0f}. Take a darker one"
        )
        raise _refused("color", message)
    return color


def darkest(*colors: str) -> str:
    """Return the first of a brand's colours that a code may be printed in; black if it has none."""
    return next((each for each in colors if contrast_with_white(each) >= LEAST_CONTRAST), BLACK)


def contrast_with_white(color: str) -> float:
    """Return the contrast of `#rrggbb` to white, from 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _refused(key: str, message: str) -> PosterRefused:
    return PosterRefused("The code was not drawn.", [Fault("poster", key, message)])
