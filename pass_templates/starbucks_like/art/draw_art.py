"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A finch on a kettle under stars.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, arc, bezier, box, disc, icon, logo, placed, star, stroke, write

TEAL, DEEP, POND, KETTLE = "#0f3a42", "#0b2d34", "#17505a", "#1f616b"
CORAL, AMBER, CREAM, RED = "#f0764f", "#f5c26b", "#fff6e6", "#c8452f"
TABLE = 386


def finch() -> Mark:
    """Return the mark: a finch, looking right."""
    body = bezier(
        (-30, 62), (-84, 40), (-70, -30), (-10, -44), (30, -54), (66, -30), (64, 6), (62, 48), (20, 76), (-30, 62)
    )
    wing = bezier((-40, 30), (-56, -14), (-20, -30), (22, -6), (14, 34), (-10, 50), (-40, 30))
    return [
        (RED, [[(-40.0, 30.0), (-112.0, 56.0), (-100.0, 78.0), (-34.0, 66.0)]]),
        (AMBER, [[(56.0, -22.0), (104.0, -4.0), (58.0, 12.0)]]),
        (CORAL, [body]),
        (CREAM, [bezier((10, 66), (44, 58), (62, 34), (62, 4), (40, 20), (20, 40), (10, 66))]),
        (RED, [wing]),
        (DEEP, disc(34, -18, 9)),
        (CREAM, disc(37, -21, 3)),
        (AMBER, placed(star(30), (-44, -84), turn=-12)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(finch(), TEAL, scale=2.1, at=(368, 376), halo=AMBER)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(finch(), "kettlefinch", CREAM, scale=0.58, at=(70, 84))


def draw_strip() -> Image.Image:
    """Return the kettle with the finch on its handle."""
    canvas = Canvas(*STRIP, TEAL)
    for radius, opacity in ((330, 0.35), (240, 0.4), (150, 0.45)):
        canvas.paint(POND, disc(850, 210, radius), opacity=opacity)
    for x, y, size in (
        (500, 60, 12),
        (590, 100, 8),
        (660, 44, 15),
        (1010, 58, 13),
        (1076, 108, 9),
        (450, 110, 7),
        (940, 28, 8),
    ):
        canvas.paint(AMBER, placed(star(size), (x, y), turn=size * 3))
    _kettle(canvas, 850)
    canvas.paint(DEEP, box(0, TABLE, 1125, 432))
    canvas.paint(POND, box(0, TABLE, 1125, TABLE + 5))
    _cup(canvas, 646)
    canvas.paint_mark(finch(), (846, 82), scale=0.62)
    return canvas.image.convert("RGB")


def _kettle(canvas: Canvas, x: int) -> None:
    canvas.paint(KETTLE, stroke(arc((x, 210), 92, 180, 360), 14))
    spout = bezier((x - 96, 330), (x - 160, 320), (x - 150, 236), (x - 196, 232))
    canvas.paint(KETTLE, stroke(spout, 20))
    body = bezier(
        (x - 92, 232),
        (x - 124, 300),
        (x - 130, 340),
        (x - 120, TABLE),
        (x + 120, TABLE),
        (x + 120, TABLE),
        (x + 120, TABLE),
        (x + 130, 340),
        (x + 124, 300),
        (x + 92, 232),
    )
    canvas.paint(CORAL, [body])
    canvas.paint(
        RED,
        [[*bezier((x - 126, 340), (x - 60, 360), (x + 60, 360), (x + 126, 340)), (x + 120, TABLE), (x - 120, TABLE)]],
    )
    canvas.paint(CREAM, box(x - 100, 226, x + 100, 242, 8))
    canvas.paint(CREAM, placed(star(30), (x, 296)))


def _cup(canvas: Canvas, x: int) -> None:
    canvas.paint(CREAM, stroke(arc((x - 46, 336), 17, 85, 275), 8))
    canvas.paint(
        CREAM,
        [
            bezier(
                (x - 46, 304), (x - 46, 384), (x - 26, TABLE), (x, TABLE), (x + 26, TABLE), (x + 46, 384), (x + 46, 304)
            )
        ],
    )
    for left in (x - 14, x + 16):
        steam = bezier((left, 290), (left - 18, 268), (left + 18, 252), (left, 228))
        canvas.paint(CREAM, stroke(steam, 6), opacity=0.3)


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
