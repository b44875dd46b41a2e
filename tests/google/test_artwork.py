"""The images of a class have the sizes that Google asks for, and the logo stays whole when it is cut to a circle."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, PngImagePlugin

from wallet_service.domain.errors import TemplateRefused
from wallet_service.google.artwork import SAFE, faults, images, versions

ART = Path(__file__).parents[2] / "pass_templates" / "points" / "art"
PLUM, WHITE, RED = (43, 31, 61), (255, 255, 255), (255, 0, 0)


def encoded(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    """Return the file of an image."""
    target = io.BytesIO()
    image.save(target, kind, **more)
    return target.getvalue()


def plain(width: int, height: int, mode: str = "RGB") -> bytes:
    """Return the PNG of a plain image."""
    return encoded(Image.new(mode, (width, height)))


def opened(data: bytes) -> Image.Image:
    """Return a PNG's image."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.load()
        return image


def disc(reach: float, edge: tuple[int, ...] = PLUM, color: tuple[int, int, int] = RED) -> bytes:
    """Return an icon whose disc reaches so far out, 1 being the middle of an edge."""
    image = Image.new("RGB" if len(edge) == 3 else "RGBA", (900, 900), edge)
    ImageDraw.Draw(image).ellipse([450 - 450 * reach, 450 - 450 * reach, 450 + 450 * reach, 450 + 450 * reach], color)
    return encoded(image)


def logo(icon: bytes, background: str = "#ffffff") -> Image.Image:
    """Return the logo made from an icon."""
    return opened(images({"icon": icon}, background=background)["programLogo.png"])


def reach(image: Image.Image, color: tuple[int, int, int]) -> float:
    """Return how far to the right of the centre a colour is found in the middle line, 1 being the edge."""
    middle = image.width // 2
    found = [x for x in range(middle, image.width) if image.getpixel((x, middle)) == color]
    return (max(found) - middle) / middle


@pytest.fixture
def art() -> dict[str, bytes]:
    """The sources of the starter template."""
    return {path.stem: path.read_bytes() for path in ART.glob("*.png")}


def test_logo_and_banner_are_made(art: dict[str, bytes]) -> None:
    """Both are opaque PNG files of the sizes that Google asks for."""
    made = {name: opened(data) for name, data in images(art, background="#2b1f3d").items()}
    assert {name: (image.size, image.mode) for name, image in made.items()} == {
        "programLogo.png": ((660, 660), "RGB"),
        "heroImage.png": ((1032, 336), "RGB"),
    }


def test_a_template_without_a_strip_has_no_banner() -> None:
    """Only the logo is needed."""
    assert images({"icon": plain(660, 660)}).keys() == {"programLogo.png"}


def test_the_starters_logo_lies_inside_the_circle(art: dict[str, bytes]) -> None:
    """Outside the inscribed circle there is nothing but the template's own background."""
    image = logo(art["icon"], "#2b1f3d")
    outside = Image.new("L", image.size, 255)
    ImageDraw.Draw(outside).ellipse([0, 0, 659, 659], 0)
    colors = Image.composite(image, Image.new("RGB", image.size, PLUM), outside).getcolors()
    assert colors == [(660 * 660, PLUM)]


@pytest.mark.parametrize("far", [0.72, 0.9, 1.0])
def test_an_icon_that_reaches_too_far_is_drawn_smaller(far: float) -> None:
    """It keeps its own background, and ends where the safe part of the circle ends."""
    image = logo(disc(far))
    assert reach(image, RED) == pytest.approx(SAFE, abs=0.015)
    assert image.getpixel((0, 0)) == image.getpixel((659, 330)) == PLUM


@pytest.mark.parametrize(("stronger", "far"), [(20, SAFE), (12, 0.9)])
def test_only_what_can_hardly_be_seen_may_leave_the_circle(stronger: int, far: float) -> None:
    """A glow around the icon is not worth a smaller icon; anything stronger is."""
    color = (PLUM[0], PLUM[1], PLUM[2] + stronger)
    assert reach(logo(disc(0.9, color=color)), color) == pytest.approx(far, abs=0.015)


@pytest.mark.parametrize("far", [0.3, 0.69])
def test_an_icon_that_is_safe_stays_as_it_is(far: float) -> None:
    """No icon is enlarged: its margin is the designer's."""
    assert reach(logo(disc(far)), RED) == pytest.approx(far, abs=0.01)


def test_a_transparent_icon_stands_on_the_templates_background() -> None:
    """Where the source is clear, the card's colour shows."""
    image = logo(disc(0.5, (0, 0, 0, 0)), "#2b1f3d")
    assert image.getpixel((0, 0)) == PLUM
    assert image.getpixel((330, 330)) == RED


def test_an_icon_without_an_edge_is_shown_whole() -> None:
    """A picture to the very corners is fitted into the safe circle, corners and all, on the background."""
    picture = Image.linear_gradient("L").resize((660, 660)).convert("RGB")
    image = logo(encoded(picture), "#2b1f3d")
    assert image.getpixel((0, 0)) == image.getpixel((90, 90)) == PLUM
    assert image.getpixel((330, 330)) == pytest.approx((127, 127, 127), abs=3)


def test_a_banner_is_cropped_at_its_centre() -> None:
    """Of a strip that is too high, the middle is shown."""
    source = Image.new("RGB", (1032, 1008), RED)
    source.paste(WHITE, (0, 336, 1032, 672))
    banner = opened(images({"icon": plain(660, 660), "strip": encoded(source)})["heroImage.png"])
    assert banner.getcolors() == [(1032 * 336, WHITE)]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_colour_mode_is_read(mode: str) -> None:
    """Grey, palette, print and deep images become PNG files of screens."""
    image = logo(encoded(Image.new(mode, (700, 700)), "JPEG" if mode == "CMYK" else "PNG"))
    assert (image.size, image.mode) == ((660, 660), "RGB")


def test_the_same_source_makes_the_same_bytes(art: dict[str, bytes]) -> None:
    """Texts and colour profiles of a source are not carried along."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Author", "Ada")
    noted = encoded(opened(art["icon"]), pnginfo=note, icc_profile=b"profile", dpi=(72, 72))
    assert images({**art, "icon": noted}) == images(art) == images(art)


@pytest.mark.parametrize("changed", ["icon", "strip", "background"])
def test_what_a_picture_is_made_of_names_its_version(art: dict[str, bytes], changed: str) -> None:
    """Each picture has a version, another than the others', which changes with its own source and the background."""
    other = {**art, changed: plain(900, 900)} if changed in art else art
    before = versions(art, background="#ffffff")
    after = versions(other, background="#000000" if changed == "background" else "#ffffff")

    assert before.keys() == images(art).keys()
    assert len(set(before.values())) == len(before)
    renamed = {"icon": {"programLogo.png"}, "strip": {"heroImage.png"}, "background": set(before)}
    assert {file for file in before if before[file] != after[file]} == renamed[changed]


def test_good_art_has_no_faults(art: dict[str, bytes]) -> None:
    """The starter's sources are large enough; images that only other wallets use are left to them."""
    assert faults({**art, "thumbnail": b"junk"}, "pass.toml") == []


def test_a_missing_icon_is_a_fault(art: dict[str, bytes]) -> None:
    """No class is accepted without a logo."""
    (fault,) = faults({"strip": art["strip"]}, "art")
    assert str(fault).startswith("art: icon: is missing")
    with pytest.raises(TemplateRefused):
        images({"strip": art["strip"]})


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [("icon", (659, 660), "660x660 or more"), ("strip", (1032, 335), "1032x336 or more")],
)
def test_a_small_source_is_a_fault(art: dict[str, bytes], name: str, size: tuple[int, int], says: str) -> None:
    """A source below the size that Google asks for would be blurred."""
    (fault,) = faults({**art, name: plain(*size)}, "art")
    assert fault.key == name
    assert f"{size[0]}x{size[1]}" in fault.message
    assert says in fault.message


def test_an_unreadable_source_is_a_fault_beside_a_small_one(art: dict[str, bytes]) -> None:
    """Junk, half an image and vector files are named, and so is what is wrong with the other source."""
    for source in (b"", b"junk", art["icon"][: len(art["icon"]) // 2], b"<svg/>"):
        found = faults({"icon": source, "strip": plain(10, 10)}, "art")
        assert [fault.key for fault in sorted(found)] == ["icon", "strip"]
        with pytest.raises(TemplateRefused, match="Give PNG, JPEG or WebP"):
            images({"icon": source})


def test_a_decompression_bomb_is_a_fault(art: dict[str, bytes]) -> None:
    """An image of absurd size is refused by its header, before a pixel of it is unpacked."""
    header = struct.pack(">2I5B", 7000, 7000, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    (fault,) = faults({**art, "strip": b"\x89PNG\r\n\x1a\n" + b"".join(chunks)}, "art")
    assert "7000x7000 pixels" in fault.message


SMALL = {"PNG": plain(120, 120), "JPEG": encoded(Image.new("RGB", (120, 120)), "JPEG")}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_sources_never_raise(data: st.DataObject) -> None:
    """Whatever bytes a source has, the answer is a list of faults."""
    damaged = bytearray(SMALL[data.draw(st.sampled_from(["PNG", "JPEG"]))])
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    assert faults({"icon": bytes(damaged[: data.draw(st.integers(0, len(damaged)))])}, "art")
