"""A throw-away certificate chain shaped like Apple's: root, WWDR G4 look-alike, pass certificate, push server.

Phones refuse what it signs; the sandbox phone and the tests accept it. Shapes are those of
https://developer.apple.com/help/account/certificates/wwdr-intermediate-certificates
"""

import ipaddress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASS_TYPE_EXTENSION = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
PASS_TYPE_USAGE = x509.ObjectIdentifier("1.2.840.113635.100.4.14")
PASS_LIFETIME = timedelta(days=394)
AUTHORITY_LIFETIME = timedelta(days=3650)

Name = list[tuple[x509.ObjectIdentifier, str]]
LOOPBACK = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


@dataclass(frozen=True, slots=True)
class Chain:
    """PEM bytes of every part; only `pass_key` and `push_server_key` are private keys that anyone needs again."""

    root: bytes
    wwdr: bytes
    pass_certificate: bytes
    pass_key: bytes
    push_root: bytes
    push_server_certificate: bytes
    push_server_key: bytes

    def write(self, folder: Path) -> None:
        """Write each part to `<folder>/<part>.pem`; private keys are readable by their owner alone."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in fields(self):
            path = folder / f"{part.name}.pem"
            path.touch()
            path.chmod(0o600 if part.name.endswith("_key") else 0o644)
            path.write_bytes(getattr(self, part.name))


def make_chain(
    now: datetime,
    *,
    pass_type_identifier: str = "pass.sandbox.wallet-service.loyalty",
    team_identifier: str = "SANDBOX123",
    nfc: bool = False,
    lifetime: timedelta = PASS_LIFETIME,
) -> Chain:
    """Return a fresh chain that is valid from a day before `now`; the pass certificate lasts `lifetime` from then.

    `nfc` gives the certificate the common name that Apple gives to those which may sign NFC passes.
    """
    kind = "Pass Type ID with NFC" if nfc else "Pass Type ID"
    root = _party((NameOID.COMMON_NAME, "Sandbox Root CA"))
    wwdr = _party(
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "G4"),
        (NameOID.COMMON_NAME, "Apple Worldwide Developer Relations Certification Authority"),
    )
    leaf = _party(
        (NameOID.USER_ID, pass_type_identifier),
        (NameOID.COMMON_NAME, f"{kind}: {pass_type_identifier}"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, team_identifier),
    )
    push_root = _party((NameOID.COMMON_NAME, "Sandbox Push Root CA"))
    server = _party((NameOID.COMMON_NAME, "localhost"))
    start = now - timedelta(days=1)
    pass_type = b"\x0c" + bytes([len(pass_type_identifier)]) + pass_type_identifier.encode()
    return Chain(
        root=_pem(_authority(root, root, start, depth=1), root),
        wwdr=_pem(_authority(wwdr, root, start, depth=0), root),
        pass_certificate=_pem(
            _leaf(leaf, wwdr, start, start + lifetime)
            .add_extension(x509.UnrecognizedExtension(PASS_TYPE_EXTENSION, pass_type), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, PASS_TYPE_USAGE]), critical=False),
            wwdr,
        ),
        pass_key=_key_pem(leaf.key),
        push_root=_pem(_authority(push_root, push_root, start, depth=0), push_root),
        push_server_certificate=_pem(
            _leaf(server, push_root, start, start + AUTHORITY_LIFETIME)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(LOOPBACK), critical=False),
            push_root,
        ),
        push_server_key=_key_pem(server.key),
    )


@dataclass(frozen=True, slots=True)
class _Party:
    """A name with its key."""

    name: Name
    key: rsa.RSAPrivateKey


def _party(*name: tuple[x509.ObjectIdentifier, str]) -> _Party:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _Party([*name, (NameOID.ORGANIZATION_NAME, "Sandbox, not Apple")], key)


def _builder(subject: _Party, issuer: _Party, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in subject.name]))
        .issuer_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in issuer.name]))
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )


def _authority(subject: _Party, issuer: _Party, start: datetime, *, depth: int) -> x509.CertificateBuilder:
    return (
        _builder(subject, issuer, start, start + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
    )


def _leaf(subject: _Party, issuer: _Party, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        _builder(subject, issuer, start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.CertificateBuilder, issuer: _Party) -> bytes:
    return certificate.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
