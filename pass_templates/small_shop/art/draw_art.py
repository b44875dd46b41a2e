"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A shop's shelf on a sunny card; all that is dark stands below the line of text.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, arc, bezier, box, disc, icon, leaf, logo, placed, stroke, write

SUN, LIGHT, HONEY, INK, GREEN = "#ffd966", "#ffe595", "#f7c33f", "#2d3b17", "#4f7d2d"
RED, ORANGE, CREAM, BROWN, SAGE = "#d8452f", "#f08a3a", "#fff7df", "#8a5a2b", "#7fae52"
SHELF = 380


def basket() -> Mark:
    """Return the mark: a basket with a sprig of dill."""
    weave = [stroke([(x, 8), (x * 0.86, 84)], 6) for x in (-52, -18, 18, 52)]
    sprig = [placed(leaf(46, 13), (-4, -14), turn=turn) for turn in (-58, -30, 0, 30, 58)]
    return [
        (GREEN, [part for each in sprig for part in each] + stroke([(-4, 0), (-4, -30)], 7)),
        (RED, disc(42, -14, 26)),
        (BROWN, [[(-88.0, 0.0), (88.0, 0.0), (70.0, 92.0), (-70.0, 92.0)]]),
        (HONEY, [part for each in weave for part in each]),
        (BROWN, box(-98, -12, 98, 12, 11)),
        (BROWN, stroke(arc((0, 0), 84, 180, 214), 9) + stroke(arc((0, 0), 84, 326, 360), 9)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(basket(), SUN, scale=2.15, at=(360, 340), halo=CREAM)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(basket(), "dillybasket", INK, scale=0.56, at=(66, 68))


def draw_strip() -> Image.Image:
    """Return the shelf."""
    canvas = Canvas(*STRIP, SUN)
    for number in range(9):
        color = CREAM if number % 2 else HONEY
        left = 400 + 82 * number
        canvas.paint(color, [*box(left, 0, left + 82, 66), arc((left + 41, 64), 41, 0, 180)])
    canvas.paint(LIGHT, disc(840, 330, 190), opacity=0.7)
    _jar(canvas, 520, RED)
    _jar(canvas, 604, GREEN)
    for x, color in ((690, ORANGE), (738, ORANGE)):
        canvas.paint(color, disc(x, SHELF - 26, 26))
        canvas.paint(GREEN, placed(leaf(20, 8), (x, SHELF - 50), turn=30))
    canvas.paint_mark(basket(), (850, SHELF - 76), scale=0.84)
    _bread(canvas, 1006)
    canvas.paint(BROWN, box(0, SHELF, 1125, SHELF + 14))
    canvas.paint(HONEY, box(0, SHELF + 14, 1125, 432))
    return canvas.image.convert("RGB")


def _jar(canvas: Canvas, x: int, color: str) -> None:
    canvas.paint(CREAM, box(x - 32, SHELF - 104, x + 32, SHELF, 12))
    canvas.paint(color, box(x - 26, SHELF - 82, x + 26, SHELF - 6, 9))
    canvas.paint(INK, box(x - 28, SHELF - 120, x + 28, SHELF - 100, 5))
    canvas.paint(CREAM, box(x - 18, SHELF - 62, x + 18, SHELF - 28, 4))


def _bread(canvas: Canvas, x: int) -> None:
    loaf = bezier(
        (x - 62, SHELF),
        (x - 76, SHELF - 76),
        (x - 30, SHELF - 92),
        (x, SHELF - 92),
        (x + 30, SHELF - 92),
        (x + 76, SHELF - 76),
        (x + 62, SHELF),
    )
    canvas.paint(BROWN, [loaf])
    for cut in (-32, 0, 32):
        canvas.paint(HONEY, stroke([(x + cut - 8, SHELF - 74), (x + cut + 8, SHELF - 48)], 9))


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
