"""Every starter makes passes that phones take, of any member and in every language."""

import io
import json
import os
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from starter_actors import LANGUAGES, NAMES, NEW, standings, starter

from wallet_service import strip
from wallet_service.apple import shown
from wallet_service.apple.identity import Identity
from wallet_service.apple.pass_json import draw, to_json
from wallet_service.apple.passes import ApplePasses
from wallet_service.domain.card import Card
from wallet_service.domain.standing import Standing
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import OpenedPass, open_pass
from wallet_service.wiring import check_faces, sample_standing

GOLDEN = Path(__file__).parent / "golden" / "starters"
URL = "https://cards.example/apple"
SIZES = {"icon": (38, 38), "logo": (160, 50), "strip": (375, 144)}


@pytest.fixture(scope="module")
def passes(identity: Identity) -> ApplePasses:
    """One room for all starters, which draws each picture once."""
    return ApplePasses(identity, web_service_url=URL)


def signed(
    passes: ApplePasses, card: Card, name: str, standing: Standing, language: str, *, chain: Chain, now: datetime
) -> OpenedPass:
    """Return a member's pass as a phone has opened it."""
    template = starter(name)
    face = template.draw(standing, language)
    key, art = (name, template.version, face.stamps), strip.art(template, face.stamps)
    # Many faces of one revision: what is remembered of it must not be given again.
    made = passes.sign(
        draw(face, card, team_identifier=passes.identity.team_identifier, web_service_url=URL),
        bundle=passes.bundle(key, art),
        at=now,
    )
    return open_pass(bytes(made), root_pem=chain.root, now=now)


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_takes_every_pass(name: str, passes: ApplePasses, card: Card, chain: Chain, now: datetime) -> None:
    """Signed, opened and checked: new members, those in the middle, at the top, in debt, gone, in four languages."""
    for standing in standings(starter(name)).values():
        for language in LANGUAGES:
            opened = signed(passes, card, name, standing, language, chain=chain, now=now)
            keys = [field["key"] for _, field in opened.fields()]
            assert {"contact", "card_number", "terms"} <= set(keys)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_have_their_sizes(name: str, passes: ApplePasses, card: Card, chain: Chain, now: datetime) -> None:
    """Icon and strip are exactly as large as phones want them, and the logo fits its place."""
    files = signed(passes, card, name, NEW, "en", chain=chain, now=now).files
    for picture, (width, height) in SIZES.items():
        for scale, suffix in ((1, ""), (2, "@2x"), (3, "@3x")):
            size = Image.open(io.BytesIO(files[f"{picture}{suffix}.png"])).size
            if picture == "logo":
                assert size[0] <= width * scale
                assert size[1] <= height * scale
            else:
                assert size == (width * scale, height * scale)


@pytest.mark.parametrize("name", NAMES)
def test_the_pass_is_golden(name: str, card: Card, identity: Identity) -> None:
    """A member in the middle is drawn to exactly this in English."""
    face = starter(name).draw(standings(starter(name))["middle"], "en")
    drawn = draw(face, card, team_identifier=identity.team_identifier, web_service_url=URL)
    made = json.dumps(json.loads(to_json(drawn)), indent=2, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(made)
    assert made == path.read_text(), "run with UPDATE_GOLDEN=1 if the change is meant, and read the diff"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_on_the_front_is_cut(name: str, language: str, now: datetime) -> None:
    """What `template check` shows has room on the front of a phone, and beside the logo."""
    template = starter(name)
    face = template.draw(sample_standing(template.program, now), language)
    assert [each.key for each in shown.shown(face) if each.cut_at is not None] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_service_finds_no_fault(name: str, passes: ApplePasses, now: datetime) -> None:
    """The check at the service's start finds nothing to refuse, and leaves the pictures undrawn."""
    check_faces(starter(name), passes, now=now)


def test_stamps_are_in_the_pass(passes: ApplePasses, card: Card, chain: Chain, now: datetime) -> None:
    """Another number of stamps is another strip at every size, beside the same icon and logo."""
    new, middle = (standings(starter("stamp_card"))[each] for each in ("new", "middle"))
    one, other = (signed(passes, card, "stamp_card", each, "en", chain=chain, now=now).files for each in (new, middle))
    differing = {each for each in one if each.endswith(".png") and one[each] != other[each]}
    assert differing == {"strip.png", "strip@2x.png", "strip@3x.png"}
    assert one.keys() == other.keys()


def test_a_bundle_is_shared_by_all_who_have_as_many(passes: ApplePasses, card: Card, now: datetime) -> None:
    """Two members with equal stamps get the same static part of a package, made once."""
    template = starter("stamp_card")
    face = template.draw(standings(template)["middle"], "en")
    key, art = (template.name, template.version, face.stamps), strip.art(template, face.stamps)
    first = passes.make(face, card, art_key=key, art=art, at=now)
    second = passes.make(face, Card(2, "other", *_rest(card)), art_key=key, art=art, at=now)
    assert first.head is second.head
    with zipfile.ZipFile(io.BytesIO(bytes(second))) as archive:
        assert archive.testzip() is None


def _rest(card: Card) -> tuple[str, str, int, datetime]:
    return card.authentication_token, card.pass_type_identifier, card.revision, card.modified_at
