"""The images of a pass: from one source each, every size that phones ask for, as PNG."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageOps

from wallet_service.domain.errors import Fault, PassRefused

SCALES = (1, 2, 3)
FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 40_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """The points of an image: filled and cropped at the centre, or (`crop` false) fitted inside keeping its aspect."""

    width: int
    height: int
    crop: bool

    def at(self, scale: int) -> tuple[int, int]:
        """The size in pixels on a display of that scale."""
        return self.width * scale, self.height * scale


# https://developer.apple.com/design/human-interface-guidelines/wallet
SHAPES = {
    "icon": Shape(38, 38, crop=True),
    "logo": Shape(160, 50, crop=False),
    "strip": Shape(375, 144, crop=True),
    "thumbnail": Shape(90, 90, crop=False),
    "artwork": Shape(358, 448, crop=True),
    "primaryLogo": Shape(126, 30, crop=False),
}


def images(art: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the PNG files of a pass by name (icon.png, icon@2x.png, ...), made from one source image each.

    The same sources give the same bytes. Check `faults` first: a source that is too small is enlarged here.

    Raises:
        PassRefused: when a source is not an image that can be read, or bears a name that no pass uses.
    """
    refused = [fault for name, source in art.items() for fault in _reading_faults(name, source, "artwork")]
    if refused:
        raise PassRefused("The images were not made:", refused)
    return {file: data for name, source in sorted(art.items()) for file, data in _sizes(name, source)}


@lru_cache(maxsize=64)
def _sizes(name: str, source: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return the files of one image, the smallest first; several templates may share a source."""
    image = _open(source)
    return tuple(
        (f"{name}{'' if scale == 1 else f'@{scale}x'}.png", _png(_fitted(image, SHAPES[name], scale)))
        for scale in SCALES
    )


def faults(art: Mapping[str, bytes], place: str) -> list[Fault]:
    """Return what is wrong with the sources: none or unreadable ones, and those that phones would show blurred.

    `place` is the folder or file the sources came from, and comes back as the place of each fault.
    """
    found = []
    if "icon" not in art:
        found.append(Fault(place, "icon", "is missing. Every pass needs one: no phone opens a pass without."))
    for name, source in art.items():
        unreadable = list(_reading_faults(name, source, place))
        found += unreadable or _size_faults(name, source, place)
    return found


def _reading_faults(name: str, source: bytes, place: str) -> Iterator[Fault]:
    if name not in SHAPES:
        yield Fault(place, name, f"is no image of a pass. Use {', '.join(SHAPES)}.")
        return
    try:
        with Image.open(io.BytesIO(source), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                size = f"{image.width}x{image.height}"
                yield Fault(place, name, f"has {size} pixels, more than are ever shown. Reduce it first.")
                return
            image.load()
    except Exception:  # Pillow's readers raise whatever damaged bytes lead them to, bombs included.
        yield Fault(place, name, "is not an image that can be read. Give PNG, JPEG or WebP.")


def _size_faults(name: str, source: bytes, place: str) -> Iterator[Fault]:
    shape, image = SHAPES[name], _open(source)
    width, height = shape.at(SCALES[-1])
    enough = (image.width >= width, image.height >= height)
    if not (all(enough) if shape.crop else any(enough)):
        wanted = f"{width}x{height} or more" if shape.crop else f"{width} wide or {height} high"
        message = f"is {image.width}x{image.height}, too small for sharp displays. Give one that is {wanted}."
        yield Fault(place, name, message)


def _open(source: bytes) -> Image.Image:
    with Image.open(io.BytesIO(source), formats=FORMATS) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # Converted directly, all but the darkest grey would be white.
            upright = upright.convert("I").point(lambda grey: grey / 256).convert("L")
        return upright.convert("RGBA")


def _fitted(image: Image.Image, shape: Shape, scale: int) -> Image.Image:
    resize = ImageOps.fit if shape.crop else ImageOps.contain
    return resize(image, shape.at(scale), Image.Resampling.LANCZOS)


def _png(image: Image.Image) -> bytes:
    opaque = image.getchannel("A").getextrema() == (255, 255)
    plain = image.convert("RGB") if opaque else image
    plain.info.clear()  # A colour profile or a comment of the source would be written along.
    target = io.BytesIO()
    plain.save(target, "PNG", optimize=True)
    return target.getvalue()
