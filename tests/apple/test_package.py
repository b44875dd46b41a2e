"""The package is a sound ZIP whose manifest and signature cover exactly its files."""

import hashlib
import io
import json
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from asn1crypto import cms

from wallet_service.apple.identity import Identity
from wallet_service.apple.package import Bundle, SignedPass
from wallet_service.apple.signature import Signer
from wallet_service.domain.errors import PassRefused

FILES = {
    "icon.png": b"\x89PNG icon",
    "icon@2x.png": b"\x89PNG icon twice",
    "de.lproj/pass.strings": '"a" = "ä";'.encode("utf-16"),
    "zh-Hans.lproj/标志.png": b"",
}
PASS_JSON = b'{"formatVersion":1}'


@pytest.fixture(scope="module")
def signer(identity: Identity) -> Signer:
    """A signer."""
    return Signer(identity)


@pytest.fixture(scope="module")
def signed(signer: Signer, now: datetime) -> SignedPass:
    """A package of all the files."""
    return Bundle(FILES).seal(PASS_JSON, signer, now)


def opened(signed: SignedPass) -> zipfile.ZipFile:
    """Open a package by the standard library."""
    return zipfile.ZipFile(io.BytesIO(bytes(signed)))


def test_python_opens_it(signed: SignedPass) -> None:
    """The standard library finds every file whole, stored and under its own name."""
    with opened(signed) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([*FILES, "pass.json", "manifest.json", "signature"])
        assert all(archive.read(name) == data for name, data in FILES.items())
        assert archive.read("pass.json") == PASS_JSON
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}


def test_other_tools_open_it(signed: SignedPass, tmp_path: Path) -> None:
    """The unzip command finds no error and extracts readable files."""
    (tmp_path / "card.pkpass").write_bytes(bytes(signed))
    try:
        subprocess.run(["unzip", "-t", "card.pkpass"], cwd=tmp_path, check=True, capture_output=True)
        subprocess.run(["unzip", "card.pkpass"], cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("this machine has no unzip")
    assert (tmp_path / "pass.json").read_bytes() == PASS_JSON


def test_the_manifest_lists_every_file(signed: SignedPass) -> None:
    """Each file but manifest and signature is listed with its SHA-1, and nothing else is."""
    with opened(signed) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        listed = {name: hashlib.sha1(archive.read(name)).hexdigest() for name in [*FILES, "pass.json"]}
    assert manifest == listed


def test_the_signature_is_over_the_manifest(signed: SignedPass) -> None:
    """The digest that is signed is that of the manifest's bytes in the package."""
    with opened(signed) as archive:
        content = cms.ContentInfo.load(archive.read("signature"))["content"]
        attributes = {
            each["type"].native: each["values"][0].native for each in content["signer_infos"][0]["signed_attrs"]
        }
        assert attributes["message_digest"] == hashlib.sha256(archive.read("manifest.json")).digest()


def test_passes_share_the_static_bytes(signer: Signer, now: datetime) -> None:
    """Two passes of one bundle differ in their tails alone, and share the head as one object."""
    bundle = Bundle(FILES)
    one, other = bundle.seal(PASS_JSON, signer, now), bundle.seal(b"{}", signer, now)
    assert one.head is other.head
    assert one.tail != other.tail
    assert one.size == len(bytes(one)) == bundle.size + len(one.tail)


def test_equal_content_makes_equal_bytes(signer: Signer, now: datetime) -> None:
    """Neither the order of the files nor the time of building leaves a trace."""
    backwards = dict(reversed(FILES.items()))
    assert Bundle(FILES).seal(PASS_JSON, signer, now) == Bundle(backwards).seal(PASS_JSON, signer, now)


def test_a_package_may_have_no_static_files(signer: Signer, now: datetime) -> None:
    """Without images the package still is sound; that phones refuse it is for the lint to say."""
    with opened(Bundle({}).seal(PASS_JSON, signer, now)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json")) == {"pass.json": hashlib.sha1(PASS_JSON).hexdigest()}


@pytest.mark.parametrize(
    "name",
    [
        *("pass.json", "manifest.json", "signature"),
        *(".DS_Store", "en.lproj/.hidden", "__MACOSX/icon.png", "../icon.png", "a/../icon.png", "./icon.png"),
        *("", "/icon.png", "en.lproj/", "en.lproj//logo.png"),
        *("en.lproj\\logo.png", "icon\x00.png", "icon\n.png", "icon\ud800.png"),
    ],
)
def test_a_bad_path_is_refused(name: str) -> None:
    """Hidden files, paths that lead out, and the package's own names are refused."""
    with pytest.raises(PassRefused) as refused:
        Bundle({"icon.png": b"", name: b""})
    assert len(refused.value.faults) == 1
    str(refused.value).encode()
