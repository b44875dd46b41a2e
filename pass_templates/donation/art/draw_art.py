"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A light card: hills with young trees, pale where dark letters may cross them.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, arc, bezier, box, disc, icon, logo, stroke, write

CREAM, MINT, MEADOW, GREEN, FOREST, INK = "#eef3e1", "#d7e6bf", "#b7d494", "#7cab57", "#3f7a45", "#1e3b2a"
SUN, CORAL, BARK = "#f6d98b", "#e58a63", "#8a6442"


def sprout() -> Mark:
    """Return the mark: two leaves that make a heart."""
    half = [bezier((0, 78), (-64, 34), (-98, -8), (-88, -48), (-78, -92), (-20, -92), (0, -44))]
    mirrored = [[(-x, y) for x, y in each] for each in half]
    return [
        (FOREST, half),
        (GREEN, mirrored),
        (CREAM, stroke(bezier((-6, 62), (-34, 30), (-54, 0), (-56, -40)), 6)),
        (CREAM, stroke(bezier((6, 62), (34, 30), (54, 0), (56, -40)), 6)),
        (BARK, stroke([(0, 70), (0, 100)], 12)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(sprout(), CREAM, scale=2.2, at=(360, 358), halo=GREEN)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(sprout(), "frunzaria", INK, scale=0.6, at=(64, 74))


def draw_strip() -> Image.Image:
    """Return the hills."""
    canvas = Canvas(*STRIP, CREAM)
    canvas.paint(SUN, disc(930, 100, 120), opacity=0.35)
    canvas.paint(SUN, disc(930, 100, 74))
    far = bezier((360, 420), (560, 330), (640, 240), (820, 250), (960, 258), (1040, 300), (1130, 250))
    near = bezier((300, 440), (560, 400), (760, 330), (900, 336), (1010, 340), (1080, 360), (1130, 330))
    canvas.paint(MINT, [[*far, (1130.0, 440.0), (360.0, 440.0)]])
    for x, y, size in ((700, 284, 0.62), (760, 266, 0.8), (846, 262, 0.7), (1060, 292, 0.8), (1108, 270, 0.6)):
        _tree(canvas, x, y, size, color=MEADOW, shade=GREEN)
    canvas.paint(MEADOW, [[*near, (1130.0, 440.0), (300.0, 440.0)]])
    for x, y, size, color in (
        (640, 392, 0.9, GREEN),
        (800, 366, 1.05, FOREST),
        (930, 368, 0.9, GREEN),
        (1050, 384, 1.1, FOREST),
    ):
        _tree(canvas, x, y, size, color=color, shade=FOREST)
    for x, y in ((560, 414), (720, 404), (880, 400), (990, 408)):
        canvas.paint(CORAL, disc(x, y, 6))
        canvas.paint(FOREST, stroke([(x, y + 8), (x, y + 22)], 3))
    return canvas.image.convert("RGB")


def _tree(canvas: Canvas, x: float, y: float, size: float, *, color: str, shade: str) -> None:
    """Paint a tree that stands at that place."""
    canvas.paint(BARK, box(x - 5 * size, y - 46 * size, x + 5 * size, y + 4 * size, 2), opacity=0.8)
    canvas.paint(color, disc(x, y - 76 * size, 42 * size))
    canvas.paint(shade, stroke(arc((x, y - 76 * size), 30 * size, 20, 100), 5 * size), opacity=0.35)


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
