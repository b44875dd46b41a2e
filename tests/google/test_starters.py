"""Every starter makes a class and objects that Google takes, of any member and in every language."""

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from PIL import Image
from starter_actors import LANGUAGES, NAMES, NEW, standings, starter

from wallet_service.config import Settings
from wallet_service.domain.card import Card
from wallet_service.google import shown
from wallet_service.google.change import change
from wallet_service.google.differences import differences
from wallet_service.sandbox.walletobjects import faults
from wallet_service.wiring import sample_standing
from wallet_service.wiring.google_drawings import GoogleDrawings

GOLDEN = Path(__file__).parent / "golden" / "starters"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CARD = Card(1, "7f3c9a12", "0" * 32, "pass.example", 3, NOW)
TOLERATED = {("points", "cs", "tier")}  # "Kapitola" has one letter more than Google recommends


@pytest.fixture(scope="module")
def drawings() -> GoogleDrawings:
    """The drawings of all starters."""
    settings = Settings(base_url="https://cards.example", google_issuer_id="3388000000012345678")
    return GoogleDrawings(settings, {name: starter(name) for name in NAMES})


def object_of(drawings: GoogleDrawings, name: str, member: str, language: str) -> dict[str, Any]:
    """Return the object of a member's card."""
    template = starter(name)
    return drawings.object_of(template, template.draw(standings(template)[member], language), CARD)


@pytest.mark.parametrize("name", NAMES)
def test_google_takes_class_and_objects(name: str, drawings: GoogleDrawings) -> None:
    """The schema accepts the class, every member's object in four languages, and a change from any to any other."""
    template = starter(name)
    assert faults("LoyaltyClass", drawings.class_of(template).body, partial=False) == []
    for member in standings(template):
        for language in LANGUAGES:
            drawn = object_of(drawings, name, member, language)
            assert faults("LoyaltyObject", drawn, partial=False) == []
            assert faults("LoyaltyObject", change(drawn), partial=True) == []
            assert differences(drawn, drawn) == []


@pytest.mark.parametrize("name", NAMES)
def test_class_and_object_are_golden(name: str, drawings: GoogleDrawings) -> None:
    """A member in the middle is drawn to exactly this in English."""
    drawn = {"class": drawings.class_of(starter(name)).body, "object": object_of(drawings, name, "middle", "en")}
    made = json.dumps(_without_versions(drawn), indent=2, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(made)
    assert made == path.read_text(), "run with UPDATE_GOLDEN=1 if the change is meant, and read the diff"


def _without_versions(part: Any) -> Any:
    """Return a part with addresses of pictures that name no content, which depends on the release of Pillow."""
    if isinstance(part, dict):
        return {key: _without_versions(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_without_versions(each) for each in part]
    if isinstance(part, str) and "/art/" in part:
        pieces = part.split("/")
        return "/".join([*pieces[:-2], "version", pieces[-1]])
    return part


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_on_the_front_is_cut(name: str, language: str) -> None:
    """What `template check` shows has the lengths that Google recommends, labels among them."""
    template = starter(name)
    face = template.draw(sample_standing(template.program, NOW), language)
    front = [each for each in shown.shown(face) if each.slot in ("header", "primary", "secondary", "auxiliary")]
    cut = {(name, language, each.key) for each in front if each.cut_at is not None or "may be cut" in each.note}
    assert cut <= TOLERATED


def test_a_banner_shows_the_stamps_of_its_card(drawings: GoogleDrawings) -> None:
    """The object of a stamp card has a banner of its own, described in words, which another count replaces."""
    new, middle = (object_of(drawings, "stamp_card", each, "ro")["heroImage"] for each in ("new", "middle"))
    assert middle["contentDescription"] == {"defaultValue": {"language": "ro", "value": "Ștampile: 6 din 9"}}
    assert new["sourceUri"] != middle["sourceUri"]
    assert middle["sourceUri"]["uri"].endswith("/stamps-6.png")
    assert "heroImage" not in object_of(drawings, "points", "middle", "en")


def test_a_banner_that_is_gone_is_cleared(drawings: GoogleDrawings) -> None:
    """A card that shows no stamps any more, or is void, has Google forget the banner."""
    template = starter("stamp_card")
    bare = drawings.object_of(template, structs.replace(template.draw(NEW, "en"), stamps=None), CARD)
    void = drawings.object_of(template, template.draw(structs.replace(NEW, voided=True), "en"), CARD)
    assert change(bare)["heroImage"] is None
    assert change(void)["heroImage"] is None


@pytest.mark.parametrize("filled", range(10))
def test_every_banner_is_served(drawings: GoogleDrawings, filled: int) -> None:
    """The address in the object leads to a picture of Google's size, and names its content."""
    template = starter("stamp_card")
    drawn = drawings.object_of(template, template.draw(structs.replace(NEW, balance=filled), "en"), CARD)
    *_, name, version, file = drawn["heroImage"]["sourceUri"]["uri"].split("/")
    art = drawings.picture(name, file)
    assert art is not None
    assert art.version == version
    assert Image.open(io.BytesIO(art.data)).size == (1032, 336)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("stamp_card", "stamps-10.png"),
        ("stamp_card", "stamps--1.png"),
        ("stamp_card", "stamps-01.png"),
        ("stamp_card", "stamps-\u0661.png"),
        ("stamp_card", "stamps-1.png\n"),
        ("stamp_card", "stamps-6.jpg"),
        ("points", "stamps-1.png"),
        ("nowhere", "stamps-1.png"),
        ("nowhere", "heroImage.png"),
    ],
)
def test_no_other_picture_is_made(drawings: GoogleDrawings, name: str, file: str) -> None:
    """Nobody can have us draw what no card shows."""
    assert drawings.picture(name, file) is None
