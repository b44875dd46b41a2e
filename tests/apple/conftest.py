"""Certificates made for the run, and one card with a face of every kind of content."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from wallet_service.apple.identity import Identity, load_identity
from wallet_service.domain.card import Card
from wallet_service.domain.face import Barcode, Colors, Face, Field, Link, Location, Message, Money
from wallet_service.sandbox.chain import Chain, make_chain


@pytest.fixture(scope="session")
def now() -> datetime:
    """The time at which everything happens."""
    return datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def chain(now: datetime) -> Chain:
    """A chain of this run."""
    return make_chain(now)


@pytest.fixture(scope="session")
def identity(chain: Chain, now: datetime) -> Identity:
    """The identity that the chain gives."""
    return _identity(chain, now)


@pytest.fixture(scope="session")
def nfc_identity(now: datetime) -> Identity:
    """An identity that may sign passes with NFC."""
    return _identity(make_chain(now, nfc=True), now)


@pytest.fixture(scope="session")
def face(now: datetime) -> Face:
    """A face with every kind of content."""
    return Face(
        language="de",
        organization="Kaffee & Kuchen",
        program="Bohnenclub",
        description="Treuekarte von Kaffee & Kuchen",
        colors=Colors(background="#14213d", text="#ffffff", label="#FCA311"),
        barcode=Barcode("qr", "7F3C9A12", "7F3C 9A12"),
        header=(Field("balance", "PUNKTE", 1250, "Du hast jetzt %@ Punkte"),),
        primary=(Field("reward", "NÄCHSTE PRÄMIE", "Ein Kännchen Kaffee"),),
        secondary=(Field("tier", "STUFE", "Gold", "Du bist jetzt %@"), Field("member", "MITGLIED", "Zoë Müller 🐝")),
        auxiliary=(Field("credit", "GUTHABEN", Money(1299, "EUR", 2)), Field("until", "BIS", now + timedelta(days=90))),
        back=(Field("contact", "Kontakt", "hallo@example.com\n+49 30 000000"),),
        links=(Link("Mein Konto", "https://cards.example.com/me?a=1&b=2"), Link('Fragen & "Antworten"', "tel:+4930")),
        locations=(Location(52.52, 13.405, "Ein Kaffee ist nah"), Location(48.1, 11.6)),
        messages=(Message("news", "Neu", "Jetzt auch sonntags geöffnet."),),
        expires_at=datetime(2027, 12, 31, 23, 59, tzinfo=UTC),
    )


@pytest.fixture(scope="session")
def card(identity: Identity, now: datetime) -> Card:
    """The card that shows the face."""
    return Card(
        id=1,
        serial_number="m-7f3c9a12",
        authentication_token="0123456789abcdef0123456789abcdef",
        pass_type_identifier=identity.pass_type_identifier,
        revision=3,
        modified_at=now,
        announced="balance",
    )


@pytest.fixture(scope="session")
def art() -> dict[str, bytes]:
    """Plain sources of the three images of a store card."""
    sizes = {"icon": (114, 114), "logo": (480, 150), "strip": (1125, 432)}
    return {name: _png(Image.new("RGB", size, (20, 33, 61))) for name, size in sizes.items()}


def _identity(chain: Chain, now: datetime) -> Identity:
    return load_identity(
        certificate=chain.pass_certificate, key=chain.pass_key, wwdr=chain.wwdr, password=None, now=now
    )


def _png(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()
