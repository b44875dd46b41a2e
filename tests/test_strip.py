"""The strip of a stamp card shows as many stamps as its member has, in both wallets and at every size."""

import io
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starter_actors import starter

from wallet_service import strip
from wallet_service.apple import artwork as apple
from wallet_service.domain.face import Stamps
from wallet_service.domain.look import StampsTable
from wallet_service.domain.template import Template
from wallet_service.google import artwork as google

FILLED, EMPTY = "#b5532f", "#20a0e0"
SHIPPED = starter("stamp_card")


def plain(of: int, shape: str = "circle", columns: int | None = None) -> Template:
    """Return a stamp card without pictures of its own: so many shapes in two colours on the background."""
    table = StampsTable.model_validate({"of": of, "shape": shape, "columns": columns, "filled": FILLED, "empty": EMPTY})
    look = SHIPPED.look.model_copy(update={"stamps": table})
    return replace(SHIPPED, look=look, art={name: SHIPPED.art[name] for name in ("icon", "logo")})


def opened(data: bytes) -> Image.Image:
    """Return a picture."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def marks(picture: Image.Image, color: str) -> int:
    """Count the separate areas of nearly that colour."""
    wanted = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    near = [
        channel.point([255 * (abs(level - want) < 24) for level in range(256)])
        for channel, want in zip(picture.split(), wanted, strict=True)
    ]
    mask = Image.merge("RGB", near).convert("L", (1 / 3, 1 / 3, 1 / 3, 0)).point(lambda level: 255 * (level > 250))
    left = {(index % mask.width, index // mask.width) for index, level in enumerate(mask.tobytes()) if level}
    found = 0
    while left:
        front = [left.pop()]
        size = 0
        while front:
            x, y = front.pop()
            size += 1
            beside = {(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)} & left
            left -= beside
            front += beside
        found += size > 20  # the edge of a mark may have specks
    return found


@pytest.mark.parametrize("filled", [0, 1, 6, 9])
def test_both_wallets_show_the_stamps(filled: int) -> None:
    """Of nine marks so many are filled, on every size of Apple's strip and on Google's banner."""
    art = strip.art(plain(9), Stamps(filled, 9))
    files = apple.images({"strip": art["strip"]})
    banner = google.hero_image(art["strip"], "#f6e7d2")

    assert {name: opened(data).size for name, data in files.items()} == {
        "strip.png": (375, 144),
        "strip@2x.png": (750, 288),
        "strip@3x.png": (1125, 432),
    }
    assert opened(banner).size == (1032, 336)
    for data in (*files.values(), banner):
        picture = opened(data)
        assert (marks(picture, FILLED), marks(picture, EMPTY)) == (filled, 9 - filled)


def test_each_stamp_of_the_starter_is_seen() -> None:
    """With its own pictures, one stamp more is another strip, and covers more of it with the colour of the seal."""
    pictures = [opened(strip.art(SHIPPED, Stamps(filled, 9))["strip"]) for filled in range(10)]
    seals = [sum(level == 0xB5 for level in each.getchannel("R").tobytes()) for each in pictures]
    assert seals == sorted(set(seals))
    assert len({each.tobytes() for each in pictures}) == 10


@settings(max_examples=60, deadline=None)
@given(of=st.integers(1, 30), columns=st.none() | st.integers(1, 10))
def test_all_marks_have_room(of: int, columns: int | None) -> None:
    """No mark overlaps another, or leaves what both wallets show of the strip."""
    centres, side = strip.places(of, columns)
    cut = (strip.HEIGHT - strip.WIDTH * 336 / 1032) / 2
    assert len(set(centres)) == of
    assert side >= 8
    for number, (x, y) in enumerate(centres):
        assert side / 2 <= x <= strip.WIDTH - side / 2
        assert cut + side / 2 <= y <= strip.HEIGHT - cut - side / 2
        assert all(max(abs(x - a), abs(y - b)) >= side for a, b in centres[:number])


@pytest.mark.parametrize("shape", ["circle", "square", "star"])
def test_every_shape_is_drawn(shape: str) -> None:
    """Each shape gives marks of both colours."""
    picture = opened(strip.art(plain(5, shape), Stamps(2, 5))["strip"])
    assert (marks(picture, FILLED), marks(picture, EMPTY)) == (2, 3)


def test_without_stamps_the_art_is_the_template_s_own() -> None:
    """Neither a template without stamps nor a face without them has its strip redrawn."""
    points = starter("points")
    assert strip.art(points, Stamps(1, 9)) is points.art
    assert strip.art(SHIPPED, None) is SHIPPED.art


def test_the_other_pictures_stay() -> None:
    """Icon and logo are the template's, and pictures of stamps are no files of a pass."""
    art: Mapping[str, bytes] = strip.art(SHIPPED, Stamps(3, 9))
    assert {name: art[name] for name in ("icon", "logo")} == {name: SHIPPED.art[name] for name in ("icon", "logo")}
    assert {name.split("@")[0].split(".")[0] for name in apple.images(art)} == {"icon", "logo", "strip"}
    assert apple.names(art) == apple.images(art).keys()


def test_a_version_names_the_content() -> None:
    """Another number of stamps, colour, picture or background has another version; the same strip has the same."""
    colored = SHIPPED.look.model_copy(
        update={"colors": SHIPPED.look.colors.model_copy(update={"background": "#ffffff"})}
    )
    others = [
        strip.version(SHIPPED, Stamps(6, 9)),
        strip.version(SHIPPED, Stamps(7, 9)),
        strip.version(plain(9), Stamps(6, 9)),
        strip.version(plain(9, "star"), Stamps(6, 9)),
        strip.version(replace(SHIPPED, look=colored), Stamps(6, 9)),
        strip.version(replace(SHIPPED, art={**SHIPPED.art, "stamp": b"other"}), Stamps(6, 9)),
    ]
    assert len(set(others)) == len(others)
    assert strip.version(replace(SHIPPED, version="other"), Stamps(6, 9)) == others[0]
