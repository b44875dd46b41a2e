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
OWNER = (NameOID.ORGANIZATION_NAME, "Sandbox, not Apple")


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
            path.touch(mode=0o600 if part.name.endswith("_key") else 0o644)
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
    root_key, wwdr_key, pass_key, push_root_key, push_key = (_new_key() for _ in range(5))
    start = now - timedelta(days=1)
    root_name: Name = [OWNER, (NameOID.COMMON_NAME, "Sandbox Root CA")]
    wwdr_name: Name = [
        OWNER,
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "G4"),
        (NameOID.COMMON_NAME, "Apple Worldwide Developer Relations Certification Authority"),
    ]
    kind = "Pass Type ID with NFC" if nfc else "Pass Type ID"
    pass_name: Name = [
        (NameOID.USER_ID, pass_type_identifier),
        (NameOID.COMMON_NAME, f"{kind}: {pass_type_identifier}"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, team_identifier),
        OWNER,
    ]
    push_root_name: Name = [OWNER, (NameOID.COMMON_NAME, "Sandbox Push Root CA")]
    push_name: Name = [OWNER, (NameOID.COMMON_NAME, "localhost")]

    root = _authority(root_name, root_name, root_key, root_key, start, depth=1)
    wwdr = _authority(wwdr_name, root_name, wwdr_key, root_key, start, depth=0)
    leaf = _leaf(pass_name, wwdr_name, pass_key, wwdr_key, start, start + lifetime)
    push_root = _authority(push_root_name, push_root_name, push_root_key, push_root_key, start, depth=0)
    server = _leaf(push_name, push_root_name, push_key, push_root_key, start, start + AUTHORITY_LIFETIME)
    pass_type = b"\x0c" + bytes([len(pass_type_identifier)]) + pass_type_identifier.encode()
    return Chain(
        root=_pem(root.sign(root_key, hashes.SHA256())),
        wwdr=_pem(wwdr.sign(root_key, hashes.SHA256())),
        pass_certificate=_pem(
            leaf.add_extension(x509.UnrecognizedExtension(PASS_TYPE_EXTENSION, pass_type), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, PASS_TYPE_USAGE]), critical=False)
            .sign(wwdr_key, hashes.SHA256())
        ),
        pass_key=_key_pem(pass_key),
        push_root=_pem(push_root.sign(push_root_key, hashes.SHA256())),
        push_server_certificate=_pem(
            server.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                ),
                critical=False,
            )
            .sign(push_root_key, hashes.SHA256())
        ),
        push_server_key=_key_pem(push_key),
    )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _builder(
    subject: Name, issuer: Name, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in subject]))
        .issuer_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in issuer]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _authority(
    subject: Name, issuer: Name, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey, start: datetime, *, depth: int
) -> x509.CertificateBuilder:
    return (
        _builder(subject, issuer, key, issuer_key, start, start + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
    )


def _leaf(
    subject: Name, issuer: Name, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        _builder(subject, issuer, key, issuer_key, start, end)
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


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
