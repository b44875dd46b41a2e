"""The images of a pass have the sizes that phones ask for, and bad sources are named."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from wallet_service.apple.artwork import faults, images
from wallet_service.domain.errors import PassRefused


def encoded(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    """Return the file of an image."""
    target = io.BytesIO()
    image.save(target, kind, **more)
    return target.getvalue()


def plain(width: int, height: int, mode: str = "RGB") -> bytes:
    """Return the PNG of a plain image."""
    return encoded(Image.new(mode, (width, height)))


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return image.size


def test_every_size_is_made(art: dict[str, bytes]) -> None:
    """Icon, logo and strip come out at one, two and three pixels to the point."""
    assert {name: size_of(data) for name, data in images(art).items()} == {
        "icon.png": (38, 38),
        "icon@2x.png": (76, 76),
        "icon@3x.png": (114, 114),
        "logo.png": (160, 50),
        "logo@2x.png": (320, 100),
        "logo@3x.png": (480, 150),
        "strip.png": (375, 144),
        "strip@2x.png": (750, 288),
        "strip@3x.png": (1125, 432),
    }


@pytest.mark.parametrize(
    ("source", "fitted"), [((600, 600), (150, 150)), ((2000, 100), (480, 24)), ((480, 150), (480, 150))]
)
def test_a_logo_keeps_its_aspect(source: tuple[int, int], fitted: tuple[int, int]) -> None:
    """A logo is fitted into its room and never distorted or cropped."""
    assert size_of(images({"logo": plain(*source)})["logo@3x.png"]) == fitted


def test_a_strip_is_cropped_at_its_centre() -> None:
    """Of an image that is too high, the middle is shown."""
    source = Image.new("RGB", (1125, 1296), (255, 0, 0))
    source.paste((0, 255, 0), (0, 432, 1125, 864))
    with Image.open(io.BytesIO(images({"strip": encoded(source)})["strip.png"])) as strip:
        assert strip.getpixel((180, 72)) == strip.getpixel((180, 10)) == (0, 255, 0)


def test_a_thumbnail_is_made_only_if_given(art: dict[str, bytes]) -> None:
    """Other images of passes are made from their own sources."""
    assert not any(name.startswith("thumbnail") for name in images(art))
    assert size_of(images({"thumbnail": plain(270, 270)})["thumbnail@2x.png"]) == (180, 180)


def test_transparency_stays() -> None:
    """A transparent corner is still transparent; an opaque image carries no alpha at all."""
    source = Image.new("RGBA", (114, 114), (0, 0, 255, 255))
    source.paste((0, 0, 0, 0), (0, 0, 57, 57))
    with Image.open(io.BytesIO(images({"icon": encoded(source)})["icon.png"])) as icon:
        assert icon.getpixel((2, 2)) == (0, 0, 0, 0)
        assert icon.getpixel((30, 30)) == (0, 0, 255, 255)
    with Image.open(io.BytesIO(images({"icon": plain(114, 114, "RGBA")})["icon.png"])) as clear:
        assert clear.mode == "RGBA"
    with Image.open(io.BytesIO(images({"icon": plain(114, 114)})["icon.png"])) as opaque:
        assert opaque.mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_colour_mode_is_read(mode: str) -> None:
    """Grey, palette, print and deep images become PNG files of screens."""
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert size_of(images({"icon": encoded(Image.new(mode, (200, 200)), kind)})["icon.png"]) == (38, 38)


def test_deep_grey_stays_grey() -> None:
    """A grey of sixteen bits keeps its shade."""
    grey = encoded(Image.new("I;16", (114, 114), 0x8000))
    with Image.open(io.BytesIO(images({"icon": grey})["icon.png"])) as icon:
        assert icon.getpixel((2, 2)) == (0x80, 0x80, 0x80)


def test_a_turned_photograph_stands_upright() -> None:
    """The orientation that a camera noted is applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(Image.new("RGB", (200, 400)), "JPEG", exif=exif.tobytes())
    assert size_of(images({"logo": turned})["logo.png"]) == (100, 50)


def test_the_same_source_makes_the_same_bytes(art: dict[str, bytes]) -> None:
    """Texts and colour profiles of a source are not carried along."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Author", "Ada")
    noted = encoded(Image.new("RGB", (114, 114), (20, 33, 61)), pnginfo=note, icc_profile=b"profile", dpi=(72, 72))
    assert images({"icon": noted}) == images({"icon": art["icon"]}) == images({"icon": art["icon"]})


def test_good_art_has_no_faults(art: dict[str, bytes]) -> None:
    """Sources of full size pass."""
    assert faults(art, "pass_templates/points") == []


def test_a_missing_icon_is_a_fault(art: dict[str, bytes]) -> None:
    """No phone opens a pass without an icon."""
    del_icon = {name: data for name, data in art.items() if name != "icon"}
    (fault,) = faults(del_icon, "art")
    assert str(fault).startswith("art: icon: is missing")


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("icon", (113, 114), "Give one that is 114x114 or more"),
        ("strip", (1125, 431), "Give one that is 1125x432 or more"),
        ("logo", (479, 149), "Give one that is 480 wide or 150 high"),
    ],
)
def test_a_small_source_is_a_fault(art: dict[str, bytes], name: str, size: tuple[int, int], says: str) -> None:
    """A source below the size of the sharpest display would be blurred there."""
    (fault,) = faults({**art, name: plain(*size)}, "art")
    assert fault.key == name
    assert says in fault.message


@pytest.mark.parametrize("size", [(480, 20), (30, 150)])
def test_a_logo_may_be_small_one_way(art: dict[str, bytes], size: tuple[int, int]) -> None:
    """A logo that fills its room in one direction is not enlarged."""
    assert faults({**art, "logo": plain(*size)}, "art") == []


def test_an_unreadable_source_is_a_fault(art: dict[str, bytes]) -> None:
    """Junk, half an image and vector files are named, and no image is made of them."""
    for source in (b"", b"junk", art["icon"][: len(art["icon"]) // 2], b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        (fault,) = faults({**art, "icon": source}, "art")
        assert "Give PNG, JPEG or WebP" in fault.message
        with pytest.raises(PassRefused):
            images({"icon": source})


def test_an_unknown_image_is_a_fault(art: dict[str, bytes]) -> None:
    """A name that no pass uses is refused with those that are."""
    (fault,) = faults({**art, "icon@2x": art["icon"]}, "art")
    assert "icon, logo, strip" in fault.message
    with pytest.raises(PassRefused):
        images({"banner": art["icon"]})


@pytest.mark.parametrize("size", [(7000, 7000), (12000, 12000), (60000, 60000)])
def test_a_decompression_bomb_is_a_fault(art: dict[str, bytes], size: tuple[int, int]) -> None:
    """An image of absurd size is refused by its header, before a pixel of it is unpacked."""
    header = struct.pack(">2I5B", *size, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    (fault,) = faults({**art, "strip": bomb}, "art")
    assert fault.key == "strip"
    with pytest.raises(PassRefused):
        images({"strip": bomb})


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_sources_never_raise(art: dict[str, bytes], data: st.DataObject) -> None:
    """Whatever bytes a source has, the answer is a list of faults."""
    damaged = bytearray(data.draw(st.sampled_from([art["icon"], encoded(Image.new("RGB", (120, 120)), "JPEG")])))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    faults({"icon": bytes(damaged[: data.draw(st.integers(0, len(damaged)))])}, "art")
