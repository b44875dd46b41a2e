"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

A light card of kraft paper; the stamps are put upon the strip for each member.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, arc, bezier, disc, icon, logo, placed, ring, stroke, write

PAPER, EDGE, INK, CLAY, CREAM, MILK = "#f6e7d2", "#e9d3b4", "#3a2216", "#b5532f", "#fff8ec", "#dcbf99"


def beans() -> Mark:
    """Return the mark: two beans that lean on each other."""
    return [*_bean(-38, -14, -28, INK, CLAY), *_bean(40, 12, 24, CLAY, CREAM)]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(beans(), PAPER, scale=2.4, halo=CLAY)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(beans(), "boabela", INK, scale=0.66, at=(66, 72))


def draw_strip() -> Image.Image:
    """Return the paper with a perforated edge and a few beans."""
    canvas = Canvas(*STRIP, PAPER)
    for y in (14, 418):
        for x in range(18, 1125, 36):
            canvas.paint(EDGE, disc(x, y, 8))
    for x, y, turn in ((36, 216, 30), (1090, 232, -24)):
        canvas.paint_mark(_bean(0, 0, 0, EDGE, PAPER), (x, y), scale=0.6, turn=turn)
    return canvas.image.convert("RGB")


def draw_stamp() -> Image.Image:
    """Return a stamp that was given: a cup in a seal."""
    canvas = Canvas(240, 240, f"{CLAY}00")
    seal = [placed(disc(0, -104, 17), (120, 120), turn=18 * each)[0] for each in range(20)]
    canvas.paint(CLAY, [*seal, *disc(120, 120, 106)])
    canvas.paint(CREAM, ring(120, 120, 92, 4), opacity=0.7)
    _cup(canvas, CREAM)
    return canvas.image


def draw_stamp_empty() -> Image.Image:
    """Return the place for a stamp."""
    canvas = Canvas(240, 240, f"{PAPER}00")
    canvas.paint(CREAM, disc(120, 120, 106))
    for each in range(24):
        canvas.paint(MILK, stroke(arc((120, 120), 104, 15 * each, 15 * each + 8), 5))
    _cup(canvas, EDGE)
    return canvas.image


def _bean(x: float, y: float, turn: float, color: str, line: str) -> Mark:
    half = [bezier((0, -78), (-66, -70), (-66, 70), (0, 78), (66, 70), (66, -70), (0, -78))]
    crease = stroke(bezier((4, -66), (-26, -30), (26, 30), (-4, 66)), 9)
    return [(color, placed(half, (x, y), turn=turn)), (line, placed(crease, (x, y), turn=turn))]


def _cup(canvas: Canvas, color: str) -> None:
    canvas.paint(color, stroke(arc((158, 128), 17, -80, 80), 9))
    canvas.paint(color, [bezier((74, 104), (76, 158), (90, 172), (116, 172), (142, 172), (156, 158), (158, 104))])
    for x in (102, 130):
        canvas.paint(color, stroke(bezier((x, 92), (x - 12, 80), (x + 12, 72), (x, 58)), 7))


if __name__ == "__main__":
    write(
        __file__,
        {
            "icon": draw_icon,
            "logo": draw_logo,
            "strip": draw_strip,
            "stamp": draw_stamp,
            "stamp_empty": draw_stamp_empty,
        },
    )
