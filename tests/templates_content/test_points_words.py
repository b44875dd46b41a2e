"""Facts about the words and pictures of the starter template `points`."""

import re
import string
import subprocess
import sys
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from PIL import Image, ImageChops, ImageDraw, ImageStat

POINTS = Path(__file__).parents[2] / "pass_templates" / "points"
LANGUAGES = ("cs", "en", "ro", "ru")
LONGEST_LABEL = 15  # Google's recommendation for labels on a loyalty card
USED_BY_CODE = {"next_tier", "top_tier"}
RESERVED = re.compile(r"(^|\.)(example|example\.(com|net|org))$")  # RFC 2606

Color = tuple[int, int, int]


def read(name: str) -> dict[str, Any]:
    """Return a parsed file of the template."""
    return tomllib.loads((POINTS / name).read_text(encoding="utf-8"))


def words(language: str) -> dict[str, Any]:
    """Return the words of a language."""
    return read(f"locales/{language}.toml")


def strings(language: str) -> dict[str, str]:
    """Return the words of a language without its tables."""
    return {key: text for key, text in words(language).items() if isinstance(text, str)}


def values(table: object) -> list[str]:
    """Return every text in a parsed file, however deep it lies."""
    if isinstance(table, dict):
        return [text for each in table.values() for text in values(each)]
    if isinstance(table, list):
        return [text for each in table for text in values(each)]
    return [table] if isinstance(table, str) else []


def picture(name: str) -> Image.Image:
    """Return one of the template's pictures, loaded."""
    with Image.open(POINTS / "art" / f"{name}.png") as image:
        image.load()
        return image


def rgb(color: str) -> Color:
    """Return "#rrggbb" as three numbers."""
    red, green, blue = (int(color[index : index + 2], 16) for index in (1, 3, 5))
    return red, green, blue


def luminance(color: Color) -> float:
    """Return the relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    shares = [channel / 255 for channel in color]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colors_in(image: Image.Image, area: tuple[int, int, int, int]) -> list[Color]:
    """Return every colour of an area."""
    part = image.convert("RGB").crop(area)
    found = [color for _, color in part.getcolors(part.width * part.height) or [] if isinstance(color, tuple)]
    return [(red, green, blue) for red, green, blue in found]


def test_the_four_languages_are_there() -> None:
    """The template speaks English, Russian, Czech and Romanian."""
    assert tuple(sorted(path.stem for path in (POINTS / "locales").glob("*.toml"))) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys(language: str) -> None:
    """No string is missing in one language or left over in another."""
    assert words(language).keys() == words("en").keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_unit_has_the_plural_forms_of_the_language(language: str) -> None:
    """[unit] holds one form for each plural category that CLDR knows for the language, and no other."""
    assert words(language)["unit"].keys() == Locale(language).plural_form.tags | {"other"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tier_has_a_name(language: str) -> None:
    """[tier] names exactly the tiers of program.toml."""
    assert list(words(language)["tier"]) == [tier["code"] for tier in read("program.toml")["tier"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_uses_every_string_once_it_is_written(language: str) -> None:
    """Each "@key" of pass.toml has a string, and each string has a place."""
    used = {text[1:] for text in values(read("pass.toml")) if text.startswith("@")}
    assert strings(language).keys() == used | USED_BY_CODE


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_change_messages_hold_the_new_value_and_only_once(language: str) -> None:
    """`%@` stands exactly once in each change message and nowhere else."""
    counts = {key: text.count("%@") for key, text in strings(language).items() if "%" in text}
    assert counts == {"balance_changed": 1, "tier_changed": 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_next_tier_names_points_and_tier(language: str) -> None:
    """The pattern of the next tier has its two places, once each."""
    places = [name for _, name, _, _ in string.Formatter().parse(words(language)["next_tier"]) if name is not None]
    assert sorted(places) == ["points", "tier"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_are_short(language: str) -> None:
    """Every label fits on the front of both wallets."""
    labels = {key: text for key, text in strings(language).items() if key.startswith("label_")}
    assert not {key: text for key, text in labels.items() if len(text) > LONGEST_LABEL}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_terms_state_the_rules_of_the_programme(language: str) -> None:
    """The terms give the earning rule and every tier's name and threshold as program.toml has them."""
    program = read("program.toml")
    terms = words(language)["terms"].replace(",", ".")
    (rule,) = program["earning_rule"]
    assert f"{rule['per'] / 100:.2f} {program['program']['currency']}" in terms
    assert re.search(rf"\b{rule['points']} {words(language)['unit']['one']}\b", terms)
    for tier in program["tier"]:
        assert words(language)["tier"][tier["code"]] in terms
        assert not tier["threshold"] or re.search(rf"\b{tier['threshold']}\b", terms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_are_the_language_s_own(language: str) -> None:
    """Texts are composed (NFC), without stray spaces, and Romanian has comma below instead of cedilla."""
    for text in values(words(language)):
        assert text == unicodedata.normalize("NFC", text).strip()
        assert not set(text) & set("şţŞŢ")


def test_links_and_addresses_are_reserved_ones() -> None:
    """Nobody's web site or mailbox is named: links, and e-mail addresses, use the domains of RFC 2606."""
    texts = values(read("pass.toml")) + [text for each in LANGUAGES for text in values(words(each))]
    hosts = [host for text in texts for host in re.findall(r"(?:https?://|@(?=[\w-]+\.))([\w.-]+)", text)]
    assert len(hosts) >= 3
    assert all(RESERVED.search(host) for host in hosts)


@pytest.mark.parametrize(
    ("name", "size", "mode", "most_bytes"),
    [
        ("icon", (720, 720), "RGB", 40_000),
        ("logo", (480, 150), "RGBA", 20_000),
        ("strip", (1125, 432), "RGB", 150_000),
    ],
)
def test_pictures_are_large_enough_and_small_files(
    name: str, size: tuple[int, int], mode: str, most_bytes: int
) -> None:
    """Each picture has the pixels of its largest use, true colours for clean resizing, and few bytes."""
    image = picture(name)
    assert (image.size, image.mode) == (size, mode)
    assert (POINTS / "art" / f"{name}.png").stat().st_size < most_bytes


def test_the_icon_survives_a_circle() -> None:
    """Outside the circle that Google cuts out the icon is plain background."""
    icon = picture("icon")
    ImageDraw.Draw(icon).ellipse(
        (0, 0, icon.width - 1, icon.height - 1), fill=rgb(read("pass.toml")["colors"]["background"])
    )
    assert len(colors_in(icon, (0, 0, icon.width, icon.height))) == 1


def test_the_logo_is_transparent() -> None:
    """The logo has no ground of its own."""
    alpha = picture("logo").getchannel("A")
    assert alpha.getextrema() == (0, 255)
    assert alpha.getpixel((0, 0)) == alpha.getpixel((479, 149)) == 0


@pytest.mark.parametrize("role", ["text", "label"])
def test_words_are_readable_on_the_card(role: str) -> None:
    """Text and labels have a contrast of 4.5 on the card and 7 on the left third of the strip."""
    colors = {name: rgb(color) for name, color in read("pass.toml")["colors"].items()}
    strip = picture("strip")
    assert contrast(colors[role], colors["background"]) >= 4.5
    assert min(contrast(colors[role], each) for each in colors_in(strip, (0, 0, strip.width // 3, strip.height))) >= 7


def test_a_long_text_is_readable_across_the_whole_strip() -> None:
    """The line on which the wallet writes the primary value has a contrast of 4.5 from end to end."""
    text = rgb(read("pass.toml")["colors"]["text"])
    assert min(contrast(text, each) for each in colors_in(picture("strip"), (45, 130, 1080, 225))) >= 4.5


def test_strip_and_card_are_one_colour() -> None:
    """The strip's left edge has the background colour of the card, so that no seam shows."""
    assert picture("strip").getpixel((0, 0)) == rgb(read("pass.toml")["colors"]["background"])


def test_the_script_draws_the_pictures_that_are_there(tmp_path: Path) -> None:
    """Running draw_art.py gives the pictures of the template again."""
    subprocess.run(
        [sys.executable, str(POINTS / "art" / "draw_art.py"), str(tmp_path)], check=True, capture_output=True
    )
    for name in ("icon", "logo", "strip"):
        with Image.open(tmp_path / f"{name}.png") as drawn:
            difference = ImageChops.difference(drawn, picture(name))
            assert max(ImageStat.Stat(difference).mean) < 0.5  # releases of Pillow round edges differently
