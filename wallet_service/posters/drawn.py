"""The code of a link as a file: a picture of it alone, or a page to hang up, in the colours of the card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from wallet_service.domain.face import Face
from wallet_service.posters.code import PRINTED, Level, darkest
from wallet_service.posters.page import Poster, Size, pdf
from wallet_service.posters.pictures import png, svg

Form = Literal["png", "svg", "pdf"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a code is drawn: in a colour `#rrggbb` (the brand's own, if None), and how much of it may be lost.

    `size` is that of the page, `width` that of a PNG in pixels.
    """

    color: str | None = None
    level: Level = PRINTED
    size: Size = "A4"
    width: int = 1200


def drawn(form: Form, address: str, shown: str, face: Face, drawing: Drawing) -> bytes:
    """Return the file for an address, which people read and type as `shown`; the face says whose it is.

    Raises `PosterRefused`.
    """
    colors, level = face.colors, drawing.level
    ink = drawing.color or darkest(colors.background, colors.label, colors.text)
    page = Poster(face.organization, face.program, address, shown, face.language, ink, colors.background, level)
    forms: Mapping[Form, Callable[[], bytes]] = {
        "png": lambda: png(address, color=ink, level=level, width=drawing.width),
        "svg": lambda: svg(address, color=ink, level=level),
        "pdf": lambda: pdf(page, drawing.size),
    }
    return forms[form]()
