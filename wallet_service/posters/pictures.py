"""A QR code as a picture: SVG for pages and for print at any size, PNG where there has to be one."""

import io
from xml.sax.saxutils import escape

from PIL import Image

from wallet_service.posters.code import BLACK, PRINTED, SHOWN, WHITE, Level, ink, rows_of, runs

DPI = 300


def inline_svg(text: str, *, label: str) -> str:
    """Return a code as part of a page, in black on white however dark the page is, with a name for screen readers."""
    rows = rows_of(text, SHOWN)
    size = len(rows)
    return (
        f'<svg class="qr" role="img" aria-label="{escape(label, {chr(34): "&quot;"})}" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges"><path fill="{WHITE}" d="M0 0h{size}v{size}H0z"/>'
        f'<path fill="{BLACK}" d="{_path(rows)}"/></svg>'
    )


def svg(text: str, *, color: str = BLACK, level: Level = PRINTED) -> bytes:
    """Return a code as a file of its own, 30 mm wide until it is placed.

    Raises `PosterRefused`.
    """
    rows = rows_of(text, level)
    size = len(rows)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="30mm" height="30mm" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges"><title>{escape(text)}</title><path fill="{WHITE}" d="M0 0h{size}v{size}H0z"/>'
        f'<path fill="{ink(color)}" d="{_path(rows)}"/></svg>\n'
    ).encode()


def png(text: str, *, color: str = BLACK, level: Level = PRINTED, width: int = 1200) -> bytes:
    """Return a code as an image at least `width` pixels wide, each module a whole number of pixels.

    Raises `PosterRefused`.
    """
    rows = rows_of(text, level)
    module = -(-width // len(rows))
    # Two colours and no others, so that no edge is blurred and the file stays small.
    image = Image.new("P", (len(rows), len(rows)), 0)
    image.putpalette(bytes.fromhex(WHITE[1:] + ink(color)[1:]))
    image.putdata([int(dark) for row in rows for dark in row])
    buffer = io.BytesIO()
    image.resize((len(rows) * module,) * 2, Image.Resampling.NEAREST).save(buffer, "PNG", dpi=(DPI, DPI), bits=1)
    return buffer.getvalue()


def _path(rows: tuple[tuple[bool, ...], ...]) -> str:
    return "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in runs(rows))
