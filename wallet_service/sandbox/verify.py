"""Opens a pass as strictly as an iPhone does, and says why not where an iPhone stays silent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from wallet_service.sandbox.bundle import check_manifest, read_object, unpack
from wallet_service.sandbox.contents import check_content, fields_of, style_of
from wallet_service.sandbox.refusals import (
    ArchiveUnreadable,
    CertificateUntrusted,
    ContentsAltered,
    PassNotInstallable,
    PassUnusable,
    SignatureInvalid,
)
from wallet_service.sandbox.signature import check_owner, check_trust, read_signature

__all__ = [
    "ArchiveUnreadable",
    "CertificateUntrusted",
    "ContentsAltered",
    "OpenedPass",
    "PassNotInstallable",
    "PassUnusable",
    "SignatureInvalid",
    "open_pass",
]

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class OpenedPass:
    """A verified pass: pass.json with exact decimals, every file by its path, and when it was signed."""

    content: dict[str, Any]
    files: dict[str, bytes]
    signed_at: datetime

    @property
    def serial_number(self) -> str:
        """The card's number; with the pass type it is the card's identity."""
        return str(self.content["serialNumber"])

    @property
    def pass_type_identifier(self) -> str:
        """The topic of its pushes and the programme that it belongs to."""
        return str(self.content["passTypeIdentifier"])

    @property
    def organization(self) -> str:
        """The name above its notifications."""
        return str(self.content["organizationName"])

    @property
    def style(self) -> str:
        """The classic style, such as "storeCard"."""
        return style_of(self.content)

    def fields(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (slot, field) in the order of the card."""
        return fields_of(self.content)


def open_pass(pkpass: bytes, *, root_pem: bytes, now: datetime) -> OpenedPass:
    """Return what is inside a .pkpass that a phone would install, trusting `root_pem` in the place of Apple's root.

    Raises: ArchiveUnreadable, ContentsAltered, SignatureInvalid, CertificateUntrusted, PassUnusable
    (each a PassNotInstallable).
    Source: https://developer.apple.com/documentation/walletpasses/building-a-pass
    """
    files = unpack(pkpass)
    manifest = check_manifest(files)
    signature = read_signature(files["signature"], manifest)
    check_trust(signature, root_pem, now)
    content = read_object(files["pass.json"], "pass.json", PassUnusable)
    check_content(content)
    check_owner(signature.leaf, content)
    _check_enhanced(signature.leaf, content, files)
    _check_images(files)
    return OpenedPass(content, files, signature.signed_at)


def _check_enhanced(leaf: x509.Certificate, content: dict[str, Any], files: dict[str, bytes]) -> None:
    if "nfc" not in content and "personalization.json" not in files:
        return
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not any("with NFC" in str(name.value) for name in names):
        raise PassUnusable(
            "A pass with an nfc part or personalization.json must be signed with an NFC pass certificate. "
            "Leave them out, or ask Apple for that certificate."
        )


def _check_images(files: dict[str, bytes]) -> None:
    if "icon.png" not in files:
        raise PassUnusable("icon.png is missing. No phone opens a pass without an icon.")
    for name, data in files.items():
        if name.endswith(".png") and not data.startswith(PNG):
            raise PassUnusable(f"{name} is not a PNG image. Save it as PNG.")
