"""Draw icon.png, logo.png and strip.png of this template with Pillow alone: `python draw_art.py [FOLDER]`.

Run it by hand after changing a colour or a shape; the service reads the pictures and never this script.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import Canvas, Mark, arc, bezier, both_sides, box, disc, logo, placed, stroke, write

PLUM = "#2b1f3d"
SHADE = "#22182f"
DUSK = "#3a2a4e"
CREAM = "#fff3df"
SAND = "#e3c8a0"
AMBER = "#f2b35c"
CLAY = "#d9694c"
SAGE = "#7fa08c"
LAMP = 782  # x of the lamp's middle in the strip
SHELF = 388  # y of the shelf's upper edge
# Width, height, colour and number of bands of each upright book.
BOOKS_LEFT = [
    (34, 132, CLAY, 1),
    (26, 112, SAGE, 0),
    (44, 148, "#8d79b0", 2),
    (30, 120, AMBER, 1),
    (38, 158, CLAY, 2),
    (24, 104, CREAM, 0),
    (36, 136, SAGE, 2),
    (34, 116, AMBER, 0),
]
BOOKS_RIGHT = [
    (40, 150, SAGE, 2),
    (26, 118, CLAY, 0),
    (34, 138, AMBER, 1),
    (46, 164, CLAY, 2),
    (28, 126, CREAM, 0),
    (38, 146, SAGE, 1),
    (30, 112, AMBER, 2),
]


def moth() -> Mark:
    """Return the mark, about 200 units wide around its middle: a moth whose upper wings are an open book."""
    feelers = [bezier((1, -40), (2, -66), (16, -84), (46, -88), (36, -72), (20, -58), (7, -40))]
    lower = [bezier((0, 14), (30, 22), (62, 20), (66, 38), (70, 62), (44, 82), (26, 74), (12, 68), (4, 50), (0, 36))]
    upper = [
        bezier(
            *((0, -22), (16, -44), (50, -57), (92, -53), (98, -52.4), (100, -49), (98.6, -43)),
            *((93, -20), (88, 2), (81, 23), (79, 29), (75, 31.5), (69, 30.5), (42, 26), (18, 28), (0, 40)),
        )
    ]
    pages = placed(upper, (0, 6))
    ring = disc(55, -14, 19)
    ribbon = [(-7.0, -34.0), (7.0, -34.0), (7.0, 74.0), (0.0, 64.0), (-7.0, 74.0)]
    return [
        (AMBER, both_sides(feelers)),
        (AMBER, both_sides(lower)),
        (SAND, both_sides(pages)),
        (CREAM, both_sides(upper)),
        (AMBER, both_sides(ring)),
        (PLUM, both_sides(disc(55, -14, 10.5))),
        (CLAY, [ribbon, *disc(0, -37, 10.5)]),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark, full bleed; the moth keeps the margin of 15 % that Google's circle asks for."""
    canvas = Canvas(720, 720, PLUM)
    canvas.paint(CLAY, disc(360, 345, 296), opacity=0.08)
    canvas.paint(AMBER, disc(360, 345, 206), opacity=0.08)
    canvas.paint_mark(moth(), (360, 368), scale=2.5)
    return canvas.image.convert("RGB")


def draw_logo() -> Image.Image:
    """Return mark and wordmark on a transparent ground, for a dark card."""
    return logo(moth(), "papermoth", CREAM)


def draw_strip() -> Image.Image:
    """Return the evening scene; its left third stays dark and calm because the wallet writes on it."""
    canvas = Canvas(1125, 432, PLUM)
    paint_light(canvas)
    paint_row(canvas, 408, BOOKS_LEFT)
    paint_row(canvas, 893, BOOKS_RIGHT)
    canvas.paint(SHADE, box(0, SHELF, 1125, 432))
    canvas.paint(DUSK, box(0, SHELF, 1125, SHELF + 5))
    paint_cup(canvas)
    paint_lamp(canvas)
    canvas.paint_mark(moth(), (1008, 84), scale=0.4, turn=-30)
    return canvas.image.convert("RGB")


def paint_light(canvas: Canvas) -> None:
    """Paint the lamp's light as rings, each a little warmer than the one around it."""
    for color, radius, opacity in ((CLAY, 402, 0.06), (CLAY, 306, 0.07), (CLAY, 214, 0.09), (AMBER, 126, 0.12)):
        canvas.paint(color, disc(LAMP, 92, radius), opacity=opacity)


def paint_row(canvas: Canvas, left: float, books: list[tuple[int, int, str, int]]) -> None:
    """Paint upright books side by side; the farther from the lamp, the darker."""
    x = left
    for width, height, color, bands in books:
        top, right = SHELF - height, x + width - 3
        opacity = max(0.2, 0.52 - abs((x + right) / 2 - LAMP) / 900)
        canvas.paint(color, box(x, top, right, SHELF + 6, 4), opacity=opacity)
        for band in range(bands):
            y = top + 18 + 14 * band
            canvas.paint(CREAM, box(x, y, right, y + 5), opacity=opacity * 0.4)
        x += width


def paint_cup(canvas: Canvas) -> None:
    """Paint a steaming cup that stands on two lying books, under the lamp."""
    lying_book(canvas, (690, SHELF - 30, 868, SHELF), "#8f4a45")
    lying_book(canvas, (708, SHELF - 54, 858, SHELF - 30), "#4f6b60")
    top, bottom = SHELF - 120, SHELF - 58
    canvas.paint(CREAM, stroke(arc((LAMP + 44, top + 27), 16, -95, 95), 8))
    bowl = bezier((-44, 0), (-44, 78), (-24, 62), (0, 62), (24, 62), (44, 78), (44, 0))
    canvas.paint(CREAM, placed([bowl], (LAMP, top)))
    canvas.paint(CREAM, box(LAMP - 34, bottom - 2, LAMP + 34, bottom + 4, 3))
    for x in (LAMP - 16, LAMP + 14):
        steam = bezier((x, top - 16), (x - 20, top - 42), (x + 20, top - 58), (x, top - 92))
        canvas.paint(CREAM, stroke(steam, 6), opacity=0.22)


def lying_book(canvas: Canvas, edges: tuple[float, float, float, float], color: str) -> None:
    """Paint a closed book that lies flat, its spine to the left."""
    left, top, right, bottom = edges
    canvas.paint(color, box(left, top, right, bottom, 5))
    canvas.paint(SAND, box(left + 16, top + 5, right + 1, bottom - 5, 2))


def paint_lamp(canvas: Canvas) -> None:
    """Paint the lamp, which hangs above the line of text."""
    canvas.paint(CREAM, disc(LAMP, 84, 22))
    dome = bezier((-98, 84), (-94, 44), (-56, 18), (0, 18), (56, 18), (94, 44), (98, 84))
    shine = bezier((-80, 78), (-76, 52), (-54, 34), (-24, 30), (-44, 40), (-58, 54), (-62, 78))
    canvas.paint(SHADE, box(LAMP - 3, -4, LAMP + 3, 12))
    canvas.paint(SHADE, box(LAMP - 15, 9, LAMP + 15, 30, 5))
    canvas.paint(CLAY, placed([dome], (LAMP, 0)))
    canvas.paint(AMBER, placed([shine], (LAMP, 0)), opacity=0.45)


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
