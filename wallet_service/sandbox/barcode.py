"""The barcode of a card: drawn as inline SVG if it is a QR code, told in words otherwise.

Source: https://developer.apple.com/documentation/walletpasses/pass/barcodes
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import qrcode
from markupsafe import Markup
from qrcode.constants import ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError

QR = "PKBarcodeFormatQR"
KNOWN = (QR, "PKBarcodeFormatPDF417", "PKBarcodeFormatAztec", "PKBarcodeFormatCode128")
QUIET_ZONE = 4
SVG = Markup(
    '<svg class="qr" role="img" aria-label="{label}" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
    '<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Barcode:
    """What is shown at the till; `svg` is None where this simulator cannot draw it."""

    name: str
    alt_text: str
    svg: Markup | None


def barcode_of(content: dict[str, Any]) -> Barcode | None:
    """Return the first barcode that phones of today know, or None if the card has none of those."""
    for barcode in content.get("barcodes", []):
        if barcode["format"] in KNOWN:
            alt_text = str(barcode.get("altText") or "")
            name = barcode["format"].removeprefix("PKBarcodeFormat")
            return Barcode(name, alt_text, _draw(barcode, alt_text) if barcode["format"] == QR else None)
    return None


def _draw(barcode: dict[str, Any], alt_text: str) -> Markup | None:
    try:
        return qr_svg(barcode["message"].encode(barcode["messageEncoding"]), label=f"QR code {alt_text}".strip())
    except (LookupError, UnicodeError, DataOverflowError):
        return None


@lru_cache(maxsize=64)
def qr_svg(message: bytes, *, label: str) -> Markup:
    """Return a QR code of exactly these bytes, one unit a module, as a picture that a screen reader names.

    Raises: qrcode.exceptions.DataOverflowError if the message is too long for any QR code.
    """
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    # Without `optimize` the message stays one run of bytes.
    code.add_data(message, optimize=0)
    try:
        code.make()
    except ValueError as too_long:
        raise DataOverflowError(str(too_long)) from too_long
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return SVG.format(label=label, size=len(rows), path=path)
