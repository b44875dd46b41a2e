"""The outer layers of a pass: the zip archive and the manifest of its files."""

import hashlib
import json
import stat
import zipfile
import zlib
from decimal import Decimal
from io import BytesIO
from typing import Any, NoReturn

from wallet_service.sandbox.refusals import ArchiveUnreadable, ContentsAltered, PassNotInstallable

LARGEST = 32 * 1024 * 1024
MOST_FILES = 500
UNLISTED = ("manifest.json", "signature")
REQUIRED = ("pass.json", *UNLISTED)
ENCRYPTED = 0x1


def unpack(pkpass: bytes) -> dict[str, bytes]:
    """Return the files of a pass by their path.

    Raises: ArchiveUnreadable.
    Source: https://developer.apple.com/documentation/walletpasses/building-a-pass
    """
    if not pkpass.startswith(b"PK\x03\x04"):
        raise ArchiveUnreadable("This is not a zip archive. A .pkpass is a zip of the pass's files, sent as it is.")
    try:
        with zipfile.ZipFile(BytesIO(pkpass)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check_entries(entries)
            files = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as broken:
        raise ArchiveUnreadable(f"The zip archive is damaged ({broken}). Build and send the pass again.") from broken
    _check_present(files)
    return files


def check_manifest(files: dict[str, bytes]) -> bytes:
    """Return manifest.json as it was signed, once every other file is listed in it with its own SHA-1.

    Raises: ContentsAltered.
    Source: https://developer.apple.com/documentation/walletpasses/building-a-pass
    """
    manifest = read_object(files["manifest.json"], "manifest.json", ContentsAltered)
    present = files.keys() - set(UNLISTED)
    for name in sorted(present - manifest.keys()):
        raise ContentsAltered(f"{name} is in the pass but not in manifest.json. List every file, or leave it out.")
    for name, digest in manifest.items():
        if name not in present:
            raise ContentsAltered(
                f"manifest.json lists {name}, which is not in the pass. Add the file or its line goes."
            )
        if digest != hashlib.sha1(files[name], usedforsecurity=False).hexdigest():
            raise ContentsAltered(
                f"{name} differs from its SHA-1 in manifest.json. Write the manifest last, as lower-case hex digits."
            )
    return files["manifest.json"]


def read_object(raw: bytes, name: str, refusal: type[PassNotInstallable]) -> dict[str, Any]:
    """Return a JSON object with exact decimals; doubled keys, a byte order mark and NaN are refused.

    Raises: the refusal given.
    """
    try:
        content = json.loads(
            raw.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as broken:
        raise refusal(f"{name} is not JSON in UTF-8 that a phone can read: {broken}.") from broken
    if not isinstance(content, dict):
        raise refusal(f"{name} must hold one JSON object.")
    return content


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if len(names) != len(set(names)):
        raise ArchiveUnreadable("The archive holds a file twice. Each path may appear once.")
    if len(names) > MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST:
        raise ArchiveUnreadable(
            f"The archive unpacks to more than {MOST_FILES} files or {LARGEST >> 20} MB. Make it smaller."
        )
    for entry in entries:
        if entry.flag_bits & ENCRYPTED:
            raise ArchiveUnreadable(f"{entry.filename} is encrypted. Zip the pass without a password.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ArchiveUnreadable(f"{entry.filename} is a symbolic link. Zip the file itself.")
        if entry.filename.startswith("/") or "\\" in entry.filename or ".." in entry.filename.split("/"):
            raise ArchiveUnreadable(f"{entry.filename!r} leads out of the pass. Use plain paths with forward slashes.")


def _check_present(files: dict[str, bytes]) -> None:
    if "pass.json" not in files and any(name.endswith("/pass.json") for name in files):
        raise ArchiveUnreadable("The files sit inside a folder. Zip the contents of the folder, not the folder.")
    for name in REQUIRED:
        if name not in files:
            raise ArchiveUnreadable(f"{name} is missing. A pass needs {', '.join(REQUIRED)} at the top of the archive.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
