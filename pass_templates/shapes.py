"""What the scripts `*/art/draw_art.py` draw with: polygons, letters, and the pictures that each template has.

Everything is a list of polygons, filled at four times the size and averaged down, which gives smooth edges.
Sizes: https://developer.apple.com/design/human-interface-guidelines/wallet (logo 160x50 and strip 375x144 points,
three pixels a point) and https://developers.google.com/wallet/retail/loyalty-cards/resources/brand-guidelines
(a square logo of 660 pixels that is shown as a circle, a hero image of 3:1 that is cut out of the strip).
"""

import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import ceil, cos, floor, hypot, radians, sin
from pathlib import Path

from PIL import Image, ImageDraw

Point = tuple[float, float]
Shape = list[list[Point]]
Mark = list[tuple[str, Shape]]  # colours and shapes back to front, about 200 units wide around the origin

SUPERSAMPLING = 4
STRIP = (1125, 432)
WORD = (149, 322)  # left edge and width of the letters in a logo, pixels


class Canvas:
    """An image that shapes are painted on, back to front; all measures are pixels of the finished image."""

    def __init__(self, width: int, height: int, background: str | None = None) -> None:
        self.image = Image.new("RGBA", (width, height), background or "#ffffff00")

    def paint(self, color: str, shape: Shape, *, opacity: float = 1.0) -> None:
        """Fill `shape` with `color` ("#rrggbb")."""
        points = [point for polygon in shape for point in polygon]
        left, top = (max(0, floor(min(each[axis] for each in points)) - 1) for axis in (0, 1))
        size = tuple(
            min(edge, ceil(max(each[axis] for each in points)) + 1) - start
            for axis, edge, start in zip((0, 1), self.image.size, (left, top), strict=True)
        )
        if min(size) <= 0:
            return
        mask = Image.new("L", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
        pen = ImageDraw.Draw(mask)
        for polygon in shape:
            pen.polygon([((x - left) * SUPERSAMPLING, (y - top) * SUPERSAMPLING) for x, y in polygon], fill=255)
        layer = Image.new("RGBA", (size[0], size[1]), color)
        layer.putalpha(mask.reduce(SUPERSAMPLING).point([round(level * opacity) for level in range(256)]))
        self.image.alpha_composite(layer, (left, top))

    def paint_mark(self, mark: Mark, at: Point, *, scale: float, turn: float = 0.0, opacity: float = 1.0) -> None:
        """Paint a mark with its middle at `at`."""
        for color, shape in mark:
            self.paint(color, placed(shape, at, scale=scale, turn=turn), opacity=opacity)


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


def polygon(corners: int, radius: float, *, turn: float = -90.0) -> Shape:
    """Return a regular polygon around the origin."""
    angles = [radians(turn + 360 * corner / corners) for corner in range(corners)]
    return [[(radius * cos(angle), radius * sin(angle)) for angle in angles]]


def star(radius: float, *, inner: float = 0.45) -> Shape:
    """Return a star of five points around the origin."""
    angles = [radians(-90 + 36 * corner) for corner in range(10)]
    far = [radius if corner % 2 == 0 else radius * inner for corner in range(10)]
    return [[(r * cos(angle), r * sin(angle)) for r, angle in zip(far, angles, strict=True)]]


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


def leaf(length: float, width: float) -> Shape:
    """Return a leaf or petal that grows from the origin upwards."""
    side = ((-width, -length * 0.3), (-width * 0.7, -length * 0.8), (0.0, -length))
    back = ((width * 0.7, -length * 0.8), (width, -length * 0.3), (0.0, 0.0))
    return [bezier((0.0, 0.0), *side, *back)]


def stroke(points: list[Point], width: float) -> Shape:
    """Return a line of even width with round ends and joints."""
    shape: Shape = [disc(x, y, width / 2)[0] for x, y in points]
    for (x0, y0), (x1, y1) in pairwise(points):
        length = hypot(x1 - x0, y1 - y0) or 1.0
        dx, dy = (y1 - y0) / length * width / 2, (x0 - x1) / length * width / 2
        shape.append([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)])
    return shape


def ring(x: float, y: float, radius: float, width: float) -> Shape:
    """Return a circle's line."""
    return stroke(arc((x, y), radius, 0, 360), width)


def placed(shape: Shape, at: Point, *, scale: float = 1.0, turn: float = 0.0) -> Shape:
    """Return the shape scaled, turned clockwise by `turn` degrees about its origin, and moved to `at`."""
    c, s = cos(radians(turn)) * scale, sin(radians(turn)) * scale
    return [[(at[0] + x * c - y * s, at[1] + x * s + y * c) for x, y in polygon] for polygon in shape]


def both_sides(shape: Shape) -> Shape:
    """Return the shape together with its mirror image about the vertical axis."""
    return shape + [[(-x, y) for x, y in polygon] for polygon in shape]


def _arch(left: float, radius: float) -> list[Point]:
    """Return the centre line of an arch that springs from a stem at `left` and stands on the base line."""
    return [*arc((left + radius, radius), radius, 180, 360), (left + 2 * radius, 100)]


def _letters() -> dict[str, tuple[list[list[Point]], float]]:
    """Return letters as centre lines on an x-height of 100 from y=0 to y=100, and their widths."""
    bowl = arc((50, 50), 50, 0, 360)
    snake = bezier((74, 15), (62, -5), (4, -8), (4, 25), (4, 60), (76, 40), (76, 75), (76, 108), (14, 105), (0, 84))
    return {
        "a": ([bowl, [(100, 0), (100, 100)]], 100),
        "b": ([bowl, [(0, -52), (0, 100)]], 100),
        "c": ([arc((50, 50), 50, 48, 312)], 84),
        "d": ([bowl, [(100, -52), (100, 100)]], 100),
        "e": ([[(0, 52), (100, 52)], arc((50, 50), 50, 2, -318)], 100),
        "f": ([[*arc((58, -22), 30, 285, 180), (28, 100)], [(0, 0), (60, 0)]], 58),
        "g": ([bowl, [(100, 0), (100, 104), *arc((52, 104), 48, 0, 145)]], 100),
        "h": ([[(0, -52), (0, 100)], _arch(0, 43)], 86),
        "i": ([[(0, 0), (0, 100)], [(0, -40), (0, -39)]], 0),
        "k": ([[(0, -52), (0, 100)], [(64, 0), (2, 58)], [(26, 38), (68, 100)]], 68),
        "l": ([[(0, -52), (0, 100)]], 0),
        "m": ([[(0, 0), (0, 100)], _arch(0, 38), _arch(76, 38)], 152),
        "n": ([[(0, 0), (0, 100)], _arch(0, 43)], 86),
        "o": ([bowl], 100),
        "p": ([bowl, [(0, 0), (0, 152)]], 100),
        "r": ([[(0, 0), (0, 100)], arc((48, 48), 48, 180, 290)], 62),
        "s": ([snake], 78),
        "t": ([[(0, -42), (0, 70), *arc((30, 70), 30, 180, 75)], [(-26, 0), (36, 0)]], 40),
        "u": ([[(0, 0), *arc((43, 57), 43, 180, 0), (86, 0)], [(86, 0), (86, 100)]], 86),
        "v": ([[(0, 0), (43, 100), (86, 0)]], 86),
        "y": ([[(0, 0), (48, 100)], [(90, 0), (30, 150)]], 90),
        "z": ([[(2, 0), (78, 0), (0, 100), (80, 100)]], 80),
    }


def _wordmark(text: str, *, weight: float, gap: float) -> tuple[Shape, float]:
    """Return the text as one shape and its width, both in units of the letters."""
    shape: Shape = []
    x = 0.0
    for letter in text:
        lines, width = _letters()[letter]
        for line in lines:
            shape += placed(stroke(line, weight), (x, 0))
        x += width + gap
    return shape, x - gap


def logo(mark: Mark, text: str, color: str, *, scale: float = 0.6, at: Point = (64, 76)) -> Image.Image:
    """Return mark and name side by side on a transparent ground."""
    canvas = Canvas(480, 150, f"{color}00")  # a ground of another colour would show at the edges of resized letters
    canvas.paint_mark(mark, at, scale=scale)
    shape, width = _wordmark(text, weight=21, gap=37)
    canvas.paint(color, placed(shape, (WORD[0], 60), scale=WORD[1] / width))
    return canvas.image


def icon(mark: Mark, background: str, *, scale: float = 2.2, at: Point = (360, 360), halo: str = "") -> Image.Image:
    """Return the mark on a square, full bleed; it keeps the margin of 15 % that Google's circle asks for."""
    canvas = Canvas(720, 720, background)
    if halo:
        canvas.paint(halo, disc(360, 360, 296), opacity=0.1)
        canvas.paint(halo, disc(360, 360, 206), opacity=0.1)
    canvas.paint_mark(mark, at, scale=scale)
    return canvas.image.convert("RGB")


def write(script: str, pictures: Mapping[str, Callable[[], Image.Image]]) -> None:
    """Write the pictures as PNG files beside the script, or into the folder that is named on the command line."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(script).parent
    for name, draw in pictures.items():
        path, image = folder / f"{name}.png", draw()
        image.save(path, optimize=True)
        print(f"{path}: {image.width}x{image.height}, {path.stat().st_size} bytes")
