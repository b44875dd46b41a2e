"""The detached signature is what phones and openssl accept, and nothing else than the library itself makes."""

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from wallet_service.apple.identity import Identity
from wallet_service.apple.signature import Signer
from wallet_service.domain.errors import IdentityRefused
from wallet_service.sandbox.chain import Chain

# Two lines: a signer that changes line ends signs something else.
MANIFEST = b'{"icon.png":\n"da39a3ee5e6b4b0d3255bfef95601890afd80709"}'


@pytest.fixture(scope="module")
def signer(identity: Identity) -> Signer:
    """A signer."""
    return Signer(identity)


def verify(signature: bytes, manifest: bytes, identity: Identity) -> datetime:
    """Check a signature with parsers that had no part in making it; return its signing time."""
    content = cms.ContentInfo.load(signature, strict=True)
    assert content["content_type"].native == "signed_data"
    signed = content["content"]
    assert signed["encap_content_info"]["content"].native is None
    (info,) = signed["signer_infos"]
    assert info["digest_algorithm"]["algorithm"].native == "sha256"
    attributes = {each["type"].native: each["values"][0].native for each in info["signed_attrs"]}
    assert set(attributes) == {"content_type", "signing_time", "message_digest"}
    assert attributes["content_type"] == "data"
    encoded = [each.dump() for each in info["signed_attrs"]]
    assert encoded == sorted(encoded)
    bag = {each.chosen.dump() for each in signed["certificates"]}
    parts = (identity.certificate, identity.wwdr)
    assert bag == {each.public_bytes(serialization.Encoding.DER) for each in parts}
    assert info["sid"].chosen["serial_number"].native == identity.certificate.serial_number
    public = identity.certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    covered = b"\x31" + info["signed_attrs"].dump()[1:]
    public.verify(info["signature"].native, covered, padding.PKCS1v15(), hashes.SHA256())
    if attributes["message_digest"] != hashlib.sha256(manifest).digest():
        raise InvalidSignature
    time = attributes["signing_time"]
    assert isinstance(time, datetime)
    return time


def test_a_signature_holds_what_phones_want(signer: Signer, identity: Identity, now: datetime) -> None:
    """It is detached, SHA-256, with time and digest signed in DER's order, and brings certificate and intermediate."""
    assert verify(signer.sign(MANIFEST, now), MANIFEST, identity) == now


def test_a_changed_manifest_does_not_verify(signer: Signer, identity: Identity, now: datetime) -> None:
    """One changed byte is one too many."""
    with pytest.raises(InvalidSignature):
        verify(signer.sign(MANIFEST, now), MANIFEST.replace(b"\n", b"\r\n"), identity)


@pytest.mark.parametrize("manifest", [MANIFEST, MANIFEST + b" "])
def test_openssl_verifies_it(signer: Signer, chain: Chain, now: datetime, tmp_path: Path, manifest: bytes) -> None:
    """The openssl command accepts the signature up to the root, over the exact bytes only."""
    parts = {"root.pem": chain.root, "manifest.json": manifest, "signature": signer.sign(MANIFEST, now)}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    files = ["-in", "signature", "-content", "manifest.json", "-CAfile", "root.pem", "-out", "verified"]
    how = ["-binary", "-inform", "DER", "-purpose", "any", "-attime", f"{now.timestamp():.0f}"]
    ran = subprocess.run(["openssl", "cms", "-verify", *how, *files], cwd=tmp_path, capture_output=True, check=False)
    assert (ran.returncode == 0) is (manifest == MANIFEST), ran.stderr


def test_it_is_byte_for_byte_the_library_s(signer: Signer, identity: Identity) -> None:
    """At the same time of signing, the library's own builder makes the same bytes."""
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(MANIFEST)
    builder = builder.add_signer(identity.certificate, identity.key, hashes.SHA256()).add_certificate(identity.wwdr)
    theirs = builder.sign(serialization.Encoding.DER, options)
    assert signer.sign(MANIFEST, verify(theirs, MANIFEST, identity)) == theirs


def test_the_time_is_utc(signer: Signer, identity: Identity) -> None:
    """A time of another zone is signed as the same moment in UTC."""
    at = datetime(2027, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert verify(signer.sign(MANIFEST, at), MANIFEST, identity) == datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("year", [1950, 2049])
def test_every_year_of_utc_time_can_be_signed(signer: Signer, identity: Identity, year: int) -> None:
    """The two digits of the year mean 1950 to 2049."""
    at = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert verify(signer.sign(MANIFEST, at), MANIFEST, identity) == at


@pytest.mark.parametrize(
    "at",
    [datetime(1949, 12, 31, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC), datetime(2026, 1, 1)],  # noqa: DTZ001
)
def test_a_time_that_cannot_be_said_is_an_error(signer: Signer, at: datetime) -> None:
    """Years beyond UTCTime and naive times are refused aloud."""
    with pytest.raises(ValueError, match="signing time"):
        signer.sign(MANIFEST, at)


@pytest.mark.parametrize("bits", [3072, 4096])
def test_longer_keys_sign_too(identity: Identity, now: datetime, bits: int) -> None:
    """The length of the key's signatures is the key's own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = identity.certificate.subject
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(identity.wwdr.subject)
    builder = builder.public_key(key.public_key()).serial_number(7).not_valid_before(now).not_valid_after(now)
    longer = Identity(
        pass_type_identifier=identity.pass_type_identifier,
        team_identifier=identity.team_identifier,
        certificate=builder.sign(key, hashes.SHA256()),
        wwdr=identity.wwdr,
        key=key,
        not_before=now,
        not_after=now,
        nfc=False,
        fingerprint="",
    )
    assert verify(Signer(longer).sign(MANIFEST, now), MANIFEST, longer) == now


def test_threads_share_a_signer(signer: Signer, identity: Identity, now: datetime) -> None:
    """Signatures made at once in several threads are each over their own manifest."""
    manifests = [MANIFEST + b" " * extra for extra in range(40)]
    with ThreadPoolExecutor(4) as pool:
        signatures = list(pool.map(lambda manifest: signer.sign(manifest, now), manifests))
    for signature, manifest in zip(signatures, manifests, strict=True):
        verify(signature, manifest, identity)


def test_another_shape_of_the_library_is_refused(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that signs one attribute more, or builds each signature otherwise, is not imitated blindly."""
    sign = pkcs7.PKCS7SignatureBuilder.sign
    lengths = iter((0, 1))
    others = (
        lambda builder, encoding, options: sign(builder, encoding, options[:2]),
        lambda *parts: sign(*parts) + bytes(next(lengths)),
        lambda *parts: b"",  # noqa: ARG005
    )
    for other in others:
        monkeypatch.setattr(pkcs7.PKCS7SignatureBuilder, "sign", other)
        with pytest.raises(IdentityRefused, match="shape"):
            Signer(identity)
