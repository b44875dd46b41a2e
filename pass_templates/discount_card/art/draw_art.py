"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A board of tools; bright parts keep clear of the line on which the wallet writes.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, bezier, box, disc, icon, logo, placed, polygon, ring, write

STEEL, NIGHT, BOARD = "#1f3347", "#182939", "#284058"
ORANGE, CREAM, WOOD, METAL, GREY = "#f08a3c", "#fff4e4", "#7a4a2a", "#4d6a83", "#9fb4c6"
SHELF = 396


def nut() -> Mark:
    """Return the mark: a nut on a crossed pair of nails."""
    nail = [*box(-7, -92, 7, 78), [(-7.0, 78.0), (7.0, 78.0), (0.0, 100.0)], *box(-22, -104, 22, -88, 5)]
    return [
        (CREAM, placed(nail, (0, 0), turn=45) + placed(nail, (0, 0), turn=-45)),
        (STEEL, polygon(6, 78, turn=0)),
        (ORANGE, polygon(6, 68, turn=0)),
        (STEEL, disc(0, 0, 32)),
        (CREAM, ring(0, 0, 32, 6)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(nut(), STEEL, halo=ORANGE)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(nut(), "gvozdarium", CREAM)


def draw_strip() -> Image.Image:
    """Return the board with its tools."""
    canvas = Canvas(*STRIP, STEEL)
    for x in range(430, 1125, 44):
        for y in range(36, SHELF, 44):
            canvas.paint(BOARD, disc(x, y, 5))
    for x, paint in ((500, _screwdriver), (624, _hammer), (764, _wrench), (900, _brush)):
        canvas.paint(NIGHT, box(x - 9, 24, x + 9, 34, 5))
        paint(canvas, x)
    canvas.paint(NIGHT, box(0, SHELF, 1125, 432))
    canvas.paint(METAL, box(0, SHELF, 1125, SHELF + 5))
    canvas.paint_mark(nut(), (1034, 330), scale=0.62, turn=8)
    return canvas.image.convert("RGB")


def _screwdriver(canvas: Canvas, x: int) -> None:
    canvas.paint(METAL, box(x - 6, 34, x + 6, 240))
    canvas.paint(METAL, [[(x - 6, 34), (x + 6, 34), (x + 11, 52), (x - 11, 52)]])
    canvas.paint(ORANGE, box(x - 20, 236, x + 20, 352, 18))
    for line in (-9, 9):
        canvas.paint(WOOD, box(x + line - 2, 256, x + line + 2, 338, 2), opacity=0.6)


def _hammer(canvas: Canvas, x: int) -> None:
    canvas.paint(WOOD, box(x - 9, 60, x + 9, 250))
    canvas.paint(ORANGE, box(x - 13, 244, x + 13, 366, 11))
    canvas.paint(GREY, box(x - 46, 46, x + 34, 92, 7))
    canvas.paint(CREAM, box(x - 58, 40, x - 42, 98, 5))
    canvas.paint(
        GREY, [bezier((x + 30, 46), (x + 52, 46), (x + 66, 60), (x + 72, 84), (x + 58, 74), (x + 44, 72), (x + 30, 76))]
    )


def _wrench(canvas: Canvas, x: int) -> None:
    canvas.paint(METAL, box(x - 12, 90, x + 12, 300, 8))
    canvas.paint(GREY, disc(x, 78, 38))
    canvas.paint(STEEL, placed(box(-15, -46, 15, 4, 8), (x, 78), turn=14))
    canvas.paint(GREY, disc(x, 318, 32))
    canvas.paint(STEEL, placed(polygon(6, 15), (x, 318)))


def _brush(canvas: Canvas, x: int) -> None:
    canvas.paint(WOOD, box(x - 11, 34, x + 11, 232, 9))
    canvas.paint(GREY, box(x - 40, 232, x + 40, 282, 7))
    canvas.paint(CREAM, [[(x - 36, 282), (x + 36, 282), (x + 32, 362), (x + 12, 352), (x - 6, 366), (x - 30, 356)]])
    canvas.paint(ORANGE, [[(x - 34, 326), (x + 34, 322), (x + 32, 362), (x + 12, 352), (x - 6, 366), (x - 30, 356)]])


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
