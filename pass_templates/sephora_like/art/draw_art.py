"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A light card: large petals on blush, pale enough for dark letters to cross them.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, disc, icon, leaf, logo, placed, write

BLUSH, ROSE, PINK, MAGENTA, PLUM = "#fdeef0", "#f9cfda", "#f3a3bd", "#c93b77", "#4a1238"
GOLD, LEAF, WHITE = "#eebf6b", "#a9c9a4", "#fffafa"


def flower(petal: str = MAGENTA, inner: str = PINK, heart: str = GOLD) -> Mark:
    """Return the mark: a flower of five petals."""
    petals = [placed(leaf(96, 50), (0, 0), turn=72 * each) for each in range(5)]
    veins = [placed(leaf(66, 22), (0, 0), turn=72 * each) for each in range(5)]
    return [
        *((petal, each) for each in petals),
        *((inner, each) for each in veins),
        (heart, disc(0, 0, 20)),
        (WHITE, disc(-5, -5, 6)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(flower(), BLUSH, scale=2.5, at=(360, 372), halo=MAGENTA)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(flower(), "lumipetal", PLUM, scale=0.64, at=(64, 80))


def draw_strip() -> Image.Image:
    """Return the flowers."""
    canvas = Canvas(*STRIP, BLUSH)
    canvas.paint(ROSE, disc(900, 250, 290), opacity=0.45)
    canvas.paint(ROSE, disc(900, 250, 200), opacity=0.55)
    for turn, length in ((-38, 250), (34, 262), (-70, 200), (66, 210)):
        canvas.paint(LEAF, placed(leaf(length, 52), (880, 400), turn=turn), opacity=0.85)
    canvas.paint_mark(flower(PINK, ROSE, GOLD), (880, 196), scale=1.75, turn=12)
    canvas.paint_mark(flower("#f7b8cb", BLUSH, GOLD), (1050, 96), scale=0.85, turn=-14)
    canvas.paint_mark(flower(MAGENTA, PINK, GOLD), (716, 334), scale=0.86, turn=-20)
    canvas.paint_mark(flower("#e06f9b", ROSE, GOLD), (1056, 350), scale=0.74, turn=30)
    for x, y, turn in ((610, 92, 30), (540, 300, -50), (650, 212, 80), (470, 388, 20), (790, 60, -20)):
        canvas.paint(PINK, placed(leaf(34, 15), (x, y), turn=turn), opacity=0.7)
    return canvas.image.convert("RGB")


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
