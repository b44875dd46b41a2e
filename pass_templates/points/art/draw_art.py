"""Draw icon.png, logo.png and strip.png of this template with Pillow alone: `python draw_art.py [FOLDER]`.

Run it by hand after changing a colour or a shape; the service reads the three files and never this script.
Everything is a list of polygons, filled at four times the size and averaged down, which gives smooth edges.
Sizes: https://developer.apple.com/design/human-interface-guidelines/wallet (logo 160x50 and strip 375x144 points,
three pixels a point) and https://developers.google.com/wallet/retail/loyalty-cards/resources/brand-guidelines
(a square logo of 660 pixels that is shown as a circle, a hero image of 3:1 that is cut out of the strip).
"""

import sys
from itertools import pairwise
from math import cos, hypot, radians, sin
from pathlib import Path

from PIL import Image, ImageDraw

Point = tuple[float, float]
Shape = list[list[Point]]

PLUM = "#2b1f3d"
SHADE = "#22182f"
DUSK = "#3a2a4e"
CREAM = "#fff3df"
SAND = "#e3c8a0"
AMBER = "#f2b35c"
CLAY = "#d9694c"
SAGE = "#7fa08c"
SUPERSAMPLING = 4
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


class Canvas:
    """An image that shapes are painted on, back to front; all measures are pixels of the finished image."""

    def __init__(self, width: int, height: int, background: str | None = None) -> None:
        self.image = Image.new("RGBA", (width, height), background or CREAM + "00")

    def paint(self, color: str, shape: Shape, *, opacity: float = 1.0) -> None:
        """Fill `shape` with `color` ("#rrggbb")."""
        mask = self._mask(shape)
        layer = Image.new("RGBA", self.image.size, color)
        layer.putalpha(mask.reduce(SUPERSAMPLING).point([round(level * opacity) for level in range(256)]))
        self.image = Image.alpha_composite(self.image, layer)

    def _mask(self, shape: Shape) -> Image.Image:
        width, height = self.image.size
        mask = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        pen = ImageDraw.Draw(mask)
        for polygon in shape:
            pen.polygon([(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in polygon], fill=255)
        return mask


def arc(center: Point, radius: float, start: float, end: float) -> list[Point]:
    """Return points of a circle from angle `start` to `end` in degrees, clockwise from three o'clock."""
    steps = max(8, round(abs(end - start) / 3))
    angles = [radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(center[0] + radius * cos(angle), center[1] + radius * sin(angle)) for angle in angles]


def disc(x: float, y: float, radius: float) -> Shape:
    """Return a filled circle."""
    return [arc((x, y), radius, 0, 360)]


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Shape:
    """Return a rectangle with rounded corners."""
    corners = [(right - radius, bottom - radius, 0), (left + radius, bottom - radius, 90)]
    corners += [(left + radius, top + radius, 180), (right - radius, top + radius, 270)]
    return [[point for x, y, angle in corners for point in arc((x, y), radius, angle, angle + 90)]]


def bezier(*knots: Point) -> list[Point]:
    """Return points of a cubic curve: a start, then two handles and an end for every piece."""
    points = [knots[0]]
    for index in range(0, len(knots) - 1, 3):
        a, b, c, d = knots[index : index + 4]
        for step in range(1, 25):
            t, u = step / 24, 1 - step / 24
            weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
            x = sum(weight * knot[0] for weight, knot in zip(weights, (a, b, c, d), strict=True))
            y = sum(weight * knot[1] for weight, knot in zip(weights, (a, b, c, d), strict=True))
            points.append((x, y))
    return points


def stroke(points: list[Point], width: float) -> Shape:
    """Return a line of even width with round ends and joints."""
    shape: Shape = [disc(x, y, width / 2)[0] for x, y in points]
    for (x0, y0), (x1, y1) in pairwise(points):
        length = hypot(x1 - x0, y1 - y0) or 1.0
        dx, dy = (y1 - y0) / length * width / 2, (x0 - x1) / length * width / 2
        shape.append([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)])
    return shape


def placed(shape: Shape, at: Point, *, scale: float = 1.0, turn: float = 0.0) -> Shape:
    """Return the shape scaled, turned clockwise by `turn` degrees about its origin, and moved to `at`."""
    c, s = cos(radians(turn)) * scale, sin(radians(turn)) * scale
    return [[(at[0] + x * c - y * s, at[1] + x * s + y * c) for x, y in polygon] for polygon in shape]


def both_sides(shape: Shape) -> Shape:
    """Return the shape together with its mirror image about the vertical axis."""
    return shape + [[(-x, y) for x, y in polygon] for polygon in shape]


def moth() -> list[tuple[str, Shape]]:
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


def paint_moth(canvas: Canvas, at: Point, *, scale: float, turn: float = 0.0) -> None:
    """Paint the mark with its middle at `at`."""
    for color, shape in moth():
        canvas.paint(color, placed(shape, at, scale=scale, turn=turn))


def letters() -> dict[str, tuple[list[list[Point]], float]]:
    """Return the wordmark's letters as centre lines on an x-height of 100 from y=0 to y=100, and their widths."""
    bowl = arc((50, 50), 50, 0, 360)
    return {
        "p": ([bowl, [(0, 0), (0, 152)]], 100),
        "a": ([bowl, [(100, 0), (100, 100)]], 100),
        "e": ([[(0, 52), (100, 52)], arc((50, 50), 50, 2, -318)], 100),
        "r": ([[(0, 0), (0, 100)], arc((48, 48), 48, 180, 290)], 62),
        "m": ([[(0, 0), (0, 100)], arch(0, 38), arch(76, 38)], 152),
        "o": ([bowl], 100),
        "t": ([[(0, -42), (0, 70), *arc((30, 70), 30, 180, 75)], [(-26, 0), (36, 0)]], 40),
        "h": ([[(0, -52), (0, 100)], arch(0, 43)], 86),
    }


def arch(left: float, radius: float) -> list[Point]:
    """Return the centre line of an arch that springs from a stem at `left` and stands on the base line."""
    return [*arc((left + radius, radius), radius, 180, 360), (left + 2 * radius, 100)]


def wordmark(text: str, *, weight: float, gap: float) -> tuple[Shape, float]:
    """Return the text as one shape and its width, both in units of the letters."""
    shape: Shape = []
    x = 0.0
    for letter in text:
        lines, width = letters()[letter]
        for line in lines:
            shape += placed(stroke(line, weight), (x, 0))
        x += width + gap
    return shape, x - gap


def draw_icon() -> Image.Image:
    """Return the square mark, full bleed; the moth keeps the margin of 15 % that Google's circle asks for."""
    canvas = Canvas(720, 720, PLUM)
    canvas.paint(CLAY, disc(360, 345, 296), opacity=0.08)
    canvas.paint(AMBER, disc(360, 345, 206), opacity=0.08)
    paint_moth(canvas, (360, 368), scale=2.5)
    return canvas.image.convert("RGB")


def draw_logo() -> Image.Image:
    """Return mark and wordmark on a transparent ground, for a dark card."""
    canvas = Canvas(480, 150)
    paint_moth(canvas, (64, 76), scale=0.6)
    shape, width = wordmark("papermoth", weight=21, gap=37)
    scale = 322 / width
    canvas.paint(CREAM, placed(shape, (149, 60), scale=scale))
    return canvas.image


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
    paint_moth(canvas, (1008, 84), scale=0.4, turn=-30)
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


def main() -> None:
    """Write the three files beside this script, or into the folder that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, image in (("icon", draw_icon()), ("logo", draw_logo()), ("strip", draw_strip())):
        path = folder / f"{name}.png"
        image.save(path, optimize=True)
        print(f"{path}: {image.width}x{image.height}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
