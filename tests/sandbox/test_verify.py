"""A pass that an iPhone would install opens; each way of spoiling one is refused in words."""

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.chain import Chain, make_chain
from wallet_service.sandbox.verify import (
    ArchiveUnreadable,
    CertificateUntrusted,
    ContentsAltered,
    PassNotInstallable,
    PassUnusable,
    SignatureInvalid,
    open_pass,
)

PASS_TYPE = "pass.sandbox.wallet-service.loyalty"
TEAM = "SANDBOX123"
OPTIONS = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]

Spoil = Callable[[dict[str, Any]], object]


def now() -> datetime:
    """The tests' clock: signatures carry the real time, so they need the real one."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def chain() -> Chain:
    """A chain whose root the phone trusts."""
    return make_chain(now(), pass_type_identifier=PASS_TYPE, team_identifier=TEAM)


def content() -> dict[str, Any]:
    """A whole pass.json."""
    return {
        "formatVersion": 1,
        "passTypeIdentifier": PASS_TYPE,
        "serialNumber": "card-1",
        "teamIdentifier": TEAM,
        "organizationName": "Corner Roasters",
        "description": "Loyalty card",
        "webServiceURL": "https://cards.test/apple",
        "authenticationToken": "0123456789abcdef",
        "backgroundColor": "rgb(20, 30, 60)",
        "barcodes": [{"format": "PKBarcodeFormatQR", "message": "card-1", "messageEncoding": "iso-8859-1"}],
        "storeCard": {
            "headerFields": [{"key": "balance", "label": "POINTS", "value": 1250}],
            "secondaryFields": [{"key": "tier", "label": "TIER", "value": "Gold"}],
            "backFields": [{"key": "spent", "label": "Spent", "value": 12.30, "currencyCode": "EUR"}],
        },
    }


def png() -> bytes:
    """A small image."""
    buffer = io.BytesIO()
    Image.new("RGB", (29, 29), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def files_of(pass_json: dict[str, Any]) -> dict[str, bytes]:
    """The files of a pass before they are listed and signed."""
    return {"pass.json": json.dumps(pass_json).encode(), "icon.png": png(), "icon@2x.png": png()}


def manifest_of(files: dict[str, bytes]) -> bytes:
    """An indented manifest: several lines, so that changed line ends are seen."""
    return json.dumps({name: hashlib.sha1(data).hexdigest() for name, data in files.items()}, indent=1).encode()


def sign(manifest: bytes, chain: Chain, options: list[pkcs7.PKCS7Options] = OPTIONS, *, wwdr: bool = True) -> bytes:
    """A detached signature as the service makes it."""
    certificate = x509.load_pem_x509_certificate(chain.pass_certificate)
    key = serialization.load_pem_private_key(chain.pass_key, None)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(certificate, key, hashes.SHA256())  # type: ignore[arg-type]
    if wwdr:
        builder = builder.add_certificate(x509.load_pem_x509_certificate(chain.wwdr))
    return builder.sign(serialization.Encoding.DER, options)


def pack(files: dict[str, bytes]) -> bytes:
    """The zip archive of the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def build(chain: Chain, pass_json: dict[str, Any] | None = None, **files: bytes) -> bytes:
    """A signed pass."""
    contents = files_of(pass_json or content()) | files
    manifest = manifest_of(contents)
    return pack(contents | {"manifest.json": manifest, "signature": sign(manifest, chain)})


def resign(chain: Chain, signature: Callable[[bytes], bytes]) -> bytes:
    """A pass whose signature is made from the manifest in another way."""
    contents = files_of(content())
    manifest = manifest_of(contents)
    return pack(contents | {"manifest.json": manifest, "signature": signature(manifest)})


def refused(pkpass: bytes, chain: Chain, kind: type[PassNotInstallable], words: str) -> None:
    """Assert that the phone refuses the pass in these words."""
    with pytest.raises(kind, match=words):
        open_pass(pkpass, root_pem=chain.root, now=now())


def test_a_sound_pass_opens(chain: Chain) -> None:
    """A signed pass opens to its content with exact decimals, its files and its signing time."""
    opened = open_pass(build(chain), root_pem=chain.root, now=now())
    assert opened.serial_number == "card-1"
    assert opened.pass_type_identifier == PASS_TYPE
    assert opened.organization == "Corner Roasters"
    assert opened.style == "storeCard"
    assert [field["key"] for _, field in opened.fields()] == ["balance", "tier", "spent"]
    assert str(next(field["value"] for _, field in opened.fields() if field["key"] == "spent")) == "12.3"
    assert opened.files["icon.png"] == png()
    assert abs(opened.signed_at - now()) < timedelta(minutes=1)


def openssl_signature(chain: Chain, folder: Path, manifest: bytes, *options: str) -> bytes:
    """What the openssl command signs."""
    chain.write(folder)
    (folder / "manifest.json").write_bytes(manifest)
    files = ("-signer", "pass_certificate.pem", "-inkey", "pass_key.pem", "-certfile", "wwdr.pem")
    command = ("openssl", "cms", "-sign", "-binary", "-in", "manifest.json", "-outform", "DER", *files, *options)
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def test_a_pass_signed_by_openssl_opens(chain: Chain, tmp_path: Path) -> None:
    """A signature by the openssl command is as good as one by a library."""
    pkpass = resign(chain, lambda manifest: openssl_signature(chain, tmp_path, manifest))
    assert open_pass(pkpass, root_pem=chain.root, now=now()).serial_number == "card-1"


def test_junk_is_refused(chain: Chain) -> None:
    """A web page in the place of a pass is refused."""
    refused(b"<html>Not found</html>", chain, ArchiveUnreadable, "not a zip archive")


def test_a_cut_archive_is_refused(chain: Chain) -> None:
    """Half of a download is refused."""
    pkpass = build(chain)
    refused(pkpass[: len(pkpass) // 2], chain, ArchiveUnreadable, "damaged")


def test_a_wrapping_folder_is_refused(chain: Chain) -> None:
    """A zip of the folder instead of its contents is refused."""
    refused(
        pack({f"card/{name}": data for name, data in files_of(content()).items()}), chain, ArchiveUnreadable, "folder"
    )


@pytest.mark.parametrize("name", ["../pass.json", "/etc/passwd", "a\\b"])
def test_a_path_out_of_the_pass_is_refused(chain: Chain, name: str) -> None:
    """A file whose path leads out of the pass is refused."""
    refused(pack({name: b"x"}), chain, ArchiveUnreadable, "plain paths")


def test_a_symbolic_link_is_refused(chain: Chain) -> None:
    """A link in the archive is refused."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("icon.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "pass.json")
    refused(buffer.getvalue(), chain, ArchiveUnreadable, "symbolic link")


def test_a_huge_archive_is_refused(chain: Chain) -> None:
    """An archive that unpacks to far more than a pass can be is refused before it is unpacked."""
    refused(pack({"pass.json": bytes(33 << 20)}), chain, ArchiveUnreadable, "smaller")


@pytest.mark.parametrize("name", ["pass.json", "manifest.json", "signature"])
def test_a_missing_part_is_refused(chain: Chain, name: str) -> None:
    """A pass needs its content, manifest and signature."""
    parts = {"pass.json": b"{}", "manifest.json": b"{}", "signature": b""}
    del parts[name]
    refused(pack(parts), chain, ArchiveUnreadable, f"{name} is missing")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_doubled_file_is_refused(chain: Chain) -> None:
    """One path twice in the archive is refused."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pass.json", "{}")
        archive.writestr("pass.json", "{}")
    refused(buffer.getvalue(), chain, ArchiveUnreadable, "twice")


def spoiled_files(chain: Chain, spoil: Callable[[dict[str, bytes]], object]) -> bytes:
    """A pass whose files are changed after it was signed."""
    contents = files_of(content())
    manifest = manifest_of(contents)
    contents |= {"manifest.json": manifest, "signature": sign(manifest, chain)}
    spoil(contents)
    return pack(contents)


def test_an_altered_file_is_refused(chain: Chain) -> None:
    """A balance changed after signing is refused."""
    altered = json.dumps(content()).replace("1250", "9999").encode()
    pkpass = spoiled_files(chain, lambda files: files.update({"pass.json": altered}))
    refused(pkpass, chain, ContentsAltered, "pass.json differs")


def test_an_unlisted_file_is_refused(chain: Chain) -> None:
    """A stray .DS_Store is refused."""
    pkpass = spoiled_files(chain, lambda files: files.update({".DS_Store": b""}))
    refused(pkpass, chain, ContentsAltered, "DS_Store is in the pass but not in manifest")


def test_a_listed_file_that_is_missing_is_refused(chain: Chain) -> None:
    """A manifest that lists more than the archive holds is refused."""
    refused(spoiled_files(chain, lambda files: files.pop("icon@2x.png")), chain, ContentsAltered, "lists icon@2x.png")


def test_a_manifest_with_a_byte_order_mark_is_refused(chain: Chain) -> None:
    """A byte order mark before the manifest is refused."""
    pkpass = spoiled_files(
        chain, lambda files: files.update({"manifest.json": b"\xef\xbb\xbf" + files["manifest.json"]})
    )
    refused(pkpass, chain, ContentsAltered, "not JSON")


def test_a_signature_over_another_manifest_is_refused(chain: Chain) -> None:
    """A signature made for other bytes is refused."""
    refused(resign(chain, lambda _: sign(b"{}", chain)), chain, SignatureInvalid, "other bytes")


def test_changed_line_ends_are_refused(chain: Chain) -> None:
    """Signing as text instead of binary turns line ends, and the signature no longer fits."""
    pkpass = resign(chain, lambda manifest: sign(manifest, chain, [pkcs7.PKCS7Options.DetachedSignature]))
    refused(pkpass, chain, SignatureInvalid, "other bytes")


def test_a_missing_signing_time_is_refused(chain: Chain) -> None:
    """A signature without attributes carries no time and is refused."""
    pkpass = resign(chain, lambda manifest: sign(manifest, chain, [*OPTIONS, pkcs7.PKCS7Options.NoAttributes]))
    refused(pkpass, chain, SignatureInvalid, "no signed attributes")


def test_an_attached_signature_is_refused(chain: Chain) -> None:
    """A signature that carries the manifest is refused."""
    pkpass = resign(chain, lambda manifest: sign(manifest, chain, [pkcs7.PKCS7Options.Binary]))
    refused(pkpass, chain, SignatureInvalid, "detached")


def test_a_sha1_signature_is_refused(chain: Chain, tmp_path: Path) -> None:
    """A signature with SHA-1 is refused."""
    pkpass = resign(chain, lambda manifest: openssl_signature(chain, tmp_path, manifest, "-md", "sha1"))
    refused(pkpass, chain, SignatureInvalid, "SHA-256")


def test_a_signer_by_key_id_is_refused(chain: Chain, tmp_path: Path) -> None:
    """A signer that is named by key id instead of issuer and serial number is refused."""
    pkpass = resign(chain, lambda manifest: openssl_signature(chain, tmp_path, manifest, "-keyid"))
    refused(pkpass, chain, SignatureInvalid, "issuer and serial number")


def test_two_signers_are_refused(chain: Chain) -> None:
    """A second signer is refused."""
    certificate = x509.load_pem_x509_certificate(chain.pass_certificate)
    key = serialization.load_pem_private_key(chain.pass_key, None)
    other = x509.load_pem_x509_certificate(chain.push_server_certificate)
    other_key = serialization.load_pem_private_key(chain.push_server_key, None)

    def twice(manifest: bytes) -> bytes:
        builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
        builder = builder.add_signer(certificate, key, hashes.SHA256())  # type: ignore[arg-type]
        builder = builder.add_signer(other, other_key, hashes.SHA256())  # type: ignore[arg-type]
        return builder.sign(serialization.Encoding.DER, OPTIONS)

    refused(resign(chain, twice), chain, SignatureInvalid, "2 signers")


def test_a_signature_without_certificates_is_refused(chain: Chain, tmp_path: Path) -> None:
    """A signature that leaves the pass certificate out is refused."""
    pkpass = resign(chain, lambda manifest: openssl_signature(chain, tmp_path, manifest, "-nocerts"))
    refused(pkpass, chain, SignatureInvalid, "not in the signature|no signed attributes")


def test_a_broken_signature_value_is_refused(chain: Chain) -> None:
    """A signature whose last byte is turned was not made by the key."""
    pkpass = resign(chain, lambda manifest: (der := sign(manifest, chain))[:-1] + bytes([der[-1] ^ 1]))
    refused(pkpass, chain, SignatureInvalid, "certificate's key")


def test_a_pem_signature_is_refused(chain: Chain) -> None:
    """A signature as PEM text is refused."""
    refused(resign(chain, lambda _: b"-----BEGIN PKCS7-----"), chain, SignatureInvalid, "DER")


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_mangled_signature_never_surprises(chain: Chain, data: st.DataObject) -> None:
    """Whatever is done to the signature's bytes, an empty pass is refused, never met with another error."""
    der = bytearray(sign(b"{}", chain))
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    pkpass = pack({"pass.json": b"{}", "manifest.json": b"{}", "signature": bytes(der)})
    with pytest.raises(WalletError):
        open_pass(pkpass, root_pem=chain.root, now=now())


def test_a_missing_intermediate_is_refused(chain: Chain) -> None:
    """A signature without the WWDR certificate is refused."""
    refused(resign(chain, lambda manifest: sign(manifest, chain, wwdr=False)), chain, CertificateUntrusted, "WWDR")


def test_a_foreign_root_is_refused(chain: Chain) -> None:
    """A chain that leads to another root is refused."""
    stranger = make_chain(now(), pass_type_identifier=PASS_TYPE, team_identifier=TEAM)
    refused(build(stranger), chain, CertificateUntrusted, "not issued by the trusted root")


def test_a_wrong_generation_of_intermediate_is_refused(chain: Chain) -> None:
    """An intermediate of the right name that did not issue the certificate is refused."""
    stranger = make_chain(now(), pass_type_identifier=PASS_TYPE, team_identifier=TEAM)
    mixed = replace(chain, wwdr=stranger.wwdr)
    refused(build(mixed), chain, CertificateUntrusted, "pass certificate was not issued by the WWDR")


def test_a_signature_after_the_certificates_end_is_refused() -> None:
    """A signing time outside of the pass certificate's life is refused."""
    old = make_chain(now() - timedelta(days=30), lifetime=timedelta(days=10))
    refused(build(old), old, CertificateUntrusted, "outside of the certificate's life")


def test_a_certificate_that_ended_after_signing_is_accepted() -> None:
    """A pass that was signed in time opens when its certificate has ended."""
    chain = make_chain(now(), lifetime=timedelta(days=2))
    later = now() + timedelta(days=100)
    assert open_pass(build(chain), root_pem=chain.root, now=later).serial_number == "card-1"


def test_an_expired_intermediate_is_refused(chain: Chain) -> None:
    """An intermediate that ended makes every pass under it uninstallable."""
    with pytest.raises(CertificateUntrusted, match="WWDR certificate is not valid today"):
        open_pass(build(chain), root_pem=chain.root, now=now() + timedelta(days=3651))


def test_a_signature_from_the_future_is_refused(chain: Chain) -> None:
    """A signing clock that is ahead by more than minutes is refused."""
    with pytest.raises(CertificateUntrusted, match="future"):
        open_pass(build(chain), root_pem=chain.root, now=now() - timedelta(hours=1))


@pytest.mark.parametrize(("key", "value"), [("passTypeIdentifier", "pass.other"), ("teamIdentifier", "OTHERTEAM1")])
def test_another_owner_is_refused(chain: Chain, key: str, value: str) -> None:
    """A pass type or team that the certificate does not name is refused."""
    refused(build(chain, content() | {key: value}), chain, CertificateUntrusted, f"{key} is '{value}'")


def elliptic_chain(chain: Chain, *, authority: bool = True, marker: bool = True) -> Chain:
    """A chain with elliptic keys whose intermediate may lack the right to issue, and whose leaf may lack the marker."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    leaf_name = x509.load_pem_x509_certificate(chain.pass_certificate).subject
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("root", "wwdr")] + [leaf_name]
    pems = []
    for index, (name, key, ca) in enumerate(zip(names, keys, (True, authority, False), strict=True)):
        above = max(index - 1, 0)
        builder = (
            x509.CertificateBuilder(names[above], name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now() - timedelta(days=1))
            .not_valid_after(now() + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if index == 2 and marker:
            oid = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, b"\x05\x00"), critical=False)
        pems.append(builder.sign(keys[above], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pkcs8 = serialization.PrivateFormat.PKCS8
    key_pem = keys[2].private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    return replace(chain, root=pems[0], wwdr=pems[1], pass_certificate=pems[2], pass_key=key_pem)


def test_elliptic_keys_are_accepted(chain: Chain) -> None:
    """A chain of elliptic keys is as good as one of RSA keys."""
    elliptic = elliptic_chain(chain)
    assert open_pass(build(elliptic), root_pem=elliptic.root, now=now()).serial_number == "card-1"


def test_a_certificate_of_another_kind_is_refused(chain: Chain) -> None:
    """A leaf of the chain without the marker of pass certificates is refused."""
    other = elliptic_chain(chain, marker=False)
    refused(build(other), other, CertificateUntrusted, "not made for passes")


def test_an_intermediate_that_may_not_issue_is_refused(chain: Chain) -> None:
    """A certificate that is no authority cannot stand in for WWDR."""
    other = elliptic_chain(chain, authority=False)
    refused(build(other), other, CertificateUntrusted, "may not issue")


def test_a_missing_icon_is_refused(chain: Chain) -> None:
    """A pass without icon.png is refused."""
    contents = files_of(content())
    del contents["icon.png"]
    manifest = manifest_of(contents)
    pkpass = pack(contents | {"manifest.json": manifest, "signature": sign(manifest, chain)})
    refused(pkpass, chain, PassUnusable, "icon.png is missing")


def test_a_jpeg_by_the_name_of_a_png_is_refused(chain: Chain) -> None:
    """An image that is not a PNG is refused."""
    refused(build(chain, None, **{"logo.png": b"\xff\xd8\xff"}), chain, PassUnusable, "logo.png is not a PNG")


def both_styles(card: dict[str, Any]) -> None:
    """A pass of two styles."""
    card["coupon"] = {}


def poster_only(card: dict[str, Any]) -> None:
    """A pass of the newest style alone, which no phone before iOS 27 opens."""
    card["posterGeneric"] = card.pop("storeCard")


SPOILS: list[tuple[Spoil, str]] = [
    (lambda card: card.update(formatVersion=2), "formatVersion"),
    (lambda card: card.pop("description"), "description is missing"),
    (lambda card: card.update(serialNumber=7), "serialNumber is missing"),
    (both_styles, "2 styles"),
    (poster_only, "0 styles"),
    (lambda card: card["storeCard"].update(backFields={}), "backFields must be a list"),
    (lambda card: card["storeCard"]["backFields"][0].pop("key"), "no key"),
    (lambda card: card["storeCard"]["backFields"][0].update(key="tier"), "More than one field has the key 'tier'"),
    (lambda card: card["storeCard"]["backFields"][0].pop("value"), "value of field 'spent'"),
    (lambda card: card["storeCard"]["backFields"][0].update(value=True), "value of field 'spent'"),
    (lambda card: card["storeCard"]["backFields"][0].update(label=1), "label of field 'spent'"),
    (
        lambda card: card["storeCard"]["backFields"][0].update(value="soon", dateStyle="PKDateStyleShort"),
        "Unable to parse",
    ),
    (lambda card: card.update(backgroundColor="rgb(20-30-60)"), "backgroundColor"),
    (lambda card: card.update(expirationDate="2026-05-31T18:00:00+0000"), "Unable to parse expirationDate"),
    (lambda card: card.update(expirationDate="2026-02-30T18:00:00Z"), "Unable to parse expirationDate"),
    (lambda card: card.pop("authenticationToken"), "authenticationToken"),
    (lambda card: card.update(authenticationToken="short"), "16 characters"),
    (lambda card: card.pop("webServiceURL"), "webServiceURL"),
    (lambda card: card.update(webServiceURL="ftp://cards.test"), "webServiceURL"),
    (lambda card: card.update(barcodes=[{"format": "PKBarcodeFormatQR", "message": "x"}]), "messageEncoding"),
    (lambda card: card.update(barcodes={}), "barcodes must be"),
    (lambda card: card.update(nfc={"message": "x"}), "NFC pass certificate"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILS)
def test_a_pass_json_that_no_phone_shows_is_refused(chain: Chain, spoil: Spoil, words: str) -> None:
    """Each rule of pass.json is kept, and its refusal says which."""
    card = content()
    spoil(card)
    refused(build(chain, card), chain, PassUnusable, words)


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"[]", "one JSON object"), (b'{"a":1,"a":2}', "twice"), (b'{"a":NaN}', "NaN"), (b"\xff", "UTF-8")],
)
def test_a_pass_json_that_is_no_json_is_refused(chain: Chain, raw: bytes, words: str) -> None:
    """pass.json that a strict reader cannot read is refused."""
    refused(build(chain, None, **{"pass.json": raw}), chain, PassUnusable, words)


def test_an_nfc_pass_opens_with_the_certificate_for_it() -> None:
    """An nfc part is fine under a certificate that may sign it."""
    chain = make_chain(now(), nfc=True)
    card = content() | {"nfc": {"message": "x", "encryptionPublicKey": "x"}}
    assert open_pass(build(chain, card), root_pem=chain.root, now=now()).content["nfc"]
