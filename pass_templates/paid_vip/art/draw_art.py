"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A kite in the night and the wind that carries it, in gold lines.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, bezier, icon, logo, placed, star, stroke, write

NIGHT, BLUE, DEEP = "#12161f", "#1a2130", "#212a3d"
GOLD, DIM, IVORY = "#dfb768", "#5d4c2b", "#f7f1e1"


def kite() -> Mark:
    """Return the mark: a kite with its tail."""
    tail = stroke(bezier((0, 62), (-30, 80), (30, 92), (0, 108)), 8)
    return [
        (GOLD, tail),
        (GOLD, [[(0.0, -100.0), (64.0, -22.0), (0.0, 64.0), (-64.0, -22.0)]]),
        (IVORY, [[(0.0, -100.0), (0.0, -22.0), (-64.0, -22.0)]]),
        (DIM, [[(0.0, -22.0), (64.0, -22.0), (0.0, 64.0)]]),
        (IVORY, placed([[(-16.0, -7.0), (16.0, 7.0), (16.0, -7.0), (-16.0, 7.0)]], (-1, 84), turn=20)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(kite(), NIGHT, halo=GOLD)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(kite(), "zephyrloft", IVORY, scale=0.6)


def draw_strip() -> Image.Image:
    """Return the kite over bands of wind."""
    canvas = Canvas(*STRIP, NIGHT)
    for number, color in enumerate((BLUE, DEEP, "#28344b")):
        y = 300 + 44 * number
        hill = bezier(
            (300, y + 90), (520, y + 60), (640, y - 60), (800, y - 30), (960, y), (1010, y + 40), (1130, y - 20)
        )
        canvas.paint(color, [[*hill, (1130.0, 440.0), (300.0, 440.0)]])
    for number in range(7):
        y = 250 + 22 * number
        line = bezier(
            (380 + 30 * number, y + 70),
            (600, y + 90),
            (680, y - 70),
            (860, y - 40),
            (980, y - 20),
            (1000, y - 90),
            (1140, y - 120),
        )
        canvas.paint(GOLD if number in (2, 5) else DIM, stroke(line, 3), opacity=0.9 if number > 4 else 0.42)
    for x, y, size in ((500, 70, 6), (620, 38, 8), (700, 100, 5), (1060, 60, 8), (820, 40, 5), (1096, 110, 5)):
        canvas.paint(IVORY, placed(star(size, inner=0.3), (x, y)), opacity=0.8)
    string = bezier((944, 88), (900, 180), (760, 210), (700, 330))
    canvas.paint(DIM, stroke(string, 3))
    canvas.paint_mark(kite(), (950, 58), scale=0.56, turn=24)
    return canvas.image.convert("RGB")


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
