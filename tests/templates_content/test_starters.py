"""Facts about the words and pictures of all starters; those of `points` alone have a file of their own."""

import re
import subprocess
import sys
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from PIL import Image, ImageChops, ImageDraw, ImageStat
from starter_actors import LANGUAGES, NAMES, STARTERS, starter

from wallet_service.domain.look import contrast
from wallet_service.domain.words import TABLES
from wallet_service.storage.locales import PATTERNS
from wallet_service.terms import as_text, explain
from wallet_service.terms.telling import readable

LONGEST_LABEL = 15  # Google's recommendation for labels on a loyalty card
LONGEST_LINK = 20
LONGEST_TEXT = 500
RESERVED = re.compile(r"(^|\.)(example|example\.(com|net|org))$")  # RFC 2606
MARKS_OF_OTHERS = re.compile(r"sephora|starbucks|peak ?design|\bvib\b|\brouge\b|\binsider\b", re.IGNORECASE)
NEW = tuple(each for each in NAMES if each != "points")
SIZES = {"icon": (720, 720), "logo": (480, 150), "strip": (1125, 432)}
LINE = (45, 130, 1080, 225)  # where the wallet writes the primary value on the strip
CALM = (0, 0, 340, 370)

Color = tuple[int, int, int]


def read(name: str, file: str) -> dict[str, Any]:
    """Return a parsed file of a starter."""
    return tomllib.loads((STARTERS / name / file).read_text(encoding="utf-8"))


def strings(name: str, language: str) -> dict[str, str]:
    """Return the words of a language without its tables."""
    return {key: text for key, text in read(name, f"locales/{language}.toml").items() if key not in TABLES}


def values(table: object) -> list[str]:
    """Return every text in a parsed file, however deep it lies."""
    if isinstance(table, dict):
        return [text for each in table.values() for text in values(each)]
    if isinstance(table, list):
        return [text for each in table for text in values(each)]
    return [table] if isinstance(table, str) else []


def picture(name: str, file: str) -> Image.Image:
    """Return one of a starter's pictures, loaded."""
    with Image.open(STARTERS / name / "art" / f"{file}.png") as image:
        image.load()
        return image


def colors_in(image: Image.Image, area: tuple[int, int, int, int]) -> set[str]:
    """Return every colour of an area as "#rrggbb"."""
    part = image.convert("RGB").crop(area)
    found = part.getcolors(part.width * part.height) or []
    return {"#{:02x}{:02x}{:02x}".format(*color) for _, color in found if isinstance(color, tuple)}


def test_the_ten_starters_are_there() -> None:
    """Each kind of programme has one, under the code of a brand of its own."""
    assert len(NAMES) == 10
    assert len({starter(name).program.program.code for name in NAMES}) == 10
    assert len({starter(name).look.brand.organization for name in NAMES}) == 10


@pytest.mark.parametrize("name", NAMES)
def test_every_language_has_the_same_strings(name: str) -> None:
    """The starter speaks four languages, and no string is missing in one or left over in another."""
    assert starter(name).words.keys() == set(LANGUAGES)
    used = {text[1:] for text in values(read(name, "pass.toml")) if text.startswith("@")}
    shown = {each.value for _, each in starter(name).look.fields()}
    by_code = {key for value, patterns in PATTERNS.items() if value in shown for key in patterns}
    for language in LANGUAGES:
        assert strings(name, language).keys() == used | by_code


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NEW)
def test_words_fit_their_places(name: str, language: str) -> None:
    """Labels, links and texts have the lengths that Google recommends."""
    words = strings(name, language)
    assert {key for key, text in words.items() if key.startswith("label_") and len(text) > LONGEST_LABEL} == set()
    assert {key for key, text in words.items() if key.startswith("link_") and len(text) > LONGEST_LINK} == set()
    assert {key for key, text in words.items() if len(text) > LONGEST_TEXT} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_letters_are_the_language_s_own(name: str, language: str) -> None:
    """Texts are composed (NFC), without stray spaces; Romanian has comma below, Russian its own letters."""
    words = read(name, f"locales/{language}.toml")
    for text in values(words):
        assert text == unicodedata.normalize("NFC", text).strip()
        assert not set(text) & set("şţŞŢ")
    if language == "ru":
        assert re.search("[\u0430-\u044f]", words["terms"])
    counts = starter(name).program.unit
    forms = Locale(language).plural_form.tags | {"other"} if counts and not counts.is_money else set()
    assert words.get("unit", {}).keys() == forms


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_terms_name_every_tier_and_threshold(name: str, language: str) -> None:
    """Whoever changes a threshold or a tier in program.toml is reminded of the terms."""
    template = starter(name)
    terms = re.sub(r"(?<=\d)[\s.,](?=\d{3}\b)", "", strings(name, language)["terms"])
    tiers = template.program.tiers
    divisor = 100 if tiers and tiers.measure == "spend" else 1
    for tier in template.program.tier[1:]:
        assert template.tier_name(tier.code, language).replace(" ", "") in terms.replace(" ", "")
        assert tier.threshold <= 1 or re.search(rf"\b{tier.threshold // divisor}\b", terms)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_benefits_and_tags_have_names_in_every_language(name: str, language: str) -> None:
    """The terms of a starter call neither what a tier gives nor the goods of a rule by a code of the file."""
    template = starter(name)
    program = template.program
    codes = {code for tier in program.tier for code in tier.benefits}
    codes |= {
        tag for rule in program.earning_rule for table in (rule.match, rule.exclude) if table for tag in table.tags
    }
    told = as_text(explain(program, template.words[language], language))
    assert {readable(code) for code in codes} & set(re.findall("[“«„](.+?)[”»“]", told)) == set()


@pytest.mark.parametrize("name", NAMES)
def test_nobody_s_brand_or_address_is_named(name: str) -> None:
    """Brands are invented; links and e-mail addresses use the domains of RFC 2606."""
    for path in (STARTERS / name).rglob("*"):
        if path.suffix in (".toml", ".py"):
            text = path.read_text(encoding="utf-8")
            assert MARKS_OF_OTHERS.search(text) is None, path
    texts = values(read(name, "pass.toml"))
    hosts = [host for text in texts for host in re.findall(r"(?:https?://|@(?=[\w-]+\.))([\w.-]+)", text)]
    assert len(hosts) >= 3
    assert all(RESERVED.search(host) for host in hosts)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_large_enough_and_small_files(name: str) -> None:
    """Each picture has the pixels of its largest use, true colours for clean resizing, and few bytes."""
    for file, size in SIZES.items():
        image = picture(name, file)
        assert (image.size, image.mode) == (size, "RGBA" if file == "logo" else "RGB")
        assert (STARTERS / name / "art" / f"{file}.png").stat().st_size < 45_000


@pytest.mark.parametrize("name", NAMES)
def test_icon_and_logo_have_their_grounds(name: str) -> None:
    """Outside the circle that Google cuts out the icon is plain background, and the logo has no ground of its own."""
    icon, background = picture(name, "icon"), starter(name).look.colors.background
    ImageDraw.Draw(icon).ellipse((0, 0, icon.width - 1, icon.height - 1), fill=background)
    assert colors_in(icon, (0, 0, icon.width, icon.height)) == {background}
    alpha = picture(name, "logo").getchannel("A")
    assert alpha.getextrema() == (0, 255)
    assert alpha.getpixel((0, 0)) == alpha.getpixel((479, 149)) == 0


@pytest.mark.parametrize("name", NAMES)
def test_words_are_readable(name: str) -> None:
    """Text and label have a contrast of 4.5 on card and calm part of the strip, text on all of its line."""
    colors, strip = starter(name).look.colors, picture(name, "strip")
    for color in (colors.text, colors.label):
        assert contrast(color, colors.background) >= 4.5
        assert min(contrast(color, each) for each in colors_in(strip, CALM)) >= 4.5
    if starter(name).look.primary:
        assert min(contrast(colors.text, each) for each in colors_in(strip, LINE)) >= 4.5
    assert colors_in(strip, (0, 0, 1, 1)) == {colors.background}  # so that no seam shows


@pytest.mark.parametrize("name", NEW)
def test_the_script_draws_the_pictures_that_are_there(name: str, tmp_path: Path) -> None:
    """Running draw_art.py gives the pictures of the starter again."""
    script = STARTERS / name / "art" / "draw_art.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    drawn = {each.stem for each in tmp_path.glob("*.png")}
    assert drawn == set(starter(name).art)
    for file in drawn:
        with Image.open(tmp_path / f"{file}.png") as again:
            difference = ImageChops.difference(again, picture(name, file))
            assert max(ImageStat.Stat(difference).mean) < 0.5  # releases of Pillow round edges differently
