"""The signing identity is read from every usual kind of file and refused with all its faults."""

import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.apple.identity import Identity, load_identity
from wallet_service.domain.errors import IdentityRefused
from wallet_service.sandbox.chain import Chain, make_chain

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PASS_SUBJECT = {NameOID.USER_ID: "pass.test.card", NameOID.ORGANIZATIONAL_UNIT_NAME: "TEAM123456"}
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """A key that a certificate may have."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def authority_key() -> ec.EllipticCurvePrivateKey:
    """The key of the authority in tests of single faults."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def refusal(chain: Chain) -> Callable[..., str]:
    """Ask for an identity with some parts of the chain replaced; return the refusal's text."""

    def ask(**replaced: object) -> str:
        parts = {"certificate": chain.pass_certificate, "key": chain.pass_key, "wwdr": chain.wwdr, "password": None}
        with pytest.raises(IdentityRefused) as refused:
            load_identity(**{**parts, "now": NOW, **replaced})  # type: ignore[arg-type]
        return str(refused.value)

    return ask


def test_pem_parts_give_an_identity(chain: Chain, identity: Identity) -> None:
    """Certificate, key and intermediate as PEM give the facts that the certificate states."""
    leaf = x509.load_pem_x509_certificate(chain.pass_certificate)
    assert identity.pass_type_identifier == "pass.sandbox.wallet-service.loyalty"
    assert identity.team_identifier == "SANDBOX123"
    assert identity.certificate == leaf
    assert identity.wwdr == x509.load_pem_x509_certificate(chain.wwdr)
    assert identity.not_after == leaf.not_valid_after_utc
    assert leaf.fingerprint(hashes.SHA256()).hex().startswith(identity.fingerprint)
    assert len(identity.fingerprint) == 16


def test_der_parts_give_the_same_identity(chain: Chain, identity: Identity) -> None:
    """Files as the portal gives them (.cer) work like PEM."""
    der_key = identity.key.private_bytes(DER, PKCS8, serialization.NoEncryption())
    again = load_identity(
        certificate=identity.certificate.public_bytes(DER),
        key=der_key,
        wwdr=identity.wwdr.public_bytes(DER),
        password=None,
        now=NOW,
    )
    assert again.fingerprint == identity.fingerprint


@pytest.mark.parametrize("password", [None, "geheim"])
def test_a_p12_holds_certificate_and_key(chain: Chain, identity: Identity, password: str | None) -> None:
    """A .p12 needs no key beside it, be it open or locked."""
    lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    box = pkcs12.serialize_key_and_certificates(b"card", identity.key, identity.certificate, None, lock)
    again = load_identity(certificate=box, key=None, wwdr=chain.wwdr, password=password, now=NOW)
    assert again.fingerprint == identity.fingerprint


@pytest.mark.parametrize("options", [["-legacy"], ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES"]])
def test_an_old_keychain_p12_opens(chain: Chain, identity: Identity, tmp_path: Path, options: list[str]) -> None:
    """Files locked with RC2 or 3DES, as older keychains export them, open too."""
    chain.write(tmp_path)
    files = ["-in", "pass_certificate.pem", "-inkey", "pass_key.pem", "-out", "old.p12", "-passout", "pass:geheim"]
    made = subprocess.run(
        ["openssl", "pkcs12", "-export", *files, *options], cwd=tmp_path, capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this openssl cannot write old .p12 files")
    box = (tmp_path / "old.p12").read_bytes()
    again = load_identity(certificate=box, key=None, wwdr=chain.wwdr, password="geheim", now=NOW)
    assert again.fingerprint == identity.fingerprint


def test_the_intermediate_may_come_inside_the_p12(chain: Chain, identity: Identity) -> None:
    """An issuer that the .p12 itself holds is found there, whatever else is given."""
    box = pkcs12.serialize_key_and_certificates(
        None, identity.key, identity.certificate, [identity.wwdr], serialization.NoEncryption()
    )
    again = load_identity(certificate=box, key=None, wwdr=chain.root, password=None, now=NOW)
    assert again.wwdr == identity.wwdr


@pytest.mark.parametrize("password", ["", "falsch", None])
def test_a_p12_with_a_wrong_password_is_refused(
    chain: Chain, identity: Identity, refusal: Callable[..., str], password: str | None
) -> None:
    """A locked .p12 asks for its password to be checked."""
    lock = serialization.BestAvailableEncryption(b"geheim")
    box = pkcs12.serialize_key_and_certificates(None, identity.key, identity.certificate, None, lock)
    assert "Check its password" in refusal(certificate=box, key=None, password=password)


def test_a_p12_without_certificate_or_key_is_refused(identity: Identity, refusal: Callable[..., str]) -> None:
    """A .p12 that holds one half only says which is missing."""
    no_lock = serialization.NoEncryption()
    only_key = pkcs12.serialize_key_and_certificates(None, identity.key, None, None, no_lock)
    assert "without a certificate" in refusal(certificate=only_key, key=None)
    only_certificate = pkcs12.serialize_key_and_certificates(None, None, None, [identity.certificate], no_lock)
    assert "without a certificate" in refusal(certificate=only_certificate, key=None)


def test_a_locked_key_opens_with_its_password(chain: Chain, identity: Identity, refusal: Callable[..., str]) -> None:
    """A locked key needs the right password, and says so."""
    locked = identity.key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"geheim"))
    parts = {"certificate": chain.pass_certificate, "key": locked, "wwdr": chain.wwdr}
    assert load_identity(**parts, password="geheim", now=NOW).fingerprint == identity.fingerprint
    assert "key: is encrypted. Give its password." in refusal(key=locked)
    assert "key: does not open" in refusal(key=locked, password="falsch")


def test_a_password_that_is_not_needed_does_no_harm(chain: Chain, identity: Identity) -> None:
    """An open key opens whatever password is set."""
    again = load_identity(
        certificate=chain.pass_certificate, key=chain.pass_key, wwdr=chain.wwdr, password="übrig", now=NOW
    )
    assert again.fingerprint == identity.fingerprint


def test_a_wrong_kind_of_file_is_named(chain: Chain, identity: Identity, refusal: Callable[..., str]) -> None:
    """Files that are often mistaken for one another are told apart."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(identity.key, hashes.SHA256())
    assert "signing request" in refusal(certificate=request.public_bytes(PEM))
    assert "certificate: is a private key" in refusal(certificate=chain.pass_key)
    assert "certificate: is empty" in refusal(certificate=b"")
    assert "wwdr: is not a certificate" in refusal(wwdr=b"<html>Sign in</html>")
    assert "key: is a certificate" in refusal(key=chain.pass_certificate)
    assert "key: is not a private key" in refusal(key=b"junk")
    assert "key: is missing" in refusal(key=None)


def test_a_key_of_another_certificate_is_refused(key: rsa.RSAPrivateKey, refusal: Callable[..., str]) -> None:
    """A key must be the certificate's own."""
    assert "is not the key of the certificate" in refusal(key=_key_pem(key))


def test_time_is_judged_by_the_argument(refusal: Callable[..., str]) -> None:
    """An ended certificate and one that has not begun are refused at those times."""
    assert "certificate: expired on 2027-12-20" in refusal(now=datetime(2027, 12, 22, tzinfo=UTC))
    assert "certificate: is valid only from 2026-11-21" in refusal(now=datetime(2026, 11, 20, tzinfo=UTC))


def test_an_ended_intermediate_is_refused(
    key: rsa.RSAPrivateKey, authority_key: Key, refusal: Callable[..., str]
) -> None:
    """A certificate of an issuer that has ended, as WWDR G1 did in 2023, is refused with the way out."""
    name = _name("WWDR")
    issuer = _certificate(name, authority_key, name, authority_key, end=NOW - timedelta(days=1))
    leaf = _certificate(_subject(PASS_SUBJECT), key, name, authority_key)
    text = refusal(certificate=leaf, key=_key_pem(key), wwdr=issuer)
    assert "wwdr: expired on 2026-11-21" in text
    assert "G4" in text


def test_an_intermediate_that_did_not_issue_is_refused(chain: Chain, refusal: Callable[..., str]) -> None:
    """Another authority is refused although it may bear the same name."""
    same_name = make_chain(NOW).wwdr
    assert "wwdr: did not issue the certificate" in refusal(wwdr=same_name)
    assert "wwdr: did not issue the certificate" in refusal(wwdr=chain.push_root)


def test_the_issuer_is_chosen_among_several(chain: Chain, identity: Identity) -> None:
    """Of several intermediates in one file, the one whose key issued the certificate is taken."""
    bundle = make_chain(NOW).wwdr + chain.push_root + chain.wwdr
    again = load_identity(certificate=chain.pass_certificate, key=chain.pass_key, wwdr=bundle, password=None, now=NOW)
    assert again.wwdr == identity.wwdr


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ({NameOID.COMMON_NAME: "Apple Development"}, ["no UID", "no OU"]),
        ({NameOID.USER_ID: "com.example.app", NameOID.ORGANIZATIONAL_UNIT_NAME: "T"}, ["is for com.example.app"]),
        ({NameOID.USER_ID: "pass.test.card"}, ["no OU"]),
    ],
)
def test_a_certificate_for_something_else_is_refused(
    key: rsa.RSAPrivateKey,
    authority_key: Key,
    refusal: Callable[..., str],
    subject: dict[x509.ObjectIdentifier, str],
    says: list[str],
) -> None:
    """Certificates for apps or developers are not taken for pass certificates."""
    issuer = _certificate(_name("WWDR"), authority_key, _name("WWDR"), authority_key)
    leaf = _certificate(_subject(subject), key, _name("WWDR"), authority_key)
    text = refusal(certificate=leaf, key=_key_pem(key), wwdr=issuer)
    assert all(each in text for each in says)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "is not an RSA key"),
        (lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024), "has 1024 bits only"),
    ],
)
def test_a_key_that_phones_may_not_accept_is_refused(
    authority_key: Key, refusal: Callable[..., str], make: Callable[[], Key], says: str
) -> None:
    """Elliptic curves and short RSA keys are refused with what to make instead."""
    weak = make()
    issuer = _certificate(_name("WWDR"), authority_key, _name("WWDR"), authority_key)
    leaf = _certificate(_subject(PASS_SUBJECT), weak, _name("WWDR"), authority_key)
    assert says in refusal(certificate=leaf, key=_key_pem(weak), wwdr=issuer)


def test_every_fault_is_named_at_once(key: rsa.RSAPrivateKey, authority_key: Key, refusal: Callable[..., str]) -> None:
    """One refusal lists all that is wrong with all parts."""
    leaf = _certificate(_name("nothing"), authority_key, _name("WWDR"), authority_key, end=NOW - timedelta(days=1))
    text = refusal(certificate=leaf, key=_key_pem(key))
    for says in ("no UID", "no OU", "expired on", "is not the key of", "did not issue"):
        assert says in text


def test_nfc_is_read_from_the_common_name(identity: Identity, nfc_identity: Identity) -> None:
    """Only a certificate of the kind "with NFC" may sign passes with NFC."""
    assert nfc_identity.nfc
    assert not identity.nfc


def test_days_left_are_whole_days(identity: Identity) -> None:
    """What is left is counted in whole days and is negative after the end."""
    assert identity.days_left(identity.not_after - timedelta(days=30, hours=5)) == 30
    assert identity.days_left(identity.not_after + timedelta(hours=1)) == -1


def test_the_pem_parts_serve_a_tls_client(identity: Identity, tmp_path: Path) -> None:
    """Certificate chain and key load together into a TLS context."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(identity.certificate_pem)
    key.write_bytes(identity.key_pem)
    ssl.create_default_context().load_cert_chain(chain, key)
    assert x509.load_pem_x509_certificates(identity.certificate_pem) == [identity.certificate, identity.wwdr]


def test_the_key_stays_out_of_the_repr(identity: Identity) -> None:
    """What a log may show of an identity has no key in it."""
    assert "key" not in repr(identity)


@settings(max_examples=150, deadline=None)
@given(junk=st.binary(max_size=200), place=st.sampled_from(["certificate", "key", "wwdr"]))
def test_junk_is_refused_and_nothing_else(chain: Chain, junk: bytes, place: str) -> None:
    """Whatever bytes come, the answer is a refusal."""
    parts = {"certificate": chain.pass_certificate, "key": b"", "wwdr": chain.wwdr, place: junk}
    with pytest.raises(IdentityRefused):
        load_identity(**parts, password="x", now=NOW)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_certificate_is_refused_and_nothing_else(identity: Identity, data: st.DataObject) -> None:
    """A certificate with changed bytes leads to a refusal, wherever the change is."""
    damaged = bytearray(identity.certificate.public_bytes(DER))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    wwdr = identity.wwdr.public_bytes(PEM)
    with pytest.raises(IdentityRefused):
        load_identity(certificate=bytes(damaged), key=b"junk", wwdr=wwdr, password=None, now=NOW)
    with pytest.raises(IdentityRefused):
        load_identity(certificate=wwdr, key=b"junk", wwdr=bytes(damaged), password=None, now=NOW)


def _name(text: str) -> x509.Name:
    return _subject({NameOID.COMMON_NAME: text})


def _subject(attributes: dict[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])


def _certificate(
    subject: x509.Name, key: Key, issuer: x509.Name, issuer_key: Key, *, end: datetime = NOW + timedelta(days=90)
) -> bytes:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=30)).not_valid_after(end)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(PEM)


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(PEM, PKCS8, serialization.NoEncryption())
