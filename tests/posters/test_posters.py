"""Codes for screens and print: a reader finds in each exactly the address, dark on light, with its quiet zone."""

import hashlib
import io
import json
import re
from typing import get_args

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from page_actors import painted
from PIL import Image

from wallet_service.domain.errors import PosterRefused
from wallet_service.posters.code import BLACK, QUIET_ZONE, Level, contrast_with_white, darkest, ink, rows_of, runs
from wallet_service.posters.page import FONTS, SIZES, WORDS, Poster, Size, pdf
from wallet_service.posters.pictures import inline_svg, png, svg

SHORT = "https://cards.example/s/7KQ2M9XA"
LONG = "https://cards.example/l/AdhKj3Mkl-d225dANcwRnrzEUkgF_1xned_8trc"
GREEN, YELLOW = "#0b3d2e", "#ffd400"
POSTER = Poster("Kavárna Příklad", "Клуб «Пример» și țară", SHORT, "cards.example/s/7KQ2-M9XA", "cs", GREEN, GREEN)


def read(image: Image.Image) -> list[str]:
    """Return what a reader finds in a picture, of QR codes and of nothing else."""
    found = zxingcpp.read_barcodes(image.convert("RGB"))
    assert {each.format for each in found} <= {zxingcpp.BarcodeFormat.QRCode}
    return [each.text for each in found]


def page_of(content: bytes, *, scale: float = 2) -> Image.Image:
    """Return the first page of a PDF as a picture; a point is so many pixels."""
    document = pypdfium2.PdfDocument(content)
    try:
        assert len(document) == 1
        picture: Image.Image = document[0].render(scale=scale).to_pil()
        return picture.copy()
    finally:
        document.close()


def text_of(content: bytes) -> str:
    """Return the words of a PDF's page."""
    document = pypdfium2.PdfDocument(content)
    try:
        words: str = document[0].get_textpage().get_text_range()
        return words
    finally:
        document.close()


@pytest.mark.parametrize("address", [SHORT, LONG])
@pytest.mark.parametrize("level", get_args(Level))
def test_every_form_is_read_back(address: str, level: Level) -> None:
    """PNG, SVG and PDF say the same, at each level and in a brand's colour."""
    assert read(Image.open(io.BytesIO(png(address, color=GREEN, level=level)))) == [address]
    assert read(painted(svg(address, color=GREEN, level=level).decode())) == [address]
    poster = Poster("Shop", "Club", address, "…", color=GREEN, level=level)
    assert read(page_of(pdf(poster))) == [address]


@settings(max_examples=30)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200))
def test_any_address_is_read_back(address: str) -> None:
    """Whatever letters it has."""
    assert read(Image.open(io.BytesIO(png(address, width=400)))) == [address]


@pytest.mark.parametrize("level", get_args(Level))
def test_a_code_bears_the_damage_that_its_level_promises(level: Level) -> None:
    """With a square painted over that grows with the level, the code is still read."""
    picture = Image.open(io.BytesIO(png(LONG, level=level))).convert("L")
    borne = 0
    for percent in range(1, 30):
        side = int((percent / 100) ** 0.5 * picture.width * 0.7)
        damaged, middle = picture.copy(), picture.width // 2
        damaged.paste(255, (middle - side // 2, middle - side // 2, middle + side // 2, middle + side // 2))
        if read(damaged) != [LONG]:
            break
        borne = percent
    assert borne >= {"L": 2, "M": 5, "Q": 9, "H": 12}[level]


def test_a_code_has_its_quiet_zone() -> None:
    """Four modules of white on each side, in every form; the corner inside it is dark."""
    rows = rows_of(SHORT, "Q")
    size = len(rows)
    for at in (*range(QUIET_ZONE), *range(size - QUIET_ZONE, size)):
        assert not any(rows[at])
        assert not any(row[at] for row in rows)
    assert rows[QUIET_ZONE][QUIET_ZONE]
    image = Image.open(io.BytesIO(png(SHORT))).convert("RGB")
    module = image.width // size
    assert image.width == image.height == module * size
    assert image.getpixel((QUIET_ZONE * module - 1, QUIET_ZONE * module - 1)) == (255, 255, 255)
    assert image.getpixel((QUIET_ZONE * module, QUIET_ZONE * module)) == (0, 0, 0)


def test_runs_are_the_dark_modules() -> None:
    """Drawn run by run, every dark module is drawn once and no light one is."""
    rows = rows_of(LONG, "M")
    drawn = [(x + step, y) for x, y, length in runs(rows) for step in range(length)]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {(x, y) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark}


def test_a_png_is_as_wide_as_asked_and_sharp() -> None:
    """At least so many pixels, with two colours and no others."""
    image = Image.open(io.BytesIO(png(SHORT, color=GREEN, width=1000)))
    assert 1000 <= image.width < 1100
    assert len(image.convert("RGB").getcolors()) == 2
    assert round(image.info["dpi"][0]) == 300


@pytest.mark.parametrize("color", [YELLOW, "#ffffff", "#c0c0c0", "#ff0000", "#12345", "red", "#gggggg", ""])
def test_a_light_code_is_never_drawn(color: str) -> None:
    """A colour that readers do not tell from paper is refused, in every form, and so is what is no colour."""
    for draw in (
        lambda: png(SHORT, color=color),
        lambda: svg(SHORT, color=color),
        lambda: pdf(Poster("Shop", "Club", SHORT, "…", color=color)),
    ):
        with pytest.raises(PosterRefused, match="color"):
            draw()


def test_a_brands_own_colour_is_taken_if_it_is_dark() -> None:
    """The first that is; black where none is."""
    assert darkest(GREEN, BLACK) == ink(GREEN) == GREEN
    assert darkest(YELLOW, GREEN) == GREEN
    assert darkest(YELLOW, "#ffffff") == BLACK


def test_contrast_is_counted_as_the_guidelines_do() -> None:
    """Known pairs come out as published."""
    assert contrast_with_white("#000000") == pytest.approx(21)
    assert contrast_with_white("#ffffff") == pytest.approx(1)
    assert contrast_with_white("#767676") == pytest.approx(4.54, abs=0.01)
    assert contrast_with_white("#ff0000") == pytest.approx(4.0, abs=0.01)


def test_a_text_that_no_code_holds_is_refused() -> None:
    """The largest code has its end, and a higher level an earlier one."""
    with pytest.raises(PosterRefused, match="too long"):
        rows_of("x" * 3000, "L")
    with pytest.raises(PosterRefused, match="too long"):
        rows_of("x" * 1500, "H")
    assert rows_of("x" * 1200, "H")


@pytest.mark.parametrize("size", list(SIZES))
def test_a_page_has_its_size_and_its_words(size: Size) -> None:
    """On each size of paper the code and all words are there, inside the page, and letters of four languages."""
    content = pdf(POSTER, size)
    wide, high = SIZES[size]
    picture = page_of(content, scale=2)
    assert picture.size == pytest.approx((wide * 2, high * 2), abs=2)
    assert read(picture) == [SHORT]
    words = text_of(content)
    for line in (POSTER.organization, POSTER.program, POSTER.shown, *WORDS["cs"]):
        assert line in words
    assert content == pdf(POSTER, size)


@pytest.mark.parametrize("language", list(WORDS))
def test_a_page_speaks_its_language(language: str) -> None:
    """What is to be done is said in the language asked for, and its letters are in the file."""
    content = pdf(Poster("Shop", "Club", SHORT, "…", language))
    assert all(each in text_of(content) for each in WORDS[language])
    assert b"/FontFile2" in content
    assert f"/Lang ({language})".encode() in content


def test_words_stay_readable_on_a_light_band() -> None:
    """On yellow they are black, on green white."""
    light, dark = (page_of(pdf(Poster("Shop", "MMMM", SHORT, "…", band=band))) for band in (YELLOW, GREEN))
    head = (0, 0, light.width, light.height // 5)
    assert light.crop(head).convert("L").getextrema()[0] < 60
    assert dark.crop(head).convert("L").getextrema()[1] > 240


def test_a_long_name_fits_the_page() -> None:
    """It gets smaller and stays inside the margins."""
    picture = page_of(pdf(Poster("O" * 90, "W" * 60, SHORT, "…", band="#ffffff"))).convert("L")
    margin = int(picture.width * 0.03)
    assert picture.crop((0, 0, margin, picture.height)).getextrema()[0] > 200


def test_a_code_on_a_page_has_a_name_and_no_markup() -> None:
    """A screen reader says what it is, whatever stands in the label."""
    drawing = inline_svg(LONG, label='"A" <b> & co')
    assert 'aria-label="&quot;A&quot; &lt;b&gt; &amp; co"' in drawing
    assert read(painted(drawing)) == [LONG]


def test_the_fonts_are_what_their_list_says() -> None:
    """Name, version, licence and hash of each vendored font; every letter of our languages is in them."""
    told = json.loads((FONTS / "VENDOR.json").read_text())
    assert {each["file"] for each in told} == {each.name for each in FONTS.glob("*.ttf")}
    for each in told:
        assert hashlib.sha256((FONTS / each["file"]).read_bytes()).hexdigest() == each["sha256"]
        assert each["licence"]
        assert each["version"]
    assert "Bitstream" in (FONTS / "LICENSE.txt").read_text()
    alphabets = "áčďéěíňóřšťúůýž ăâîșț абвгдеёжзийклмнопрстуфхцчшщъыьэюя „“”«»\N{RIGHT SINGLE QUOTATION MARK}…"
    assert re.sub(r"\s", "", alphabets.upper() + alphabets) in re.sub(
        r"\s", "", text_of(pdf(Poster(alphabets.upper(), alphabets, SHORT, "…"))).replace("\r\n", "")
    )
