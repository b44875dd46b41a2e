"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

Roofs of an old town at night under three linked rings, one for each partner.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, arc, box, disc, icon, logo, placed, ring, star, stroke, write

WINE, DARK, DUSK, PLUM = "#3d1830", "#2c1022", "#55243f", "#6b3047"
CORAL, GOLD, TEAL, CREAM = "#ef8163", "#f3bd5b", "#58b6a6", "#fff2e2"
GROUND = 404
# Left edge, width, height of the wall, and colours of wall and roof of each house.
HOUSES = [
    (400, 84, 96, DUSK, PLUM),
    (482, 70, 138, CORAL, PLUM),
    (552, 92, 112, CREAM, CORAL),
    (644, 66, 146, TEAL, DUSK),
    (710, 96, 104, GOLD, PLUM),
    (934, 74, 132, CREAM, TEAL),
    (1008, 88, 108, CORAL, DUSK),
    (1096, 84, 146, GOLD, PLUM),
]


def rings() -> Mark:
    """Return the mark: three linked rings."""
    places = ((0, -44, CORAL), (44, 32, GOLD), (-44, 32, TEAL))
    whole = [(color, ring(x, y, 48, 20)) for x, y, color in places]
    over = [
        (color, stroke(arc((x, y), 48, start, start + 40), 20))
        for (x, y, color), start in zip(places, (20, 140, 262), strict=True)
    ]
    return whole + over


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(rings(), WINE, scale=2.4, at=(360, 356), halo=CORAL)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(rings(), "kolokruh", CREAM, scale=0.62)


def draw_strip() -> Image.Image:
    """Return the roofs; towers that cross the line of text are darker than it needs."""
    canvas = Canvas(*STRIP, WINE)
    for radius, opacity in ((300, 0.1), (220, 0.12), (140, 0.14)):
        canvas.paint(PLUM, disc(960, 60, radius), opacity=opacity * 3)
    canvas.paint(CREAM, disc(960, 60, 42))
    canvas.paint(GOLD, disc(948, 52, 9), opacity=0.35)
    canvas.paint(GOLD, disc(974, 74, 6), opacity=0.35)
    for x, y in ((470, 40), (560, 84), (690, 30), (770, 90), (860, 44), (1060, 110), (1090, 30)):
        canvas.paint(GOLD, placed(star(9), (x, y)))
    for x, width, top in ((842, 62, 214), (908, 34, 236), (604, 40, 226)):
        _tower(canvas, x, width, top)
    for left, width, height, wall, roof in HOUSES:
        _house(canvas, left, width, height, wall=wall, roof=roof)
    canvas.paint(DARK, box(0, GROUND, 1125, 432))
    canvas.paint(DUSK, box(0, GROUND, 1125, GROUND + 5))
    return canvas.image.convert("RGB")


def _house(canvas: Canvas, left: int, width: int, height: int, *, wall: str, roof: str) -> None:
    top = GROUND - height
    canvas.paint(wall, box(left, top, left + width - 4, GROUND))
    canvas.paint(roof, [[(left - 6, top), (left + width + 2, top), (left + width / 2 - 2, max(top - 40, 228))]])
    for row in range(top + 18, GROUND - 30, 34):
        for column in (0.26, 0.62):
            x = left + (width - 4) * column
            canvas.paint(WINE, box(x - 6, row, x + 8, row + 20, 4), opacity=0.75)


def _tower(canvas: Canvas, x: int, width: int, top: int) -> None:
    canvas.paint(PLUM, box(x - width / 2, top, x + width / 2, GROUND))
    canvas.paint(DUSK, [[(x - width / 2 - 8, top), (x + width / 2 + 8, top), (x, top - width * 1.6)]])
    canvas.paint(GOLD, disc(x, top - width * 1.6, 5), opacity=0.3)
    canvas.paint(GOLD, box(x - 7, top + 32, x + 7, top + 58, 7), opacity=0.85)


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
