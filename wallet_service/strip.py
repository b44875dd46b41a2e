"""The strip of a card as one member sees it: the template's picture with the stamps of a stamp card upon it."""

import hashlib
import io
from collections.abc import Mapping
from functools import lru_cache
from math import ceil, cos, pi, sin

from PIL import Image, ImageDraw, ImageOps

from wallet_service.domain.face import Stamps
from wallet_service.domain.look import StampsTable
from wallet_service.domain.template import Template

WIDTH, HEIGHT = 1125, 432  # Apple's strip at three pixels a point
# Google cuts the strip to 3:1, which takes 33 pixels above and below; the rest is air.
MARGIN_X, MARGIN_Y = 60, 58
SIZE = 0.86  # of a mark, in parts of its cell
LARGEST = 190  # pixels; a card of three is no billboard
SMOOTH = 4  # shapes are drawn so many times larger and averaged down
DRAWING = 1  # raise it when the drawing changes: addresses of pictures are made from it, and they are kept for ever


def art(template: Template, stamps: Stamps | None) -> Mapping[str, bytes]:
    """Return the template's pictures, with the strip of a member who has so many stamps; the same bytes each time."""
    table = template.look.stamps
    if table is None or stamps is None:
        return template.art
    sources = (template.art.get("strip"), template.art.get("stamp"), template.art.get("stamp_empty"))
    return {**template.art, "strip": _strip(sources, template.look.colors.background, table, stamps)}


def version(template: Template, stamps: Stamps) -> str:
    """Return a short name for the content of that strip, without drawing it."""
    sources = [hashlib.sha256(each).hexdigest() for _, each in sorted(template.art.items())]
    parts = (DRAWING, template.look.colors.background, template.look.stamps, stamps, sources)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def places(count: int, columns: int | None) -> tuple[list[tuple[int, int]], int]:
    """Return the centre of each mark in pixels, in rows from the top left, and the side of the square it fills."""
    wide, high = WIDTH - 2 * MARGIN_X, HEIGHT - 2 * MARGIN_Y

    def cell(across: int) -> int:
        return min(wide // across, high // ceil(count / across))

    across = min(columns, count) if columns else max(range(1, count + 1), key=lambda each: (cell(each), -each))
    down = ceil(count / across)
    step_x, step_y = min(wide // across, round(LARGEST * 1.25)), min(high // down, round(LARGEST * 1.1))
    top = (HEIGHT - step_y * (down - 1)) // 2
    centres = []
    for row in range(down):
        here = min(across, count - row * across)
        left = (WIDTH - step_x * (here - 1)) // 2
        centres += [(left + step_x * column, top + step_y * row) for column in range(here)]
    return centres, min(round(min(step_x, step_y) * SIZE), LARGEST)


@lru_cache(maxsize=256)
def _strip(
    sources: tuple[bytes | None, bytes | None, bytes | None], background: str, table: StampsTable, stamps: Stamps
) -> bytes:
    strip, stamp, stamp_empty = sources
    canvas = _ground(strip, background)
    centres, side = places(stamps.of, table.columns)
    filled = _picture(stamp, side) if stamp else _shape(table.shape, table.filled, side)
    empty = _picture(stamp_empty, side) if stamp_empty else _shape(table.shape, table.empty, side)
    for number, (x, y) in enumerate(centres):
        mark = filled if number < stamps.filled else empty
        canvas.alpha_composite(mark, (x - mark.width // 2, y - mark.height // 2))
    target = io.BytesIO()
    canvas.convert("RGB").save(target, "PNG")
    return target.getvalue()


def _ground(strip: bytes | None, background: str) -> Image.Image:
    ground = Image.new("RGBA", (WIDTH, HEIGHT), background)
    if strip is not None:
        with Image.open(io.BytesIO(strip)) as image:
            upright = ImageOps.exif_transpose(image).convert("RGBA")
        ground.alpha_composite(ImageOps.fit(upright, ground.size, Image.Resampling.LANCZOS))
    return ground


def _picture(source: bytes, side: int) -> Image.Image:
    with Image.open(io.BytesIO(source)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    return ImageOps.contain(upright, (side, side), Image.Resampling.LANCZOS)


def _shape(shape: str, color: str, side: int) -> Image.Image:
    mask = Image.new("L", (side * SMOOTH, side * SMOOTH))
    pen, last = ImageDraw.Draw(mask), side * SMOOTH - 1
    if shape == "circle":
        pen.ellipse((0, 0, last, last), fill=255)
    elif shape == "square":
        pen.rounded_rectangle((0, 0, last, last), radius=last // 5, fill=255)
    else:
        pen.polygon(_star(last / 2), fill=255)
    mark = Image.new("RGBA", (side, side), color)
    mark.putalpha(mask.reduce(SMOOTH))
    return mark


def _star(radius: float) -> list[tuple[float, float]]:
    """Return the ten corners of a star that stands in a square of that half side."""
    corners = ((radius if point % 2 == 0 else radius * 0.45, pi * point / 5 - pi / 2) for point in range(10))
    return [(radius + far * cos(angle), radius * 1.05 + far * sin(angle)) for far, angle in corners]
