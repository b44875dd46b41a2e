"""A card's revision is drawn, checked, signed once and remembered within bounds."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from asn1crypto import cms
from msgspec import structs

from wallet_service.apple.identity import Identity
from wallet_service.apple.package import SignedPass
from wallet_service.apple.passes import ApplePasses
from wallet_service.domain.card import Card
from wallet_service.domain.errors import IdentityRefused, PassRefused
from wallet_service.domain.face import Face

URL = "https://cards.example.com/apple"
ART_KEY = ("points", 1, "de")


@pytest.fixture
def passes(identity: Identity) -> ApplePasses:
    """The room, with nothing remembered."""
    return ApplePasses(identity, web_service_url=URL)


def read(signed: SignedPass, name: str = "pass.json") -> Any:
    """Read a JSON file of a package."""
    with zipfile.ZipFile(io.BytesIO(bytes(signed))) as archive:
        assert archive.testzip() is None
        return json.loads(archive.read(name))


def signing_time(signed: SignedPass) -> datetime:
    """Read when a package was signed."""
    with zipfile.ZipFile(io.BytesIO(bytes(signed))) as archive:
        info = cms.ContentInfo.load(archive.read("signature"))["content"]["signer_infos"][0]
    times = [each["values"][0].native for each in info["signed_attrs"] if each["type"].native == "signing_time"]
    assert isinstance(times[0], datetime)
    return times[0]


def test_a_card_becomes_a_whole_package(
    passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """The package holds the card's face, every image, and is signed at the given time."""
    signed = passes.make(face, card, art_key=ART_KEY, art=art, at=now)
    assert read(signed)["serialNumber"] == card.serial_number
    assert read(signed)["webServiceURL"] == URL
    assert len(read(signed, "manifest.json")) == 1 + 3 * len(art)
    assert signing_time(signed) == now


def test_a_revision_is_signed_once(
    passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """Asked again, the same revision is the same object; the next one is another and shares the images."""
    first = passes.make(face, card, art_key=ART_KEY, art=art, at=now)
    again = passes.make(face, card, art_key=ART_KEY, art=art, at=now + timedelta(hours=1))
    following = passes.make(face, structs.replace(card, revision=4), art_key=ART_KEY, art=art, at=now)
    assert again is first
    assert following is not first
    assert following.head is first.head


def test_another_card_or_template_is_signed_anew(
    passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """Serial number and template tell passes apart."""
    first = passes.make(face, card, art_key=ART_KEY, art=art, at=now)
    other_card = passes.make(face, structs.replace(card, serial_number="other"), art_key=ART_KEY, art=art, at=now)
    other_language = passes.make(face, card, art_key=("points", 1, "en"), art=art, at=now)
    assert len({id(each) for each in (first, other_card, other_language)}) == 3
    assert read(other_card)["serialNumber"] == "other"


def test_images_are_prepared_once(passes: ApplePasses, art: dict[str, bytes]) -> None:
    """A bundle is made at the first call with its key, also when many ask at once."""
    with ThreadPoolExecutor(4) as pool:
        bundles = set(pool.map(lambda _: passes.bundle(ART_KEY, art), range(8)))
    assert bundles == {passes.bundle(ART_KEY, {})}
    assert passes.bundle("other", {"icon": art["icon"]}).names == {"icon.png", "icon@2x.png", "icon@3x.png"}


def test_remembered_passes_are_bounded(
    identity: Identity, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """When their own bytes exceed the bound, those used longest ago are forgotten; the images do not count."""
    unbounded = ApplePasses(identity, web_service_url=URL)
    one = len(unbounded.make(face, card, art_key=ART_KEY, art=art, at=now).tail) + 1024
    bounded = ApplePasses(identity, web_service_url=URL, cache_bytes=3 * one)

    def make(revision: int) -> SignedPass:
        return bounded.make(face, structs.replace(card, revision=revision), art_key=ART_KEY, art=art, at=now)

    kept = [make(revision) for revision in range(3)]
    assert make(0) is kept[0]
    make(3)
    assert make(0) is kept[0]
    assert make(1) is not kept[1]


def test_nothing_is_remembered_without_room(
    identity: Identity, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """A bound of nothing still makes passes."""
    passes = ApplePasses(identity, web_service_url=URL, cache_bytes=0)
    first = passes.make(face, card, art_key=ART_KEY, art=art, at=now)
    assert passes.make(face, card, art_key=ART_KEY, art=art, at=now) is not first


def test_threads_share_the_room(
    passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """Passes made at once are each the right card's."""

    def make(number: int) -> tuple[int, str]:
        one = structs.replace(card, serial_number=f"card-{number % 20}")
        return number % 20, read(passes.make(face, one, art_key=ART_KEY, art=art, at=now))["serialNumber"]

    with ThreadPoolExecutor(4) as pool:
        assert all(serial == f"card-{number}" for number, serial in pool.map(make, range(60)))


def test_a_faulty_pass_is_not_signed(
    passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """What a phone would refuse is refused here, with every fault, and not remembered."""
    broken = structs.replace(face, organization="", header=face.header * 2)
    with pytest.raises(PassRefused) as refused:
        passes.make(broken, card, art_key=ART_KEY, art=art, at=now)
    assert {fault.key for fault in refused.value.faults} == {"organizationName", "storeCard.headerFields[1].key"}
    assert read(passes.make(face, card, art_key=ART_KEY, art=art, at=now))


def test_bad_art_is_refused(passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes], now: datetime) -> None:
    """A source that cannot be read, and a missing icon, are refused by name."""
    with pytest.raises(PassRefused, match="strip"):
        passes.make(face, card, art_key=1, art={**art, "strip": b"junk"}, at=now)
    with pytest.raises(PassRefused, match="icon"):
        passes.make(face, card, art_key=2, art={"logo": art["logo"]}, at=now)


def test_an_ended_certificate_signs_nothing_new(
    passes: ApplePasses, face: Face, card: Card, art: dict[str, bytes]
) -> None:
    """After its end nothing is signed, yet what was signed before is still handed out, as phones still take it."""
    identity = passes.identity
    signed = passes.make(face, card, art_key=ART_KEY, art=art, at=identity.not_after - timedelta(seconds=1))
    assert passes.make(face, card, art_key=ART_KEY, art=art, at=identity.not_after) is signed
    for at in (identity.not_after, identity.not_before - timedelta(seconds=1)):
        with pytest.raises(IdentityRefused, match="Create a new one"):
            passes.make(face, structs.replace(card, revision=9), art_key=ART_KEY, art=art, at=at)


def test_plain_http_must_be_allowed(
    identity: Identity, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """A web service without TLS is for sandboxes that ask for it."""
    local = "http://127.0.0.1:8000/apple"
    allowed = ApplePasses(identity, web_service_url=local, allow_http=True)
    assert read(allowed.make(face, card, art_key=ART_KEY, art=art, at=now))["webServiceURL"] == local
    with pytest.raises(PassRefused, match="https"):
        ApplePasses(identity, web_service_url=local).make(face, card, art_key=ART_KEY, art=art, at=now)


def test_a_pass_may_be_without_updates(
    identity: Identity, face: Face, card: Card, art: dict[str, bytes], now: datetime
) -> None:
    """Without a web service the pass has neither its address nor the card's token."""
    still = ApplePasses(identity, web_service_url=None)
    pass_json = read(still.make(face, card, art_key=ART_KEY, art=art, at=now))
    assert not {"webServiceURL", "authenticationToken"} & set(pass_json)


def test_a_pass_json_made_elsewhere_is_signed_alike(
    passes: ApplePasses, identity: Identity, art: dict[str, bytes], now: datetime
) -> None:
    """Content that did not come from a face goes through the same checks."""
    bundle = passes.bundle(ART_KEY, art)
    pass_json = {
        "formatVersion": 1,
        "passTypeIdentifier": identity.pass_type_identifier,
        "serialNumber": "1",
        "teamIdentifier": identity.team_identifier,
        "organizationName": "O",
        "description": "D",
        "coupon": {},
    }
    assert read(passes.sign(pass_json, bundle=bundle, at=now)) == pass_json
    with pytest.raises(PassRefused, match="locations"):
        passes.sign({**pass_json, "locations": []}, bundle=bundle, at=now)
