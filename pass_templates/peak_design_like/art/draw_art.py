"""Draw the pictures of this template: `python draw_art.py [FOLDER]`; run by hand after a change.

Ridges before sunrise, and a tent that is lit from within.
"""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from shapes import STRIP, Canvas, Mark, box, disc, icon, logo, placed, star, write

SLATE, FAR, MIDDLE, NEAR, GROUND = "#22262c", "#3d3a3f", "#343c45", "#2b323a", "#171a1f"
ORANGE, EMBER, SUN, SNOW = "#f2914a", "#b4512c", "#a8492a", "#f4efe8"


def pocket() -> Mark:
    """Return the mark: a crag that looks out of a pocket."""
    return [
        (SNOW, [[(-62.0, 6.0), (-10.0, -96.0), (18.0, -44.0), (34.0, -66.0), (70.0, 6.0)]]),
        (
            "#9aa5b1",
            [[(-10.0, -96.0), (18.0, -44.0), (2.0, -22.0), (14.0, 6.0), (70.0, 6.0), (34.0, -66.0), (18.0, -44.0)]],
        ),
        (ORANGE, [[(-84.0, -6.0), (84.0, -6.0), (84.0, 60.0), (60.0, 92.0), (-60.0, 92.0), (-84.0, 60.0)]]),
        (EMBER, [[(-84.0, -6.0), (84.0, -6.0), (84.0, 16.0), (0.0, 48.0), (-84.0, 16.0)]]),
        (SNOW, disc(0, 40, 12)),
    ]


def draw_icon() -> Image.Image:
    """Return the square mark."""
    return icon(pocket(), SLATE, scale=2.2, halo=ORANGE)


def draw_logo() -> Image.Image:
    """Return mark and name."""
    return logo(pocket(), "cragpocket", SNOW, scale=0.58, at=(64, 75))


def draw_strip() -> Image.Image:
    """Return the ridges, one behind the other."""
    canvas = Canvas(*STRIP, SLATE)
    for radius, opacity in ((260, 0.12), (190, 0.2), (128, 0.35)):
        canvas.paint(SUN, disc(800, 236, radius), opacity=opacity)
    canvas.paint(SUN, disc(800, 236, 84))
    ridges = [
        (
            FAR,
            [
                (330, 420),
                (470, 280),
                (540, 320),
                (650, 190),
                (720, 268),
                (780, 226),
                (900, 330),
                (1000, 200),
                (1125, 320),
            ],
        ),
        (MIDDLE, [(300, 430), (440, 350), (560, 384), (700, 270), (790, 340), (880, 290), (1000, 366), (1125, 270)]),
        (NEAR, [(250, 440), (520, 390), (640, 410), (800, 350), (920, 396), (1040, 340), (1125, 370)]),
    ]
    for color, ridge in ridges:
        canvas.paint(color, [[*ridge, (1125, 440), (250, 440)]])
    for x, y, w in ((650, 190, 26), (1000, 200, 24)):
        canvas.paint("#6d7680", [[(x, y), (x + w, y + 34), (x + 8, y + 26), (x - 4, y + 40), (x - w, y + 30)]])
    canvas.paint(GROUND, box(0, 404, 1125, 432))
    canvas.paint(ORANGE, [[(918.0, 404.0), (980.0, 318.0), (1042.0, 404.0)]])
    canvas.paint(SNOW, [[(962.0, 404.0), (980.0, 346.0), (998.0, 404.0)]])
    canvas.paint(EMBER, [[(980.0, 318.0), (1042.0, 404.0), (1072.0, 404.0)]])
    for x, y, size in ((470, 60, 5), (560, 104, 4), (690, 40, 6), (930, 64, 5), (1050, 40, 6), (1010, 112, 4)):
        canvas.paint(SNOW, placed(star(size, inner=0.35), (x, y)), opacity=0.85)
    for x in (470, 500, 526, 850, 876):
        canvas.paint(GROUND, [[(x - 15, 406), (x, 350), (x + 15, 406)]])
    return canvas.image.convert("RGB")


if __name__ == "__main__":
    write(__file__, {"icon": draw_icon, "logo": draw_logo, "strip": draw_strip})
