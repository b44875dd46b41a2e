"""The images of a loyalty class: a square logo that is safe to be shown as a circle, and a banner, as PNG.

https://developers.google.com/wallet/retail/loyalty-cards/resources/brand-guidelines
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from functools import lru_cache

from PIL import Image, ImageChops, ImageOps

from wallet_service.domain.errors import Fault, TemplateRefused
from wallet_service.google.parts import HERO_IMAGE, PROGRAM_LOGO

SOURCES = {PROGRAM_LOGO: "icon", HERO_IMAGE: "strip"}
SIZES = {"icon": (660, 660), "strip": (1032, 336)}
FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 40_000_000
SAFE = 0.7  # Google asks for a margin of 15% on each side; in parts of the inscribed circle's radius
FAINT = 16  # levels of a channel; what differs less from the edge is decoration, and may be cut
DRAWING = 1  # raise it when the drawing changes: addresses of pictures are made from it, and they are kept for ever
RADIUS = 181  # the level that Pillow's radial gradient has at the middle of an edge; 255 in a corner


def images(art: Mapping[str, bytes], *, background: str = "#ffffff") -> dict[str, bytes]:
    """Return the PNG files of a class by name (programLogo.png, heroImage.png), made from icon and strip.

    `background` is the template's own; it shows where a source is transparent, and around an icon without an edge
    of one colour. The same sources give the same bytes. Check `faults` first: a small source is enlarged here.

    Raises:
        TemplateRefused: when a source is not an image that can be read, or the icon is missing.
    """
    refused = [*_missing(art, "artwork"), *_reading_faults(art, "artwork")]
    if refused:
        raise TemplateRefused("The images were not made:", refused)
    made = {PROGRAM_LOGO: _program_logo(art["icon"], background)}
    if "strip" in art:
        made[HERO_IMAGE] = hero_image(art["strip"], background)
    return made


def versions(art: Mapping[str, bytes], *, background: str) -> dict[str, str]:
    """Return a short name for the content of each file that `images` makes of the same, without drawing any."""
    return {
        file: hashlib.sha256(repr((DRAWING, file, background, _digest(art[source]))).encode()).hexdigest()[:16]
        for file, source in SOURCES.items()
        if source in art
    }


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


@lru_cache(maxsize=32)
def _program_logo(icon: bytes, background: str) -> bytes:
    return _png(_logo(_flat(icon, background), background))


@lru_cache(maxsize=128)
def hero_image(strip: bytes, background: str) -> bytes:
    """Return the banner that is made from a strip, which is known to be an image."""
    return _png(_fitted(_flat(strip, background), SIZES["strip"]))


def faults(art: Mapping[str, bytes], place: str) -> list[Fault]:
    """Return what is wrong with the sources: none or unreadable ones, and those that phones would show blurred.

    `place` is the folder or file the sources came from, and comes back as the place of each fault.
    """
    unreadable = list(_reading_faults(art, place))
    readable = sorted((SIZES.keys() & art.keys()) - {fault.key for fault in unreadable})
    return [*_missing(art, place), *unreadable, *_size_faults({name: art[name] for name in readable}, place)]


def _missing(art: Mapping[str, bytes], place: str) -> Iterator[Fault]:
    if "icon" not in art:
        yield Fault(place, "icon", "is missing. Google Wallet makes its logo from it, and takes no class without.")


def _reading_faults(art: Mapping[str, bytes], place: str) -> Iterator[Fault]:
    for name in sorted(SIZES.keys() & art.keys()):
        message = _unreadable(art[name])
        if message is not None:
            yield Fault(place, name, message)


@lru_cache(maxsize=128)
def _unreadable(source: bytes) -> str | None:
    """Return why a picture cannot be drawn from a source, or None; whole images are read, so it is remembered."""
    try:
        with Image.open(io.BytesIO(source), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                size = f"{image.width}x{image.height}"
                return f"has {size} pixels, more than are ever shown. Reduce it first."
            image.load()
    except Exception:  # Pillow's readers raise whatever damaged bytes lead them to, bombs included.
        return "is not an image that can be read. Give PNG, JPEG or WebP."
    return None


def _size_faults(art: Mapping[str, bytes], place: str) -> Iterator[Fault]:
    for name, source in art.items():
        image, (width, height) = _flat(source, "#ffffff"), SIZES[name]
        if image.width < width or image.height < height:
            size = f"{image.width}x{image.height}"
            message = f"is {size}, too small for Google Wallet. Give one that is {width}x{height} or more."
            yield Fault(place, name, message)


def _flat(source: bytes, background: str) -> Image.Image:
    """Return an upright, opaque image; the background shows through what was transparent."""
    with Image.open(io.BytesIO(source), formats=FORMATS) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # Converted directly, all but the darkest grey would be white.
            upright = upright.convert("I").point(lambda grey: grey / 256).convert("L")
        clear = upright.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, background), clear).convert("RGB")


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _logo(icon: Image.Image, background: str) -> Image.Image:
    """Return the icon, drawn smaller on its own colour when some of it would leave the circle's safe part."""
    square = _fitted(icon, SIZES["icon"])
    canvas = Image.new("RGB", square.size, _edge(square) or background)
    reach = _reach(square, canvas)
    if reach <= SAFE:
        return square
    side = int(square.width * SAFE / reach)
    corner = (square.width - side) // 2
    canvas.paste(_fitted(icon, (side, side)), (corner, corner))
    return canvas


def _edge(square: Image.Image) -> tuple[int, ...] | None:
    """Return the colour of the corners, or None if they have more than one."""
    last = square.width - 1
    corners = [square.crop((x, y, x + 1, y + 1)).tobytes() for x in (0, last) for y in (0, last)]
    spread = [max(channel) - min(channel) for channel in zip(*corners, strict=True)]
    return tuple(corners[0]) if max(spread) <= FAINT else None


def _reach(square: Image.Image, canvas: Image.Image) -> float:
    """Return how far from the centre the square differs from the canvas: 1 is the inscribed circle's radius."""
    red, green, blue = ImageChops.difference(square, canvas).split()
    differs = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda level: 255 * (level > FAINT))
    distances = Image.radial_gradient("L").resize(square.size, Image.Resampling.BILINEAR)
    far = ImageChops.darker(differs, distances).histogram()
    return max(level for level, count in enumerate(far) if count) / RADIUS


def _png(image: Image.Image) -> bytes:
    image.info.clear()  # A colour profile or a comment of the source would be written along.
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True)
    return target.getvalue()
