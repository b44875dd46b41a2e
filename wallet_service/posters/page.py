"""A page to hang up, as PDF: whose programme it is, what to do, the code, and its address in letters."""

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from reportlab.lib.colors import CMYKColor, Color, HexColor
from reportlab.lib.pagesizes import A3, A4, A5, A6
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from wallet_service.posters.code import BLACK, PRINTED, Level, contrast_with_white, ink, rows_of, runs

Size = Literal["A3", "A4", "A5", "A6"]
SIZES: dict[Size, tuple[float, float]] = {"A3": A3, "A4": A4, "A5": A5, "A6": A6}
FONTS = Path(__file__).parent / "fonts"
TEXT, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MARGIN = 10 * mm
LEAST_SIZE = 6.0  # points; smaller letters do not print well
LEAST_ON_BAND = 4.5  # contrast of the words on the band

# What a poster says, in the languages of the cards.
WORDS = {
    "en": ("Your card in your phone", "Point your phone’s camera at the code", "or open"),
    "ru": ("Ваша карта в телефоне", "Наведите камеру телефона на код", "или откройте"),
    "cs": ("Vaše karta v telefonu", "Namiřte na kód fotoaparát telefonu", "nebo otevřete"),
    "ro": ("Cardul tău în telefon", "Îndreaptă camera telefonului spre cod", "sau deschide"),
}


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on a page: whose it is, the address that the code holds, the same for people, and colours `#rrggbb`.

    `color` is that of the code, `band` that of the band at the head.
    """

    organization: str
    program: str
    address: str
    shown: str
    language: str = "en"
    color: str = BLACK
    band: str = BLACK
    level: Level = PRINTED


def pdf(poster: Poster, size: Size = "A4") -> bytes:
    """Return the page, in vectors and with its letters in it; the same bytes each time.

    Raises `PosterRefused`.
    """
    _register()
    wide, high = SIZES[size]
    rows, color = rows_of(poster.address, poster.level), ink(poster.color)
    title, what, otherwise = WORDS.get(poster.language, WORDS["en"])
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(wide, high), invariant=1, lang=poster.language, pageCompression=1)
    canvas.setTitle(f"{poster.program} · {poster.shown}")
    canvas.setAuthor(poster.organization)
    band = high * 0.24
    canvas.setFillColor(_print(poster.band))
    canvas.rect(0, high - band, wide, band, stroke=0, fill=1)
    canvas.setFillColor(_print("#ffffff" if contrast_with_white(poster.band) >= LEAST_ON_BAND else BLACK))
    _line(canvas, poster.organization, TEXT, size=high * 0.022, wide=wide, at=high - band * 0.36)
    _line(canvas, poster.program, BOLD, size=high * 0.046, wide=wide, at=high - band * 0.70)
    canvas.setFillColor(_print(BLACK))
    _line(canvas, title, BOLD, size=high * 0.034, wide=wide, at=high * 0.675)
    _code(canvas, rows, color, side=high * 0.42, middle=wide / 2, bottom=high * 0.215)
    canvas.setFillColor(_print(BLACK))
    _line(canvas, what, TEXT, size=high * 0.022, wide=wide, at=high * 0.165)
    _line(canvas, otherwise, TEXT, size=high * 0.018, wide=wide, at=high * 0.115)
    _line(canvas, poster.shown, BOLD, size=high * 0.026, wide=wide, at=high * 0.07)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _code(
    canvas: Canvas, rows: tuple[tuple[bool, ...], ...], color: str, *, side: float, middle: float, bottom: float
) -> None:
    """Draw the code as one shape, so that no hair lines show between its modules."""
    module = side / len(rows)
    left, top = middle - side / 2, bottom + side
    canvas.setFillColor(_print(color))
    path = canvas.beginPath()
    for x, y, length in runs(rows):
        path.rect(left + x * module, top - (y + 1) * module, length * module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _line(canvas: Canvas, text: str, font: str, *, size: float, wide: float, at: float) -> None:
    """Write a line in the middle of the page, smaller if it would not fit; `at` is the height of its foot."""
    room = wide - 2 * MARGIN
    size = max(min(size, size * room / max(stringWidth(text, font, size), 1)), LEAST_SIZE)
    canvas.setFont(font, size)
    canvas.drawCentredString(wide / 2, at, text)


def _print(color: str) -> Color:
    """Return a colour as printers take it: black and white in black ink alone, so that no edge is out of register."""
    if color == BLACK:
        return CMYKColor(0, 0, 0, 1)
    return CMYKColor(0, 0, 0, 0) if color.lower() == "#ffffff" else HexColor(color)


@cache
def _register() -> None:
    for name in (TEXT, BOLD):
        registerFont(TTFont(name, FONTS / f"{name}.ttf"))
