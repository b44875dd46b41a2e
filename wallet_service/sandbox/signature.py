"""The signature of a pass: a detached CMS message over manifest.json, and the certificates it leads to.

Shape and trust follow https://developer.apple.com/documentation/walletpasses/building-a-pass
and RFC 5652; the CMS structure is read with asn1crypto, all signatures are checked with cryptography.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from wallet_service.sandbox.refusals import CertificateUntrusted, SignatureInvalid

PASS_MARKER = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
CLOCK_SKEW = timedelta(minutes=5)
SET_OF = b"\x31"
# asn1crypto parses as it goes and answers a structure of the wrong kind with whatever Python raises there.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, x509.InvalidVersion)


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed the manifest and when; `bag` holds every certificate that came along."""

    leaf: x509.Certificate
    bag: tuple[x509.Certificate, ...]
    signed_at: datetime


def read_signature(der: bytes, manifest: bytes) -> Signature:
    """Return the one signer of these exact manifest bytes.

    Raises: SignatureInvalid.
    """
    if der.startswith(b"-----BEGIN"):
        raise SignatureInvalid("The signature is PEM text. Write it as DER, the binary form.")
    try:
        return _read(der, manifest)
    except MALFORMED as broken:
        raise SignatureInvalid("The signature is not a CMS message in DER. Sign manifest.json again.") from broken


def check_trust(signature: Signature, root_pem: bytes, now: datetime) -> None:
    """Accept the signer if it was issued by a WWDR certificate in the bag, and that by the root.

    The pass certificate may have ended by now: what it signed while valid stays good. The authorities may not.
    Raises: CertificateUntrusted.
    """
    leaf, root = signature.leaf, x509.load_pem_x509_certificate(root_pem)
    issuer = next((each for each in signature.bag if each.subject == leaf.issuer and each != leaf), None)
    if issuer is None:
        raise CertificateUntrusted(
            "The signature does not carry the WWDR certificate that issued the pass certificate. "
            "Add the intermediate of the right generation (G4 for Apple's) when signing."
        )
    _check_issued(leaf, issuer, "pass certificate", "WWDR certificate")
    _check_issued(issuer, root, "WWDR certificate", "trusted root")
    _check_authority(issuer)
    _check_dates(signature, issuer, root, now)
    if PASS_MARKER not in {extension.oid for extension in leaf.extensions}:
        raise CertificateUntrusted("The signing certificate is not made for passes. Use a Pass Type ID certificate.")


def check_owner(leaf: x509.Certificate, content: dict[str, Any]) -> None:
    """Accept the certificate if it names the pass type and the team that pass.json names.

    Raises: CertificateUntrusted.
    """
    owned = (
        ("passTypeIdentifier", NameOID.USER_ID, "user id"),
        ("teamIdentifier", NameOID.ORGANIZATIONAL_UNIT_NAME, "organisational unit"),
    )
    for key, oid, words in owned:
        names = [name.value for name in leaf.subject.get_attributes_for_oid(oid)]
        if names != [content.get(key)]:
            raise CertificateUntrusted(
                f"{key} is {content.get(key)!r}, but the certificate's {words} is {names!r}. "
                "Sign with the certificate of this pass type and team."
            )


def _read(der: bytes, manifest: bytes) -> Signature:
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise SignatureInvalid("The signature is CMS, but not SignedData. Sign manifest.json, do not encrypt it.")
    signed = info["content"]
    if signed["encap_content_info"]["content"].native is not None:
        raise SignatureInvalid("The signature carries the manifest inside. Make it detached.")
    signers = list(signed["signer_infos"])
    if len(signers) != 1:
        raise SignatureInvalid(f"The signature has {len(signers)} signers. A pass has exactly one.")
    bag = _certificates(signed)
    leaf = _find_leaf(signers[0], bag)
    signed_at = _check_attributes(signers[0], manifest)
    _check_signed(signers[0], leaf)
    return Signature(leaf, bag, signed_at)


def _certificates(signed: Any) -> tuple[x509.Certificate, ...]:
    if not signed["certificates"].native:
        return ()
    return tuple(x509.load_der_x509_certificate(choice.chosen.dump()) for choice in signed["certificates"])


def _find_leaf(signer: Any, bag: tuple[x509.Certificate, ...]) -> x509.Certificate:
    sid = signer["sid"]
    if sid.name != "issuer_and_serial_number":
        raise SignatureInvalid("The signer must be named by issuer and serial number.")
    issuer, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
    for certificate in bag:
        if certificate.serial_number == serial and certificate.issuer.public_bytes() == issuer:
            return certificate
    raise SignatureInvalid("The signer's own certificate is not in the signature. Include the pass certificate.")


def _check_attributes(signer: Any, manifest: bytes) -> datetime:
    if signer["digest_algorithm"]["algorithm"].native != "sha256":
        raise SignatureInvalid("The signature's digest is not SHA-256. Sign with SHA-256.")
    attributes = signer["signed_attrs"].native
    if not attributes:
        raise SignatureInvalid("The signature has no signed attributes. Sign with them, so that it carries its time.")
    content_type, digest, signed_at = (
        _single(attributes, kind) for kind in ("content_type", "message_digest", "signing_time")
    )
    if content_type != "data":
        raise SignatureInvalid("The signed content type is not 'data'. Sign manifest.json as plain data.")
    if digest != hashlib.sha256(manifest).digest():
        raise SignatureInvalid(
            "The signature is over other bytes than manifest.json. Sign the file's exact bytes, line ends and all."
        )
    if not isinstance(signed_at, datetime):
        raise SignatureInvalid("The signing time cannot be read. Sign with a UTCTime.")
    return signed_at


def _single(attributes: list[dict[str, Any]], kind: str) -> Any:
    values = [value for attribute in attributes if attribute["type"] == kind for value in attribute["values"]]
    if len(values) != 1:
        words = kind.replace("_", " ")
        raise SignatureInvalid(f"The signature must contain one {words}, not {len(values)}. Sign with attributes.")
    return values[0]


def _check_signed(signer: Any, leaf: x509.Certificate) -> None:
    # RFC 5652 5.4: what is signed is the attributes as a SET OF, not under the [0] tag that they travel with.
    signed = SET_OF + signer["signed_attrs"].dump()[1:]
    value = signer["signature"].native
    key, method = leaf.public_key(), signer["signature_algorithm"].signature_algo
    try:
        if isinstance(key, rsa.RSAPublicKey) and method == "rsassa_pkcs1v15":
            key.verify(value, signed, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and method == "ecdsa":
            key.verify(value, signed, ec.ECDSA(SHA256()))
        else:
            raise SignatureInvalid(f"The signature uses {method}. Sign with RSA PKCS #1 v1.5 or ECDSA.")
    except InvalidSignature as wrong:
        raise SignatureInvalid("The signature was not made with the certificate's key. Sign the pass again.") from wrong


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate, what: str, by: str) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as wrong:
        raise CertificateUntrusted(f"The {what} was not issued by the {by}. Use certificates of one chain.") from wrong


def _check_authority(issuer: x509.Certificate) -> None:
    try:
        allowed = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        allowed = False
    if not allowed:
        raise CertificateUntrusted("The intermediate may not issue certificates. Use the WWDR certificate.")


def _check_dates(signature: Signature, issuer: x509.Certificate, root: x509.Certificate, now: datetime) -> None:
    leaf, signed_at = signature.leaf, signature.signed_at
    if not leaf.not_valid_before_utc <= signed_at <= leaf.not_valid_after_utc:
        raise CertificateUntrusted(
            f"The pass was signed on {signed_at:%Y-%m-%d}, outside of the certificate's life "
            f"({leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}). Renew the certificate."
        )
    if signed_at > now + CLOCK_SKEW:
        raise CertificateUntrusted("The pass was signed in the future. Set the signing machine's clock.")
    for each, what in ((issuer, "WWDR certificate"), (root, "trusted root")):
        if not each.not_valid_before_utc <= now <= each.not_valid_after_utc:
            raise CertificateUntrusted(f"The {what} is not valid today. Replace it with the current one.")
