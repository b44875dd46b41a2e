"""The vendors' own artwork: shown where the operator has put it, served as it is, and refused if it is none."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from actors import Shop
from link_actors import IPHONE, WINDOWS, Browser, Marketer, marketer
from page_actors import png

from wallet_service.domain.errors import SettingsRefused
from wallet_service.web import create_app
from wallet_service.wiring import Service
from wallet_service.wiring.badges import LARGEST, load_badges

SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 110 35"><rect width="110"/></svg>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture for Apple in two languages, and one for Google in all."""
    (tmp_path / "apple-en.svg").write_bytes(SVG)
    (tmp_path / "apple-cs.svg").write_bytes(SVG.replace(b"110", b"120"))
    (tmp_path / "google.png").write_bytes(png("black"))
    (tmp_path / "README.txt").write_text("where they are from")
    return tmp_path


@pytest.fixture
def spring(service: Service, shop: Shop) -> Marketer:
    """A marketer with a campaign, of a shop with one member."""
    shop.enrol("ann")
    return marketer(service)


def test_badges_take_the_place_of_plain_buttons(service: Service, spring: Marketer, folder: Path) -> None:
    """In the reader's language where there is one, else in the one for all; the words stay for screen readers."""
    client = create_app(replace(service, badges=load_badges(folder))).test_client()
    link = spring.link(member="ann")
    for lang, files in (("cs", ["apple-cs", "google"]), ("en", ["apple-en", "google"]), ("ru", ["google"])):
        page = Browser(client, WINDOWS, lang).get(link).text
        shown = re.findall(r'<img src="/badges/([a-z-]+)\?v=([0-9a-f]{12})" alt="([^"]+)">', page)
        assert [name for name, _, _ in shown] == files
        assert all(label for _, _, label in shown)
    assert 'class="button" id="add-apple"' in Browser(client, IPHONE, "ru").get(link).text


def test_a_badge_is_served_as_it_is(service: Service, folder: Path) -> None:
    """Byte by byte, for ever under its address, and with no right to run anything."""
    client = create_app(replace(service, badges=load_badges(folder))).test_client()
    answer = client.get("/badges/apple-en?v=1")
    assert (answer.data, answer.mimetype) == (SVG, "image/svg+xml")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert client.get("/badges/google").mimetype == "image/png"
    for name in ("apple", "apple-ro", "README", "..%2Fapple-en"):
        assert client.get(f"/badges/{name}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("badge.svg", SVG),
        ("apple-english.svg", SVG),
        ("samsung-en.svg", SVG),
        ("apple-en.svg", b"<html></html>"),
        ("google.png", SVG),
        ("google.svg", SVG + b" " * LARGEST),
    ],
)
def test_what_is_no_badge_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A name that no vendor and language has, another kind of file, and one that is too large are named."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsRefused, match=name):
        load_badges(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The setting is named."""
    with pytest.raises(SettingsRefused, match="WALLET_BADGES"):
        load_badges(tmp_path / "nowhere")
