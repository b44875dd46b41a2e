"""The images of a pass: from one source each, every size that phones ask for, as PNG."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageOps

from wallet_service.domain.errors import Fault, PassRefused

SCALES = (1, 2, 3)
REMEMBERED = 256  # what was found of so many sources, and the files of half as many
FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 40_000_000
ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)  # Exif's tag for how a camera was held, and its values for on the side


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
# Sources that are no files of a pass, but are drawn into its strip.
MARKS = {"stamp": Shape(64, 64, crop=False), "stamp_empty": Shape(64, 64, crop=False)}


def names(art: Iterable[str]) -> frozenset[str]:
    """Return the names of the files that `images` makes of sources with these names."""
    return frozenset(_file(name, scale) for name in art if name not in MARKS for scale in SCALES)


def images(art: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the PNG files of a pass by name (icon.png, icon@2x.png, ...), made from one source image each.

    The same sources give the same bytes. Check `faults` first: a source that is too small is enlarged here. Marks
    that are drawn into the strip have no file.

    Raises:
        PassRefused: when a source is not an image that can be read, or bears a name that no pass uses.
    """
    refused = [fault for name, source in art.items() for fault in _reading_faults(name, source, "artwork")]
    if refused:
        raise PassRefused("The images were not made:", refused)
    made = (_sizes(name, source) for name, source in sorted(art.items()) if name not in MARKS)
    return {file: data for files in made for file, data in files}


def _file(name: str, scale: int) -> str:
    return f"{name}{'' if scale == 1 else f'@{scale}x'}.png"


@lru_cache(maxsize=REMEMBERED // 2)
def _sizes(name: str, source: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return the files of one image, the smallest first; several templates may share a source."""
    image = _open(source)
    return tuple((_file(name, scale), _png(_fitted(image, SHAPES[name], scale))) for scale in SCALES)


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
    if name not in SHAPES | MARKS:
        yield Fault(place, name, f"is no image of a pass. Use {', '.join(SHAPES)}.")
        return
    size = _size(source)
    if size is None:
        yield Fault(place, name, "is not an image that can be read. Give PNG, JPEG or WebP.")
    elif size[0] * size[1] > MOST_PIXELS:
        yield Fault(place, name, f"has {size[0]}x{size[1]} pixels, more than are ever shown. Reduce it first.")


def _size_faults(name: str, source: bytes, place: str) -> Iterator[Fault]:
    shape, (across, down) = (SHAPES | MARKS)[name], _size(source) or (0, 0)
    width, height = shape.at(SCALES[-1])
    enough = (across >= width, down >= height)
    if not (all(enough) if shape.crop else any(enough)):
        wanted = f"{width}x{height} or more" if shape.crop else f"{width} wide or {height} high"
        message = f"is {across}x{down}, too small for sharp displays. Give one that is {wanted}."
        yield Fault(place, name, message)


@lru_cache(maxsize=REMEMBERED)
def _size(source: bytes) -> tuple[int, int] | None:
    """Return width and height of an image as it is shown upright, None if it cannot be read.

    Whole images are read, for many are broken at their end; those with too many pixels are not.
    """
    try:
        with Image.open(io.BytesIO(source), formats=FORMATS) as image:
            if image.width * image.height <= MOST_PIXELS:
                image.load()
            lies = image.getexif().get(ORIENTATION) in LYING
            return (image.height, image.width) if lies else (image.width, image.height)
    except Exception:  # Pillow's readers raise whatever damaged bytes lead them to, bombs included.
        return None


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
