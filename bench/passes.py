"""How near the making of a pass comes to its signature alone: `python -m bench.passes`.

Every subject is timed in blocks, each beside a block of raw RSA signatures, in an order shuffled each round; printed is
the median of the rounds' ratios. Only ratios count: the time of one signature moves by a third within seconds.
"""

import hashlib
import io
import json
import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import py_pkpass.models as pkpass  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.serialization import pkcs7
from PIL import Image, ImageDraw

from wallet_service.apple.artwork import images
from wallet_service.apple.identity import Identity, load_identity
from wallet_service.apple.lint import faults
from wallet_service.apple.package import Bundle
from wallet_service.apple.pass_json import draw, to_json
from wallet_service.apple.signature import Signer
from wallet_service.domain.card import Card
from wallet_service.domain.face import Barcode, Colors, Face, Field, Link, Location, Money
from wallet_service.sandbox.chain import make_chain

BLOCK = 32
ROUNDS = 60
WEB_SERVICE_URL = "https://cards.example.com/apple"
MANIFEST = b"{" + b'"strip@2x.png":"da39a3ee5e6b4b0d3255bfef95601890afd80709",' * 10 + b"}"
SOURCES = {"icon": (114, 114), "logo": (480, 150), "strip": (1125, 432)}


@dataclass(frozen=True)
class Subject:
    """Something to time; `block` is how often it is called in a row."""

    name: str
    call: Callable[[], object]
    block: int = BLOCK


def run(rounds: int = ROUNDS) -> list[str]:
    """Return the lines of the report."""
    now = datetime.now(UTC)
    chain = make_chain(now)
    identity = load_identity(
        certificate=chain.pass_certificate, key=chain.pass_key, wwdr=chain.wwdr, password=None, now=now
    )
    signer = Signer(identity)
    subjects = [Subject("our Signer alone", partial(signer.sign, MANIFEST, now)), *_parts(identity, now)]
    with tempfile.TemporaryDirectory() as folder:
        chain.write(Path(folder))
        for kind, paint in (("flat", flat_art), ("photographic", photographic_art)):
            files = images({name: _png(paint(*size)) for name, size in SOURCES.items()})
            art = f"{kind} art, {sum(map(len, files.values())) / 1000:.0f} KB"
            subjects += _ours(art, Bundle(files), identity, signer, now)
            subjects.append(Subject(f"naive but sane, {art}", partial(_naive, files, identity, _drawn(identity, now))))
            peer = _peer(files, identity)
            subjects.append(
                Subject(f"py-pkpass as published, {art}", partial(_peer_makes, peer, Path(folder)), block=1)
            )
        digest = hashlib.sha256(MANIFEST).digest()
        scheme, prehashed = padding.PKCS1v15(), utils.Prehashed(hashes.SHA256())
        raw = partial(identity.key.sign, digest, scheme, prehashed)
        return _report(measure(raw, subjects, rounds), rounds)


def measure(raw: Callable[[], object], subjects: list[Subject], rounds: int) -> dict[str, tuple[float, float]]:
    """Return each subject's share of the raw rate and its own microseconds of CPU, as medians over the rounds."""
    chance = random.Random(1)
    samples: dict[str, list[tuple[float, float]]] = {subject.name: [] for subject in subjects}
    for _ in range(rounds):
        for subject in chance.sample(subjects, len(subjects)):
            first = chance.random() < 0.5
            limit = _cpu_time(raw, BLOCK) if first else 0.0
            taken = _cpu_time(subject.call, subject.block)
            limit = limit or _cpu_time(raw, BLOCK)
            samples[subject.name].append((limit / taken, taken / 1000))
    return {
        name: (median(ratio for ratio, _ in pairs), median(taken for _, taken in pairs))
        for name, pairs in samples.items()
    }


def _cpu_time(call: Callable[[], object], block: int) -> float:
    start = time.thread_time_ns()
    for _ in range(block):
        call()
    return (time.thread_time_ns() - start) / block


def _report(measured: Mapping[str, tuple[float, float]], rounds: int) -> list[str]:
    width = max(map(len, measured))
    lines = [f"{name:{width}}  {ratio:7.3f} of raw  {taken:9.1f} us" for name, (ratio, taken) in measured.items()]
    return [f"Raw RSA-2048 signatures = 1; medians of {rounds} rounds, CPU time of one thread.", *lines]


def _ours(art: str, bundle: Bundle, identity: Identity, signer: Signer, now: datetime) -> list[Subject]:
    card, shown, ready = _card(identity, now), face(now), _drawn(identity, now)

    def from_ready() -> bytes:
        return bytes(bundle.seal(to_json(ready), signer, now))

    def from_face() -> bytes:
        drawn = draw(shown, card, team_identifier=identity.team_identifier, web_service_url=WEB_SERVICE_URL)
        if faults(drawn, files=bundle.names, identity=identity, allow_http=False):
            raise ValueError("the card of the bench is not sound")
        return bytes(bundle.seal(to_json(drawn), signer, now))

    return [Subject(f"ours, ready dict to bytes, {art}", from_ready), Subject(f"ours, face to bytes, {art}", from_face)]


def _parts(identity: Identity, now: datetime) -> list[Subject]:
    """What face to bytes adds to dict to bytes, each alone and in warm caches."""
    names, card, shown = frozenset(("icon.png",)), _card(identity, now), face(now)
    drawing = partial(draw, shown, card, team_identifier=identity.team_identifier, web_service_url=WEB_SERVICE_URL)
    linting = partial(faults, drawing(), files=names, identity=identity, allow_http=False)
    return [Subject("our draw alone", drawing), Subject("our lint alone", linting)]


def face(now: datetime) -> Face:
    """Return a card of ten fields, a link, a barcode and three shops."""
    year = timedelta(days=365)
    return Face(
        language="en",
        organization="Bean There",
        program="Bean Club",
        description="Loyalty card of Bean There",
        colors=Colors(background="#14213d", text="#ffffff", label="#fca311"),
        barcode=Barcode("qr", "7f3c9a12-4b5e", "7F3C 9A12"),
        header=(Field("balance", "POINTS", 1250, "You now have %@ points"),),
        primary=(Field("reward", "NEXT REWARD", "Free filter coffee"),),
        secondary=(Field("tier", "TIER", "Gold", "You are %@ now"), Field("member", "MEMBER", "Ada Lovelace")),
        auxiliary=(Field("credit", "CREDIT", Money(1299, "EUR", 2)), Field("until", "VALID UNTIL", now + year)),
        back=(
            Field("contact", "Contact", "support@example.com\n+49 30 000000"),
            Field("terms", "Terms", "Points are kept for twelve months after the last purchase. " * 6),
            Field("number", "Card number", "7F3C 9A12 4B5E"),
            Field("since", "Member since", now - year),
        ),
        links=(Link("My account", "https://cards.example.com/me?from=card&lang=en"),),
        locations=tuple(Location(52.5 + step / 100, 13.4, "A coffee is near") for step in range(3)),
    )


def _card(identity: Identity, now: datetime) -> Card:
    return Card(
        id=1,
        serial_number="7f3c9a12-4b5e-4c6d-8e7f-001122334455",
        authentication_token="0123456789abcdef0123456789abcdef",
        pass_type_identifier=identity.pass_type_identifier,
        revision=1,
        modified_at=now,
        announced="balance",
    )


def _drawn(identity: Identity, now: datetime) -> dict[str, Any]:
    return draw(
        face(now), _card(identity, now), team_identifier=identity.team_identifier, web_service_url=WEB_SERVICE_URL
    )


def _naive(files: Mapping[str, bytes], identity: Identity, drawn: dict[str, Any]) -> bytes:
    """What one writes at first and does well: the key stays loaded, nothing is compressed, nothing is prepared."""
    contents = {"pass.json": json.dumps(drawn, default=float).encode(), **files}
    manifest = json.dumps({name: hashlib.sha1(data).hexdigest() for name, data in contents.items()}).encode()
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(identity.certificate, identity.key, hashes.SHA256()).add_certificate(identity.wwdr)
    signature = builder.sign(serialization.Encoding.DER, options)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {**contents, "manifest.json": manifest, "signature": signature}.items():
            archive.writestr(name, data)
    return target.getvalue()


def _peer(files: Mapping[str, bytes], identity: Identity) -> Any:
    """Return the same card as an object of py-pkpass, its files already added."""
    card = pkpass.StoreCard()
    card.addHeaderField("balance", 1250, "POINTS")
    card.addPrimaryField("reward", "Free filter coffee", "NEXT REWARD")
    for key in ("tier", "member"):
        card.addSecondaryField(key, "Gold", key.upper())
    for key in ("credit", "until"):
        card.addAuxiliaryField(key, "12.99", key.upper())
    for key in ("contact", "terms", "number", "since"):
        card.addBackField(key, "Points are kept for twelve months after the last purchase. " * 2, key)
    made = pkpass.Pass(card, "", identity.pass_type_identifier, "Bean There", identity.team_identifier)
    made.serialNumber, made.description = "7f3c9a12", "Loyalty card of Bean There"
    made.barcode = pkpass.Barcode("7f3c9a12-4b5e", pkpass.BarcodeFormat.QR)
    for name, data in files.items():
        made.addFile(name, io.BytesIO(data))
    return made


def _peer_makes(peer: Any, folder: Path) -> object:
    parts = (str(folder / f"{part}.pem") for part in ("pass_certificate", "pass_key", "wwdr"))
    return peer.create(*parts, "")


def flat_art(width: int, height: int) -> Image.Image:
    """Return a drawing of plain discs."""
    image, chance = Image.new("RGB", (width, height), (20, 33, 61)), random.Random(1)
    pen = ImageDraw.Draw(image)
    for _ in range(18):
        x, y, size = chance.randrange(width), chance.randrange(height), chance.randrange(height // 6, height // 3)
        pen.ellipse((x, y, x + size, y + size), fill=chance.choice(("#fca311", "#ffffff", "#e5e5e5")))
    return image


def photographic_art(width: int, height: int) -> Image.Image:
    """Return an image that, like a photograph, changes a little from each pixel to the next."""
    columns, rows = max(2, width // 90), max(2, height // 90)
    noise = random.Random(1).randbytes(columns * rows * 3)
    return Image.frombytes("RGB", (columns, rows), noise).resize((width, height), Image.Resampling.BICUBIC)


def _png(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


if __name__ == "__main__":
    sys.stdout.write("\n".join(run()) + "\n")
