"""The signing identity: a Pass Type ID certificate, its key and Apple's intermediate, checked before first use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from wallet_service.domain.errors import Fault, IdentityRefused

AUTHORITY_PAGE = "https://www.apple.com/certificateauthority/"
LEAST_KEY_BITS = 2048
PKCS12_VERSION = b"\x02\x01\x03"
# What reading a damaged or exotic certificate raises, at once or when a part of it is first asked for.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate that may sign passes of one pass type, and authenticates to APNs for the same type.

    `nfc` tells whether it may sign passes with NFC, `fingerprint` names the certificate in logs and cache keys.
    """

    pass_type_identifier: str
    team_identifier: str
    certificate: x509.Certificate
    wwdr: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    not_before: datetime
    not_after: datetime
    nfc: bool
    fingerprint: str

    @property
    def certificate_pem(self) -> bytes:
        """The certificate followed by its intermediate, the chain that a TLS client shows."""
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, self.wwdr))

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted: never log it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def days_left(self, now: datetime) -> int:
        """Return the whole days until the certificate ends; negative once it has ended."""
        return (self.not_after - now) // timedelta(days=1)


def load_identity(
    *, certificate: bytes, key: bytes | None, wwdr: bytes, password: str | None, now: datetime
) -> Identity:
    """Return the identity made of a certificate, its key and the WWDR intermediate that issued it.

    Each part is PEM or DER; `certificate` may be a .p12 that also holds the key, then `key` is None. `wwdr` may
    hold several intermediates: the one that issued the certificate is taken. `password` opens the .p12 or the key.

    Raises:
        IdentityRefused: with every fault found.

    Which intermediate signs passes: https://developer.apple.com/help/account/certificates/wwdr-intermediate-certificates
    """
    faults: list[Fault] = []
    secret = password.encode() if password is not None else None
    certificates, enclosed_key = _read_certificates(certificate, secret, "certificate", faults)
    private = enclosed_key if key is None else _read_key(key, secret, faults)
    if key is None and certificates and enclosed_key is None:
        faults.append(
            Fault("key", "", "is missing. Give the private key of the certificate, or a .p12 that holds both.")
        )
    authorities, _ = _read_certificates(wwdr, secret, "wwdr", faults)
    leaf = certificates[0] if certificates else None
    issuer = None
    if leaf is not None:
        faults += _certificate_faults(leaf, now)
        issuer = _issuer(leaf, [*authorities, *certificates[1:]])
        faults += _issuer_faults(leaf, issuer, authorities, now)
    if private is not None:
        faults += _key_faults(private, leaf)
    if faults or leaf is None or issuer is None or not isinstance(private, rsa.RSAPrivateKey):
        raise IdentityRefused("The signing identity cannot be used:", faults)
    return Identity(
        pass_type_identifier=_subject(leaf, NameOID.USER_ID),
        team_identifier=_subject(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
        certificate=leaf,
        wwdr=issuer,
        key=private,
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        nfc="with NFC" in _subject(leaf, NameOID.COMMON_NAME),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex()[:16],
    )


def _read_certificates(
    data: bytes, password: bytes | None, place: str, faults: list[Fault]
) -> tuple[list[x509.Certificate], PrivateKeyTypes | None]:
    """Return the certificates in a PEM, DER or .p12 file, the holder's own first, and the key beside them if any."""
    try:
        if PKCS12_VERSION in data[:8]:
            return _open_pkcs12(data, password, place, faults)
        if b"-----BEGIN CERTIFICATE-----" in data:
            return _readable(x509.load_pem_x509_certificates(data)), None
        return _readable([x509.load_der_x509_certificate(data)]), None
    except UNREADABLE:
        faults.append(Fault(place, "", _wrong_kind(data)))
        return [], None


def _open_pkcs12(
    data: bytes, password: bytes | None, place: str, faults: list[Fault]
) -> tuple[list[x509.Certificate], PrivateKeyTypes | None]:
    try:
        box = pkcs12.load_pkcs12(data, password)
    except (ValueError, UnsupportedAlgorithm):
        message = "is a .p12 that does not open. Check its password; if that is right, export the file again."
        faults.append(Fault(place, "", message))
        return [], None
    if box.cert is None:
        message = "is a .p12 without a certificate for its key. Export certificate and key together from the keychain."
        faults.append(Fault(place, "", message))
        return [], box.key
    return _readable([box.cert.certificate, *(each.certificate for each in box.additional_certs)]), box.key


def _readable(certificates: list[x509.Certificate]) -> list[x509.Certificate]:
    """Return them as they are; raise now for a name that cannot be read, else it is raised when first asked for."""
    for each in certificates:
        _ = each.subject, each.issuer
    return certificates


def _wrong_kind(data: bytes) -> str:
    if b"CERTIFICATE REQUEST-----" in data:
        return "is a signing request. Upload it at developer.apple.com and use the .cer file that comes back."
    if b"PRIVATE KEY-----" in data:
        return "is a private key. Give the certificate here and the key as the key."
    if not data:
        return "is empty. Give a certificate as PEM, DER (.cer) or .p12."
    return "is not a certificate. Give PEM, DER (.cer) or .p12."


def _read_key(data: bytes, password: bytes | None, faults: list[Fault]) -> PrivateKeyTypes | None:
    try:
        return _parse_key(data, password)
    except TypeError:
        message = "is encrypted. Give its password."
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in data:
            message = "does not open. Check its password."
        elif b"-----BEGIN CERTIFICATE" in data:
            message = "is a certificate. Give the private key that its signing request was made with."
        else:
            message = "is not a private key. Give PEM or DER."
    faults.append(Fault("key", "", message))
    return None


def _parse_key(data: bytes, password: bytes | None) -> PrivateKeyTypes:
    load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    try:
        return load(data, password or None)
    except TypeError:
        # Raised for a password that is missing, but also for one that is not needed, which is no fault.
        return load(data, None)


def _certificate_faults(leaf: x509.Certificate, now: datetime) -> Iterator[Fault]:
    def fault(message: str) -> Fault:
        return Fault("certificate", "", message)

    user_id, team = _subject(leaf, NameOID.USER_ID), _subject(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if not user_id:
        yield fault("names no pass type (no UID in its subject). Create a Pass Type ID certificate.")
    elif not user_id.startswith("pass."):
        yield fault(f"is for {user_id}, not for a pass type. Create a Pass Type ID certificate (pass.…).")
    if not team:
        yield fault("names no team (no OU in its subject). Create a Pass Type ID certificate.")
    if leaf.not_valid_after_utc <= now:
        yield fault(f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}. Create a new one for the same pass type.")
    if now < leaf.not_valid_before_utc:
        yield fault(f"is valid only from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. Check the clock.")


def _issuer(leaf: x509.Certificate, authorities: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """Return the authority whose key signed `leaf`; Apple gave several one name, so names alone decide nothing."""
    issuers = [each for each in authorities if _issued(leaf, each)]
    return max(issuers, key=lambda each: each.not_valid_after_utc, default=None)


def _issued(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        if _key_identifiers_differ(leaf, authority):
            return False
        leaf.verify_directly_issued_by(authority)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _key_identifiers_differ(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        wanted = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False
    return wanted is not None and wanted != found


def _issuer_faults(
    leaf: x509.Certificate, issuer: x509.Certificate | None, authorities: list[x509.Certificate], now: datetime
) -> Iterator[Fault]:
    if issuer is None and authorities:
        given = "; ".join(_name(each.subject) for each in authorities)
        message = (
            f"did not issue the certificate, whose issuer is {_name(leaf.issuer)}; given: {given}. "
            f"Download that intermediate (G4 for passes) from {AUTHORITY_PAGE}."
        )
        yield Fault("wwdr", "", message)
    for each in authorities if issuer is None else [issuer]:
        if each.not_valid_after_utc <= now:
            message = (
                f"expired on {each.not_valid_after_utc:%Y-%m-%d}. Download the current one (G4) from {AUTHORITY_PAGE}; "
                "a certificate that an expired intermediate issued must be created again."
            )
            yield Fault("wwdr", "", message)


def _key_faults(key: PrivateKeyTypes, leaf: x509.Certificate | None) -> Iterator[Fault]:
    if not isinstance(key, rsa.RSAPrivateKey):
        # Whether phones accept elliptic-curve pass certificates is nowhere documented; all known ones are RSA.
        yield Fault("key", "", "is not an RSA key. Make a signing request with an RSA key of 2048 bits.")
    elif key.key_size < LEAST_KEY_BITS:
        message = f"has {key.key_size} bits only. Make a signing request with an RSA key of {LEAST_KEY_BITS} bits."
        yield Fault("key", "", message)
    if leaf is not None and not _belongs(key, leaf):
        yield Fault(
            "key", "", "is not the key of the certificate. Give the key that its signing request was made with."
        )


def _belongs(key: PrivateKeyTypes, leaf: x509.Certificate) -> bool:
    try:
        return leaf.public_key() == key.public_key()
    except UNREADABLE:
        return False


def _subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    return next((str(each.value) for each in certificate.subject.get_attributes_for_oid(oid)), "")


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()
